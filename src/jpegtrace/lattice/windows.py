"""Where in a picture to look: the window that has most to say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # blocks; the largest window that the combiner was trained on
STRIDE = 4


def busiest_window(
    blocks: NDArray[np.int16], usable: NDArray[np.bool_], side: int = SIDE
) -> tuple[int, int, int, int] | None:
    """Top, left, rows and columns (in blocks) of the window with most nonzero coefficients among usable blocks.

    Blocks that cannot be trusted or are clipped count against a window, which then must be usable throughout or is
    passed over; None where no window of at least 2 x 2 blocks is left.
    """
    rows, cols = min(side, blocks.shape[0]), min(side, blocks.shape[1])
    if min(rows, cols) < 2:
        return None
    busy = np.count_nonzero(blocks.reshape(*blocks.shape[:2], 64)[..., 1:], axis=2)
    while min(rows, cols) >= 2:
        tops = np.unique(np.append(np.arange(0, blocks.shape[0] - rows + 1, STRIDE), blocks.shape[0] - rows))
        lefts = np.unique(np.append(np.arange(0, blocks.shape[1] - cols + 1, STRIDE), blocks.shape[1] - cols))
        bad = box_sums(~usable, tops, lefts, rows, cols)
        score = np.where(bad == 0, box_sums(busy, tops, lefts, rows, cols), -1)
        i, j = np.unravel_index(int(score.argmax()), score.shape)
        if score[i, j] >= 0:
            return int(tops[i]), int(lefts[j]), rows, cols
        rows, cols = rows // 2, cols // 2
    return None


def box_sums(
    values: NDArray[Any], tops: NDArray[np.int64], lefts: NDArray[np.int64], rows: int, cols: int
) -> NDArray[np.int64]:
    """Sums of values over boxes of rows x cols at the given tops and lefts."""
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1), np.int64)
    total[1:, 1:] = values.astype(np.int64).cumsum(0).cumsum(1)
    top, left = tops[:, None], lefts[None, :]
    return total[top + rows, left + cols] - total[top, left + cols] - total[top + rows, left] + total[top, left]


def flat_blocks(blocks: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Blocks of one value that a neighbour shares: the same number again is no further evidence for a lattice."""
    level = blocks[..., 0, 0]
    alike = np.zeros(level.shape, bool)
    for axis in (0, 1):
        same = np.diff(level, axis=axis) == 0
        alike |= np.insert(same, 0, False, axis) | np.insert(same, same.shape[axis], False, axis)
    flat: NDArray[np.bool_] = alike & (np.count_nonzero(blocks.reshape(*level.shape, 64)[..., 1:], axis=2) == 0)
    return flat
