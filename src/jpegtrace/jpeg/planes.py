"""Unrounded sample planes from stored coefficients: dequantize, inverse DCT, no rounding, no clipping.

Rounding and clipping destroy what later questions live on, so the planes are what a decoder has before both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import CorruptInput
from jpegtrace.jpeg.coefficients import ComponentCoefficients

BLOCK_ROWS_AT_ONCE = 64


def dct_matrix() -> NDArray[np.float64]:
    """The orthonormal 8-point DCT-II, frequencies by rows (T.81, A.3.3)."""
    k, x = np.mgrid[0:8, 0:8]
    matrix: NDArray[np.float64] = np.cos((2 * x + 1) * k * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix


def dequantize(component: ComponentCoefficients) -> NDArray[np.float32]:
    """Coefficients times quantization table, (rows, columns, 8, 8).

    Raises:
        CorruptInput: the file has no quantization table for this component.
    """
    if component.table is None:
        raise CorruptInput("a component has no quantization table")
    return component.blocks.astype(np.float32) * component.table.astype(np.float32)


def plane(component: ComponentCoefficients) -> NDArray[np.float32]:
    """Samples of one component before rounding, level shift of 128 included; whole blocks, at its own resolution."""
    if component.table is None:
        raise CorruptInput("a component has no quantization table")
    rows, cols = component.blocks.shape[:2]
    basis = dct_matrix()
    # One 64x64 product per block is faster than two 8x8 ones, and takes the scaling by the table in for nothing.
    transform = np.einsum("ux,vy->uvxy", basis, basis).reshape(64, 64) * component.table.reshape(64, 1)
    transform32 = transform.astype(np.float32)
    samples = np.empty((rows * 8, cols * 8), np.float32)
    for top in range(0, rows, BLOCK_ROWS_AT_ONCE):
        part = component.blocks[top : top + BLOCK_ROWS_AT_ONCE].reshape(-1, 64).astype(np.float32)
        pixels = (part @ transform32 + np.float32(128)).reshape(-1, cols, 8, 8)
        height = pixels.shape[0] * 8
        samples[top * 8 : top * 8 + height] = pixels.transpose(0, 2, 1, 3).reshape(height, cols * 8)
    return samples
