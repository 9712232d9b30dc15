"""Planes of samples and the DCT coefficients of their blocks, both unrounded.

A plane of coefficients has them where the samples of their block lie, so that a transform moves nothing.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from jpegtrace.jpeg import dct_matrix
from jpegtrace.stress.attacks._method import Floats

_DCT = dct_matrix()


def plane_of(blocks: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns, 8, 8) laid out as (8 rows, 8 columns)."""
    rows, cols = blocks.shape[:2]
    return blocks.swapaxes(1, 2).reshape(8 * rows, 8 * cols)


def blocks_of(plane: NDArray[Any]) -> NDArray[Any]:
    """The blocks that `plane_of` laid out."""
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    return plane.reshape(rows, 8, cols, 8).swapaxes(1, 2)


def samples_of(coefficients: Floats) -> Floats:
    """Samples of a plane of dequantized coefficients, level shift of 128 included."""
    return _across_and_down(coefficients, _DCT.T) + 128


def coefficients_of(samples: Floats) -> Floats:
    """What `samples_of` was taken of."""
    return _across_and_down(samples - 128, _DCT)


def _across_and_down(plane: Floats, matrix: Floats) -> Floats:
    lines = plane.reshape(-1, 8) @ matrix.T
    result: Floats = (matrix @ lines.reshape(-1, 8, plane.shape[1])).reshape(plane.shape)
    return result
