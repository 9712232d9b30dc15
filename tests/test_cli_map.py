"""`jpegtrace map`, with an analysis that is registered for these tests only."""

import dataclasses
import io
import json
import sys

import jsonschema
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from checks.pictures import as_file, scene
from jpegtrace import cli
from jpegtrace.analyses import _registry, all_analyses, analysis
from jpegtrace.errors import CorruptInput
from jpegtrace.findings import Map, Outcome, Status
from jpegtrace.picture import Picture
from jpegtrace.report import report_schema
from jpegtrace.report.map_files import photograph_of
from jpegtrace.report.maps import layer, overlay


@dataclasses.dataclass(frozen=True, slots=True)
class Nothing:
    """No settings."""


def brightness(picture, params, stride, progress):
    """Brightness of the blocks that lie wholly in the picture; the bright ones abstain."""
    if picture.width == 70:
        raise CorruptInput("half a block", offset=7)
    rows, cols = picture.height // stride, picture.width // stride
    for row in range(rows):
        if progress:
            progress((row + 1) / rows)
    values = np.arange(rows * cols, dtype=np.float32).reshape(rows, cols)
    values[0, 0] = np.nan
    half = (values > values.max() / 2).astype(np.float32)
    return (
        Map("brightness", values, (stride, stride), "levels"),
        Map("half", half, (stride, stride), labels=("first", "second")),
    )


@pytest.fixture
def planted(monkeypatch):
    """An analysis with maps and one without, instead of those that ship."""
    all_analyses()  # those that ship register once, when they are imported
    monkeypatch.setattr(_registry, "_REGISTERED", {})
    all_analyses.cache_clear()
    shared = {
        "version": 1, "place": 900, "title": "Planted", "question": "Is it planted?", "parameters": Nothing,
        "cannot_show": ("anything",), "reference": "none", "false_alarm_rate": 0.0,
    }  # fmt: skip
    analysis("planted-map", **shared, needs_jpeg=True, map=brightness)(lambda p, q: Outcome(Status.OK, "fine"))
    analysis("planted-flat", **shared)(lambda p, q: Outcome(Status.OK, "fine"))
    yield
    all_analyses.cache_clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(as_file(scene(1)))
    (tmp_path / "b.jpg").write_bytes(as_file(scene(1)[:, :70]))
    (tmp_path / "a.png").write_bytes(as_file(scene(2), "PNG"))
    (tmp_path / "text.txt").write_text("words")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(planted, folder, monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "map", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        assert said.out == ""
        return left.value.code, " ".join(said.err.split())

    return call


WHAT = ("--what", "planted-map")


def test_the_map_lies_over_the_photograph_with_a_legend(run, folder):
    code, said = run("a.jpg", *WHAT, "-o", "out.png")
    assert code == 0
    assert said == (
        "wrote out.png brightness: 1 to 191 levels; cannot tell (0.5% of the cells) --name has also: 'half'"
    )
    picture = Picture.open("a.jpg")
    (expected, _) = brightness(picture, None, 8, None)
    page = np.asarray(Image.open("out.png"))
    assert (page[:96, :128] == overlay(photograph_of(picture), expected)).all()
    assert page.shape[0] > 96


def test_plain_is_the_map_alone(run):
    assert run("a.jpg", *WHAT, "-o", "out.PNG", "--plain", "--stride", "20", "--name", "half")[0] == 0
    (_, expected) = brightness(Picture.open("a.jpg"), None, 20, None)
    assert (np.asarray(Image.open("out.PNG")) == layer(expected, (96, 128))).all()


def test_values_are_written_as_an_array_and_as_json(run, folder):
    assert run("a.jpg", *WHAT, "-o", "out.npy", "--quiet") == (0, "")
    (quantity, label) = brightness(Picture.open("a.jpg"), None, 8, None)
    values = np.load("out.npy")
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, quantity.values)
    assert run("a.jpg", *WHAT, "-o", "out.json", "--name", "half")[0] == 0
    data = json.loads((folder / "out.json").read_text())
    assert Map.from_dict(data).to_dict() == label.to_dict()
    schema = report_schema()
    jsonschema.Draft202012Validator({"$ref": "#/$defs/map", "$defs": schema["$defs"]}).validate(data)


def test_standard_input(run, folder, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO((folder / "a.jpg").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("-", *WHAT, "-o", "out.npy", "-q") == (0, "")
    assert np.load("out.npy").shape == (12, 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "with a map there are: planted-map"),
        (("a.jpg", "-o", "o.png"), "with a map there are: planted-map"),
        (("a.jpg", "-o", "o.png", "--what", "planted-mop"), "did you mean 'planted-map'? with a map there are"),
        (("a.jpg", "-o", "o.png", "--what", "planted-flat"), "'planted-flat' has no map; with a map there are"),
        (("a.jpg", "-o", "o.png", "--what", "nonsense"), "no analysis called 'nonsense'; with a map there are"),
        (WHAT, "needs a picture and --output"),
        (("a.jpg", *WHAT), "needs --output"),
        (("a.jpg", *WHAT, "-o", "o.jpg"), "written as *.png, *.npy, *.json, not 'o.jpg'"),
        (("a.jpg", *WHAT, "-o", "o.npy", "--plain"), "--plain is about a *.png"),
        (("a.png", *WHAT, "-o", "a.png"), "named twice"),
        (("a.jpg", *WHAT, "-o", "no/o.png"), "there is no folder no"),
        (("a.jpg", *WHAT, "-o", "o.png", "--stride", "0"), "stride of a map is a whole number of pixels from 1"),
        (("a.jpg", *WHAT, "-o", "o.png", "--stride", "x"), "Invalid value for '--stride'"),
        (("a.jpg", *WHAT, "-o", "o.png", "--name", "hulf"), "no map called 'hulf'; there are: 'brightness', 'half'"),
        (("a.jpg", *WHAT, "-o", "o.png", "--limit", "time=3"), "no limit called 'time'"),
    ],
)
def test_wrong_usage_leaves_with_2_and_says_why(run, folder, arguments, message):
    before = sorted(folder.iterdir())
    code, said = run(*arguments)
    assert code == 2
    assert message in said
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.png", "a.png: planted-map asks about a JPEG file; this is a PNG"),
        ("text.txt", "text.txt: the content is no picture format"),
        ("missing.jpg", "missing.jpg: No such file"),
        ("b.jpg", "b.jpg: half a block (at byte 7)"),
    ],
)
def test_an_input_that_fails_leaves_with_1(run, folder, name, message):
    code, said = run(name, *WHAT, "-o", "o.png")
    assert code == 1
    assert message in said
    assert not (folder / "o.png").exists()


def test_a_damaged_photograph_is_left_out(run, folder):
    data = (folder / "a.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) * 2 // 3])
    code, said = run("cut.jpg", *WHAT, "-o", "o.png")
    assert code == 0
    assert "without the photograph: cut.jpg: only" in said
    (expected, _) = brightness(Picture.open("cut.jpg"), None, 8, None)
    assert (np.asarray(Image.open("o.png"))[:96, :128] == layer(expected, (96, 128))[..., :3]).all()


def test_a_bar_tells_the_share_where_somebody_watches(run, monkeypatch):
    told = io.StringIO()
    monkeypatch.setattr(cli, "comments", Console(file=told, force_terminal=True, width=100))
    assert run("a.jpg", *WHAT, "-o", "o.png")[0] == 0
    assert "100%" in told.getvalue()
    told.truncate(0)
    assert run("a.jpg", *WHAT, "-o", "o.png", "-q")[0] == 0
    assert "100%" not in told.getvalue()


def test_the_planted_analysis_is_gone():
    ids = [a.id for a in all_analyses()]
    assert "file-facts" in ids
    assert not any(name.startswith("planted") for name in ids)
