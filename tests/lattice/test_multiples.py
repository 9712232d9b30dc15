"""Whether values keep to the multiples of earlier steps."""

import numpy as np
import pytest

from jpegtrace.lattice.multiples import FEWEST, chance, excess
from jpegtrace.tables import ZIGZAG

LAST = np.full((8, 8), 3, np.uint16)
FIRST = np.full(64, 12, np.uint16)


def stored(values, *, last=LAST, side=12):
    """Blocks whose coefficients are these, divided by the last steps and rounded."""
    blocks = np.broadcast_to(np.rint(values / last[0, 0]).astype(np.int16)[:, None], (side**2, 64))
    return np.ascontiguousarray(blocks).reshape(side, side, 8, 8)


def test_chance_by_hand():
    # Multiples of 4 that are not nearest to 0 of 12: 8, 12, 16, 20, ... Within 2.6 of a multiple is every third.
    assert chance(4, 12) == pytest.approx(1 / 3, abs=0.01)
    assert chance(12, 4) == 1.0  # every multiple of 12 is one of 4


def test_multiples_are_found_and_others_are_not():
    rng = np.random.default_rng(1)
    multiples = stored(12.0 * rng.integers(-9, 10, 144))
    anything = stored(rng.uniform(-110, 110, 144))
    everywhere = np.ones((12, 12), np.bool_)
    assert excess(multiples, LAST, FIRST, everywhere) == (1.0, 1.0)
    dc, ac = excess(anything, LAST, FIRST, everywhere)
    assert abs(dc) < 0.3
    assert abs(ac) < 0.3


def test_a_shift_of_the_mean_is_seen_in_dc_alone():
    rng = np.random.default_rng(2)
    blocks = stored(12.0 * rng.integers(2, 10, 144))
    blocks[..., 0, 0] += 2
    dc, ac = excess(blocks, LAST, FIRST, np.ones((12, 12), np.bool_))
    assert dc < 0
    assert ac == 1.0


def test_only_the_blocks_asked_about_count():
    rng = np.random.default_rng(3)
    blocks = stored(12.0 * rng.integers(2, 10, 144))
    blocks[6:] += 2
    inside = np.zeros((12, 12), np.bool_)
    inside[:6] = True
    assert excess(blocks, LAST, FIRST, inside) == (1.0, 1.0)
    assert excess(blocks, LAST, FIRST, ~inside).ac < 0


def test_too_few_values_or_steps_too_near_tell_nothing():
    everywhere = np.ones((12, 12), np.bool_)
    assert excess(np.zeros((12, 12, 8, 8), np.int16), LAST, FIRST, everywhere) == (None, None)
    many = stored(np.full(144, 24.0))
    assert excess(many, LAST, np.full(64, 4, np.uint16), everywhere) == (None, None)
    few = np.zeros((12, 12, 8, 8), np.int16)
    few.reshape(-1, 64)[: FEWEST - 1, ZIGZAG[0]] = 4
    assert excess(few, LAST, FIRST, everywhere).dc is None
    few.reshape(-1, 64)[FEWEST - 1, ZIGZAG[0]] = 4
    assert excess(few, LAST, FIRST, everywhere).dc == 1.0


def test_an_unknown_step_is_passed_over():
    blocks = stored(np.full(144, 24.0))
    unknown = FIRST.copy()
    unknown[1:] = 0
    assert excess(blocks, LAST, unknown, np.ones((12, 12), np.bool_)) == (1.0, None)
