"""Planted parts are found, described and mapped; pictures of one past are not divided."""

import dataclasses

import numpy as np
import pytest
from scipy.fft import dctn

from checks import pictures
from checks.pictures import as_file, scene
from jpegtrace.analyses import find_analysis
from jpegtrace.analyses._past import history_of, sources_of
from jpegtrace.chain import simulate
from jpegtrace.errors import UnsupportedFormat
from jpegtrace.findings import Status, Topic
from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.regions import OTHER, UNKNOWN, Segmentation, doubt_clipped, merge_alike, textured
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG, ijg_table

regions = find_analysis("regions")
primary_table = find_analysis("primary-table")


@pytest.fixture(scope="module")
def collage():
    return Picture.open(pictures.collage()[0])


def test_both_parts_are_described(collage):
    found = regions(collage)
    assert found.status is Status.OK
    assert found.sources == 2
    background, donor = found.parts
    assert (background["quality"], background["grid_origin"]) == (85, [7, 6])
    assert (donor["quality"], donor["grid_origin"]) == (62, [1, 3])
    assert background["share"] > donor["share"] > 0.15
    left, top, width, height = donor["box"]
    assert np.abs(np.array([left, top, left + width, top + height]) - [126, 95, 286, 255]).max() <= 24
    assert len(found.remarks) == 3
    assert found.remarks[2].text.startswith("IJG 62, grid shifted by 1 row and 3 columns: ")


def test_the_map_names_the_parts(collage):
    (labels,) = regions(collage).maps
    assert labels.cell == (8, 8)
    assert labels.labels[0] == "IJG 85, grid shifted by 7 rows and 6 columns"
    assert labels.values.shape == (40, 48)
    inside = labels.values[14:29, 18:33]
    assert labels.labels[int(np.median(inside))].startswith("IJG 62, grid shifted by 1 row and 3 columns")
    finer, probability = regions.maps_of(collage, stride=4)
    assert finer.values.shape == probability.values.shape == (80, 96)
    np.testing.assert_array_equal(np.isnan(finer.values), np.isnan(probability.values))
    assert np.mean(finer.values[::2, ::2] == labels.values) > 0.95


def test_the_first_table_is_mapped(collage):
    maps = {m.name: m for m in primary_table.maps_of(collage, stride=8)}
    assert len(maps) == 18
    quality = maps["first quality"].values
    assert np.nanmedian(quality[14:29, 18:33]) == 62
    assert np.nanmedian(quality[:, :12]) == 85
    assert np.nanmedian(maps["entry 1"].values[14:29, 18:33]) == 12
    assert maps["first grid"].labels[int(np.nanmedian(maps["first grid"].values[14:29, 18:33]))] == "row 1, column 3"


def test_shifting_the_picture_shifts_the_map():
    first = simulate(scene(21, 304, 336), "jpeg:65").pixels
    whole = primary_table.maps_of(Picture.open(simulate(first, "jpeg:94").data))[2]
    part = primary_table.maps_of(Picture.open(simulate(first[19:, 13:].copy(), "jpeg:94").data))[2]
    assert whole.labels[int(np.nanmedian(whole.values))] == "row 0, column 0"
    assert part.labels[int(np.nanmedian(part.values))] == "row 5, column 3"


@pytest.mark.parametrize("chain", ["jpeg:70 | crop:3,5 | jpeg:93", "jpeg:80 | jpeg:95"])
def test_one_past_is_one_part(chain):
    found = regions(Picture.open(simulate(scene(22, 320, 320), chain).data))
    assert found.sources == 1
    assert not found.remarks
    assert found.summary.startswith("One past throughout: IJG")


@pytest.mark.parametrize("seed", [23, 25])
def test_vivid_colours_are_no_other_part(seed):
    vivid = scene(seed, 320, 320).astype(float)
    vivid[:, 160:] += (110, 0, -100)  # decoders cut red and blue off there, which breaks the lattice of luma
    found = regions(Picture.open(simulate(np.clip(vivid, 0, 255).astype(np.uint8), "jpeg:75 | jpeg:90").data))
    assert found.sources == 1
    assert found.parts[0]["quality"] == pytest.approx(75, abs=1)
    assert found.undecided == pytest.approx(0.5, abs=0.05)
    tells = f"{1 - found.undecided:.0%}"
    assert found.summary.startswith(f"One past in all that tells anything, {tells} of the picture: ")
    assert (
        found.claims[0].text == f"No part with another past was found in the {tells} of the picture that tell anything."
    )
    assert "clipped colours" in found.claims[0].not_mean


@pytest.mark.parametrize("stride", [3, 4, 8, 16])
def test_pieces_of_clipped_blocks_are_taken_back_where_no_past_fits(stride):
    clear = np.ones((12, 12), bool)
    clear[2:6, 2:5] = False  # three quarters of the first piece
    clear[8:12, 8:9] = clear[0] = False  # a quarter of the second, and some of what has a past
    labels = np.ones((12, 12), np.int8)
    labels[2:6, 2:6] = labels[8:12, 8:12] = OTHER
    expected = labels.copy()
    expected[2:6, 2:6] = UNKNOWN
    place = np.arange(0, 96, stride) // 8
    given = labels[place[:, None], place]
    found = Segmentation((), (), given, np.ones(given.shape, np.float32))
    doubt_clipped(found, clear, stride)
    np.testing.assert_array_equal(found.labels, expected[place[:, None], place])
    np.testing.assert_array_equal(found.probability, found.labels != UNKNOWN)


def test_sources_that_read_alike_become_one():
    def past(quality, origin=(0, 0)):
        return Hypothesis(origin, ijg_table(quality).ravel()[ZIGZAG], f"IJG {quality}", quality)

    labels = np.array([[1, 1, 1, 1], [1, 2, 2, 2], [3, 3, 4, OTHER]], np.int8)
    found = Segmentation((past(75),) * 4, (0, 1, 2, 3), labels, np.ones(labels.shape, np.float32))
    merge_alike(found, [past(75), past(78), past(75, (4, 6)), past(30)])
    assert found.labels.tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [3, 3, 4, OTHER]]


def test_brightness_between_two_saves_is_no_other_part():
    first = simulate(scene(22, 320, 320, noise=6), "jpeg:60").pixels
    brighter = np.clip(1.3 * first, 0, 255).astype(np.uint8)
    found = regions(Picture.open(simulate(brighter, "jpeg:90").data))
    assert found.status is not Status.OK or found.sources == 1


def half_rough(seed):
    """A scene whose left half has a rough texture."""
    pixels = scene(seed, 320, 320, noise=3).astype(float)
    pixels[:, :160] += np.random.default_rng(seed).normal(0, 12, (320, 160, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def test_a_curve_between_two_saves_is_no_other_part():
    found = regions(Picture.open(simulate(half_rough(30), "jpeg:70 | gamma:0.9 | jpeg:92").data))
    assert found.status is Status.INCONCLUSIVE
    assert found.summary == "Cannot tell: 2 parts differ, as where the picture was altered between two saves."


def test_what_was_never_jpeg_is_a_part_of_an_untouched_picture_on_one_grid():
    pixels = simulate(half_rough(30), "jpeg:70").pixels.copy()
    pixels[96:224, 96:224] = scene(80, 320, 320, noise=8)[96:224, 96:224]
    found = regions(Picture.open(simulate(pixels, "jpeg:92").data))
    assert found.summary == "2 parts with different pasts."
    assert found.parts[1]["share"] == pytest.approx(0.16, abs=0.02)


def test_pasts_on_one_grid_are_not_claimed_to_be_parts(monkeypatch):
    def divided(picture, *_):
        found = sources_of(picture, history_of(picture, 256))
        pasts = tuple(dataclasses.replace(past, origin=(3, 5)) for past in found.pasts)
        return dataclasses.replace(found, pasts=pasts)

    monkeypatch.setattr("jpegtrace.analyses.regions.sources_of", divided)
    found = regions(Picture.open(pictures.collage()[0]))
    assert found.status is Status.INCONCLUSIVE
    assert "lie on one grid, as where brightness" in found.summary


def test_parts_that_no_window_confirms_are_not_claimed(collage, monkeypatch):
    monkeypatch.setattr("jpegtrace.analyses.regions.CONFIRMED", 1.01)
    found = regions(collage)
    assert found.status is Status.INCONCLUSIVE
    assert found.summary == "Cannot tell: 2 parts seem to differ, but no window inside one of them confirms its past."
    assert not found.claims
    assert len(found.maps) == 1


@pytest.mark.parametrize("quality", [70, 90, 97])
def test_a_picture_compressed_once_is_not_divided(quality):
    found = regions(Picture.open(as_file(scene(23, 320, 320), quality=quality)))
    assert found.status is Status.INCONCLUSIVE
    assert not found.maps


def test_what_was_asked_before_makes_no_difference():
    data = simulate(scene(24, 320, 320), "jpeg:70 | crop:3,5 | jpeg:93").data
    asked, fresh = Picture.open(data), Picture.open(data)
    regions.maps_of(asked, regions.parameters(most_windows_mapped=400), stride=16)
    assert regions(asked).to_dict() == regions(fresh).to_dict()


def test_three_generations_are_not_three_parts():
    found = regions(Picture.open(simulate(scene(25, 320, 384), "jpeg:75 | crop:3,5 | jpeg:92 | jpeg:85").data))
    assert found.status is not Status.OK or found.sources == 1


def test_what_is_lost_is_not_told():
    data = simulate(scene(8, 512, 320), "jpeg:65 | crop:4,4 | jpeg:93").data
    picture = Picture.open(data[: len(data) * 2 // 3])
    lost = ~picture.partial_coefficients.components[0].whole
    assert lost.any()
    for found in (*regions.maps_of(picture), *primary_table.maps_of(picture)):
        assert np.isnan(found.values[lost]).all()


def test_nowhere_to_look_is_not_nothing_found():
    flat = regions(Picture.open(as_file(np.full((128, 128, 3), 120, np.uint8), quality=80)))
    assert flat.status is Status.INCONCLUSIVE
    assert flat.summary.startswith("Cannot tell: no window")


def test_progress_rises_to_the_end(collage):
    shares = []
    primary_table.maps_of(Picture.open(collage.data), stride=8, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_map_needs_pixels_that_were_jpeg():
    with pytest.raises(UnsupportedFormat, match="its pixels show no trace of a JPEG compression"):
        regions.maps_of(Picture.open(as_file(scene(1), "PNG")))


class TestSmooth:
    """Zeros on any grid fit a coarse table, and DC does in bands of an even sky."""

    LAST = np.ones((8, 8), np.uint16)  # so that stored values are what a block holds, rounded

    @staticmethod
    def stored(luma):
        """Blocks of the last compression with steps of 1."""
        rows, cols = (n // 8 for n in luma.shape)
        return np.rint(dctn((luma - 128).reshape(rows, 8, cols, 8), axes=(1, 3), norm="ortho")).swapaxes(1, 2)

    @pytest.mark.parametrize("origin", [(0, 0), (3, 0), (0, 5), (3, 5)])
    @pytest.mark.parametrize("stride", [4, 8])
    def test_share_of_blocks_with_more_than_dc(self, origin, stride):
        """Of six blocks inside two have a wave of 2 steps and one of .6; one has .4, which is none."""
        past = Hypothesis(origin, np.full(64, 40, np.uint16), "forty", 0)
        luma = np.full((32, 48), 130.0)
        wave = 40 * np.cos((np.arange(8) + 0.5) * np.pi / 8) / np.sqrt(32)  # one step at frequency (0, 1)
        for row, col, size in ((0, 1, 2), (1, 1, 2), (2, 2, 0.6), (1, 2, 0.4), (2, 3, 9)):
            top, left = origin[0] + 8 * row, origin[1] + 8 * col
            luma[top : top + 8, left : left + 8] += size * wave
        middle = [8 * np.arange(n) + start + 4 for n, start in zip((3, 5), origin, strict=True)]
        inside = np.zeros((32 // stride, 48 // stride), bool)
        inside[np.ix_(middle[0] // stride, middle[1][1:3] // stride)] = True
        blocks = self.stored(luma).astype(np.int16)
        assert textured(blocks, self.LAST, past, inside, stride) == pytest.approx(3 / 6)
        assert textured(blocks, self.LAST, past, np.zeros_like(inside), stride) == 0

    def test_an_unknown_step_is_none(self):
        luma = np.random.default_rng(1).uniform(0, 255, (16, 16))
        past = Hypothesis((0, 0), np.array([16] + 63 * [0], np.uint16), "DC only", 0)
        assert textured(self.stored(luma).astype(np.int16), self.LAST, past, np.ones((2, 2), bool)) == 0

    def test_a_picture_of_one_row_of_blocks(self):
        past = Hypothesis((3, 5), np.full(64, 9, np.uint16), "nine", 0)
        assert textured(np.ones((1, 4, 8, 8), np.int16), self.LAST, past, np.ones((1, 4), bool)) == 0

    @staticmethod
    def half_sky():
        """An even sky that was JPEG before, over a texture that was not."""
        rows, cols = np.mgrid[:192, :384]
        sky = np.clip(np.stack([90 + rows / 3 + cols / 9] * 3, 2), 0, 255).astype(np.uint8)
        before = Picture.open(simulate(sky, "jpeg:40").data).raster.pixels[3:, 5:]
        pixels = scene(3, 384, 379).copy()
        pixels[:189] = before[:189, :379]
        return simulate(pixels, "jpeg:96").data

    def test_a_smooth_part_is_not_told(self, monkeypatch):
        half_sky = self.half_sky()
        found = regions(Picture.open(half_sky))
        assert found.status is Status.INCONCLUSIVE
        assert not found.claims
        monkeypatch.setattr("jpegtrace.lattice.regions.TEXTURED", -1)  # without the rule it would be accused
        assert regions(Picture.open(half_sky)).values["sources"] == 2

    @pytest.mark.parametrize("cut", [1, 3, 4, 5, 7])
    def test_pixels_whose_grid_does_not_begin_at_the_corner(self, cut):
        decoded = Picture.open(simulate(scene(5, 256, 256), "jpeg:70 | jpeg:92").data).raster.pixels
        picture = Picture.open(as_file(decoded[cut:, cut:], "PNG"))
        assert regions(picture).status in (Status.OK, Status.INCONCLUSIVE)


def test_a_finer_compression_on_the_same_grid_is_not_taken_for_parts():
    """Of a whole picture saved at 92 and 85 the first table shows in places only."""
    smooth = scene(7, 384, 384, slope=1.6)
    smooth[:, 192:] = scene(8, 384, 192, slope=0.8, noise=6)
    found = regions(Picture.open(simulate(smooth, "jpeg:92 | jpeg:85").data))
    assert found.status is not Status.OK or found.sources == 1
    assert not [claim for claim in found.claims if claim.topic is Topic.EDIT]


def test_drawings_are_abstained_from():
    pixels = np.full((384, 512, 3), 250, np.uint8)
    pixels[10::17] = 200
    found = regions(Picture.open(as_file(pixels, quality=90)))
    assert found.status is Status.INCONCLUSIVE
    assert "copies of others" in found.summary
