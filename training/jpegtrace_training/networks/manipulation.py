"""`manipulation`: what was done to a picture before its last compression, and with which parameter, by one network.

Not of a paper. It reads the statistics of `jpegtrace.manipulation.features` and learns what they mean together:

* Lines, the spectra of the mean strength of residuals in columns and rows. Convolutions along the frequency, the same
  for both, find what stands out in several of them; then both directions are taken together, for most pictures are
  resized by the same factor in both, and a dense layer learns which places mean which factor.
* Phases, what repeats with the grid, likewise.
* Everything else goes through dense layers.

It answers with probabilities of the operations and, for each parameter, a distribution over a grid
(`jpegtrace.manipulation.grid`), given that the operation happened. Parameters have a network each, an expert, that is
only trained on pieces with its operation and has batch norms of its own: what tells a variance of 1.2 from one of 1.5,
or a window of 13 pixels from one of 15, is small against what tells noise from a median.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from jpegtrace.manipulation import grid
from jpegtrace.manipulation.features import OTHERS, SIGNALS, Features, describe
from jpegtrace.manipulation.layout import FREQUENCIES, SMALLEST
from jpegtrace_training.networks.network import Network

DOUBT = 0.002  # share that is spread over all answers
PERIOD = 8  # of the grid
MAPS, LINES = 48, 12  # maps of lines, before and after
SHARED = ("operation", "kernel")  # heads of the network for all pieces
HEADS = {
    "operation": len(grid.OPERATIONS),
    "factor": len(grid.FACTORS),
    "kernel": len(grid.KERNELS),
    "sigma": len(grid.SIGMAS),
    "size": len(grid.SIZES),
    "noise": len(grid.NOISES),
}


class Manipulation(Network):
    """`manipulation`, see above."""

    outputs = tuple(HEADS)

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

    def __init__(self) -> None:
        super().__init__()
        self.lines = nn.Sequential(
            nn.BatchNorm1d(SIGNALS),
            nn.Conv1d(SIGNALS, MAPS, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm1d(MAPS),
            nn.Conv1d(MAPS, LINES, 3, padding=1),
        )
        self.places = nn.Sequential(
            nn.BatchNorm1d(2 * LINES * FREQUENCIES), nn.Dropout(0.5), nn.Linear(2 * LINES * FREQUENCIES, 384), nn.ReLU()
        )
        self.phases = nn.Sequential(
            nn.BatchNorm1d(SIGNALS * PERIOD), nn.Linear(SIGNALS * PERIOD, 96), nn.ReLU(), nn.Linear(96, 48)
        )
        self.values = nn.Sequential(
            nn.BatchNorm1d(OTHERS),
            nn.Dropout(0.2),
            nn.Linear(OTHERS, 512),
            nn.ReLU(),
            nn.BatchNorm1d(512),
            nn.Dropout(0.3),
        )
        self.joint = nn.Sequential(
            nn.Linear(384 + 2 * 48 + 512, 384),
            nn.ReLU(),
            nn.BatchNorm1d(384),
            nn.Dropout(0.4),
            nn.Linear(384, 384),
            nn.ReLU(),
        )
        self.heads = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(384, 192), nn.ReLU(), nn.Linear(192, HEADS[name])) for name in SHARED}
        )
        self.experts = nn.ModuleDict(
            {name: Expert(len(points), with_lines=name == "factor") for name, points in grid.PARAMETERS.items()}
        )

    def forward(self, lines: Tensor, phases: Tensor, others: Tensor) -> tuple[Tensor, ...]:
        """Logarithms of probabilities.

        Args:
            lines: (n, 2, SIGNALS, FREQUENCIES).
            phases: (n, 2, SIGNALS, 8).
            others: (n, OTHERS).
        """
        found = self.shared(lines, phases, others)
        found |= {name: _never_certain(expert(lines, phases, others)) for name, expert in self.experts.items()}
        return tuple(found[name] for name in HEADS)

    def shared(self, lines: Tensor, phases: Tensor, others: Tensor) -> dict[str, Tensor]:
        """Of the heads in SHARED, as `forward`."""
        views = _together(self.lines(lines[:, 0]), self.lines(lines[:, 1]))
        grids = _together(self.phases(phases[:, 0].flatten(1)), self.phases(phases[:, 1].flatten(1)))
        joint = self.joint(torch.cat([self.places(views.flatten(1)), grids, self.values(others)], 1))
        return {name: _never_certain(head(joint)) for name, head in self.heads.items()}

    def of_parameter(self, name: str, lines: Tensor, phases: Tensor, others: Tensor) -> Tensor:
        """What the expert says of pieces with its operation, as `forward`; in training, at least two."""
        found: Tensor = _never_certain(self.experts[name](lines, phases, others))
        return found

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Statistics of noise: other numbers would be like those of no piece."""
        rng = np.random.default_rng(seed)
        pieces = rng.integers(96, 160, (count, SMALLEST, SMALLEST)).astype(np.uint8)
        found = [describe(piece, np.full((8, 8), 10, np.uint16)) for piece in pieces]
        return {name: torch.from_numpy(np.stack([getattr(one, name) for one in found])) for name in Features._fields}


class Expert(nn.Module):
    """Scores of the values of one parameter.

    Args:
        count: of values.
        with_lines: whether it reads lines and phases, too.
    """

    def __init__(self, count: int, *, with_lines: bool) -> None:
        super().__init__()
        self.values = nn.Sequential(
            nn.BatchNorm1d(OTHERS), nn.Dropout(0.2), nn.Linear(OTHERS, 192), nn.ReLU(), nn.Dropout(0.2)
        )
        self.with_lines = with_lines
        if with_lines:
            self.lines = nn.Sequential(
                nn.BatchNorm1d(SIGNALS),
                nn.Conv1d(SIGNALS, MAPS, 3, padding=1),
                nn.ReLU(),
                nn.BatchNorm1d(MAPS),
                nn.Conv1d(MAPS, LINES, 3, padding=1),
            )
            width = 2 * LINES * FREQUENCIES
            self.places = nn.Sequential(
                nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 256), nn.ReLU(), nn.Dropout(0.3)
            )
            self.phases = nn.Sequential(
                nn.BatchNorm1d(SIGNALS * PERIOD), nn.Linear(SIGNALS * PERIOD, 96), nn.ReLU(), nn.Dropout(0.2)
            )
        self.scores = nn.Sequential(
            nn.Linear(192 + (256 + 96) * with_lines, 192), nn.ReLU(), nn.Dropout(0.2), nn.Linear(192, count)
        )

    def forward(self, lines: Tensor, phases: Tensor, others: Tensor) -> Tensor:
        """(n, count)."""
        seen = [self.values(others)]
        if self.with_lines:
            views = _together(self.lines(lines[:, 0]), self.lines(lines[:, 1]))
            seen += [self.places(views.flatten(1)), self.phases((phases[:, 0] + phases[:, 1]).flatten(1))]
        found: Tensor = self.scores(torch.cat(seen, 1))
        return found


def _never_certain(scores: Tensor) -> Tensor:
    """Logarithms, with a little left for everything: no piece is like those of the training in every respect."""
    probabilities = torch.softmax(scores.float(), 1)
    return torch.log((1 - DOUBT) * probabilities + DOUBT / probabilities.shape[1])


def _together(across: Tensor, down: Tensor) -> Tensor:
    """Both directions, whichever is which."""
    return torch.cat([torch.relu(across + down), (across - down).abs()], 1)
