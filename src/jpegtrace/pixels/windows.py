"""One window of decoded pixels on every grid: which one it was compressed on, and with which table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from jpegtrace.jpeg import dct_matrix
from jpegtrace.lattice.hypotheses import Library
from jpegtrace.pixels import _kernels
from jpegtrace.pixels.hypotheses import log_steps
from jpegtrace.pixels.luma import Luma
from jpegtrace.pixels.noise import noise_model
from jpegtrace.tables import ZIGZAG

EVERYWHERE = np.arange(64)
CHEAPER = 0.3  # weight of how much cheaper a grid's coefficients are than those of others
BEYOND = 4.0  # deviations of the others, by which it must be cheaper to count
LEAST_USED = 0.2  # share of blocks on a grid that must be free of clipping for it to be judged


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a window says.

    Attributes:
        scores: float32 (origins, tables), log-likelihood ratios of tables against "never quantized".
        cheaper: float64 (origins,), how much further a grid is favoured because the picture is simpler on it.
        judged: (origins,) enough blocks could be used on it; the scores of others are 0.
        telling: (origins,) share of blocks that could be used and are not of one value.
    """

    scores: NDArray[np.float32]
    cheaper: NDArray[np.float64]
    judged: NDArray[np.bool_]
    telling: NDArray[np.float64]

    @property
    def by_origin(self) -> NDArray[np.float64]:
        """Evidence for each grid with its best table; that of grids that were not judged is -inf."""
        return np.where(self.judged, self.scores.max(axis=1) + self.cheaper, -np.inf)


@cache
def block_transform() -> NDArray[np.float32]:
    """64 pixels of a block, row by row, to 64 coefficients in zigzag order, as a matrix."""
    basis = dct_matrix()
    return np.ascontiguousarray(np.einsum("ux,vy->xyuv", basis, basis).reshape(64, 64)[:, ZIGZAG], np.float32)


def look(
    luma: Luma,
    library: Library,
    top: int,
    left: int,
    rows: int,
    cols: int,
    *,
    variance: float | None = None,
    origins: NDArray[np.int64] = EVERYWHERE,
) -> Look:
    """Evidence of a window of rows x cols blocks for every grid origin of the picture and every table.

    Args:
        luma: of the whole picture; blocks of a grid may reach beyond the window by half.
        library: tables that compete.
        top: first row of the window in pixels.
        left: first column.
        rows: blocks down.
        cols: blocks across.
        variance: of the noise; by default that of decoding.
        origins: which grids to look at.
    """
    noise = noise_model(luma.variance if variance is None else variance)
    scores = np.zeros((len(origins), len(library)), np.float32)
    scale_sums = np.zeros(len(origins))
    used, telling = np.zeros(len(origins), np.int64), np.zeros(len(origins), np.int64)
    _kernels.scores_everywhere(
        luma.values, luma.clipped, top, left, rows, cols, origins, block_transform(),
        noise.level, noise.variances, noise.zero, noise.small, noise.mean, noise.crowded, noise.within,
        library.steps, log_steps(library), library.counts, library.index, scores, scale_sums, used, telling,
    )  # fmt: skip
    blocks = rows * cols
    share = used / blocks
    judged = share >= LEAST_USED
    scores[judged] /= share[judged, None]
    scores[~judged] = 0
    return Look(scores, _cheaper(scale_sums, judged, blocks), judged, telling / blocks)


def _cheaper(scale_sums: NDArray[np.float64], judged: NDArray[np.bool_], blocks: int) -> NDArray[np.float64]:
    cheaper = np.zeros(len(scale_sums))
    if judged.sum() > 1:
        gain = (np.median(scale_sums[judged]) - scale_sums) * blocks
        spread = 1.4826 * float(np.median(np.abs(gain[judged])))
        cheaper[judged] = CHEAPER * np.maximum(gain[judged] - BEYOND * spread, 0)
    return cheaper
