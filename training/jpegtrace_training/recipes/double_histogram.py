"""`double-histogram`: our own network for once or twice on one grid; the histories of `djpeg`.

Windows of 256, 128 and 64 pixels a side. AdamW on the cross-entropy. Samples are a tenth of the cost of those that need
pixels, but cost more than steps: `--distinct` pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from jpegtrace.lattice.histograms import counts_of
from jpegtrace_training.histories import MARGIN
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.recipe import Arrays, Batch, Recipe
from jpegtrace_training.recipes.djpeg import compressed

PARTS = (1, 2, 4)  # of the side: every compressed picture gives a window of each
DECAY = 0.02


def draw(pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int) -> Arrays:
    """Histograms of windows, the last table, label 0 once, 1 twice."""
    batch, twice = compressed(pictures, -(-count // len(PARTS)), rng, side, shifted=False)
    counts = []
    for luma in batch.luma:
        for part in PARTS:
            blocks = luma.shape[0] // part
            top, left = rng.integers(0, luma.shape[0] - blocks + 1, 2)
            counts.append(counts_of(luma[top : top + blocks, left : left + blocks]))
    return {
        "counts": np.stack(counts[:count]).astype(np.float16),
        "table": np.repeat(batch.last_tables[:, 0].reshape(-1, 64), len(PARTS), 0)[:count].astype(np.float32),
        "twice": np.repeat(twice, len(PARTS))[:count].astype(np.float32),
    }


def _entropy(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    odds = model(batch["counts"].float(), batch["table"].float()).float()
    return odds, functional.binary_cross_entropy_with_logits(odds, batch["twice"].float(), reduction="none")


def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy."""
    return {"loss": _entropy(model, batch)[1].mean()}


def measure(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy and share of right answers."""
    odds, entropy = _entropy(model, batch)
    return {"loss": entropy, "accuracy": ((odds > 0) == (batch["twice"] > 0.5)).float()}


RECIPE = Recipe(
    id="double-histogram",
    title="once or twice on one grid, from histograms of stored coefficients and the table",
    paper="of this project, docs/engine.md; answers Park 2018",
    network=NETWORKS["double-histogram"],
    draw=draw,
    loss=loss,
    measure=measure,
    better=("loss", "lower"),
    side=256,
    batch=256,
    rate=2e-3,
    published=2_000_000,
    optimiser=partial(torch.optim.AdamW, weight_decay=DECAY),
    least=256 + MARGIN,
    sides="256x256, 128x128 and 64x64 pixels, as many of each",
)
