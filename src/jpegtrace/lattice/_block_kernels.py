"""Evidence of single blocks for few pasts, over a whole picture; `_kernels` sums over a window and asks for many."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel
from jpegtrace.lattice._kernels import BLOCK, LOG_SCALE_LOW, LOG_VARIANCE_LOW, across_columns, aligned_ratio, down_rows
from jpegtrace.lattice.lookup import (
    PHASES,
    PHASES_PER_STEP,
    SCALES,
    SCALES_PER_UNIT,
    VARIANCES,
    VARIANCES_PER_UNIT,
)


@kernel
def shifted_blocks(
    values: NDArray[np.float32],
    variances: NDArray[np.float32],
    log_scales: NDArray[np.float32],
    shift: NDArray[np.float32],
    shift_squared: NDArray[np.float32],
    row: int,
    col: int,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    steps: NDArray[np.float32],
    rounding: float,
    ratio: NDArray[np.float32],
    evidence: NDArray[np.float32],
) -> None:
    """Log-likelihood ratios of tables with these steps (n, frequencies), block by block, on the grid (row, col).

    `values` and `variances` are (8, 8, blocks), see `_kernels`; `log_scales` is (rows, columns, frequencies), of the
    blocks of the last grid; that of the block in which the centre lies is taken. Written is `evidence`, (n, blocks
    down, blocks across) of the other grid.
    """
    high, frequencies = log_scales.shape[0], rows.size
    part, part_variance = np.empty_like(values), np.empty_like(variances)
    across = across_columns(values, shift, col, high, part)
    across_columns(variances, shift_squared, col, high, part_variance)
    moved = np.empty((frequencies, values.shape[2]), np.float32)
    noise = np.empty((frequencies, values.shape[2]), np.float32)
    down = down_rows(part, across, high, shift, row, rows, cols, moved) // max(across, 1)
    down_rows(part_variance, across, high, shift_squared, row, rows, cols, noise)
    many = steps.shape[0]
    per_unit, rounding32 = np.float32(VARIANCES_PER_UNIT), np.float32(rounding)
    log_steps = np.log(steps)
    inverse = np.float32(1) / steps
    lower, right = (1 if row >= 4 else 0), (1 if col >= 4 else 0)
    for i in range(down):
        for j in range(across):
            for k in range(many):
                evidence[k, i, j] = 0
            for f in range(frequencies):
                size = abs(moved[f, i * across + j])
                t = noise[f, i * across + j] + rounding32
                log_variance = np.float32(math.log(t))
                log_scale = log_scales[i + lower, j + right, f]
                for k in range(many):
                    level = (log_variance - np.float32(2) * log_steps[k, f] - np.float32(LOG_VARIANCE_LOW)) * per_unit
                    if level >= np.float32(VARIANCES):
                        continue
                    scale = SCALES
                    if f > 0:
                        scale = int(
                            (log_scale - log_steps[k, f] - np.float32(LOG_SCALE_LOW)) * np.float32(SCALES_PER_UNIT)
                        )
                        scale = min(max(scale, 0), SCALES - 1)
                    place = int(max(level, np.float32(0)))
                    x = size * inverse[k, f]
                    x = x - max(np.floor(x - np.float32(0.5)), np.float32(0))
                    phase = min(int(x * np.float32(PHASES_PER_STEP)), PHASES - 1)
                    evidence[k, i, j] += ratio[scale * BLOCK + place * PHASES + phase]


@kernel
def aligned_blocks(
    blocks: NDArray[np.int16],
    last: NDArray[np.float64],
    log_scales: NDArray[np.float32],
    levels: NDArray[np.float64],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    steps: NDArray[np.float32],
    deviation: float,
    bound: float,
    evidence: NDArray[np.float32],
) -> None:
    """The same on the last grid itself; scales are rounded to `levels`, logarithms in equal steps."""
    largest = np.int64(0)
    for value in blocks.ravel():
        largest = max(largest, np.int64(abs(np.int64(value))))
    known = np.empty((levels.size, largest + 1), np.float64)
    stamp = np.full(known.shape, -1, np.int64)
    spacing = levels[1] - levels[0]
    evidence[:] = 0
    for k in range(steps.shape[0]):
        for f in range(rows.size):
            mark = k * rows.size + f
            q1, q2 = float(steps[k, f]), last[rows[f], cols[f]]
            for i in range(blocks.shape[0]):
                for j in range(blocks.shape[1]):
                    m = np.int64(abs(np.int64(blocks[i, j, rows[f], cols[f]])))
                    level = int((log_scales[i, j, f] - levels[0]) / spacing + 0.5)
                    level = min(max(level, 0), levels.size - 1)
                    if stamp[level, m] != mark:
                        scale = math.exp(levels[level])
                        known[level, m] = aligned_ratio(int(m), q1, q2, scale, deviation, bound, f == 0)
                        stamp[level, m] = mark
                    evidence[k, i, j] += known[level, m]
