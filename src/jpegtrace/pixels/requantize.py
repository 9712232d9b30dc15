"""Stored coefficients from pixels: what the last JPEG held, so that its own past can be read.

Where grid and table of the last compression are known, every coefficient lies within the rounding noise of a multiple
of its step; the nearest multiple is what the file stored, but for the few that noise carries across.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace.pixels.dense import CELL, Tile, coefficients_of
from jpegtrace.pixels.history import PixelSource
from jpegtrace.pixels.luma import Luma
from jpegtrace.pixels.noise import BAD, TOUCHED
from jpegtrace.tables import ZIGZAG


def requantize(
    luma: Luma, source: PixelSource
) -> tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.bool_], tuple[int, int]]:
    """Blocks of the last compression of a picture.

    Returns:
        blocks: int16 (rows, columns, 8, 8), one for every cell of 8 pixels, the block whose centre lies in it.
        table: uint16 (8, 8).
        usable: (rows, columns) blocks that are whole and not clipped.
        corner: row and column in the picture where the first block begins, -4..3.
    """
    rows, cols = (-(-n // CELL) for n in luma.values.shape)
    whole = Tile(0, 0, rows, cols)
    coefficients, kinds = coefficients_of(luma, [whole], source.origin[0] * 8 + source.origin[1])
    order = np.argsort(ZIGZAG)
    stored = np.round(coefficients / source.table.astype(np.float32)).astype(np.int16)[:, order]
    usable = ((kinds != BAD) & (kinds != TOUCHED)).reshape(rows, cols)
    corner = whole.corner(source.origin[0] * 8 + source.origin[1])
    return stored.reshape(rows, cols, 8, 8), source.table[order].reshape(8, 8), usable, corner
