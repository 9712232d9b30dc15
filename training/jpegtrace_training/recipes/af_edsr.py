"""`af-edsr` (Kim 2021): one network for each of the qualities 50, 60, 70, 80, 90; grey 256x256 pixels.

The input is the decode without rounding or truncation; the weights are chosen by histogram and deblocking losses on
held-out pictures (IV-A3), not by the total. The losses are always in full precision, for the soft histogram sees a
hundredth of a level; with mixed precision the residual blocks are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegtrace.chain.codec import compress
from jpegtrace.chain.filters import luma_of
from jpegtrace.errors import UsageError
from jpegtrace.tables import ijg_table
from jpegtrace_training.histories import draw_piece
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.networks.af_edsr import WEIGHTS, AfEdsr, inverse_dct, losses, squared_error
from jpegtrace_training.recipe import Arrays, Batch, Recipe

PAPER = "Kim, Ahn, Lee, End-to-end anti-forensics network of single and double JPEG detection, IEEE Access 2021"
QUALITIES = (50, 60, 70, 80, 90)
LEVEL_SHIFT = 128
RESCALED = 0.5


def draw(
    pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int, *, quality: int
) -> Arrays:
    """Luminance of pieces, and the coefficients that are stored of it."""
    if side % 8:
        raise UsageError(f"the side must be a multiple of 8, not {side}")
    table = ijg_table(quality)
    target = np.empty((count, 1, side, side), np.uint8)
    stored = np.empty((count, side // 8, side // 8, 64), np.int16)
    for index in range(count):
        target[index, 0] = luma_of(draw_piece(pictures[int(rng.integers(len(pictures)))], side, rng, RESCALED))
        stored[index] = compress(target[index, 0], table).luma.reshape(stored.shape[1:])
    return {
        "target": target,
        "stored": stored.transpose(0, 3, 1, 2),
        "table": np.broadcast_to(table.astype(np.float32), (count, 8, 8)),
    }


def _decoded(batch: Batch) -> Tensor:
    """Grey levels of the stored coefficients, neither rounded nor truncated."""
    return inverse_dct(batch["stored"].float() * batch["table"].flatten(1)[:, :, None, None]) + LEVEL_SHIFT


def loss(model: AfEdsr, batch: Batch) -> dict[str, Tensor]:
    """Eq. 3 with its terms."""
    target = batch["target"].float()
    with torch.autocast(target.device.type, enabled=False):
        pixels = _decoded(batch)
    before = model.reconstruct(pixels)
    with torch.autocast(target.device.type, enabled=False):
        found = losses(before, model.constrain(before, pixels, batch["table"]), target, pixels)
    return {"loss": found.pop("total"), **found}


def measure(model: AfEdsr, batch: Batch) -> dict[str, Tensor]:
    """The losses that weights are chosen by, and the gain in PSNR over the JPEG, both as they are saved."""
    target = batch["target"].float()
    with torch.autocast(target.device.type, enabled=False):
        pixels = _decoded(batch)
        before = model.reconstruct(pixels)
        picture = model.constrain(before, pixels, batch["table"])
        terms = losses(before, picture, target, pixels)
    undetected = WEIGHTS["histogram"] * terms["histogram"] + WEIGHTS["deblocking"] * terms["deblocking"]
    whole = {"undetectability_loss": undetected, "loss": terms["total"]}
    gain = _psnr(picture, target) - _psnr(pixels, target)
    return {"psnr_gain": gain} | {name: value.expand(len(target)) for name, value in whole.items()}


def _psnr(picture: Tensor, target: Tensor) -> Tensor:
    return -10 * squared_error(picture.clamp(0, 255).round(), target).clamp(min=1e-10).log10()


RECIPES = tuple(
    Recipe(
        id=f"af-edsr-{quality}",
        title=f"hides that a picture was JPEG of quality {quality}",
        paper=PAPER,
        network=NETWORKS["af-edsr"],
        draw=partial(draw, quality=quality),
        loss=loss,
        measure=measure,
        better=("undetectability_loss", "lower"),
        side=256,
        batch=16,
        rate=1e-4,
        published=10 * 64_000,
        akin=tuple(f"af-edsr-{other}" for other in QUALITIES if other != quality),
        least=256,
        smoke_rate=2e-4,  # it begins near the answer
        smoke_batch=1,
        smoke_steps=32,
    )
    for quality in QUALITIES
)
