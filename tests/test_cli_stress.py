"""`jpegtrace stress`: what it prints, what it writes, and what it refuses."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace import cli
from jpegtrace.networks import card_ids
from jpegtrace.picture import Picture
from jpegtrace.stress import ATTACKS, DETECTORS, attack, psnr
from support.rasters import pillow

EXAMPLE = Path(__file__).parents[1] / "examples" / "harbour.jpg"


def read_table(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two JPEG files, and originals below."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(as_file(scene(1), quality=71))
    (tmp_path / "grey.jpg").write_bytes(as_file(scene(2)[..., 0], quality=60))
    (tmp_path / "originals").mkdir()
    for k in range(3):
        (tmp_path / "originals" / f"{k}.png").write_bytes(as_file(scene(10 + k, 70, 90, slope=1.6), "PNG"))
    (tmp_path / "originals" / "late.jpg").write_bytes(as_file(scene(1)))
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys, folder):
    """Run the command in this process; exit code, stdout, stderr in one line."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "stress", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out, " ".join(err.split())

    return call


class TestAttack:
    def test_the_picture_its_label_and_what_was_done(self, run, folder):
        code, out, err = run("attack", "a.jpg", "--with", "dither-median", "-o", "b.png", "--seed", "4")
        assert code == 0
        expected = attack(Picture.open("a.jpg"), "dither-median", seed=4)
        with Image.open("b.png") as image:
            np.testing.assert_array_equal(np.asarray(image), expected.pixels)
        lines = out.splitlines()
        assert lines[0] == "b.png: dither-median, seed 4"
        assert lines[1] == f"  after {ATTACKS['dither-median'].reference}"
        assert [line.split()[0] for line in lines[2:-1]] == [step.name for step in expected.operations]
        assert "  median          component 0, size 3" in lines
        assert lines[-1] == f"  PSNR {expected.psnr:.2f} dB against what a decoder makes of the JPEG"
        assert err == "wrote b.png wrote b.json"
        assert json.loads((folder / "b.json").read_text())["seed"] == 4

    def test_json_is_the_label(self, run):
        code, out, err = run("attack", "grey.jpg", "--with", "dither", "-o", "b.png", "--json", "-q")
        assert (code, err) == (0, "")
        assert json.loads(out) == {"file": "b.png", **attack(Picture.open("grey.jpg"), "dither").to_dict()}

    def test_standard_input(self, run, monkeypatch):
        data = Path("grey.jpg").read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert run("attack", "-", "--with", "dither", "-o", "b.png")[0] == 0
        assert json.loads(Path("b.json").read_text())["input-sha256"] == Picture.open(data).sha256

    @pytest.mark.parametrize(
        ("arguments", "code", "told"),
        [
            (["a.jpg", "--with", "dithr", "-o", "b.png"], 2, "no attack called 'dithr'; did you mean 'dither'?"),
            (["a.jpg", "--with", "dither", "-o", "b.jpg"], 2, "call it *.png, not b.jpg"),
            (["a.jpg", "--with", "dither", "-o", "b.png", "--seed", "-1"], 2, "not negative"),
            (["a.jpg", "--with", "dither", "-o", "a.jpg"], 2, "is named twice"),
            (["a.jpg", "--with", "dither"], 2, "Missing option"),
            (["a.jpg", "-o", "b.png"], 2, "Missing option"),
            (["none.jpg", "--with", "dither", "-o", "b.png"], 1, "No such file"),
            (["originals/0.png", "--with", "dither", "-o", "b.png"], 1, "no JPEG coefficients"),
            (["a.jpg", "--with", "dither", "-o", "b.png", "--limit", "bytes=10"], 1, "bytes is limited to 10"),
        ],
    )
    def test_wrong_usage_writes_nothing(self, run, folder, arguments, code, told):
        before = sorted(folder.iterdir())
        found = run("attack", *arguments)
        assert found[:2] == (code, "")
        assert told in found[2]
        assert sorted(folder.iterdir()) == before

    def test_help_names_every_attack(self, run):
        out = " ".join(run("attack", "--help")[1].split())
        for name in ATTACKS:
            assert name in out


class TestDetect:
    def test_a_line_a_file(self, run):
        code, out, err = run("detect", "grey.jpg", "originals/0.png")
        assert (code, err) == (0, "")
        head, first, second = (line.split() for line in out.splitlines())
        assert head == ["picture", *DETECTORS]
        assert first[0] == "grey.jpg"
        plane = Picture.open("grey.jpg").raster.pixels
        assert [float(word) for word in first[1:]] == [
            pytest.approx(ask(plane), rel=1e-3) for ask in DETECTORS.values()
        ]
        assert float(first[-1]) > float(second[-1])  # K_FQ

    def test_json(self, run):
        code, out, _ = run("detect", "a.jpg", "--json")
        assert code == 0
        luma = np.asarray(Image.fromarray(Picture.open("a.jpg").raster.pixels).convert("L"))
        expected = {name: ask(luma) for name, ask in DETECTORS.items()}
        assert json.loads(out) == {"file": "a.jpg", "width": 128, "height": 96, "scores": expected}

    def test_what_fails_is_said_and_the_rest_go_on(self, run, folder):
        (folder / "text.txt").write_text("words")
        (folder / "small.png").write_bytes(pillow(Image.new("L", (23, 40)), "PNG"))
        code, out, err = run("detect", "text.txt", "small.png", "grey.jpg")
        assert code == 1
        assert [line.split()[0] for line in out.splitlines()] == ["picture", "grey.jpg"]
        assert "text.txt: the content is no picture format" in err
        assert "small.png: 23 x 40 pixels are too few for the detectors, which need 24 a side" in err
        code, out, err = run("detect", "text.txt", "grey.jpg", "--json")
        first, second = map(json.loads, out.splitlines())
        assert (code, err) == (1, "")
        assert first["error"].startswith("the content is no picture format")
        assert second["scores"].keys() == DETECTORS.keys()

    def test_what_is_no_picture_in_a_folder_is_named(self, run, folder):
        (folder / "mixed").mkdir()
        shutil.copy("grey.jpg", "mixed/grey.jpg")
        (folder / "mixed" / "notes.txt").write_text("words")
        (folder / "mixed" / "[b]odd.txt").write_text("words")
        code, out, err = run("detect", "mixed")
        assert (code, len(out.splitlines())) == (0, 2)
        assert err == "left out, for they are no pictures: 2 ([b]odd.txt, notes.txt)"
        code, out, err = run("detect", "mixed", "--quiet")
        assert (code, len(out.splitlines()), err) == (0, 2, "")
        (folder / "mixed" / "broken.jpg").write_text("words")
        code, _, err = run("detect", "mixed")
        assert code == 1
        assert "mixed/broken.jpg: the content is no picture format" in err
        (folder / "mixed" / "grey.jpg").unlink()
        (folder / "mixed" / "broken.jpg").unlink()
        code, _, err = run("detect", "mixed")
        assert (code, err.endswith("Error: there is no picture in what was named")) == (2, True)
        assert "left out, for they are no pictures: 2" in err

    def test_nothing_to_ask(self, run, folder):
        (folder / "empty").mkdir()
        assert run("detect", "empty") == (2, "", "Error: there is no picture in what was named")
        assert "read alone" in run("detect", "-", "a.jpg")[2]


class TestEvaluate:
    def test_tables_and_page(self, run, folder):
        arguments = ["--side", "64", "--quality", "60,90", "--attack", "dither", "--last-quality", "85"]
        code, out, err = run("evaluate", "originals", "-o", "lab", *arguments)
        assert code == 0
        assert (
            "left out: JPEG, which is no original: its pixels hold the very traces that detectors look for (1)" in err
        )
        assert "3 pictures" in err
        if "djpeg-srnet" not in card_ids():
            assert "left out: djpeg-srnet: not trained yet" in err
        files = ["double.csv", "evaluation.html", "pe.csv", "roc.csv"]
        assert sorted(path.name for path in (folder / "lab").iterdir()) == files
        for name in files:
            assert f"wrote lab/{name}" in err
        rows = read_table(folder / "lab" / "pe.csv")
        cases = [(attack, quality) for attack in ("none", "dither") for quality in ("60", "90", "all")]
        assert [(row["attack"], row["quality"]) for row in rows] == cases
        assert rows[0]["pe_K_V"] == "0.0000"
        assert {row["last_quality"] for row in read_table(folder / "lab" / "double.csv")} == {"85"}
        page = (folder / "lab" / "evaluation.html").read_text()
        for name in DETECTORS:
            assert f"| {name} |" in out
            assert f"{name}: P_e" in page
        assert "| compression-count | aligned | 85 | none (JPEG) |" in out

    def test_the_same_command_writes_the_same(self, run, folder):
        arguments = ["originals", "--side", "64", "--quality", "70", "--attack", "dither", "--no-double", "-q"]
        first = run("evaluate", *arguments, "-o", "one", "--pictures", "2")
        assert first[::2] == (0, "")
        assert run("evaluate", *arguments, "-o", "two", "--pictures", "2") == first
        files = {path.name: path.read_bytes() for path in (folder / "one").iterdir()}
        assert set(files) == {"evaluation.html", "pe.csv", "roc.csv"}
        assert {path.name: path.read_bytes() for path in (folder / "two").iterdir()} == files
        assert b"2 pictures of 64 x 64 pixels" in files["evaluation.html"]
        assert run("evaluate", *arguments, "-o", "two", "--pictures", "2", "--seed", "1")[1] != first[1]

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["originals"], "of at least 256x256 pixels; left out: too small (3)"),
            (["nowhere"], "read from a folder, and nowhere is none"),
            (["originals", "--attack", "dither,tvv"], "no attack called 'tvv'; did you mean 'tv'?"),
            (["originals", "--attack", "sharpen"], "there are: none, dither, dither-median, tv, af-edsr"),
            (["originals", "--quality", "fine"], "--quality takes whole numbers from 1 to 100, not 'fine'"),
            (["originals", "--last-quality", "75,101"], "--last-quality takes whole numbers from 1 to 100, not '101'"),
            (["originals", "--side", "60"], "--side is a multiple of 8 from 32 on, and not 60"),
            (["originals", "--pictures", "0"], "Invalid value for '--pictures'"),
            (["originals", "-o", "a.jpg"], "a.jpg is a file; tables and page go into a folder"),
        ],
    )
    def test_wrong_usage_writes_nothing(self, run, folder, arguments, told):
        before = sorted(folder.iterdir())
        code, out, err = run("evaluate", *([] if "-o" in arguments else ["-o", "lab"]), *arguments)
        assert (code, out) == (2, "")
        assert told in err
        assert sorted(folder.iterdir()) == before

    def test_jpeg_files_alone_are_refused(self, run, folder):
        shutil.rmtree(folder / "originals")
        code, _, err = run("evaluate", ".", "-o", "lab", "--side", "64")
        assert code == 2
        assert "no usable picture in ." in err
        assert "JPEG, which is no original: its pixels hold the very traces that detectors look for (2)" in err


def test_the_example_of_the_documentation(run, folder):
    shutil.copy(EXAMPLE, folder / "harbour.jpg")
    code, out, _ = run("attack", "harbour.jpg", "--with", "dither", "-o", "laundered.png")
    assert code == 0
    before, after = (Picture.open(name).raster.pixels for name in ("harbour.jpg", "laundered.png"))
    assert f"PSNR {psnr(before, after):.2f} dB" in out


def test_no_command_prints_the_help(run):
    code, out, err = run()
    assert code == 2
    for command in ("attack", "detect", "evaluate"):
        assert command in out + err
