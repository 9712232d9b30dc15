"""Compressed once or twice on one grid, by the histograms of stored coefficients and a network that knows the table.

A step q1 of the first compression and q2 of the last leave a histogram of stored values in which bins are empty where
q1 > q2, and hold unequal numbers of multiples of q1 where q1 < q2 (Lukas and Fridrich 2003; Popescu and Farid 2004). A
window of many blocks shows that even where single blocks show nothing, which is what the evidence of `evidence` adds
up; so this answers where windows are large and the first compression was the finer one. It knows one grid only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace import networks
from jpegtrace.errors import UsageError

WEIGHTS = "double-histogram"
LARGEST = 60  # magnitudes beyond it count there
FEWEST_BLOCKS = 64  # in training; below, the answer is not to be had
MOST_BLOCKS = 1024  # likewise; counts of larger windows are scaled down to as many
BINS = LARGEST + 1


def counts_of(blocks: NDArray[np.signedinteger[Any]]) -> NDArray[np.float32]:
    """How often each magnitude is stored at each frequency, (64, BINS), of (rows, columns, 8, 8) stored values."""
    levels = np.minimum(np.abs(blocks.reshape(-1, 64)), LARGEST).astype(np.int64)
    cells = np.arange(64) * BINS
    return np.bincount((cells + levels).ravel(), minlength=64 * BINS).reshape(64, BINS).astype(np.float32)


def probability_twice(blocks: NDArray[np.signedinteger[Any]], table: NDArray[np.integer[Any]]) -> float:
    """Probability that a window was compressed before on the same grid; once and twice equally likely beforehand.

    Args:
        blocks: stored values of luminance, (rows, columns, 8, 8).
        table: of the last compression, (8, 8) in rows.

    Raises:
        UsageError: there are fewer than FEWEST_BLOCKS.
        ResourceError: the weights are missing or altered.
    """
    count = blocks.shape[0] * blocks.shape[1]
    if count < FEWEST_BLOCKS:
        raise UsageError(f"histograms need at least {FEWEST_BLOCKS} blocks, not {count}")
    counts = counts_of(blocks) * np.float32(min(1.0, MOST_BLOCKS / count))
    steps = np.asarray(table, np.float32).reshape(1, 64)
    odds = float(networks.run(WEIGHTS, {"counts": counts[None], "table": steps})[0][0])
    return 1 / (1 + float(np.exp(-odds)))
