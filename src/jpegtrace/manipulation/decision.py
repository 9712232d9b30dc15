"""What is made of probabilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.manipulation.grid import OPERATIONS

NONE = 0
BLURRED, RESIZED_AND_BLURRED = OPERATIONS.index("blurred"), OPERATIONS.index("resized and blurred")
MANIPULATED_FROM = 0.995  # probability of any operation from which one is claimed; see benchmarks/manipulation.py
NONE_FROM = 0.5  # probability of none from which that is said
NAMED_FROM = 0.5  # probability of one operation, among the operations, from which it is named
RESIZED_BESIDES_FROM = 2 / 3  # share of "resized and blurred" among both blurs from which the resize is claimed, too


class Verdict(NamedTuple):
    """What is claimed.

    Attributes:
        manipulated: whether any operation is claimed.
        operation: index into `grid.OPERATIONS`, or None where it is left open.
        probability: of what is claimed ("blurred" may have been resized before); of the likeliest operation where
            nothing is.
    """

    manipulated: bool
    operation: int | None
    probability: float


def decide(
    operation: NDArray[np.float64], manipulated_from: float = MANIPULATED_FROM, none_from: float = NONE_FROM
) -> Verdict:
    """What to claim by the probabilities of `grid.OPERATIONS`."""
    any_of_them = 1 - float(operation[NONE])
    best = 1 + int(operation[1:].argmax())
    if any_of_them >= manipulated_from:
        claimed = float(operation[best])
        if best in (BLURRED, RESIZED_AND_BLURRED):
            # A blur covers what a resize left. Who claims more has to be surer of it.
            both_blurs = float(operation[BLURRED] + operation[RESIZED_AND_BLURRED])
            if operation[RESIZED_AND_BLURRED] < RESIZED_BESIDES_FROM * both_blurs:
                best, claimed = BLURRED, both_blurs
        named = claimed >= NAMED_FROM * any_of_them
        return Verdict(True, best if named else None, claimed if named else any_of_them)
    if operation[NONE] >= none_from:
        return Verdict(False, NONE, float(operation[NONE]))
    return Verdict(False, None, float(operation[best]))
