"""Evidence of few pasts for every block of a picture: what maps and regions are made of.

The search over all grids and tables is done in windows (`jpegtrace.lattice.scan`). Here the pasts that it found are
asked about everywhere: the evidence of a past is worked out once for every block, and any window is a sum of blocks, so
that the cost is linear in pixels whatever the overlap of the windows. The picture is worked off in strips.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.lattice import _block_kernels
from jpegtrace.lattice.evidence import ALIGNED_BOUND
from jpegtrace.lattice.hypotheses import COLS, FREQUENCIES, ROWS
from jpegtrace.lattice.lookup import lookup
from jpegtrace.lattice.noise import ROUNDING_DEVIATION, ROUNDING_VARIANCE, local_noise
from jpegtrace.lattice.transforms import by_frequency, shift_matrices

STRIP = 1 << 14  # blocks worked off at a time, about
BLOCK_BOUND = 10.0  # of the evidence of one block: none alone decides
RADIUS = 4  # blocks around a block that its scales are taken from
LEVELS = np.linspace(np.log(0.1), np.log(2000.0), 40)  # of Laplacian scales, on the aligned grid


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """One past: where the first grid lay, and which table it had.

    Attributes:
        origin: row and column of the first grid, 0..7.
        table: uint16 (64,) in zigzag order; entries that are not known are 0.
        name: what the table is called.
        quality: IJG quality, 0 for others.
        weight: how much of the picture was found to have it, against the others.
    """

    origin: tuple[int, int]
    table: NDArray[np.uint16]
    name: str
    quality: int
    weight: float = 1.0


def block_evidence(
    blocks: NDArray[np.int16],
    last_table: NDArray[np.uint16],
    usable: NDArray[np.bool_],
    pasts: Sequence[Hypothesis],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Log-likelihood ratios of pasts against "not compressed before", (pasts, rows, columns) of the last grid.

    A cell carries the block of the past's own grid whose centre lies in it; 0 where there is none, or where one of the
    blocks of the last grid that it touches is not usable.
    """
    found = np.zeros((len(pasts), *blocks.shape[:2]), np.float32)
    by_origin: dict[tuple[int, int], list[int]] = {}
    for k, past in enumerate(pasts):
        by_origin.setdefault(past.origin, []).append(k)
    steps = np.array([past.table[:FREQUENCIES] for past in pasts], np.float32).reshape(len(pasts), FREQUENCIES)
    table = last_table.astype(np.float64)
    height = max(STRIP // blocks.shape[1], 4)
    strips = [slice(top, min(top + height, blocks.shape[0])) for top in range(0, blocks.shape[0], height)]

    def work(strip: slice) -> None:
        _strip(blocks, table, usable, by_origin, steps, strip, found)

    with ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(work, strips if pasts else ()), 1):
            if progress:
                progress(done / len(strips))
    return found


def _strip(
    blocks: NDArray[np.int16],
    table: NDArray[np.float64],
    usable: NDArray[np.bool_],
    by_origin: dict[tuple[int, int], list[int]],
    steps: NDArray[np.float32],
    strip: slice,
    found: NDArray[np.float32],
) -> None:
    """Fill the rows `strip` of `found`."""
    top, stop = strip.start, strip.stop
    # One row of blocks on either side is touched by shifted blocks whose centre lies inside.
    low, high = max(top - 1, 0), min(stop + 1, blocks.shape[0])
    halo = slice(max(low - RADIUS, 0), min(high + RADIUS, blocks.shape[0]))
    inner = slice(low - halo.start, high - halo.start)
    scales, variances = (part[inner] for part in local_noise(blocks[halo], table, RADIUS))
    log_scales = np.log(np.ascontiguousarray(scales[:, :, ROWS, COLS]))
    part = blocks[low:high]
    values = (part * table).astype(np.float32)
    planes = by_frequency(values), by_frequency(variances)
    trusted = usable[low:high]
    for (row, col), chosen in by_origin.items():
        wanted = np.ascontiguousarray(steps[chosen])
        if row == col == 0:
            evidence = np.empty((len(chosen), *part.shape[:2]), np.float32)
            _block_kernels.aligned_blocks(
                part, table, log_scales, LEVELS, ROWS, COLS, wanted, ROUNDING_DEVIATION, ALIGNED_BOUND, evidence
            )
        else:
            shape = (len(chosen), part.shape[0] - (row > 0), part.shape[1] - (col > 0))
            evidence = np.zeros(shape, np.float32)
            if evidence.size:
                _block_kernels.shifted_blocks(
                    *planes, log_scales, *shift_matrices(), row, col, ROWS, COLS, wanted, ROUNDING_VARIANCE,
                    lookup().ratio, evidence,
                )  # fmt: skip
        evidence.clip(-BLOCK_BOUND, BLOCK_BOUND, out=evidence)
        evidence[:, ~_whole(trusted, row, col)] = 0
        down, right = int(row >= 4), int(col >= 4)
        # Rows of cells in this strip, as rows of `evidence`.
        first, last = max(top - low - down, 0), min(stop - low - down, evidence.shape[1])
        rows = slice(low + down + first, low + down + last)
        cols = slice(right, right + evidence.shape[2])
        found[chosen, rows, cols] = evidence[:, first:last]


def _whole(usable: NDArray[np.bool_], row: int, col: int) -> NDArray[np.bool_]:
    """Blocks of the grid (row, col) that touch usable blocks only."""
    whole = usable
    if row:
        whole = whole[1:] & whole[:-1]
    if col:
        whole = whole[:, 1:] & whole[:, :-1]
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Evidence summed from the top left corner, from which any window is four look-ups.

    Attributes:
        total: float64 (pasts, rows + 1, columns + 1).
        shape: height and width of the picture.
    """

    total: NDArray[np.float64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, evidence: NDArray[np.float32], shape: tuple[int, int]) -> Sums:
        """From (pasts, rows, columns) of cells of 8 pixels, and the picture's height and width."""
        total = np.zeros((evidence.shape[0], evidence.shape[1] + 1, evidence.shape[2] + 1), np.float64)
        total[:, 1:, 1:] = evidence.cumsum(1, dtype=np.float64).cumsum(2)
        return cls(total, shape)

    def size(self, stride: int) -> tuple[int, int]:
        """Rows and columns of a map with this stride."""
        return -(-self.shape[0] // stride), -(-self.shape[1] // stride)

    def windows(self, window: int, stride: int, rows: slice = slice(None)) -> NDArray[np.float32]:
        """Sums over windows, (pasts, rows, columns) of a map.

        Args:
            window: side in pixels.
            stride: of the map in pixels; a window is centred on the stride x stride pixels that its value stands for.
            rows: of the map; by default all.
        """
        top, bottom = (edge[rows, None] for edge in _spans(self.shape[0], window, stride, self.total.shape[1] - 1))
        left, right = (edge[None, :] for edge in _spans(self.shape[1], window, stride, self.total.shape[2] - 1))
        total = self.total
        sums = total[:, bottom, right] - total[:, top, right] - total[:, bottom, left] + total[:, top, left]
        return sums.astype(np.float32)


def _spans(size: int, window: int, stride: int, cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First cell, and the one after the last, of each window along a side: the cells whose centre the window holds."""
    centre = np.arange(0, size, stride) + 0.5 * stride
    low = np.ceil((centre - window / 2 - 4) / 8).astype(np.int64)
    high = np.ceil((centre + window / 2 - 4) / 8).astype(np.int64)
    return np.clip(low, 0, cells), np.clip(high, 0, cells)
