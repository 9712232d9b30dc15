"""How near a picture is to its original: PSNR and SSIM."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError

Floats = NDArray[np.float64]

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
PEAK = 255


def psnr(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean (x - y)^2); infinity where both are the same.

    Args:
        left: uint8 of any shape but an empty one; the mean is over all samples.
        right: the same shape.

    Raises:
        UsageError: the arrays are no such pair.
    """
    _check(left, right)
    error = float(np.square(left.astype(np.float64) - right).mean())
    return 10 * math.log10(PEAK**2 / error) if error else math.inf


def ssim(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """Mean structural similarity, at most 1, which only equal pictures reach.

    In a window of 11x11 pixels with Gaussian weights, sigma 1.5, that sum to 1,

        SSIM = (2 mx my + C1) (2 sxy + C2) / ((mx^2 + my^2 + C1) (sx^2 + sy^2 + C2)),    C1 = 2.55^2, C2 = 7.65^2,

    and the mean is over all windows that lie wholly in the picture. Variances are weighted means less the square of the
    mean, nothing is added for a sample's size. Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality
    assessment: from error visibility to structural similarity", IEEE Trans. Image Process. 13(4), 2004. The picture
    is not reduced before, which later code of the authors does with pictures of 384 pixels and more a side.

    Args:
        left: grey, uint8 (height, width), at least 11x11.
        right: the same shape.

    Raises:
        UsageError: the arrays are no such pair.
    """
    _check(left, right)
    if left.ndim != 2 or min(left.shape) < WINDOW:
        raise UsageError(f"SSIM compares grey planes of at least {WINDOW}x{WINDOW} pixels, not of shape {left.shape}")
    x, y = left.astype(np.float64), right.astype(np.float64)
    mx, my = _smoothed(x), _smoothed(y)
    xx, yy, xy = _smoothed(x * x) - mx * mx, _smoothed(y * y) - my * my, _smoothed(x * y) - mx * my
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    similar = (2 * mx * my + c1) * (2 * xy + c2) / ((mx * mx + my * my + c1) * (xx + yy + c2))
    return float(similar.mean())


def _smoothed(plane: Floats) -> Floats:
    """Weighted means of all whole windows; the weights are a product, so rows and columns follow each other."""
    weights = np.exp(-np.square(np.arange(WINDOW) - WINDOW // 2) / (2 * SIGMA**2))
    weights /= weights.sum()
    for axis in (0, 1):
        length = plane.shape[axis] - WINDOW + 1
        moved = plane.swapaxes(0, axis)
        total = np.zeros((length, *moved.shape[1:]))
        for k, weight in enumerate(weights):
            total += weight * moved[k : k + length]
        plane = total.swapaxes(0, axis)
    return plane


def _check(left: Any, right: Any) -> None:
    for array in (left, right):
        if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.size == 0:
            found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise UsageError(f"pictures are compared as uint8 arrays with pixels, not {found}")
    if left.shape != right.shape:
        raise UsageError(f"only pictures of one size are compared, not {left.shape} and {right.shape}")
