"""Whether the colours or grey levels of a picture were reduced to a few: what a palette does, and leaves behind.

Dithering moves every pixel to one of a few colours, many grey levels away. That covers the lattice of a JPEG and
imitates others. The colours of such a picture lie far from each other. A part of a photograph may have as few: where it
is hazy they lie side by side, and where it was a JPEG of low quality, or was drawn, most pixels have the colour of
their neighbour. Grey pictures have at most 256 by their nature, and so have tinted ones, with gaps of two or three
where their contrast was stretched: their levels must be fewer and further apart. There, too, a JPEG of the lowest
qualities may have as few, and changes most often from block to block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel
from jpegtrace.raster import Pixels, Raster

MOST = 256  # colours of the largest palette
PIXELS_EACH = 64  # of a colour, on average; with fewer, a photograph may have as few colours
LEAST_GAP = 1.25  # grey levels from a colour to the nearest other one, in the mean
NEAREST = 0.9  # share of the colours of which that mean is taken; a few far ones are marks on a picture
MOST_EQUAL = 0.65  # share of neighbouring pixels of one colour; above, a low quality explains how few there are
MOST_LEVELS = 64  # of a grey or tinted picture
LEAST_LEVEL_GAP = 4.0  # as above, of a grey or tinted picture; stretching contrast leaves 2 or 3
MOST_OFF_TINT = 0.05  # share of colours that are brighter than the one before in one channel and darker in another
MOST_BLOCKY = 2.0  # changes at every eighth row or column against those at all; above, blocks of a JPEG explain them
SLOTS = 4096  # of the hash table; a power of two
NO_KEY = -1


def reduced_to(raster: Raster) -> int:
    """To how many colours or grey levels the picture was reduced; 0 where it was not, as far as its pixels tell."""
    if raster.mode == "grey":
        levels = np.flatnonzero(np.bincount(raster.pixels.ravel()))[:, None].astype(np.int64)
        if len(levels) > MOST_LEVELS:
            return 0
        return len(levels) if _as_if_levels_reduced(raster.pixels[..., None], levels) else 0
    if raster.mode != "rgb":
        return 0
    colours = distinct_colours(raster.pixels)
    if colours is None:
        return 0
    grey = bool((colours[:, :1] == colours[:, 1:]).all())
    if raster.palette and not grey:
        return len(colours)
    rule = _as_if_levels_reduced if grey or _one_tint(colours) else _as_if_reduced
    return len(colours) if rule(raster.pixels, colours) else 0


def distinct_colours(pixels: Pixels) -> NDArray[np.int64] | None:
    """The colours (n, 3) of RGB pixels (height, width, 3); None where they are more than `MOST`."""
    keys = np.empty(MOST, np.int64)
    count = _distinct(pixels.reshape(-1, 3), keys)
    return None if count > MOST else np.stack([keys[:count] >> shift & 0xFFFF for shift in (32, 16, 0)], axis=1)


def _as_if_reduced(pixels: Pixels, colours: NDArray[np.int64]) -> bool:
    return (
        _number(pixels) >= PIXELS_EACH * len(colours)
        and _gap(colours) >= LEAST_GAP * _grey_level(pixels)
        and float(np.mean(np.concatenate([same.ravel() for same in _equal(pixels)]))) <= MOST_EQUAL
    )


def _as_if_levels_reduced(pixels: Pixels, levels: NDArray[np.int64]) -> bool:
    return (
        len(levels) <= MOST_LEVELS
        and _number(pixels) >= PIXELS_EACH * MOST_LEVELS
        and _gap(levels) >= LEAST_LEVEL_GAP * _grey_level(pixels)
        and _blocky(pixels) <= MOST_BLOCKY
    )


def _number(pixels: Pixels) -> int:
    return int(pixels.shape[0] * pixels.shape[1])


def _grey_level(pixels: Pixels) -> int:
    """A grey level of 8 bits, in the units of the pixels."""
    return int(np.iinfo(pixels.dtype).max) // 255


def _one_tint(colours: NDArray[np.int64]) -> bool:
    """Whether nearly all colours are shades of one tint: none darker in a channel than a darker one."""
    steps = np.diff(colours[np.argsort(colours.sum(axis=1), kind="stable")], axis=0)
    return float((steps < 0).any(axis=1).sum()) <= MOST_OFF_TINT * len(colours)


def _equal(pixels: Pixels) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels have the colour of the one before, in both directions."""
    return (pixels[:, 1:] == pixels[:, :-1]).all(axis=-1), (pixels[1:] == pixels[:-1]).all(axis=-1)


def _blocky(pixels: Pixels) -> float:
    """How much more often colours change at every eighth row or column than at all, where that is most."""
    across, down = (~same for same in _equal(pixels))
    most = 1.0
    for changes in (across.mean(axis=0), down.mean(axis=1)):
        if changes.any():
            most = max(most, *(float(changes[phase::8].mean() / changes.mean()) for phase in range(8)))
    return most


def _gap(colours: NDArray[np.int64]) -> float:
    """Mean of the distances to the nearest other colour, in the channel that differs most, without the largest."""
    if len(colours) < 2:
        return 0.0
    distance = np.abs(colours[:, None] - colours[None]).max(axis=-1)
    np.fill_diagonal(distance, np.iinfo(distance.dtype).max)
    nearest = np.sort(distance.min(axis=1))
    return float(nearest[: max(1, int(NEAREST * len(nearest)))].mean())


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
