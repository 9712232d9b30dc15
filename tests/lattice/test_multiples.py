"""Whether the values of a part are still multiples of earlier steps, and what blocks hold on another grid."""

import numpy as np
import pytest
from scipy.fft import dctn, idctn

from checks.pictures import scene
from jpegtrace.analyses._past import last_compression_of
from jpegtrace.chain import simulate
from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.multiples import FEWEST, chance, kept
from jpegtrace.lattice.regrid import blocks_on
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG, ijg_table

LAST = np.full((8, 8), 3, np.uint16)
EVERYWHERE = np.ones((12, 12), np.bool_)


def past(steps, origin=(0, 0)):
    return Hypothesis(origin, np.broadcast_to(np.asarray(steps, np.uint16), 64), "planted", 0)


def stored(values):
    """144 blocks, each with one of these values everywhere, divided by the last steps and rounded."""
    blocks = np.broadcast_to(np.rint(values / LAST[0, 0]).astype(np.int16)[:, None], (144, 64))
    return np.ascontiguousarray(blocks).reshape(12, 12, 8, 8)


class TestOnTheGridOfTheLast:
    def test_chance_by_hand(self):
        # Multiples of 4 that are not nearest to 0 of 12: 8, 12, 16, 20, ... Every third is within 2.6 of one of 12.
        assert chance(4, 12) == pytest.approx(1 / 3, abs=0.01)
        assert chance(12, 4) == 1.0  # every multiple of 12 is one of 4

    def test_multiples_are_found_and_others_are_not(self):
        rng = np.random.default_rng(1)
        assert kept(stored(12.0 * rng.integers(-9, 10, 144)), LAST, past(12), EVERYWHERE) == (1.0, 1.0)
        dc, ac = kept(stored(rng.uniform(-110, 110, 144)), LAST, past(12), EVERYWHERE)
        assert abs(dc) < 0.3
        assert abs(ac) < 0.3

    def test_a_shift_of_the_mean_is_seen_in_dc_alone(self):
        blocks = stored(12.0 * np.random.default_rng(2).integers(2, 10, 144))
        blocks[..., 0, 0] += 2
        dc, ac = kept(blocks, LAST, past(12), EVERYWHERE)
        assert dc < 0
        assert ac == 1.0

    def test_only_the_blocks_asked_about_count(self):
        blocks = stored(12.0 * np.random.default_rng(3).integers(2, 10, 144))
        blocks[6:] += 2
        inside = np.zeros((12, 12), np.bool_)
        inside[:6] = True
        assert kept(blocks, LAST, past(12), inside) == (1.0, 1.0)
        assert kept(blocks, LAST, past(12), ~inside).ac < 0
        assert kept(blocks, LAST, past(12), np.zeros_like(inside)) == (None, None)

    def test_too_few_values_or_steps_too_near_tell_nothing(self):
        assert kept(np.zeros((12, 12, 8, 8), np.int16), LAST, past(12), EVERYWHERE) == (None, None)
        assert kept(stored(np.full(144, 24.0)), LAST, past(4), EVERYWHERE) == (None, None)
        few = np.zeros((12, 12, 8, 8), np.int16)
        few.reshape(-1, 64)[: FEWEST - 1, ZIGZAG[0]] = 4
        assert kept(few, LAST, past(12), EVERYWHERE).dc is None
        few.reshape(-1, 64)[FEWEST - 1, ZIGZAG[0]] = 4
        assert kept(few, LAST, past(12), EVERYWHERE).dc == 1.0

    def test_an_unknown_step_is_passed_over(self):
        only_dc = past([12, *[0] * 63])
        assert kept(stored(np.full(144, 24.0)), LAST, only_dc, EVERYWHERE) == (1.0, None)


@pytest.mark.parametrize("cut", ["crop:0,0", "crop:3,5", "crop:0,6"])
def test_what_was_done_between_two_compressions_is_seen_on_every_grid(cut):
    column, row = (int(n) for n in cut.removeprefix("crop:").split(","))
    first = Hypothesis((-row % 8, -column % 8), ijg_table(70).ravel()[ZIGZAG], "IJG 70", 70)
    pixels = scene(41, 320, 320, noise=6)

    def asked(between):
        last = last_compression_of(Picture.open(simulate(pixels, f"jpeg:70 | {between} | {cut} | jpeg:92").data))
        return kept(last.blocks, last.table, first, last.usable)

    assert min(asked("crop:0,0")) > 0.85
    assert max(asked("contrast:1.1")) < 0.5
    assert asked("sharpen:2,100").ac < 0.5
    assert asked("brightness:13").dc < 0.3
    assert asked("brightness:13").ac > 0.85


@pytest.mark.parametrize("origin", [(0, 0), (3, 5), (0, 7), (6, 0)])
def test_blocks_on_another_grid_are_those_of_its_pixels(origin):
    rng = np.random.default_rng(4)
    blocks = rng.integers(-9, 10, (70, 5, 8, 8)).astype(np.int16)
    pixels = idctn(blocks * LAST, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(560, 40)
    rows, cols = 70 - (origin[0] > 0), 5 - (origin[1] > 0)
    cut = pixels[origin[0] :, origin[1] :][: 8 * rows, : 8 * cols].reshape(rows, 8, cols, 8)
    expected = dctn(cut, axes=(1, 3), norm="ortho").swapaxes(1, 2).reshape(rows, cols, 64)[..., ZIGZAG]
    everywhere = np.ones((70, 5), np.bool_)
    assert np.concatenate(list(blocks_on(blocks, LAST, origin, everywhere, stride=8))) == pytest.approx(
        expected.reshape(-1, 64), abs=1e-3
    )
    inside = everywhere.copy()
    inside[:, 2:] = False
    middles = (origin[1] + 4 + 8 * np.arange(cols)) // 8 < 2
    assert np.concatenate(list(blocks_on(blocks, LAST, origin, inside, stride=8))) == pytest.approx(
        expected[:, middles].reshape(-1, 64), abs=1e-3
    )
    assert not list(blocks_on(blocks, LAST, origin, np.zeros_like(everywhere), stride=8))
