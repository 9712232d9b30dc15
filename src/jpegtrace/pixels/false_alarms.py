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

TESTS = 64 * 1000  # grids, and tables that were compared, about


def log10_false_alarms(coefficients: NDArray[np.float32], table: NDArray[np.uint16]) -> float:
    """Logarithm of the number of false alarms for a table, from coefficients (blocks, 64) in zigzag order."""
    scaled = coefficients[:, 1:] / table[1:].astype(np.float32)
    nearest = np.round(scaled)
    off = 2 * np.abs(scaled - nearest)[nearest != 0]
    n, s = off.size, float(off.sum(dtype=np.float64))
    tail = n / 2 - s
    if n == 0 or tail <= 0:
        return math.log10(TESTS)
    # Volume of the corner of the cube below s, and Hoeffding's bound; both hold.
    corner = (n * math.log(max(s, 1e-300)) - math.lgamma(n + 1)) / math.log(10)
    hoeffding = -2 * tail * tail / n / math.log(10)
    return float(math.log10(TESTS) + min(corner, hoeffding, 0.0))
