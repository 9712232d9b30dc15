"""Mutual information from counts, and p-values that many tests share.

With S the sum of c log2 c over the cells of a table, the information of labels and trait is log2 n - (S_labels +
S_trait - S_both) / n, and within strata (S_strata - S_strata,labels - S_strata,trait + S_all) / n. A shuffle of the
labels changes only the last term of each. Cells of 1 add nothing to S.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TELLS_BELOW = 0.01  # corrected p-value from which something is said of the label
# Sums in another order differ in the last digits; what is equal must count as equal.
EQUAL = 1e-9
_MOST_CELLS = 1 << 20  # contingency tables beyond this, and beyond 4 cells a picture, are counted by sorting

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tested:
    """What a trait says of the label, and a permutation test of it.

    Attributes:
        trait: its name.
        information: about the label, in bits.
        share: of the label's entropy.
        chance: the share that shuffled labels have on average; the more values a trait has, the larger.
        p: of the test.
        p_corrected: for all traits that were tested together.
    """

    trait: str
    information: float
    share: float
    chance: float
    p: float
    p_corrected: float

    @property
    def tells(self) -> bool:
        """Whether it says more than chance does."""
        return self.p_corrected <= TELLS_BELOW

    @property
    def heading(self) -> str:
        """Its name at the beginning of a sentence."""
        return f"{self.trait[0].upper()}{self.trait[1:]}"


def codes_of(values: Sequence[Any]) -> Counts:
    """Each value as the number of its kind, from 0."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def joint(first: Counts, second: Counts) -> Counts:
    """Each pair of codes as the number of its kind, from 0."""
    return numbered(first * (int(second.max(initial=0)) + 1) + second)


def numbered(codes: Counts) -> Counts:
    """Codes without gaps, in the same order."""
    found: Counts = np.unique(codes, return_inverse=True)[1].astype(np.int64, copy=False)
    return found


def entropy_of(codes: Counts) -> float:
    """Bits."""
    share = np.bincount(codes) / max(len(codes), 1)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) + 0.0


def weights_of(n: int) -> NDArray[np.float64]:
    """Terms c log2 c for c from 0 to n."""
    c = np.arange(n + 1, dtype=np.float64)
    return c * np.log2(np.maximum(c, 1))


def cells(codes: Counts, weigh: NDArray[np.float64]) -> float:
    """Sum of c log2 c over the cells."""
    if codes.size == 0:
        return 0.0
    if int(codes.max()) <= max(_MOST_CELLS, 4 * codes.size):
        counts = np.bincount(codes)
    else:
        counts = np.unique(codes, return_counts=True)[1]
    return float(weigh[counts].sum())


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values corrected for their number by Holm's method."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p, dtype=np.float64)
    corrected[order] = np.minimum(stepped, 1)
    return corrected
