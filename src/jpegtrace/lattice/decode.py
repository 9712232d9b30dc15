"""Answers from probabilities: entries with a probability each, the grid shift, one compression or two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.lattice.combiner import Posterior, combine
from jpegtrace.lattice.evidence import gather

COMPROMISE = 0.07  # of accuracy and squared error, chosen on training pictures


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The first table, entry by entry, in zigzag order.

    Attributes:
        value: (64,) the likeliest step, or a compromise, see `read_entries`; 0: not known.
        probability: (64,) of that value.
    """

    value: NDArray[np.int64]
    probability: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One table that explains the window."""

    name: str
    quality: int
    probability: float
    origin: tuple[int, int]


def posterior(blocks: NDArray[np.int16], last_table: NDArray[np.uint16]) -> Posterior:
    """Probabilities of a window's past, from its quantized luma coefficients."""
    return combine(gather(blocks, last_table))


def read_entries(found: Posterior, *, error_weight: float = 0.0) -> Entries:
    """Marginal of every entry.

    Args:
        found: probabilities of a window's past.
        error_weight: 0 reads the likeliest step; more reads the step v with the least expected loss
            [v is wrong] + error_weight (v - q)^2. `COMPROMISE` is nearer in the mean square at no cost in accuracy.
    """
    weight = found.joint.sum(axis=0)
    value = np.empty(64, np.int64)
    probability = np.empty(64)
    for f in range(64):
        steps, place = np.unique(found.tables[:, f], return_inverse=True)
        each = np.bincount(place, weight)
        score = each
        if error_weight:
            score = each - error_weight * (steps - float(each @ steps)) ** 2
        k = int(score.argmax())
        value[f], probability[f] = steps[k], each[k]
    return Entries(value, probability)


def origin_probabilities(found: Posterior) -> NDArray[np.float64]:
    """(8, 8) probability of each origin of the first grid, given that there was one."""
    grid = np.zeros(64)
    np.add.at(grid, found.origins, found.joint.sum(axis=1))
    return grid.reshape(8, 8)


def alternatives(found: Posterior, count: int = 3) -> tuple[Alternative, ...]:
    """The likeliest tables, each with its likeliest origin."""
    weight = found.joint.sum(axis=0)
    order = np.argsort(-weight, kind="stable")[:count]
    return tuple(
        Alternative(
            found.names[k],
            int(found.qualities[k]),
            float(weight[k]),
            divmod(int(found.origins[int(found.joint[:, k].argmax())]), 8),
        )
        for k in order
    )
