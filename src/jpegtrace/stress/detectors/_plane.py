"""What all detectors share: which pictures they take, and their blocks in the DCT domain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from jpegtrace.errors import UsageError

Plane = NDArray[np.uint8]
Floats = NDArray[np.float64]

# The calibrated variance of K_L needs two blocks beside the eight pixels it gives up; the others do with less.
SMALLEST = 24


def whole_blocks(plane: Plane) -> Plane:
    """The picture without the last rows and columns that fill no block.

    Raises:
        UsageError: it is no uint8 grey plane, or smaller than `SMALLEST` on a side.
    """
    if not isinstance(plane, np.ndarray) or plane.dtype != np.uint8 or plane.ndim != 2:
        found = f"{plane.dtype} {plane.shape}" if isinstance(plane, np.ndarray) else type(plane).__name__
        raise UsageError(f"a detector reads one grey plane, uint8 (height, width), not {found}")
    height, width = plane.shape
    if min(height, width) < SMALLEST:
        raise UsageError(
            f"a detector needs at least {SMALLEST} x {SMALLEST} pixels, not {width} x {height} (width x height)"
        )
    return plane[: height // 8 * 8, : width // 8 * 8]


def coefficients_of(plane: Plane) -> Floats:
    """Orthonormal DCT of every block, (blocks, 8, 8), rows of frequencies first; nothing is subtracted before."""
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    blocks = plane.reshape(rows, 8, cols, 8).swapaxes(1, 2).reshape(-1, 8, 8).astype(np.float64)
    found: Floats = dctn(blocks, axes=(1, 2), norm="ortho")
    return found
