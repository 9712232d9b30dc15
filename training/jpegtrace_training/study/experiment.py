"""All trainings of a study, one after the other; what is done already is taken from the folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from jpegtrace.errors import UsageError
from jpegtrace_training.study.cells import Cell, Key, Store
from jpegtrace_training.study.conditions import (
    AUGMENTED,
    GRID_QUALITY,
    Experiment,
    at_quality,
    cut_for_test,
    cut_for_training,
)
from jpegtrace_training.study.dataset import Dataset
from jpegtrace_training.study.networks.pretrained import begin_with
from jpegtrace_training.study.networks.registry import Architecture, Detector
from jpegtrace_training.study.splits import Split, split
from jpegtrace_training.study.training import Labelled, Schedule, accuracies, train

Watch = Callable[[Cell, bool, int, int], None]  # a cell, whether it was done before, its number, of how many


@dataclass(frozen=True)
class Plan:
    """Which trainings.

    Attributes:
        experiments: to make.
        networks: to train.
        seeds: of each.
        patch: side of the patches.
        schedule: of each training.
        augmented: whether to train with augmentation, too.
        only: training conditions to keep; all where empty.
        weights: state dicts to begin with, by id of the network.
        device: of PyTorch.
    """

    experiments: Sequence[Experiment]
    networks: Sequence[Architecture]
    seeds: Sequence[int]
    patch: int
    schedule: Schedule
    augmented: bool = True
    only: Sequence[str] = ()
    weights: Mapping[str, Mapping[str, Tensor]] | None = None
    device: str = "cpu"

    @property
    def keys(self) -> list[Key]:
        """All cells; a seed is complete before the next begins, so that a study that was stopped tells something."""
        return [
            Key(experiment.id, network.id, trained, seed)
            for seed in self.seeds
            for network in self.networks
            for experiment in self.experiments
            for trained in self.trained(experiment)
        ]

    def trained(self, experiment: Experiment) -> list[str]:
        """Training conditions of an experiment."""
        return [
            name
            for name in experiment.trained
            if (name in self.only if self.only else self.augmented or name != AUGMENTED)
        ]


@dataclass(frozen=True)
class _Pictures:
    """Pictures of a data set, and the same after compression, which is done once."""

    dataset: Dataset

    @cached_property
    def original(self) -> list[np.ndarray]:
        return [sample.pixels for sample in self.dataset.samples]

    @cached_property
    def compressed(self) -> list[np.ndarray]:
        return [at_quality(pixels, GRID_QUALITY) for pixels in self.original]


def sides_of(dataset: Dataset, seed: int) -> Split:
    """The sources that a seed's trainings learn from, choose by and are tested on.

    Raises:
        UsageError: a label has no picture on one of the sides.
    """
    sides = split([(sample.source, sample.label) for sample in dataset.samples], seed)
    for side in fields(sides):
        there = {sample.label for sample in dataset.samples if sample.source in getattr(sides, side.name)}
        if missing := [name for label, name in enumerate(dataset.labels) if label not in there]:
            raise UsageError(
                f"with seed {seed} no source of {missing[0]!r} is on the side for {side.name}: sources with the same "
                "labels are divided among themselves, and there are too few of those; add pictures or correct --sources"
            )
    return sides


def run_cells(dataset: Dataset, plan: Plan, store: Store, watch: Watch | None = None) -> list[Cell]:
    """Every training of the plan, in order.

    Args:
        dataset: labelled pictures.
        plan: which trainings.
        store: where cells are kept.
        watch: called with every cell when it is there.
    """
    pictures = _Pictures(dataset)
    experiments = {one.id: one for one in plan.experiments}
    networks = {one.id: one for one in plan.networks}
    found = []
    for number, key in enumerate(plan.keys, 1):
        cell = store.find(key)
        done = cell is not None
        if cell is None:
            cell = _cell(key, pictures, experiments[key.experiment], networks[key.network], plan)
            store.keep(cell)
        found.append(cell)
        if watch:
            watch(cell, done, number, len(plan.keys))
    return found


def _cell(key: Key, pictures: _Pictures, experiment: Experiment, network: Architecture, plan: Plan) -> Cell:
    """One training and its tests: a function of pictures, plan and key alone."""
    begun, core = time.monotonic(), time.process_time()
    dataset, patch, schedule = pictures.dataset, plan.patch, plan.schedule
    sides = sides_of(dataset, key.seed)
    tested = pictures.compressed if experiment.compressed else pictures.original
    # Augmentation compresses by itself, so it begins with the pictures as they are.
    learnt = pictures.original if key.trained == AUGMENTED else tested

    def side(pixels: Sequence[np.ndarray], sources: frozenset[str]) -> Labelled:
        chosen = [index for index, sample in enumerate(dataset.samples) if sample.source in sources]
        labels = np.array([dataset.samples[index].label for index in chosen], np.int64)
        return Labelled(
            [pixels[index] for index in chosen], labels, [dataset.samples[index].source for index in chosen]
        )

    torch.manual_seed(key.seed)
    model = Detector(network, len(dataset.labels))
    if plan.weights and network.id in plan.weights:
        begin_with(model, network, plan.weights[network.id])
    told = train(
        model,
        side(learnt, sides.training),
        side(learnt, sides.validation),
        cut_for_training(key.trained, patch),
        patch,
        schedule,
        key.seed,
        plan.device,
    )
    test = side(tested, sides.test)
    classes = len(dataset.labels)
    tests = {
        name: tuple(
            round(share, 6)
            for share in accuracies(
                model, test, cut_for_test(name), patch, schedule.tested, key.seed, classes, plan.device
            )
        )
        for name in experiment.tested
    }
    spent = (round(time.monotonic() - begun, 2), round(time.process_time() - core, 2))
    return Cell(key, tests, told.epochs, told.best, told.early, told.seen, *spent)
