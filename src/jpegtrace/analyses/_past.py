"""What the lattice engine says of one picture, worked out once for all analyses that ask."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from jpegtrace.jpeg import plane
from jpegtrace.lattice import Posterior, posterior
from jpegtrace.lattice.windows import busiest_window, clipped_blocks
from jpegtrace.picture import Picture

# From which probability of two compressions both analyses speak of a first one; see benchmarks/compression_count.py.
DOUBLE_FROM = 0.9999
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


_known: WeakKeyDictionary[Picture, Past | str] = WeakKeyDictionary()


def past_of(picture: Picture) -> Past | str:
    """The past of a JPEG's luma, or why it cannot be told.

    Raises:
        CorruptInput: the picture has no coefficients that can be used.
    """
    if picture not in _known:
        _known[picture] = _look(picture)
    return _known[picture]


def _look(picture: Picture) -> Past | str:
    luma = picture.partial_coefficients.components[0]
    if luma.table is None:
        return "the file has no quantization table for its luminance"
    usable = luma.whole & ~clipped_blocks(plane(luma))
    window = busiest_window(luma.blocks, usable)
    if window is None or min(window[2:]) < SMALLEST:
        return f"no window of {8 * SMALLEST} pixels a side is whole and free of clipping"
    top, left, rows, cols = window
    blocks = luma.blocks[top : top + rows, left : left + cols]
    activity = float((blocks != 0).sum() - (blocks[..., 0, 0] != 0).sum()) / (rows * cols)
    if activity < QUIET:
        return "the picture is flat: too few coefficients are left to say anything"
    return Past(posterior(blocks, luma.table), (8 * left, 8 * top, 8 * cols, 8 * rows), activity)
