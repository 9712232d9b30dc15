"""Evidence of a window: for every grid origin, frequency and step, how much the coefficients speak for it.

Evidence adds up over blocks, so that of a window is the sum over its blocks (apart from the scales b, which are those
of the window). All 64 origins are searched with some standard tables; the most promising are then asked about every
table of the library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError
from jpegtrace.lattice import _kernels
from jpegtrace.lattice.hypotheses import COLS, FREQUENCIES, ROWS, Library, full_library, search_library
from jpegtrace.lattice.lookup import lookup
from jpegtrace.lattice.noise import ROUNDING_DEVIATION, ROUNDING_VARIANCE, error_variances, laplacian_scales
from jpegtrace.lattice.transforms import by_frequency, shift_matrices

KEPT_ORIGINS = 8
KEPT_BY_STEPS = 2  # of them
ALIGNED_BOUND = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Evidence of one window.

    Attributes:
        origins: (k,) grid origins that were asked about every table, row * 8 + column; the aligned one, 0, first.
        ratio: float32 (k, frequencies, steps) log-likelihood ratios against "not quantized before".
        promise: the same, what a step would give if it were there.
        cost: (64,) mean cost of a block on each grid; 0 for the aligned one.
        scales: (frequencies,) Laplacian scales.
        zero_share: (frequencies,) share of coefficients that the last quantization set to 0.
        last: (frequencies,) steps of the last quantization.
        blocks: number of blocks of the last grid.
    """

    origins: NDArray[np.int64]
    ratio: NDArray[np.float32]
    promise: NDArray[np.float32]
    cost: NDArray[np.float64]
    scales: NDArray[np.float64]
    zero_share: NDArray[np.float64]
    last: NDArray[np.float64]
    blocks: int


def gather(
    blocks: NDArray[np.int16], last_table: NDArray[np.uint16], *, rounding: float = ROUNDING_VARIANCE
) -> Evidence:
    """Evidence of a window of the last compression.

    Args:
        blocks: int16 (rows, columns, 8, 8) quantized luma coefficients, at least 2 x 2 blocks.
        last_table: (8, 8) table of the last compression.
        rounding: variance of the rounding between the compressions.

    Raises:
        UsageError: fewer than 2 x 2 blocks.
    """
    if blocks.ndim != 4 or min(blocks.shape[:2]) < 2 or blocks.shape[2:] != (8, 8):
        raise UsageError(f"a window needs at least 2 x 2 blocks of 8 x 8, not an array of shape {blocks.shape}")
    table = last_table.astype(np.float64)
    values = (blocks * table).astype(np.float32)
    variances = error_variances(blocks, table)
    scales = np.ascontiguousarray(laplacian_scales(blocks, table)[ROWS, COLS])
    search, full = search_library(), full_library()
    everywhere = np.arange(64)
    found, _, cost = _shifted(values, variances, scales, everywhere, search, rounding)
    origins = _promising(found, search)
    ratio, promise, _ = _shifted(values, variances, scales, origins, full, rounding)
    _kernels.aligned_evidence(
        blocks, table, ROWS, COLS, full.steps, full.counts, scales, ROUNDING_DEVIATION, ALIGNED_BOUND,
        ratio[0], promise[0],
    )  # fmt: skip
    return Evidence(
        origins=origins,
        ratio=ratio,
        promise=promise,
        cost=cost,
        scales=scales,
        zero_share=(blocks == 0).mean((0, 1))[ROWS, COLS],
        last=table[ROWS, COLS],
        blocks=blocks.shape[0] * blocks.shape[1],
    )


def _promising(found: NDArray[np.float32], library: Library) -> NDArray[np.int64]:
    """The aligned origin, then those where a whole table of the library fits, then those where single steps do.

    A first table that is in no library fits none as a whole, but its steps stand out one by one.
    """
    as_table = found[:, np.arange(FREQUENCIES)[None, :], library.index].sum(axis=2).max(axis=1)
    by_steps = found.max(axis=2).clip(min=0).sum(axis=1)
    as_table[0] = by_steps[0] = np.inf
    ranked = np.argsort(-as_table, kind="stable")
    chosen = list(ranked[: KEPT_ORIGINS - KEPT_BY_STEPS])
    chosen += [o for o in np.argsort(-by_steps, kind="stable") if o not in chosen][:KEPT_BY_STEPS]
    return np.array(chosen, np.int64)


def _shifted(
    values: NDArray[np.float32],
    variances: NDArray[np.float32],
    scales: NDArray[np.float64],
    origins: NDArray[np.int64],
    library: Library,
    rounding: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    shape = (len(origins), FREQUENCIES, library.steps.shape[1])
    ratio, promise = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    cost = np.zeros(len(origins))
    tabulated = lookup()
    _kernels.shifted_evidence(
        by_frequency(values), by_frequency(variances), values.shape[0], *shift_matrices(), ROWS, COLS, origins,
        library.steps, library.counts, scales,
        rounding, tabulated.ratio, tabulated.expected, ratio, promise, cost,
    )  # fmt: skip
    return ratio, promise, cost
