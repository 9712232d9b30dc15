"""The probability that a window was JPEG, from how far one grid stands out among the 64.

A picture that was never compressed may fit a lattice by its own nature (few grey levels, flat areas), but then it fits
on every grid alike. So grids are compared with each other, those that share a row or a column with the best one left
out, as they share part of its lattice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace.pixels.windows import Look

LEAST_JUDGED = 24  # grids that must be judged for one to stand out
LEAST_SCORE = 1.0  # of the best table itself, in nats
LEAST_TELLING = 0.05  # share of blocks that are not of one value
# Logistic regression on windows of 16 to 128 pixels of training pictures.
WEIGHTS = np.array([-3.3279, -0.3256, 4.6116, -4.3651, 0.3673])


def features(found: Look) -> NDArray[np.float64] | None:
    """How far the best grid stands out; None where too little can be seen to tell."""
    evidence = found.by_origin
    best = int(evidence.argmax())
    row, col = divmod(np.arange(64), 8)
    rivals = found.judged & (row != best // 8) & (col != best % 8)
    if rivals.sum() < LEAST_JUDGED or float(found.telling.max()) < LEAST_TELLING:
        return None
    score = float(found.scores[best].max())
    second, usual = float(evidence[rivals].max()), float(np.median(evidence[rivals]))
    top = float(evidence[best])
    ahead, beyond, spread = (np.log1p(max(x, 0.0)) for x in (top - second, top - usual, second - usual))
    return np.array([1.0, ahead, beyond, spread, np.arcsinh(score / 5)])


def probability_compressed(found: Look) -> float | None:
    """Probability that what was looked at had been JPEG-compressed; None where it cannot be told.

    A grid on which even the best table explains nothing is none.
    """
    given = features(found)
    if given is None:
        return None
    if found.scores[int(found.by_origin.argmax())].max() < LEAST_SCORE:
        return 0.0
    return float(1 / (1 + np.exp(-np.clip(given @ WEIGHTS, -50, 50))))
