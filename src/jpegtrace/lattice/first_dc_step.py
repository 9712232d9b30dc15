"""How much the DC values that are stored speak for each first step of DC on the same grid.

As in `first_steps`, but DC spreads over hundreds of cells, and no curve that is known beforehand describes it. What is
expected in a cell is what lies around it: the counts smoothed by a Gaussian of SPREAD cells, b. It is narrower where
these cells are wider than WIDEST, for the tones of a picture lie close together, and than NARROW of the deviation of
what is stored, which would stand out against it by itself. A pattern d, which repeats within a few cells, loses what
the same Gaussian leaves of it; first steps that repeat more slowly than it reaches, REACH deviations, say nothing. Sky
and walls heap up in single cells, so counts scatter more than by chance, with the variance v = b + HEAPED b^2, and no
cell may be further from b than FURTHEST deviations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from jpegtrace.lattice.first_steps import ERROR, KEPT, MOST, STEPS, Floats, Singles, times_as_many

LARGEST_DC = 1024  # magnitude, in unquantized units
SPREAD = 4.0
WIDEST = 64.0  # in unquantized units
NARROW = 0.5
NARROWEST = 0.3  # cells
REACH = 2.0
HEAPED = 0.05
FURTHEST = 4.0
LEAST = 1e-3  # expected in a cell


def spread(cells: NDArray[np.int64], last: int) -> float:
    """Deviation of the Gaussian that smooths, in cells of the last step, as a power of the square root of 2."""
    widest = min(SPREAD, WIDEST / last)
    if cells.size:
        low, high = np.quantile(cells, (0.16, 0.84))
        widest = min(widest, max(NARROW * (high - low) / 2, NARROWEST))
    return float(2 ** (np.round(2 * np.log2(widest)) / 2))


def cells_beside(last: int) -> int:
    """Cells of the last step on each side of 0."""
    return -(-LARGEST_DC // last) + 1


@lru_cache(maxsize=256)
def sharp_pattern(last: int, error: float, smoothed: float) -> Singles:
    """The pattern in every cell from the lowest to the highest without what is smooth, (cells, STEPS)."""
    beside = cells_beside(last)
    times = times_as_many((np.arange(-beside, beside + 2) - 0.5) * last, last, error)
    whole = KEPT * (np.minimum(times, MOST) - 1)
    found: Singles = (whole - gaussian_filter1d(whole, smoothed, axis=0, mode="nearest")).astype(np.float32)
    found[:, np.arange(1, STEPS + 1) > REACH * smoothed * last] = 0
    found.setflags(write=False)
    return found


def dc_log_ratios(stored: NDArray[np.integer[Any]], last: int, error: float = ERROR, share: float = 1.0) -> Floats:
    """Log-likelihood ratio of every first step of DC against none, (STEPS,).

    Args:
        stored: DC values of the blocks, of any shape.
        last: step of DC in the last compression, at least 1.
        error: deviation of a coefficient between the compressions.
        share: of the blocks that count.
    """
    beside = cells_beside(last)
    cells = np.clip(stored.ravel().astype(np.int64), -beside, beside) + beside
    counts = share * np.bincount(cells, minlength=2 * beside + 1)
    smoothed = spread(cells, last)
    around = gaussian_filter1d(counts, smoothed, mode="constant")
    expected = around + LEAST
    variance = expected * (1 + HEAPED * expected)
    furthest = FURTHEST * np.sqrt(variance)
    residual = np.clip(counts - around, -furthest, furthest)
    wanted = sharp_pattern(last, error, smoothed)
    found: Floats = (expected / variance * residual) @ wanted - (expected**2 / variance) @ wanted**2 / 2
    return found
