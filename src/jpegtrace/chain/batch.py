"""Doubly compressed patches by the thousand, for training and benchmarks.

Each sample is cut from a source that is larger than the patch. The first compression acts on the source, with its grid
at the source's corner; the result is decoded, cut at `corners`, and the patch is compressed on a grid of its own.

Borders. A protocol compresses a whole picture and cuts afterwards. Luma blocks do not see their neighbours, so they are
the same either way. Chroma upsampling looks one chroma sample beyond a pixel. The patch is the same as one cut from the
whole picture, bit for bit, when the source was cut from the picture on a multiple of the chroma block (16 pixels, 32
for 4:1:1) and holds, whole, every chroma block that the patch with 4 more pixels on each side touches; `random_double`
sees to that. The last compression starts at the patch's corner, as it does for patches on a 64-pixel raster of the last
picture, a multiple of every chroma block.

Threads rather than `prange`: the kernel releases the lock, every sample is written by exactly one thread and depends on
nothing else, so the result is the same for any number of threads, and there is no second, slower compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.chain import _kernels
from jpegtrace.chain.codec import Planes, decompress
from jpegtrace.chain.filters import RESAMPLING, luma_of, to_image
from jpegtrace.chain.sampling import LARGEST_BLOCK, factors
from jpegtrace.errors import ChainError

PATCH = 64
CHUNK = 32  # samples that a thread takes at a time
SOURCE_BYTES = 1 << 26  # of sources that `random_double` holds at a time

Ints = NDArray[np.int64]
Tables = NDArray[np.uint16]


@dataclass(frozen=True)
class Batch:
    """Compressed patches with the truth beside them; N samples.

    Attributes:
        luma: int16 (N, b, b, 8, 8), coefficients of the last compression: block row, block column, row, column.
        blue: int16 (N, b', b'', 8, 8), Cb; (N, 0, 0, 8, 8) for grey.
        red: the same for Cr.
        first_tables: uint16 (N, 2, 8, 8), luma and chroma; zeros where there was no first compression.
        last_tables: uint16 (N, 2, 8, 8).
        compressed_before: bool (N,).
        origin: int64 (N, 2), row and column 0..7 of the first grid in the patch; -1 where there was none.
        chroma_origin: the same for the first chroma grid, in pixels, modulo 8 times the factors (down, across).
        corners: int64 (N, 2), row and column of the patch in its source.
        first_subsampling: name, as in `jpegtrace.chain.sampling`.
        last_subsampling: name.
        labels: what a sampler drew, by name, each of length N.
    """

    luma: NDArray[np.int16]
    blue: NDArray[np.int16]
    red: NDArray[np.int16]
    first_tables: Tables
    last_tables: Tables
    compressed_before: NDArray[np.bool_]
    origin: Ints
    chroma_origin: Ints
    corners: Ints
    first_subsampling: str
    last_subsampling: str
    labels: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.luma)

    def pixels(self) -> NDArray[np.uint8]:
        """Decoded patches, (N, side, side, 3) or (N, side, side) for grey.

        Each patch is decoded alone: its luma is that of the whole picture, its chroma differs in the outermost pixels.
        """
        side = 8 * self.luma.shape[1]
        grey = self.blue.size == 0
        result = np.empty((len(self), side, side) if grey else (len(self), side, side, 3), np.uint8)
        for index, blocks in enumerate(zip(self.luma, self.blue, self.red, strict=True)):
            tables = tuple(self.last_tables[index])
            result[index] = decompress(Planes(*blocks), tables, self.last_subsampling, side, side)
        return result


def _table_batch(tables: Any, count: int, what: str, *, zeros: bool) -> Tables:
    array = np.asarray(tables)
    if array.shape == (2, 8, 8):
        array = np.broadcast_to(array, (count, 2, 8, 8))
    if array.shape != (count, 2, 8, 8) or not np.issubdtype(array.dtype, np.integer):
        raise ChainError(f"{what} tables must be integers of shape ({count}, 2, 8, 8) or (2, 8, 8), not {array.shape}")
    filled = array.min(axis=(1, 2, 3)) >= 1
    if array.max(initial=0) > 65535 or not (filled | (zeros & ~array.any(axis=(1, 2, 3)))).all():
        raise ChainError(f"{what} table entries must lie in 1..65535" + (", or all be 0 for none" if zeros else ""))
    return array.astype(np.uint16)


def _windows(corners: Ints, patch: int, rows: int, cols: int, subsampling: str) -> Ints:
    """The part of each source that can reach its patch: whole chroma blocks and the upsampling's margin."""
    across, down = factors(subsampling)
    windows = np.empty((len(corners), 4), np.int64)
    for axis, (factor, extent) in enumerate(((down, rows), (across, cols))):
        block, margin = 8 * factor, factor
        start = np.maximum(corners[:, axis] - margin, 0) // block * block
        stop = -(-(corners[:, axis] + patch + margin) // block) * block
        windows[:, axis] = start
        windows[:, axis + 2] = np.minimum(stop, extent) - start
    return windows


def _in_threads(work: Callable[[int, int], None], count: int, threads: int) -> None:
    spans = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    if threads <= 1 or len(spans) == 1:
        work(0, count)
        return
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, *span) for span in spans]:
            future.result()


def double_compress(
    sources: NDArray[np.uint8],
    first: Any | None,
    last: Any,
    corners: Any,
    *,
    first_subsampling: str = "420",
    last_subsampling: str = "420",
    patch: int = PATCH,
    threads: int = 1,
    labels: dict[str, NDArray[Any]] | None = None,
) -> Batch:
    """Compress every source at `first`, cut a patch at its corner, compress it at `last`.

    Args:
        sources: uint8 (N, rows, columns, 3) RGB, or (N, rows, columns) grey.
        first: (N, 2, 8, 8) or (2, 8, 8) luma and chroma tables; a sample of zeros, or None, is not compressed before.
        last: (N, 2, 8, 8) or (2, 8, 8).
        corners: (N, 2) row and column, in the source, of the patch: the shift between the grids is `corner % 8`.
        first_subsampling: as in `jpegtrace.chain.sampling`; "grey" is not for colour sources.
        last_subsampling: the same.
        patch: side of the patch, a multiple of 8.
        threads: worker threads; the result does not depend on it.
        labels: carried along unchanged.

    Raises:
        ChainError: shapes, tables or corners do not fit together.
    """
    if sources.dtype != np.uint8 or sources.ndim not in (3, 4) or (sources.ndim == 4 and sources.shape[3] != 3):
        raise ChainError(f"sources must be uint8 (N, rows, columns[, 3]), not {sources.dtype} {sources.shape}")
    count, rows, cols = sources.shape[:3]
    grey = sources.ndim == 3
    if not grey and "grey" in (first_subsampling, last_subsampling):
        raise ChainError("colour sources cannot be compressed as grey here; pass their luma, shaped (N, rows, columns)")
    corner = np.ascontiguousarray(np.broadcast_to(np.asarray(corners, np.int64), (count, 2)))
    if (corner < 0).any() or (corner + patch > (rows, cols)).any():
        raise ChainError(f"corners must leave a {patch}x{patch} patch inside sources of {cols}x{rows}")
    before = np.zeros((2, 8, 8), np.int64) if first is None else first
    batch = _blank(
        first_tables=_table_batch(before, count, "first", zeros=True),
        last_tables=_table_batch(last, count, "last", zeros=False),
        corners=corner,
        subsamplings=("grey", "grey") if grey else (first_subsampling, last_subsampling),
        patch=patch,
        labels=labels or {},
    )
    _fill(batch, 0, sources, threads)
    return batch


def _blank(
    *,
    first_tables: Tables,
    last_tables: Tables,
    corners: Ints,
    subsamplings: tuple[str, str],
    patch: int,
    labels: dict[str, NDArray[Any]],
) -> Batch:
    """A batch whose coefficients are still to be written by `_fill`."""
    first_subsampling, last_subsampling = subsamplings
    across, down = factors(first_subsampling)
    last_across, last_down = factors(last_subsampling)
    if patch < 8 or patch % 8:
        raise ChainError(f"the patch side must be a multiple of 8, not {patch}")
    count, side = len(corners), patch // 8
    grey = last_subsampling == "grey"
    chroma = (0, 0) if grey else (-(-side // last_down), -(-side // last_across))
    compressed_before = np.asarray(first_tables.any(axis=(1, 2, 3)))
    known = compressed_before[:, None]
    return Batch(
        luma=np.empty((count, side, side, 8, 8), np.int16),
        blue=np.empty((count, *chroma, 8, 8), np.int16),
        red=np.empty((count, *chroma, 8, 8), np.int16),
        first_tables=first_tables,
        last_tables=last_tables,
        compressed_before=compressed_before,
        origin=np.where(known, -corners % 8, -1),
        chroma_origin=np.where(known & (not grey), -corners % np.array([8 * down, 8 * across]), -1),
        corners=corners,
        first_subsampling=first_subsampling,
        last_subsampling=last_subsampling,
        labels=labels,
    )


def _fill(batch: Batch, start: int, sources: NDArray[np.uint8], threads: int) -> None:
    """Compress sources into the samples of a batch from `start` on."""
    count, rows, cols = sources.shape[:3]
    part = slice(start, start + count)
    corners = batch.corners[part]
    arguments = (
        np.ascontiguousarray(sources.reshape(count, rows, cols, 1 if sources.ndim == 3 else 3)),
        np.maximum(batch.first_tables[part], 1).astype(np.int32),
        batch.compressed_before[part],
        batch.last_tables[part].astype(np.int32),
        corners,
        _windows(corners, 8 * batch.luma.shape[1], rows, cols, batch.first_subsampling),
        np.array(factors(batch.first_subsampling), np.int64),
        np.array(factors(batch.last_subsampling), np.int64),
        batch.luma[part],
        batch.blue[part],
        batch.red[part],
    )
    _in_threads(lambda first, last: _kernels.double_range(first, last, *arguments), count, threads)


@dataclass(frozen=True)
class DoubleDistribution:
    """What `random_double` draws; every choice is uniform and independent.

    Attributes:
        first_quality: lowest and highest quality of the first compression.
        last_quality: the same for the last compression.
        first_families: per sample one of "ijg" (scaled by the quality), "smooth" (random tables of no family) or a name
            of `jpegtrace.tables.named_table`, which fixes the table.
        last_families: the same.
        single: share of samples without a first compression.
        aligned: share of samples forced onto one grid; the others draw among all 64 shifts, aligned included.
        subsamplings: pairs (first, last), one drawn per call.
        scales: lowest and highest factor by which a piece is resized before; (1, 1) leaves it alone.
        grey: take the luma of the pictures only.
    """

    first_quality: tuple[int, int] = (55, 98)
    last_quality: tuple[int, int] = (75, 95)
    first_families: tuple[str, ...] = ("ijg",)
    last_families: tuple[str, ...] = ("ijg",)
    single: float = 0.0
    aligned: float = 0.0
    subsamplings: tuple[tuple[str, str], ...] = (("420", "420"),)
    scales: tuple[float, float] = (1.0, 1.0)
    grey: bool = False

    def __post_init__(self) -> None:
        for name in ("first_quality", "last_quality"):
            low, high = getattr(self, name)
            if not 1 <= low <= high <= 100:
                raise ChainError(f"{name} must be two qualities in 1..100 in order, not {(low, high)}")
        if not (0 <= self.single <= 1 and 0 <= self.aligned <= 1):
            raise ChainError("single and aligned are shares between 0 and 1")
        if not (self.first_families and self.last_families and self.subsamplings):
            raise ChainError("families and subsamplings must not be empty")
        if not 0 < self.scales[0] <= self.scales[1]:
            raise ChainError(f"scales must be two positive factors in order, not {self.scales}")


MARGIN = 8  # beyond the reach of the upsampling


def _draw_tables(
    families: Sequence[str], quality: tuple[int, int], count: int, rng: np.random.Generator
) -> tuple[Tables, Ints, NDArray[np.str_]]:
    """Tables (N, 2, 8, 8), the quality where the family has one (else 0), and the family of each sample."""
    from jpegtrace import tables  # loads the tables of cameras and programs: only where they are drawn

    @cache
    def pair(family: str, scale: int) -> Tables:
        if family == "ijg":
            return np.stack([tables.ijg_table(scale, "luma"), tables.ijg_table(scale, "chroma")])
        found = tables.named_table(family)
        return np.stack([found[0], found[min(1, len(found) - 1)]])

    chosen = np.array([families[i] for i in rng.integers(len(families), size=count)], np.str_)
    scaled = chosen == "ijg"
    qualities = np.where(scaled, rng.integers(quality[0], quality[1] + 1, size=count), 0)
    drawn = np.empty((count, 2, 8, 8), np.uint16)
    for index, family in enumerate(map(str, chosen)):
        if family == "smooth":
            drawn[index] = tables.random_smooth_table(rng), tables.random_smooth_table(rng)
        else:
            drawn[index] = pair(family, int(qualities[index]))
    return drawn, qualities, chosen


def random_double(
    pictures: Sequence[NDArray[np.uint8]],
    count: int,
    rng: np.random.Generator,
    distribution: DoubleDistribution | None = None,
    *,
    patch: int = PATCH,
    threads: int = 1,
) -> Batch:
    """Draw pieces of pictures, tables and shifts, and compress them; see `DoubleDistribution`.

    Labels of the batch: `picture` (index), `first_quality` and `last_quality` (0 where the family has none),
    `first_family` and `last_family` ("none" where there was no compression); `piece_row`, `piece_col`, `piece_height`
    and `piece_width`, the square of the picture from which the source was made, and `scale`, the factor by which that
    was resized (drawn, then rounded to whole pixels and bounded by the picture). `corners` count in the resized piece.

    Memory beyond the result does not grow with the number of samples.

    Args:
        pictures: uncompressed RGB arrays; both sides at least `patch + 43`, rounded up to a multiple of 32.
        count: number of samples.
        rng: the only source of chance.
        distribution: defaults to `DoubleDistribution()`.
        patch: side of the patch, a multiple of 8.
        threads: worker threads; the result does not depend on it.

    Raises:
        ChainError: a picture is too small or not RGB.
    """
    drawn = distribution or DoubleDistribution()
    side = -(-(patch + MARGIN + LARGEST_BLOCK + 3) // LARGEST_BLOCK) * LARGEST_BLOCK
    for index, picture in enumerate(pictures):
        colour = picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        if not colour or min(picture.shape[:2]) < side:
            raise ChainError(
                f"picture {index} must be RGB and at least {side}x{side}, not {picture.dtype} {picture.shape}"
            )
    if not pictures:
        raise ChainError("there are no pictures to draw from")
    first, first_quality, first_family = _draw_tables(drawn.first_families, drawn.first_quality, count, rng)
    last, last_quality, last_family = _draw_tables(drawn.last_families, drawn.last_quality, count, rng)
    single = rng.random(count) < drawn.single
    first[single] = 0
    corners = MARGIN + rng.integers(0, LARGEST_BLOCK, size=(count, 2))
    corners[rng.random(count) < drawn.aligned] &= ~7
    chosen = rng.integers(len(pictures), size=count)
    first_subsampling, last_subsampling = drawn.subsamplings[rng.integers(len(drawn.subsamplings))]
    if "grey" in (first_subsampling, last_subsampling) and not drawn.grey:
        raise ChainError("colour patches cannot be compressed as grey; DoubleDistribution(grey=True) takes their luma")
    places = np.empty((count, 3), np.int64)
    batch = _blank(
        first_tables=first,
        last_tables=last,
        corners=corners,
        subsamplings=("grey", "grey") if drawn.grey else (first_subsampling, last_subsampling),
        patch=patch,
        labels={
            "picture": chosen,
            "first_quality": np.where(single, 0, first_quality),
            "last_quality": last_quality,
            "first_family": np.where(single, "none", first_family),
            "last_family": last_family,
        },
    )
    at_once = max(CHUNK, SOURCE_BYTES // (3 * side * side))
    sources = np.empty((min(at_once, count), side, side, 3), np.uint8)
    for start in range(0, count, at_once):
        stop = min(start + at_once, count)
        for index in range(start, stop):
            sources[index - start], places[index] = _piece(pictures[chosen[index]], side, drawn.scales, rng)
        part = sources[: stop - start]
        _fill(batch, start, luma_of(part) if drawn.grey else part, threads)
    names = ("piece_row", "piece_col", "piece_height")
    batch.labels.update((name, places[:, index].copy()) for index, name in enumerate(names))
    batch.labels["piece_width"] = batch.labels["piece_height"].copy()
    batch.labels["scale"] = side / batch.labels["piece_height"]
    return batch


def _piece(
    picture: NDArray[np.uint8], side: int, scales: tuple[float, float], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
    """A square from a random place, resized by a random factor to `side` pixels; its row, column and side before."""
    rows, cols = picture.shape[:2]
    taken = side
    if scales != (1.0, 1.0):
        taken = min(max(1, round(side / rng.uniform(*scales))), rows, cols)
    top, left = int(rng.integers(rows - taken + 1)), int(rng.integers(cols - taken + 1))
    piece = picture[top : top + taken, left : left + taken]
    if taken != side:
        piece = np.asarray(to_image(piece).resize((side, side), RESAMPLING["lanczos"]))
    return piece, (top, left, taken)
