"""From evidence to probabilities: the trained combiner scores origins and tables beside "not compressed before"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace import networks
from jpegtrace.lattice.candidates import candidates
from jpegtrace.lattice.evidence import Evidence
from jpegtrace.lattice.hypotheses import Library, full_library

WEIGHTS = "combiner"
SINGLE_IN_TRAINING = 0.4  # share of windows; here both cases are equally likely beforehand
SINGLE_PRIOR = float(np.log((1 - SINGLE_IN_TRAINING) / SINGLE_IN_TRAINING))


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Probabilities of a window's past.

    Attributes:
        tables: uint16 (n, 64) in zigzag order; entries that are not known are 0.
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
    asked = candidates(evidence, full_library() if library is None else library)
    grid = np.arange(asked.index.shape[1])
    score, null = networks.run(
        WEIGHTS,
        {
            "ratio": evidence.ratio[:, grid[None, :], asked.index][None],
            "promise": evidence.promise[:, grid[None, :], asked.index][None],
            "kinds": asked.kinds[None],
            "origins": evidence.origins[None].astype(np.int64),
            "cost": evidence.cost[None].astype(np.float32),
            "scales": evidence.scales[None].astype(np.float32),
            "zero_share": evidence.zero_share[None].astype(np.float32),
            "last": evidence.last[None].astype(np.float32),
            "blocks": np.array([evidence.blocks], np.float32),
        },
    )
    logits = score[0].astype(np.float64)
    once = float(null[0]) + SINGLE_PRIOR
    top = max(float(logits.max()), once)
    weights = np.exp(logits - top)
    nothing = float(np.exp(once - top))
    total = float(weights.sum())
    return Posterior(
        tables=asked.tables,
        names=asked.names,
        qualities=asked.qualities,
        joint=weights / total,
        origins=evidence.origins,
        single=nothing / (nothing + total),
    )
