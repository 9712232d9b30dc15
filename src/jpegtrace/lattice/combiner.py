"""From evidence to probabilities: the trained combiner over origins and tables, with the free family beside.

Tables of the library and, for the most promising origins, a table read entry by entry from the evidence (so that one
that nobody has seen is still read) are scored together with "not compressed before".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace import networks
from jpegtrace.lattice.evidence import Evidence
from jpegtrace.lattice.hypotheses import FREQUENCIES, Library, full_library

WEIGHTS = "combiner"
OTHERS_IN_TRAINING = 8  # tables that are not IJG beside the IJG ones; the prior that the network has learnt
FREE_ORIGINS = 4
FREE_SMOOTHNESS = 3.0  # of neighbouring steps, in units of their logarithm
FREE_TEMPER = 0.35  # of the evidence, which is over-confident
# A free table is fitted to its window, so it always looks good: log odds against one of the others, from what 28 fitted
# entries gain by chance.
FREE_PRIOR = -40.0
# One window in 12.5 was compressed once in training; here both cases are equally likely beforehand.
SINGLE_PRIOR = float(np.log(0.92 / 0.08))


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Probabilities of a window's past.

    Attributes:
        tables: uint16 (n, 64) in zigzag order, the library's tables and then the free ones, whose entries beyond
            `FREQUENCIES` are 0: not known.
        names: what each is called.
        qualities: IJG quality of each, 0 for others.
        joint: float64 (origins, n), given that there was a first compression; sums to 1.
        origins: (origins,) row * 8 + column.
        single: probability that there was no first compression, or that it left no trace.
    """

    tables: NDArray[np.uint16]
    names: tuple[str, ...]
    qualities: NDArray[np.int64]
    joint: NDArray[np.float64]
    origins: NDArray[np.int64]
    single: float


def combine(evidence: Evidence, library: Library | None = None) -> Posterior:
    """Probabilities of origins and tables from the evidence of a window."""
    known = full_library() if library is None else library
    free = _free_tables(evidence, known)
    tables = np.concatenate([known.tables, np.pad(free, ((0, 0), (0, 64 - FREQUENCIES)))])
    index = np.concatenate([known.index, known.places(free)])
    grid = np.arange(FREQUENCIES)
    score, null = networks.run(
        WEIGHTS,
        {
            "ratio": evidence.ratio[:, grid[None, :], index][None],
            "promise": evidence.promise[:, grid[None, :], index][None],
            "origins": evidence.origins[None].astype(np.int64),
            "cost": evidence.cost[None].astype(np.float32),
            "scales": evidence.scales[None].astype(np.float32),
            "zero_share": evidence.zero_share[None].astype(np.float32),
            "last": evidence.last[None].astype(np.float32),
            "blocks": np.array([evidence.blocks], np.float32),
        },
    )
    standard = known.qualities > 0
    prior = np.where(standard, 0.0, np.log(OTHERS_IN_TRAINING / max(int((~standard).sum()), 1)))
    prior = np.concatenate([prior, np.full(len(free), FREE_PRIOR)])
    logits = score[0].astype(np.float64) + prior
    once = float(null[0]) + SINGLE_PRIOR
    top = max(float(logits.max()), once)
    weights = np.exp(logits - top)
    nothing = float(np.exp(once - top))
    total = float(weights.sum())
    # A table fitted to the window is no witness for a first compression; it may only say which table, if there was one.
    witnessed = float(weights[:, : len(known)].sum())
    return Posterior(
        tables=tables,
        names=(*known.names, *("a table in no family",) * len(free)),
        qualities=np.concatenate([known.qualities, np.zeros(len(free), np.int64)]),
        joint=weights / total,
        origins=evidence.origins,
        single=nothing / (nothing + witnessed),
    )


def _free_tables(evidence: Evidence, library: Library) -> NDArray[np.uint16]:
    """One table per promising origin, each entry by the evidence and by its neighbours in zigzag order (Viterbi)."""
    strongest = evidence.ratio.max(axis=2).clip(min=0).sum(axis=1)
    chosen = np.argsort(-strongest, kind="stable")[:FREE_ORIGINS]
    found = np.empty((len(chosen), FREQUENCIES), np.uint16)
    for row, place in enumerate(chosen):
        best: NDArray[np.float64] | None = None
        back: list[NDArray[np.int64]] = []
        logs: NDArray[np.float64] = np.zeros(0)
        for f in range(FREQUENCIES):
            steps = library.steps[f, : library.counts[f]].astype(np.float64)
            gain = FREE_TEMPER * evidence.ratio[place, f, : library.counts[f]].astype(np.float64)
            if best is None:
                best = gain
            else:
                jump = best[:, None] - FREE_SMOOTHNESS * np.abs(logs[:, None] - np.log(steps)[None, :])
                back.append(jump.argmax(axis=0))
                best = jump.max(axis=0) + gain
            logs = np.log(steps)
        assert best is not None  # noqa: S101 - there is at least one frequency
        k = int(best.argmax())
        for f in range(FREQUENCIES - 1, -1, -1):
            found[row, f] = int(library.steps[f, k])
            if f:
                k = int(back[f - 1][k])
    return found
