"""Statistics of a piece of luminance in which a hidden JPEG history shows; no learning here.

What hides a history works on blocks of 8 x 8 pixels, and hides them from the detectors it was made against. So each
statistic of blocks is taken on all 64 grids, and that grid is looked for on which it differs most from the others.
Differences between grids of one picture do not depend on its scene.

* Of every frequency on every grid: mean square and mean size of the coefficients, shares of those near to zero.
  Dither gives frequencies their variance back on one grid only, and leaves bands that were all zero.
* Of every grid: energy of blocks in three bands, mean and spread of its logarithm. Dither of one rate for the whole
  picture makes flat blocks as noisy as busy ones.
* Steps between neighbours on borders of the grid and elsewhere. Deblocking makes borders smoother than the rest.
* Differences in a row and neighbouring residuals, as in the SPAM features of steganalysis, and sizes of residuals by
  how much goes on around them. Noise, medians and least total variation leave patterns that scenes do not have.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError
from jpegtrace.jpeg import dct_matrix
from jpegtrace.laundering import _kernels
from jpegtrace.laundering.layout import (
    BAND_STATISTICS,
    BANDS,
    BORDER_STATISTICS,
    FREQUENCIES,
    LARGEST,
    LEVELS,
    RESIDUAL,
    SHIFTS,
    SMALLEST,
    STATISTICS,
    TRIPLE,
)

Floats = NDArray[np.float64]

GRIDS = SHIFTS * SHIFTS
EPSILON = 1e-4  # below every share that tells anything
LEAST_SQUARE = 0.05  # below what rounding to pixels leaves in a coefficient
LEAST_SPREAD = 0.01
MOST_DEVIATIONS = 30.0
STANDS_OUT = 1.15  # times as strange as the next grid; from there on it was the right one, of training pictures


class Grids(NamedTuple):
    """Statistics on each grid, row by row of where it begins; all of them logarithms.

    Attributes:
        frequencies: (64, STATISTICS * 63).
        energies: (64, BANDS * BAND_STATISTICS).
        borders: (64, 2 * BORDER_STATISTICS).
    """

    frequencies: Floats
    energies: Floats
    borders: Floats


def describe(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Statistics of a piece, one vector.

    Args:
        luma: (height, width), each from SMALLEST to LARGEST.

    Raises:
        UsageError: the piece has another size.
    """
    height, width = luma.shape
    if not SMALLEST <= min(luma.shape) <= max(luma.shape) <= LARGEST:
        raise UsageError(f"a piece has sides from {SMALLEST} to {LARGEST} pixels, not {width} x {height}")
    found = on_grids(luma)
    parts = [part_of(found), patterns(luma), np.array([np.log(height * width) / 2])]
    return np.concatenate(parts).astype(np.float32)


def on_grids(luma: NDArray[np.uint8]) -> Grids:
    """Statistics of a piece on each of the 64 grids."""
    values = luma.astype(np.float32) - np.float32(128)
    places = values.shape[1] - SHIFTS + 1
    sums = np.zeros((STATISTICS, FREQUENCIES, SHIFTS, places), np.float32)
    energies = np.zeros((BANDS, BAND_STATISTICS, SHIFTS, places), np.float32)
    _kernels.grids(values, basis(), sums, energies)
    counts = _blocks_on(values.shape)
    means = _folded(sums) / counts
    logarithms = np.concatenate(
        [
            np.log(means[:1] + LEAST_SQUARE),
            np.log(means[1:2] + LEAST_SQUARE),
            np.log(means[2:] + EPSILON),
        ]
    )[:, 1:]
    by_energy = _folded(energies) / counts
    spread = np.sqrt(np.maximum(by_energy[:, 1] - np.square(by_energy[:, 0]), 1e-6))
    return Grids(
        logarithms.reshape(-1, GRIDS).T,
        np.concatenate([by_energy[:, 0], np.log(spread)]).reshape(-1, GRIDS).T,
        _borders(values),
    )


@cache
def basis() -> NDArray[np.float32]:
    """The DCT matrix."""
    return np.ascontiguousarray(dct_matrix(), np.float32)


def _folded(sums: NDArray[np.float32]) -> Floats:
    """Sums by column, added up for each of the grid's eight places: (..., 8, 8)."""
    width = sums.shape[-1]
    padded = np.pad(sums.astype(np.float64), [(0, 0)] * (sums.ndim - 1) + [(0, -width % SHIFTS)])
    folded: Floats = padded.reshape(*sums.shape[:-1], -1, SHIFTS).sum(-2)
    return folded


def _blocks_on(shape: tuple[int, ...]) -> Floats:
    """How many blocks each grid has in a piece, (8, 8)."""
    rows, cols = ((extent - SHIFTS + 1 + np.arange(SHIFTS)[::-1]) // SHIFTS for extent in shape)
    return np.outer(rows, cols).astype(np.float64)


def _borders(values: NDArray[np.float32]) -> Floats:
    """Steps over the borders of each grid, across columns and rows: (64, 2 BORDER_STATISTICS)."""
    found = []
    for lines in (values.T, values):
        steps = np.empty((BORDER_STATISTICS, lines.shape[1]), np.float32)
        _kernels.borders(np.ascontiguousarray(lines), steps)
        inner = steps[:, 1:-2]
        # The border before the block that begins at column x lies between columns x - 1 and x.
        place = (np.arange(1, lines.shape[1] - 2) + 1) % SHIFTS
        means = np.stack([np.bincount(place, row, SHIFTS) / np.bincount(place, minlength=SHIFTS) for row in inner])
        found.append(np.log(means + LEAST_SQUARE))
    down, across = found
    shape = (BORDER_STATISTICS, SHIFTS, SHIFTS)
    both = [np.broadcast_to(down[:, :, None], shape), np.broadcast_to(across[:, None, :], shape)]
    return np.concatenate(both).reshape(-1, GRIDS).T


def part_of(found: Grids) -> Floats:
    """Statistics as they are on most grids, how they differ on the one that differs most, and by how much it does."""
    usual, apart, spread, sizes = _compared(found)
    order = np.argsort(-sizes, kind="stable")
    told = np.log(np.array([sizes[order[0]], sizes[order[1]], sizes[order[SHIFTS]], np.median(sizes)]) + LEAST_SPREAD)
    return np.concatenate([usual, apart[order[0]], told, np.log(spread)])


def strangest_grid(luma: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Row and column where the grid begins that differs most from the others, if it clearly does."""
    sizes = _compared(on_grids(luma))[3]
    second, first = np.argsort(sizes, kind="stable")[-2:]
    if sizes[first] < STANDS_OUT * sizes[second]:
        return None
    row, col = divmod(int(first), SHIFTS)
    return row, col


def _compared(found: Grids) -> tuple[Floats, Floats, Floats, Floats]:
    """Medians over all grids, what each differs by, the median of that, and how strange each grid is, (64,)."""
    together = np.concatenate(found, axis=1)
    usual = np.median(together, axis=0)
    apart = together - usual
    spread = 1.4826 * np.median(np.abs(apart), axis=0) + LEAST_SPREAD
    deviations = np.minimum(np.abs(apart) / spread, MOST_DEVIATIONS)
    return usual, apart, spread, deviations.mean(1)


def patterns(luma: NDArray[np.uint8]) -> Floats:
    """Shares of differences in a row, pairs of residuals, and residuals by activity; as logarithms."""
    values = luma.astype(np.int32)
    triples = np.zeros((2 * TRIPLE + 1,) * 3, np.int64)
    activity = np.zeros((LEVELS, RESIDUAL + 1), np.int64)
    _kernels.runs(values, triples, activity)
    crossing, mixed = (np.zeros((2 * RESIDUAL + 1,) * 2, np.int64) for _ in range(2))
    _kernels.residual_pairs(values, crossing, mixed)
    parts = [_symmetric(triples), _pairs(crossing), _pairs(mixed), _by_activity(activity)]
    return np.concatenate(parts)


def _symmetric(counts: NDArray[np.int64]) -> Floats:
    """Shares of runs; a run, its negative and its reverses are the same pattern."""
    size = counts.shape[0]
    flat = np.arange(size**3).reshape(counts.shape)
    same = np.minimum.reduce(
        [flat, flat[::-1, ::-1, ::-1], flat.transpose(2, 1, 0), flat[::-1, ::-1, ::-1].transpose(2, 1, 0)]
    )
    kinds, place = np.unique(same, return_inverse=True)
    sums = np.bincount(place.ravel(), counts.ravel(), len(kinds))
    return np.asarray(np.log(sums / counts.sum() + EPSILON))


def _pairs(counts: NDArray[np.int64]) -> Floats:
    """Shares of pairs; which of both comes first does not count."""
    both = (counts + counts.T)[np.triu_indices(len(counts))]
    return np.asarray(np.log(both / counts.sum() + EPSILON))


def _by_activity(counts: NDArray[np.int64]) -> Floats:
    """Shares of the levels, and of sizes in each level."""
    levels = counts.sum(1)
    shares = (counts + 0.5) / (levels + 0.5 * counts.shape[1])[:, None]
    return np.concatenate([np.log(levels / counts.sum() + EPSILON), np.log(shares + EPSILON).ravel()])
