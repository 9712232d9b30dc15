"""`manipulation`: what was done to a picture before its last compression, and with which parameter, by one network.

Not of a paper. It reads the statistics of `jpegtrace.manipulation.features` and learns what they mean together:

* Lines, the spectra of the mean strength of residuals in columns and rows. Convolutions along the frequency, the same
  for both, find what stands out in several of them; then both directions are taken together, for most pictures are
  resized by the same factor in both, and a dense layer learns which places mean which factor.
* Phases, what repeats with the grid, likewise.
* Everything else goes through dense layers.

It answers with probabilities of the operations and, for each parameter, a distribution over a grid
(`jpegtrace.manipulation.grid`), given that the operation happened.

Experts for single parameters are networks that see nothing but pieces with that parameter. Batch norms divide by what
varies over what a network sees: over all operations, 1.2 and 1.5 of noise are hundredths apart; among noisy pieces they
are not. That for the factor is of the same build, but smaller; those for medians and noise read less, see
`ManipulationValues`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from jpegtrace.manipulation import grid
from jpegtrace.manipulation.features import OTHERS, SIGNALS, Features, count_of, describe, describe_parts
from jpegtrace.manipulation.layout import FREQUENCIES, SMALLEST
from jpegtrace_training.networks.network import Network

DOUBT = 0.002  # share that is spread over all answers
PERIOD = 8  # of the grid
MAPS, LINES = 48, 12  # maps of lines, before and after
VALUES_WIDTH, VALUES_DROPOUT = 128, 0.1  # of experts that read some parts
HEADS = {
    "operation": len(grid.OPERATIONS),
    "factor": len(grid.FACTORS),
    "kernel": len(grid.KERNELS),
    "sigma": len(grid.SIGMAS),
    "size": len(grid.SIZES),
    "noise": len(grid.NOISES),
}


class Manipulation(Network):
    """`manipulation` and its experts, see above.

    Args:
        heads: what it answers, of HEADS.
        width: of its layers, against those of the network for everything.
    """

    meanings: ClassVar[dict[str, str]] = {
        "lines": "spectra of the mean strength of residuals in columns and rows",
        "phases": "what repeats with the grid in columns and rows",
        "others": "everything else of jpegtrace.manipulation.features",
        "operation": "logarithm of the probability of each of OPERATIONS",
        "factor": "of each of FACTORS, if it was resized",
        "kernel": "of each of KERNELS, if it was resized",
        "sigma": "of each of SIGMAS, if it was blurred",
        "size": "of each of SIZES, if it was median-filtered",
        "noise": "of each of NOISES, if noise was added",
    }

    def __init__(self, heads: tuple[str, ...] = tuple(HEADS), width: float = 1.0) -> None:
        super().__init__()
        self.outputs = heads
        wide, joint, inner = (int(width * whole) for whole in (512, 384, 192))
        self.lines = nn.Sequential(
            nn.BatchNorm1d(SIGNALS),
            nn.Conv1d(SIGNALS, MAPS, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm1d(MAPS),
            nn.Conv1d(MAPS, LINES, 3, padding=1),
        )
        self.places = nn.Sequential(
            nn.BatchNorm1d(2 * LINES * FREQUENCIES),
            nn.Dropout(0.5),
            nn.Linear(2 * LINES * FREQUENCIES, joint),
            nn.ReLU(),
        )
        self.phases = nn.Sequential(
            nn.BatchNorm1d(SIGNALS * PERIOD), nn.Linear(SIGNALS * PERIOD, 96), nn.ReLU(), nn.Linear(96, 48)
        )
        self.values = nn.Sequential(
            nn.BatchNorm1d(OTHERS),
            nn.Dropout(0.2),
            nn.Linear(OTHERS, wide),
            nn.ReLU(),
            nn.BatchNorm1d(wide),
            nn.Dropout(0.3),
        )
        self.joint = nn.Sequential(
            nn.Linear(joint + 2 * 48 + wide, joint),
            nn.ReLU(),
            nn.BatchNorm1d(joint),
            nn.Dropout(0.4),
            nn.Linear(joint, joint),
            nn.ReLU(),
        )
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(joint, inner), nn.ReLU(), nn.Linear(inner, HEADS[name])) for name in heads
        )

    def forward(self, lines: Tensor, phases: Tensor, others: Tensor) -> tuple[Tensor, ...]:
        """Logarithms of probabilities.

        Args:
            lines: (n, 2, SIGNALS, FREQUENCIES).
            phases: (n, 2, SIGNALS, 8).
            others: (n, OTHERS).
        """
        views = _together(self.lines(lines[:, 0]), self.lines(lines[:, 1]))
        grids = _together(self.phases(phases[:, 0].flatten(1)), self.phases(phases[:, 1].flatten(1)))
        joint = self.joint(torch.cat([self.places(views.flatten(1)), grids, self.values(others)], 1))
        return tuple(_never_certain(torch.softmax(head(joint).float(), 1)) for head in self.heads)

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Statistics of noise: other numbers would be like those of no piece."""
        rng = np.random.default_rng(seed)
        pieces = rng.integers(96, 160, (count, SMALLEST, SMALLEST)).astype(np.uint8)
        found = [describe(piece, np.full((8, 8), 10, np.uint16)) for piece in pieces]
        return {name: torch.from_numpy(np.stack([getattr(one, name) for one in found])) for name in Features._fields}


class ManipulationValues(Network):
    """An expert that reads some parts of `Features.others`, as the logarithms that they are and as what these are of.

    The strongest noises differ by hundredths of what is told: a share that is large in all of them, which the logarithm
    puts beside all smaller ones. Without the lines and phases of `Manipulation`, five thousand numbers that say nothing
    of noise and of medians, few pieces are enough.

    Args:
        heads: what it answers, of HEADS.
        reads: parts, of `jpegtrace.manipulation.features.PARTS`.
    """

    meanings: ClassVar[dict[str, str]] = {
        "values": "the parts of jpegtrace.manipulation.features that EXPERTS of jpegtrace.manipulation.posterior names",
        **{name: Manipulation.meanings[name] for name in HEADS},
    }

    def __init__(self, heads: tuple[str, ...], reads: tuple[str, ...]) -> None:
        super().__init__()
        self.outputs, self.reads = heads, reads
        count = 2 * count_of(reads)
        self.joint = nn.Sequential(
            nn.BatchNorm1d(count),
            nn.Dropout(VALUES_DROPOUT),
            nn.Linear(count, VALUES_WIDTH),
            nn.ReLU(),
            nn.BatchNorm1d(VALUES_WIDTH),
            nn.Dropout(VALUES_DROPOUT),
            nn.Linear(VALUES_WIDTH, VALUES_WIDTH),
            nn.ReLU(),
        )
        self.heads = nn.ModuleList(nn.Linear(VALUES_WIDTH, HEADS[name]) for name in heads)

    def forward(self, values: Tensor) -> tuple[Tensor, ...]:
        """Logarithms of probabilities, of (n, count_of(reads))."""
        joint = self.joint(torch.cat([values, torch.exp(values)], 1))
        return tuple(_never_certain(torch.softmax(head(joint).float(), 1)) for head in self.heads)

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Statistics of noise."""
        rng = np.random.default_rng(seed)
        pieces = rng.integers(96, 160, (count, SMALLEST, SMALLEST)).astype(np.uint8)
        table = np.full((8, 8), 10, np.uint16)
        return {"values": torch.from_numpy(np.stack([describe_parts(piece, table, self.reads) for piece in pieces]))}


def expert_network(heads: tuple[str, ...], reads: tuple[str, ...]) -> Callable[[], Network]:
    """The network of an expert, see `jpegtrace.manipulation.posterior.Expert`."""
    return partial(ManipulationValues, heads, reads) if reads else partial(Manipulation, heads, width=0.5)


def _never_certain(probabilities: Tensor) -> Tensor:
    """Logarithms, with a little left for everything: no piece is like those of the training in every respect."""
    return torch.log((1 - DOUBT) * probabilities + DOUBT / probabilities.shape[1])


def _together(across: Tensor, down: Tensor) -> Tensor:
    """Both directions, whichever is which."""
    return torch.cat([torch.relu(across + down), (across - down).abs()], 1)
