"""Compressed once or twice on one grid, by the histograms of stored coefficients and a network that knows the table.

A step q1 of the first compression and q2 of the last leave a histogram of stored values in which bins are empty where
q1 > q2, and hold unequal numbers of multiples of q1 where q1 < q2 (Lukas and Fridrich 2003; Popescu and Farid 2004). A
window of many blocks shows that even where single blocks show nothing, which is what the evidence of `evidence` adds
up; so this answers where windows are large and the first compression was the finer one. It knows one grid only. Chroma
tells in the same way, where it is: its tables are others, and its blocks more or fewer than those of luma. What the
histograms say of every first step, `first_steps`, is worked out beforehand: the network weighs it, and knows the tables
that files have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace import networks
from jpegtrace.errors import UsageError
from jpegtrace.lattice.first_dc_step import dc_log_ratios
from jpegtrace.lattice.first_steps import BINS, ERROR, LARGEST, Singles, log_ratios, of_tables
from jpegtrace.tables import usual_tables

WEIGHTS = "double-histogram"
FEWEST_BLOCKS = 64  # in training; below, the answer is not to be had
MOST_BLOCKS = 1024  # likewise; counts of larger windows are scaled down to as many
FACTORS = ((1, 1), (2, 1), (2, 2))  # across and down, in training
NO_TABLE = np.ones((8, 8), np.uint16)  # stands for that of chroma where there is none
SUBSAMPLED_ERROR = 1.0  # deviation of a coefficient of chroma between the compressions, where it was made smaller again
# Not every encoder rounds as the standard says, and what such a one leaves looks like steps of a table that is none. So
# an earlier compression is told where a table that files have explains what is seen. Chosen on held-out pictures of the
# training, where 2.5 % of the doubles that the network is sure of fail it; on originals of cameras: originals.csv.
FIRST_QUALITIES = (20, 100)  # of standard tables; most steps of coarser ones lie beyond STEPS and go unseen
SUREST = 30.0  # evidence of one frequency goes no further
SUREST_OF_DC = 3.0  # likewise: a few tones may look like a step; that of chroma, whose values lie closer, is left out
IN_CHROMA = 0.5  # weight of the evidence of chroma
LEAST_ODDS = 0.0  # of any table, all as likely beforehand, as a logarithm
SEEN = 4.0  # evidence for the best step of a frequency that counts
MUCH = 20.0  # sum of these from which a table must explain a share of it
EXPLAINED = 0.35  # of it, by the steps of one table
UNEXPLAINED = 0.5  # probability that remains at most

Blocks = NDArray[np.signedinteger[Any]]
Counts = NDArray[np.float32]


class Chroma(NamedTuple):
    """What both chroma planes of the last compression store.

    Attributes:
        blocks: stored values of Cb and of Cr, each (rows, columns, 8, 8).
        table: of the last compression, (8, 8) in rows.
        factors: luma samples to one of chroma, across and down, as in `jpegtrace.chain.sampling`; of FACTORS.
    """

    blocks: tuple[Blocks, Blocks]
    table: NDArray[np.integer[Any]]
    factors: tuple[int, int]

    def beside(self, top: int, left: int, rows: int, cols: int) -> Chroma:
        """What belongs to a window of luma, in blocks; blocks that only touch it, too."""
        across, down = self.factors
        here = slice(top // down, -(-(top + rows) // down)), slice(left // across, -(-(left + cols) // across))
        return self._replace(blocks=(self.blocks[0][here], self.blocks[1][here]))


def counts_of(blocks: Blocks) -> Counts:
    """How often each magnitude is stored at each frequency, (64, BINS), of (rows, columns, 8, 8) stored values."""
    levels = np.minimum(np.abs(blocks.reshape(-1, 64)), LARGEST).astype(np.int64)
    cells = np.arange(64) * BINS
    return np.bincount((cells + levels).ravel(), minlength=64 * BINS).reshape(64, BINS).astype(np.float32)


def counts_of_planes(luma: Blocks, chroma: Chroma | None) -> Counts:
    """Of luma, and of both chroma planes together, (2, 64, BINS); nothing there without chroma."""
    colours = np.zeros((64, BINS), np.float32) if chroma is None else sum(map(counts_of, chroma.blocks))
    return np.stack([counts_of(luma), colours])


@dataclass(frozen=True, eq=False)
class Window:
    """What the last compression stores of a window.

    Attributes:
        luma: stored values, (rows, columns, 8, 8).
        table: of luma, (8, 8) in rows.
        chroma: of the same window; None where there is none.
    """

    luma: Blocks
    table: NDArray[np.integer[Any]]
    chroma: Chroma | None = None

    @cached_property
    def tables(self) -> Counts:
        """Of luma and chroma, (2, 64)."""
        steps = [self.table, NO_TABLE if self.chroma is None else self.chroma.table]
        return np.stack(steps).reshape(2, 64).astype(np.float32)

    @property
    def share(self) -> float:
        """Of the blocks that count."""
        blocks = int(self.luma.shape[0] * self.luma.shape[1])
        return min(1.0, MOST_BLOCKS / max(blocks, 1))

    @cached_property
    def counts(self) -> Counts:
        """As of MOST_BLOCKS blocks at most, (2, 64, BINS)."""
        return counts_of_planes(self.luma, self.chroma) * np.float32(self.share)

    @property
    def dc(self) -> tuple[Blocks, ...]:
        """DC values of luma and, where there is chroma, of both planes of it."""
        if self.chroma is None:
            return (self.luma[..., 0, 0].ravel(),)
        return self.luma[..., 0, 0].ravel(), np.concatenate([plane[..., 0, 0].ravel() for plane in self.chroma.blocks])

    @property
    def errors(self) -> tuple[float, float]:
        """Deviation of a coefficient of luma and of chroma between the compressions."""
        whole = self.chroma is None or self.chroma.factors == (1, 1)
        return ERROR, ERROR if whole else SUBSAMPLED_ERROR


def evidence_of(windows: Sequence[Window]) -> Singles:
    """Log-likelihood ratio of every first step against none, (windows, 2, 64, STEPS); 0 where there is no chroma."""
    errors = np.array([window.errors for window in windows])[..., None].repeat(64, 2)
    tables = np.stack([window.tables for window in windows])
    found = log_ratios(np.stack([window.counts for window in windows]), tables, errors)
    for index, window in enumerate(windows):
        if window.chroma is None:
            found[index, 1] = 0
        for plane, stored in enumerate(window.dc):
            last, error = int(tables[index, plane, 0]), window.errors[plane]
            found[index, plane, 0] = dc_log_ratios(stored, last, error, window.share)
    return found


class OneGrid(NamedTuple):
    """An earlier compression on the same grid, as the histograms of a window have it.

    Attributes:
        probability: that there was one, by the network; once and twice equally likely beforehand.
        explained: whether a table that files have explains what is seen.
    """

    probability: float
    explained: bool

    @property
    def doubted(self) -> bool:
        """Whether the network thinks so, and no table explains it."""
        return self.probability > UNEXPLAINED and not self.explained

    @property
    def told(self) -> float:
        """The probability to go by: UNEXPLAINED where that is so, which stands for "cannot tell"."""
        return UNEXPLAINED if self.doubted else self.probability


def explained(evidence: Singles) -> bool:
    """Whether a table that files have explains the evidence of a window, (2, 64, STEPS)."""
    luma, chroma = np.clip(evidence, -SUREST, SUREST)
    luma[0] = np.minimum(luma[0], SUREST_OF_DC)
    chroma[0] = 0
    tables = usual_tables(FIRST_QUALITIES).reshape(-1, 2, 64)
    by_luma = of_tables(luma, tables[:, 0])
    odds = np.logaddexp.reduce(by_luma + IN_CHROMA * of_tables(chroma, tables[:, 1])) - np.log(len(tables))
    best = luma.max(1)
    seen = float(best[best > SEEN].sum())
    return bool(odds >= LEAST_ODDS and (seen < MUCH or by_luma.max() >= EXPLAINED * seen))


def one_grid(luma: Blocks, table: NDArray[np.integer[Any]], chroma: Chroma | None = None) -> OneGrid:
    """What the histograms of a window say of an earlier compression on the same grid.

    Args:
        luma: stored values, (rows, columns, 8, 8).
        table: of luma in the last compression, (8, 8) in rows.
        chroma: of the same window; None where there is none, which tells less.

    Raises:
        UsageError: there are fewer than FEWEST_BLOCKS.
        ResourceError: the weights are missing or altered.
    """
    count = luma.shape[0] * luma.shape[1]
    if count < FEWEST_BLOCKS:
        raise UsageError(f"histograms need at least {FEWEST_BLOCKS} blocks, not {count}")
    window = Window(luma, table, chroma)
    evidence = evidence_of([window])
    asked = {"counts": window.counts[None], "tables": window.tables[None], "evidence": evidence}
    odds = float(networks.run(WEIGHTS, asked)[0][0])
    return OneGrid(1 / (1 + float(np.exp(-odds))), explained(evidence[0]))


def probability_twice(luma: Blocks, table: NDArray[np.integer[Any]], chroma: Chroma | None = None) -> float:
    """That probability alone, as `one_grid`."""
    return one_grid(luma, table, chroma).probability
