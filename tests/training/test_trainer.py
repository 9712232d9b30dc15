"""A run that was killed and continued ends as one that was not; what cannot be continued is refused in a sentence."""

import csv
import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from jpegtrace.errors import CorruptInput, JpegtraceError, UsageError  # noqa: E402
from jpegtrace_training.loading import Batches  # noqa: E402
from jpegtrace_training.pictures import is_held_out  # noqa: E402
from jpegtrace_training.recipes import find  # noqa: E402
from jpegtrace_training.trainer import Machine, Settings, rate_at, train  # noqa: E402
from support import tiny_training as tiny  # noqa: E402
from support.pictures import scene  # noqa: E402

TESTS = Path(__file__).parents[1]
QUIET = Machine(quiet=True, check_every=3, checks=2, save_every=0)
SPEED = "samples_per_second"
PATIENCE = 300.0
LAUNCHES = 3
TORN_DOWN = "terminate called without an active exception"  # PyTorch's own threads, now and then, when a process ends


class Crash(Exception):
    """The machine went down."""


def crashing(recipe, step):
    """The recipe, on a machine that goes down before this step."""
    left = iter(range(step))

    def draw(pictures, count, rng, side):
        if len(pictures) == len(tiny.pictures().training) and next(left, None) is None:
            raise Crash
        return recipe.draw(pictures, count, rng, side)

    return replace(recipe, draw=draw)


def run(folder, steps=12, recipe=None, machine=QUIET, **changes):
    return train(recipe or tiny.recipe(), tiny.pictures(), folder, tiny.settings(steps, **changes), machine)


def crash(folder, step, steps=12, recipe=None, machine=QUIET, **changes):
    with pytest.raises(Crash):
        run(folder, steps, crashing(recipe or tiny.recipe(), step), machine, **changes)


def loaded(folder, name="last.pt"):
    return torch.load(folder / name, weights_only=True)


def rows(folder):
    """``metrics.csv`` but for how fast it went."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        return [{name: value for name, value in row.items() if name != SPEED} for row in csv.DictReader(stream)]


def same(one, other):
    """Bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def assert_same_runs(one, other):
    for name in ("last.pt", "best.pt"):
        assert same(loaded(one, name), loaded(other, name)), name
    assert rows(one) == rows(other)


class TestTogether:
    """The comparison itself, and what it compares."""

    def test_another_seed_is_another_run(self, tmp_path):
        for seed in (0, 1):
            run(tmp_path / str(seed), seed=seed)
        one, other = (loaded(tmp_path / str(seed)) for seed in (0, 1))
        assert not same(one["model"], other["model"])
        assert same(one["model"], one["model"])

    def test_what_a_run_leaves(self, tmp_path):
        found = run(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
            "best.pt", "last.pt", "metrics.csv",
        ]  # fmt: skip
        assert (found.folder, found.step, found.samples, found.finished) == (tmp_path, 12, 48, True)
        last = loaded(tmp_path)
        assert last["optimiser"]["state"][0]["step"] == 12
        assert {"norm.running_mean", "norm.num_batches_tracked"} < set(last["model"])
        assert (last["recipe"], last["step"], last["samples"], last["data"]) == ("tiny", 12, 48, "made pictures")
        assert last["settings"] == dataclasses.asdict(tiny.settings(12))
        assert [row["step"] for row in rows(tmp_path)] == ["3", "6", "9", "12"]
        assert list(rows(tmp_path)[0]) == [
            "step", "samples", "rate", "loss", "error", "held_out_error", "held_out_right",
        ]  # fmt: skip

    def test_the_last_step_is_a_line_too(self, tmp_path):
        run(tmp_path, steps=7)
        assert [row["step"] for row in rows(tmp_path)] == ["3", "6", "7"]

    def test_about_forty_lines_where_nothing_is_said(self, tmp_path):
        run(tmp_path, steps=90, machine=Machine(quiet=True, checks=1))
        assert len(rows(tmp_path)) == 45

    @pytest.mark.parametrize("seed", [0, 1])
    def test_dropout_depends_on_seed_and_step(self, tmp_path, seed):
        """A CPU's generator looks at the low 32 bits of its seed."""
        masks = []

        def loss(model, batch):
            masks.append(torch.nn.functional.dropout(torch.ones(64)))
            return tiny.loss(model, batch)

        run(tmp_path / "a", steps=2, recipe=tiny.recipe(loss=loss), seed=seed)
        run(tmp_path / "b", steps=2, recipe=tiny.recipe(loss=loss), seed=seed + 1)
        assert not any(same(one, other) for index, one in enumerate(masks) for other in masks[:index])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder)
    return folder


class TestContinued:
    # 4 and 5 lie between two lines of the log, 6 on one.
    @pytest.mark.parametrize("step", [1, 4, 5, 6, 11])
    def test_at_any_step(self, tmp_path, whole, step):
        crash(tmp_path, step)
        assert loaded(tmp_path)["step"] == step
        assert run(tmp_path).finished
        assert_same_runs(tmp_path, whole)

    def test_again_and_again(self, tmp_path, whole):
        for _ in range(3):
            crash(tmp_path, 3)
        run(tmp_path)
        assert_same_runs(tmp_path, whole)

    def test_before_the_first_checkpoint(self, tmp_path, whole):
        crash(tmp_path, 7, machine=replace(QUIET, save_every=3600))
        assert not (tmp_path / "last.pt").exists()
        run(tmp_path)
        assert_same_runs(tmp_path, whole)

    def test_a_finished_run_stays_as_it_is(self, tmp_path, whole):
        run(tmp_path)
        again = run(tmp_path, recipe=crashing(tiny.recipe(), 0))
        assert again.finished
        assert again.figures == loaded(tmp_path)["best"]
        assert_same_runs(tmp_path, whole)

    def test_lines_after_the_checkpoint_are_made_anew(self, tmp_path, whole):
        crash(tmp_path, 4)
        early = (tmp_path / "last.pt").read_bytes()
        crash(tmp_path, 7)
        metrics = tmp_path / "metrics.csv"
        lines = metrics.read_text().splitlines()
        assert [line.split(",")[0] for line in lines] == ["step", "3", "6", "9"]
        metrics.write_text("\n".join([*lines[:2], lines[2].replace("6,24,", "6,9999,"), lines[3]]) + "\n")
        (tmp_path / "last.pt").write_bytes(early)
        crash(tmp_path, 3)
        assert [row["step"] for row in rows(tmp_path)] == ["3", "6"]
        run(tmp_path)
        assert_same_runs(tmp_path, whole)

    def test_a_checkpoint_without_the_sums_of_a_line(self, tmp_path, whole):
        """As earlier versions wrote it: only the next line differs."""
        crash(tmp_path, 4)
        state = loaded(tmp_path)
        for name in ("sums", "summed"):
            del state[name]
        torch.save(state, tmp_path / "last.pt")
        run(tmp_path)
        assert same(loaded(tmp_path)["model"], loaded(whole)["model"])
        found, wanted = rows(tmp_path), rows(whole)
        assert found[1]["loss"] != wanted[1]["loss"]
        for lines in (found, wanted):
            del lines[1]["loss"], lines[1]["error"]
        assert found == wanted

    def test_workers_make_the_same_run(self, tmp_path, whole):
        run(tmp_path, machine=replace(QUIET, workers=1))
        assert_same_runs(tmp_path, whole)

    def test_no_checkpoint_is_ever_half_written(self, tmp_path, monkeypatch):
        crash(tmp_path, 4)
        before = (tmp_path / "last.pt").read_bytes()

        def cut(state, stream):
            stream.write(b"PK")
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(torch, "save", cut)
            with pytest.raises(Crash):
                run(tmp_path)
        assert (tmp_path / "last.pt").read_bytes() == before
        run(tmp_path)
        assert loaded(tmp_path)["step"] == 12


class TestBegun:
    """A run that begins with the weights of another."""

    def begun(self, folder, begin, steps=6, **changes):
        return train(tiny.recipe(), tiny.pictures(), folder, tiny.settings(steps, **changes), QUIET, begin)

    def test_it_has_them_and_counts_their_samples(self, tmp_path, whole):
        found = self.begun(tmp_path, whole / "last.pt", seed=4, rate=1e-12)
        earlier, last = loaded(whole), loaded(tmp_path)
        assert found.samples == last["samples"] == earlier["samples"] + 24
        assert (last["before"], last["step"], last["seeds"]) == (earlier["samples"], 6, [3, 4])
        for name in ("filters.weight", "last.weight"):
            torch.testing.assert_close(last["model"][name], earlier["model"][name])
        assert last["optimiser"]["state"][0]["step"] == 6
        assert rows(tmp_path)[0]["samples"] == str(earlier["samples"] + 12)

    def test_continued_it_is_the_same(self, tmp_path, whole):
        self.begun(tmp_path / "one", whole / "last.pt", seed=4)
        with pytest.raises(Crash):
            train(crashing(tiny.recipe(), 4), tiny.pictures(), tmp_path / "two", tiny.settings(6, seed=4), QUIET,
                  whole / "last.pt")  # fmt: skip
        self.begun(tmp_path / "two", None, seed=4)
        assert_same_runs(tmp_path / "one", tmp_path / "two")

    def test_weights_of_another_recipe_are_refused(self, tmp_path, whole):
        other = loaded(whole) | {"recipe": "other"}
        torch.save(other, tmp_path / "other.pt")
        with pytest.raises(UsageError, match=r"holds weights of other, not of tiny$"):
            self.begun(tmp_path / "run", tmp_path / "other.pt")

    def test_weights_of_a_recipe_akin_to_it_are_taken_and_remembered(self, tmp_path, whole):
        torch.save(loaded(whole) | {"recipe": "elder"}, tmp_path / "elder.pt")
        akin = replace(tiny.recipe(), akin=("elder",))
        train(akin, tiny.pictures(), tmp_path / "run", tiny.settings(6, seed=4, rate=1e-12), QUIET,
              tmp_path / "elder.pt")  # fmt: skip
        last = loaded(tmp_path / "run")
        torch.testing.assert_close(last["model"]["last.weight"], loaded(whole)["model"]["last.weight"])
        assert (last["recipe"], last["ancestors"]) == ("tiny", ["elder"])
        found = self.begun(tmp_path / "again", tmp_path / "run" / "last.pt", seed=5)
        assert found.samples == loaded(whole)["samples"] + 2 * 24
        assert loaded(tmp_path / "again")["ancestors"] == ["elder"]

    def test_a_checkpoint_that_is_not_there(self, tmp_path):
        with pytest.raises(UsageError, match="there is no checkpoint"):
            self.begun(tmp_path / "run", tmp_path / "nothing.pt")


def launched(arguments, **options):
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment, stdout=pipe, stderr=pipe,
                            text=True, **options)  # fmt: skip


def tiny_run(folder, **options):
    return ["-m", "support.tiny_training", folder, json.dumps(options)]


def wait_for_lines(folder, lines, process):
    """Until the log has so many lines, and a checkpoint is there."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"it ended before: {process.communicate()}")
        if (folder / "metrics.csv").exists() and (folder / "last.pt").exists() and len(rows(folder)) >= lines:
            return
        time.sleep(0.005)
    process.kill()
    pytest.fail("it never came so far")


def finish(process):
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return out


def kill(folder, arguments, lines):
    """Start, and kill -9 once there are so many lines; steps of the checkpoint that it left.

    The last line may be one step ahead of the checkpoint.
    """
    with launched(arguments) as process:
        wait_for_lines(folder, lines, process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    return loaded(folder)["step"]


@pytest.fixture
def picture_folder(tmp_path):
    """Two pictures to train on and one that is held out."""
    names = [f"{number}.png" for number in range(60)]
    chosen = [*[n for n in names if not is_held_out(n)][:2], next(n for n in names if is_held_out(n))]
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, name in enumerate(chosen):
        Image.fromarray(scene(112, 128, seed)).save(folder / name)
    return folder


class TestKilled:
    def test_a_run_that_was_killed_ends_as_one_that_was_not(self, tmp_path):
        steps, machine = 26, {"check_every": 3, "checks": 1, "save_every": 0}
        halves, whole = tmp_path / "halves", tmp_path / "whole"
        arguments = tiny_run(halves, steps=steps, pause=0.03, machine=machine)
        assert 5 <= kill(halves, arguments, lines=2) < steps
        with launched(arguments) as continued, launched(tiny_run(whole, steps=steps, machine=machine)) as straight:
            assert json.loads(finish(continued)) == json.loads(finish(straight))
        assert len(rows(whole)) == 9
        assert_same_runs(halves, whole)

    def test_so_does_the_command(self, tmp_path, picture_folder):
        def arguments(folder):
            options = "--side 16 --batch 2 --samples 80 --check-every 4 --checks 1 --save-every 0 --threads 1 --quiet"
            train = ["-m", "jpegtrace", "train", "qf-pixel", "--pictures", picture_folder, "--run", folder]
            return [*train, "--device", "cpu", *options.split()]

        halves, whole = tmp_path / "halves", tmp_path / "whole"
        assert 7 <= kill(halves, arguments(halves), lines=2) < 40
        with launched(arguments(halves)) as process:
            told = finish(process)
        assert told.startswith("qf-pixel: 80 samples seen, best on held-out samples: loss ")
        with launched(arguments(whole)) as process:
            assert finish(process) == told
        assert_same_runs(halves, whole)

    @pytest.mark.parametrize(
        ("number", "to_all", "workers"),
        [(signal.SIGTERM, False, 0), (signal.SIGINT, False, 0), (signal.SIGINT, True, 1)],
        ids=["SIGTERM", "SIGINT", "Ctrl-C reaches workers too"],
    )
    def test_asked_to_stop_it_leaves_in_order(self, tmp_path, number, to_all, workers):
        machine = {"check_every": 2, "checks": 1, "workers": workers, "save_every": 0}
        folder = tmp_path / "run"
        with launched(tiny_run(folder, steps=10_000, pause=0.2, machine=machine), start_new_session=True) as process:
            wait_for_lines(folder, 1, process)
            time.sleep(0.1)  # most likely it waits for samples then
            (os.killpg if to_all else os.kill)(process.pid, number)
            told = json.loads(finish(process))
        assert not told["finished"]
        assert 2 <= told["step"] == loaded(folder)["step"] < 10_000


class TestTime:
    def test_time_is_up(self, tmp_path):
        machine, recipe = replace(QUIET, save_every=3600), tiny.recipe(pause=0.02)
        found = run(tmp_path / "halves", recipe=recipe, machine=replace(machine, minutes=0.1 / 60))
        assert not found.finished
        assert found.step == loaded(tmp_path / "halves")["step"] < 12
        run(tmp_path / "halves", machine=machine)
        run(tmp_path / "whole", machine=machine)
        assert_same_runs(tmp_path / "halves", tmp_path / "whole")

    def test_before_the_first_line_there_are_figures_which_the_run_does_not_remember(self, tmp_path):
        """Otherwise the best of a run that was stopped could be weights that no other run looks at."""
        found = run(tmp_path, machine=replace(QUIET, minutes=1e-9))
        assert (found.step, found.finished) == (0, False)
        assert set(found.figures) == {"error", "right"}
        assert loaded(tmp_path, "best.pt")["figures"] == found.figures
        assert loaded(tmp_path)["best"] == {}
        assert not (tmp_path / "metrics.csv").exists()

    def test_signals_are_as_before_afterwards(self, tmp_path):
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        run(tmp_path, steps=1)
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"samples": 96}, "samples 48, not 96"),
            ({"batch": 2}, "batch 4, not 2"),
            ({"rate": 0.5}, "rate 0.01, not 0.5"),
            ({"schedule": "cosine"}, "schedule published, not cosine"),
            ({"drop": 0.5}, "drop 1.0, not 0.5"),
            ({"clip": 1.0}, "clip 0.0, not 1.0"),
            ({"side": 16}, "side 8, not 16"),
            ({"seed": 4}, "seed 3, not 4"),
            ({"precision": "bf16"}, "precision fp32, not bf16"),
            ({"side": 16, "seed": 4}, "side 8, not 16; seed 3, not 4"),
        ],
        ids=str,
    )
    def test_other_settings_are_named(self, tmp_path, changes, told):
        crash(tmp_path, 2)
        before = (tmp_path / "last.pt").read_bytes()
        with pytest.raises(UsageError, match=f"holds a run with {told}: continue it as it was, or take another"):
            run(tmp_path, **changes)
        assert (tmp_path / "last.pt").read_bytes() == before

    def test_other_pictures_are_named(self, tmp_path):
        run(tmp_path)
        others = replace(tiny.pictures(), described="3 pictures of elsewhere")
        with pytest.raises(UsageError, match="pictures made pictures, not 3 pictures of elsewhere"):
            train(tiny.recipe(), others, tmp_path, tiny.settings(12), QUIET)

    def test_another_recipe_is_named(self, tmp_path):
        crash(tmp_path, 2)
        with pytest.raises(UsageError, match="holds a run with recipe tiny, not other: continue"):
            run(tmp_path, recipe=tiny.recipe(id="other"))

    def test_what_only_decides_the_speed_may_change(self, tmp_path):
        crash(tmp_path, 2)
        assert run(tmp_path, machine=replace(QUIET, save_every=9, minutes=9, check_every=1)).finished

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"samples": 0}, "samples and batch must be at least 1"),
            ({"batch": 0}, "samples and batch must be at least 1"),
            ({"rate": 0.0}, "the rate must be positive"),
            ({"rate": math.nan}, "the rate must be positive"),
            ({"rate": math.inf}, "the rate must be positive"),
            ({"schedule": "linear"}, "the schedule is one of published, cosine"),
            ({"precision": "fp16"}, "the precision is one of fp32, bf16"),
            ({"drop": 0.0}, "drop is a share of the steps"),
            ({"drop": 1.1}, "drop is a share of the steps"),
            ({"clip": -1.0}, "clip must not be negative"),
            ({"side": 7}, "the side must be at least 8 pixels"),
            ({"seed": -1}, "seeds lie in 0..1048575"),
            ({"seed": 2**20}, "seeds lie in 0..1048575"),
        ],
        ids=str,
    )
    def test_settings(self, tmp_path, changes, told):
        with pytest.raises(UsageError, match=told):
            run(tmp_path / "run", **changes)
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"workers": -1}, "workers must not be negative"),
            ({"minutes": -1.0}, "minutes must not be negative"),
            ({"minutes": math.nan}, "minutes must not be negative"),
            ({"check_every": -1}, "the steps between checks must not be negative"),
            ({"save_every": -1.0}, "the seconds between checkpoints must not be negative"),
            ({"checks": 0}, "at least one batch must be held out for checks"),
        ],
        ids=str,
    )
    def test_the_machine(self, tmp_path, changes, told):
        with pytest.raises(UsageError, match=told):
            run(tmp_path / "run", machine=replace(QUIET, **changes))

    def test_a_folder_that_is_none(self, tmp_path):
        (tmp_path / "file").write_text("words")
        with pytest.raises(UsageError, match=r"cannot write .*file: File exists"):
            run(tmp_path / "file")

    @pytest.mark.parametrize("damage", ["empty", "cut", "end", "text", "other"])
    def test_a_damaged_checkpoint(self, tmp_path, damage):
        crash(tmp_path, 2)
        path = tmp_path / "last.pt"
        data = path.read_bytes()
        if damage == "other":
            torch.save({"model": {}}, path)
        else:
            path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "end": data[:-50], "text": b"words"}[damage])
        damaged = path.read_bytes()
        with pytest.raises(CorruptInput) as caught:
            run(tmp_path)
        assert str(caught.value) == (
            f"{path}: the checkpoint is damaged or of another version; move it away to begin anew"
        )
        assert path.read_bytes() == damaged

    def test_a_checkpoint_of_another_network(self, tmp_path):
        crash(tmp_path, 2)
        with pytest.raises(CorruptInput, match="damaged or of another version"):
            run(tmp_path, recipe=tiny.recipe(plain=True))


class TestRate:
    @pytest.mark.parametrize(
        ("schedule", "wanted"),
        [
            ("published", {0: 1 / 3, 1: 2 / 3, 2: 1, 50: 1, 79: 1, 80: 0.1, 99: 0.1}),
            (
                "cosine",
                {0: 1 / 3, 1: 2 / 3, 2: 1, 26: (1 + math.cos(math.pi * 24 / 98)) / 2, 51: 0.5,
                 99: (1 - math.cos(math.pi / 98)) / 2},
            ),
        ],
    )  # fmt: skip
    def test_by_hand(self, schedule, wanted):
        """A hundred steps, of which two rise; a drop after eighty."""
        settings = Settings(samples=1000, batch=10, rate=2e-3, schedule=schedule, drop=0.8)
        assert settings.steps == 100
        assert {step: rate_at(step, settings) / 2e-3 for step in wanted} == pytest.approx(wanted, rel=1e-12)

    def test_without_a_drop(self):
        settings = Settings(samples=1000, batch=10, rate=2e-3)
        assert {rate_at(step, settings) for step in range(2, 100)} == {2e-3}

    def test_steps_are_rounded_up(self):
        assert [Settings(samples=n, batch=10, rate=1).steps for n in (1, 10, 11)] == [1, 1, 2]

    @pytest.mark.parametrize("schedule", ["published", "cosine"])
    def test_a_single_step_has_some(self, schedule):
        assert 0 < rate_at(0, Settings(samples=1, batch=1, rate=1, schedule=schedule)) <= 1

    def test_the_optimiser_gets_it(self, tmp_path):
        rates = []

        class Told(torch.optim.Adam):
            def step(self, closure=None):
                rates.extend(group["lr"] for group in self.param_groups)
                return super().step(closure)

        found = tiny.settings(12, drop=0.5)
        train(tiny.recipe(optimiser=Told), tiny.pictures(), tmp_path, found, QUIET)
        assert rates == pytest.approx([5e-3, *[1e-2] * 5, *[1e-3] * 6])
        assert [row["rate"] for row in rows(tmp_path)] == ["0.01", "0.01", "0.001", "0.001"]


class TestBest:
    @pytest.mark.parametrize(
        ("direction", "figures", "best"),
        [
            ("lower", [3, 1, 2, 1], 1),
            ("lower", [1, 2, 3, 4], 0),
            ("higher", [1, 2, 4, 3], 2),
            ("higher", [-3, -2, -9, -1], 3),
            ("lower", [math.nan, 5, 7, math.nan], 1),
            ("higher", [math.nan, 5, 7, math.nan], 2),
        ],
    )
    @pytest.mark.parametrize("interrupted", [False, True])
    def test_the_best_weights_are_those_of_the_best_figure(self, tmp_path, direction, figures, best, interrupted):
        left, weights = iter(figures), []

        def measure(model, batch):
            assert not model.training
            weights.append({name: value.clone() for name, value in model.state_dict().items()})
            return {"figure": torch.full((4,), float(next(left)))}

        recipe = tiny.recipe(measure=measure, better=("figure", direction))
        machine = replace(QUIET, checks=1)
        if interrupted:
            crash(tmp_path, 7, recipe=recipe, machine=machine)
        found = run(tmp_path, recipe=recipe, machine=machine)
        kept = loaded(tmp_path, "best.pt")
        assert found.figures == kept["figures"] == loaded(tmp_path)["best"] == {"figure": figures[best]}
        assert (kept["step"], kept["samples"], kept["recipe"]) == (3 * (best + 1), 12 * (best + 1), "tiny")
        assert same(kept["model"], weights[best])
        assert not same(kept["model"], weights[best - 1])

    def test_the_figures_are_means_over_all_held_out_samples(self, tmp_path):
        found = run(tmp_path)
        model = tiny.Tiny().eval()
        model.load_state_dict(loaded(tmp_path, "best.pt")["model"])
        checks = Batches(tiny.draw, tiny.pictures().held_out, 4, tiny.SIDE, 3, stream=1)
        with torch.no_grad():
            errors = torch.cat([tiny.measure(model, checks[number])["error"] for number in range(2)])
        assert len(errors) == 8
        assert found.figures["error"] == pytest.approx(float(errors.mean()), rel=1e-6)
        logged = [float(row["held_out_error"]) for row in rows(tmp_path)]
        assert min(logged) == pytest.approx(found.figures["error"], rel=1e-4)

    def test_training_goes_on_in_training_mode_after_a_check(self, tmp_path):
        modes = []

        def loss(model, batch):
            modes.append(model.training)
            return tiny.loss(model, batch)

        run(tmp_path, recipe=tiny.recipe(loss=loss))
        assert modes == [True] * 12


class TestSpoilt:
    """What is no number any more never reaches a checkpoint."""

    @pytest.fixture
    def recipe(self):
        """No number from the eighth step on, in the loss itself or only in its gradient."""

        def make(where):
            steps = iter(range(100))

            def loss(model, batch):
                parts = tiny.loss(model, batch)
                if next(steps) >= 7:
                    weight = model.last.bias.sum()
                    broken = weight * math.nan if where == "loss" else torch.sqrt((weight - weight) ** 2)
                    parts["loss"] = parts["loss"] + broken
                return parts

            return tiny.recipe(loss=loss)

        return make

    @pytest.mark.parametrize(
        ("where", "told"), [("loss", "the mean loss is nan"), ("gradient", "a weight is no finite number")]
    )
    def test_the_checkpoint_before_stays(self, tmp_path, recipe, where, told):
        message = f"tiny: {told} at step 8; the checkpoint of step 7 stays. Begin in another folder, with a lower rate"
        with pytest.raises(JpegtraceError, match=message) as caught:
            run(tmp_path, recipe=recipe(where))
        assert not isinstance(caught.value, UsageError)
        last = loaded(tmp_path)
        assert last["step"] == 7
        assert all(value.isfinite().all() for value in last["model"].values())
        assert [row["step"] for row in rows(tmp_path)] == ["3", "6"]

    @pytest.mark.parametrize("where", ["loss", "gradient"])
    def test_at_the_next_line_where_checkpoints_are_rare(self, tmp_path, recipe, where):
        with pytest.raises(JpegtraceError, match="at step 9; there is no checkpoint yet"):
            run(tmp_path, recipe=recipe(where), machine=replace(QUIET, save_every=3600))
        assert not (tmp_path / "last.pt").exists()
        assert loaded(tmp_path, "best.pt")["step"] <= 6

    def test_at_a_stop(self, tmp_path, recipe):
        spoilt = recipe("loss").loss

        def stopping(model, batch):
            parts = spoilt(model, batch)
            if math.isnan(parts["loss"].item()):
                os.kill(os.getpid(), signal.SIGTERM)
            return parts

        rare = replace(QUIET, save_every=3600, check_every=100)
        with pytest.raises(JpegtraceError, match="at step 8; there is no checkpoint yet"):
            run(tmp_path, recipe=tiny.recipe(loss=stopping), machine=rare)
        assert not (tmp_path / "last.pt").exists()


class TestProgress:
    def test_lines(self, tmp_path, capsys):
        run(tmp_path, machine=replace(QUIET, quiet=False))
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(",")[0] for line in lines] == [
            "tiny: step 1 of 12", "tiny: step 3 of 12", "tiny: step 6 of 12", "tiny: step 9 of 12",
            "tiny: step 12 of 12",
        ]  # fmt: skip
        assert lines[-1].split()[-4::2] == ["error", "right"]

    def test_none(self, tmp_path, capsys):
        run(tmp_path)
        assert capsys.readouterr() == ("", "")


class TestTensorBoard:
    def test_without_it_there_are_no_files(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
        run(tmp_path)
        assert not (tmp_path / "tensorboard").exists()

    def test_what_it_is_told(self, tmp_path, monkeypatch):
        """Its axis is samples, and so is the place from which a run that goes on writes anew."""
        begun, told = [], []

        class Writer:
            def __init__(self, folder, purge_step):
                begun.append((folder, purge_step))

            def add_scalar(self, *scalar):
                told.append(scalar)

            def close(self):
                told.append("closed")

        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
        crash(tmp_path, 4)
        run(tmp_path)
        assert begun == [(str(tmp_path / "tensorboard"), None), (str(tmp_path / "tensorboard"), 17)]
        assert [samples for name, _, samples in told[:-1] if name == "held_out_error"] == [12, 24, 36, 48]
        assert told[-1] == "closed"

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_the_files(self, tmp_path):
        pytest.importorskip("tensorboard")
        pytest.importorskip("torch.utils.tensorboard")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        a_second = 1.1  # names of these files begin with whole seconds; a process's tenth sorts before its ninth
        crash(tmp_path, 4)
        early = (tmp_path / "last.pt").read_bytes()
        time.sleep(a_second)
        crash(tmp_path, 5)
        (tmp_path / "last.pt").write_bytes(early)
        time.sleep(a_second)
        run(tmp_path)
        found = EventAccumulator(str(tmp_path / "tensorboard"))
        found.Reload()
        scalars = found.Scalars("held_out_error")
        assert [scalar.step for scalar in scalars] == [12, 24, 36, 48]
        wanted = [float(row["held_out_error"]) for row in rows(tmp_path)]
        assert [scalar.value for scalar in scalars] == pytest.approx(wanted, rel=1e-4)


class TestPrecision:
    @pytest.fixture(params=["tiny", "qf-pixel"])
    def recipe(self, request):
        return tiny.recipe() if request.param == "tiny" else replace(find("qf-pixel"), batch=4)

    def test_bfloat16_differs_little_and_sees_the_same_batches(self, tmp_path, recipe):
        drawn, kinds = {}, {}
        pictures = tiny.pictures() if recipe.id == "tiny" else tiny.made(2, 96, 1)
        for precision in ("fp32", "bf16"):
            batches, seen = drawn.setdefault(precision, []), kinds.setdefault(precision, set())

            def draw(*arguments, batches=batches):
                batches.append(recipe.draw(*arguments))
                return batches[-1]

            def loss(model, batch, seen=seen):
                layers = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
                hook = layers[-1].register_forward_hook(lambda module, given, out: seen.add(out.dtype))
                parts = recipe.loss(model, batch)
                hook.remove()
                return parts

            settings = Settings(samples=24, batch=4, rate=1e-3, side=16, precision=precision)
            spied = replace(recipe, draw=draw, loss=loss)
            train(spied, pictures, tmp_path / precision, settings, replace(QUIET, checks=1))
        assert kinds == {"fp32": {torch.float32}, "bf16": {torch.bfloat16}}
        for one, other in zip(drawn["fp32"], drawn["bf16"], strict=True):
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
        full, half = (loaded(tmp_path / precision)["model"] for precision in ("fp32", "bf16"))
        assert {value.dtype for value in half.values()} <= {torch.float32, torch.int64}
        assert not same(full, half)
        one, other = (rows(tmp_path / precision)[-1] for precision in ("fp32", "bf16"))
        assert float(other["loss"]) == pytest.approx(float(one["loss"]), rel=0.1)


class TestSeveralProcesses:
    def test_a_batch_that_cannot_be_shared(self, tmp_path):
        from jpegtrace_training import trainer

        place = trainer.Place(0, 3, torch.device("cpu"))
        with pytest.raises(UsageError, match="a batch of 4 cannot be shared by 3 processes"):
            trainer._Run(tiny.recipe(), tiny.pictures(), tmp_path, tiny.settings(3), QUIET, place)

    def test_two_are_as_good_as_one_with_the_whole_batch(self, tmp_path):
        """Here by hand: the gradient of the mean over both halves of every batch, in one process."""
        steps, folder = 10, tmp_path / "run"
        machine = {"check_every": 5, "checks": 1}
        options = {"steps": steps, "plain": True, "settings": {"clip": 0.05}, "machine": machine}
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
        for _ in range(LAUNCHES):
            with launched([*launcher, *tiny_run(folder, **options)]) as process:
                try:
                    out, err = process.communicate(timeout=PATIENCE)
                finally:
                    process.kill()
            if not (process.returncode and TORN_DOWN in err):
                break
            shutil.rmtree(folder, ignore_errors=True)
        refusals = ("Address already in use", "Permission denied", "Cannot assign requested address", "gaierror",
                    "failed to listen", "RendezvousConnectionError")  # fmt: skip
        if process.returncode and any(told in err for told in refusals):
            pytest.skip("the launcher cannot bind a port here")
        assert process.returncode == 0, err
        told = [json.loads(line) for line in out.splitlines()]
        assert sorted(bool(one["figures"]) for one in told) == [False, True]
        assert [(one["step"], one["finished"]) for one in told] == [(steps, True)] * 2

        one, other = (loaded(folder, f"rank-{rank}.pt") for rank in (0, 1))
        assert same(one, other)
        assert same(one, loaded(folder)["model"])

        settings, norms = tiny.settings(steps, clip=0.05), []
        torch.manual_seed(settings.seed)
        model = tiny.Tiny(plain=True)
        halves = Batches(tiny.draw, tiny.pictures().training, 2, tiny.SIDE, settings.seed)
        optimiser = torch.optim.Adam(model.parameters(), settings.rate)
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = rate_at(step, settings)
            batch = {name: torch.cat([halves[2 * step][name], halves[2 * step + 1][name]]) for name in halves[0]}
            optimiser.zero_grad()
            tiny.loss(model, batch)["loss"].backward()
            norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)))
            optimiser.step()
        assert max(norms) > settings.clip
        for name, value in model.state_dict().items():
            torch.testing.assert_close(one[name], value, rtol=1e-4, atol=1e-6)
