"""`jpegtrace train`: the options are those of the training package, which is asked for only then."""

import subprocess
import sys

import pytest
from PIL import Image

from jpegtrace import cli
from support.pictures import scene


@pytest.fixture
def needed():
    """What training needs beside jpegtrace itself."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")


@pytest.fixture
def run(needed, monkeypatch, capsys):
    """Run the command in this process; exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


@pytest.fixture
def asked(needed, monkeypatch, tmp_path):
    """What `train` is called with, and nothing trained."""
    from jpegtrace_training import __main__ as command
    from jpegtrace_training.trainer import Trained

    calls = []

    def train(recipe, pictures, folder, settings, machine, begin):
        calls.append((recipe, pictures, folder, settings, machine, begin))
        return Trained(folder, 3, 12_000, False, {"loss": 0.25, "flag_right": 1.0})

    def read(folders, *, least):
        return folders, least

    monkeypatch.setattr(command, "train", train)
    monkeypatch.setattr(command.pictures_module, "read", read)
    return calls


def test_help_shows_the_real_options(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: jpegtrace train [-h] [--pictures FOLDER]")
    for option in ("--smoke", "--samples", "--schedule {published,cosine}", "--precision {fp32,bf16}", "--minutes"):
        assert option in out
    assert run("qf-pixel", "-h") == (0, out, "")


def test_the_list(run):
    from jpegtrace_training.recipes import recipes

    code, out, err = run()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split(None, 1) for line in lines] == [[name, recipe.title] for name, recipe in recipes().items()]
    assert len({len(line) - len(line.split(None, 1)[1]) for line in lines}) == 1  # titles begin in one column


def test_the_command_is_listed(run):
    done = subprocess.run([sys.executable, "-m", "jpegtrace", "--help"], capture_output=True, text=True, check=True)
    assert "  train " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "Error: there is no recipe 'nonsense'; there are: af-edsr-50, "),
        (["qf-pixel"], "Error: training needs --pictures FOLDER and --run FOLDER; --smoke needs neither"),
        (["qf-pixel", "--run", "run"], "Error: training needs --pictures FOLDER and --run FOLDER"),
        (["qf-pixel", "--pictures", "nowhere"], "Error: training needs --pictures FOLDER and --run FOLDER"),
        (["qf-pixel", "--pictures", "nowhere", "--run", "run"], "Error: there is no folder nowhere"),
        (["qf-pixel", "--pictures", ".", "--run", "run"], "too few lossless RGB pictures of 96 x 96 pixels or more"),
        (["qf-pixel", "--threads", "0"], "Error: threads must be at least 1"),
        (["qf-pixel", "--pictures", ".", "--run", "run", "--device", "abacus"], "there is no device 'abacus'"),
        (["qf-pixel", "--schedule", "linear"], "invalid choice: 'linear'"),
        (["qf-pixel", "--samples", "many"], "invalid int value: 'many'"),
        (["qf-pixel", "--bogus"], "unrecognized arguments: --bogus"),
        (["qf-pixel", "q1-dense"], "unrecognized arguments: q1-dense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_leaves_with_2_and_says_why(run, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--samples", "0"], "samples and batch must be at least 1"),
        (["--batch", "0"], "samples and batch must be at least 1"),
        (["--rate", "0"], "the rate must be positive"),
        (["--side", "0"], "the side must be at least 8 pixels"),
        (["--checks", "0"], "at least one batch must be held out for checks"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nought_is_no_way_to_say_as_published(run, monkeypatch, tmp_path, option, told):
    from jpegtrace_training import __main__ as command

    monkeypatch.setattr(command.pictures_module, "read", lambda folders, least: None)
    code, _, err = run("qf-pixel", "--pictures", tmp_path, "--run", tmp_path / "run", "--device", "cpu", *option)
    assert (code, err) == (2, f"Error: {told}\n")


def test_a_device_that_is_not_there(run, monkeypatch, tmp_path):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, err = run("qf-pixel", "--pictures", tmp_path, "--run", tmp_path / "run", "--device", "cuda")
    assert (code, err) == (2, "Error: PyTorch sees no CUDA device here; --device cpu takes none\n")


def test_a_picture_that_cannot_be_read_leaves_with_1(run, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"no picture")
    code, _, err = run("qf-pixel", "--pictures", tmp_path, "--run", tmp_path / "run", "--device", "cpu")
    assert code == 1
    assert err.startswith(f"Error: {tmp_path / 'picture.png'}")


class TestSettings:
    def test_as_published_where_nothing_is_said(self, asked, run, tmp_path):
        from jpegtrace_training.recipes import find
        from jpegtrace_training.trainer import Machine, Settings

        arguments = ["--pictures", tmp_path, "--run", tmp_path / "run", "--device", "cpu"]
        code, out, err = run("manip-mper-noise", *arguments)
        assert (code, err) == (0, "")
        assert out == (
            "manip-mper-noise: 12,000 samples seen, best on held-out samples: loss 0.25, flag_right 1; "
            "the same command goes on\n"
        )
        ((recipe, (folders, least), folder, settings, machine, begin),) = asked
        assert begin is None
        assert (recipe, folders, folder) == (find("manip-mper-noise"), [tmp_path], tmp_path / "run")
        assert least == recipe.least == 256
        assert settings == Settings(samples=30 * 30_000 * 8, batch=32, rate=1e-3, drop=2 / 3, side=256)
        assert machine == Machine(device="cpu")

    def test_everything_said(self, asked, run, tmp_path):
        from jpegtrace_training.trainer import Machine, Settings

        words = (
            "--samples 100 --batch 10 --rate 0.5 --schedule cosine --clip 2 --side 80 --seed 7 --precision bf16 "
            "--workers 3 --compile --minutes 4 --check-every 5 --checks 6 --save-every 8 --quiet --device cpu"
        )
        folders = ("--pictures", tmp_path, "--pictures", tmp_path / "b", "--run", tmp_path / "run")
        run(*folders, "--begin", tmp_path / "best.pt", *words.split(), "qf-pixel")
        ((recipe, (folders, least), _, settings, machine, begin),) = asked
        assert begin == tmp_path / "best.pt"
        assert recipe.id == "qf-pixel"
        assert folders == [tmp_path, tmp_path / "b"]
        assert least == 96 + 20  # the samples are larger by 20 pixels than published
        assert settings == Settings(100, 10, 0.5, "cosine", 1.0, 2.0, 80, 7, "bf16")
        assert machine == Machine("cpu", 3, compiled=True, minutes=4, check_every=5, checks=6, save_every=8, quiet=True)

    def test_smaller_samples_ask_for_the_same_pictures(self, asked, run, tmp_path):
        run("qf-pixel", "--pictures", tmp_path, "--run", tmp_path / "run", "--device", "cpu", "--side", "16")
        assert asked[0][1][1] == 96

    @pytest.mark.usefixtures("asked")
    def test_of_several_processes_one_tells(self, run, tmp_path, monkeypatch):
        arguments = ["qf-pixel", "--pictures", tmp_path, "--run", tmp_path / "run", "--device", "cpu"]
        for rank, lines in ((0, 1), (1, 0)):
            monkeypatch.setenv("RANK", str(rank))
            code, out, _ = run(*arguments)
            assert (code, len(out.splitlines())) == (0, lines)


def test_a_training_from_pictures_to_weights(run, tmp_path):
    from jpegtrace_training.pictures import is_held_out

    names = [f"{number}.png" for number in range(60)]
    for seed, held_out in enumerate((False, False, True)):
        name = next(name for name in names if is_held_out(name) == held_out and not (tmp_path / name).exists())
        Image.fromarray(scene(96, 112, seed)).save(tmp_path / name)
    arguments = ["qf-pixel", "--pictures", tmp_path, "--run", tmp_path / "run", "--side", 16, "--batch", 2]
    code, out, err = run(*arguments, "--samples", 6, "--checks", 1, "--device", "cpu", "--seed", 9, "--quiet")
    assert (code, err) == (0, "")
    assert out.startswith("qf-pixel: 6 samples seen, best on held-out samples: loss ")
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"best.pt", "last.pt", "metrics.csv"}
    code, out, err = run(*arguments, "--samples", 6, "--device", "cpu")
    assert (code, out) == (2, "")
    assert "holds a run with seed 9, not 0: continue it as it was, or take another" in err


def test_a_trial_through_the_real_command(needed, tmp_path):
    command = [sys.executable, "-m", "jpegtrace", "train", "qf-pixel", "--smoke", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("qf-pixel: the loss fell from ")
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_fails_is_a_sentence(run, monkeypatch):
    from jpegtrace_training import smoke as module

    monkeypatch.setattr(module, "FALLEN", 0.0)
    code, out, err = run("qf-pixel", "--smoke")
    assert (code, out) == (1, "")
    assert err.startswith("Error: qf-pixel: the loss went from ")
    assert err.endswith(": it does not learn\n")


@pytest.mark.parametrize("missing", ["torch", "onnx"])
@pytest.mark.parametrize("arguments", [[], ["--help"], ["qf-pixel", "--smoke"]], ids=str)
def test_without_the_extra_the_command_that_installs_it_is_told(missing, arguments):
    code = f"import sys; sys.modules['{missing}'] = None; from jpegtrace.cli import main; main()"
    command = [sys.executable, "-c", code, "train", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert " ".join(done.stderr.split()) == (
        "Error: training needs an optional part; install it with: pip install 'jpegtrace[train]'"
    )


def test_other_commands_do_not_load_it():
    code = "import sys; sys.argv[1:] = ['analyses']; from jpegtrace.cli import app; app(standalone_mode=False)"
    loaded = "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'onnx', 'jpegtrace_training'}))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{loaded}"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
