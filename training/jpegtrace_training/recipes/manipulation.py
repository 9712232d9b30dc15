"""`manipulation`: our own network for what was done before the last compression; see `operations` for the samples.

AdamW on the cross-entropy of the operation. Statistics cost more than steps: train with `--distinct`; they are in half
precision, because they are kept.

Its experts, `manipulation-PARAMETER`, learn the parameters from nothing but pieces that have them, in many passes over
few of them. Parameters between two points of the grid count for both, by their distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegtrace.manipulation import grid
from jpegtrace.manipulation.features import Features, describe, describe_parts
from jpegtrace.manipulation.grid import PARAMETERS
from jpegtrace.manipulation.layout import LARGEST, SMALLEST
from jpegtrace.manipulation.posterior import EXPERTS, FOR_OPERATION
from jpegtrace_training import operations
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.recipe import Arrays, Batch, Recipe

DECAY = 0.2
SIDES = ((2.0, 0.5), (1.5, 0.25), (1.0, 0.25))  # of the pieces of a batch over the side asked for, and how often


def extent_of(side: int, part: float) -> int:
    """Side of the pieces of a batch: what can be described."""
    return min(LARGEST, max(SMALLEST, int(side * part) // 8 * 8))


def draw(pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int) -> Arrays:
    """Features of pieces of one of several sizes, and pasts."""
    return _described(*operations.draw(pictures, count, rng, _extent(rng, side)), FOR_OPERATION.reads)


def draw_with(
    parameter: str, pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int
) -> Arrays:
    """Features of pieces with a parameter, each of one of several sizes, and pasts."""
    among = grid.CARRIED_BY[parameter]
    drawn = [operations.draw(pictures, 1, rng, _extent(rng, side), among) for _ in range(count)]
    samples, pasts = [samples[0] for samples, _ in drawn], [pasts[0] for _, pasts in drawn]
    expert = EXPERTS[parameter]
    if expert.traces:
        return _described(samples, pasts, expert.reads)
    # In full precision: the strongest noises differ by less than that of half floats.
    return {"values": np.stack([describe_parts(*sample, expert.reads) for sample in samples])} | _answers_of(pasts)


def _extent(rng: np.random.Generator, side: int) -> int:
    return extent_of(side, SIDES[int(rng.choice(len(SIDES), p=[share for _, share in SIDES]))][0])


def _described(samples: Sequence[operations.Sample], pasts: Sequence[operations.Past], names: Sequence[str]) -> Arrays:
    found = [describe(luma, table, names) for luma, table in samples]
    return {
        **{name: np.stack([getattr(one, name) for one in found]).astype(np.float16) for name in Features._fields},
        **_answers_of(pasts),
    }


def _answers_of(pasts: Sequence[operations.Past]) -> Arrays:
    return {
        "operation": np.array([past.operation for past in pasts]),
        "kernel": np.array([past.kernel for past in pasts]),
        **{name: np.array([getattr(past, name) for past in pasts], np.float32) for name in PARAMETERS},
    }


def _answers(model: nn.Module, batch: Batch, heads: Sequence[str] = FOR_OPERATION.heads) -> dict[str, Tensor]:
    found = model(*(batch[name].float() for name in ("values", *Features._fields) if name in batch))
    return dict(zip(heads, found, strict=True))


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


def _entropies(found: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy of every answer per sample."""
    parts = {}
    for name, answer in found.items():
        if name == "operation":
            parts[name] = nn.functional.nll_loss(answer, batch["operation"], reduction="none")
        elif name == "kernel":
            parts[name] = _kernel_entropy(found, batch)
        else:
            parts[name] = _entropy(answer, batch[name], PARAMETERS[name])
    return parts


def loss(model: nn.Module, batch: Batch, heads: Sequence[str] = FOR_OPERATION.heads) -> dict[str, Tensor]:
    """Mean cross-entropy of each answer, a parameter that is not there counting as 0, and their sum."""
    parts = {name: each.mean() for name, each in _entropies(_answers(model, batch, heads), batch).items()}
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def measure(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Share of right operations, and the loss per sample."""
    found = _answers(model, batch)
    right = (found["operation"].argmax(1) == batch["operation"]).float()
    return {"loss": _entropies(found, batch)["operation"], "accuracy": right}


def measure_with(parameter: str, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """The loss per sample, and how far the likeliest value is from the truth, in logarithms."""
    found = _answers(model, batch, EXPERTS[parameter].heads)
    points = torch.from_numpy(np.log(PARAMETERS[parameter])).to(found[parameter])
    distance = (points[found[parameter].argmax(1)] - torch.log(batch[parameter])).abs()
    return {"loss": torch.stack(list(_entropies(found, batch).values())).sum(0), "distance": distance}


_FOR_OPERATION = Recipe(
    id="manipulation",
    title="what was done to a picture before its last compression",
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
    optimiser=partial(torch.optim.AdamW, weight_decay=DECAY),
    least=128,
    sides="256x256, 192x192 and 128x128 pixels (a half, a quarter, a quarter)",
    smoke_side=64,
)
TITLES = {
    "factor": "by which factor, and by which interpolation, a resized picture was resized",
    "sigma": "how wide the Gaussian was that a blurred picture was blurred with",
    "size": "how large the window was that a median-filtered picture was filtered with",
    "noise": "how strong the noise was that a noisy picture was given",
}
RECIPES = (
    _FOR_OPERATION,
    *(
        replace(
            _FOR_OPERATION,
            id=f"manipulation-{parameter}",
            title=TITLES[parameter],
            network=NETWORKS[f"manipulation-{parameter}"],
            draw=partial(draw_with, parameter),
            loss=partial(loss, heads=expert.heads),
            measure=partial(measure_with, parameter),
            batch=128,
            published=1_000_000,
        )
        for parameter, expert in EXPERTS.items()
    ),
)
