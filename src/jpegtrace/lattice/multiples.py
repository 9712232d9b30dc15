"""Whether stored values lie on the multiples of an earlier table's steps, on one grid, as near as rounding leaves them.

Between two compressions on one grid a coefficient that was a multiple of its first step changes by the rounding of
pixels alone. The value stored then is within half a last step and that of a multiple:

    |v - m q1| <= q2 / 2 + 0.6,    m = round(v / q1)

Of values drawn evenly a share c, which follows from q1 and q2, is so near by chance; with a share s,

    excess = (s - c) / (1 - c)

is 1 where all are multiples and 0 where none is. What was done to the picture between the compressions - a curve, a
filter, noise, another compression on another grid - moves the values away from them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.lattice.hypotheses import ENTRIES
from jpegtrace.tables import ZIGZAG

ROUNDING = 0.6  # by which pixels that were rounded move a coefficient, at most
TELLING = 0.8  # share by chance above which the steps of an entry tell nothing
FEWEST = 32  # values from which a share is told
PERIODS = 16  # multiples over which chance is averaged


class Excess(NamedTuple):
    """How much oftener than by chance values are multiples; None where nothing tells.

    Attributes:
        dc: of the DC.
        ac: of the first entries after it, together.
    """

    dc: float | None
    ac: float | None


def excess(
    blocks: NDArray[np.int16], last: NDArray[np.uint16], first: NDArray[np.uint16], inside: NDArray[np.bool_]
) -> Excess:
    """How closely values that are not nearest to 0 keep to the multiples of the first steps.

    Args:
        blocks: stored values of luma, (rows, columns, 8, 8).
        last: table of the last compression, (8, 8).
        first: of an earlier one on the same grid, its entries in zigzag order.
        inside: (rows, columns) blocks to look at.
    """
    values = blocks.reshape(*blocks.shape[:2], -1)
    found = np.zeros((ENTRIES, 3))
    for entry, (place, step) in enumerate(zip(ZIGZAG[:ENTRIES], first[:ENTRIES], strict=True)):
        if step:
            found[entry] = _counts(values[inside, place], int(last.ravel()[place]), int(step))
    return Excess(*(_share(part.sum(axis=0)) for part in (found[:1], found[1:])))


def chance(last: int, first: int) -> float:
    """Share of the multiples of the last step, but for those nearest to 0, that are near to ones of the first step."""
    values = last * np.arange(1, PERIODS * max(last, first) + 1)
    near, telling = _near(values, last, first)
    return float(near[telling].mean())


def _near(values: NDArray[np.signedinteger], last: int, first: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which values are near to a multiple of the first step, and which are not nearest to 0."""
    multiple = np.rint(values / first)
    return np.abs(values - multiple * first) <= last / 2 + ROUNDING, multiple != 0


def _counts(stored: NDArray[np.int16], last: int, first: int) -> tuple[float, float, int]:
    """Near values above chance, how many there would be if all were near, and how many tell; zeros where none can."""
    by_chance = chance(last, first)
    if by_chance > TELLING:
        return 0.0, 0.0, 0
    near, telling = _near(stored.astype(np.int32) * last, last, first)
    count = int(telling.sum())
    return float(near[telling].sum()) - by_chance * count, (1 - by_chance) * count, count


def _share(counts: NDArray[np.float64]) -> float | None:
    above, all_above, count = counts
    return float(above / all_above) if count >= FEWEST else None
