"""`double-histogram`: our own network for once or twice on one grid; the histories of `djpeg`.

Windows of 256, 128 and 64 pixels a side, of colour and grey. AdamW on the cross-entropy of once and twice, and a share
of that of once and each first table: what teaches which evidence belongs together. Samples are a tenth of the cost of
those that need pixels, but cost more than steps: `--distinct` pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from jpegtrace.lattice.histograms import Window, evidence_of
from jpegtrace.tables import usual_tables
from jpegtrace_training.histories import MARGIN, QUALITY, chroma_of
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.networks.double_histogram import DoubleHistogram
from jpegtrace_training.recipe import Arrays, Batch, Recipe
from jpegtrace_training.recipes.djpeg import compressed

PARTS = (1, 2, 4)  # of the side: every compressed picture gives a window of each
SUBSAMPLINGS = (  # of the first and the last compression of a batch, and how often
    (("420", "420"), 0.5),
    (("444", "444"), 0.2),
    (("422", "422"), 0.1),
    (("420", "444"), 0.1),
    (("444", "420"), 0.1),
)
CHROMA_SHIFTED = 0.2
GREY = 0.15
DECAY = 0.02
WHICH = 0.3  # weight of the entropy of first tables
ONCE = -1  # in place of the number of a first table
HALF = 6e4  # what half floats hold


def draw(pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int) -> Arrays:
    """Histograms of windows, last tables, evidence, label 0 once, 1 twice, and which of `usual_tables` was first."""
    pair, _ = SUBSAMPLINGS[int(rng.choice(len(SUBSAMPLINGS), p=[share for _, share in SUBSAMPLINGS]))]
    batch, twice = compressed(
        pictures, -(-count // len(PARTS)), rng, side, shifted=False, subsamplings=pair, chroma_shifted=CHROMA_SHIFTED
    )
    windows = []
    for index, luma in enumerate(batch.luma):
        chroma = None if rng.random() < GREY else chroma_of(batch, index)
        for part in PARTS:
            size = luma.shape[0] // part
            top, left = (int(corner) for corner in rng.integers(0, luma.shape[0] - size + 1, 2))
            here = None if chroma is None else chroma.beside(top, left, size, size)
            windows.append(Window(luma[top : top + size, left : left + size], batch.last_tables[index, 0], here))
    windows = windows[:count]
    known = {table.tobytes(): index for index, table in enumerate(usual_tables(QUALITY))}
    tables_before = zip(batch.first_tables, twice, strict=True)
    first = np.array([known[table.tobytes()] if before else ONCE for table, before in tables_before])
    return {
        "counts": np.stack([window.counts for window in windows]).astype(np.float16),
        "tables": np.stack([window.tables for window in windows]),
        "evidence": evidence_of(windows).clip(-HALF, HALF).astype(np.float16),
        "twice": np.repeat(twice, len(PARTS))[:count].astype(np.float32),
        "first": np.repeat(first, len(PARTS))[:count],
    }


def _entropy(model: DoubleHistogram, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    odds, tables = model.answers(batch["counts"].float(), batch["tables"].float(), batch["evidence"].float())
    entropy = functional.binary_cross_entropy_with_logits(odds.float(), batch["twice"].float(), reduction="none")
    return odds, tables, entropy


def loss(model: DoubleHistogram, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy of once and twice, and with a weight of once and every first table."""
    _, tables, entropy = _entropy(model, batch)
    every = functional.pad(tables.float(), (1, 0))  # once, at even odds, before the tables
    which = functional.cross_entropy(every, batch["first"].long() + 1)
    return {"loss": entropy.mean() + WHICH * which, "cross_entropy": entropy.mean(), "which_table": which}


def measure(model: DoubleHistogram, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy and share of right answers."""
    odds, _, entropy = _entropy(model, batch)
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
