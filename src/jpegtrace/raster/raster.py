"""Exact pixels of any readable format, 8 or 16 bit, nothing converted but palettes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Decoded pixels.

    Attributes:
        pixels: uint8 or uint16, (height, width) for grey, (height, width, 3) for RGB, (height, width, 4) for CMYK.
        alpha: (height, width) of the same type, or None.
        mode: "grey", "rgb" or "cmyk".
        decoder: the code that decoded, with its version, because decoders differ by a grey level.
        frames: pictures in the file; only the first is read.
        note: what a reader of the pixels must know, such as that a palette was resolved.
        palette: whether the file holds numbers of colours instead of colours.
    """

    pixels: Pixels
    alpha: Pixels | None
    mode: str
    decoder: str
    frames: int = 1
    note: str | None = None
    palette: bool = False

    @property
    def bits(self) -> int:
        """Bits a sample, 8 or 16."""
        return 8 * self.pixels.dtype.itemsize


def from_channels(
    samples: Pixels,
    decoder: str,
    *,
    alpha: bool,
    frames: int = 1,
    note: str | None = None,
    palette: bool = False,
) -> Raster:
    """Sort (height, width, channels) into colour and alpha."""
    samples = np.ascontiguousarray(samples)
    transparency = samples[..., -1] if alpha else None
    colour = samples[..., :-1] if alpha else samples
    mode = {1: "grey", 3: "rgb", 4: "cmyk"}[colour.shape[2]]
    pixels = colour[..., 0] if mode == "grey" else colour
    return Raster(np.ascontiguousarray(pixels), transparency, mode, decoder, frames, note, palette)
