"""Whether the colours of a picture were reduced to a few: what a palette does, and leaves behind.

Dithering moves every pixel to one of a few colours, many grey levels away. That covers the lattice of a JPEG and
imitates others. The colours of such a picture lie far from each other. A part of a photograph may have as few: where it
is hazy they lie side by side, and where it was a JPEG of very low quality most pixels have the colour of their
neighbour. Grey pictures have at most 256 by their nature, and so have tinted ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel
from jpegtrace.raster import Pixels, Raster

MOST = 256  # colours of the largest palette
PIXELS_EACH = 64  # of a colour, on average; with fewer, a photograph may have as few colours
LEAST_GAP = 1.5  # grey levels from a colour to the nearest other one, in the mean
MOST_EQUAL = 0.65  # share of neighbouring pixels of one colour; above, a low quality explains how few there are,
LARGE = 256 * 256  # but not in so many pixels
SLOTS = 4096  # of the hash table; a power of two
NO_KEY = -1


def reduced_to(raster: Raster) -> int:
    """To how many colours the picture was reduced; 0 where it was not, as far as its pixels tell."""
    if raster.mode != "rgb":
        return 0
    colours = distinct_colours(raster.pixels)
    if colours is None or (colours[:, :1] == colours[:, 1:]).all():
        return 0
    if raster.palette:
        return len(colours)
    return len(colours) if _as_if_reduced(raster.pixels, colours) else 0


def distinct_colours(pixels: Pixels) -> NDArray[np.int64] | None:
    """The colours (n, 3) of RGB pixels (height, width, 3); None where they are more than `MOST`."""
    keys = np.empty(MOST, np.int64)
    count = _distinct(pixels.reshape(-1, 3), keys)
    return None if count > MOST else np.stack([keys[:count] >> shift & 0xFFFF for shift in (32, 16, 0)], axis=1)


def _as_if_reduced(pixels: Pixels, colours: NDArray[np.int64]) -> bool:
    number = pixels.shape[0] * pixels.shape[1]
    grey_level = np.iinfo(pixels.dtype).max // 255
    if number < PIXELS_EACH * len(colours) or _gap(colours) < LEAST_GAP * grey_level:
        return False
    return number >= LARGE or _equal(pixels) <= MOST_EQUAL


def _equal(pixels: Pixels) -> float:
    """Share of pixels that have the colour of the one before, in both directions."""
    across = (pixels[:, 1:] == pixels[:, :-1]).all(axis=-1)
    down = (pixels[1:] == pixels[:-1]).all(axis=-1)
    return float((across.sum() + down.sum()) / (across.size + down.size))


def _gap(colours: NDArray[np.int64]) -> float:
    """Mean over all colours of the distance to the nearest other one, in the channel that differs most."""
    if len(colours) < 2:
        return 0.0
    distance = np.abs(colours[:, None] - colours[None]).max(axis=-1)
    np.fill_diagonal(distance, np.iinfo(distance.dtype).max)
    return float(distance.min(axis=1).mean())


@kernel
def _distinct(pixels: Pixels, keys: NDArray[np.int64]) -> int:
    """Write the colours of pixels (n, 3) into `keys`; ends at the first for which there is no room."""
    slots = np.full(SLOTS, NO_KEY, np.int64)
    count = 0
    last = np.int64(NO_KEY)
    for i in range(len(pixels)):
        red, green, blue = np.int64(pixels[i, 0]), np.int64(pixels[i, 1]), np.int64(pixels[i, 2])
        key = red << 32 | green << 16 | blue
        if key == last:
            continue
        last = key
        slot = (289 * red + 717 * green + 1131 * blue) & (SLOTS - 1)
        while slots[slot] != NO_KEY and slots[slot] != key:
            slot = (slot + 1) & (SLOTS - 1)
        if slots[slot] == key:
            continue
        if count == len(keys):
            return count + 1
        slots[slot] = keys[count] = key
        count += 1
    return count
