"""`q1-dense` and `q1-dense-reg` (Tondi 2021, Niu 2019), for a last quality of 90 and of 80, and the authors' variants.

Patches of 64x64 pixels; QF1 uniform over 60..98 for QF2 = 90, over 55..98 for 80; the grids shifted by any of the 64
shifts, aligned included (4.2); 4:2:0 as OpenCV writes it. The authors' code feeds luminance instead of R, G, B.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegtrace.chain import DoubleDistribution, random_double
from jpegtrace.chain.filters import luma_of
from jpegtrace.tables import ZIGZAG
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.networks.q1_dense import (
    ENTRIES,
    log_cosh,
    read,
    read_rounded,
    refined_loss,
    refined_loss_of_code,
    squared_error,
)
from jpegtrace_training.recipe import Arrays, Batch, Recipe

FIRST = {90: (60, 98), 80: (55, 98)}
PAPER = "Tondi, Costanzo, Huang, Li, Boosting CNN-based primary quantization matrix estimation, 2021"
PREDECESSOR = "Niu, Tondi, Zhao, Barni, Primary quantization matrix estimation of double compressed JPEG images, 2019"
PATCHES = {90: 3_900_000, 80: 4_400_000}  # of 4.2
EPOCHS = 100


def draw(
    pictures: Sequence[NDArray[np.uint8]],
    count: int,
    rng: np.random.Generator,
    side: int,
    *,
    last: int,
    luminance: bool,
) -> Arrays:
    """Decoded patches, and the first 15 entries of their first table."""
    distribution = DoubleDistribution(first_quality=FIRST[last], last_quality=(last, last))
    batch = random_double(pictures, count, rng, distribution, patch=side)
    pixels = batch.pixels()
    planes = luma_of(pixels)[:, None] if luminance else pixels.transpose(0, 3, 1, 2)
    return {
        "pixels": planes,
        "first": batch.first_tables[:, 0].reshape(count, 64)[:, ZIGZAG[:ENTRIES]].astype(np.int64),
    }


def loss(model: nn.Module, batch: Batch, *, of: Callable[[Tensor, Tensor], Tensor]) -> dict[str, Tensor]:
    """The paper's loss."""
    return {"loss": of(model(batch["pixels"].float()).float(), batch["first"])}


def measure(model: nn.Module, batch: Batch, *, reading: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """AvgAcc and AvgMSE of the paper."""
    found = reading(model(batch["pixels"].float()).float())
    off = (found - batch["first"]).float()
    return {"accuracy": (off == 0).float().mean(1), "squared_error": (off**2).mean(1)}


def _recipe(name: str, last: int, paper: str, of: Callable[[Tensor, Tensor], Tensor], regression: bool) -> Recipe:
    return Recipe(
        id=name if last == 90 else name.replace("q1-dense", f"q1-dense-{last}"),
        title=f"first quantization table of a 64x64 patch whose last quality is {last}",
        paper=paper,
        network=NETWORKS[name],
        draw=partial(draw, last=last, luminance=name.endswith("-code")),
        loss=partial(loss, of=of),
        measure=partial(measure, reading=read_rounded if regression else read),
        better=("squared_error", "lower") if regression else ("accuracy", "higher"),
        side=64,
        batch=32,
        rate=1e-5,
        published=PATCHES[last] * EPOCHS,
        least=128,
        smoke_side=32,
    )


RECIPES = tuple(
    _recipe(name, last, paper, of, regression)
    for last in (90, 80)
    for name, paper, of, regression in (
        ("q1-dense", PAPER, refined_loss, False),
        ("q1-dense-code", PAPER, refined_loss_of_code, False),
        ("q1-dense-reg", PREDECESSOR, squared_error, True),
        ("q1-dense-reg-code", PREDECESSOR, log_cosh, True),
    )
)
