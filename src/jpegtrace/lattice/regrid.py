"""Values on another grid than that of the last compression."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from jpegtrace.tables import ZIGZAG

SIDE = 8
BAND = 64  # rows of blocks transformed together


def blocks_on(
    blocks: NDArray[np.int16],
    last: NDArray[np.uint16],
    origin: tuple[int, int],
    inside: NDArray[np.bool_],
    *,
    stride: int,
) -> Iterator[NDArray[np.float32]]:
    """What blocks of a part hold on another grid, (count, 64) in zigzag order, a band of the picture at a time.

    Args:
        blocks: stored values of luma, (rows, columns, 8, 8).
        last: table of the last compression, (8, 8).
        origin: row and column of the other grid.
        inside: places of the part; a block is in it where its middle is.
        stride: of these places in pixels.
    """
    top, left = origin
    rows, cols = (size - (start > 0) for size, start in zip(blocks.shape, origin, strict=False))
    row, col = (
        np.minimum((start + SIDE // 2 + SIDE * np.arange(count)) // stride, size - 1)
        for start, count, size in ((top, rows, inside.shape[0]), (left, cols, inside.shape[1]))
    )
    for first in range(0, rows, BAND):
        many = min(BAND, rows - first)
        part = inside[row[first : first + many, None], col]
        if not part.any():
            continue
        stored = blocks[first : first + many + (top > 0)] * last.astype(np.float32)
        pixels = idctn(stored, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(SIDE * len(stored), -1)
        cut = pixels[top : top + SIDE * many, left : left + SIDE * cols].reshape(many, SIDE, cols, SIDE)
        values = dctn(cut, axes=(1, 3), norm="ortho").swapaxes(1, 2).reshape(many, cols, SIDE**2)[part]
        yield values[:, ZIGZAG]
