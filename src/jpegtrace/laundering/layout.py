"""Sizes that the statistics and their kernels share."""

from __future__ import annotations

LARGEST = 256  # side of a piece in pixels
SMALLEST = 128

SHIFTS = 8  # of a grid, down and across
FREQUENCIES = 64
STATISTICS = 4  # of each frequency on each grid: mean square, mean size, shares of sizes below NEAR and FAR
NEAR, FAR = 0.5, 1.5
LARGEST_SIZE = 64.0  # of a coefficient; larger ones count as this, so that few edges do not decide

BANDS = 3  # of frequencies whose energies in a block are added: row + column from 2, 5 and 9 on
BAND_FROM = (2, 5, 9)
BAND_STATISTICS = 2  # mean of the logarithm of a block's energy, and its mean square
LEAST_ENERGY = 0.5

TRIPLE = 3  # differences in a row are cut at it
RESIDUAL = 4  # residuals are cut at it
LEVELS = 8  # of activity
ACTIVITY_EDGES = (1, 2, 4, 8, 12, 20, 36)  # sums of the differences around a pixel between two levels
BORDER_STATISTICS = 2  # mean step between neighbours, mean second difference of steps
