"""`manipulation`: our own network for what was done before the last compression; see `operations` for the samples.

AdamW on the cross-entropy of the operation, and of each parameter where it is there. Parameters between two points of
the grid count for both, by their distance. Statistics cost more than steps: train with `--distinct`; they are in half
precision, because they are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegtrace.manipulation import grid
from jpegtrace.manipulation.features import Features, describe
from jpegtrace.manipulation.grid import PARAMETERS
from jpegtrace.manipulation.layout import LARGEST, SMALLEST
from jpegtrace_training import operations
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.networks.manipulation import HEADS
from jpegtrace_training.recipe import Arrays, Batch, Recipe

DECAY = 0.2
SIDES = ((2.0, 0.5), (1.5, 0.25), (1.0, 0.25))  # of the pieces of a batch over the side asked for, and how often


def extent_of(side: int, part: float) -> int:
    """Side of the pieces of a batch: what can be described."""
    return min(LARGEST, max(SMALLEST, int(side * part) // 8 * 8))


def draw(pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int) -> Arrays:
    """Features of pieces of one of several sizes, and pasts."""
    part = SIDES[int(rng.choice(len(SIDES), p=[share for _, share in SIDES]))][0]
    samples, pasts = operations.draw(pictures, count, rng, extent_of(side, part))
    found = [describe(luma, table) for luma, table in samples]
    return {
        **{name: np.stack([getattr(one, name) for one in found]).astype(np.float16) for name in Features._fields},
        "operation": np.array([past.operation for past in pasts]),
        "kernel": np.array([past.kernel for past in pasts]),
        **{name: np.array([getattr(past, name) for past in pasts], np.float32) for name in PARAMETERS},
    }


def _answers(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    found = model(*(batch[name].float() for name in Features._fields))
    return dict(zip(HEADS, found, strict=True))


def _entropy(answer: Tensor, true: Tensor, points: NDArray[np.float64]) -> Tensor:
    """Cross-entropy per sample; 0 where there is no such parameter."""
    known = ~true.isnan()
    weights = grid.spread(torch.where(known, true, torch.ones_like(true)).cpu().double().numpy(), points)
    target = torch.from_numpy(weights).to(answer)
    return -(target * answer).sum(1) * known


def _kernel_entropy(found: dict[str, Tensor], batch: Batch) -> Tensor:
    """Cross-entropy per sample; 0 where nothing was resized."""
    kernel = batch["kernel"]
    return nn.functional.nll_loss(found["kernel"], kernel.clamp(min=0), reduction="none") * (kernel >= 0)


def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Mean cross-entropy of all answers, a parameter that is not there counting as 0."""
    found = _answers(model, batch)
    parts = {"operation": nn.functional.nll_loss(found["operation"], batch["operation"])}
    parts["kernel"] = _kernel_entropy(found, batch).mean()
    for name, points in PARAMETERS.items():
        parts[name] = _entropy(found[name], batch[name], points).mean()
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def measure(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Share of right operations, the loss per sample, and what the factor adds to it."""
    found = _answers(model, batch)
    entropy = nn.functional.nll_loss(found["operation"], batch["operation"], reduction="none")
    right = (found["operation"].argmax(1) == batch["operation"]).float()
    parts = [_kernel_entropy(found, batch), *(_entropy(found[n], batch[n], points) for n, points in PARAMETERS.items())]
    return {"loss": entropy + torch.stack(parts).sum(0), "accuracy": right, "factor": parts[1]}


def _adamw(parameters: Sequence[nn.Parameter], rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, rate, weight_decay=DECAY)


RECIPE = Recipe(
    id="manipulation",
    title="what was done to a picture before its last compression, and with which parameter",
    paper="of this project, docs/manipulation.md; answers MPeR-Net",
    network=NETWORKS["manipulation"],
    draw=draw,
    loss=loss,
    measure=measure,
    better=("loss", "lower"),
    side=128,
    batch=32,
    rate=1e-3,
    published=4_000_000,
    optimiser=_adamw,
    least=128,
    sides="256x256, 192x192 and 128x128 pixels (a half, a quarter, a quarter)",
    smoke_side=64,
)
