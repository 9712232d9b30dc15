"""Known histories are planted and recovered; what cannot be told is not told."""

import io

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace.analyses._past import last_compression_of, past_of
from jpegtrace.analyses.compression_count import Params, compression_count
from jpegtrace.analyses.primary_table import primary_table
from jpegtrace.chain import simulate
from jpegtrace.findings import Status
from jpegtrace.lattice.histograms import OneGrid, one_grid
from jpegtrace.picture import Picture
from jpegtrace.tables import ijg_table, named_table
from support.jpegs import random_parts, write_jpeg


def twice(seed, chain):
    return Picture.open(simulate(scene(seed, 256, 320), chain).data)


@pytest.mark.parametrize("quality", [60, 75, 85])
@pytest.mark.parametrize(("cut", "origin"), [("", [0, 0]), ("crop:3,5 | ", [3, 5])])
def test_a_planted_table_and_grid_are_recovered(quality, cut, origin):
    picture = twice(quality, f"jpeg:{quality} | {cut}jpeg:93")
    count = compression_count(picture)
    assert count.status is Status.OK
    assert (count.count, count.grid_origin) == (2, origin)
    found = primary_table(picture)
    assert found.quality == quality
    truth = ijg_table(quality).ravel().tolist()
    told = [(e, t) for e, t in zip(found.entries, truth, strict=True) if e is not None]
    assert len(told) >= 20
    assert all(e == t for e, t in told)


def test_a_finer_first_table_on_the_same_grid_is_seen_by_the_histograms():
    picture = twice(11, "jpeg:88 | jpeg:75")
    assert compression_count(picture, Params(one_grid_from=1.1)).values["count"] != 2  # the lattice does not tell it
    count = compression_count(picture)
    assert (count.count, count.grid_origin) == (2, [0, 0])
    assert count.probability == count.values["probability_double"] >= 0.99
    by_lattice, by_histograms = (count.values[f"probability_by_{name}"] for name in ("lattice", "histograms"))
    assert by_lattice < 0.9999
    assert by_histograms == count.values["probability_double"]
    assert compression_count(twice(11, "jpeg:75")).values["count"] != 2


def test_what_no_table_explains_is_not_told(monkeypatch):
    monkeypatch.setattr("jpegtrace.analyses._past.one_grid", lambda *_: OneGrid(0.9999, False))
    count = compression_count(twice(11, "jpeg:75"))
    assert count.status is Status.INCONCLUSIVE
    assert count.summary.endswith("no table that files have explains how; some cameras round like that.")
    assert (count.values["count"], count.values["histograms_doubted"]) == (None, True)
    assert count.values["probability_double"] is None
    assert not count.claims


def test_a_claim_by_a_threshold_of_ones_own_has_a_probability(monkeypatch):
    monkeypatch.setattr("jpegtrace.analyses._past.one_grid", lambda *_: OneGrid(0.9999, False))
    count = compression_count(twice(11, "jpeg:75"), Params(double_from=0.0))
    assert (count.status, count.count) == (Status.OK, 2)
    assert count.values["probability_double"] == count.probability is not None


def test_an_even_chance_that_no_table_explains_is_no_doubt(monkeypatch):
    monkeypatch.setattr("jpegtrace.analyses._past.one_grid", lambda *_: OneGrid(0.1, False))
    count = compression_count(twice(11, "jpeg:75"))
    assert count.values["histograms_doubted"] is False
    assert count.values["probability_double"] is not None


class TestDrawn:
    """Blocks that repeat make histograms and lattices of their own."""

    @staticmethod
    def saved(pixels, quality):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
        return Picture.open(stream.getvalue())

    @pytest.mark.parametrize("quality", [75, 90])
    @pytest.mark.parametrize("pitch", [17, 20, 25])
    def test_ruled_lines_saved_once_are_abstained_from(self, pitch, quality):
        pixels = np.full((480, 640, 3), 250, np.uint8)
        pixels[10::pitch] = 200
        picture = self.saved(pixels, quality)
        for analysis in (compression_count, primary_table):
            found = analysis(picture)
            assert found.status is Status.INCONCLUSIVE
            assert "most of its blocks are copies of others" in found.summary

    @pytest.mark.parametrize("quality", [90, 95, 98])
    def test_rendered_gradients_saved_once_are_not_called_twice(self, quality):
        down, across = np.mgrid[:512, :512]
        for ramp in (down / 4 + 60, across / 3 + 40, (down + across) / 6 + 30):
            picture = self.saved(np.stack([ramp, ramp * 0.8, ramp * 0.5 + 60], 2).astype(np.uint8), quality)
            assert compression_count(picture).values.get("count") != 2

    @pytest.mark.parametrize("quality", [50, 75, 90])
    def test_pictures_of_scenes_are_asked(self, quality):
        assert not isinstance(past_of(twice(3, f"jpeg:{quality}")), str)


def test_small_windows_are_left_to_the_lattice():
    picture = Picture.open(simulate(scene(7, 56, 56) // 2 + 60, "jpeg:60 | jpeg:90").data)
    assert compression_count(picture).status in (Status.OK, Status.INCONCLUSIVE)
    past = past_of(picture)
    assert not isinstance(past, str)
    assert past.one_grid is None  # 7 x 7 blocks: histograms need at least 64


class TestChroma:
    """Cb and Cr of the last compression, which the histograms ask, too."""

    @pytest.mark.parametrize(("subsampling", "factors"), [("444", (1, 1)), ("422", (2, 1)), ("420", (2, 2))])
    def test_of_every_subsampling(self, subsampling, factors):
        picture = Picture.open(simulate(scene(1, 90, 133), f"jpeg:80,{subsampling}").data)
        chroma = last_compression_of(picture).chroma
        assert chroma.factors == factors
        np.testing.assert_array_equal(chroma.table, ijg_table(80, "chroma"))
        for plane, stored in zip(chroma.blocks, picture.coefficients.components[1:], strict=True):
            assert plane is stored.blocks
        luma = last_compression_of(picture).blocks
        everything = chroma.beside(0, 0, *luma.shape[:2])
        assert [plane.shape for plane in everything.blocks] == [plane.shape for plane in chroma.blocks]

    def test_there_is_none_in_grey(self):
        picture = Picture.open(simulate(scene(1, 96, 96)[..., 1], "jpeg:80").data)
        assert last_compression_of(picture).chroma is None

    def test_nor_where_colours_were_not_converted(self):
        image, out = Image.fromarray(scene(1, 96, 96)), io.BytesIO()
        image.save(out, "jpeg", quality=80, keep_rgb=True)
        assert last_compression_of(Picture.open(out.getvalue())).chroma is None

    @pytest.mark.parametrize("sampling", [(4, 1), (1, 2)])
    def test_nor_of_a_kind_that_the_training_lacked(self, sampling):
        data = write_jpeg(160, 96, random_parts(160, 96, [sampling, (1, 1), (1, 1)]))
        assert last_compression_of(Picture.open(data)).chroma is None

    def test_nor_where_it_is_damaged(self):
        data = simulate(scene(1, 200, 200), "jpeg:80").data
        assert last_compression_of(Picture.open(data[: len(data) // 2])).chroma is None

    def test_it_has_a_say(self):
        picture = twice(11, "jpeg:88 | jpeg:75")
        luma = last_compression_of(picture)
        left, top, width, height = past_of(picture).window
        window = top // 8, left // 8, height // 8, width // 8
        here = luma.blocks[window[0] : window[0] + window[2], window[1] : window[1] + window[3]]
        asked = one_grid(here, luma.table, luma.chroma.beside(*window))
        assert past_of(picture).one_grid == asked != one_grid(here, luma.table)


def test_another_last_table_makes_no_difference():
    picture = twice(4, "jpeg:70 | crop:2,6 | jpeg:table=photoshop:save-as-12")
    assert primary_table(picture).quality == 70
    assert compression_count(picture).grid_origin == [2, 6]


def test_a_camera_table_is_read():
    picture = twice(5, "jpeg:table=kodak | crop:1,4 | jpeg:93")
    found = primary_table(picture)
    truth = named_table("kodak")[0].ravel().tolist()
    told = [(e, t) for e, t in zip(found.entries, truth, strict=True) if e is not None]
    assert len(told) >= 15
    assert np.mean([e == t for e, t in told]) >= 0.9


@pytest.mark.parametrize("quality", [60, 75, 90, 98])
@pytest.mark.parametrize("seed", range(4))
def test_once_is_not_called_twice(quality, seed):
    picture = Picture.open(as_file(scene(seed, 256, 320), quality=quality))
    assert compression_count(picture).values["count"] != 2
    assert primary_table(picture).status is Status.INCONCLUSIVE


def test_flat_and_clipped_pictures_abstain():
    flat = Picture.open(as_file(np.full((128, 128, 3), 120, np.uint8), quality=80))
    white = Picture.open(as_file(np.full((128, 128, 3), 255, np.uint8), quality=80))
    for picture in (flat, white, Picture.open(as_file(scene(1, 16, 16)))):
        finding = compression_count(picture)
        assert finding.status is Status.INCONCLUSIVE
        assert finding.summary.startswith("Cannot tell:")
        assert primary_table(picture).status is Status.INCONCLUSIVE


def test_shifting_the_picture_shifts_the_grid():
    pixels = scene(7, 300, 340)
    first = simulate(pixels, "jpeg:65").pixels
    for row, col in ((0, 1), (4, 0), (7, 7)):
        data = simulate(first[row : row + 256, col : col + 256].copy(), "jpeg:94").data
        assert compression_count(Picture.open(data)).grid_origin == [-row % 8, -col % 8]


def test_damaged_parts_are_left_out():
    data = simulate(scene(8, 512, 256), "jpeg:65 | crop:4,4 | jpeg:93").data
    picture = Picture.open(data[: len(data) * 3 // 4])
    left, top, width, height = compression_count(picture).window
    whole = picture.partial_coefficients.components[0].whole
    assert whole[top // 8 : (top + height) // 8, left // 8 : (left + width) // 8].all()
    assert compression_count(picture).grid_origin == [4, 4]
