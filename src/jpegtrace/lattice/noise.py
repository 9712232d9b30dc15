"""What the last compression leaves behind: scales of the coefficients, and the variance of its error.

Per coefficient of the last grid the error variance is q^2/12 where the stored value is not 0, and that of a Laplacian
truncated to (-q/2, q/2) where it is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Between two compressions a picture is rounded in RGB: 1/12 for the samples of the inverse DCT, and the colour
# transforms on top; as a variance of an orthonormal DCT coefficient of luma.
ROUNDING_VARIANCE = 0.2
ROUNDING_DEVIATION = 0.45


def laplacian_scales(blocks: NDArray[np.int16], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maximum-likelihood scale b of each frequency from quantized values (8, 8).

    For a Laplacian in bins of width q the mean magnitude is q / (2 sinh(q / 2b)).
    """
    count = blocks.shape[0] * blocks.shape[1]
    mean = np.maximum(np.abs(blocks.astype(np.float64)).mean((0, 1)), 0.5 / count)
    scales: NDArray[np.float64] = last / (2 * np.arcsinh(1 / (2 * mean)))
    return scales


def error_variances(blocks: NDArray[np.int16], last: NDArray[np.float64]) -> NDArray[np.float32]:
    """Variance of the last quantization's error for every coefficient, the shape of `blocks`."""
    count = blocks.shape[0] * blocks.shape[1]
    busy = ((blocks != 0).sum((0, 1)) + 0.5) / (count + 1.0)
    half = -np.log(busy)  # q / 2b
    scale = last / (2 * half)
    decay = np.exp(-half)
    inside = scale**2 * (2 - (half**2 + 2 * half) * decay / (1 - decay))
    uniform = last**2 / 12
    variances: NDArray[np.float32] = np.where(blocks == 0, np.minimum(inside, uniform), uniform).astype(np.float32)
    return variances
