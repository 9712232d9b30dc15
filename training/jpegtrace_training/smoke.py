"""A trial of a minute: a recipe's own samples, network, losses and export, small and on made pictures.

It trains on one batch over and over, where the loss has to fall if anything is learnt at all, and exports what came
out. It tells that the parts work together, nothing about figures.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from jpegtrace.errors import JpegtraceError
from jpegtrace_training.networks.export import to_onnx
from jpegtrace_training.pictures import made
from jpegtrace_training.recipe import Arrays, Recipe
from jpegtrace_training.trainer import Machine, Settings, train

PICTURES = 4
FALLEN = 0.9  # the last losses over the first ones, at most
QUARTERS = 4


class SmokeFailed(JpegtraceError, RuntimeError):
    """A recipe does not learn, or its network is exported wrongly."""


def smoke(recipe: Recipe, *, seed: int = 0, folder: Path | None = None) -> str:
    """Train, check, export; what was seen, in a sentence.

    Args:
        recipe: to try.
        seed: of everything.
        folder: where the run is kept; a temporary one where not given.

    Raises:
        SmokeFailed: the loss did not fall, or the exported network answers otherwise than the trained one.
        JpegtraceError: the loss is no finite number.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return smoke(recipe, seed=seed, folder=Path(temporary))
    begun = time.monotonic()
    pictures = made(PICTURES, max(recipe.least, 2 * recipe.smoke_side), seed)

    def one_batch(there: Sequence[NDArray[np.uint8]], count: int, _: np.random.Generator, side: int) -> Arrays:
        return recipe.draw(there, count, np.random.default_rng(seed), side)

    settings = Settings(
        samples=recipe.smoke_steps * recipe.smoke_batch,
        batch=recipe.smoke_batch,
        rate=recipe.smoke_rate,
        side=recipe.smoke_side,
        seed=seed,
    )
    machine = Machine(check_every=recipe.smoke_steps // QUARTERS, checks=1, quiet=True)
    train(replace(recipe, draw=one_batch), pictures, folder, settings, machine)
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream)]
    if losses[-1] >= FALLEN * losses[0]:
        raise SmokeFailed(f"{recipe.id}: the loss went from {losses[0]:.4g} to {losses[-1]:.4g}: it does not learn")
    model = recipe.network()
    model.load_state_dict(torch.load(folder / "last.pt", weights_only=True)["model"])
    try:
        difference = to_onnx(model, model.example(count=1), folder / f"{recipe.id}.onnx", model.outputs)
    except RuntimeError as error:
        raise SmokeFailed(f"{recipe.id}: {error}") from error
    return (
        f"{recipe.id}: the loss fell from {losses[0]:.4g} to {losses[-1]:.4g} in {recipe.smoke_steps} steps, the "
        f"exported network differs by {difference:.1e}, {time.monotonic() - begun:.0f} s"
    )
