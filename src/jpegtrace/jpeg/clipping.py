"""Blocks in which a decoder cuts samples off at black or white: what a compression before left is broken there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.jpeg.coefficients import ComponentCoefficients
from jpegtrace.jpeg.planes import plane

BLACK, WHITE = 0.5, 254.5  # where rounding ends
TENTHS = np.array([3, 6, 1], np.uint8)  # of luma, that red, green and blue make up
FEW = 16  # of them in a block, which hardly move its coefficients; chosen on training pictures
RED, GREEN, BLUE = (0.0, 1.402), (-0.344136, -0.714136), (1.772, 0.0)  # of Cb and Cr, beside luma (T.871)
BLOCKS_AT_ONCE = 1 << 14  # of chroma

ColourPlanes = tuple[ComponentCoefficients, ComponentCoefficients]  # Cb and Cr


class Clipped(NamedTuple):
    """Blocks of luma in which something is cut off.

    Attributes:
        luma: bool (rows, columns), where luma itself touches black or white.
        colours: bool (rows, columns), where red, green or blue do in more than `FEW` tenths.
    """

    luma: NDArray[np.bool_]
    colours: NDArray[np.bool_]


def clipped_blocks(luma: ComponentCoefficients, chroma: ColourPlanes | None) -> Clipped:
    """Find them band by band; of colours only with Cb and Cr, whose resolution luma's must be a multiple of.

    What colours a block has whose chroma is damaged is not known: it counts among them.
    """
    found = Clipped(np.zeros(luma.blocks.shape[:2], np.bool_), np.zeros(luma.blocks.shape[:2], np.bool_))
    across, down = (1, 1) if chroma is None else (luma.h // chroma[0].h, luma.v // chroma[0].v)
    height = max(BLOCKS_AT_ONCE // -(-luma.blocks.shape[1] // across), 1)
    for band in range(-(-len(luma.blocks) // (height * down))):
        here = slice(band * height * down, (band + 1) * height * down)
        y = plane(replace(luma, blocks=luma.blocks[here]))
        found.luma[here] = _by_blocks(_cut_off(y)) > 0
        if chroma is None:
            continue
        rows = slice(band * height, (band + 1) * height)
        blue, red = (
            _enlarged(plane(replace(c, blocks=c.blocks[rows])) - 128, across, down)[: y.shape[0], : y.shape[1]]
            for c in chroma
        )
        lost = np.zeros(y.shape, np.uint8)
        for tenths, (of_blue, of_red) in zip(TENTHS, (RED, GREEN, BLUE), strict=True):
            lost += tenths * _cut_off(y + of_blue * blue + of_red * red)
        damaged = _enlarged(~(chroma[0].whole & chroma[1].whole)[rows], across, down)
        found.colours[here] = _by_blocks(lost) > FEW
        found.colours[here] |= damaged[: y.shape[0] // 8, : y.shape[1] // 8]
    return found


def _enlarged(values: NDArray[Any], across: int, down: int) -> NDArray[Any]:
    return np.repeat(np.repeat(values, down, 0), across, 1)


def _cut_off(samples: NDArray[Any]) -> NDArray[np.bool_]:
    return (samples < BLACK) | (samples > WHITE)


def _by_blocks(samples: NDArray[np.bool_] | NDArray[np.uint8]) -> NDArray[np.int64]:
    """Sums over blocks."""
    rows, cols = (n // 8 for n in samples.shape)
    sums: NDArray[np.int64] = samples.reshape(rows, 8, cols, 8).sum(axis=(1, 3), dtype=np.int64)
    return sums
