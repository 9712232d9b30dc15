"""Was a picture ever JPEG, on which grid, with which table, and was it processed afterwards: the whole picture.

Tiles of the picture are looked at on all grids; what they say together gives the picture's own history, and tiles that
are sure of another grid give that of other parts. Where nothing is found under the noise of mere decoding, stronger
noise is tried: a picture that was processed after decompression keeps its lattice, blurred.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress, part
from jpegtrace.lattice.hypotheses import Library
from jpegtrace.pixels.dense import CELL, Tile, coefficients_of, evidence_of_tiles, tiles_of
from jpegtrace.pixels.detection import probability_compressed
from jpegtrace.pixels.false_alarms import log10_false_alarms
from jpegtrace.pixels.hypotheses import every_step, standard_library, world_library
from jpegtrace.pixels.luma import Luma
from jpegtrace.pixels.noise import CONSTANT, TOUCHED
from jpegtrace.pixels.windows import Look, look
from jpegtrace.tables import ZIGZAG, nearest_quality

SURE = 0.9  # probability from which a picture or a part of it was JPEG
LOG10_CHANCE = -3.0  # of the number of false alarms, up to which it holds against chance
SURE_ALONE, LOG10_CHANCE_ALONE = 0.9999, -30.0  # the same where a single tile speaks for it
# Up to three tiles may have too few coefficients to hold against chance, however sure the regression is. It was fitted
# to such windows of 64 blocks and more, under the noise of decoding, and is trusted there.
FEW_TILES = 4
SEARCHED_NOISES = (1.0, 4.0, 12.0)  # times the noise of decoding, tried in turn
PROCESSED_TILES = 16  # that are looked at under more noise than that of decoding, at most
COARSE = 4  # steps from which noise is read off a lattice
ENOUGH = 200  # coefficients for that
ENOUGH_BLOCKS = 64
CLEAN_BLOCKS = 32  # free of any clipping, for a table to be read in them alone
PIECE = 4  # blocks
MOST_READ = 48  # tiles that a table is read in
PROCESSED_FROM = 2.0  # times the noise of decoding from which a picture was processed afterwards
TEMPER = 0.3  # of evidence for tables, whose blocks and frequencies are not independent
QUIET = 1.0  # grey levels between the darkest and brightest pixel of a block that is not flat
GOLDEN = 0.6180339887498949
LEAST_TOLD = 4.0  # nats by which a step must beat its rivals to be told
# Nats, and share of the evidence, by which steps read one by one must beat every known table to be another one.
ANOTHER_TABLE, ANOTHER_SHARE = 60.0, 0.03


@dataclass(frozen=True, slots=True, eq=False)
class PixelSource:
    """The last compression of a picture or a part of it.

    Attributes:
        origin: row and column of its grid, 0..7.
        table: uint16 (64,) in zigzag order, complete: what could not be read is taken from the nearest known table.
        told: (64,) which of its entries the pixels themselves tell.
        name: of the nearest known table.
        quality: IJG quality; of the nearest one where it is no IJG table.
        standard: it is an IJG table.
        quality_probability: of this quality against the others, by tempered evidence; 0 where it is no IJG table.
        variance: of the noise on the lattice.
        processed: the noise is more than decoding leaves.
        probability: that there was this compression.
        false_alarms: log10 of the number of such findings expected in a picture that was never compressed.
    """

    origin: tuple[int, int]
    table: NDArray[np.uint16]
    told: NDArray[np.bool_]
    name: str
    quality: int
    standard: bool
    quality_probability: float
    variance: float
    processed: bool
    probability: float
    false_alarms: float


@dataclass(frozen=True, slots=True, eq=False)
class PixelHistory:
    """What the pixels of a picture tell.

    Attributes:
        sources: of the picture or its parts, that of most of it first; none: no trace of a compression.
        tiles: that were looked at.
        probability: that the picture, or a part of it, was JPEG; None where too little can be seen to tell.
        evidence: (64,) for each grid, all tiles together, under the noise that the sources were found with; -inf where
            a grid was not judged. None where there are no tiles.
    """

    sources: tuple[PixelSource, ...]
    tiles: tuple[Tile, ...]
    probability: float | None
    evidence: NDArray[np.float64] | None = None


def tiles_to_search(luma: Luma, most: int) -> list[Tile]:
    """Tiles that are not flat, spread evenly over the picture where there are too many."""
    rows, cols = (n // CELL for n in luma.values.shape)
    blocks = luma.values[: rows * CELL, : cols * CELL].reshape(rows, CELL, cols, CELL)
    busy = (blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))) > QUIET
    found = [
        tile
        for tile in tiles_of(luma.values.shape)
        if busy[tile.top : tile.top + tile.rows, tile.left : tile.left + tile.cols].any()
    ]
    return spread(found, most)


def spread(tiles: Sequence[Tile], most: int) -> list[Tile]:
    """At most so many tiles, evenly over the picture: a low-discrepancy order over the list, which runs along rows."""
    order = np.argsort(np.arange(len(tiles)) * GOLDEN % 1.0, kind="stable")[:most]
    return [tiles[k] for k in np.sort(order)]


def find_pixel_history(
    luma: Luma, *, most_tiles: int = 192, threads: int = 1, progress: Progress | None = None
) -> PixelHistory:
    """Search a picture.

    Args:
        luma: of the picture.
        most_tiles: bound on the tiles that are looked at.
        threads: worker threads; the result does not depend on it.
        progress: called with the share that is done.
    """
    tiles = tiles_to_search(luma, most_tiles)
    library = standard_library()
    best: float | None = None
    evidence: NDArray[np.float64] | None = None
    for turn, noise in enumerate(SEARCHED_NOISES if tiles else ()):
        share = part(progress, turn / len(SEARCHED_NOISES), (turn + 1) / len(SEARCHED_NOISES))
        variance = noise * luma.variance
        here = tiles if turn == 0 else spread(tiles, max(min(PROCESSED_TILES, most_tiles // 3), 1))
        looks = _look_at(luma, library, here, variance, threads, share)
        read = [_read_grid(luma, library, here, grid, variance) for grid in _grids(looks)]
        sources = [source for source in read if source is not None]
        if sources:
            return PixelHistory(tuple(sources), tuple(tiles), sources[0].probability, together(looks).by_origin)
        if turn == 0:  # the probability is calibrated for the noise of decoding
            sums = together(looks)
            seen, evidence = probability_compressed(sums), sums.by_origin
            # What does not hold against chance is no more likely than what is just not sure.
            best = None if seen is None else min(seen, SURE)
    return PixelHistory((), tuple(tiles), best, evidence)


def _look_at(
    luma: Luma, library: Library, tiles: Sequence[Tile], variance: float, threads: int, progress: Progress | None
) -> list[Look]:
    def one(tile: Tile) -> Look:
        return look(luma, library, CELL * tile.top, CELL * tile.left, tile.rows, tile.cols, variance=variance)

    looks = []
    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(one, tiles):
            looks.append(found)
            if progress:
                progress(len(looks) / len(tiles))
    return looks


def together(looks: Sequence[Look]) -> Look:
    """Several windows as one: evidence adds up."""
    return Look(
        scores=np.asarray(np.sum([one.scores for one in looks], axis=0, dtype=np.float64), np.float32),
        cheaper=np.sum([one.cheaper for one in looks], axis=0),
        judged=np.mean([one.judged for one in looks], axis=0) >= 0.5,
        telling=np.mean([one.telling for one in looks], axis=0),
    )


def _grids(looks: Sequence[Look]) -> list[tuple[int, list[int], float]]:
    """Grids that the picture or some of its tiles may have been compressed on: origin, tiles, probability."""
    sums = together(looks)
    whole = probability_compressed(sums) or 0.0
    grid = int(sums.by_origin.argmax())
    own = [int(one.by_origin.argmax()) for one in looks]
    sure = [probability_compressed(one) or 0.0 for one in looks]
    found: list[tuple[int, list[int], float]] = []
    members = [k for k in range(len(looks)) if own[k] == grid or sure[k] < SURE]
    if whole >= SURE and members:
        found.append((grid, members, whole))
    others: dict[int, list[int]] = {}
    for k in range(len(looks)):
        if sure[k] >= SURE and (whole < SURE or own[k] != grid):
            others.setdefault(own[k], []).append(k)
    for origin, members in sorted(others.items(), key=lambda item: -len(item[1])):
        found.append((origin, members, max(sure[k] for k in members)))
    return found


def _read_grid(
    luma: Luma, library: Library, tiles: Sequence[Tile], grid: tuple[int, list[int], float], variance: float
) -> PixelSource | None:
    """The compression on one of the grids; None where it does not hold against chance."""
    origin, members, probability = grid
    here = _supporting(luma, library, [tiles[k] for k in members], origin, variance)
    if not here:
        return None
    source = _source(luma, here, origin, variance, probability)
    blocks = sum(tile.rows * tile.cols for tile in tiles)
    if variance == luma.variance and len(tiles) < FEW_TILES and blocks >= ENOUGH_BLOCKS:
        return source
    if len(members) == 1 < len(tiles):
        return source if probability >= SURE_ALONE and source.false_alarms <= LOG10_CHANCE_ALONE else None
    return source if source.false_alarms <= LOG10_CHANCE else None


def _supporting(luma: Luma, library: Library, tiles: Sequence[Tile], origin: int, variance: float) -> list[Tile]:
    """Pieces of tiles, and of what lies around them, that have the table which most of them speak for.

    A tile may lie on the border of a part; its pieces then tell apart what belongs to it.
    """
    shape = tuple(n // CELL for n in luma.values.shape)
    pieces = sorted({part for tile in spread(tiles, MOST_READ) for part in _pieces(tile, shape)})
    grid = np.array([origin])
    scores = np.stack(
        [
            look(luma, library, CELL * t.top, CELL * t.left, t.rows, t.cols, variance=variance, origins=grid).scores[0]
            for t in pieces
        ]
    )
    best = int(scores.clip(min=0).sum(axis=0).argmax())
    return [tile for tile, score in zip(pieces, scores[:, best], strict=True) if score > 0]


def _pieces(tile: Tile, shape: tuple[int, ...]) -> list[Tile]:
    """Pieces of `PIECE` x `PIECE` blocks that a tile and half a tile around it touch; no two of a picture overlap."""
    spans = []
    for start, length, end in ((tile.top, tile.rows, shape[0]), (tile.left, tile.cols, shape[1])):
        low, high = max(start - length // 2, 0), min(start + length + length // 2, end)
        spans.append([(p, min(PIECE, end - p)) for p in range(low // PIECE * PIECE, high, PIECE)])
    return [Tile(top, left, rows, cols) for top, rows in spans[0] for left, cols in spans[1]]


def _source(luma: Luma, tiles: Sequence[Tile], origin: int, variance: float, probability: float) -> PixelSource:
    """Read noise and table on a grid that is known, from tiles that were compressed on it."""
    steps = every_step()
    known = standard_library(), world_library()
    coefficients, kinds = coefficients_of(luma, tiles, origin)
    clean = (kinds > CONSTANT) & (kinds < TOUCHED)
    touched = clean.sum() < CLEAN_BLOCKS
    coefficients = coefficients[kinds > CONSTANT if touched else clean]
    evidence = evidence_of_tiles(luma, steps, tiles, origin, variance, touched=touched)
    _, library, place = _best_known(evidence, known)
    variance = _stepped(fit_variance(coefficients, library.tables[place]) or variance, luma.variance)
    evidence = evidence_of_tiles(luma, steps, tiles, origin, variance, touched=touched)
    score, library, place = _best_known(evidence, known)
    values, told = _read_steps(evidence)
    table = library.tables[place].copy()
    own = np.where(told, values, table)
    unknown = _score_of(evidence, own[None])[0] - score > max(ANOTHER_TABLE, ANOTHER_SHARE * score)
    if unknown:
        table, name, standard = own.astype(np.uint16), f"near {library.names[place]}", False
    else:
        name, standard = library.names[place], bool(library.qualities[place])
    quality, sure = _quality(evidence, table, standard)
    return PixelSource(
        origin=divmod(origin, 8),
        table=table,
        told=told & (values == table),
        name=name,
        quality=quality,
        standard=standard,
        quality_probability=sure,
        variance=variance,
        processed=variance >= PROCESSED_FROM * luma.variance,
        probability=probability,
        false_alarms=log10_false_alarms(coefficients, table, chosen=int(told.sum()) if unknown else 0),
    )


def fit_variance(coefficients: NDArray[np.float32], table: NDArray[np.uint16]) -> float | None:
    """Variance of the noise on a lattice, from how far coefficients lie from multiples that are not 0.

    None where too few of them have steps that are large against it.
    """
    places = 1 + np.flatnonzero(table[1:] >= COARSE)
    scaled = coefficients[:, places] / table[places]
    off = np.abs(scaled - np.round(scaled)) * table[places]
    off = off[np.abs(scaled) > 0.5]
    if off.size < ENOUGH:
        return None
    return float((1.4826 * np.median(off)) ** 2)


def _stepped(variance: float, least: float) -> float:
    """A variance in steps of 5 %, from the least on, so that few tables of noise are needed."""
    steps = round(np.log(max(variance / least, 1.0)) / np.log(1.05))
    return float(least * 1.05**steps)


def _score_of(evidence: NDArray[np.float64], tables: NDArray[np.integer]) -> NDArray[np.float64]:
    """Sum over frequencies of the evidence for the steps of tables (n, 64)."""
    found: NDArray[np.float64] = evidence[np.arange(64)[None, :], tables.astype(np.int64) - 1].sum(axis=1)
    return found


def _best_known(evidence: NDArray[np.float64], known: Sequence[Library]) -> tuple[float, Library, int]:
    scores = [_score_of(evidence, library.tables) for library in known]
    best = int(np.argmax([s.max() for s in scores]))
    place = int(scores[best].argmax())
    return float(scores[best][place]), known[best], place


def _read_steps(evidence: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The best step of every frequency, and whether it beats all others and "never quantized" clearly."""
    order = np.argsort(-evidence, axis=1)
    first, second = (np.take_along_axis(evidence, order[:, k : k + 1], 1)[:, 0] for k in (0, 1))
    told: NDArray[np.bool_] = (TEMPER * (first - second) > LEAST_TOLD) & (TEMPER * first > LEAST_TOLD)
    return order[:, 0] + 1, told


def _quality(evidence: NDArray[np.float64], table: NDArray[np.uint16], standard: bool) -> tuple[int, float]:
    """IJG quality of a table, the nearest one where it is none, and its probability against the others."""
    library = standard_library()
    if standard:
        scores = TEMPER * _score_of(evidence, library.tables)
        weights = np.exp(scores - scores.max())
        place = int((library.tables == table).all(axis=1).argmax())
        return int(library.qualities[place]), float(weights[place] / weights.sum())
    return nearest_quality(table[np.argsort(ZIGZAG)].reshape(8, 8)).quality, 0.0
