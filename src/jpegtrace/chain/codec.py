"""JPEG compression and decompression of arrays, bit-exact with libjpeg-turbo's defaults.

What comes out equals what libjpeg-turbo (and so Pillow and OpenCV) computes with its default settings: accurate integer
DCT, box downsampling, "fancy" upsampling. There is no entropy coding: coefficients in, coefficients out. The tests
compare coefficients and pixels with Pillow's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.chain import _kernels
from jpegtrace.chain.filters import luma_of
from jpegtrace.chain.sampling import factors
from jpegtrace.errors import ChainError

Coefficients = NDArray[np.int16]
Pixels = NDArray[np.uint8]


class Planes(NamedTuple):
    """Quantized coefficients, each (block rows, block columns, 8, 8) int16, rows of the block first.

    A grey picture has empty chroma planes of shape (0, 0, 8, 8).
    """

    luma: Coefficients
    blue: Coefficients
    red: Coefficients


def stack_tables(luma: Any, chroma: Any | None = None) -> NDArray[np.int32]:
    """Both tables as one checked (2, 8, 8) int32 array; without a chroma table the luma table serves for both."""
    tables = np.stack([np.asarray(luma), np.asarray(luma if chroma is None else chroma)])
    if tables.shape != (2, 8, 8) or not np.issubdtype(tables.dtype, np.integer):
        raise ChainError(f"quantization tables must be 8x8 integers, not {tables.dtype} of shape {tables.shape[1:]}")
    if tables.min() < 1 or tables.max() > 65535:
        raise ChainError("quantization table entries must lie in 1..65535")
    return tables.astype(np.int32)


def _blocks(samples: int) -> int:
    return -(-samples // 8)


def _empty_planes(rows: int, cols: int, subsampling: str) -> Planes:
    across, down = factors(subsampling)
    luma = np.empty((_blocks(rows), _blocks(cols), 8, 8), np.int16)
    shape = (0, 0) if subsampling == "grey" else (_blocks(-(-rows // down)), _blocks(-(-cols // across)))
    return Planes(luma, np.empty((*shape, 8, 8), np.int16), np.empty((*shape, 8, 8), np.int16))


def _workspaces(rows: int, cols: int) -> tuple[Pixels, Pixels]:
    height, width = 8 * _blocks(rows), 8 * _blocks(cols)
    return np.empty((3, height, width), np.uint8), np.empty((height, width), np.uint8)


def compress(pixels: Pixels, luma_table: Any, chroma_table: Any | None = None, subsampling: str = "420") -> Planes:
    """Quantized coefficients of a picture.

    Args:
        pixels: uint8 (rows, columns, 3) RGB or (rows, columns) grey.
        luma_table: 8x8, row-major.
        chroma_table: 8x8; the luma table where it is missing.
        subsampling: a name of `jpegtrace.chain.sampling`; a grey picture ignores it, "grey" keeps only the luma of a
            colour picture.

    Raises:
        ChainError: the array, a table or the subsampling is not usable.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ChainError(f"a picture must be uint8 (rows, columns[, 3]), not {pixels.dtype} {pixels.shape}")
    if 0 in pixels.shape:
        raise ChainError("a picture without pixels cannot be compressed")
    across, down = factors(subsampling)
    grey = pixels.ndim == 2 or subsampling == "grey"
    rows, cols = pixels.shape[:2]
    planes = _empty_planes(rows, cols, "grey" if grey else subsampling)
    full, small = _workspaces(rows, cols)
    window = np.array([0, 0, rows, cols], np.int64)
    if pixels.ndim == 3 and grey:
        pixels = luma_of(pixels)
    source = np.ascontiguousarray(pixels.reshape(rows, cols, -1))
    _kernels.encode(source, window, stack_tables(luma_table, chroma_table), across, down, full, small, *planes)
    return planes


def decompress(planes: Planes, tables: tuple[Any, ...], subsampling: str, rows: int, cols: int) -> Pixels:
    """Pixels of quantized coefficients: uint8 (rows, columns, 3), or (rows, columns) without chroma.

    Raises:
        ChainError: the planes do not belong to a picture of this size and subsampling.
    """
    planes = Planes(*(np.ascontiguousarray(plane, np.int16) for plane in planes))
    grey = planes.blue.size == 0
    across, down = factors(subsampling)
    expected = _empty_planes(rows, cols, "grey" if grey else subsampling)
    for name, plane, blank in zip(Planes._fields, planes, expected, strict=True):
        if plane.shape != blank.shape:
            raise ChainError(
                f"the {name} plane must be {blank.shape} for {cols}x{rows} {subsampling}, not {plane.shape}"
            )
    full, small = _workspaces(rows, cols)
    pixels = np.empty((rows, cols, 1 if grey else 3), np.uint8)
    _kernels.decode(*planes, stack_tables(*tables[:2]), across, down, rows, cols, full, small, pixels)
    return pixels[:, :, 0] if grey else pixels
