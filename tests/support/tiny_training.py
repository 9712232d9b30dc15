"""A recipe of a few weights and a millisecond a step, and the command that trains it in a process of its own.

``python -m support.tiny_training FOLDER JSON`` with ``tests`` on the path; JSON holds `steps`, and where wanted
`plain`, `pause`, `settings` and `machine`. It prints what became of the run, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from jpegtrace_training.networks.network import Network
from jpegtrace_training.pictures import made
from jpegtrace_training.recipe import Recipe
from jpegtrace_training.trainer import Machine, Settings, train

SIDE = 8


class Tiny(Network):
    """Guesses the contrast; `plain` is without batch norm and dropout, which see their own process's samples only."""

    outputs = ("contrast",)

    def __init__(self, plain=False):
        super().__init__()
        self.filters = nn.Conv2d(3, 6, 3)
        self.norm = nn.Identity() if plain else nn.BatchNorm2d(6)
        self.drop = nn.Identity() if plain else nn.Dropout(0.3)
        self.last = nn.Linear(6, 1)

    def forward(self, pixels):
        maps = torch.relu(self.norm(self.filters(pixels / 255)))
        return self.last(self.drop(maps.mean((2, 3))))[:, 0]

    def example(self, count=2, seed=0):
        return {"pixels": torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 255}


def draw(pictures, count, rng, side):
    corners = rng.integers(0, np.array(pictures[0].shape[:2]) - side + 1, (count, 2))
    which = rng.integers(len(pictures), size=count)
    pixels = np.stack(
        [pictures[n][y : y + side, x : x + side] for n, (y, x) in zip(which, corners, strict=True)]
    ).transpose(0, 3, 1, 2)
    return {"pixels": pixels, "contrast": (pixels.std((1, 2, 3)) / 64).astype(np.float32)}


def loss(model, batch):
    error = ((model(batch["pixels"].float()).float() - batch["contrast"]) ** 2).mean()
    weight = sum(parameter.square().sum() for parameter in model.parameters())
    return {"loss": error + 1e-4 * weight, "error": error}


def measure(model, batch):
    off = model(batch["pixels"].float()).float() - batch["contrast"]
    return {"error": off**2, "right": (off.abs() < 0.1).float()}


def recipe(plain=False, pause=0.0, **changes):
    """The recipe; `pause` seconds pass while a batch is drawn."""

    def slow(*arguments):
        time.sleep(pause)
        return draw(*arguments)

    found = Recipe(
        id="tiny",
        title="contrast",
        paper="none",
        network=lambda: Tiny(plain),
        draw=slow if pause else draw,
        loss=loss,
        measure=measure,
        better=("error", "lower"),
        side=SIDE,
        batch=4,
        rate=1e-2,
        published=80,
        smoke_side=SIDE,
        smoke_rate=3e-2,
    )
    return replace(found, **changes)


def pictures():
    return made(3, 32, seed=5)


def settings(steps, **changes):
    return Settings(**{"samples": 4 * steps, "batch": 4, "rate": 1e-2, "side": SIDE, "seed": 3} | changes)


def main():
    torch.set_num_threads(1)
    folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    networks = []

    def network():
        networks.append(Tiny(options.get("plain", False)))
        return networks[-1]

    trained = train(
        recipe(pause=options.get("pause", 0.0), network=network),
        pictures(),
        folder,
        settings(options["steps"], **options.get("settings", {})),
        Machine(quiet=True, **options.get("machine", {})),
    )
    if "RANK" in os.environ:
        torch.save(networks[0].state_dict(), folder / f"rank-{os.environ['RANK']}.pt")
    told = {"step": trained.step, "finished": trained.finished, "figures": dict(trained.figures)}
    sys.stdout.write(json.dumps(told) + "\n")  # at once: processes share it


if __name__ == "__main__":
    main()
