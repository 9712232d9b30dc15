"""How often chance alone would look like this: the number of false alarms expected (a contrario).

Under "never quantized" the place of a coefficient between two multiples of a step is uniform. The error measure of
JPEGQ (the idea, not the code): over the n coefficients that do not round to zero,
s = sum of 2 |D/q - round(D/q)| is n/2 on average, and the probability of so small a sum is bounded by that of n
uniform numbers. Multiplied by the number of tests made it is the number of such findings expected by chance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TESTS = 64 * 1000  # grids, and known tables that were compared, at most
LARGEST_STEP = 255


def log10_false_alarms(coefficients: NDArray[np.float32], table: NDArray[np.uint16], *, chosen: int = 0) -> float:
    """Logarithm of the number of false alarms for a table.

    Args:
        coefficients: (blocks, 64) in zigzag order; blocks that are the same count once.
        table: (64,) in zigzag order.
        chosen: how many of its entries were chosen one by one among all steps.
    """
    tests = math.log10(TESTS) + chosen * math.log10(LARGEST_STEP)
    distinct = np.unique(np.round(coefficients), axis=0, return_index=True)[1]
    scaled = coefficients[distinct, 1:] / table[1:].astype(np.float32)
    nearest = np.round(scaled)
    off = 2 * np.abs(scaled - nearest)[nearest != 0]
    n, s = off.size, float(off.sum(dtype=np.float64))
    tail = n / 2 - s
    if n == 0 or tail <= 0:
        return tests
    # Volume of the corner of the cube below s, and Hoeffding's bound; both hold.
    corner = (n * math.log(max(s, 1e-300)) - math.lgamma(n + 1)) / math.log(10)
    hoeffding = -2 * tail * tail / n / math.log(10)
    return float(tests + min(corner, hoeffding, 0.0))
