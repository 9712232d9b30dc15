"""Kernels of the features: one pass over a piece of luminance for each kind of statistic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import fast_kernel, kernel
from jpegtrace.manipulation.layout import (
    AROUND,
    BUSY,
    DISTANCES,
    FEWEST,
    FILTERS,
    LAGS,
    MOST_GREYS,
    MOST_RELATIVE,
    PAIR,
    STRENGTHS,
    TRIPLE,
)

Floats = NDArray[np.float32]

MOST = 4096  # beyond every residual
LOGARITHMS = np.log2(np.arange(MOST, dtype=np.float32) + np.float32(0.5))
BINS = np.minimum(np.searchsorted((0, 1, 2, 4, 8, 16, 32, 64), np.arange(MOST)), DISTANCES - 1)  # 0, 1, 2, 3-4, ...


@fast_kernel
def residuals(values: NDArray[np.int32], found: NDArray[np.int32]) -> None:
    """Magnitudes of residuals along rows, to fill, (FILTERS, height, width); 0 in the outermost two rows and columns.

    Second, third and fourth difference along the row; the second one averaged over three rows; its sum with that along
    the column, and its second difference along the column. Bilinear interpolation shows best in the second difference,
    bicubic enlargement in the fourth.
    """
    height, width = values.shape
    found[:] = 0
    for y in range(2, height - 2):
        for x in range(2, width - 2):
            here, left, right = values[y, x], values[y, x - 1], values[y, x + 1]
            second = left - 2 * here + right
            above = values[y - 1, x - 1] - 2 * values[y - 1, x] + values[y - 1, x + 1]
            below = values[y + 1, x - 1] - 2 * values[y + 1, x] + values[y + 1, x + 1]
            found[0, y, x] = abs(second)
            found[1, y, x] = abs(values[y, x + 2] - 3 * right + 3 * here - left)
            found[2, y, x] = abs(values[y, x - 2] - 4 * left + 6 * here - 4 * right + values[y, x + 2])
            found[3, y, x] = abs(above + 2 * second + below)
            found[4, y, x] = abs(second + values[y - 1, x] - 2 * here + values[y + 1, x])
            found[5, y, x] = abs(above - 2 * second + below)


@fast_kernel
def _mean_around(sizes: NDArray[np.int32], means: Floats) -> None:
    """Mean of the square of 2 AROUND + 1 pixels around each pixel, smaller at borders."""
    height, width = sizes.shape
    sums = np.zeros(width, np.int64)
    for y in range(min(AROUND, height)):
        for x in range(width):
            sums[x] += sizes[y, x]
    for y in range(height):
        if y + AROUND < height:
            for x in range(width):
                sums[x] += sizes[y + AROUND, x]
        if y > AROUND:
            for x in range(width):
                sums[x] -= sizes[y - AROUND - 1, x]
        rows = min(height - 1, y + AROUND) - max(0, y - AROUND) + 1
        total = np.int64(0)
        for x in range(min(AROUND, width)):
            total += sums[x]
        for x in range(width):
            if x + AROUND < width:
                total += sums[x + AROUND]
            if x > AROUND:
                total -= sums[x - AROUND - 1]
            cols = min(width - 1, x + AROUND) - max(0, x - AROUND) + 1
            means[y, x] = np.float32(total) / np.float32(rows * cols)


@fast_kernel
def signals(sizes: NDArray[np.int32], coefficients: NDArray[np.int64], found: Floats) -> None:
    """Mean strength of residuals in each column.

    Args:
        sizes: of residuals, (FILTERS, height, width).
        coefficients: of each block that are not zero, (height / 8, width / 8).
        found: to fill, (FILTERS * STRENGTHS, width).
    """
    _, height, width = sizes.shape
    means = np.empty((height, width), np.float32)
    found[:] = 0
    busy = np.zeros(width, np.int64)
    for y in range(2, height - 2):
        for x in range(2, width - 2):
            busy[x] += coefficients[y // 8, x // 8] >= BUSY
    for f in range(FILTERS):
        _mean_around(sizes[f], means)
        first = f * STRENGTHS
        for y in range(2, height - 2):
            for x in range(2, width - 2):
                size = sizes[f, y, x]
                relative = min(np.float32(size) / (means[y, x] + np.float32(0.5)), np.float32(MOST_RELATIVE))
                found[first, x] += relative
                if coefficients[y // 8, x // 8] >= BUSY:
                    found[first + 1, x] += relative
                found[first + 2, x] += LOGARITHMS[size]
                found[first + 3, x] += np.float32(min(size, MOST_GREYS))
        _mean_of_busy(found[first + 1], busy)
        for strength in (0, 2, 3):
            found[first + strength] /= np.float32(height - 4)
    for edge in range(2):  # the border repeats the nearest value, which adds no frequency of its own
        found[:, edge], found[:, width - 1 - edge] = found[:, 2], found[:, width - 3]


@kernel
def _mean_of_busy(sums: Floats, counts: NDArray[np.int64]) -> None:
    """Sums over counts, in place; where these are too few, the mean of where they are not."""
    told = counts >= FEWEST
    total = np.float32(0)
    if told.any():
        total = np.float32(sums[told].sum() / counts[told].sum())
    for index in range(len(sums)):
        sums[index] = sums[index] / counts[index] if told[index] else total


@kernel
def distances(values: NDArray[np.int32], first: Floats, second: Floats) -> None:
    """How far apart pixels are at each lag, along rows and columns together.

    Args:
        values: luminance (height, width).
        first: shares of |v(x + k) - v(x)|, to fill, (LAGS, DISTANCES).
        second: shares of |v(x - k) - 2 v(x) + v(x + k)|, to fill.
    """
    height, width = values.shape
    first[:] = 0
    second[:] = 0
    for index in range(len(LAGS)):
        lag = LAGS[index]
        for y in range(lag, height - lag):
            for x in range(lag, width - lag):
                here, right, below = values[y, x], values[y, x + lag], values[y + lag, x]
                first[index, BINS[abs(right - here)]] += 1
                first[index, BINS[abs(below - here)]] += 1
                second[index, BINS[abs(values[y, x - lag] - 2 * here + right)]] += 1
                second[index, BINS[abs(values[y - lag, x] - 2 * here + below)]] += 1
        count = np.float32(max(1, 2 * (height - 2 * lag) * (width - 2 * lag)))
        first[index] /= count
        second[index] /= count


@kernel
def runs(values: NDArray[np.int32], pairs: Floats, triples: Floats) -> None:
    """Shares of two and three differences in a row, along rows and columns together.

    Args:
        values: luminance (height, width).
        pairs: differences cut at PAIR, to fill, (2 PAIR + 1, 2 PAIR + 1).
        triples: differences cut at TRIPLE, to fill, (2 TRIPLE + 1,) * 3.
    """
    height, width = values.shape
    pairs[:] = 0
    triples[:] = 0
    for direction in range(2):
        rows, cols = (height, width) if direction == 0 else (width, height)
        for y in range(rows):
            a, b = 0, 0
            for x in range(1, cols):
                c = (values[y, x] - values[y, x - 1]) if direction == 0 else (values[x, y] - values[x - 1, y])
                if x >= 2:
                    p, q = max(-PAIR, min(PAIR, b)), max(-PAIR, min(PAIR, c))
                    pairs[p + PAIR, q + PAIR] += 1
                if x >= 3:
                    p, q, r = max(-TRIPLE, min(TRIPLE, a)), max(-TRIPLE, min(TRIPLE, b)), max(-TRIPLE, min(TRIPLE, c))
                    triples[p + TRIPLE, q + TRIPLE, r + TRIPLE] += 1
                a, b = b, c
    pairs /= pairs.sum()
    triples /= triples.sum()


@kernel
def apart(values: NDArray[np.int32], others: NDArray[np.int32], shares: Floats) -> None:
    """Shares of the magnitudes of a difference of two pictures, (DISTANCES,)."""
    shares[:] = 0
    height, width = values.shape
    for y in range(height):
        for x in range(width):
            shares[BINS[abs(values[y, x] - others[y, x])]] += 1
    shares /= np.float32(height * width)


@kernel
def echoes(values: NDArray[np.int32], rows: int, most: int, found: NDArray[np.float64]) -> None:
    """Autocovariance of differences along rows; their mean, hardly any, is not taken out.

    Args:
        values: (height, width).
        rows: one below the other whose differences are summed.
        most: at which size these are cut before.
        found: to fill, for distances 0, 1, ...
    """
    height, count = values.shape[0], values.shape[1] - 1
    sums = np.zeros(count, np.int32)
    totals = np.zeros(len(found), np.int64)
    for y in range(height):
        for x in range(count):
            sums[x] += min(most, max(-most, values[y, x + 1] - values[y, x]))
        if y >= rows:
            for x in range(count):
                sums[x] -= min(most, max(-most, values[y - rows, x + 1] - values[y - rows, x]))
        if y >= rows - 1:
            for lag in range(len(found)):
                total = 0
                for x in range(count - lag):
                    total += sums[x] * sums[x + lag]
                totals[lag] += total
    for lag in range(len(found)):
        found[lag] = totals[lag] / ((height - rows + 1) * (count - lag))
