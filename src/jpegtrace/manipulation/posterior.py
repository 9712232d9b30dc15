"""What the statistics of a piece say: probabilities of operations, distributions of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from jpegtrace.manipulation.features import Features

Floats = NDArray[np.float64]

WEIGHTS = "manipulation"
EXPERTS = {"factor": ("factor", "kernel"), "size": ("size",), "noise": ("noise",)}  # and what each is asked for
NETWORKS = (WEIGHTS, *(f"{WEIGHTS}-{parameter}" for parameter in EXPERTS))


class Posterior(NamedTuple):
    """Probabilities for n pieces.

    Attributes:
        operation: (n, OPERATIONS).
        factor: (n, FACTORS), if it was resized.
        kernel: (n, KERNELS), if it was resized.
        sigma: (n, SIGMAS), if it was blurred.
        size: (n, SIZES), if it was median-filtered.
        noise: (n, NOISES), if noise was added.
    """

    operation: Floats
    factor: Floats
    kernel: Floats
    sigma: Floats
    size: Floats
    noise: Floats


def weigh(pieces: Sequence[Features]) -> Posterior:
    """Ask the network for everything, and for some parameters an expert that knows nothing but pieces that have them.

    Both are right about different pieces: their log-probabilities are averaged.

    Args:
        pieces: all of the same width and height.

    Raises:
        ResourceError: the weights are missing or altered.
    """
    from jpegtrace.networks import run

    inputs = {name: np.stack([getattr(piece, name) for piece in pieces]) for name in Features._fields}
    answers = dict(zip(Posterior._fields, run(WEIGHTS, inputs), strict=True))
    for parameter, heads in EXPERTS.items():
        for head, told in zip(heads, run(f"{WEIGHTS}-{parameter}", inputs), strict=True):
            answers[head] = (answers[head] + told) / 2
    return Posterior(*(softmax(answer.astype(np.float64), axis=1) for answer in answers.values()))


def pooled(pieces: Posterior, trust: float) -> Posterior:
    """One posterior of several pieces of one picture, (1, ...) each.

    Pieces are not independent: their scene, table and past are the same. Log-probabilities are averaged and multiplied
    by what so many pieces are worth: 1 + trust (n - 1).
    """
    count = len(pieces.operation)
    worth = 1 + trust * (count - 1)

    def one(probabilities: Floats) -> Floats:
        scores = worth * np.log(np.maximum(probabilities, 1e-12)).mean(0)
        return np.asarray(softmax(scores))[None]

    return Posterior(*(one(part) for part in pieces))
