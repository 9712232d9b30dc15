"""How much the DC values that are stored speak for each first step of DC on the same grid.

As in `first_steps`, but DC spreads over hundreds of cells, and no curve that is known beforehand describes it. What is
expected in a cell is what lies around it: the counts smoothed by a Gaussian of SPREAD cells, b, of fewer where these
are wider than WIDEST, for the tones of a picture lie close together. A pattern d, which repeats within a few cells,
loses what the same Gaussian leaves of it. Sky and walls heap up in single cells, so counts scatter more than by chance,
with the variance v = b + HEAPED b^2, and no cell may be further from b than FURTHEST deviations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from jpegtrace.lattice.first_steps import ERROR, KEPT, MOST, Floats, Singles, times_as_many

LARGEST_DC = 1024  # magnitude, in unquantized units
SPREAD = 4.0
WIDEST = 64.0  # in unquantized units
HEAPED = 0.05
FURTHEST = 4.0
LEAST = 1e-3  # expected in a cell


def spread(last: int) -> float:
    """Deviation of the Gaussian that smooths, in cells of the last step."""
    return min(SPREAD, WIDEST / last)


def cells_beside(last: int) -> int:
    """Cells of the last step on each side of 0."""
    return -(-LARGEST_DC // last) + 1


@lru_cache(maxsize=512)
def sharp_pattern(last: int, error: float = ERROR) -> Singles:
    """The pattern in every cell from the lowest to the highest without what is smooth, (cells, STEPS)."""
    beside = cells_beside(last)
    times = times_as_many((np.arange(-beside, beside + 2) - 0.5) * last, last, error)
    whole = KEPT * (np.minimum(times, MOST) - 1)
    found: Singles = (whole - gaussian_filter1d(whole, spread(last), axis=0, mode="nearest")).astype(np.float32)
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
    around = gaussian_filter1d(counts, spread(last), mode="constant")
    expected = around + LEAST
    variance = expected * (1 + HEAPED * expected)
    furthest = FURTHEST * np.sqrt(variance)
    residual = np.clip(counts - around, -furthest, furthest)
    wanted = sharp_pattern(last, error)
    found: Floats = (expected / variance * residual) @ wanted - (expected**2 / variance) @ wanted**2 / 2
    return found
