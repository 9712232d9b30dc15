"""`jpegtrace study`, end to end, as small as it goes."""

import csv
import json
import re
import subprocess
import sys

import pytest
import torch

import jpegtrace
from jpegtrace import cli, cli_study
from jpegtrace.errors import CorruptInput, ResourceError, UsageError
from jpegtrace_training.study import experiment
from jpegtrace_training.study.cells import Cell, Key, Store
from jpegtrace_training.study.conditions import EXPERIMENTS
from jpegtrace_training.study.networks.registry import ARCHITECTURES
from jpegtrace_training.study.tasks.registry import TASKS

SMOKE = ("--smoke", "--patch", "32", "--audit", "0", "--quiet")


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process; exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "study", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, " ".join(err.split())

    return call


def rows_of(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def figures(folder):
    """All that was measured, without times."""
    times = ("core_seconds",)
    return [
        {name: value for name, value in row.items() if name not in times}
        for path in sorted(folder.glob("*.csv"))
        for row in rows_of(path)
    ]


def test_a_folder_of_labelled_pictures_from_command_to_page(run, labelled, tmp_path):
    out = tmp_path / "out"
    asked = ("--experiment", "grid,quality", "--only", "aligned,random", "--only", "none,50,augmented")
    code, told, err = run(labelled, "-o", out, "--smoke", "--patch", 32, "--audit", 8, *asked)
    assert code == 0
    assert "grid, small: Does it learn where the JPEG grid lies?" in told
    assert "12 of 12: quality, small, trained on augmented, seed 1" in err
    grid, quality = rows_of(out / "grid.csv"), rows_of(out / "quality.csv")
    assert [(row["trained"], row["tested"]) for row in grid] == [
        (trained, tested) for trained in ("aligned", "random", "augmented") for tested in ("aligned", "random")
    ]
    assert len(quality) == 3 * 7
    assert {row["seeds"] for row in [*grid, *quality]} == {"2"}
    page = (out / "study.html").read_text(encoding="utf-8")
    for answer in re.findall(r"\n  (.*)", told):
        assert answer in page
    assert "Asked of 8 pictures." in page
    assert page.count("<svg") == 2
    assert "<script" not in page
    assert (out / "grid_small.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (out / "audit" / "audit.csv").exists()


@pytest.mark.parametrize("task", ["generated", "pipelines", "colours"])
def test_tasks_that_make_their_labels(run, scenes, tmp_path, monkeypatch, task):
    if task == "pipelines":
        pytest.importorskip("cv2")
    monkeypatch.setattr("jpegtrace_training.study.tasks.colours.SIDE", 80)
    code, told, _ = run(scenes, "-o", tmp_path / "out", "--task", task, *SMOKE, "--no-augmented")
    assert code == 0
    assert told.startswith("grid, small: ")
    assert {row["trained"] for row in rows_of(tmp_path / "out" / "grid.csv")} == {"aligned", "random"}


class TestGoingOn:
    OPTIONS = (*SMOKE, "--no-augmented")

    def test_stopped_and_continued_it_gives_the_same_matrix(self, run, labelled, tmp_path, monkeypatch):
        assert run(labelled, "-o", tmp_path / "whole", *self.OPTIONS)[0] == 0
        before, begun = experiment._cell, []

        def stopped(key, *others):
            begun.append(key)
            if len(begun) == 3:
                raise KeyboardInterrupt
            return before(key, *others)

        monkeypatch.setattr(experiment, "_cell", stopped)
        assert run(labelled, "-o", tmp_path / "parts", *self.OPTIONS)[0] == 130
        assert len(list((tmp_path / "parts/cells").glob("*.json"))) == 2
        assert run(labelled, "-o", tmp_path / "parts", *self.OPTIONS)[0] == 0
        assert len(begun) == 3 + 2  # the third again, and the fourth
        assert figures(tmp_path / "parts") == figures(tmp_path / "whole")

    def test_seeds_and_experiments_are_added(self, run, labelled, tmp_path):
        out = tmp_path / "out"
        run(labelled, "-o", out, *self.OPTIONS, "--only", "random")
        assert run(labelled, "-o", out, *self.OPTIONS)[0] == 0
        assert len(rows_of(out / "grid.csv")) == 4

    def test_version_and_sides_are_written_down(self, run, labelled, tmp_path, monkeypatch):
        out = tmp_path / "out"
        options = (*self.OPTIONS, "--only", "random")
        run(labelled, "-o", out, *options)
        stored = json.loads((out / "study.json").read_text(encoding="utf-8"))
        assert stored["jpegtrace"] == jpegtrace.__version__
        assert list(stored["splits"]) == ["0", "1"]
        for sides in stored["splits"].values():
            assert sorted(source for side in sides.values() for source in side) == sorted(
                path.relative_to(labelled).as_posix() for path in labelled.rglob("*.png")
            )
            assert [len(sides[side]) for side in ("training", "validation", "test")] == [8, 2, 2]
        monkeypatch.setattr("jpegtrace_training.study.run.__version__", "99")
        code, _, err = run(labelled, "-o", out, *options)
        assert code == 2
        assert f"holds a study with jpegtrace '{jpegtrace.__version__}', not '99'" in err

    def test_sides_of_more_seeds_are_added_and_none_is_changed(self, tmp_path):
        def sides(*test):
            return {"training": ["a"], "validation": ["b"], "test": list(test)}

        def stored():
            return json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))["splits"]

        Store(tmp_path, {"a": 1}, {0: sides("c"), 1: sides("d")})
        Store(tmp_path, {"a": 1}, {0: sides("c"), 2: sides("e")})
        assert stored() == {"0": sides("c"), "1": sides("d"), "2": sides("e")}
        with pytest.raises(UsageError, match="holds a study with other sides of seed 1: continue it"):
            Store(tmp_path, {"a": 1}, {1: sides("e")})
        (tmp_path / "study.json").write_text('{"a": 1, "splits": []}', encoding="utf-8")
        with pytest.raises(CorruptInput, match="the file is damaged"):
            Store(tmp_path, {"a": 1}, {0: sides("c")})

    def test_other_settings_are_refused_until_asked_to_forget(self, run, labelled, tmp_path):
        out = tmp_path / "out"
        run(labelled, "-o", out, *self.OPTIONS, "--only", "random")
        code, told, err = run(labelled, "-o", out, *self.OPTIONS, "--only", "random", "--patch", "40")
        assert (code, told) == (2, "")
        assert "holds a study with patch 32, not 40: continue it as it was, take another folder, or --fresh" in err
        assert run(labelled, "-o", out, *self.OPTIONS, "--only", "random", "--patch", "40", "--fresh")[0] == 0

    def test_a_damaged_cell_is_named(self, tmp_path):
        store = Store(tmp_path, {"a": 1})
        cell = Cell(Key("grid", "small", "random", 0), {"random": (0.5, 1.0)}, 3, 2, False, 9, 1.5, 1.0)
        store.keep(cell)
        assert store.find(cell.key) == cell
        assert cell.accuracy("random") == 0.75
        for text in ("{", "[]", "{}", json.dumps({"key": {}, "tests": {}})):
            (tmp_path / "cells" / cell.key.name).write_text(text, encoding="utf-8")
            with pytest.raises(CorruptInput, match="the file is damaged; delete it"):
                store.find(cell.key)
        with pytest.raises(UsageError, match="holds a study with a 1, not 2"):
            Store(tmp_path, {"a": 2})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--task", "cats"], "there is no task 'cats'"),
        (["--experiment", "size"], "there is no experiment 'size'"),
        (["--networks", "small,vgg"], "there is no network 'vgg'"),
        (["--seeds", "0"], "at least one seed, not 0"),
        (["--patch", "33"], "a multiple of 8 from 32 on, not 33"),
        (["--patch", "24"], "a multiple of 8 from 32 on, not 24"),
        (["--only", "sometimes"], "there is no training condition 'sometimes'"),
        (["--weights", "small"], "--weights takes NAME=FILE, not 'small'"),
        (["--weights", "small=nothing.pt"], "there are no weights nothing.pt"),
        (["--weights", "resnet50=nothing.pt"], "weights for resnet50, which is not among the networks"),
        (["--epochs", "0"], "epochs must be at least 1, not 0"),
        (["--rate", "0"], "the rate must be positive"),
        (["--device", "abacus"], "there is no device 'abacus'"),
        (["--task", "pipelines", "--labels", "a,b"], "--labels and --sources are for the task folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_leaves_with_2_and_says_why(run, labelled, tmp_path, options, told):
    code, out, err = run(labelled, "-o", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert told in err
    assert not (tmp_path / "out").exists()


def test_what_a_trial_takes_instead_of_what_was_asked_is_told(run, labelled, tmp_path):
    options = ("--smoke", "--patch", "32", "--audit", "0", "--only", "random")
    code, _, err = run(labelled, "-o", tmp_path / "out", *options, "--seeds", 7, "--batch", 8, "--rate", 0.01)
    assert code == 0
    assert (
        "--smoke takes --seeds 2 instead of 7, --rate 0.001 instead of 0.01, --patience 1 instead of 10, "
        "--epochs 2 instead of 500, --test-patches 1 instead of 4" in err
    )


def test_help_names_what_the_registries_hold():
    """Otherwise run scripts/update_docs.py where PyTorch is installed."""
    assert cli_study.known("tasks") == ", ".join(TASKS)
    assert cli_study.known("experiments") == ", ".join(EXPERIMENTS)
    assert cli_study.known("networks") == ", ".join(ARCHITECTURES)


def test_help_is_had_without_the_extra():
    code = "import sys; from jpegtrace.cli import main; sys.argv = ['jpegtrace', 'study', '--help']; main()"
    blocked = "import sys; sys.modules['torch'] = sys.modules['jpegtrace_training'] = None; " + code
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    for names in (TASKS, EXPERIMENTS, ARCHITECTURES):
        assert ", ".join(names) in told


def test_a_damaged_list_of_names_is_told(monkeypatch):
    monkeypatch.setattr(cli_study, "NAMES", "none.toml")
    cli_study.known.cache_clear()
    with pytest.raises(ResourceError, match=r"none\.toml is damaged"):
        cli_study.known("tasks")


def test_the_output_must_be_a_folder(run, labelled, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, err = run(labelled, "-o", tmp_path / "file", *SMOKE)
    assert (code, "is a file; cells, tables and page go into a folder" in err) == (2, True)


def test_weights_that_the_user_has(run, labelled, tmp_path):
    from jpegtrace_training.study.networks.registry import find

    torch.save(find("small").make(10).state_dict(), tmp_path / "small.pt")
    options = (*SMOKE, "--only", "random", "--weights", f"small={tmp_path / 'small.pt'}")
    assert run(labelled, "-o", tmp_path / "out", *options)[0] == 0
    settings = json.loads((tmp_path / "out/study.json").read_text(encoding="utf-8"))
    assert list(settings["weights"]) == ["small"]


@pytest.mark.parametrize("missing", ["torch", "onnx"])
def test_without_the_extra_the_command_that_installs_it_is_told(missing, tmp_path):
    code = f"import sys; sys.modules['{missing}'] = None; from jpegtrace.cli import main; main()"
    command = [sys.executable, "-c", code, "study", ".", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert " ".join(done.stderr.split()) == (
        "Error: a study needs an optional part; install it with: pip install 'jpegtrace[train]'"
    )
