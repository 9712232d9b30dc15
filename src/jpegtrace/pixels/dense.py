"""Evidence of tables for every block of a picture on one grid, and for all blocks of some tiles together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.lattice.hypotheses import Library
from jpegtrace.pixels import _kernels
from jpegtrace.pixels.hypotheses import log_steps
from jpegtrace.pixels.luma import Luma
from jpegtrace.pixels.noise import BAD, SPARSE, TEXTURED, TOUCHED, noise_model
from jpegtrace.pixels.windows import block_transform

CELL = 8  # pixels
BLOCK_BOUND = 25.0  # of the evidence of one block: a few cannot outweigh many


class Tile(NamedTuple):
    """A rectangle in blocks of the picture's own corner."""

    top: int
    left: int
    rows: int
    cols: int

    def corner(self, origin: int) -> tuple[int, int]:
        """First row and column, in pixels, of the blocks of a grid whose centres lie in the tile."""
        row, col = divmod(origin, 8)
        return CELL * self.top - 4 + (row + 4) % 8, CELL * self.left - 4 + (col + 4) % 8


def tiles_of(shape: tuple[int, int], side: int = 8) -> list[Tile]:
    """The whole picture in tiles of about `side` blocks; what is left of a block at the far edges is in none."""
    edges = []
    for size in shape:
        blocks = size // CELL
        count = max(round(blocks / side), 1)
        edges.append(np.round(np.linspace(0, blocks, count + 1)).astype(int).tolist())
    return [
        Tile(top, left, bottom - top, right - left)
        for top, bottom in zip(edges[0], edges[0][1:], strict=False)
        for left, right in zip(edges[1], edges[1][1:], strict=False)
        if bottom > top and right > left
    ]


class Blocks(NamedTuple):
    """Blocks of a tile on one grid.

    Attributes:
        coefficients: float32 (blocks, 64) in zigzag order.
        kinds: (blocks,) see `noise`.
        repeats: (blocks,) the same as the one before or above.
        busyness: (blocks,) mean magnitude of the coefficients.
    """

    coefficients: NDArray[np.float32]
    kinds: NDArray[np.int64]
    repeats: NDArray[np.bool_]
    busyness: NDArray[np.float32]


def read_tile(luma: Luma, tile: Tile, origin: int) -> Blocks:
    """The blocks of a grid whose centres lie in a tile."""
    count = tile.rows * tile.cols
    read = Blocks(
        np.empty((count, 64), np.float32),
        np.empty(count, np.int64),
        np.empty(count, np.bool_),
        np.empty(count, np.float32),
    )
    _kernels.read_blocks(
        luma.values, luma.clipped, *tile.corner(origin), tile.rows, tile.cols, block_transform(),
        read.coefficients, read.kinds, read.repeats, read.busyness,
    )  # fmt: skip
    return read


def evidence_of_tiles(
    luma: Luma, library: Library, tiles: Sequence[Tile], origin: int, variance: float, *, touched: bool = True
) -> NDArray[np.float64]:
    """Evidence for every step of the library at every frequency, (64, steps), summed over tiles.

    Without `touched`, blocks that are clipped in places are left out.
    """
    noise = noise_model(variance)
    total = np.zeros((64, library.steps.shape[1]))
    scales = np.empty(64)
    for tile in tiles:
        read = read_tile(luma, tile, origin)
        if not touched:
            read.kinds[read.kinds == TOUCHED] = BAD
        usual = _kernels.scales_of(read.coefficients, read.kinds, read.busyness, scales)
        evidence = np.zeros(total.shape, np.float32)
        _kernels.sum_evidence(
            read.coefficients, read.kinds, read.repeats, read.busyness, 0, len(read.kinds), scales, usual,
            noise.level, noise.variances, noise.zero, noise.small, noise.mean, noise.crowded, noise.within,
            library.steps, log_steps(library), library.counts, evidence,
        )  # fmt: skip
        total += evidence
    return total


def coefficients_of(luma: Luma, tiles: Sequence[Tile], origin: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Coefficients of the blocks of some tiles on a grid, (blocks, 64) in zigzag order, and their kinds."""
    read = [read_tile(luma, tile, origin) for tile in tiles]
    return np.concatenate([one.coefficients for one in read]), np.concatenate([one.kinds for one in read])


def scores_of_cells(
    luma: Luma,
    library: Library,
    origin: int,
    variance: float,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Scores of all tables for every cell of 8 pixels, (tables, rows, columns), and which cells have structure.

    A cell carries the block of the grid whose centre lies in it; 0 where there is none or where it is clipped.
    """
    noise = noise_model(variance)
    shape = luma.values.shape[0] // CELL, luma.values.shape[1] // CELL
    scores = np.zeros((len(library), *shape), np.float32)
    rough = np.zeros(shape, np.bool_)

    def work(tile: Tile) -> None:
        found = np.empty((len(library), tile.rows * tile.cols), np.float32)
        kinds = np.empty(tile.rows * tile.cols, np.int64)
        _kernels.scores_of_blocks(
            luma.values, luma.clipped, *tile.corner(origin), tile.rows, tile.cols, block_transform(),
            noise.level, noise.variances, noise.zero, noise.small, noise.mean, noise.crowded, noise.within,
            library.steps, log_steps(library), library.counts, library.index, BLOCK_BOUND, found, kinds,
        )  # fmt: skip
        rows, cols = slice(tile.top, tile.top + tile.rows), slice(tile.left, tile.left + tile.cols)
        scores[:, rows, cols] = found.reshape(-1, tile.rows, tile.cols)
        rough[rows, cols] = ((kinds == SPARSE) | (kinds == TEXTURED)).reshape(tile.rows, tile.cols)

    tiles = tiles_of(luma.values.shape)
    with ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(work, tiles), 1):
            if progress:
                progress(done / len(tiles))
    return scores, rough
