"""Whether the values of a part are still multiples of an earlier table's steps, as near as what came later leaves them.

Nothing that happens to a whole picture between two compressions - a curve, a filter, noise, another compression on
another grid - leaves coefficients on the multiples of their first steps q1. Where nothing happened:

- On the grid of the last compression a coefficient changes by the rounding of pixels alone. What is stored then is
  within half a last step q2 and that of a multiple, |v - m q1| <= q2 / 2 + 0.6. Values drawn evenly are so near by
  chance in a share c; with a share s, (s - c) / (1 - c) is kept.
- On another grid the errors of many last steps add up to noise of variance σ², which takes the mean of cos(2π v / q1)
  from 1 to E = exp(-2 π² σ² / q1²). Over entries with E of 0.3 and more, sum E cos(2π v / q1) / sum E² is kept.

Both are about 1 where all values were multiples, and 0 where none was. Only values that are not nearest to 0 count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.hypotheses import ENTRIES
from jpegtrace.lattice.noise import error_variances
from jpegtrace.lattice.regrid import blocks_on
from jpegtrace.lattice.transforms import shift_matrices
from jpegtrace.tables import ZIGZAG

ROUNDING = 0.6  # by which pixels that were rounded move a coefficient, at most
ROUNDING_VARIANCE = 0.15
TELLING = 0.8  # share by chance above which the steps of an entry tell nothing
LEAST_COSINE = 0.3  # E below which they do not
FEWEST = 32  # values from which anything is told
PERIODS = 16  # multiples over which chance is averaged
ENOUGH = 1 << 14  # blocks from which the variance of errors is learnt


class Kept(NamedTuple):
    """How far values are multiples of first steps, 1 for all and 0 for none; None where nothing tells.

    Attributes:
        dc: of the DC.
        ac: of the first entries after it, together.
    """

    dc: float | None
    ac: float | None


def kept(blocks: NDArray[np.int16], last: NDArray[np.uint16], past: Hypothesis, inside: NDArray[np.bool_]) -> Kept:
    """How far the values of a part are multiples of the first steps.

    Args:
        blocks: stored values of luma, (rows, columns, 8, 8).
        last: table of the last compression, (8, 8).
        past: table and grid of the first one.
        inside: (rows, columns) blocks to look at.
    """
    if not inside.any():
        return Kept(None, None)
    found = _on_the_grid(blocks, last, past, inside) if past.origin == (0, 0) else _shifted(blocks, last, past, inside)
    return Kept(*(_share(part.sum(axis=0)) for part in (found[:1], found[1:])))


def chance(last: int, first: int) -> float:
    """Share of the multiples of the last step, but for those nearest to 0, that are near to ones of the first step."""
    values = last * np.arange(1, PERIODS * max(last, first) + 1)
    near, telling = _near(values, last, first)
    return float(near[telling].mean())


def _on_the_grid(
    blocks: NDArray[np.int16], last: NDArray[np.uint16], past: Hypothesis, inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """For every entry near values above chance, how many there would be if all were near, and how many tell."""
    values = blocks.reshape(*blocks.shape[:2], -1)
    found = np.zeros((ENTRIES, 3))
    for entry, (place, first) in enumerate(zip(ZIGZAG[:ENTRIES], past.table[:ENTRIES].tolist(), strict=True)):
        step = int(last.ravel()[place])
        if not first or (by_chance := chance(step, first)) > TELLING:
            continue
        near, telling = _near(values[inside, place].astype(np.int32) * step, step, first)
        count = telling.sum()
        found[entry] = near[telling].sum() - by_chance * count, (1 - by_chance) * count, count
    return found


def _near(values: NDArray[np.signedinteger], last: int, first: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which values are near to a multiple of the first step, and which are not nearest to 0."""
    multiple = np.rint(values / first)
    return np.abs(values - multiple * first) <= last / 2 + ROUNDING, multiple != 0


def _shifted(
    blocks: NDArray[np.int16], last: NDArray[np.uint16], past: Hypothesis, inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """For every entry the sum of cosines, what it would be if all were multiples, and how many tell."""
    steps = past.table[:ENTRIES].astype(np.float64)
    cosine = np.exp(-2 * (np.pi / steps.clip(1)) ** 2 * _error_variances(blocks, last, past.origin, inside))
    cosine[(steps == 0) | (cosine < LEAST_COSINE)] = 0
    found = np.zeros((ENTRIES, 3))
    for values in blocks_on(blocks, last, past.origin, inside, stride=8):
        part = values[:, :ENTRIES]
        telling = (np.abs(part) >= steps) & (cosine > 0)
        found[:, 0] += cosine * np.where(telling, np.cos(2 * np.pi * part / steps.clip(1)), 0).sum(axis=0)
        found[:, 1] += cosine**2 * telling.sum(axis=0)
        found[:, 2] += telling.sum(axis=0)
    return found


def _error_variances(
    blocks: NDArray[np.int16], last: NDArray[np.uint16], origin: tuple[int, int], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean variance of the last quantization's errors on another grid, of the first entries.

    Blocks weigh by how many of their values are not 0, as those do whose values are asked about.
    """
    chosen = np.flatnonzero(inside)
    some = blocks.reshape(-1, 1, 8, 8)[chosen[:: -(-len(chosen) // ENOUGH)]]
    weights = np.count_nonzero(some, axis=(1, 2, 3)) + 1e-9
    mean = np.average(error_variances(some, last.astype(np.float64))[:, 0], axis=0, weights=weights)
    squares = shift_matrices()[1][list(origin)]
    down, across = squares[..., :8] + squares[..., 8:]
    shifted: NDArray[np.float64] = (down @ mean @ across.T).ravel()[ZIGZAG[:ENTRIES]] + ROUNDING_VARIANCE
    return shifted


def _share(counts: NDArray[np.float64]) -> float | None:
    above, all_above, count = counts
    return float(above / all_above) if count >= FEWEST else None
