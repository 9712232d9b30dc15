"""Medians of planes, which simulated histories apply and traces are compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel


def median_of(plane: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Median over an odd square window; the border repeats the edge, as OpenCV's does."""
    result = np.empty(plane.shape, np.uint8)
    _sliding_median(np.pad(plane, size // 2, mode="edge"), size, result)
    return result


@kernel
def _sliding_median(padded: NDArray[np.uint8], size: int, out: NDArray[np.uint8]) -> None:
    """Median of every size x size window, by a histogram that slides along each row (Huang, Yang, Tang 1979)."""
    rank = size * size // 2
    counts = np.empty(256, np.int64)
    for y in range(out.shape[0]):
        counts[:] = 0
        for i in range(size):
            for j in range(size):
                counts[padded[y + i, j]] += 1
        value, below = 0, 0  # `below` counts the samples smaller than `value`
        for x in range(out.shape[1]):
            if x > 0:
                for i in range(size):
                    gone, come = padded[y + i, x - 1], padded[y + i, x + size - 1]
                    counts[gone] -= 1
                    counts[come] += 1
                    below += int(come < value) - int(gone < value)
            while below > rank:
                value -= 1
                below -= counts[value]
            while below + counts[value] <= rank:
                below += counts[value]
                value += 1
            out[y, x] = value
