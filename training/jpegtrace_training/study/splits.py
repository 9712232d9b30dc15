"""Who learns, who chooses, who tests: divided by source, never by picture or patch.

As in the paper, 80 % of the sources are for training, 15 % of these for validation, and 20 % for the test. Sources
with the same labels are divided among themselves, so a label is on every side where three sources are alike in theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

TEST, VALIDATION = 0.20, 0.15
STREAM = 101  # of the seeds


@dataclass(frozen=True)
class Split:
    """Sources of the three sides; no source is on two.

    Attributes:
        training: to learn from.
        validation: to choose the rate and the best weights by.
        test: for the figures.
    """

    training: frozenset[str]
    validation: frozenset[str]
    test: frozenset[str]

    def to_dict(self) -> dict[str, list[str]]:
        """The sources of each side in order, fit for JSON."""
        return {side.name: sorted(getattr(self, side.name)) for side in fields(self)}


def split(sources: Iterable[tuple[str, int]], seed: int) -> Split:
    """Divide sources at random.

    Args:
        sources: source and label of every picture, in any order and as often as they occur.
        seed: another one divides otherwise; each label keeps its shares.
    """
    labels: dict[str, set[int]] = {}
    for source, label in sources:
        labels.setdefault(source, set()).add(label)
    strata: dict[tuple[int, ...], list[str]] = {}
    for source in sorted(labels):
        strata.setdefault(tuple(sorted(labels[source])), []).append(source)
    sides: tuple[set[str], set[str], set[str]] = (set(), set(), set())
    rng = np.random.default_rng([STREAM, seed])
    for key in sorted(strata):
        members = [strata[key][index] for index in rng.permutation(len(strata[key]))]
        tested = _share(TEST, len(members))
        validated = _share(VALIDATION, len(members) - tested)
        sides[2].update(members[:tested])
        sides[1].update(members[tested : tested + validated])
        sides[0].update(members[tested + validated :])
    return Split(*(frozenset(side) for side in sides))


def _share(share: float, of: int) -> int:
    """A rounded share; at least one of three or more, and never all."""
    return min(max(round(share * of), 1), of - 1) if of > 1 else 0
