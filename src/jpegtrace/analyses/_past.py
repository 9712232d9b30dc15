"""What the lattice engine says of one picture, worked out once for all analyses that ask."""

from __future__ import annotations

import os
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.jpeg import plane
from jpegtrace.lattice import Posterior, posterior
from jpegtrace.lattice.history import History, divide, find_history
from jpegtrace.lattice.regions import CELL, UNKNOWN, Segmentation
from jpegtrace.lattice.windows import busiest_window, clipped_blocks
from jpegtrace.picture import Picture

# From which probability of two compressions both analyses speak of a first one; see benchmarks/compression_count.py.
DOUBLE_FROM = 0.9999
THREADS = min(os.cpu_count() or 1, 8)  # each takes some memory of its own
SMALLEST = 4  # blocks a side; below there is next to nothing to see
QUIET = 1.0  # nonzero coefficients a block, DC apart, below which a window is called flat


@dataclass(frozen=True, slots=True)
class Past:
    """Probabilities of an earlier compression, in the window of the picture that says most.

    Attributes:
        found: probabilities.
        window: left, top, width and height in pixels.
        activity: nonzero coefficients a block in the window, DC apart.
    """

    found: Posterior
    window: tuple[int, int, int, int]
    activity: float


Luma = tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.bool_]]

_known: WeakKeyDictionary[Picture, Past | str] = WeakKeyDictionary()
_lumas: WeakKeyDictionary[Picture, Luma | str] = WeakKeyDictionary()
_histories: WeakKeyDictionary[Picture, dict[int, History]] = WeakKeyDictionary()


def past_of(picture: Picture) -> Past | str:
    """The past of a JPEG's luma, or why it cannot be told.

    Raises:
        CorruptInput: the picture has no coefficients that can be used.
    """
    if picture not in _known:
        _known[picture] = _look(picture)
    return _known[picture]


def _luma(picture: Picture) -> Luma | str:
    """Blocks of a JPEG's luma, their table, and which of them can be used; or why there are none."""
    if picture not in _lumas:
        _lumas[picture] = _make_luma(picture)
    return _lumas[picture]


def _make_luma(picture: Picture) -> Luma | str:
    luma = picture.partial_coefficients.components[0]
    if luma.table is None:
        return "the file has no quantization table for its luminance"
    if luma.blocks.shape[:2] != (-(-picture.height // 8), -(-picture.width // 8)):
        return "its luminance is stored at less than full resolution"
    return luma.blocks, luma.table, luma.whole & ~clipped_blocks(plane(luma))


def _look(picture: Picture) -> Past | str:
    luma = _luma(picture)
    if isinstance(luma, str):
        return luma
    blocks, table, usable = luma
    window = busiest_window(blocks, usable)
    if window is None or min(window[2:]) < SMALLEST:
        return f"no window of {8 * SMALLEST} pixels a side is whole and free of clipping"
    past = _past_in(blocks, table, window)
    if past.activity < QUIET:
        return "the picture is flat: too few coefficients are left to say anything"
    return past


def history_of(picture: Picture, most_windows: int, progress: Progress | None = None) -> History | str:
    """The pasts of all parts of a JPEG's luma, or why they cannot be told; each search is kept.

    Raises:
        CorruptInput: the picture has no coefficients that can be used.
    """
    known = _histories.setdefault(picture, {})
    if most_windows in known:
        return known[most_windows]
    luma = _luma(picture)
    if isinstance(luma, str):
        return luma
    found = find_history(
        *luma, (picture.height, picture.width), most_windows=most_windows, threads=THREADS, progress=progress
    )
    known[most_windows] = found
    return found


def sources_of(picture: Picture, history: History, stride: int = CELL) -> Segmentation:
    """The parts of a picture by its history; where it is damaged nothing is told."""
    luma = _luma(picture)
    assert not isinstance(luma, str)  # noqa: S101 - it has a history
    found = divide(history, luma[0], luma[1], stride=stride)
    lost = lost_places(picture, stride)
    found.labels[lost] = UNKNOWN
    found.probability[lost] = 0
    return found


def lost_places(picture: Picture, stride: int) -> NDArray[np.bool_]:
    """Places of a map whose block cannot be trusted."""
    whole = picture.partial_coefficients.components[0].whole
    rows, cols = (np.arange(0, size, stride) // CELL for size in (picture.height, picture.width))
    return ~whole[rows[:, None], cols[None, :]]


def past_within(picture: Picture, inside: NDArray[np.bool_]) -> Past | None:
    """The past of the part of a picture that these blocks make up, in its window that says most; None if too small."""
    luma = _luma(picture)
    assert not isinstance(luma, str)  # noqa: S101 - it has parts
    blocks, table, usable = luma
    window = busiest_window(blocks, usable & inside)
    if window is None or min(window[2:]) < SMALLEST:
        return None
    return _past_in(blocks, table, window)


def _past_in(blocks: NDArray[np.int16], table: NDArray[np.uint16], window: tuple[int, int, int, int]) -> Past:
    top, left, rows, cols = window
    here = np.ascontiguousarray(blocks[top : top + rows, left : left + cols])
    activity = float((here != 0).sum() - (here[..., 0, 0] != 0).sum()) / (rows * cols)
    return Past(posterior(here, table), (8 * left, 8 * top, 8 * cols, 8 * rows), activity)
