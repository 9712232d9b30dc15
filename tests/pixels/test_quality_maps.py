"""Maps of planted collages and of flat areas; parts of a hand-made map."""

import numpy as np
import pytest

from checks.pictures import luma_of_pixels, scene
from jpegtrace.chain import simulate, splice
from jpegtrace.pixels.history import PixelHistory, PixelSource, find_pixel_history
from jpegtrace.pixels.parts import parts_of
from jpegtrace.pixels.quality import QualityMap, map_quality
from jpegtrace.tables import ZIGZAG, ijg_table


def mapped(pixels, stride=8):
    luma = luma_of_pixels(pixels)
    history = find_pixel_history(luma)
    return map_quality(luma, history, stride=stride), history


def collage(background, donor):
    """Pixels with a square of another history, its mask, both moved by one row and two columns."""
    mask = np.zeros((320, 384), np.uint8)
    mask[96:256, 128:288] = 1
    made = splice(
        scene(11, 320, 384), scene(12, 320, 384), mask,
        background_chain=background, donor_chain=donor, chain="crop:2,1",
    )  # fmt: skip
    return made.pixels, mask[1:, 2:].astype(bool)


def f1(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


class TestCollages:
    @pytest.mark.parametrize(
        ("background", "donor", "inside", "outside"),
        [
            (
                "jpeg:85",
                "jpeg:62 | crop:3,6",
                "62 on the grid from row 1, column 3",
                "85 on the grid from row 7, column 6",
            ),
            (
                "jpeg:62",
                "jpeg:85 | crop:3,6",
                "85 on the grid from row 1, column 3",
                "62 on the grid from row 7, column 6",
            ),
            ("jpeg:60", "jpeg:90", "90 on the grid from row 7, column 6", "60 on the grid from row 7, column 6"),
            ("jpeg:90", "jpeg:60", "60 on the grid from row 7, column 6", "90 on the grid from row 7, column 6"),
            ("", "jpeg:70", "70 on the grid from row 7, column 6", "never JPEG"),
            ("jpeg:70", "", "never JPEG", "70 on the grid from row 7, column 6"),
        ],
    )
    def test_the_part_is_found(self, background, donor, inside, outside):
        pixels, truth = collage(background, donor)
        found, history = mapped(pixels)
        parts = parts_of(found, history, 8)
        truth = truth[4::8, 4::8]
        labels = parts.labels[: truth.shape[0], : truth.shape[1]]
        for name, where in ((inside, truth), (outside, ~truth)):
            (place,) = (k for k, full in enumerate(parts.names) if full.endswith(name))
            assert f1(labels == place, where) >= 0.85, name

    def test_tables_of_parts_are_those_of_their_files(self):
        # Tiles across the border hold blocks of the other part, which have no say in this one's table.
        pixels, _ = collage("jpeg:62", "jpeg:90 | crop:3,6")
        _, history = mapped(pixels)
        assert [(s.name, s.origin) for s in history.sources] == [("IJG 62", (7, 6)), ("IJG 90", (1, 3))]


class TestMap:
    def test_one_history_is_told_everywhere(self):
        pixels = simulate(scene(8, 208, 216), "jpeg:80 | crop:3,5").pixels
        found, _ = mapped(pixels)
        assert found.quality.shape == (26, 27)
        told = ~np.isnan(found.quality)
        assert told.mean() > 0.95
        assert (np.abs(found.quality[told] - 80) <= 1).mean() > 0.98
        assert (found.source[told] == 0).all()
        assert (found.compressed[told] >= 0.9).all()
        assert set(np.unique(found.window[told])) <= {8, 24, 40, 72, 136}

    def test_flat_and_clipped_places_are_not_told(self):
        pixels = scene(15, 256, 320)
        pixels[:, 160:] = np.where(np.arange(160) < 80, 255, 90)[None, :, None]
        found, history = mapped(simulate(pixels, "jpeg:70 | crop:3,5").pixels)
        assert [(s.origin, s.quality) for s in history.sources] == [((3, 5), 70)]
        for values in (found.quality, found.compressed, found.source, found.window):
            assert np.isnan(values[:, 23:28]).mean() > 0.9
            assert np.isnan(values[:, -8:]).mean() > 0.9
        assert np.isnan(found.quality[2:-2, 2:17]).mean() < 0.1

    @pytest.mark.parametrize(("row", "col"), [(16, 8), (40, 0), (3, 6)])
    def test_shifting_the_picture_shifts_the_map(self, row, col):
        pixels, _ = collage("jpeg:85", "jpeg:62 | crop:3,6")
        whole, history = mapped(pixels)
        part, moved = mapped(pixels[row:, col:])
        assert [s.quality for s in moved.sources] == [s.quality for s in history.sources]
        assert [s.origin for s in moved.sources] == [
            ((s.origin[0] - row) % 8, (s.origin[1] - col) % 8) for s in history.sources
        ]
        down, across = round(row / 8), round(col / 8)
        before = whole.quality[down : down + part.quality.shape[0], across : across + part.quality.shape[1]]
        after = part.quality[: before.shape[0], : before.shape[1]]
        near = np.abs(before - after) <= 1
        assert near[~np.isnan(before) & ~np.isnan(after)].mean() > 0.95

    @pytest.mark.parametrize("stride", [5, 16, 50])
    def test_any_stride_reads_the_same(self, stride):
        pixels = simulate(scene(8, 203, 216), "jpeg:80 | crop:3,5").pixels
        found, _ = mapped(pixels, stride)
        assert found.quality.shape == (-(-198 // stride), -(-213 // stride))
        assert abs(np.nanmedian(found.quality) - 80) <= 1

    def test_without_a_history_nothing_is_told(self):
        found, history = mapped(scene(100, 192, 192))
        assert history.sources == ()
        assert np.isnan(found.quality).all()
        assert np.isnan(found.compressed).all()


def source(quality, origin, *, standard=True, name=""):
    table = ijg_table(quality).ravel()[ZIGZAG]
    return PixelSource(
        origin, table, np.ones(64, bool), name or f"IJG {quality}", quality, standard, 1.0, 0.12, False, 1.0, -99.0
    )


class TestParts:
    def made(self):
        """Of 20 x 24 places of 8 pixels: two histories side by side, none in a band below them."""
        quality = np.full((20, 24), 80, np.float32)
        quality[:, 12:] = 60
        quality[:8, :4] = 81  # too near to 80 to be a part
        quality[3, 20] = 90  # too small to be one
        at = np.where(np.arange(24) < 12, 0, 1) * np.ones((20, 1))
        compressed = np.ones((20, 24), np.float32)
        compressed[14:], quality[14:] = 0.02, np.nan
        at[14:] = np.nan
        history = PixelHistory((source(80, (0, 0)), source(61, (3, 5), standard=False, name="Kodak")), (), 1.0)
        return QualityMap(quality, compressed, at.astype(np.float32), np.full((20, 24), 24, np.float32)), history

    def test_names_boxes_and_shares(self):
        found, history = self.made()
        parts = parts_of(found, history, 8)
        assert parts.names == (
            "never JPEG",
            "JPEG 80 on the grid from row 0, column 0",
            "JPEG 60 on the grid from row 3, column 5",
        )
        np.testing.assert_array_equal(parts.labels[:14, :12], 1)
        np.testing.assert_array_equal(parts.labels[:14, 12:], 2)
        np.testing.assert_array_equal(parts.labels[14:], 0)
        assert parts.listed(0.01, 8, (157, 190)) == [
            ("JPEG 80 on the grid from row 0, column 0", pytest.approx(0.35), [0, 0, 96, 112]),
            ("JPEG 60 on the grid from row 3, column 5", pytest.approx(0.35), [96, 0, 94, 112]),
            ("never JPEG", pytest.approx(0.3), [0, 112, 190, 45]),
        ]
        assert [name for name, _, _ in parts.listed(0.32, 8, (157, 190))] == list(parts.names[1:])

    def test_another_table_keeps_its_name(self):
        found, history = self.made()
        found.quality[:, 12:] = np.where(np.isnan(found.quality[:, 12:]), np.nan, 61)
        assert parts_of(found, history, 8).names[2] == "Kodak on the grid from row 3, column 5"

    def test_large_unknown_areas_stay_unknown_and_small_ones_are_filled(self):
        found, history = self.made()
        large, small = (slice(0, 14), slice(0, 12)), (slice(2, 6), slice(14, 18))
        for values in (found.quality, found.compressed, found.source, found.window):
            values[small] = np.nan
        assert not np.isnan(parts_of(found, history, 8).labels).any()
        for values in (found.quality, found.compressed, found.source, found.window):
            values[large] = np.nan
        labels = parts_of(found, history, 4).labels  # the same map, its cells half as wide: too small to be left
        assert not np.isnan(labels[14:]).any()
        coarse = parts_of(found, history, 16).labels
        assert np.isnan(coarse[large]).all()
        assert not np.isnan(coarse[small]).any()

    def test_nothing_told_has_no_parts(self):
        found, history = self.made()
        for values in (found.quality, found.compressed, found.source, found.window):
            values[:] = np.nan
        parts = parts_of(found, history, 8)
        assert np.isnan(parts.labels).all()
        assert parts.listed(0.01, 8, (160, 192)) == []
