"""Kernels of the pixel engine: blocks on any grid, and what they say for every step.

Coefficients are float32 (blocks, 64) in zigzag order. An origin is row * 8 + column of the grid, 0..7 each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import fast_kernel, kernel
from jpegtrace.pixels.noise import (
    ALONG_COLUMNS,
    ALONG_ROWS,
    BAD,
    CLIPPED,
    CONSTANT,
    FEW,
    FLOOR,
    LOG_SCALE,
    PER_SIGMA,
    PHASES_PER_STEP,
    REACH,
    SCALES,
    SPARSE,
    STEP,
    TEXTURED,
    TOUCHED,
)

LOG_SCALE_LOW = LOG_SCALE[0]
SCALES_PER_UNIT = (SCALES - 1) / (LOG_SCALE[1] - LOG_SCALE[0])
LEAST_MEAN = 0.05  # of a frequency's magnitudes: below it there is nothing but noise
NOTHING = -1e-3  # nats
SAME = np.float32(1.0)  # of a coefficient, up to which two blocks are the same
MOST_LOCAL = 50.0  # times that a block may be busier than its window


@kernel
def _kind(block: NDArray[np.float32], place: int) -> int:
    """Whether neighbouring pixels differ, see `noise`; `place` is the block's row in (blocks, 64)."""
    across, down = 0, 0
    for i in range(8):
        for j in range(7):
            across += abs(block[place, i * 8 + j + 1] - block[place, i * 8 + j]) > STEP
            down += abs(block[place, (j + 1) * 8 + i] - block[place, j * 8 + i]) > STEP
    if across <= FEW * 56 and down <= FEW * 56:
        return CONSTANT
    if across <= FEW * 56:
        return ALONG_ROWS
    if down <= FEW * 56:
        return ALONG_COLUMNS
    return SPARSE if across + down < 56 else TEXTURED


@fast_kernel
def read_blocks(
    values: NDArray[np.float32],
    clipped: NDArray[np.uint8],
    top: int,
    left: int,
    rows: int,
    cols: int,
    transform: NDArray[np.float32],
    found: NDArray[np.float32],
    kinds: NDArray[np.int64],
    repeats: NDArray[np.bool_],
    busyness: NDArray[np.float32],
) -> None:
    """Coefficients of rows x cols blocks from (top, left) on, their kinds, and how busy they are.

    Blocks that reach beyond the picture or hold many clipped pixels are `BAD`; `repeats` marks blocks that are the
    same as the one before or above: the same numbers again are no further evidence. `transform` is (64 pixels, 64
    frequencies).
    """
    height, width = values.shape
    pixels = np.empty((rows * cols, 64), np.float32)
    for i in range(rows):
        for j in range(cols):
            n = i * cols + j
            y, x = top + 8 * i, left + 8 * j
            kinds[n] = BAD
            repeats[n] = False
            pixels[n] = 0
            if y < 0 or x < 0 or y + 8 > height or x + 8 > width:
                continue
            lost = 0
            for a in range(8):
                for b in range(8):
                    lost += clipped[y + a, x + b]
                    pixels[n, a * 8 + b] = values[y + a, x + b] - np.float32(128)
            if lost == 0:
                kinds[n] = _kind(pixels, n)
            elif lost <= CLIPPED:
                kinds[n] = TOUCHED
    found[:] = np.dot(pixels, transform)
    for i in range(rows):
        for j in range(cols):
            n = i * cols + j
            total = np.float32(0)
            for f in range(1, 64):
                total += abs(found[n, f])
            busyness[n] = total / np.float32(63)
            for other in (n - 1 if j > 0 else -1, n - cols):
                if other >= 0 and kinds[other] != BAD and _alike(found, n, other):
                    repeats[n] = True


@kernel
def _alike(found: NDArray[np.float32], one: int, other: int) -> bool:
    """Whether two blocks are the same but for what differs by rounding."""
    for f in range(64):  # noqa: SIM110 - compiled
        if abs(found[one, f] - found[other, f]) >= SAME:
            return False
    return True


@kernel
def scales_of(
    found: NDArray[np.float32], kinds: NDArray[np.int64], busyness: NDArray[np.float32], scales: NDArray[np.float64]
) -> float:
    """Mean magnitude of every frequency over the blocks that can be used; returns the mean of their busyness."""
    scales[:] = 0
    count, busy = 0, 0.0
    for n in range(kinds.size):
        if kinds[n] != BAD:
            count += 1
            busy += busyness[n]
            for f in range(64):
                scales[f] += abs(found[n, f])
    for f in range(64):
        scales[f] = max(scales[f] / max(count, 1), LEAST_MEAN)
    return busy / max(count, 1)


@kernel
def sum_evidence(
    found: NDArray[np.float32],
    kinds: NDArray[np.int64],
    repeats: NDArray[np.bool_],
    busyness: NDArray[np.float32],
    first: int,
    stop: int,
    scales: NDArray[np.float64],
    usual: float,
    level: NDArray[np.int64],
    variances: NDArray[np.float32],
    zero: NDArray[np.float32],
    small: NDArray[np.float32],
    mean: NDArray[np.float32],
    crowded: NDArray[np.int64],
    within: NDArray[np.float32],
    steps: NDArray[np.float32],
    log_steps: NDArray[np.float32],
    counts: NDArray[np.int64],
    evidence: NDArray[np.float32],
) -> None:
    """Sum the log-likelihood ratios of every step over the blocks first..stop - 1, (64, steps).

    `scales` are the Laplacian scales of the window that the blocks are part of, `usual` its mean busyness; a block's
    own scales are larger or smaller as it is busier or quieter. The tables are those of `noise.NoiseModel`, the steps
    those of a library, whole and in rising order, with their logarithms.
    """
    most = steps.shape[1]
    here = np.empty(most, np.float32)
    falls, falling = np.empty(most + 1, np.float32), np.zeros((SCALES, most + 1), np.int64)
    many_falling = np.zeros(SCALES, np.int64)
    local = np.empty(stop - first, np.float64)
    low = np.float32(FLOOR)
    halves = np.float32(0.5) / variances
    rests = (-0.5 * np.log(2 * math.pi * variances)).astype(np.float32)
    roots = np.sqrt(np.float32(1) / variances) * np.float32(PER_SIGMA)
    for n in range(first, stop):
        share = (busyness[n] + 0.1) / (usual + 0.1)
        local[n - first] = math.log(min(max(share, 0.02), MOST_LOCAL))
    for f in range(64):
        many = counts[f]
        here[:many] = 0
        falls[: many + 1] = 0
        lowest, highest = SCALES, -1
        log_scale = math.log(scales[f]) - LOG_SCALE_LOW
        row = f > 0 and _row_only(f)
        col = f > 0 and _column_only(f)
        for n in range(first, stop):
            kind = kinds[n]
            if kind == BAD or repeats[n]:
                continue
            if f > 0 and (kind == CONSTANT or (kind == ALONG_ROWS and not col) or (kind == ALONG_COLUMNS and not row)):
                continue  # nothing is there, on any lattice
            v = level[kind, f]
            size = abs(found[n, f])
            half, rest = halves[v], rests[v]
            if f == 0:
                for k in range(many):
                    q = steps[f, k]
                    r = abs(size - q * np.floor(size / q + np.float32(0.5)))
                    if q <= crowded[v]:
                        place = min(int(r / q * PHASES_PER_STEP), PHASES_PER_STEP // 2 - 1)
                        here[k] += mean[v, int(q) - 1, place]
                    else:
                        here[k] += max(log_steps[f, k] + rest - r * r * half, low)
                continue
            s = int((log_scale + local[n - first]) * SCALES_PER_UNIT + 0.5)
            s = min(max(s, 0), SCALES - 1)
            k = 0
            while k < many:
                q = steps[f, k]
                if q <= crowded[v]:
                    t = size / q
                    t = t - max(np.floor(t - np.float32(0.5)), np.float32(0))
                    here[k] += small[v, int(q) - 1, s, min(int(t * PHASES_PER_STEP), PHASES_PER_STEP * 3 // 2 - 1)]
                elif q > 2 * size:
                    break
                else:
                    r = size - q * np.floor(size / q + np.float32(0.5))
                    here[k] += max(log_steps[f, k] + rest - r * r * half, low)
                k += 1
            place = int(size * roots[v])
            falls[k] += zero[v, s, place] if place < PER_SIGMA * REACH else FLOOR
            falling[s, k] += 1
            many_falling[s] += 1
            lowest, highest = min(lowest, s), max(highest, s)
        total = np.float32(0)
        for k in range(many):
            total += falls[k]
            here[k] += total
        for s in range(lowest, highest + 1):
            if many_falling[s] == 0:
                continue
            count = 0
            for k in range(many):
                count += falling[s, k]
                falling[s, k] = 0
                mass = within[s, int(steps[f, k])]
                here[k] += count * mass
                # As steps rise the zero bin holds all.
                if mass > NOTHING and count == many_falling[s]:
                    break
            falling[s, many] = 0
            many_falling[s] = 0
        for k in range(many):
            evidence[f, k] = here[k]


@kernel
def _row_only(f: int) -> bool:
    """Whether a zigzag place is in the first row of the table."""
    return f in (1, 5, 6, 14, 15, 27, 28)


@kernel
def _column_only(f: int) -> bool:
    """Whether it is in the first column."""
    return f in (2, 3, 9, 10, 20, 21, 35)


@kernel
def table_scores(
    evidence: NDArray[np.float32], index: NDArray[np.int64], first: int, stop: int, scores: NDArray[np.float32]
) -> None:
    """Sum over frequencies first..stop - 1 for each table; `index` (tables, 64) is where its steps are."""
    for t in range(index.shape[0]):
        total = np.float32(0)
        for f in range(first, stop):
            total += evidence[f, index[t, f]]
        scores[t] = total


@kernel
def scores_everywhere(
    values: NDArray[np.float32],
    clipped: NDArray[np.uint8],
    top: int,
    left: int,
    rows: int,
    cols: int,
    origins: NDArray[np.int64],
    transform: NDArray[np.float32],
    level: NDArray[np.int64],
    variances: NDArray[np.float32],
    zero: NDArray[np.float32],
    small: NDArray[np.float32],
    mean: NDArray[np.float32],
    crowded: NDArray[np.int64],
    within: NDArray[np.float32],
    steps: NDArray[np.float32],
    log_steps: NDArray[np.float32],
    counts: NDArray[np.int64],
    index: NDArray[np.int64],
    scores: NDArray[np.float32],
    scale_sums: NDArray[np.float64],
    used: NDArray[np.int64],
    telling: NDArray[np.int64],
) -> None:
    """Look at a window of rows x cols blocks on each of these grid origins.

    On every grid the blocks whose centre lies in the window are taken. Written are `scores` (origins, tables),
    `scale_sums`, sums of the logarithms of the scales, `used` and `telling`, numbers of blocks that are not `BAD` and
    of those that are not constant either.
    """
    blocks = rows * cols
    found = np.empty((blocks, 64), np.float32)
    kinds = np.empty(blocks, np.int64)
    repeats = np.empty(blocks, np.bool_)
    busyness = np.empty(blocks, np.float32)
    scales = np.empty(64, np.float64)
    evidence = np.zeros((64, steps.shape[1]), np.float32)
    for o in range(origins.size):
        row, col = origins[o] // 8, origins[o] % 8
        y = top - 4 + (row - top + 4) % 8
        x = left - 4 + (col - left + 4) % 8
        read_blocks(values, clipped, y, x, rows, cols, transform, found, kinds, repeats, busyness)
        usual = scales_of(found, kinds, busyness, scales)
        used[o], telling[o] = 0, 0
        for n in range(blocks):
            used[o] += kinds[n] != BAD
            telling[o] += kinds[n] > CONSTANT
        scale_sums[o] = 0.0
        for f in range(1, 64):
            scale_sums[o] += math.log(scales[f])
        sum_evidence(
            found, kinds, repeats, busyness, 0, blocks, scales, usual,
            level, variances, zero, small, mean, crowded, within, steps, log_steps, counts, evidence,
        )  # fmt: skip
        table_scores(evidence, index, 0, 64, scores[o])


@kernel
def scores_of_blocks(
    values: NDArray[np.float32],
    clipped: NDArray[np.uint8],
    top: int,
    left: int,
    rows: int,
    cols: int,
    transform: NDArray[np.float32],
    level: NDArray[np.int64],
    variances: NDArray[np.float32],
    zero: NDArray[np.float32],
    small: NDArray[np.float32],
    mean: NDArray[np.float32],
    crowded: NDArray[np.int64],
    within: NDArray[np.float32],
    steps: NDArray[np.float32],
    log_steps: NDArray[np.float32],
    counts: NDArray[np.int64],
    index: NDArray[np.int64],
    bound: float,
    scores: NDArray[np.float32],
    kinds: NDArray[np.int64],
) -> None:
    """Scores of tables for every block from (top, left) on, (tables, blocks), and their kinds.

    None is beyond `bound`: all tables of a block are lowered alike, so that the best ones stay apart. A block that was
    clipped in places does not speak against a table.
    """
    blocks = rows * cols
    found = np.empty((blocks, 64), np.float32)
    repeats = np.empty(blocks, np.bool_)
    busyness = np.empty(blocks, np.float32)
    scales = np.empty(64, np.float64)
    evidence = np.zeros((64, steps.shape[1]), np.float32)
    one = np.empty(index.shape[0], np.float32)
    read_blocks(values, clipped, top, left, rows, cols, transform, found, kinds, repeats, busyness)
    usual = scales_of(found, kinds, busyness, scales)
    for n in range(blocks):
        if kinds[n] == BAD:
            scores[:, n] = 0
            continue
        sum_evidence(
            found, kinds, repeats, busyness, n, n + 1, scales, usual,
            level, variances, zero, small, mean, crowded, within, steps, log_steps, counts, evidence,
        )  # fmt: skip
        table_scores(evidence, index, 0, 64, one)
        least = np.float32(0) if kinds[n] == TOUCHED else np.float32(-bound)
        beyond = max(one.max() - np.float32(bound), np.float32(0))
        for t in range(one.size):
            scores[t, n] = max(one[t] - beyond, least)
