"""`manipulation`: one network for what was done to a picture before its last compression, and experts for parameters.

Not of a paper. It reads the statistics of `jpegtrace.manipulation.features` and learns what they mean together:

* Lines, the spectra of the mean strength of residuals in columns and rows. Convolutions along the frequency, the same
  for both, find what stands out in several of them; then both directions are taken together, for most pictures are
  resized by the same factor in both, and a dense layer learns which places mean which factor.
* Phases, what repeats with the grid, likewise.
* Everything else goes through dense layers.

It answers with probabilities of the operations.

Experts for single parameters answer with a distribution over a grid (`jpegtrace.manipulation.grid`), given that the
operation happened; they see nothing but pieces with that parameter. Batch norms divide by what varies over what a
network sees: over all operations, 1.2 and 1.5 of noise are hundredths apart; among noisy pieces they are not. See
`ManipulationFactor` and `ManipulationValues`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegtrace.manipulation import grid
from jpegtrace.manipulation.features import SIGNALS, Features, count_of, describe, describe_parts
from jpegtrace.manipulation.layout import FREQUENCIES, SMALLEST
from jpegtrace.manipulation.posterior import EXPERTS, FOR_OPERATION, Expert
from jpegtrace_training.networks.network import Network

DOUBT = 0.002  # share that is spread over all answers
PERIOD = 8  # of the grid
MAPS, LINES = 48, 12  # maps of lines, before and after
FACTOR_MAPS, FACTOR_WIDTH, FACTOR_KNOWN, FACTOR_JUDGE = 32, 160, 24, 48  # of the expert for the factor
MULTIPLES = 4  # of a factor's first line that are looked at
JOINT, PHASES = 384, 48  # widths
NARROW = (128, 2, 0.1)  # width, number and dropout of the layers of experts that read some parts
LAYERS = {"size": (384, 3, 0.05)}  # of those that have others
TABLE = np.full((8, 8), 10, np.uint16)  # of examples
HEADS = {
    "operation": len(grid.OPERATIONS),
    "factor": len(grid.FACTORS),
    "kernel": len(grid.KERNELS),
    "sigma": len(grid.SIGMAS),
    "size": len(grid.SIZES),
    "noise": len(grid.NOISES),
}


MEANINGS = {
    "lines": "spectra of the mean strength of residuals in columns and rows",
    "phases": "what repeats with the grid in columns and rows",
    "others": "the parts of jpegtrace.manipulation.features that jpegtrace.manipulation.posterior names for it",
    "operation": "logarithm of the probability of each of OPERATIONS",
    "factor": "of each of FACTORS, if it was resized",
    "kernel": "of each of KERNELS, if it was resized",
    "sigma": "of each of SIGMAS, if it was blurred",
    "size": "of each of SIZES, if it was median-filtered",
    "noise": "of each of NOISES, if noise was added",
}


class _Traces(Network):
    """What reads lines and phases, and some parts of the others.

    Args:
        expert: what it answers and reads.
        maps: of lines, before they become LINES.
        wide: width of the layer of `others`.
        joint: width of all other layers.
        dropout: before the last of them.
    """

    meanings: ClassVar[dict[str, str]] = MEANINGS

    def __init__(self, expert: Expert, *, maps: int, wide: int, joint: int, dropout: float) -> None:
        super().__init__()
        self.outputs, self.reads = expert.heads, expert.reads
        count, places, phases = count_of(expert.reads), 2 * LINES * FREQUENCIES, SIGNALS * PERIOD
        self.lines = nn.Sequential(
            nn.BatchNorm1d(SIGNALS),
            nn.Conv1d(SIGNALS, maps, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm1d(maps),
            nn.Conv1d(maps, LINES, 3, padding=1),
        )
        self.places = nn.Sequential(nn.BatchNorm1d(places), nn.Dropout(0.5), nn.Linear(places, joint), nn.ReLU())
        self.phases = nn.Sequential(
            nn.BatchNorm1d(phases), nn.Linear(phases, 2 * PHASES), nn.ReLU(), nn.Linear(2 * PHASES, PHASES)
        )
        self.values = nn.Sequential(
            nn.BatchNorm1d(count),
            nn.Dropout(0.2),
            nn.Linear(count, wide),
            nn.ReLU(),
            nn.BatchNorm1d(wide),
            nn.Dropout(0.3),
        )
        self.joint = nn.Sequential(
            nn.Linear(joint + 2 * PHASES + wide, joint),
            nn.ReLU(),
            nn.BatchNorm1d(joint),
            nn.Dropout(dropout),
            nn.Linear(joint, joint),
            nn.ReLU(),
        )

    def read(self, lines: Tensor, phases: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Spectra of both directions together, (n, 2 LINES, FREQUENCIES), and what is known of pieces, (n, joint).

        Args:
            lines: (n, 2, SIGNALS, FREQUENCIES).
            phases: (n, 2, SIGNALS, 8).
            others: (n, count_of(reads)).
        """
        views = _together(self.lines(lines[:, 0]), self.lines(lines[:, 1]))
        grids = _together(self.phases(phases[:, 0].flatten(1)), self.phases(phases[:, 1].flatten(1)))
        return views, self.joint(torch.cat([self.places(views.flatten(1)), grids, self.values(others)], 1))

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Statistics of noise: other numbers would be like those of no piece."""
        found = [describe(piece, TABLE, self.reads) for piece in _noise(count, seed)]
        return {name: torch.from_numpy(np.stack([getattr(one, name) for one in found])) for name in Features._fields}


class Manipulation(_Traces):
    """The network for operations, see above."""

    def __init__(self) -> None:
        super().__init__(FOR_OPERATION, maps=MAPS, wide=512, joint=JOINT, dropout=0.4)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(JOINT, JOINT // 2), nn.ReLU(), nn.Linear(JOINT // 2, HEADS[name]))
            for name in self.outputs
        )

    def forward(self, lines: Tensor, phases: Tensor, others: Tensor) -> tuple[Tensor, ...]:
        """Logarithms of probabilities; see `read`."""
        _, joint = self.read(lines, phases, others)
        return tuple(_never_certain(torch.softmax(head(joint).float(), 1)) for head in self.heads)


class ManipulationFactor(_Traces):
    """The expert for the factor: what speaks for one of them is looked for where it has to be, the same for all.

    The strength of residuals repeats once between two old pixels, so a factor s has lines at 1/s and its multiples,
    folded into 0..1/2 (Gallagher 2005). Every factor of the grid is judged by what stands there, by itself, and by what
    is known of the piece; the weights of this judgement are the same for all factors, so that a piece of one teaches
    something of all others. What dense layers like those of `Manipulation` tell comes on top.

    Args:
        expert: what it answers, "factor" and others of HEADS, and reads.
    """

    def __init__(self, expert: Expert) -> None:
        super().__init__(expert, maps=FACTOR_MAPS, wide=FACTOR_WIDTH, joint=FACTOR_WIDTH, dropout=0.3)
        self.heads = nn.ModuleList(nn.Linear(FACTOR_WIDTH, HEADS[name]) for name in self.outputs)
        self.register_buffer("where", torch.from_numpy(_where(grid.FACTORS)), persistent=False)
        places = torch.from_numpy(np.log(grid.FACTORS).astype(np.float32))
        self.register_buffer("ratios", torch.stack([places, places.abs()]), persistent=False)
        self.known = nn.Linear(FACTOR_WIDTH, FACTOR_KNOWN)
        self.judge = nn.Sequential(
            nn.Conv1d(2 * LINES * MULTIPLES + FACTOR_KNOWN + 2, FACTOR_JUDGE, 1),
            nn.ReLU(),
            nn.Conv1d(FACTOR_JUDGE, FACTOR_JUDGE, 1),
            nn.ReLU(),
            nn.Conv1d(FACTOR_JUDGE, 1, 1),
        )

    def forward(self, lines: Tensor, phases: Tensor, others: Tensor) -> tuple[Tensor, ...]:
        """Logarithms of probabilities; see `read`."""
        views, joint = self.read(lines, phases, others)
        factors = self.ratios.shape[1]
        there = (views @ self.where).unflatten(2, (MULTIPLES, factors)).flatten(1, 2)
        known = self.known(joint)[:, :, None].expand(-1, -1, factors)
        ratios = self.ratios * torch.ones_like(joint[:, :1, None])  # `expand` would fix the batch in an export
        judged = self.judge(torch.cat([there, known, ratios], 1))[:, 0]
        found = {name: head(joint) for name, head in zip(self.outputs, self.heads, strict=True)}
        found["factor"] = found["factor"] + judged
        return tuple(_never_certain(torch.softmax(answer.float(), 1)) for answer in found.values())


def _where(factors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weights that read a spectrum at the multiples of 1/s, (FREQUENCIES, MULTIPLES * factors), between its points."""
    multiples = np.arange(1, MULTIPLES + 1)[:, None] / factors
    folded = np.abs(multiples - np.rint(multiples)) * 2 * (FREQUENCIES - 1)
    return np.maximum(0, 1 - np.abs(np.arange(FREQUENCIES)[:, None] - folded.ravel())).astype(np.float32)


class ManipulationValues(Network):
    """An expert that reads some parts of `Features.others` and their exponentials: of logarithms, what these are of.

    The strongest noises differ by hundredths of what is told: a share that is large in all of them, which the logarithm
    puts beside all smaller ones. Without the lines and phases of `Manipulation`, more than six thousand numbers that
    say nothing of noise and of medians, few pieces are enough.

    Args:
        expert: what it answers and reads.
        layers: width, number and dropout of its layers.
    """

    meanings: ClassVar[dict[str, str]] = MEANINGS | {"values": MEANINGS["others"]}

    def __init__(self, expert: Expert, layers: tuple[int, int, float]) -> None:
        super().__init__()
        self.outputs, self.reads = expert.heads, expert.reads
        wide, number, dropout = layers
        counts = [2 * count_of(expert.reads), *[wide] * number]
        self.joint = nn.Sequential(
            *(
                layer
                for count, following in pairwise(counts)
                for layer in (nn.BatchNorm1d(count), nn.Dropout(dropout), nn.Linear(count, following), nn.ReLU())
            )
        )
        self.heads = nn.ModuleList(nn.Linear(wide, HEADS[name]) for name in self.outputs)

    def forward(self, values: Tensor) -> tuple[Tensor, ...]:
        """Logarithms of probabilities, of (n, count_of(reads))."""
        joint = self.joint(torch.cat([values, torch.exp(values)], 1))
        return tuple(_never_certain(torch.softmax(head(joint).float(), 1)) for head in self.heads)

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Statistics of noise."""
        found = [describe_parts(piece, TABLE, self.reads) for piece in _noise(count, seed)]
        return {"values": torch.from_numpy(np.stack(found))}


def expert_network(name: str) -> Callable[[], Network]:
    """The network of one of `EXPERTS`."""
    expert = EXPERTS[name]
    if expert.traces:
        return partial(ManipulationFactor, expert)
    return partial(ManipulationValues, expert, LAYERS.get(name, NARROW))


def _noise(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(96, 160, (count, SMALLEST, SMALLEST)).astype(np.uint8)


def _never_certain(probabilities: Tensor) -> Tensor:
    """Logarithms, with a little left for everything: no piece is like those of the training in every respect."""
    return torch.log((1 - DOUBT) * probabilities + DOUBT / probabilities.shape[1])


def _together(across: Tensor, down: Tensor) -> Tensor:
    """Both directions, whichever is which."""
    return torch.cat([torch.relu(across + down), (across - down).abs()], 1)
