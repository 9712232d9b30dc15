"""How well scores tell two classes apart: the ROC, and the least error on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jpegtrace.errors import UsageError

Floats = NDArray[np.float64]


class Roc(NamedTuple):
    """Rates at every threshold that makes a difference, from none to all called positive.

    Attributes:
        thresholds: falling; a score of at least this much is called positive. At the first point none is: infinity.
        false_alarms: share of the negatives that are called positive, from 0 to 1.
        hits: share of the positives that are, from 0 to 1.
    """

    thresholds: Floats
    false_alarms: Floats
    hits: Floats


def roc(positives: ArrayLike, negatives: ArrayLike) -> Roc:
    """Receiver operating characteristic of scores, larger ones speaking for the positive class.

    Equal scores share one point, whichever class they are of: a threshold cannot part them.

    Raises:
        UsageError: a class is empty or no list of numbers, or a score is no number.
    """
    classes = [_checked(positives, "positives"), _checked(negatives, "negatives")]
    scores = np.unique(np.concatenate(classes))[::-1]
    hits, alarms = (
        np.concatenate([[0.0], (found.size - np.searchsorted(np.sort(found), scores)) / found.size])
        for found in classes
    )
    return Roc(np.concatenate([[np.inf], scores]), alarms, hits)


def least_error(positives: ArrayLike, negatives: ArrayLike) -> float:
    """P_e, the least of (misses + false alarms) / 2 over all thresholds, as rates: classes weigh the same.

    Larger scores speak for the positive class; the other way round is not tried, so a detector that was turned upside
    down does not look good again. 0 where the classes are told apart; never above .5, which calling all the same
    reaches. The threshold is chosen on the scores that it is judged on, which flatters: of two classes of n pictures
    that do not differ it is .5 - .44 / sqrt(n) on average (the mean of the one-sided Kolmogorov-Smirnov statistic).

    Raises:
        UsageError: a class is empty or no list of numbers, or a score is no number.
    """
    _, alarms, hits = roc(positives, negatives)
    return float(((1 - hits + alarms) / 2).min())


def _checked(scores: ArrayLike, name: str) -> Floats:
    try:
        found = np.asarray(scores, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"the {name} must be scores, one number for each picture") from None
    if found.ndim != 1 or found.size == 0:
        raise UsageError(f"the {name} must be a list of at least one score, not of shape {found.shape}")
    if np.isnan(found).any():
        raise UsageError(f"{int(np.isnan(found).sum())} of the {found.size} {name} are no numbers (NaN)")
    return found
