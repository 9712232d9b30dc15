"""First tables that are scored for a window: every IJG one, the best of the others, and some read entry by entry.

A table that nobody has seen is still read: for the grid origins where single steps stand out most, every entry is taken
by its own evidence and by its neighbours in zigzag order (the Viterbi path). Such a table is fitted to its window, so
it always looks good; the combiner, which saw such tables beside the truth in training, knows what they are worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.lattice import _kernels
from jpegtrace.lattice.evidence import Evidence
from jpegtrace.lattice.hypotheses import FREQUENCIES, Library

OTHERS = 40
FREE_ORIGINS = 3
# Of the evidence, which is over-confident: one table that follows it, one that leans on its neighbours.
FREE_TEMPERS = (0.35, 0.12)
FREE_SMOOTHNESS = 3.0  # of neighbouring steps, in units of their logarithm
STANDARD, OTHER, FREE = 0, 1, 2
FREE_NAME = "a table in no family"


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Tables to be scored.

    Attributes:
        tables: uint16 (n, 64) in zigzag order; entries that are not known are 0.
        names: what each is called.
        qualities: IJG quality of each, 0 for others.
        index: (n, frequencies) places of their steps in the library.
        kinds: (n,) `STANDARD`, `OTHER` or `FREE`.
    """

    tables: NDArray[np.uint16]
    names: tuple[str, ...]
    qualities: NDArray[np.int64]
    index: NDArray[np.int64]
    kinds: NDArray[np.int64]


def candidates(evidence: Evidence, library: Library) -> Candidates:
    """Choose the tables for a window."""
    others = likely_others(evidence.ratio, library)
    free = free_tables(evidence.ratio, library)
    standard = np.flatnonzero(library.qualities > 0)
    known = np.concatenate([standard, others])
    return Candidates(
        tables=np.concatenate([library.tables[known], np.pad(free, ((0, 0), (0, 64 - FREQUENCIES)))]),
        names=(*(library.names[k] for k in known), *(FREE_NAME,) * len(free)),
        qualities=np.concatenate([library.qualities[known], np.zeros(len(free), np.int64)]),
        index=np.concatenate([library.index[known], library.places(free)]),
        kinds=np.repeat([STANDARD, OTHER, FREE], [len(standard), len(others), len(free)]),
    )


def likely_others(ratio: NDArray[np.float32], library: Library, count: int = OTHERS) -> NDArray[np.int64]:
    """Tables that are not IJG's and have most evidence on any origin."""
    others = np.flatnonzero(library.qualities == 0)
    total = ratio[:, np.arange(FREQUENCIES)[None, :], library.index[others]].sum(axis=2).max(axis=0)
    return others[np.argsort(-total, kind="stable")[:count]]


def free_tables(ratio: NDArray[np.float32], library: Library) -> NDArray[np.uint16]:
    """Tables read entry by entry, (origins x tempers, frequencies)."""
    strongest = ratio.max(axis=2).clip(min=0).sum(axis=1)
    chosen = np.argsort(-strongest, kind="stable")[:FREE_ORIGINS]
    found = np.empty((len(chosen), len(FREE_TEMPERS), FREQUENCIES), np.uint16)
    for row, place in enumerate(chosen):
        for k, temper in enumerate(FREE_TEMPERS):
            path = _kernels.smooth_path(
                ratio[place] * np.float32(temper), library.steps, library.counts, FREE_SMOOTHNESS
            )
            found[row, k] = library.steps[np.arange(FREQUENCIES), path]
    return found.reshape(-1, FREQUENCIES)
