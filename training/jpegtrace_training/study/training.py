"""One training, as in the paper: Adam, cross-entropy, a rate that drops where the loss does not, early stopping.

The rate is divided by 10 whenever the validation loss has not decreased for `patience` epochs, training ends when it
has not for more than twice as many, and the weights with the least validation loss are taken. The paper's patience is
10. An epoch sees a new patch of every training picture, or several. Where a source has pictures of several labels they
are cut at one place and stand side by side in a batch, as pairs do in steganalysis: what differs between them is the
trace alone, which makes it visible to a short training. On a CPU with one number of threads, seed and pictures decide
everything.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegtrace.errors import JpegtraceError, UsageError
from jpegtrace_training.study.conditions import Cut, patches

Pixels = NDArray[np.uint8]
TRAINING, VALIDATION, TEST = 0, 1, 2  # streams of the seeds
ASKED_AT_ONCE = 256


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        rate: of Adam, at first.
        batch: patches a step.
        patience: epochs without a better validation loss after which the rate drops; after twice as many it ends.
        epochs: at most.
        each: patches of a training picture in an epoch.
        validated: patches of a validation picture.
        tested: patches of a test picture.
    """

    rate: float = 1e-3
    batch: int = 48
    patience: int = 10
    epochs: int = 500
    each: int = 1
    validated: int = 2
    tested: int = 4


@dataclass(frozen=True)
class Labelled:
    """Pictures of one side of a split.

    Attributes:
        pictures: uint8 RGB.
        labels: of each.
        sources: of each.
    """

    pictures: Sequence[Pixels]
    labels: NDArray[np.int64]
    sources: Sequence[str]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Pictures that stay together: those of a source with several labels; every other is its own group."""
        by_source: dict[str, list[int]] = {}
        for index, source in enumerate(self.sources):
            by_source.setdefault(source, []).append(index)
        found: list[list[int]] = []
        for members in by_source.values():
            mixed = len({int(self.labels[index]) for index in members}) > 1
            found += [members] if mixed else [[index] for index in members]
        return found

    def drawn(self, cut: Cut, side: int, each: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """So many patches of each picture with their labels; groups in a random order, each cut at one place."""
        order: list[int] = []
        seeds: list[int] = []
        for group in np.concatenate([rng.permutation(len(self.groups)) for _ in range(each)]):
            members = self.groups[group]
            order += members
            seeds += [int(rng.integers(2**62))] * len(members)
        return torch.from_numpy(patches(self.pictures, order, seeds, cut, side)), torch.from_numpy(self.labels[order])


@dataclass(frozen=True)
class Trained:
    """How a training went; the model has the best weights.

    Attributes:
        epochs: done.
        best: the epoch whose weights were taken, from 1.
        loss: validation loss of these.
        early: whether the loss ended it, and not the largest number of epochs.
        rates: of the epochs.
        seconds: of the wall clock.
        core_seconds: of the processor.
        seen: patches that it learnt from.
    """

    epochs: int
    best: int
    loss: float
    early: bool
    rates: tuple[float, ...]
    seconds: float
    core_seconds: float
    seen: int


def train(
    model: nn.Module,
    training: Labelled,
    validation: Labelled,
    cut: Cut,
    side: int,
    schedule: Schedule,
    seed: int,
    device: str = "cpu",
) -> Trained:
    """Train a model in place.

    Args:
        model: uint8 pixels (n, 3, side, side) to scores.
        training: to learn from.
        validation: to choose by.
        cut: of both.
        side: of the patches.
        schedule: how long.
        seed: of patches, order and dropout; the weights are those that the model has.
        device: of PyTorch.

    Raises:
        JpegtraceError: the loss is no finite number any more.
    """
    begun, core = time.monotonic(), time.process_time()
    torch.manual_seed(seed)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
    optimiser = torch.optim.Adam(model.parameters(), schedule.rate)
    checks = validation.drawn(cut, side, schedule.validated, np.random.default_rng([VALIDATION, seed]))
    best, best_loss, best_epoch, dropped, seen = state_of(model), np.inf, 0, 0, 0
    rates: list[float] = []
    while len(rates) < schedule.epochs and len(rates) - best_epoch <= 2 * schedule.patience:
        rates.append(optimiser.param_groups[0]["lr"])
        seen += _epoch(
            model, optimiser, training, cut, side, schedule, np.random.default_rng([TRAINING, seed, len(rates)]), device
        )
        loss = _loss(model, *checks, device)
        if not np.isfinite(loss):
            raise JpegtraceError(f"the validation loss is {loss} after {len(rates)} epochs; take a lower rate")
        if loss < best_loss:
            best, best_loss, best_epoch = state_of(model), loss, len(rates)
        elif len(rates) - max(best_epoch, dropped) >= schedule.patience:
            optimiser.param_groups[0]["lr"] /= 10
            dropped = len(rates)
    model.load_state_dict(best)
    early = len(rates) - best_epoch > 2 * schedule.patience
    spent = (time.monotonic() - begun, time.process_time() - core)
    return Trained(len(rates), best_epoch, best_loss, early, tuple(rates), *spent, seen)


def accuracies(
    model: nn.Module, test: Labelled, cut: Cut, side: int, each: int, seed: int, classes: int, device: str = "cpu"
) -> list[float]:
    """Share of the patches of each class that are told right; their mean is the paper's figure.

    Raises:
        UsageError: there is nothing to test on of a class.
    """
    if missing := sorted(set(range(classes)) - set(test.labels.tolist())):
        raise UsageError(
            f"there is no test picture of label {missing[0] + 1} of {classes}, so no accuracy can be told of it; a "
            "study needs sources of every label on every side"
        )
    pixels, labels = test.drawn(cut, side, each, np.random.default_rng([TEST, seed]))
    told = scores(model, pixels, device).argmax(1)
    return [float((told[labels == label] == label).float().mean()) for label in range(classes)]


@torch.no_grad()
def scores(model: nn.Module, pixels: Tensor, device: str = "cpu") -> Tensor:
    """What the model says of patches."""
    model.eval()
    return torch.cat([model(some.to(device)).float().cpu() for some in pixels.split(ASKED_AT_ONCE)])


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _epoch(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    training: Labelled,
    cut: Cut,
    side: int,
    schedule: Schedule,
    rng: np.random.Generator,
    device: str,
) -> int:
    """Learn from the patches of an epoch; from how many."""
    model.train()
    seen = 0
    pixels, labels = training.drawn(cut, side, schedule.each, rng)
    # The last patches wait for another epoch where they are too few for the statistics of a batch.
    for some, told in zip(pixels.split(schedule.batch), labels.split(schedule.batch), strict=True):
        if len(some) < min(schedule.batch, len(pixels)) // 2 + 1:
            break
        loss = nn.functional.cross_entropy(model(some.to(device)), told.to(device))
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        seen += len(some)
    return seen


def _loss(model: nn.Module, pixels: Tensor, labels: Tensor, device: str) -> float:
    return float(nn.functional.cross_entropy(scores(model, pixels, device), labels))
