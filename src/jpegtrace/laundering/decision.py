"""Which pieces of a picture are looked at, what each says, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.laundering.features import describe
from jpegtrace.laundering.layout import LARGEST

Floats = NDArray[np.float64]

WEIGHTS = "laundering"
# The network's scores are shifted and scaled so that these are its thresholds; see jpegtrace_training.laundering.
FLAGGED_FROM = 0.0
CLEAN_BELOW = -1.0
LEAST_CONTRAST = 0.5  # mean difference of neighbouring pixels in grey levels; below, nothing can be seen
MOST_CLIPPED = 0.5  # share of black and white pixels of a piece; above, too little is left of it


class Box(NamedTuple):
    """A piece of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def choose(luma: NDArray[np.uint8], most: int) -> list[Box]:
    """Pieces to look at: of those that cover the picture and are neither flat nor clipped, the busiest, in order."""
    usable = [(contrast(piece_of(luma, box)), box) for box in cover(luma.shape)]
    busiest = sorted((-busy, box) for busy, box in usable if busy >= LEAST_CONTRAST)
    found: list[Box] = []
    for _, box in busiest:
        if len(found) == most:
            break
        piece = piece_of(luma, box)
        if ((piece == 0) | (piece == 255)).mean() <= MOST_CLIPPED:
            found.append(box)
    return sorted(found)


def cover(shape: tuple[int, ...]) -> list[Box]:
    """Squares that cover a picture; they overlap where its sides are no multiples of `LARGEST`."""
    spans = []
    for extent in shape:
        length = min(LARGEST, extent)
        places = np.linspace(0, extent - length, -(-extent // length)).astype(int)
        spans.append([(int(place), length) for place in places])
    return [Box(top, left, height, width) for top, height in spans[0] for left, width in spans[1]]


def piece_of(luma: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The pixels of a piece."""
    return np.ascontiguousarray(luma[box.top : box.top + box.height, box.left : box.left + box.width])


def contrast(piece: NDArray[np.uint8]) -> float:
    """Mean difference of neighbouring pixels, of every other row and column."""
    values = piece.astype(np.int16)
    down, across = values[1::2] - values[: len(values) // 2 * 2 : 2], np.diff(values[::2], axis=1)
    return float(np.abs(down).mean() + np.abs(across).mean()) / 2


def scores_of(pieces: Sequence[NDArray[np.uint8]], threads: int = 1) -> Floats:
    """How much each piece looks as if its history had been hidden; `FLAGGED_FROM` and `CLEAN_BELOW` divide them.

    Raises:
        UsageError: a piece has a size that is not looked at.
        ResourceError: the weights are missing or altered.
    """
    from jpegtrace.networks import run

    with ThreadPoolExecutor(threads) as pool:
        features = np.stack(list(pool.map(describe, pieces)))
    found: Floats = run(WEIGHTS, {"features": features})[0].astype(np.float64)
    return found


def pooled(scores: Floats) -> float:
    """What several pieces of one picture say together: the mean, so that no single piece decides."""
    return float(scores.mean())
