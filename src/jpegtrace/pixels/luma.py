"""The luma of decoded pixels, unrounded, and where it cannot be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.jpeg.clipping import TENTHS
from jpegtrace.raster import Raster

WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # JFIF
# Of a DCT coefficient of luma after decoding: 1/12 for the samples of the inverse DCT, and for colour that of rounding
# R, G and B once more, weighted (0.037).
GREY_VARIANCE = 0.09
COLOUR_VARIANCE = 0.12
WHOLE = TENTHS.sum(dtype=np.uint8)
ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Luma:
    """Luma of a picture.

    Attributes:
        values: float32 (height, width), 0..255.
        clipped: uint8 (height, width), tenths of the pixel's luma that come from channels that are black or white: the
            decoder may have cut them off there.
        variance: of the rounding noise in a DCT coefficient, when nothing happened after decoding.
    """

    values: NDArray[np.float32]
    clipped: NDArray[np.uint8]
    variance: float


def luma_of(raster: Raster) -> Luma | str:
    """Luma of decoded pixels, or why there is none."""
    if raster.mode == "cmyk":
        return "its pixels are CMYK, which no colour transform ties to a luma"
    pixels = raster.pixels
    highest = np.iinfo(pixels.dtype).max
    scale = np.float32(255 / highest)
    if pixels.ndim == 2:
        return Luma(pixels * scale, ((pixels == 0) | (pixels == highest)) * WHOLE, GREY_VARIANCE)
    values = np.empty(pixels.shape[:2], np.float32)
    clipped = np.empty(pixels.shape[:2], np.uint8)
    grey = True
    for top in range(0, len(pixels), ROWS_AT_ONCE):
        part = pixels[top : top + ROWS_AT_ONCE]
        values[top : top + ROWS_AT_ONCE] = part @ (WEIGHTS * scale)
        clipped[top : top + ROWS_AT_ONCE] = ((part == 0) | (part == highest)) @ TENTHS
        grey = grey and bool((part[..., :1] == part[..., 1:]).all())
    return Luma(values, clipped, GREY_VARIANCE if grey else COLOUR_VARIANCE)
