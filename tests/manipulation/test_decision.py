"""What is claimed of probabilities."""

import numpy as np
import pytest

from jpegtrace.manipulation import Verdict, decide
from jpegtrace.manipulation.decision import MANIPULATED_FROM, NAMED_FROM, NONE, NONE_FROM
from jpegtrace.manipulation.grid import OPERATIONS

RESIZED, BLURRED, MEDIAN, NOISE, BOTH = range(1, len(OPERATIONS))


def probabilities(**shares):
    """By name; what is missing to 1 is none's."""
    names = [name.replace(" and ", "_") for name in OPERATIONS]
    found = np.array([shares.get(name, 0.0) for name in names])
    assert set(shares) <= set(names)
    found[NONE] = 1 - found[1:].sum()
    return found


class TestClaims:
    def test_none(self):
        assert decide(probabilities(resized=0.1, noise=0.05)) == Verdict(False, NONE, pytest.approx(0.85))

    @pytest.mark.parametrize(
        ("name", "index"),
        [("resized", RESIZED), ("blurred", BLURRED), ("median", MEDIAN), ("noise", NOISE), ("resized_blurred", BOTH)],
    )
    def test_every_operation(self, name, index):
        assert decide(probabilities(**{name: 0.998})) == Verdict(True, index, pytest.approx(0.998))

    def test_one_of_several_is_named_with_its_own_probability(self):
        assert decide(probabilities(noise=0.7, median=0.298)) == Verdict(True, NOISE, pytest.approx(0.7))
        found = decide(probabilities(resized=0.2, blurred=0.7, resized_blurred=0.1))
        assert found == Verdict(True, BLURRED, pytest.approx(0.8))  # resized before or not

    @pytest.mark.parametrize(
        ("blurred", "both", "found"),
        [
            (0.48, 0.518, Verdict(True, BLURRED, pytest.approx(0.998))),
            (0.3, 0.698, Verdict(True, BOTH, pytest.approx(0.698))),
            (0.2, 0.25, Verdict(True, None, pytest.approx(0.998))),
        ],
    )
    def test_a_resize_before_a_blur_is_only_claimed_where_it_is_clear(self, blurred, both, found):
        rest = (0.998 - blurred - both) / 3
        shares = probabilities(blurred=blurred, resized_blurred=both, noise=rest, median=rest, resized=rest)
        assert decide(shares) == found

    def test_where_none_of_them_has_half_it_is_left_open(self):
        found = decide(probabilities(resized=0.4, blurred=0.35, resized_blurred=0.248))
        assert found == Verdict(True, None, pytest.approx(0.998))

    def test_neither_is_said_in_between(self):
        found = decide(probabilities(resized=0.6, blurred=0.3))
        assert found == Verdict(False, None, pytest.approx(0.6))

    def test_kinds(self):
        for shares in ({}, {"noise": 1.0}, {"noise": 0.8}, {"noise": 0.5, "median": 0.5, "blurred": 0.0}):
            manipulated, operation, probability = decide(probabilities(**shares))
            assert type(manipulated) is bool
            assert operation is None or type(operation) is int
            assert type(probability) is float
            assert 0 <= probability <= 1


class TestThresholds:
    @pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9, 0.999])
    def test_of_a_claim(self, threshold):
        above, below = (decide(probabilities(median=threshold + step), threshold, 1.1) for step in (1e-6, -1e-6))
        assert above[:2] == (True, MEDIAN)
        assert below[:2] == (False, None)

    @pytest.mark.parametrize("threshold", [0.1, 0.5, 0.95])
    def test_of_none(self, threshold):
        above, below = (decide(probabilities(median=1 - threshold + step), 2, threshold) for step in (-1e-6, 1e-6))
        assert above[:2] == (False, NONE)
        assert below[:2] == (False, None)

    def test_of_a_name(self):
        """Among the operations: half of 0.998."""
        for step, index in ((1e-6, RESIZED), (-1e-6, None)):
            half = 0.998 * NAMED_FROM + step
            rest = (0.998 - half) / 2
            assert decide(probabilities(resized=half, noise=rest, median=rest)).operation == index

    def test_those_that_are_used_unasked(self):
        assert decide(probabilities(noise=MANIPULATED_FROM + 1e-6)).manipulated
        assert decide(probabilities(noise=MANIPULATED_FROM - 1e-6)) == Verdict(
            False, None, pytest.approx(MANIPULATED_FROM, abs=1e-5)
        )
        assert decide(probabilities(noise=1 - NONE_FROM - 1e-6)).operation == NONE
        assert decide(probabilities(noise=1 - NONE_FROM + 1e-6)).operation is None
        assert 0 < 1 - MANIPULATED_FROM < NONE_FROM

    def test_a_claim_goes_before_none(self):
        """Where both thresholds are low enough for both."""
        assert decide(probabilities(noise=0.5), 0.4, 0.4)[:2] == (True, NOISE)

    def test_of_random_probabilities(self):
        rng = np.random.default_rng(1)
        for shares in rng.dirichlet(np.full(len(OPERATIONS), 0.2), 300):
            found = decide(shares, 0.7, 0.6)
            assert found.manipulated == (1 - shares[NONE] >= 0.7)
            if found.manipulated and found.operation is not None:
                best = 1 + shares[1:].argmax()
                if best in (BLURRED, BOTH) and shares[BOTH] < 2 * shares[BLURRED]:
                    assert found.operation == BLURRED
                    assert found.probability == shares[BOTH] + shares[BLURRED]
                else:
                    assert found.operation == best
                    assert found.probability == shares[best]
            elif found.operation is not None:
                assert found == (False, NONE, shares[NONE])
                assert shares[NONE] >= 0.6
