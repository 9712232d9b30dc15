"""Evidence of a histogram for first steps on the same grid."""

import numpy as np
import pytest
from scipy.special import ndtr

from jpegtrace.errors import UsageError
from jpegtrace.lattice import first_steps
from jpegtrace.lattice.first_steps import (
    BINS,
    DEVIATIONS,
    ERROR,
    FREEDOMS,
    GAUSSIANS,
    KEPT,
    LARGEST,
    MISFIT,
    MOST,
    RIDGE,
    STEPS,
    log_ratios,
    of_tables,
    pattern,
    smooth,
)


def falling(scale, total):
    """What a Laplacian of this scale, in last steps, stores of each magnitude."""
    beyond = np.exp(-(np.arange(BINS - 1) + 0.5) / scale)
    return (-total * np.diff(np.concatenate([[1], beyond, [0]]))).astype(np.float32)


def stored(first, last, rng, *, scale=30.0, count=1024):
    """Histogram of a Laplacian's values rounded to one step and then to another, with errors between."""
    values = rng.laplace(0, scale, count)
    if first is not None:
        values = np.rint(values / first) * first
    values = np.rint((values + rng.normal(0, 0.3, count)) / last)
    return np.bincount(np.minimum(np.abs(values).astype(int), LARGEST), minlength=BINS).astype(np.float32)


def by_least_squares(counts, last):
    """The same as `log_ratios`, one step after the other, as generalised least squares with the bends as noise."""
    expected = np.maximum(smooth(counts[None])[0], 1e-4).astype(np.float64)
    variance = expected + (MISFIT * expected) ** 2
    bends = (expected * FREEDOMS).T  # what a small bend adds to the counts
    covariance = np.diag(variance) + bends @ bends.T / RIDGE
    wanted = expected[:, None] * pattern(last)
    solved = np.linalg.solve(covariance, np.column_stack([counts - expected, wanted]))
    return wanted.T @ solved[:, 0] - (wanted * solved[:, 1:]).sum(0) / 2


class TestPattern:
    def test_by_hand(self):
        """Steps 3 then 10: -3, 0, 3 lie in cell 0; 6, 9, 12 and half of 15 in 1; the rest, 18, 21, 24; 27, 30, 33."""
        wanted = KEPT * np.array([-0.1, 0.05, 0.05, -0.1, 0.05, 0.05])
        np.testing.assert_allclose(pattern(10)[:6, 3 - 1], wanted, atol=2e-3)

    def test_coarser_first_steps_leave_empty_cells(self):
        """Steps 20 then 10: only every other cell holds a multiple, and that holds twice as many as it would."""
        np.testing.assert_allclose(pattern(10)[:5, 20 - 1], KEPT * np.array([1, -1, 1, -1, 1]), atol=1e-6)

    @pytest.mark.parametrize("last", [1, 7, 15])
    def test_steps_of_one_leave_nothing_in_odd_cells(self, last):
        np.testing.assert_allclose(pattern(last)[:, 0], 0, atol=2e-4)

    def test_a_step_that_divides_the_last_to_an_odd_number_leaves_nothing(self):
        np.testing.assert_allclose(pattern(15)[:, 5 - 1], 0, atol=1e-6)

    def test_errors_blur_what_lies_between_two_cells(self):
        """Steps 7 then 1: 7 itself keeps what an error of .35 leaves within half a step, the erf of 1.01."""
        found = pattern(1)[:8, 7 - 1]
        assert found[7] == pytest.approx(KEPT * (min(7 * 0.8469, MOST) - 1), abs=1e-3)
        assert found[6] == pytest.approx(KEPT * (7 * (1 - 0.8469) / 2 - 1), abs=1e-3)
        np.testing.assert_allclose(found[2:5], -KEPT, atol=1e-4)

    def test_larger_errors_blur_more(self):
        """Steps 7 then 1 with errors of 1: the erf of .35 stays within half a step."""
        found = pattern(1, 1.0)[:8, 7 - 1]
        assert found[7] == pytest.approx(KEPT * (7 * 0.38292 - 1), abs=1e-3)
        assert found[4] == pytest.approx(KEPT * (7 * 0.00621 - 1), abs=1e-3)

    def test_all_that_lies_beyond_says_nothing(self):
        assert not pattern(3)[-1].any()

    def test_is_not_to_be_written_to(self):
        with pytest.raises(ValueError, match="read-only"):
            pattern(9)[0] = 1


class TestSmooth:
    def test_shares_of_a_gaussian_add_up(self):
        np.testing.assert_allclose(GAUSSIANS.sum(1), 1, rtol=1e-5)
        assert GAUSSIANS.shape == (len(DEVIATIONS), BINS)

    @pytest.mark.parametrize("scale", [0.3, 1.0, 4.0, 15.0])
    def test_a_laplacian_is_fitted(self, scale):
        counts = falling(scale, 1000)[None]
        found = smooth(counts)
        assert found.sum() == pytest.approx(counts.sum(), rel=1e-4)
        np.testing.assert_allclose(found[:, :-1], counts[:, :-1], atol=0.2 * counts.max())

    @pytest.mark.parametrize("deviation", [0.4, 1.5, 6.0, 20.0])
    def test_a_gaussian_is_fitted(self, deviation):
        edges = np.append(np.arange(BINS) - 0.5, np.inf)
        counts = (1000 * np.diff(2 * ndtr(edges / deviation))).astype(np.float32)[None]
        counts[0, 0] = 1000 * (2 * ndtr(0.5 / deviation) - 1)
        np.testing.assert_allclose(smooth(counts)[:, :-1], counts[:, :-1], atol=0.12 * counts.max())

    def test_nothing_is_expected_of_no_counts(self):
        assert not smooth(np.zeros((2, BINS), np.float32)).any()


class TestLogRatios:
    @pytest.mark.parametrize(("first", "last"), [(3, 10), (4, 6), (7, 11), (9, 5), (20, 10), (None, 7)])
    def test_is_that_of_least_squares(self, first, last):
        counts = stored(first, last, np.random.default_rng(1))
        wanted = by_least_squares(counts, last)
        found = log_ratios(counts[None], np.array([last]))[0]
        np.testing.assert_allclose(found, wanted, atol=0.05 + 2e-3 * np.abs(wanted).max())

    @pytest.mark.parametrize(("first", "last"), [(4, 6), (7, 11), (9, 5), (20, 10), (3, 10)])
    def test_the_step_that_was_planted_has_most(self, first, last):
        rng = np.random.default_rng([first, last])
        counts = np.stack([stored(first, last, rng) for _ in range(20)])
        found = log_ratios(counts, np.full(20, last)).mean(0)
        assert found.argmax() + 1 == first
        assert found.max() > 0.5

    def test_patterns_that_a_bend_can_imitate_say_nothing(self, monkeypatch):
        rng = np.random.default_rng(2)
        mixed = (FREEDOMS.T @ rng.normal(0, 0.1, (len(FREEDOMS), STEPS))).astype(np.float32)
        monkeypatch.setattr(first_steps, "pattern", lambda *_: mixed)
        counts = np.stack([stored(None, 5, rng) for _ in range(5)])
        np.testing.assert_allclose(log_ratios(counts, np.full(5, 5)), 0, atol=0.05)

    @pytest.mark.parametrize("last", [3, 8, 10, 17])
    def test_smooth_counts_speak_for_none(self, last):
        rng = np.random.default_rng(last)
        counts = rng.poisson(falling(4.0, 3000), (50, BINS)).astype(np.float32)
        found = log_ratios(counts, np.full(50, last))
        assert (np.exp(found) <= 20).mean() > 0.99  # a fair likelihood ratio is 20 or more in one of 20 at most
        told = np.abs(found) > 0.01
        assert np.exp(found[told]).mean() < 1.5  # its mean is 1

    @pytest.mark.parametrize("bend", range(len(FREEDOMS)))
    @pytest.mark.parametrize("last", [2, 10, 17])
    def test_a_bend_of_the_smooth_curve_is_not_taken_for_a_step(self, bend, last):
        by = FREEDOMS[bend] / np.abs(FREEDOMS[bend]).max()
        for sign in (-0.2, 0.2):
            assert log_ratios((falling(4.0, 3000) * np.exp(sign * by))[None], np.array([last])).max() < 1

    def test_histograms_do_not_see_one_another(self):
        counts = np.stack([falling(scale, 500) for scale in (1, 5, 9, 2)]).reshape(2, 2, BINS)
        tables = np.array([[3, 8], [8, 200]])
        found = log_ratios(counts, tables)
        assert found.shape == (2, 2, STEPS)
        np.testing.assert_allclose(log_ratios(counts[1:, 1], tables[1:, 1])[0], found[1, 1], rtol=1e-3, atol=1e-4)

    def test_each_histogram_has_its_error(self):
        counts = np.stack([stored(9, 5, np.random.default_rng(3))] * 2)
        tables = np.array([5, 5])
        both = log_ratios(counts, tables, np.array([ERROR, 1.0]))
        np.testing.assert_allclose(both[0], log_ratios(counts, tables)[0], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(both[1], log_ratios(counts, tables, 1.0)[1], rtol=1e-3, atol=1e-3)
        assert both[0, 9 - 1] > both[1, 9 - 1] > 0  # the larger error explains less

    def test_nothing_is_said_where_nothing_is(self):
        found = log_ratios(np.zeros((3, BINS)), np.array([1, 5, 255]))
        np.testing.assert_allclose(found, 0, atol=0.02)

    def test_input_is_left_alone(self):
        counts = falling(2.0, 900)[None]
        before = counts.copy()
        log_ratios(counts, np.array([4]))
        np.testing.assert_array_equal(counts, before)

    def test_numbers_stay_what_the_shipped_network_learnt_to_read(self):
        counts = np.zeros(BINS, np.float32)
        counts[:8] = [300, 260, 170, 120, 60, 50, 20, 20]
        found = log_ratios(counts[None], np.array([10]))[0]
        np.testing.assert_allclose(found[[2, 3, 6, 19]], [-0.5167, -9.6706, -8.8485, -120.6507], rtol=1e-3)

    @pytest.mark.parametrize(
        ("shape", "steps", "told"),
        [
            ((3, BINS), [4, 4], r"^histograms of shape \(2, 61\) belong to these steps, not \(3, 61\)$"),
            ((1, BINS - 1), [4], "^histograms of shape"),
            ((2, BINS), [4, 0], "^quantization steps are at least 1, not 0$"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, shape, steps, told):
        with pytest.raises(UsageError, match=told):
            log_ratios(np.zeros(shape), np.array(steps))

    def test_steps_of_two_bytes_and_no_histograms_at_all(self):
        assert np.isfinite(log_ratios(falling(0.1, 100)[None], np.array([65535]))).all()
        assert log_ratios(np.zeros((0, BINS)), np.zeros(0)).shape == (0, STEPS)


class TestOfTables:
    def test_by_hand(self):
        """Ratios that are frequency + step / 100; a step beyond all says nothing."""
        ratios = (np.arange(64)[:, None] + np.arange(1, STEPS + 1) / 100).astype(np.float32)
        tables = np.full((2, 64), 10)
        tables[1, 63] = STEPS + 1
        found = of_tables(np.stack([ratios, 2 * ratios]), tables)
        first = 64 * 63 / 2 + 6.4
        np.testing.assert_allclose(found, [[first, first - 63.1], [2 * first, 2 * (first - 63.1)]], rtol=1e-6)
