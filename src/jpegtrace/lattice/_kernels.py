"""Kernels of the lattice engine: transforms to another grid origin, and evidence for steps.

Coefficients are float32, (8, 8, blocks): frequency by frequency, so that many blocks are worked off at a time. An
origin is row * 8 + column of the first grid.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import fast_kernel, kernel
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
LOG2_PER_UNIT = VARIANCES_PER_UNIT * math.log(2)
NORMAL_REACH, NORMAL_PER_UNIT = 6.0, 256.0
NORMAL = np.array([0.5 * math.erfc((NORMAL_REACH - k / NORMAL_PER_UNIT) / math.sqrt(2)) for k in range(12 * 256 + 1)])
BLOCK = (VARIANCES + 1) * PHASES


@fast_kernel
def across_columns(
    values: NDArray[np.float32],
    shift: NDArray[np.float32],
    col: int,
    high: int,
    out: NDArray[np.float32],
) -> int:
    """X T_col' for every row of blocks; returns how many blocks across are left.

    `values` is (8, 8, blocks), frequency by frequency over all blocks, row by row, `high` rows of them; so is `out`.
    """
    blocks: int = values.shape[2]
    wide = blocks // high
    across = wide - 1 if col > 0 else wide
    line = np.empty(blocks, np.float32)
    for u in range(8):
        for v in range(8):
            line[:] = 0
            for b in range(8):
                s = shift[col, v, b]
                for n in range(blocks):
                    line[n] += values[u, b, n] * s
            if col > 0:
                # The last block of a row gets a wrong neighbour here, and is left out below.
                for b in range(8):
                    s = shift[col, v, 8 + b]
                    for n in range(blocks - 1):
                        line[n] += values[u, b, n + 1] * s
            for i in range(high):
                for j in range(across):
                    out[u, v, i * across + j] = line[i * wide + j]
    return across


@fast_kernel
def down_rows(
    part: NDArray[np.float32],
    across: int,
    high: int,
    shift: NDArray[np.float32],
    row: int,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    out: NDArray[np.float32],
) -> int:
    """T_row X of what `across_columns` made, at the frequencies (rows, cols); returns the number of blocks.

    `out` is (frequencies, blocks).
    """
    count = across * (high - 1 if row > 0 else high)
    for f in range(rows.size):
        u, v = rows[f], cols[f]
        out[f, :count] = 0
        for a in range(8):
            s = shift[row, u, a]
            for n in range(count):
                out[f, n] += part[a, v, n] * s
        if row > 0:
            for a in range(8):
                s = shift[row, u, 8 + a]
                for n in range(count):
                    out[f, n] += part[a, v, n + across] * s
    return count


@fast_kernel
def _prepare(
    values: NDArray[np.float32],
    variances: NDArray[np.float32],
    rounding: np.float32,
    n: int,
    size: NDArray[np.float32],
    place: NDArray[np.float32],
    spent: NDArray[np.float64],
) -> float:
    """Magnitudes and log variances (in units of the table) of one frequency; returns the sum of these.

    `spent` is multiplied by what each coefficient costs.
    """
    total = np.float32(0)
    for i in range(n):
        variances[i] += rounding
        size[i] = abs(values[i])
        spent[i] *= 1 + size[i] / math.sqrt(variances[i])
    # The logarithm from the bits of the number: exponent, and a polynomial in the mantissa (error below 1e-4).
    bits = variances.view(np.int32)
    for i in range(n):
        exponent = np.float32((bits[i] >> 23) - 127)
        bits[i] = (bits[i] & 0x7FFFFF) | 0x3F800000
        m = variances[i]
        log2 = np.float32(-0.40486717) + m * np.float32(0.04342891)
        log2 = np.float32(-3.49249428) + m * (np.float32(1.59390136) + m * log2)
        log2 = np.float32(-2.78681295) + m * (np.float32(5.04687604) + m * log2)
        place[i] = (exponent + log2) * np.float32(LOG2_PER_UNIT)
        total += place[i]
    return float(total)


@fast_kernel
def _sum_of_ratios(
    size: NDArray[np.float32],
    place: NDArray[np.float32],
    n: int,
    inverse: float,
    offset: float,
    ratio: NDArray[np.float32],
) -> float:
    total = np.float32(0)
    for i in range(n):
        level = min(max(place[i] - offset, np.float32(0)), np.float32(VARIANCES))
        t = size[i] * inverse
        t = t - max(np.floor(t - np.float32(0.5)), np.float32(0))
        phase = min(np.int32(t * np.float32(PHASES_PER_STEP)), np.int32(PHASES - 1))
        total += ratio[np.int32(level) * np.int32(PHASES) + phase]
    return float(total)


@kernel
def shifted_evidence(
    values: NDArray[np.float32],
    variances: NDArray[np.float32],
    high: int,
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

    The shift to an origin is linear and separable, T_row X T_col', and so is that of the variances,
    (T_row o T_row) V (T_col o T_col)'. `values` and `variances` are (8, 8, blocks), `high` rows of blocks. `steps`
    (frequencies, n) rise, and `counts` says how many there are; `scales` are the Laplacian ones, `rounding` the
    variance of the rounding between the compressions, `ratio` and `expected` the tables of `lookup`. Written are
    `evidence` (origins, frequencies, n), `promise`, what each step would give if it were there, and `cost` (origins,),
    the mean of sum log(1 + |D|/sqrt(V)) over a block.
    """
    frequencies = rows.size
    blocks = values.shape[2]
    part, part_variance = np.empty_like(values), np.empty_like(variances)
    out = np.empty((frequencies, blocks), np.float32)
    noise = np.empty((frequencies, blocks), np.float32)
    spent = np.empty(blocks, np.float64)
    most = steps.shape[1]
    inverse = np.empty((frequencies, most), np.float32)
    offset = np.empty((frequencies, most), np.float32)
    base = np.empty((frequencies, most), np.int32)
    for f in range(frequencies):
        for k in range(counts[f]):
            inverse[f, k] = 1.0 / steps[f, k]
            offset[f, k] = (2 * math.log(steps[f, k]) + LOG_VARIANCE_LOW) * VARIANCES_PER_UNIT
            scale = int((math.log(scales[f] / steps[f, k]) - LOG_SCALE_LOW) * SCALES_PER_UNIT)
            base[f, k] = (SCALES if f == 0 else min(max(scale, 0), SCALES - 1)) * BLOCK
    size, place = np.empty(blocks, np.float32), np.empty(blocks, np.float32)
    for col in range(8):
        across = 0
        for index in range(origins.size):
            origin = origins[index]
            if origin == 0 or origin % 8 != col:
                continue
            if across == 0:
                across = across_columns(values, shift, col, high, part)
                across_columns(variances, shift_squared, col, high, part_variance)
            n = down_rows(part, across, high, shift, origin // 8, rows, cols, out)
            down_rows(part_variance, across, high, shift_squared, origin // 8, rows, cols, noise)
            spent[:n] = 1
            for f in range(frequencies):
                log_noise = _prepare(out[f], noise[f], np.float32(rounding), n, size, place, spent)
                for k in range(counts[f]):
                    evidence[index, f, k] = _sum_of_ratios(
                        size, place, n, inverse[f, k], offset[f, k], ratio[base[f, k] : base[f, k] + BLOCK]
                    )
                    level = log_noise / max(n, 1) - offset[f, k]
                    if level < VARIANCES:
                        promise[index, f, k] = n * expected[base[f, k] // BLOCK, max(int(level), 0)]
            cost[index] = np.log(spent[:n]).sum() / max(n, 1)


@kernel
def _normal(x: float) -> float:
    """Phi(x), between tabulated values."""
    place = (x + NORMAL_REACH) * NORMAL_PER_UNIT
    if place <= 0:
        return 0.0
    if place >= NORMAL.size - 1:
        return 1.0
    k = int(place)
    low: float = NORMAL[k]
    return low + (place - k) * float(NORMAL[k + 1] - low)


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
def aligned_ratio(m: int, q1: float, q2: float, scale: float, deviation: float, bound: float, flat: bool) -> float:
    """Log-likelihood ratio log P(m | q1) / P(m) of a value m of the last grid.

    P(m | q1) = sum_k P_k [Phi(((m + 1/2) q2 - k q1) / s) - Phi(((m - 1/2) q2 - k q1) / s)]
    """
    low, high = (m - 0.5) * q2, (m + 0.5) * q2
    width = q1 / scale
    outer = math.sinh(min(0.5 * width, 300.0))
    here = 0.0
    for k in range(math.floor((low - 4 * deviation) / q1), math.ceil((high + 4 * deviation) / q1) + 1):
        share = _normal((high - k * q1) / deviation) - _normal((low - k * q1) / deviation)
        if share == 0:
            continue
        if flat:
            here += share * q1
        elif k == 0:
            here += share * (1 - math.exp(-0.5 * width))
        else:
            here += share * math.exp(-abs(k) * width) * outer
    smooth = _mass(m, q2, scale, flat)
    return max(math.log(here + 1e-6 * smooth + 1e-30) - math.log(smooth + 1e-30), -bound)


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
    promise: NDArray[np.float32],
) -> None:
    """The same for one grid, where the last quantization is known exactly: see `aligned_ratio`.

    `evidence` and `promise` are (frequencies, n), written; what a step would give if it were there is the mean of
    log P(m | q1) / P(m) under P(m | q1), estimated from the values of the window by weighting them with that ratio.
    """
    largest = 1 << 15
    values, odds = np.empty(largest + 1, np.float64), np.empty(largest + 1, np.float64)
    stamp = np.full(largest + 1, -1, np.int64)
    for f in range(rows.size):
        q2 = last[rows[f], cols[f]]
        flat = f == 0
        for k in range(counts[f]):
            q1 = float(steps[f, k])
            mark = f * steps.shape[1] + k
            total = there = weights = 0.0
            for i in range(blocks.shape[0]):
                for j in range(blocks.shape[1]):
                    m = abs(np.int64(blocks[i, j, rows[f], cols[f]]))
                    if stamp[m] != mark:
                        values[m] = aligned_ratio(m, q1, q2, scales[f], deviation, bound, flat)
                        odds[m] = math.exp(values[m])
                        stamp[m] = mark
                    total += values[m]
                    there += odds[m] * values[m]
                    weights += odds[m]
            evidence[f, k] = total
            promise[f, k] = blocks.shape[0] * blocks.shape[1] * there / weights


@kernel
def smooth_path(
    gain: NDArray[np.float32], steps: NDArray[np.float32], counts: NDArray[np.int64], smoothness: float
) -> NDArray[np.int64]:
    """Place of a step at every frequency: most gain, less `smoothness` times the jumps of its logarithm (Viterbi)."""
    frequencies, most = gain.shape
    best = np.zeros(most)
    back = np.zeros((frequencies, most), np.int64)
    logs = np.log(steps.astype(np.float64))
    for k in range(counts[0]):
        best[k] = gain[0, k]
    for f in range(1, frequencies):
        reached = np.full(most, -np.inf)
        for k in range(counts[f]):
            for j in range(counts[f - 1]):
                score = best[j] - smoothness * abs(logs[f, k] - logs[f - 1, j])
                if score > reached[k]:
                    reached[k] = score
                    back[f, k] = j
            reached[k] += gain[f, k]
        best = reached
    path = np.empty(frequencies, np.int64)
    path[frequencies - 1] = best[: counts[frequencies - 1]].argmax()
    for f in range(frequencies - 1, 0, -1):
        path[f - 1] = back[f, path[f]]
    return path
