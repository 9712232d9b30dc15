"""First tables that compete: the standard ones of IJG, and the luminance tables that the world is seen to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.tables import ZIGZAG, ijg_table, usual_known_tables

FREQUENCIES = 28  # in zigzag order; beyond them the last quantization leaves next to nothing
ROWS = (ZIGZAG[:FREQUENCIES] // 8).astype(np.int64)
COLS = (ZIGZAG[:FREQUENCIES] % 8).astype(np.int64)
IJG_QUALITIES = tuple(range(40, 101))
# Enough to find a grid origin: no step of the others is more than some percent from one of these.
SEARCHED_QUALITIES = (*range(40, 60, 6), *range(60, 75, 3), *range(74, 84, 2), *range(84, 98))
ENTRIES = 15  # that published figures are about, and by which tables are compared
FREE_STEPS = 32  # a table in no family is read entry by entry among these


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """Candidate tables, and the steps that they need at every frequency.

    Attributes:
        tables: uint16 (n, 64), zigzag order.
        qualities: IJG quality of each, 0 for others.
        names: what to call each.
        steps: float32 (frequencies, m) distinct steps in rising order, padded with 1.
        counts: how many steps each frequency has.
        index: (n, frequencies) place of each table's step.
    """

    tables: NDArray[np.uint16]
    qualities: NDArray[np.int64]
    names: tuple[str, ...]
    steps: NDArray[np.float32]
    counts: NDArray[np.int64]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tables)

    def places(self, tables: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Place of the nearest step for each entry of tables, in zigzag order, at least as many as have steps."""
        found = np.empty((len(tables), len(self.counts)), np.int64)
        for f in range(len(self.counts)):
            steps = self.steps[f, : self.counts[f]]
            found[:, f] = np.abs(tables[:, f, None] - steps[None, :]).argmin(axis=1)
        return found


def make_library(
    tables: Sequence[NDArray[np.uint16]],
    qualities: Sequence[int],
    names: Sequence[str],
    *,
    every_step_to: int = 0,
    frequencies: int = FREQUENCIES,
) -> Library:
    """Build a library from tables in zigzag order; all steps up to `every_step_to` can be asked for besides."""
    stacked = np.stack([np.asarray(table, np.uint16) for table in tables])
    more = np.arange(1, every_step_to + 1)
    distinct = [np.union1d(stacked[:, f], more) for f in range(frequencies)]
    counts = np.array([len(values) for values in distinct], np.int64)
    steps = np.ones((frequencies, int(counts.max())), np.float32)
    for f, values in enumerate(distinct):
        steps[f, : len(values)] = values
    index = np.stack([np.searchsorted(distinct[f], stacked[:, f]) for f in range(frequencies)], axis=1)
    return Library(
        stacked, np.array(qualities, np.int64), tuple(names), steps, counts, np.ascontiguousarray(index, np.int64)
    )


def _ijg_library(qualities: Sequence[int]) -> Library:
    return make_library([ijg_table(q).ravel()[ZIGZAG] for q in qualities], qualities, [f"IJG {q}" for q in qualities])


@cache
def standard_library() -> Library:
    """IJG tables only."""
    return _ijg_library(IJG_QUALITIES)


@cache
def search_library() -> Library:
    """Some IJG tables: they find the grid origins worth a closer look."""
    return _ijg_library(SEARCHED_QUALITIES)


@cache
def full_library() -> Library:
    """IJG tables, then every other luminance table of the survey that is not coarser than IJG 40.

    Tables that agree in the entries that evidence is gathered for are one candidate; entries behind them in which they
    differ are 0, not known. Standard tables keep theirs: they are by far the commonest.
    """
    standard = standard_library()
    tables, names = list(standard.tables), list(standard.names)
    seen = {tuple(table[:FREQUENCIES].tolist()): place for place, table in enumerate(tables)}
    for known in usual_known_tables():
        table = known.luma.ravel()[ZIGZAG].copy()
        name = known.family + (f" {known.setting}" if known.setting else "")
        place = seen.setdefault(tuple(table[:FREQUENCIES].tolist()), len(tables))
        if place == len(tables):
            tables.append(table)
            names.append(name)
        elif place >= len(standard):
            tables[place][tables[place] != table] = 0
            if name not in names[place]:
                names[place] += f" or {name}"
    qualities = [*standard.qualities.tolist(), *[0] * (len(tables) - len(standard))]
    return make_library(tables, qualities, names, every_step_to=FREE_STEPS)
