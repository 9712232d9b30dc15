"""Samples between two compressions: what was planted is there, and nothing else happened."""

import math
import subprocess
import sys

import numpy as np
import pytest

from jpegtrace.chain import filters
from jpegtrace.chain.codec import compress, decompress
from jpegtrace.errors import ChainError, UsageError
from jpegtrace.tables import ijg_table
from jpegtrace_training import manipulations as m
from support.pictures import scene

PICTURE = scene(150, 171)
QUALITIES = {"first_quality": 96, "last_quality": 70}
SMALL = {"piece": 120, "side": 48}


def through_jpeg(pixels, quality):
    tables = ijg_table(quality), ijg_table(quality, "chroma")
    return decompress(compress(pixels, *tables, "420"), tables, "420", *pixels.shape[:2])


def drawn_piece(picture, side, rng):
    """The piece that `make` draws, by the same generator."""
    top, left = (int(rng.integers(extent - side + 1)) for extent in picture.shape[:2])
    return picture[top : top + side, left : left + side]


class TestTasks:
    def test_classes(self):
        names = {name: task.classes for name, task in m.TASKS.items()}
        scaling = ["0.5", "0.6", "0.7", "0.8", "0.9", "none", "1.1", "1.2", "1.3", "1.4", "1.5"]
        assert names == {
            "scale-bilinear": tuple(scaling),
            "scale-bicubic": tuple(scaling),
            "noise": ("none", "0.1", "0.3", "0.6", "0.9", "1.2", "1.5", "1.8"),
            "median": ("none", "3", "5", "7", "9", "11", "13", "15"),
            "gaussian": ("none", "3", "7", "11", "15"),
        }

    @pytest.mark.parametrize("task", m.TASKS.values(), ids=list(m.TASKS))
    def test_values_ascend_and_one_is_neutral(self, task):
        assert list(task.values) == sorted(set(task.values))
        assert task.classes.count("none") == 1
        assert [task.nearest(value) for value in task.values] == list(range(len(task.values)))
        for value in task.values:
            task.check(value)

    def test_between_classes_the_nearest_counts(self):
        assert m.TASKS["scale-bicubic"].nearest(0.74) == 2
        assert m.TASKS["gaussian"].nearest(5) == 1  # of 3 and 7 the smaller
        assert m.TASKS["noise"].nearest(7.0) == 7

    @pytest.mark.parametrize("value", [*m.FACTORS, 0.617])
    def test_needed_is_the_least_that_leaves_enough(self, value):
        task = m.TASKS["scale-bilinear"]
        needed = task.needed(256, value)
        assert task.extent(needed, value) >= 256 > (needed - 1) * value

    def test_half_of_512_is_256(self):
        assert m.TASKS["scale-bilinear"].needed(256, 0.5) == 512


class TestManipulations:
    """Against OpenCV, which the protocol follows."""

    @pytest.mark.parametrize(("name", "code"), [("scale-bilinear", "INTER_LINEAR"), ("scale-bicubic", "INTER_CUBIC")])
    @pytest.mark.parametrize("factor", [0.5, 0.6, 0.9, 1.3, 1.5, 0.777])
    def test_scaling(self, name, code, factor):
        cv2 = pytest.importorskip("cv2")
        wanted = cv2.resize(PICTURE, None, fx=factor, fy=factor, interpolation=getattr(cv2, code))
        found = m.manipulate(PICTURE, name, factor)
        assert found.shape == wanted.shape == (round(150 * factor), round(171 * factor), 3)
        # OpenCV interpolates bytes with 11-bit weights; bilinear it cuts bits off between rows and columns, too.
        assert np.abs(found.astype(int) - wanted).max() <= 1
        assert (found == wanted).mean() > 0.85

    def test_scaling_by_hand(self):
        """Half: the mean of four; one and a half: samples at -1/6, 1/2, 7/6, 11/6, 5/2, 19/6."""
        four = np.arange(0, 160, 10, np.uint8).reshape(4, 4)[..., None].repeat(3, 2)
        assert m.manipulate(four, "scale-bilinear", 0.5)[..., 0].tolist() == [[25, 45], [105, 125]]
        row = m.manipulate(four, "scale-bilinear", 1.5)[0, :, 0]
        assert row.tolist() == [math.floor(value + 0.5) for value in (0, 5, 70 / 6, 110 / 6, 25, 30)]
        # Weights of the cubic halfway: (a, 4 - a) / 8 on each side, -0.09375 and 0.59375 with OpenCV's a of -0.75.
        pair = np.array([40, 200, 100, 80], np.uint8)[None, :, None].repeat(4, 0).repeat(3, 2)
        halfway = [0.5 * 40 + 0.59375 * 200 - 0.09375 * 100, 0.59375 * 180 - 0.09375 * 200 - 0.09375 * 80]
        assert m.manipulate(pair, "scale-bicubic", 0.5)[0, :, 0].tolist() == [round(value) for value in halfway]

    @pytest.mark.parametrize("size", [3, 5, 7, 11, 15])
    def test_blurs(self, size):
        cv2 = pytest.importorskip("cv2")
        np.testing.assert_array_equal(
            m.manipulate(PICTURE, "gaussian", size), cv2.GaussianBlur(PICTURE, (size,) * 2, 0)
        )
        np.testing.assert_array_equal(m.manipulate(PICTURE, "median", size), cv2.medianBlur(PICTURE, size))

    @pytest.mark.parametrize("size", [11, 15])
    def test_sigma_follows_from_the_size(self, size):
        """sigma = 0.3 ((size - 1) / 2 - 1) + 0.8; a bright column shows the kernel."""
        sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
        column = np.zeros((size, 40, 3), np.uint8)
        column[:, 20] = 255
        shown = m.manipulate(column, "gaussian", size)[size // 2, 20 - size // 2 : 21 + size // 2, 0]
        bell = [math.exp(-(x * x) / (2 * sigma * sigma)) for x in range(-(size // 2), size // 2 + 1)]
        np.testing.assert_allclose(shown, 255 * np.array(bell) / sum(bell), atol=1.5)

    @pytest.mark.parametrize("variance", [0.3, 1.8, 9.0])
    def test_noise_in_grey_levels(self, variance):
        flat = np.full((200, 200, 3), 128, np.uint8)
        noisy = m.manipulate(flat, "noise", variance, np.random.default_rng(0), noise_scale="grey").astype(float)
        # What rounding to whole levels makes of the bell.
        levels = np.arange(-20, 21)
        edges = np.array([math.erf((level - 0.5) / math.sqrt(2 * variance)) for level in [*levels, 21]])
        assert noisy.var() == pytest.approx((levels**2 * np.diff(edges) / 2).sum(), rel=0.03)
        assert noisy.var() == pytest.approx(variance + 1 / 12, rel=0.1)
        assert noisy.mean() == pytest.approx(128, abs=0.05)

    @pytest.mark.parametrize("variance", [0.1, 1.8])
    def test_noise_in_units_is_clipped(self, variance):
        """A bell around the middle whose tails, beyond half a unit, lie on the ends of the range."""
        flat = np.full((200, 200, 3), 128, np.uint8)
        noisy = m.manipulate(flat, "noise", variance, np.random.default_rng(0)) / 255
        sigma = math.sqrt(variance)
        inside = math.erf(0.5 / (sigma * math.sqrt(2)))
        density = math.exp(-0.125 / variance) / math.sqrt(2 * math.pi)
        clipped = variance * inside - sigma * density + 0.25 * (1 - inside)
        assert noisy.var() == pytest.approx(clipped, rel=0.02)
        assert ((noisy == 0) | (noisy == 1)).mean() == pytest.approx(1 - inside, abs=0.01)

    def test_noise_without_clipping_has_the_stated_variance_in_units(self):
        flat = np.full((200, 200, 3), 128, np.uint8)
        noisy = m.manipulate(flat, "noise", 0.01, np.random.default_rng(0)) / 255
        assert noisy.var() == pytest.approx(0.01, rel=0.02)

    def test_channels_have_noise_of_their_own(self):
        noisy = m.manipulate(np.full((64, 64, 3), 128, np.uint8), "noise", 0.01, np.random.default_rng(0))
        assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.1

    @pytest.mark.parametrize("name", m.TASKS)
    def test_the_neutral_value_changes_nothing(self, name):
        np.testing.assert_array_equal(m.manipulate(PICTURE, name, m.TASKS[name].neutral), PICTURE)


class TestMake:
    @pytest.mark.parametrize("name", m.TASKS)
    def test_none_is_the_two_compressions_and_nothing_else(self, name):
        index = m.TASKS[name].classes.index("none")
        found = m.make(PICTURE, name, index, np.random.default_rng(4), **QUALITIES, **SMALL)
        piece = drawn_piece(PICTURE, 120, np.random.default_rng(4))
        twice = through_jpeg(through_jpeg(piece, 96), 70)
        np.testing.assert_array_equal(found, filters.luma_of(twice)[36:84, 36:84])
        assert found.dtype == np.uint8

    @pytest.mark.parametrize("name", ["scale-bilinear", "scale-bicubic", "median", "gaussian"])
    @pytest.mark.parametrize("label", [0, 1, 3, -1])
    def test_a_sample_is_the_middle_of_the_whole_piece_treated(self, name, label):
        """Although only what reaches the middle is computed."""
        task = m.TASKS[name]
        value = task.values[label]
        found = m.make(PICTURE, name, None, np.random.default_rng(5), value=value, **QUALITIES, **SMALL)
        piece = drawn_piece(PICTURE, 120, np.random.default_rng(5))
        whole = through_jpeg(m.manipulate(through_jpeg(piece, 96), task, value), 70)
        start = (len(whole) - 48) // 2
        np.testing.assert_array_equal(found, filters.luma_of(whole)[start : start + 48, start : start + 48])

    def test_noise_is_added_to_what_was_decoded(self):
        flat = np.full((80, 80, 3), 128, np.uint8)
        noise = {"value": 100.0, "noise_scale": "grey", "first_quality": 95, "last_quality": 100}
        found = m.make(flat, "noise", None, np.random.default_rng(0), piece=80, side=64, **noise)
        # Luminance is a weighted sum of three independent samples, and survives quality 100.
        assert found.var() == pytest.approx(100 * (0.299**2 + 0.587**2 + 0.114**2), rel=0.1)

    def test_a_class_is_its_value(self):
        by_class = m.make(PICTURE, "gaussian", 2, np.random.default_rng(1), **QUALITIES, **SMALL)
        by_value = m.make(PICTURE, m.TASKS["gaussian"], None, np.random.default_rng(1), value=7, **QUALITIES, **SMALL)
        np.testing.assert_array_equal(by_class, by_value)

    def test_where_the_grid_falls(self):
        """What the module says of pieces of 512: the grid alone tells factors apart, unless the middle is aligned."""
        task = m.TASKS["scale-bilinear"]
        begins = [(task.extent(512, factor) - 256) // 2 % 8 for factor in task.values]
        assert begins == [0, 1, 3, 5, 6, 0, 1, 3, 5, 6, 0]
        for factor in task.values:
            assert m._middle(task.extent(512, factor), 256, aligned=True).start % 8 == 0

    @pytest.mark.parametrize("aligned", [False, True])
    def test_the_last_grid_is_where_it_is_said_to_be(self, aligned):
        """At a low quality steps between columns are largest at the edges of blocks."""
        sample = {"piece": 120, "side": 96, "first_quality": 97, "last_quality": 5, "aligned": aligned}
        found = m.make(PICTURE, "scale-bicubic", None, np.random.default_rng(2), value=0.9, **sample)
        # 0.9 of 120 is 108; the middle begins at 6, aligned at 0.
        steps = np.abs(np.diff(found.astype(int), axis=1)).sum(0)
        edges = np.bincount((np.arange(1, 96)) % 8, steps) / np.bincount(np.arange(1, 96) % 8)
        assert int(edges.argmax()) == (0 if aligned else 2)

    def test_more_is_taken_where_too_little_would_be_left(self):
        found = m.make(PICTURE, "scale-bilinear", 0, np.random.default_rng(1), piece=64, side=70, **QUALITIES)
        assert found.shape == (70, 70)
        piece = drawn_piece(PICTURE, 140, np.random.default_rng(1))
        whole = through_jpeg(m.manipulate(through_jpeg(piece, 96), "scale-bilinear", 0.5), 70)
        np.testing.assert_array_equal(found, filters.luma_of(whole))

    def test_a_smaller_picture_is_used_whole(self):
        found = m.make(PICTURE, "median", 1, np.random.default_rng(1), side=64, **QUALITIES)
        whole = through_jpeg(m.manipulate(through_jpeg(PICTURE, 96), "median", 3), 70)
        np.testing.assert_array_equal(found, filters.luma_of(whole)[43:107, 53:117])

    def test_too_small(self):
        with pytest.raises(ChainError, match="needs a picture of 200x200 to leave 100x100; this is 171x150"):
            m.make(PICTURE, "scale-bilinear", 0, np.random.default_rng(0), side=100, **QUALITIES)
        with pytest.raises(ChainError, match="needs a picture of 8x8"):
            m.manipulate(PICTURE[:7, :7], "gaussian", 15)

    @pytest.mark.parametrize("picture", [PICTURE[..., 0], PICTURE.astype(np.float32), np.zeros((60, 60, 4), np.uint8)])
    def test_not_a_picture(self, picture):
        with pytest.raises(ChainError, match="must be uint8"):
            m.make(picture, "noise", 0, np.random.default_rng(0), side=32, **QUALITIES)

    @pytest.mark.parametrize(
        ("name", "index", "value", "said"),
        [
            ("sharpen", 0, None, "there is no task 'sharpen'; there are scale-bilinear"),
            ("median", 8, None, "median has classes 0 to 7, not 8"),
            ("median", -1, None, "median has classes"),
            ("median", None, None, "either a class or a value"),
            ("median", 1, 3.0, "either a class or a value"),
            ("median", None, 4.0, "must be odd, not 4"),
            ("gaussian", None, -1.0, "must be odd, not -1"),
            ("scale-bicubic", None, 0.0, "must be more than 0"),
            ("scale-bicubic", None, math.inf, "must be more than 0"),
            ("noise", None, -0.1, "must be 0 or more"),
            ("noise", None, math.nan, "must be 0 or more"),
        ],
    )
    def test_wrong_calls(self, name, index, value, said):
        with pytest.raises(UsageError, match=said):
            m.make(PICTURE, name, index, np.random.default_rng(0), value=value, **QUALITIES, **SMALL)

    def test_wrong_noise(self):
        with pytest.raises(UsageError, match="'unit', 'grey'"):
            m.make(PICTURE, "noise", 1, np.random.default_rng(0), noise_scale="dB", **QUALITIES, **SMALL)
        with pytest.raises(UsageError, match="needs a generator"):
            m.manipulate(PICTURE, "noise", 1)


class TestDraw:
    @pytest.mark.parametrize("name", m.TASKS)
    def test_shapes_balance_and_truth(self, name):
        task, small = m.TASKS[name], np.zeros((20, 20, 3), np.uint8)
        count = 2 * len(task.values) + 1
        samples, labels, truth = m.draw([small, PICTURE], name, count, np.random.default_rng(0), **SMALL)
        assert samples.shape == (count, 1, 48, 48)
        assert (samples.dtype, labels.dtype) == (np.uint8, np.int64)
        assert sorted(np.bincount(labels, minlength=len(task.values))) == [2] * (len(task.values) - 1) + [3]
        assert truth["value"].tolist() == [task.values[label] for label in labels]
        assert set(truth["picture"]) == {1}
        assert {len(column) for column in truth.values()} == {count}
        assert set(truth["first_quality"]) <= {95, 96, 97}
        assert 50 <= truth["last_quality"].min() < truth["last_quality"].max() <= 90

    def test_the_same_generator_gives_the_same(self):
        once, again, other = (m.draw([PICTURE], "noise", 6, np.random.default_rng(s), **SMALL) for s in (3, 3, 4))
        np.testing.assert_array_equal(once[0], again[0])
        np.testing.assert_array_equal(once[1], again[1])
        assert (once[0] != other[0]).any()

    def test_a_fixed_quality(self):
        _, _, truth = m.draw([PICTURE], "median", 5, np.random.default_rng(0), last_quality=(90, 90), **SMALL)
        assert truth["last_quality"].tolist() == [90] * 5

    @pytest.mark.parametrize(("name", "low", "high"), [("scale-bicubic", 0.6, 1.4), ("noise", 0.1, 1.8)])
    def test_values_between_the_classes(self, name, low, high):
        task = m.TASKS[name]
        _, labels, truth = m.draw([PICTURE], name, 20, np.random.default_rng(0), values=(low, high), **SMALL)
        assert low <= truth["value"].min() < truth["value"].max() <= high
        assert labels.tolist() == [task.nearest(value) for value in truth["value"]]
        assert not set(truth["value"]) & set(task.values)

    def test_sizes_between_the_classes(self):
        _, _, truth = m.draw([PICTURE], "gaussian", 30, np.random.default_rng(0), values=(3, 9), **SMALL)
        assert set(truth["value"]) == {3.0, 5.0, 7.0, 9.0}

    def test_pictures_too_small_for_one_class_serve_none(self):
        with pytest.raises(ChainError, match="no picture has the 96x96 pixels"):
            m.draw([PICTURE[:90, :90]], "scale-bilinear", 3, np.random.default_rng(0), **SMALL)

    def test_wrong_values(self):
        with pytest.raises(UsageError, match=r"not from 1\.5 to 0\.5"):
            m.draw([PICTURE], "scale-bilinear", 3, np.random.default_rng(0), values=(1.5, 0.5), **SMALL)
        with pytest.raises(UsageError, match="must be odd"):
            m.draw([PICTURE], "median", 3, np.random.default_rng(0), values=(3, 6), **SMALL)


def test_nothing_here_needs_torch():
    told = "import sys, jpegtrace_training.manipulations; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
