"""Kernels of the lattice engine: transforms to another grid origin, and evidence for steps.

Arrays of blocks are (rows, columns, 8, 8), float32; an origin is row * 8 + column of the first grid.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel
from jpegtrace.lattice.lookup import (
    LOG_SCALE,
    LOG_VARIANCE,
    PHASES,
    PHASES_PER_STEP,
    SCALES,
    SCALES_PER_UNIT,
    VARIANCES,
    VARIANCES_PER_UNIT,
)

LOG_VARIANCE_LOW = LOG_VARIANCE[0]
LOG_SCALE_LOW = LOG_SCALE[0]
BLOCK = VARIANCES * PHASES


@kernel
def to_origin(
    values: NDArray[np.float32],
    variances: NDArray[np.float32],
    shift: NDArray[np.float32],
    shift_squared: NDArray[np.float32],
    row: int,
    col: int,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    out: NDArray[np.float32],
    out_variances: NDArray[np.float32],
) -> int:
    """Coefficients and their noise variances on the grid with origin (row, col); returns the number of blocks.

    The shift is linear and separable, T_row X T_col', and so is the variance, (T_row o T_row) V (T_col o T_col)'.
    Only the frequencies (rows, cols) are made; `out` is (frequencies, blocks).
    """
    high, wide = values.shape[:2]
    down, across = (high - 1 if row > 0 else high), (wide - 1 if col > 0 else wide)
    part = np.empty((16, 8), np.float32)
    part_variance = np.empty((16, 8), np.float32)
    taps = 16 if row > 0 else 8
    count = 0
    for i in range(down):
        for j in range(across):
            for a in range(taps):
                block_row = i + a // 8
                u = a % 8
                for v in range(8):
                    s = np.float32(0)
                    t = np.float32(0)
                    for b in range(8):
                        s += values[block_row, j, u, b] * shift[col, v, b]
                        t += variances[block_row, j, u, b] * shift_squared[col, v, b]
                    if col > 0:
                        for b in range(8):
                            s += values[block_row, j + 1, u, b] * shift[col, v, 8 + b]
                            t += variances[block_row, j + 1, u, b] * shift_squared[col, v, 8 + b]
                    part[a, v] = s
                    part_variance[a, v] = t
            for f in range(rows.size):
                s = np.float32(0)
                t = np.float32(0)
                for a in range(taps):
                    s += part[a, cols[f]] * shift[row, rows[f], a]
                    t += part_variance[a, cols[f]] * shift_squared[row, rows[f], a]
                out[f, count] = s
                out_variances[f, count] = t
            count += 1
    return count


@kernel
def shifted_evidence(
    values: NDArray[np.float32],
    variances: NDArray[np.float32],
    shift: NDArray[np.float32],
    shift_squared: NDArray[np.float32],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    origins: NDArray[np.int64],
    steps: NDArray[np.float32],
    counts: NDArray[np.int64],
    scales: NDArray[np.float64],
    rounding: float,
    ratio: NDArray[np.float32],
    expected: NDArray[np.float32],
    evidence: NDArray[np.float32],
    promise: NDArray[np.float32],
    cost: NDArray[np.float64],
) -> None:
    """Sum the log-likelihood ratios of every step, frequency and origin over the blocks; origin 0 is left out.

    `steps` (frequencies, n) rise, and `counts` says how many there are; `scales` are the Laplacian ones, `rounding` the
    variance of the rounding between the compressions, `ratio` and `expected` the tables of `lookup`. Written are
    `evidence` (origins, frequencies, n), `promise`, what each step would give if it were there, and `cost` (origins,),
    the mean of sum log(1 + |D|/sqrt(V)) over a block.
    """
    frequencies = rows.size
    blocks = values.shape[0] * values.shape[1]
    out = np.empty((frequencies, blocks), np.float32)
    noise = np.empty((frequencies, blocks), np.float32)
    most = steps.shape[1]
    inverse = np.empty((frequencies, most), np.float32)
    offset = np.empty((frequencies, most), np.float32)
    base = np.empty((frequencies, most), np.int32)
    per_unit = np.float32(VARIANCES_PER_UNIT)
    for f in range(frequencies):
        for k in range(counts[f]):
            inverse[f, k] = 1.0 / steps[f, k]
            offset[f, k] = (2 * math.log(steps[f, k]) + LOG_VARIANCE_LOW) * VARIANCES_PER_UNIT
            scale = int((math.log(scales[f] / steps[f, k]) - LOG_SCALE_LOW) * SCALES_PER_UNIT)
            base[f, k] = (SCALES if f == 0 else min(max(scale, 0), SCALES - 1)) * BLOCK
    total = np.empty(most, np.float32)
    for index in range(origins.size):
        origin = origins[index]
        if origin == 0:
            continue
        n = to_origin(values, variances, shift, shift_squared, origin // 8, origin % 8, rows, cols, out, noise)
        spent = 0.0
        for f in range(frequencies):
            many = counts[f]
            total[:] = 0
            log_noise = np.float32(0)
            for i in range(n):
                variance = noise[f, i] + np.float32(rounding)
                size = abs(out[f, i])
                log_variance = math.log(variance)
                log_noise += log_variance
                spent += math.log(np.float32(1) + size / math.sqrt(variance))
                place = np.float32(log_variance * per_unit)
                first = 0
                # Steps that are small against the noise say nothing.
                while first < many and place - offset[f, first] >= np.float32(VARIANCES):
                    first += 1
                for k in range(first, many):
                    level = max(place - offset[f, k], np.float32(0))
                    t = size * inverse[f, k]
                    t = t - max(np.floor(t - np.float32(0.5)), np.float32(0))
                    phase = min(np.int32(t * np.float32(PHASES_PER_STEP)), np.int32(PHASES - 1))
                    total[k] += ratio[base[f, k] + np.int32(level) * np.int32(PHASES) + phase]
            for k in range(many):
                evidence[index, f, k] = total[k]
                level = log_noise / max(n, 1) * per_unit - offset[f, k]
                if level < VARIANCES:
                    promise[index, f, k] = n * expected[base[f, k] // BLOCK, max(int(level), 0)]
        cost[index] = spent / max(n, 1)


@kernel
def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / 1.4142135623730951)


@kernel
def _mass(k: int, step: float, scale: float, flat: bool) -> float:
    """Prior mass of bin k of a lattice."""
    if flat:
        return step
    if k == 0:
        return 1 - math.exp(-0.5 * step / scale)
    if abs(k) * step / scale > 600:
        return 0.0
    return math.exp(-abs(k) * step / scale) * math.sinh(min(0.5 * step / scale, 300.0))


@kernel
def aligned_evidence(
    blocks: NDArray[np.int16],
    last: NDArray[np.float64],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    steps: NDArray[np.float32],
    counts: NDArray[np.int64],
    scales: NDArray[np.float64],
    deviation: float,
    bound: float,
    evidence: NDArray[np.float32],
) -> None:
    """The same for one grid, where the last quantization is known exactly.

    P(m | q1) = sum_k P_k [Phi(((m + 1/2) q2 - k q1) / s) - Phi(((m - 1/2) q2 - k q1) / s)]

    against the mass of bin m without a first quantization. `evidence` is (frequencies, n), written.
    """
    largest = 1 << 15
    values = np.empty(largest + 1, np.float64)
    stamp = np.full(largest + 1, -1, np.int64)
    for f in range(rows.size):
        q2 = last[rows[f], cols[f]]
        flat = f == 0
        for k in range(counts[f]):
            q1 = float(steps[f, k])
            mark = f * steps.shape[1] + k
            total = 0.0
            for i in range(blocks.shape[0]):
                for j in range(blocks.shape[1]):
                    m = abs(np.int64(blocks[i, j, rows[f], cols[f]]))
                    if stamp[m] != mark:
                        low, high = (m - 0.5) * q2, (m + 0.5) * q2
                        here = 0.0
                        for bin_ in range(
                            math.floor((low - 4 * deviation) / q1), math.ceil((high + 4 * deviation) / q1) + 1
                        ):
                            share = _normal((high - bin_ * q1) / deviation) - _normal((low - bin_ * q1) / deviation)
                            here += share * _mass(bin_, q1, scales[f], flat)
                        smooth = _mass(m, q2, scales[f], flat)
                        values[m] = max(math.log(here + 1e-6 * smooth + 1e-30) - math.log(smooth + 1e-30), -bound)
                        stamp[m] = mark
                    total += values[m]
            evidence[f, k] = total
