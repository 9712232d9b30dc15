"""Evaluations: planted detectors and attacks whose figures are known beforehand, and the real ones on made pictures."""

import csv
import io
import json
import math
import re
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from checks.pictures import as_file, scene
from jpegtrace.chain import Planes, compress, decompress
from jpegtrace.errors import ResourceError, UsageError
from jpegtrace.findings import Plot
from jpegtrace.networks import Check, State, card_ids
from jpegtrace.picture import Picture
from jpegtrace.stress import (
    ATTACKS,
    DETECTORS,
    DoubleDetector,
    attacking,
    doubles,
    evaluate,
    least_error,
    psnr,
    read_originals,
    ssim,
    write_evaluation,
)
from jpegtrace.stress.attacking import CHUNK
from jpegtrace.stress.doubles import ENGINE
from jpegtrace.stress.originals import grey_of
from jpegtrace.stress.results import ONCE
from jpegtrace.stress.writing import markdown, page, roc_plot
from jpegtrace.tables import ijg_table
from support.jpegs import pillow_jpeg

SIDE = 64
EVIL = "<b>|\"&'"


def grey(seed, height=SIDE, width=SIDE):
    """As smooth as photographs are."""
    return np.ascontiguousarray(scene(seed, height, width, slope=1.6)[..., 0])


PLANES = [grey(seed) for seed in range(4)]


def jpeg(plane, quality):
    table = ijg_table(quality)
    return decompress(compress(plane, table, subsampling="grey"), (table,), "grey", *plane.shape)


def known(plane):
    """A detector that knows the originals."""
    return 0.0 if any((plane == original).all() for original in PLANES) else 1.0


def brightness(plane):
    return plane.mean()


def same(plane):
    return 3


def upside_down(plane):
    return -known(plane)


PLANTED = {"known": known, "brightness": brightness, "same": same, "upside down": upside_down}


def first_step(blocks, table, plane):
    """An answer that says what was asked: 1 for the finest table, on 64x64 pixels."""
    return 1.0 if table[0, 0] == 2 and plane.shape == (SIDE, SIDE) else 0.0


@pytest.fixture(scope="module")
def planted():
    return evaluate(PLANES, qualities=(50, 90), attacks=("none", "dither"), detectors=PLANTED, last_qualities=())


@pytest.fixture(scope="module")
def usual():
    """All detectors of both kinds, as they are installed."""
    told = []
    found = evaluate(
        PLANES[:3],
        qualities=(60, 90),
        attacks=("none", "dither", "af-edsr"),
        last_qualities=(85,),
        progress=told.append,
    )
    assert told == pytest.approx([1 / 3, 2 / 3, 1])
    return found


class TestErrors:
    def test_what_separates_has_0_and_what_tells_nothing_half(self, planted):
        for attack in ("none", "dither"):
            for quality in (50, 90, None):
                found = {name: planted.cell(name, attack, quality) for name in PLANTED}
                assert (found["known"].error, found["known"].area) == (0, 1)
                assert (found["same"].error, found["same"].area) == (0.5, 0.5)
                assert (found["upside down"].error, found["upside down"].area) == (0.5, 0)
                errors = [cell.error for cell in found.values()]
                assert planted.mean_error(attack, quality) == pytest.approx(np.mean(errors))

    def test_scores_are_those_of_the_decoder_against_the_originals(self, planted):
        negatives = [p.mean() for p in PLANES]
        both = []
        for quality in (50, 90):
            cell = planted.cell("brightness", "none", quality)
            expected = [jpeg(p, quality).mean() for p in PLANES]
            assert cell.scores.tolist() == expected
            assert cell.error == least_error(expected, negatives)
            both += expected
        together = planted.cell("brightness", "none")
        assert together.scores.tolist() == both
        assert together.error == least_error(both, negatives)
        assert planted.originals["brightness"].tolist() == negatives

    def test_the_roc_is_there(self, planted):
        cell = planted.cell("known", "none", 50)
        assert cell.roc.thresholds.tolist() == [math.inf, 1, 0]
        assert cell.roc.hits.tolist() == [0, 1, 1]
        assert cell.roc.false_alarms.tolist() == [0, 0, 1]

    def test_nearness_is_that_to_the_original(self, planted):
        found = {(n.attack, n.quality): n for n in planted.nearness}
        assert list(found) == [(a, q) for a in ("none", "dither") for q in (50, 90, None)]
        decoded = [jpeg(p, 50) for p in PLANES]
        assert found["none", 50].psnr.tolist() == [psnr(a, b) for a, b in zip(decoded, PLANES, strict=True)]
        assert found["none", 50].ssim.tolist() == [ssim(a, b) for a, b in zip(decoded, PLANES, strict=True)]
        assert found["none", 90].psnr.mean() > found["none", 50].psnr.mean() > found["dither", 50].psnr.mean() > 24
        assert len(found["dither", None].ssim) == 8

    def test_an_attack_that_does_nothing_leaves_the_errors_of_the_jpeg(self, monkeypatch):
        def decoded(blocks, table, seed):
            none = np.empty((0, 0, 8, 8), np.int16)
            size = 8 * blocks.shape[0], 8 * blocks.shape[1]
            return decompress(Planes(blocks, none, none), (table,), "grey", *size).astype(float)

        nothing = replace(ATTACKS["dither"], name="nothing", run=decoded)
        monkeypatch.setattr(attacking, "ATTACKS", {"nothing": nothing})
        engine = DoubleDetector("first step", 0.5, first_step)
        found = evaluate(
            PLANES, qualities=(50, 80), attacks=("none", "nothing"), last_qualities=(90,), doubles=[engine]
        )
        for name in DETECTORS:
            for quality in (50, 80, None):
                left, right = (found.cell(name, attack, quality) for attack in ("none", "nothing"))
                assert left.error == right.error
                assert left.scores.tolist() == right.scores.tolist()
        assert found.cell("K_V", "none", 50).error == 0
        for left, right in zip(found.nearness[:3], found.nearness[3:], strict=True):
            assert left.psnr.tolist() == right.psnr.tolist()

    def test_the_six_see_jpeg_and_some_of_them_lose_it_to_dither(self, usual):
        assert usual.detectors == tuple(DETECTORS)
        errors = {n: usual.cell(n, "none", 60).error for n in DETECTORS}
        assert errors == dict.fromkeys(DETECTORS, 0)
        assert usual.cell("K_FQ", "dither", 60).error == 0.5
        assert usual.mean_error("dither") > usual.mean_error("none") + 0.1

    def test_no_detectors_still_gives_nearness(self):
        found = evaluate(PLANES[:1], qualities=(70,), attacks=("none",), detectors={}, last_qualities=())
        assert (found.cells, found.doubles, found.detectors) == ((), (), ())
        assert len(found.nearness) == 2
        assert "PSNR" in markdown(found)


class TestDoubles:
    def test_rates_are_those_at_the_threshold(self):
        asked = [
            DoubleDetector("at", 1.0, first_step),
            DoubleDetector("above", 1.5, first_step),
            DoubleDetector("aligned only", 0.5, first_step, shifted=False),
        ]
        found = evaluate(PLANES[:2], qualities=(60,), attacks=("none",), last_qualities=(95, 75), doubles=asked)
        cells = {(c.detector, c.aligned, c.last_quality, c.attack, c.quality): c for c in found.doubles}
        assert len(cells) == len(found.doubles) == (2 + 2 + 1) * 2 * 3
        assert cells["at", True, 95, "none", 60].called_twice == 1
        assert cells["at", True, 95, ONCE, None].called_twice == 1  # it tells the table, not the past
        assert cells["at", True, 95, "none", None].error == 0.5
        assert cells["at", True, 75, "none", 60].called_twice == 0
        assert cells["at", False, 95, "none", 60].called_twice == 0
        assert cells["above", True, 95, "none", 60].called_twice == 0
        assert cells["at", True, 95, ONCE, None].error is None
        assert not any(name == "aligned only" and not aligned for name, aligned, *_ in cells)

    def test_pictures_are_compressed_as_told(self):
        seen = []

        def look(blocks, table, plane):
            seen.append((blocks.copy(), table.copy(), plane.copy()))
            return 0.0

        double = [DoubleDetector("look", 0.5, look)]
        evaluate(PLANES[:1], qualities=(60,), attacks=("none",), last_qualities=(85,), doubles=double, detectors={})
        assert len(seen) == 4  # once and twice, on both grids
        once, once_shifted, twice, twice_shifted = seen
        for (blocks, table, plane), source in ((once, PLANES[0]), (twice, jpeg(PLANES[0], 60))):
            np.testing.assert_array_equal(table, ijg_table(85))
            np.testing.assert_array_equal(blocks, compress(source, table, subsampling="grey").luma)
            np.testing.assert_array_equal(plane, jpeg(source, 85))
        places = [(r, c) for r in range(8) for c in range(8)]

        def place_of(plane, source):
            matches = [
                (r, c) for r, c in places if (jpeg(np.ascontiguousarray(source[r:, c:][:56, :56]), 85) == plane).all()
            ]
            assert len(matches) == 1
            return matches[0]

        shift = place_of(once_shifted[2], PLANES[0])
        assert shift != (0, 0)
        assert place_of(twice_shifted[2], jpeg(PLANES[0], 60)) == shift

    def test_the_engine_sees_jpeg_and_not_dither(self, usual):
        cells = {(c.detector, c.aligned, c.attack, c.quality): c for c in usual.doubles}
        assert cells[ENGINE, True, ONCE, None].called_twice == 0
        assert cells[ENGINE, True, "none", 60].called_twice == 1
        assert cells[ENGINE, True, "none", 60].error == 0
        assert cells[ENGINE, True, "dither", 60].called_twice == 0
        assert cells[ENGINE, False, ONCE, None].called_twice == 0
        assert len(cells["djpeg-hist", True, "none", None].scores) == 6


class TestLeftOut:
    def test_what_is_missing_here_is_named(self, usual):
        told = {missing.name for missing in usual.left_out}
        networks_here = {"djpeg-hist", "djpeg-hist-shifted", "djpeg-srnet", "djpeg-srnet-shifted"} & set(card_ids())
        assert "djpeg-hist" not in told
        assert told >= {"djpeg-hist-shifted", "djpeg-srnet", "djpeg-srnet-shifted"} - networks_here
        asked = {cell.detector for cell in usual.doubles} | {cell.attack for cell in usual.cells}
        assert not told & asked
        assert "af-edsr" in told | asked

    def test_networks_by_what_was_found_of_them(self, monkeypatch):
        states = {
            "djpeg-hist": Check("djpeg-hist", State.OK),
            "djpeg-hist-shifted": Check("djpeg-hist-shifted", State.NOT_INSTALLED, "get them"),
            "djpeg-srnet": Check("djpeg-srnet", State.ALTERED, "other bytes"),
        }
        monkeypatch.setattr(
            doubles, "networks", SimpleNamespace(card_ids=lambda: tuple(states), verify=states.get, State=State)
        )
        found, missing = doubles.installed_doubles()
        assert [detector.name for detector in found] == [ENGINE, "djpeg-hist"]
        assert (found[1].serves(True), found[1].serves(False)) == (True, False)
        assert missing == {
            "djpeg-hist-shifted": "not installed: get them",
            "djpeg-srnet": "altered: other bytes",
            "djpeg-srnet-shifted": "not trained yet: there are no weights of this name",
        }

    def test_an_attack_may_lack_weights_at_some_qualities(self, monkeypatch):
        def picky(blocks, table, seed):
            if table[0, 0] < 5:
                raise ResourceError("no weights for fine tables")
            return ATTACKS["dither"].run(blocks, table, seed)

        def never(blocks, table, seed):
            raise ResourceError("no weights")

        planted = {n: replace(ATTACKS["dither"], name=n, run=run) for n, run in (("picky", picky), ("never", never))}
        monkeypatch.setattr(attacking, "ATTACKS", planted)
        options = {"qualities": (50, 90), "detectors": {"same": same}, "last_qualities": ()}
        found = evaluate(PLANES[:2], attacks=("picky", "never"), **options)
        assert [str(missing) for missing in found.left_out] == [
            "picky at quality 90: no weights for fine tables",
            "never: no weights",
        ]
        assert [(n.attack, n.quality, len(n.psnr)) for n in found.nearness] == [("picky", 50, 2), ("picky", None, 2)]
        assert found.to_dict()["left_out"][0]["qualities"] == [90]
        assert "never: no weights" in page(found)
        with pytest.raises(KeyError):
            found.mean_error("never")


class TestRepeatability:
    def test_the_same_seed_gives_the_same(self, planted):
        again = evaluate(PLANES, qualities=(50, 90), attacks=("none", "dither"), detectors=PLANTED, last_qualities=())
        other = evaluate(
            PLANES, qualities=(50, 90), attacks=("none", "dither"), detectors=PLANTED, last_qualities=(), seed=1
        )
        assert again.to_dict() == planted.to_dict()
        assert other.cell("brightness", "none").scores.tolist() == planted.cell("brightness", "none").scores.tolist()
        assert (other.cell("brightness", "dither").scores != planted.cell("brightness", "dither").scores).any()

    def test_processes_change_nothing(self):
        options = {"qualities": (70,), "attacks": ("none", "dither"), "last_qualities": ()}
        detectors = {"K_F": DETECTORS["K_F"], "K_L": DETECTORS["K_L"]}
        told = []
        two = evaluate(PLANES, **options, detectors=detectors, processes=2, progress=told.append)
        assert two.to_dict() == evaluate(PLANES, **options, detectors=detectors).to_dict()
        assert told[-1] == 1
        with pytest.raises(UsageError, match="imported by name"):
            evaluate(PLANES, **options, detectors={"local": lambda plane: 0.0}, processes=2)

    def test_json_has_no_infinity(self):
        def strange(plane):
            return math.inf

        flat = [np.full((32, 32), 128, np.uint8)]
        found = evaluate(flat, qualities=(50,), attacks=("none",), detectors={"strange": strange}, last_qualities=())
        (_, all_qualities) = json.loads(json.dumps(found.to_dict(), allow_nan=False))["nearness"]
        assert (all_qualities["psnr"], all_qualities["ssim"]) == (None, pytest.approx(1))
        assert " inf " in markdown(found)


class TestWriting:
    @pytest.fixture
    def written(self, usual, tmp_path):
        folder = tmp_path / "new" / "folder"
        paths = write_evaluation(usual, folder)
        assert [p.name for p in paths] == ["pe.csv", "double.csv", "roc.csv", "evaluation.html"]
        return {p.name: p.read_text(encoding="utf-8") for p in paths}

    def test_tables_hold_every_detector(self, usual, written):
        errors = list(csv.DictReader(io.StringIO(written["pe.csv"])))
        assert [(row["attack"], row["quality"]) for row in errors][:3] == [
            ("none", "60"),
            ("none", "90"),
            ("none", "all"),
        ]
        for row in errors:
            quality = None if row["quality"] == "all" else int(row["quality"])
            for name in DETECTORS:
                cell = usual.cell(name, row["attack"], quality)
                assert float(row[f"pe_{name}"]) == pytest.approx(cell.error, abs=5e-5)
                assert float(row[f"area_{name}"]) == pytest.approx(cell.area, abs=5e-5)
            assert float(row["pe_mean"]) == pytest.approx(usual.mean_error(row["attack"], quality), abs=5e-5)
        doubles = list(csv.DictReader(io.StringIO(written["double.csv"])))
        assert {row["detector"] for row in doubles} >= {ENGINE, "djpeg-hist"}
        assert {row["grid"] for row in doubles} == {"aligned", "shifted"}
        assert len(doubles) == len(usual.doubles)
        points = list(csv.DictReader(io.StringIO(written["roc.csv"])))
        assert {row["detector"] for row in points} == set(DETECTORS)
        assert len(points) == sum(len(cell.roc.hits) for cell in usual.cells)
        assert points[0]["threshold"] == "inf"

    def test_the_page_holds_every_detector_and_says_what_is_missing(self, usual, written):
        text = written["evaluation.html"]
        for name in (*DETECTORS, ENGINE, "djpeg-hist"):
            assert name in text
        figures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.S)]  # noqa: S314
        attacks = {cell.attack for cell in usual.cells}
        assert len(figures) == len(DETECTORS) * len(attacks)
        for missing in usual.left_out:
            assert missing.name in text
        assert not re.search(r"(src|href)=", text)

    def test_markdown_has_both_tables(self, usual):
        first, second = markdown(usual).split("\n\n")
        assert first.splitlines()[0] == "| attack | QF | " + " | ".join(DETECTORS) + " | mean | PSNR | SSIM |"
        assert first.splitlines()[2].startswith("| none (JPEG) | 60 | 0.000 | 0.000 |")
        assert second.splitlines()[0] == "| detector | grid | QF2 | attack | called twice | P_e |"
        assert f"| {ENGINE} | aligned | 85 | none (JPEG) |" in second
        assert {line.count("|") for line in first.splitlines()} == {12}

    def test_names_are_no_markup(self):
        found = evaluate(PLANES[:1], qualities=(50,), attacks=("none",), detectors={EVIL: same}, last_qualities=())
        assert EVIL not in page(found)
        assert "&lt;b&gt;" in page(found)
        assert "<b>\\|" in markdown(found)

    def test_a_curve_is_the_roc(self, planted):
        for name in PLANTED:
            plot = roc_plot(planted.cell(name, "none"))
            assert isinstance(plot, Plot)
            cell = planted.cell(name, "none")
            np.testing.assert_allclose(plot.x, cell.roc.false_alarms, atol=1e-5)
            np.testing.assert_allclose(plot.y, cell.roc.hits)

    def test_a_table_of_an_earlier_evaluation_does_not_stay_beside_the_page(self, planted, tmp_path):
        (tmp_path / "double.csv").write_text("earlier")
        (tmp_path / "mine.csv").write_text("kept")
        write_evaluation(planted, tmp_path)
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["evaluation.html", "mine.csv", "pe.csv", "roc.csv"]

    def test_a_folder_that_cannot_be(self, planted, tmp_path):
        (tmp_path / "file").write_text("words")
        with pytest.raises(UsageError, match="cannot write into"):
            write_evaluation(planted, tmp_path / "file")


class TestWrongCalls:
    @pytest.mark.parametrize(
        ("planes", "options", "told"),
        [
            ([], {}, "there is no picture"),
            ([PLANES[0].astype(float)], {}, r"number 0 is float64 \(64, 64\)"),
            ([PLANES[0], grey(1, 64, 72)], {}, r"number 1 is \(64, 72\), not \(64, 64\)"),
            ([grey(1, 60, 64)], {}, "multiples of 8 from 32 on"),
            ([grey(1, 24, 64)], {}, "multiples of 8 from 32 on"),
            (PLANES, {"attacks": ("dithr",)}, "no attack called 'dithr'; did you mean 'dither'?"),
            (PLANES, {"attacks": ("nonne",)}, "did you mean 'none'?"),
            (PLANES, {"attacks": ()}, "at least one attack"),
            (PLANES, {"qualities": ()}, "one quality"),
            (PLANES, {"qualities": (0,)}, "a quality is 1 or more, to 100, and not 0"),
            (PLANES, {"last_qualities": (101,)}, "a last quality is 1 or more, to 100, and not 101"),
            (PLANES, {"seed": -1}, "a seed is 0 or more, and not -1"),
            (PLANES, {"processes": 0}, "the number of processes is 1 or more"),
            (PLANES, {"detectors": {"bad": lambda p: math.nan}}, "'bad' answers with NaN"),
            (PLANES, {"detectors": {"bad": lambda p: "much"}}, "'bad' answers with str"),
            (PLANES, {"doubles": 2 * [DoubleDetector("a", 0.5, first_step)]}, "names of their own"),
        ],
    )
    def test_said_in_a_sentence(self, planes, options, told):
        options = {"qualities": (50,), "attacks": ("none",), "last_qualities": ()} | options
        with pytest.raises(UsageError, match=re.escape(told) if "\\" not in told else told):
            evaluate(planes, **options)


class TestOriginals:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "below").mkdir()
        (tmp_path / "a.png").write_bytes(as_file(scene(1, 100, 121), "PNG"))
        (tmp_path / "below" / "b.webp").write_bytes(as_file(scene(2, 64, 80), "WEBP", lossless=True))
        (tmp_path / "c.tif").write_bytes(as_file(grey(3, 64, 64), "TIFF"))
        return tmp_path

    def test_squares_from_the_middle_of_lossless_pictures(self, folder):
        found = read_originals(folder, 64)
        assert found.names == ("a.png", "below/b.webp", "c.tif")
        assert found.left_out == {}
        luma = np.asarray(Image.fromarray(scene(1, 100, 121)).convert("L"))
        np.testing.assert_array_equal(found.planes[0], luma[18:82, 28:92])
        np.testing.assert_array_equal(found.planes[2], grey(3, 64, 64))

    def test_what_is_no_original_is_counted(self, folder):
        pixels = scene(4, 64, 64)
        label = PngInfo()
        label.add_text(CHUNK, "{}")
        (folder / "d.png").write_bytes(as_file(pixels, quality=90))  # a JPEG, whatever it is called
        (folder / "e.webp").write_bytes(as_file(pixels, "WEBP", quality=90))
        (folder / "f.tif").write_bytes(as_file(pixels, "TIFF", compression="jpeg"))
        (folder / "g.gif").write_bytes(as_file(pixels, "GIF"))
        (folder / "h.png").write_bytes(as_file(pixels, "PNG", pnginfo=label))
        (folder / "i.png").write_bytes(as_file(pixels, "PNG")[:400])
        (folder / "j.png").write_bytes(as_file(scene(5, 64, 56), "PNG"))
        (folder / "k.png").write_bytes(as_file(np.dstack([pixels, pixels[..., 0]]), "PNG"))
        (folder / "l.tif").write_bytes(as_file(np.dstack([pixels, 255 - pixels[..., 0]]), "TIFF"))
        Image.fromarray(pixels).convert("CMYK").save(folder / "m.tif")
        (folder / "n.txt").write_text("words")
        found = read_originals(folder, 64)
        assert found.names == ("a.png", "below/b.webp", "c.tif")
        assert sorted(found.left_out.items()) == [
            ("CMYK pixels have no luma", 1),
            ("GIF, which has few colours", 1),
            ("JPEG, which is no original: its pixels hold the very traces that detectors look for", 1),
            ("TIFF compressed with loss, or in a way that is not known", 1),
            ("WebP compressed with loss", 1),
            ("cannot be read", 1),
            ("made by an attack, as its label says", 1),
            ("too small", 1),
            ("what transparent pixels look like is not in the file", 2),
        ]

    def test_as_many_as_asked_for_by_the_seed(self, folder):
        drawn = {read_originals(folder, 64, most=2, seed=seed).names for seed in range(12)}
        assert drawn == {("a.png", "below/b.webp"), ("a.png", "c.tif"), ("below/b.webp", "c.tif")}
        assert read_originals(folder, 64, most=2, seed=3).names == read_originals(folder, 64, most=2, seed=3).names

    def test_none_at_all(self, tmp_path):
        with pytest.raises(UsageError, match="read from a folder"):
            read_originals(tmp_path / "nowhere", 64)
        with pytest.raises(UsageError, match=r"no usable picture in .*at least 64x64 pixels$"):
            read_originals(tmp_path, 64)
        (tmp_path / "a.jpg").write_bytes(pillow_jpeg(80, 80))
        with pytest.raises(UsageError, match=r"left out: JPEG, which is no original: .* \(1\)$"):
            read_originals(tmp_path, 64)

    def test_16_bits_are_cut_to_8(self):
        deep = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
        picture = Picture.open(as_file(deep, "PNG"))
        np.testing.assert_array_equal(grey_of(picture), deep >> 8)
