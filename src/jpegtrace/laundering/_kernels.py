"""Kernels of the statistics: each one pass over a piece of luminance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import fast_kernel, kernel
from jpegtrace.laundering.layout import (
    ACTIVITY_EDGES,
    BAND_FROM,
    BANDS,
    FAR,
    LARGEST_SIZE,
    LEAST_ENERGY,
    NEAR,
    RESIDUAL,
    SHIFTS,
    TRIPLE,
)

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]

MOST_ACTIVITY = 64
LEVEL_OF = np.searchsorted(np.array(ACTIVITY_EDGES), np.arange(MOST_ACTIVITY), side="right")
BAND_OF = np.array([sum(row + col >= edge for edge in BAND_FROM) - 1 for row in range(SHIFTS) for col in range(SHIFTS)])


@fast_kernel
def grids(values: Floats, basis: Floats, found: Floats, energies: Floats) -> None:
    """Sums over the blocks that begin in each column, by the row's place in a grid.

    All blocks are looked at, wherever they begin; those of one grid begin at rows and columns of one place.

    Args:
        values: (height, width).
        basis: DCT matrix (8, 8).
        found: zeros to add to, (STATISTICS, 64, 8, width - 7).
        energies: zeros to add to, (BANDS, BAND_STATISTICS, 8, width - 7).
    """
    height, width = values.shape
    places = width - SHIFTS + 1
    down = np.empty(width, np.float32)
    coefficient = np.empty(places, np.float32)
    energy = np.empty((BANDS, places), np.float32)
    for y in range(height - SHIFTS + 1):
        row = y % SHIFTS
        energy[:] = LEAST_ENERGY
        for u in range(SHIFTS):
            for x in range(width):
                total = np.float32(0)
                for k in range(SHIFTS):
                    total += basis[u, k] * values[y + k, x]
                down[x] = total
            for v in range(SHIFTS):
                if u + v == 0:
                    continue
                b0, b1, b2, b3 = basis[v, 0], basis[v, 1], basis[v, 2], basis[v, 3]
                b4, b5, b6, b7 = basis[v, 4], basis[v, 5], basis[v, 6], basis[v, 7]
                for x in range(places):
                    total = (
                        b0 * down[x] + b1 * down[x + 1] + b2 * down[x + 2] + b3 * down[x + 3]
                        + b4 * down[x + 4] + b5 * down[x + 5] + b6 * down[x + 6] + b7 * down[x + 7]
                    )  # fmt: skip
                    coefficient[x] = min(abs(total), np.float32(LARGEST_SIZE))
                squares, sizes = found[0, SHIFTS * u + v, row], found[1, SHIFTS * u + v, row]
                nears, fars = found[2, SHIFTS * u + v, row], found[3, SHIFTS * u + v, row]
                for x in range(places):
                    size = coefficient[x]
                    squares[x] += size * size
                    sizes[x] += size
                    nears[x] += np.float32(1) if size < np.float32(NEAR) else np.float32(0)
                    fars[x] += np.float32(1) if size < np.float32(FAR) else np.float32(0)
                band = BAND_OF[SHIFTS * u + v]
                if band >= 0:
                    sums = energy[band]
                    for x in range(places):
                        sums[x] += coefficient[x] * coefficient[x]
        for band in range(BANDS):
            for x in range(places):
                logarithm = np.log(energy[band, x])
                energies[band, 0, row, x] += logarithm
                energies[band, 1, row, x] += logarithm * logarithm


@kernel
def runs(values: NDArray[np.int32], triples: Counts, activity: Counts) -> None:
    """Three differences in a row, cut at TRIPLE; and sizes of residuals where so much goes on around them.

    Args:
        values: (height, width).
        triples: zeros to add to, (2 TRIPLE + 1,) * 3; rows and columns are counted together.
        activity: zeros to add to, (LEVELS, RESIDUAL + 1): how far a pixel is from the mean of four neighbours, by the
            level of what goes on around it.
    """
    height, width = values.shape
    for y in range(height):
        for x in range(width - 3):
            a = min(max(values[y, x + 1] - values[y, x], -TRIPLE), TRIPLE) + TRIPLE
            b = min(max(values[y, x + 2] - values[y, x + 1], -TRIPLE), TRIPLE) + TRIPLE
            c = min(max(values[y, x + 3] - values[y, x + 2], -TRIPLE), TRIPLE) + TRIPLE
            triples[a, b, c] += 1
    for y in range(height - 3):
        for x in range(width):
            a = min(max(values[y + 1, x] - values[y, x], -TRIPLE), TRIPLE) + TRIPLE
            b = min(max(values[y + 2, x] - values[y + 1, x], -TRIPLE), TRIPLE) + TRIPLE
            c = min(max(values[y + 3, x] - values[y + 2, x], -TRIPLE), TRIPLE) + TRIPLE
            triples[a, b, c] += 1
    for y in range(2, height - 2):
        for x in range(2, width - 2):
            cross = values[y - 1, x] + values[y + 1, x] + values[y, x - 1] + values[y, x + 1] - 4 * values[y, x]
            around = (
                abs(values[y - 2, x - 2] - values[y - 2, x + 2])
                + abs(values[y + 2, x - 2] - values[y + 2, x + 2])
                + abs(values[y - 2, x - 2] - values[y + 2, x - 2])
                + abs(values[y - 2, x + 2] - values[y + 2, x + 2])
            )
            activity[LEVEL_OF[min(around, MOST_ACTIVITY - 1)], min(abs(cross), 4 * RESIDUAL) // 4] += 1


@kernel
def residual_pairs(values: NDArray[np.int32], crossing: Counts, mixed: Counts) -> None:
    """Pairs of residuals, cut at RESIDUAL.

    Args:
        values: (height, width).
        crossing: zeros to add to, (2 RESIDUAL + 1,) * 2: halves of the second differences across and down at one pixel.
        mixed: the same, of quarters of the second difference down of those across, at one pixel and the next, across
            and down.
    """
    height, width = values.shape
    fourth = np.empty((height, width), np.int32)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            above = values[y - 1, x - 1] - 2 * values[y - 1, x] + values[y - 1, x + 1]
            here = values[y, x - 1] - 2 * values[y, x] + values[y, x + 1]
            below = values[y + 1, x - 1] - 2 * values[y + 1, x] + values[y + 1, x + 1]
            fourth[y, x] = min(max((above - 2 * here + below + 2) // 4, -RESIDUAL), RESIDUAL) + RESIDUAL
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            across = values[y, x - 1] - 2 * values[y, x] + values[y, x + 1]
            down = values[y - 1, x] - 2 * values[y, x] + values[y + 1, x]
            a = min(max((across + 1) // 2, -RESIDUAL), RESIDUAL) + RESIDUAL
            b = min(max((down + 1) // 2, -RESIDUAL), RESIDUAL) + RESIDUAL
            crossing[a, b] += 1
            if x < width - 2:
                mixed[fourth[y, x], fourth[y, x + 1]] += 1
            if y < height - 2:
                mixed[fourth[y, x], fourth[y + 1, x]] += 1


@fast_kernel
def borders(values: Floats, steps: Floats) -> None:
    """Sizes of steps between neighbouring columns, by column, cut at LARGEST_SIZE.

    Args:
        values: (height, width).
        steps: to fill, (BORDER_STATISTICS, width): mean of |x7 - x8| and of |x6 - 3 x7 + 3 x8 - x9| between column x
            and the next; 0 where there is none.
    """
    height, width = values.shape
    steps[:] = 0
    for y in range(height):
        for x in range(1, width - 2):
            steps[0, x] += min(abs(values[y, x + 1] - values[y, x]), np.float32(LARGEST_SIZE))
            third = values[y, x - 1] - 3 * values[y, x] + 3 * values[y, x + 1] - values[y, x + 2]
            steps[1, x] += min(abs(third), np.float32(LARGEST_SIZE))
    steps /= np.float32(height)
