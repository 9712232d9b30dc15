"""`manip-mper` (MPeR-Net): one network for each manipulation, 256x256 luminance, QF2 drawn from 50 to 90.

Adamax, 20 epochs at 1e-3 and 10 at 1e-4, cross-entropy and an L2 term of the first dense layer (III.C). The paper gives
no batch size; 32 here. See `jpegtrace_training.manipulations` for the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn, optim

from jpegtrace_training import manipulations
from jpegtrace_training.manipulations import TASKS
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.networks.manip_mper import ManipMper, penalty
from jpegtrace_training.recipe import Arrays, Batch, Recipe

PAPER = "MPeR-Net: manipulation parameter estimation in recompressed images"
EPOCHS, PATCHES = 30, 30_000  # patches of each class (IV.B)


def draw(
    pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int, *, task: str
) -> Arrays:
    """Luminance and class."""
    pixels, label, _ = manipulations.draw(pictures, task, count, rng, side=side, piece=2 * side)
    return {"pixels": pixels, "label": label}


def loss(model: ManipMper, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy and the L2 term."""
    entropy = nn.functional.cross_entropy(model(batch["pixels"].float()).float(), batch["label"])
    decay = penalty(model)
    return {"loss": entropy + decay, "cross_entropy": entropy, "penalty": decay}


def measure(model: ManipMper, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy and share of right answers."""
    logits = model(batch["pixels"].float()).float()
    entropy = nn.functional.cross_entropy(logits, batch["label"], reduction="none")
    return {"loss": entropy, "accuracy": (logits.argmax(1) == batch["label"]).float()}


def _adamax(parameters: Sequence[nn.Parameter], rate: float) -> optim.Optimizer:
    return torch.optim.Adamax(parameters, rate)


RECIPES = tuple(
    Recipe(
        id=f"manip-mper-{name}",
        title=f"parameter of a manipulation before the last compression: {name}",
        paper=PAPER,
        network=NETWORKS[f"manip-mper-{name}"],
        draw=partial(draw, task=name),
        loss=loss,
        measure=measure,
        better=("loss", "lower"),
        side=256,
        batch=32,
        rate=1e-3,
        published=EPOCHS * PATCHES * len(task.values),
        drop=2 / 3,
        optimiser=_adamax,
        least=256,
        smoke_side=64,
    )
    for name, task in TASKS.items()
)
