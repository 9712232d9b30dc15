"""What the lattice engine says of one picture, worked out once for all analyses that ask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace._variety import variety
from jpegtrace.analyses._pixels import NEVER_BELOW, luma_pixels_of, pixel_history_of
from jpegtrace.analyses._threads import threads
from jpegtrace.errors import CorruptInput, InputError, UnsupportedFormat
from jpegtrace.findings import Outcome, Status
from jpegtrace.jpeg import ColourPlanes, ComponentCoefficients, clipped_blocks
from jpegtrace.lattice import Posterior, posterior
from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.histograms import FACTORS, FEWEST_BLOCKS, Chroma, OneGrid, one_grid
from jpegtrace.lattice.history import History, divide, find_history, likeliest
from jpegtrace.lattice.regions import CELL, UNKNOWN, Segmentation, doubt_clipped, doubt_smooth, merge_alike
from jpegtrace.lattice.windows import busiest_window
from jpegtrace.metadata import colour_space
from jpegtrace.picture import Picture
from jpegtrace.pixels.requantize import requantize

# From which probability of two compressions both analyses speak of a first one; see benchmarks/compression_count.py.
DOUBLE_FROM = 0.9999
# Chosen on held-out pictures of the training; how often it errs elsewhere: benchmarks/compression_count.py.
ONE_GRID_FROM = 0.99  # by the histograms
SMALLEST = 4  # blocks a side; below there is next to nothing to see
SEVERAL_JPEGS = "parts of its pixels come from different JPEG files, which quality-map tells apart"
NEVER_JPEG = "its pixels show no trace of a JPEG compression"
QUIET = 1.0  # nonzero coefficients a block, DC apart, below which a window is called flat
# Of its blocks that are not flat, the share of different ones below which a window is called drawn: rules on a screen
# and rendered gradients have .00 to .21, of 57 photographs none less than .26 at quality 50, .28 at 75, .72 at 90.
DRAWN = 0.25
COPIES = "most of its blocks are copies of others, as in drawings, screenshots and rendered gradients"
DRAWN_BLOCKS = (  # what it cannot show
    "anything in drawings, screenshots and rendered gradients whose blocks repeat: it abstains, and may be wrong where "
    "they repeat less"
)


@dataclass(frozen=True, slots=True)
class Past:
    """Probabilities of an earlier compression, in the window of the picture that says most.

    Attributes:
        found: probabilities.
        window: left, top, width and height in pixels.
        activity: nonzero coefficients a block in the window, DC apart.
        one_grid: an earlier compression on the same grid by the histograms of the window, see
            `jpegtrace.lattice.histograms`; None where it has too few blocks.
    """

    found: Posterior
    window: tuple[int, int, int, int]
    activity: float
    one_grid: OneGrid | None = None

    @property
    def by_lattice(self) -> float:
        """Probability of an earlier compression by the lattice."""
        return 1 - self.found.single

    @property
    def by_histograms(self) -> float:
        """Probability of an earlier compression by the histograms; 0 where they were not asked."""
        return 0.0 if self.one_grid is None else self.one_grid.told

    def doubted(self, double_from: float) -> bool:
        """Whether the histograms speak for an earlier compression that no table explains, and the lattice does not.

        `double_from` is the probability from which the lattice does.
        """
        return self.one_grid is not None and self.one_grid.doubted and self.by_lattice < double_from

    @property
    def double(self) -> float:
        """Probability of an earlier compression by whichever of both is surer of it."""
        return max(self.by_lattice, self.by_histograms)


class LastCompression(NamedTuple):
    """What the last compression stored.

    Attributes:
        blocks: int16 (rows, columns, 8, 8) stored coefficients of luma.
        table: (8, 8) of luma.
        usable: (rows, columns) blocks that are whole and whose luma, of pixels also colours, are not clipped.
        clear: those of them whose colours are not clipped, as far as colours are known; the others can speak for a
            past, but not against all.
        whole: (rows, columns) blocks that are not damaged.
        corner: row and column of the picture where the first block begins; not 0 where the grid was cropped.
        chroma: None where there is none, or not all of it can be trusted.
    """

    blocks: NDArray[np.int16]
    table: NDArray[np.uint16]
    usable: NDArray[np.bool_]
    clear: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    corner: tuple[int, int] = (0, 0)
    chroma: Chroma | None = None


_known: WeakKeyDictionary[Picture, Past | str] = WeakKeyDictionary()
_lasts: WeakKeyDictionary[Picture, LastCompression | str] = WeakKeyDictionary()
_histories: WeakKeyDictionary[Picture, dict[int, History]] = WeakKeyDictionary()


def cannot_tell(why: str) -> Outcome:
    """What an analysis says where there is no past to look at."""
    if why == NEVER_JPEG:
        return Outcome(Status.NOT_APPLICABLE, f"This asks about pictures that were JPEG; {why}.")
    return Outcome(Status.INCONCLUSIVE, f"Cannot tell: {why}.")


def no_map(why: str, picture: Picture) -> InputError:
    """The error of a map where there is nothing to look at: of damage only where the picture is damaged."""
    damaged = picture.jpeg is not None and bool(picture.damage)
    return (CorruptInput if damaged else UnsupportedFormat)(why, source=picture.source)


def past_of(picture: Picture) -> Past | str:
    """The past of a JPEG's luma, or why it cannot be told.

    Raises:
        CorruptInput: the picture has no coefficients that can be used.
    """
    if picture not in _known:
        _known[picture] = _look(picture)
    return _known[picture]


def last_compression_of(picture: Picture) -> LastCompression | str:
    """What the last compression stored, or why there is nothing."""
    if picture not in _lasts:
        _lasts[picture] = _read_last(picture)
    return _lasts[picture]


def _read_last(picture: Picture) -> LastCompression | str:
    return _from_pixels(picture) if picture.jpeg is None else _from_file(picture)


def _from_pixels(picture: Picture) -> LastCompression | str:
    """What the last JPEG held from which the pixels come, see `jpegtrace.pixels.requantize`."""
    history = pixel_history_of(picture)
    if isinstance(history, str):
        return history
    if not history.sources:
        never = history.probability is not None and history.probability < NEVER_BELOW
        return NEVER_JPEG if never else "it cannot be told whether its pixels were ever JPEG"
    if len(history.sources) > 1:
        return SEVERAL_JPEGS
    pixels = luma_pixels_of(picture)
    assert not isinstance(pixels, str)  # noqa: S101 - it has a history
    blocks, table, usable, corner = requantize(pixels, history.sources[0])
    return LastCompression(blocks, table, usable, usable, np.ones(usable.shape, np.bool_), corner)


def _from_file(picture: Picture) -> LastCompression | str:
    luma = picture.partial_coefficients.components[0]
    if luma.table is None:
        return "the file has no quantization table for its luminance"
    if luma.blocks.shape[:2] != (-(-picture.height // 8), -(-picture.width // 8)):
        return "its luminance is stored at less than full resolution"
    colours = _colours_of(picture)
    clipped = clipped_blocks(luma, colours)
    usable = luma.whole & ~clipped.luma
    chroma = None if colours is None else _chroma_of(luma, colours)
    return LastCompression(luma.blocks, luma.table, usable, usable & ~clipped.colours, luma.whole, chroma=chroma)


def _colours_of(picture: Picture) -> ColourPlanes | None:
    """Cb and Cr of a file, where it has them, alike and with a table."""
    if picture.jpeg is None or picture.metadata is None:
        return None
    if colour_space(picture.jpeg.frame, picture.metadata) != "YCbCr":
        return None
    luma, blue, red = picture.partial_coefficients.components
    alike = (blue.h, blue.v, blue.blocks.shape) == (red.h, red.v, red.blocks.shape)
    multiple = alike and not (luma.h % blue.h or luma.v % blue.v)
    if not multiple or blue.table is None or red.table is None:
        return None
    return blue, red


def _chroma_of(luma: ComponentCoefficients, colours: ColourPlanes) -> Chroma | None:
    """Both chroma planes, where they are of a kind that the histograms know and none of it is damaged."""
    blue, red = colours
    whole = bool(blue.whole.all() and red.whole.all())
    if blue.table is None or red.table is None or not (whole and (blue.table == red.table).all()):
        return None
    factors = next((known for known in FACTORS if known == (luma.h // blue.h, luma.v // blue.v)), None)
    return None if factors is None else Chroma((blue.blocks, red.blocks), blue.table, factors)


def telling_window(picture: Picture) -> tuple[int, int, int, int] | str:
    """Top, left, rows and columns, in blocks, of the window that says most, or why there is none."""
    last = last_compression_of(picture)
    if isinstance(last, str):
        return last
    window = busiest_window(last.blocks, last.usable)
    if window is None or min(window[2:]) < SMALLEST:
        return f"no window of {8 * SMALLEST} pixels a side is whole and free of clipping"
    top, left, rows, cols = window
    here = last.blocks[top : top + rows, left : left + cols]
    if _activity(here) < QUIET:
        return "the picture is flat: too few coefficients are left to say anything"
    if variety(_varying(here)) < DRAWN:
        return COPIES
    return window


def _look(picture: Picture) -> Past | str:
    last, window = last_compression_of(picture), telling_window(picture)
    if isinstance(last, str):
        return last
    if isinstance(window, str):
        return window
    past = _past_in(last, window)
    top, left, rows, cols = window
    if rows * cols < FEWEST_BLOCKS:
        return past
    here = last.blocks[top : top + rows, left : left + cols]
    chroma = None if last.chroma is None else last.chroma.beside(*window)
    return replace(past, one_grid=one_grid(here, last.table, chroma))


def _activity(blocks: NDArray[np.int16]) -> float:
    """Nonzero coefficients a block, DC apart."""
    values = blocks.reshape(-1, 64)[:, 1:]
    return np.count_nonzero(values) / len(values)


def _varying(blocks: NDArray[np.int16]) -> NDArray[np.int16]:
    """Of blocks that are not flat, all but DC, (blocks, 63)."""
    varying = blocks.reshape(-1, 64)[:, 1:]
    return varying[varying.any(1)]


def history_of(picture: Picture, most_windows: int, progress: Progress | None = None) -> History | str:
    """The pasts of all parts of a JPEG's luma, or why they cannot be told; each search is kept.

    Raises:
        CorruptInput: the picture has no coefficients that can be used.
    """
    known = _histories.setdefault(picture, {})
    if most_windows in known:
        return known[most_windows]
    last = last_compression_of(picture)
    if isinstance(last, str):
        return last
    found = find_history(
        last.blocks,
        last.table,
        last.usable,
        (picture.height, picture.width),
        most_windows=most_windows,
        threads=threads(),
        progress=progress,
    )
    known[most_windows] = found
    return found


def sources_of(picture: Picture, history: History, stride: int = CELL) -> Segmentation:
    """The parts of a picture by its history; where it is damaged, and of what is smooth or clipped, nothing is told."""
    last = last_compression_of(picture)
    assert not isinstance(last, str)  # noqa: S101 - it has a history
    found = divide(history, last.blocks, last.table, stride=stride)
    doubt_smooth(found, last.blocks, last.table, stride)
    doubt_clipped(found, last.clear, stride)
    merge_alike(found, [_read_again(picture, past, found.labels == k, stride) for k, past in enumerate(found.pasts, 1)])
    lost = lost_places(picture, stride)
    found.labels[lost] = UNKNOWN
    found.probability[lost] = 0
    return found


def _read_again(picture: Picture, past: Hypothesis, inside: NDArray[np.bool_], stride: int) -> Hypothesis:
    """The past of a part as the window that says most inside it has it, unless that is flat or strays."""
    read = past_within(picture, blocks_of(picture, inside, stride))
    best = None if read is None or read.activity < QUIET else likeliest(read.found)
    return past if best is None or best.origin != past.origin else best


def blocks_of(picture: Picture, inside: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    """A map as one value for each block."""
    rows, cols = (
        np.minimum(np.arange(0, n, CELL) + CELL // 2, n - 1) // stride for n in (picture.height, picture.width)
    )
    blocks: NDArray[np.bool_] = inside[rows[:, None], cols[None, :]]
    return blocks


def lost_places(picture: Picture, stride: int) -> NDArray[np.bool_]:
    """Places of a map whose block cannot be trusted."""
    last = last_compression_of(picture)
    assert not isinstance(last, str)  # noqa: S101 - it has a history
    whole = last.whole
    rows, cols = (np.arange(0, size, stride) // CELL for size in (picture.height, picture.width))
    return ~whole[rows[:, None], cols[None, :]]


def past_within(picture: Picture, inside: NDArray[np.bool_]) -> Past | None:
    """The past of the part of a picture that these blocks make up, in its window that says most; None if too small."""
    last = last_compression_of(picture)
    assert not isinstance(last, str)  # noqa: S101 - it has parts
    window = busiest_window(last.blocks, last.usable & inside)
    if window is None or min(window[2:]) < SMALLEST:
        return None
    return _past_in(last, window)


def blocks_in(picture: Picture, past: Past) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Stored coefficients of the window that a past was read in, and the table (8, 8) of the last compression."""
    last = last_compression_of(picture)
    assert not isinstance(last, str)  # noqa: S101 - it has a past
    left, top, width, height = past.window
    row, col = (top - last.corner[0]) // 8, (left - last.corner[1]) // 8
    return last.blocks[row : row + height // 8, col : col + width // 8], last.table


def whole(picture: Picture) -> bool:
    """Whether all blocks of the last compression can be trusted."""
    last = last_compression_of(picture)
    return not isinstance(last, str) and bool(last.whole.all())


def _past_in(last: LastCompression, window: tuple[int, int, int, int]) -> Past:
    top, left, rows, cols = window
    here = np.ascontiguousarray(last.blocks[top : top + rows, left : left + cols])
    corner = 8 * left + last.corner[1], 8 * top + last.corner[0]
    return Past(posterior(here, last.table), (*corner, 8 * cols, 8 * rows), _activity(here))
