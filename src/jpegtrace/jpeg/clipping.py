"""Blocks in which a decoder cuts samples off at black or white: what a compression before left is broken there."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.jpeg.coefficients import ComponentCoefficients
from jpegtrace.jpeg.planes import plane

BLACK, WHITE = 0.5, 254.5  # where rounding ends
# Tenths of luma that red, green and blue make up, and how many of them a block may lose. Where it loses more, whole
# pictures of vivid colours were divided (benchmarks/regions.py); with none allowed nothing could be told of a fifth.
TENTHS = np.array([3, 6, 1], np.uint8)
FEW = 16
RED, GREEN, BLUE = (0.0, 1.402), (-0.344136, -0.714136), (1.772, 0.0)  # of Cb and Cr, beside luma (T.871)
ROWS_AT_ONCE = 64  # blocks of chroma


class Clipped(NamedTuple):
    """Blocks of luma in which something is cut off.

    Attributes:
        luma: bool (rows, columns), where luma itself touches black or white.
        colours: bool (rows, columns), where red, green or blue do in more than `FEW` tenths of a pixel.
    """

    luma: NDArray[np.bool_]
    colours: NDArray[np.bool_]


Chroma = tuple[ComponentCoefficients, ComponentCoefficients]


def clipped_blocks(luma: ComponentCoefficients, chroma: Chroma | None) -> Clipped:
    """Find them band by band; of colours only with Cb and Cr, whose resolution luma's must be a multiple of."""
    found = Clipped(np.zeros(luma.blocks.shape[:2], np.bool_), np.zeros(luma.blocks.shape[:2], np.bool_))
    across, down = (1, 1) if chroma is None else (luma.h // chroma[0].h, luma.v // chroma[0].v)
    for top in range(0, len(luma.blocks), ROWS_AT_ONCE * down):
        here = slice(top, top + ROWS_AT_ONCE * down)
        y = plane(replace(luma, blocks=luma.blocks[here]))
        found.luma[here] = _by_blocks(_cut_off(y)) > 0
        if chroma is None:
            continue
        rows = slice(top // down, top // down + ROWS_AT_ONCE)
        differences = [plane(replace(c, blocks=c.blocks[rows])) - 128 for c in chroma]
        blue, red = (np.repeat(np.repeat(d, down, 0), across, 1)[: y.shape[0], : y.shape[1]] for d in differences)
        lost = sum(
            tenths * _cut_off(y + of_blue * blue + of_red * red)
            for tenths, (of_blue, of_red) in zip(TENTHS, (RED, GREEN, BLUE), strict=True)
        )
        found.colours[here] = _by_blocks(lost) > FEW
    return found


def _cut_off(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (samples < BLACK) | (samples > WHITE)


def _by_blocks(samples: NDArray[np.bool_] | NDArray[np.uint8]) -> NDArray[np.int64]:
    """Sums over blocks."""
    rows, cols = (n // 8 for n in samples.shape)
    sums: NDArray[np.int64] = samples.reshape(rows, 8, cols, 8).sum(axis=(1, 3), dtype=np.int64)
    return sums
