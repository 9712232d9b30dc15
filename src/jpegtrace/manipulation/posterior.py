"""What the statistics of a piece say: probabilities of operations, distributions of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from jpegtrace.manipulation.features import Features, parts_of

Floats = NDArray[np.float64]

WEIGHTS = "manipulation"
# Levels, not places in a spectrum: by how much they are wrong is much the same in all pieces of a picture.
SHARED = ("sigma", "size", "noise")


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


class Expert(NamedTuple):
    """What a network answers and reads. One for a parameter knows nothing but pieces that have it.

    Attributes:
        heads: what it answers.
        reads: the parts of `Features.others` that it reads.
        traces: whether it reads lines and phases, too.
    """

    heads: tuple[str, ...]
    reads: tuple[str, ...]
    traces: bool = False


FOR_OPERATION = Expert(
    ("operation",),
    ("powers", "blocks", "differences", "pairs", "triples", "medians", "greys", "table", "echoes"),
    traces=True,
)
# Those that read less learn from fewer pieces what their parameter does, and tell it better than a network for all.
EXPERTS = {
    "factor": Expert(("factor", "kernel"), ("powers", "blocks", "differences", "table"), traces=True),
    "sigma": Expert(("sigma",), ("powers", "blocks", "differences", "table")),
    "size": Expert(("size",), ("differences", "table", "echoes")),
    "noise": Expert(("noise",), ("blocks", "greys", "table")),
}
NETWORKS = (WEIGHTS, *(f"{WEIGHTS}-{parameter}" for parameter in EXPERTS))


def weigh(pieces: Sequence[Features]) -> Posterior:
    """Ask one network what happened, and the expert for each parameter what it was.

    Args:
        pieces: all of the same width and height.

    Raises:
        ResourceError: the weights are missing or altered.
    """
    answers = _ask(WEIGHTS, FOR_OPERATION, pieces)
    for parameter, expert in EXPERTS.items():
        answers |= _ask(f"{WEIGHTS}-{parameter}", expert, pieces)
    return Posterior(**{head: softmax(answer.astype(np.float64), axis=1) for head, answer in answers.items()})


def _ask(name: str, expert: Expert, pieces: Sequence[Features]) -> dict[str, NDArray[Any]]:
    """Logarithms of probabilities, not quite normalised."""
    from jpegtrace.networks import run

    values = np.stack([parts_of(piece.others, expert.reads) for piece in pieces])
    inputs = {"values": values}
    if expert.traces:
        lines, phases = (np.stack([getattr(piece, name) for piece in pieces]) for name in ("lines", "phases"))
        inputs = {"lines": lines, "phases": phases, "others": values}
    return dict(zip(expert.heads, run(name, inputs), strict=True))


def pooled(pieces: Posterior, trust: float) -> Posterior:
    """One posterior of several pieces of one picture, (1, ...) each.

    Pieces are not independent: their scene, table and past are the same. Log-probabilities are averaged and multiplied
    by what so many pieces are worth: 1 + trust (n - 1); those of `SHARED`, by nothing.
    """
    count = len(pieces.operation)

    def one(head: str, probabilities: Floats) -> Floats:
        worth = 1 if head in SHARED else 1 + trust * (count - 1)
        scores = worth * np.log(np.maximum(probabilities, 1e-12)).mean(0)
        return np.asarray(softmax(scores))[None]

    return Posterior(**{head: one(head, part) for head, part in pieces._asdict().items()})
