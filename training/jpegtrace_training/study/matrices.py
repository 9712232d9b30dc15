"""Accuracies by training and test condition, with intervals over seeds.

Each seed divides the sources, draws the weights and cuts the patches anew, and all conditions of one seed share the
split; so differences between conditions are taken seed by seed. Intervals are Student's, 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from jpegtrace_training.study.cells import Cell
from jpegtrace_training.study.conditions import Experiment

LEVEL = 0.95


@dataclass(frozen=True)
class Figure:
    """A mean over seeds.

    Attributes:
        mean: of the values.
        low: end of the interval; minus infinity where there is one seed only.
        high: the other end.
        seeds: how many.
    """

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def as_share(self) -> Figure:
        """The same with the interval cut to what a share can be; one seed stays without."""
        if math.isinf(self.low):
            return self
        return replace(self, low=max(self.low, 0.0), high=min(self.high, 1.0))

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Mean and interval; one value has no interval."""
        mean = float(np.mean(values))
        if len(values) < 2:
            return cls(mean, -math.inf, math.inf, len(values))
        half = float(student.ppf((1 + LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
        return cls(mean, mean - half, mean + half, len(values))

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"{self.mean:.3f} (one seed, no interval)"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Matrix:
    """What one network gives in one experiment.

    Attributes:
        experiment: which.
        network: id.
        classes: how many.
        cells: by training condition and seed; some may be missing where a study was stopped.
    """

    experiment: Experiment
    network: str
    classes: int
    cells: Mapping[tuple[str, int], Cell]

    @classmethod
    def of(cls, experiment: Experiment, network: str, classes: int, cells: Sequence[Cell]) -> Matrix:
        """Those of these cells that belong to it."""
        own = [cell for cell in cells if (cell.key.experiment, cell.key.network) == (experiment.id, network)]
        return cls(experiment, network, classes, {(cell.key.trained, cell.key.seed): cell for cell in own})

    @property
    def trained(self) -> tuple[str, ...]:
        """Training conditions with a cell at least, in order."""
        there = {trained for trained, _ in self.cells}
        return tuple(name for name in self.experiment.trained if name in there)

    def seeds(self, *trained: str) -> list[int]:
        """Seeds that have cells of all these conditions."""
        found = [{seed for name, seed in self.cells if name == one} for one in trained]
        return sorted(set.intersection(*found)) if found else []

    def values(self, trained: str, tested: str, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Accuracy for each of these seeds."""
        return np.array([self.cells[trained, seed].accuracy(tested) for seed in seeds])

    def figure(self, trained: str, tested: str) -> Figure:
        """Accuracy over all its seeds."""
        return Figure.of(self.values(trained, tested, self.seeds(trained)).tolist()).as_share

    def average(self, trained: str, tested: Sequence[str]) -> Figure:
        """Mean accuracy over several tests."""
        seeds = self.seeds(trained)
        return Figure.of(np.mean([self.values(trained, one, seeds) for one in tested], axis=0).tolist()).as_share

    def difference(self, first: tuple[str, Sequence[str]], second: tuple[str, Sequence[str]]) -> Figure:
        """Of mean accuracies, seed by seed: first less second."""
        seeds = self.seeds(first[0], second[0])
        sides = [
            np.mean([self.values(trained, one, seeds) for one in tested], axis=0) for trained, tested in (first, second)
        ]
        return Figure.of((sides[0] - sides[1]).tolist())

    def array(self) -> NDArray[np.float64]:
        """Means, (trained, tested)."""
        return np.array([[self.figure(row, col).mean for col in self.experiment.tested] for row in self.trained])
