"""Numbers of false alarms, by hand and on coefficients whose phases are known."""

import math

import numpy as np
import pytest

from jpegtrace.pixels.false_alarms import TESTS, log10_false_alarms

TABLE = np.full(64, 10, np.uint16)
CHANCE = math.log10(TESTS)


def blocks(values):
    """One block for every 63 coefficients; DC is not counted."""
    found = np.zeros((len(values) // 63, 64), np.float32)
    found[:, 1:] = np.reshape(values, (-1, 63))
    found[:, 0] = 3.3
    return found


def of_offsets(offsets):
    return log10_false_alarms(blocks(20 + np.asarray(offsets)), TABLE)


def test_three_coefficients_by_hand():
    # 10.5, -19 and 31 lie 0.05, 0.1 and 0.1 steps off: s = 0.5, and the corner of the cube has volume 0.5^3 / 3!.
    values = np.zeros(63)
    values[[0, 7, 62]] = 10.5, -19, 31
    values[20] = 4.9  # in the zero bin: not counted
    assert log10_false_alarms(blocks(values), TABLE) == pytest.approx(CHANCE + math.log10(0.5**3 / 6), abs=1e-5)


def test_nothing_beside_the_zero_bin_says_nothing():
    assert log10_false_alarms(blocks(np.full(63, 4.0)), TABLE) == CHANCE


def test_phases_by_chance_raise_no_alarm():
    rng = np.random.default_rng(0)
    assert min(of_offsets(rng.uniform(-5, 5, 630)) for _ in range(200)) >= 0


def test_the_bound_holds_under_chance():
    """Findings at least as strong as 1 in k, times the tests, occur in no more than 1 of k."""
    rng = np.random.default_rng(1)
    found = np.array([of_offsets(rng.uniform(-5, 5, 63)) - CHANCE for _ in range(2000)])
    for level in (0.3, 0.1, 0.02):
        assert (found <= math.log10(level)).mean() <= level


def test_a_lattice_is_beyond_chance():
    rng = np.random.default_rng(2)
    assert of_offsets(rng.normal(0, 0.35, 63 * 20)) < -300
    assert of_offsets(np.zeros(63 * 20)) < -1000


def test_nearer_to_the_lattice_and_more_of_it_count_more():
    offsets = np.random.default_rng(3).uniform(-5, 5, 630)
    found = [of_offsets(offsets * share) for share in (1, 0.8, 0.6, 0.4, 0.2)]
    assert found == sorted(found, reverse=True)
    assert found[1] > found[2] > found[4]
    many = np.random.default_rng(4).uniform(-2.5, 2.5, 630 * 8)
    more = [of_offsets(many[: 630 * n]) for n in (1, 2, 4, 8)]
    assert more[0] > more[3]
    # The same blocks again are no further evidence.
    assert of_offsets(np.tile(offsets * 0.5, 8)) == of_offsets(offsets * 0.5)
