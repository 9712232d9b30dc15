"""The first table at every place: what `history` found, read in a window around each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.history import History
from jpegtrace.lattice.hypotheses import ENTRIES, standard_library
from jpegtrace.lattice.regions import bands, past_probabilities

NOTHING = 1e-3  # nats of evidence that are none, but for rounding
SURE = 0.9  # probability of an earlier compression from which a table is told


@dataclass(frozen=True, slots=True, eq=False)
class TablesMap:
    """First tables over a picture; NaN where there is too little evidence, or none of an earlier compression.

    Attributes:
        double: probability of an earlier compression.
        quality: of the nearest IJG table, the median of its probabilities.
        origin: row * 8 + column of the likeliest first grid.
        entries: (15, rows, columns) steps, medians.
    """

    double: NDArray[np.float32]
    quality: NDArray[np.float32]
    origin: NDArray[np.float32]
    entries: NDArray[np.float32]


def map_tables(history: History, *, window: int, stride: int, progress: Progress | None = None) -> TablesMap:
    """Read the first table in windows around every stride-th pixel."""
    rows, cols = history.sums.size(stride)
    double = np.empty((rows, cols), np.float32)
    quality, origin = np.full((rows, cols), np.nan, np.float32), np.full((rows, cols), np.nan, np.float32)
    entries = np.full((ENTRIES, rows, cols), np.nan, np.float32)
    if not history.pasts:
        return TablesMap(_double_of_windows(history, stride), quality, origin, entries)
    values = np.array([[_quality(p), *p.table[:ENTRIES]] for p in history.pasts], np.float32).T
    origins = np.array([8 * p.origin[0] + p.origin[1] for p in history.pasts])
    weights = np.array([past.weight for past in history.pasts], np.float32)
    for part in bands((rows, cols)):
        sums = history.sums.windows(window, stride, part)
        # All pasts together are as likely beforehand as none.
        found = past_probabilities(sums, prior=weights / weights.sum())
        double[part] = np.where(np.abs(sums).max(axis=0) > NOTHING, 1 - found[0], np.nan)
        told = double[part] >= SURE
        given = found[1:, told] / double[part][told]
        quality[part][told] = _median(values[0], given)
        for f in range(ENTRIES):
            entries[f, part][told] = _median(values[f + 1], given)
        by_origin = np.stack([given[origins == o].sum(axis=0) for o in np.unique(origins)])
        origin[part][told] = np.unique(origins)[by_origin.argmax(axis=0)]
        if progress:
            progress(part.stop / rows)
    return TablesMap(double, quality, origin, entries)


def _median(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    order = np.argsort(values, kind="stable")
    below = (weights[order].cumsum(axis=0) < 0.5).sum(axis=0)
    found: NDArray[np.float32] = values[order][np.minimum(below, len(values) - 1)]
    return found


def _quality(past: Hypothesis) -> int:
    """IJG quality, or that of the nearest table over the first entries."""
    if past.quality:
        return past.quality
    standard = standard_library()
    off = np.abs(standard.tables[:, :ENTRIES].astype(int) - past.table[:ENTRIES].astype(int)).sum(axis=1)
    return int(standard.qualities[off.argmin()])


def _double_of_windows(history: History, stride: int) -> NDArray[np.float32]:
    """The same from the windows that were searched, where no past was found that could be asked about everywhere."""
    double = np.full(history.sums.size(stride), np.nan, np.float32)
    for one in sorted(history.seen, key=lambda seen: -seen.window.side):
        top, left, side = (8 * part for part in one.window)
        rows, cols = (slice(-(-edge // stride), -(-(edge + side) // stride)) for edge in (top, left))
        double[rows, cols] = 1 - one.found.single
    return double
