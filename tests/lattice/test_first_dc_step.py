"""Evidence of stored DC values for a first step of DC."""

import numpy as np
import pytest

from jpegtrace.lattice.first_dc_step import (
    FURTHEST,
    HEAPED,
    LEAST,
    SPREAD,
    cells_beside,
    dc_log_ratios,
    sharp_pattern,
    spread,
)
from jpegtrace.lattice.first_steps import ERROR, KEPT, STEPS


def stored(first, last, rng, count=1024):
    """DC values of a picture in a few tones, rounded to one step and then to another, with errors between."""
    tones = rng.uniform(-800, 800, 6)
    values = tones[rng.integers(6, size=count)] + rng.normal(0, 90, count)
    if first is not None:
        values = np.rint(values / first) * first
    return np.rint((values + rng.normal(0, 0.3, count)) / last).astype(np.int16)


def kernel(cells, wide):
    """The Gaussian that smooths, as a matrix, as far as it reaches."""
    reach = int(4 * wide + 0.5)
    apart = np.arange(cells)[:, None] - np.arange(cells)
    weights = np.exp(-((apart / wide) ** 2) / 2) * (np.abs(apart) <= reach)
    return weights / np.exp(-((np.arange(-reach, reach + 1) / wide) ** 2) / 2).sum()


class TestPattern:
    def test_by_hand(self):
        """Steps 3 then 10: cells hold 3, 3.5, 3.5 multiples in turn, and smoothing leaves next to nothing of that."""
        found = sharp_pattern(10, ERROR, SPREAD)
        middle = cells_beside(10)
        wanted = KEPT * np.array([-0.1, 0.05, 0.05, -0.1, 0.05, 0.05])
        np.testing.assert_allclose(found[middle : middle + 6, 3 - 1], wanted, atol=2e-3)

    def test_is_the_same_on_both_sides_of_zero(self):
        np.testing.assert_allclose(sharp_pattern(7, ERROR, SPREAD), sharp_pattern(7, ERROR, SPREAD)[::-1], atol=1e-5)

    def test_steps_that_repeat_more_slowly_than_the_smoothing_reaches_say_nothing(self):
        """Over 2 cells of 5 units: first steps up to 20 speak."""
        found = np.abs(sharp_pattern(5, ERROR, 2.0)).max(0)
        assert (found[[7 - 1, 18 - 1, 20 - 1]] > 0.3).all()
        assert not found[20:].any()

    def test_is_not_to_be_written_to(self):
        with pytest.raises(ValueError, match="read-only"):
            sharp_pattern(9, ERROR, SPREAD)[0] = 1


class TestLogRatios:
    @pytest.mark.parametrize(("first", "last"), [(3, 10), (4, 6), (None, 7), (24, 40)])
    def test_by_the_formula(self, first, last):
        values = stored(first, last, np.random.default_rng(1))
        beside = cells_beside(last)
        counts = np.array([(values == k).sum() for k in range(-beside, beside + 1)])
        wide = {10: 4.0, 4: 4.0, 6: 4.0, 7: 4.0, 40: 2**0.5}[last]  # 64 units are 1.6 cells of 40
        around = kernel(len(counts), wide) @ counts
        b = around + LEAST
        v = b + HEAPED * b**2
        r = np.sign(counts - around) * np.minimum(np.abs(counts - around), FURTHEST * np.sqrt(v))
        for step in (1, 3, 4, 20):
            d = sharp_pattern(last, ERROR, wide)[:, step - 1]
            wanted = (b / v * r * d).sum() - (b**2 / v * d**2).sum() / 2
            assert dc_log_ratios(values, last)[step - 1] == pytest.approx(wanted, abs=1e-2, rel=1e-3)

    @pytest.mark.parametrize(("first", "last"), [(2, 5), (3, 10), (4, 6), (7, 11), (9, 5), (20, 10)])
    def test_the_step_that_was_planted_has_most(self, first, last):
        rng = np.random.default_rng([first, last])
        found = np.mean([dc_log_ratios(stored(first, last, rng), last) for _ in range(10)], 0)
        assert found.argmax() + 1 == first
        assert found.max() > 1

    @pytest.mark.parametrize("last", [1, 2, 3, 8, 17, 60])
    def test_one_compression_speaks_for_none(self, last):
        rng = np.random.default_rng(last)
        found = np.stack([dc_log_ratios(stored(None, last, rng), last) for _ in range(40)])
        assert found.shape == (40, STEPS)
        assert (found > 3).mean() < 0.01

    @pytest.mark.parametrize("last", [2, 4, 10, 30])
    @pytest.mark.parametrize("tone", [0, 7, 13])
    def test_one_value_everywhere_says_little(self, tone, last):
        """A sky of one tone is a heap in one cell."""
        assert dc_log_ratios(np.full(1024, tone), last).max() < 5

    @pytest.mark.parametrize("last", [3, 8])
    @pytest.mark.parametrize("deviation", [0.5, 2, 5])
    def test_narrow_distributions_say_little(self, deviation, last):
        """As of chroma, in last steps; against a Gaussian of four cells they would stand out."""
        values = np.rint(np.random.default_rng(2).normal(0, deviation, 1024)).astype(np.int16)
        assert dc_log_ratios(values, last, error=1.0).max() < 5

    def test_half_of_the_blocks_count_half(self):
        values = stored(4, 6, np.random.default_rng(3))
        twice = np.concatenate([values, values])
        np.testing.assert_allclose(dc_log_ratios(twice, 6, share=0.5), dc_log_ratios(values, 6), rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize(
        ("wide", "last", "wanted"), [(100, 5, 4), (4, 5, 2), (4, 64, 1), (0, 5, 2**-1.5), (3, 5, 2**0.5)]
    )
    def test_how_far_is_smoothed(self, wide, last, wanted):
        """Half of the deviation of what is stored, .3 at least, 64 units and 4 cells at most, to the next root of 2."""
        assert spread(np.array([-wide, 0, wide]).repeat(100), last) == pytest.approx(wanted)

    def test_larger_errors_say_less(self):
        values = stored(4, 6, np.random.default_rng(3))
        assert 0 < dc_log_ratios(values, 6, error=1.0)[4 - 1] < dc_log_ratios(values, 6)[4 - 1]

    def test_values_beyond_all_and_no_values(self):
        assert np.isfinite(dc_log_ratios(np.array([-32768, 32767]), 3)).all()
        assert np.abs(dc_log_ratios(np.zeros(0, np.int16), 3)).max() < 0.5
        assert np.isfinite(dc_log_ratios(np.array([1, -1]), 65535)).all()
