"""Total variation by the pixel, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from jpegtrace._jit import kernel

Array = np.ndarray[Any, Any]


@kernel
def variation(samples: Array, sides: Array, weight: float, down: Array, across: Array) -> tuple[float, float]:
    """Sum of e and sum of s e (see `tv`), and of what e consists of what a subgradient is made of.

    Args:
        samples: (h, w), the outermost of which repeat beyond the border.
        sides: (8, 8), s in each block.
        weight: alpha.
        down: (h, w), written: a / e, times what e counts in E; 0 where e is 0.
        across: the same of b.
    """
    rows, cols = samples.shape
    total = excess = 0.0
    for y in range(rows):
        above, below = max(y - 1, 0), min(y + 1, rows - 1)
        for x in range(cols):
            twice = 2 * samples[y, x]
            a = samples[above, x] + samples[below, x] - twice
            b = samples[y, max(x - 1, 0)] + samples[y, min(x + 1, cols - 1)] - twice
            size = np.sqrt(a * a + b * b)
            total += size
            excess += sides[y & 7, x & 7] * size
            down[y, x] = a / size if size > 0 else 0.0
            across[y, x] = b / size if size > 0 else 0.0
    # The sign of the excess is known only now.
    signed = weight * np.sign(excess)
    for y in range(rows):
        for x in range(cols):
            factor = 1 + signed * sides[y & 7, x & 7]
            down[y, x] *= factor
            across[y, x] *= factor
    return total, excess


@kernel
def divergence(down: Array, across: Array, gradient: Array) -> None:
    """Second differences down and across, the outermost repeated: a symmetric matrix, so its own transpose."""
    rows, cols = gradient.shape
    for y in range(rows):
        above, below = max(y - 1, 0), min(y + 1, rows - 1)
        for x in range(cols):
            left, right = max(x - 1, 0), min(x + 1, cols - 1)
            gradient[y, x] = (
                down[above, x] + down[below, x] - 2 * down[y, x] + across[y, left] + across[y, right] - 2 * across[y, x]
            )
