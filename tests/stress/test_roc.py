"""ROC and least error, by hand."""

import math

import numpy as np
import pytest

from jpegtrace.errors import UsageError
from jpegtrace.stress import least_error, roc


def slow_least_error(positives, negatives):
    """Every threshold that makes a difference, in turn."""
    thresholds = [*positives, *negatives, math.inf]
    return min(
        (sum(p < t for p in positives) / len(positives) + sum(n >= t for n in negatives) / len(negatives)) / 2
        for t in thresholds
    )


class TestRoc:
    def test_by_hand(self):
        # From the top: 4 is a hit, 3 is a hit and a false alarm at once, 1 the last false alarm and the last hit.
        found = roc([4, 3, 3, 1], [3, 1])
        assert found.thresholds.tolist() == [math.inf, 4, 3, 1]
        assert found.hits.tolist() == [0, 0.25, 0.75, 1]
        assert found.false_alarms.tolist() == [0, 0, 0.5, 1]

    def test_begins_with_none_and_ends_with_all(self):
        rng = np.random.default_rng(0)
        found = roc(rng.normal(1, 1, 31), rng.normal(0, 1, 17))
        assert (found.hits[0], found.false_alarms[0], found.hits[-1], found.false_alarms[-1]) == (0, 0, 1, 1)
        assert len(found.thresholds) == 31 + 17 + 1
        assert (np.diff(found.thresholds) < 0).all()
        assert (np.diff(found.hits) >= 0).all()
        assert (np.diff(found.false_alarms) >= 0).all()

    def test_infinite_scores_are_scores(self):
        found = roc([math.inf, 2], [1])
        assert found.thresholds.tolist() == [math.inf, math.inf, 2, 1]
        assert found.hits.tolist() == [0, 0.5, 1, 1]
        assert roc([1], [-math.inf]).hits.tolist() == [0, 1, 1]


class TestLeastError:
    @pytest.mark.parametrize(
        ("positives", "negatives", "expected"),
        [
            ([2, 3], [0, 1], 0),
            ([1], [0], 0),
            ([0, 1], [2, 3], 0.5),  # upside down: not turned
            ([5, 5], [5, 5], 0.5),  # ties cannot be parted
            ([2, 2, 1], [2, 1, 1], 1 / 3),  # at 2: a third missed, a third alarmed
            ([3, 1], [2, 0], 0.25),  # at 3: half missed
            ([3, 1, 1, 1], [2, 0], 0.25),  # rates, not counts: at 1, half alarmed
            ([1, 2, 2, 2], [2, 1, 1, 1], 0.25),
            ([math.inf, 0], [1, -math.inf], 0.25),
        ],
    )
    def test_by_hand(self, positives, negatives, expected):
        assert least_error(positives, negatives) == pytest.approx(expected, abs=1e-15)

    @pytest.mark.parametrize("levels", [3, 10, 1000])
    def test_as_trying_every_threshold(self, levels):
        rng = np.random.default_rng(levels)
        for _ in range(20):
            positives = rng.integers(levels, size=rng.integers(1, 30)) + rng.integers(levels)
            negatives = rng.integers(levels, size=rng.integers(1, 30))
            assert least_error(positives, negatives) == pytest.approx(slow_least_error(positives, negatives), abs=1e-12)

    def test_only_the_order_counts_and_copies_change_nothing(self):
        rng = np.random.default_rng(1)
        positives, negatives = rng.normal(1, 1, 40), rng.normal(0, 1, 40)
        found = least_error(positives, negatives)
        assert 0 < found < 0.5
        assert least_error(np.exp(positives), np.exp(negatives)) == found
        assert least_error(np.repeat(positives, 3), negatives) == pytest.approx(found, abs=1e-12)
        assert type(found) is float

    def test_gaussians_of_known_distance(self):
        # Two of deviation 1, d apart, are parted best in the middle: P_e = Phi(-d / 2) = 0.1587 for d = 2.
        rng = np.random.default_rng(2)
        assert least_error(rng.normal(2, 1, 20000), rng.normal(0, 1, 20000)) == pytest.approx(0.1587, abs=0.005)

    def test_few_scores_flatter_as_much_as_documented(self):
        rng = np.random.default_rng(3)
        found = [least_error(*rng.normal(size=(2, 200))) for _ in range(500)]
        assert np.mean(found) == pytest.approx(0.5 - 0.44 / math.sqrt(200), abs=0.003)

    def test_input_untouched(self):
        positives, negatives = np.array([3.0, 1.0, 2.0]), np.array([0.5, 2.5])
        copies = positives.copy(), negatives.copy()
        least_error(positives, negatives)
        np.testing.assert_array_equal(positives, copies[0])
        np.testing.assert_array_equal(negatives, copies[1])

    @pytest.mark.parametrize("function", [roc, least_error])
    @pytest.mark.parametrize(
        ("positives", "negatives", "told"),
        [
            ([], [1], "the positives must be a list of at least one score"),
            ([1], [], "the negatives must be a list of at least one score"),
            ([[1, 2]], [1], r"not of shape \(1, 2\)"),
            (3, [1], r"not of shape \(\)"),
            ([1, 2], [1, math.nan, math.nan], r"2 of the 3 negatives are no numbers \(NaN\)"),
            (["a"], [1], "the positives must be scores"),
            ([1], [[1, 2], [3]], "the negatives must be scores"),
        ],
    )
    def test_what_is_no_list_of_scores_is_refused(self, function, positives, negatives, told):
        with pytest.raises(UsageError, match=told):
            function(positives, negatives)
