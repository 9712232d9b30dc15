"""A whole picture: pieces that cover it, what each says, what they say together, and a map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace._variety import variety
from jpegtrace.manipulation.features import Features, describe
from jpegtrace.manipulation.layout import LARGEST
from jpegtrace.manipulation.posterior import Posterior, pooled, weigh

AT_ONCE = 32  # pieces whose features are kept
TRUST = 0.3  # what each further piece adds to the first, see `pooled`
LEAST_CONTRAST = 0.5  # mean difference of neighbouring pixels in grey levels; below, nothing can be seen
# Pieces unlike those of the training: more than half of the blocks of one value; or more than 40 % of pixels within 3
# grey levels of the commonest while neighbours differ by more than 10, as in text; or blocks that repeat, as on
# screens: of those that are not flat, .38 at most were different there, and .49 at least in 567 pieces of photographs
# at qualities 50 to 90. Photographs have calm parts of one level.
MOST_FLAT = 0.5
LEAST_VARIETY = 0.42
MOST_COMMON, NEAR_COMMONEST, DRAWN_CONTRAST = 0.4, 3, 10.0


class Box(NamedTuple):
    """A piece of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What a picture says.

    Attributes:
        whole: of all pieces together, (1, ...) each.
        pieces: of each, (n, ...).
        boxes: where they lie.
    """

    whole: Posterior
    pieces: Posterior
    boxes: tuple[Box, ...]


def estimate(
    luma: NDArray[np.uint8],
    table: NDArray[np.uint16],
    corner: tuple[int, int],
    *,
    most: int,
    threads: int = 1,
) -> Estimate | None:
    """What was done to a picture before its last compression; None where all of it is flat or drawn.

    Args:
        luma: (height, width).
        table: (8, 8), of the last compression.
        corner: row and column, 0..7, where its grid begins.
        most: pieces that are looked at; of more, the busiest.
        threads: to use.
    """
    boxes = [box for box in cover(luma.shape, corner, LARGEST) if says_something(luma, box)]
    if not boxes:
        return None
    boxes = sorted(sorted(boxes, key=lambda box: -contrast(luma, box))[:most])
    pieces = look(luma, table, boxes, threads)
    return Estimate(pooled(pieces, TRUST), pieces, tuple(boxes))


def cover(shape: tuple[int, ...], corner: tuple[int, int], side: int) -> list[Box]:
    """Squares on the grid that cover a picture, overlapping where its sides are no multiples of `side`."""
    spans = []
    for extent, start in zip(shape, corner, strict=True):
        whole = (extent - start) // 8 * 8
        length = min(side, whole)
        count = -(-whole // length)
        places = np.linspace(0, whole - length, count) // 8 * 8
        spans.append([(start + int(place), length) for place in places])
    return [Box(top, left, height, width) for top, height in spans[0] for left, width in spans[1]]


def says_something(luma: NDArray[np.uint8], box: Box) -> bool:
    """Whether a piece on the grid is neither flat nor drawn."""
    rows, cols = box.height // 8, box.width // 8
    piece = piece_of(luma, box)
    blocks = piece.reshape(rows, 8, cols, 8).transpose(0, 2, 1, 3).reshape(-1, 64)
    alive = blocks[blocks.max(1) > blocks.min(1)]
    if len(alive) < (1 - MOST_FLAT) * len(blocks) or variety(alive) < LEAST_VARIETY:
        return False
    counts = np.bincount(piece.ravel(), minlength=256)
    commonest = int(counts.argmax())
    common = counts[max(0, commonest - NEAR_COMMONEST) : commonest + NEAR_COMMONEST + 1].sum() / piece.size
    busy = contrast(luma, box)
    return bool(busy >= LEAST_CONTRAST and not (common > MOST_COMMON and busy > DRAWN_CONTRAST))


def contrast(luma: NDArray[np.uint8], box: Box) -> float:
    """Mean difference of neighbouring pixels in a piece."""
    piece = piece_of(luma, box).astype(np.int16)
    return float(np.abs(np.diff(piece, axis=0)).mean() + np.abs(np.diff(piece, axis=1)).mean()) / 2


def look(
    luma: NDArray[np.uint8],
    table: NDArray[np.uint16],
    boxes: Sequence[Box],
    threads: int = 1,
    progress: Progress | None = None,
) -> Posterior:
    """What each piece says, in the order of `boxes`."""
    by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, box in enumerate(boxes):
        by_size[box.height, box.width].append(index)

    def features_of(index: int) -> Features:
        return describe(piece_of(luma, boxes[index]), table)

    order: list[int] = []
    found: list[Posterior] = []
    with ThreadPoolExecutor(threads) as pool:
        for alike in by_size.values():
            for start in range(0, len(alike), AT_ONCE):
                part = alike[start : start + AT_ONCE]
                found.append(weigh(list(pool.map(features_of, part))))
                order += part
                if progress:
                    progress(len(order) / len(boxes))
    back = np.argsort(order)
    return Posterior(*(np.concatenate(parts)[back] for parts in zip(*found, strict=True)))


def piece_of(luma: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The pixels of a piece."""
    return np.ascontiguousarray(luma[box.top : box.top + box.height, box.left : box.left + box.width])
