"""What the last compression leaves behind: scales of the coefficients, and the variance of its error.

Per coefficient of the last grid the error variance is q^2/12 where the stored value is not 0, and that of a Laplacian
truncated to (-q/2, q/2) where it is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Between two compressions a picture is rounded in RGB: 1/12 for the samples of the inverse DCT, and the colour
# transforms on top; as a variance of an orthonormal DCT coefficient of luma.
ROUNDING_VARIANCE = 0.2
ROUNDING_DEVIATION = 0.45  # its root, about


def laplacian_scales(blocks: NDArray[np.int16], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maximum-likelihood scale b of each frequency from quantized values, (8, 8)."""
    count = blocks.shape[0] * blocks.shape[1]
    return _scales(np.abs(blocks.astype(np.float64)).mean((0, 1)), count, last)


def error_variances(blocks: NDArray[np.int16], last: NDArray[np.float64]) -> NDArray[np.float32]:
    """Variance of the last quantization's error for every coefficient, the shape of `blocks`."""
    count = blocks.shape[0] * blocks.shape[1]
    return _variances(blocks, (blocks != 0).sum((0, 1)), count, last).astype(np.float32)


def local_noise(
    blocks: NDArray[np.int16], last: NDArray[np.float64], radius: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same for every block, from the square of blocks around it: scales and variances, the shape of `blocks`."""
    count = _square_sums(np.ones((*blocks.shape[:2], 1, 1), np.float32), radius)
    mean = _square_sums(np.abs(blocks).astype(np.float32), radius) / count
    busy = _square_sums((blocks != 0).astype(np.float32), radius)
    scales = _scales(mean, count, last)
    return scales.astype(np.float32), _variances(blocks, busy, count, last).astype(np.float32)


def _scales(mean: NDArray[Any], count: NDArray[Any] | int, last: NDArray[np.float64]) -> NDArray[Any]:
    """For a Laplacian in bins of width q the mean magnitude is q / (2 sinh(q / 2b))."""
    scales: NDArray[Any] = last / (2 * np.arcsinh(0.5 / np.maximum(mean, 0.5 / count)))
    return scales


def _variances(
    blocks: NDArray[np.int16], busy: NDArray[Any], count: NDArray[Any] | int, last: NDArray[np.float64]
) -> NDArray[Any]:
    half = -np.log((busy + 0.5) / (count + 1.0))  # q / 2b
    scale = last / (2 * half)
    decay = np.exp(-half)
    inside = scale**2 * (2 - (half**2 + 2 * half) * decay / (1 - decay))
    uniform = last**2 / 12
    variances: NDArray[Any] = np.where(blocks == 0, np.minimum(inside, uniform), uniform)
    return variances


def _square_sums(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Sums over (2 radius + 1) x (2 radius + 1) neighbours on the first two axes, cut at the borders."""
    for axis in (0, 1):
        total = np.cumsum(values, axis=axis, dtype=np.float64)
        total = np.insert(total, 0, 0, axis=axis)
        at = np.arange(values.shape[axis])
        above = np.minimum(at + radius + 1, values.shape[axis])
        values = (np.take(total, above, axis) - np.take(total, np.maximum(at - radius, 0), axis)).astype(np.float32)
    return values
