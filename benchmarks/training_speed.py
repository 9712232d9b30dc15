"""How fast each recipe makes its samples, and how fast it learns from them: the slower of the two decides.

Run ``python benchmarks/training_speed.py [FOLDER] [--device cuda] [--workers N]`` where the extra [train] is installed;
it writes ``results/training_speed_DEVICE.csv``. FOLDER holds lossless RGB pictures; without it some are made. "Loader"
is the samples a second that the workers deliver while nothing else runs, "step" those that a training step takes from
memory (forward, backward, optimiser; 16-bit mixed precision where the column says so), at the side and batch of the
paper or, on a CPU, at a batch of 4; recipes that share a network share its figure. "Starved" says whether the step
would wait for the loader.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import islice
from pathlib import Path

import torch

from common import write_results
from jpegtrace_training import pictures as pictures_module
from jpegtrace_training.loading import Batches, loader
from jpegtrace_training.recipe import Recipe
from jpegtrace_training.recipes import find, recipes
from jpegtrace_training.trainer import PRECISIONS, on_device

SEED = 51
SECONDS = 2.0  # that each figure is measured for, at least
CPU_BATCH = 4


def loader_speed(recipe: Recipe, pictures: pictures_module.Pictures, batch: int, workers: int) -> float:
    """Samples a second of the loader alone."""
    batches = Batches(recipe.draw, pictures.training, batch, recipe.side, SEED)
    source = loader(batches, range(1_000_000), workers=workers, pinned=False)
    for _ in islice(source, max(1, workers)):
        pass  # the workers are up, kernels compiled
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        next(source)
        count += batch
    return count / (time.perf_counter() - begun)


def step_speed(
    recipe: Recipe, pictures: pictures_module.Pictures, batch: int, device: torch.device, precision: str
) -> float:
    """Samples a second of the step alone."""
    model = recipe.network().to(device)
    model.to(memory_format=torch.channels_last)
    optimiser = recipe.optimiser(list(model.parameters()), recipe.rate)
    samples = on_device(Batches(recipe.draw, pictures.training, batch, recipe.side, SEED)[0], device)

    def step() -> None:
        with torch.autocast(device.type, PRECISIONS["bf16"], enabled=precision == "bf16"):
            loss = recipe.loss(model, samples)["loss"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    step()
    wait()
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        step()
        wait()
        count += batch
    return count / (time.perf_counter() - begun)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="lossless RGB pictures")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--recipe", action="append", help="only this; may be repeated")
    parser.add_argument("--precision", action="append", choices=tuple(PRECISIONS), help="only this; may be repeated")
    given = parser.parse_args()
    device = torch.device(given.device)
    rows = []
    steps: dict[tuple[object, ...], float] = {}
    for recipe in map(find, given.recipe) if given.recipe else recipes().values():
        if given.folder:
            pictures = pictures_module.read([given.folder], least=recipe.least)
        else:
            pictures = pictures_module.made(4, max(recipe.least, 768), SEED)
        batch = CPU_BATCH if device.type == "cpu" else recipe.batch
        delivered = loader_speed(recipe, pictures, batch, given.workers)
        for precision in given.precision or PRECISIONS:
            model = recipe.network()
            alike = type(model), sum(weights.numel() for weights in model.parameters()), recipe.side, batch, precision
            if alike not in steps:
                steps[alike] = step_speed(recipe, pictures, batch, device, precision)
            taken = steps[alike]
            rows.append(
                {
                    "recipe": recipe.id,
                    "side": recipe.side,
                    "batch": batch,
                    "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
                    "threads": torch.get_num_threads(),
                    "workers": given.workers,
                    "precision": precision,
                    "loader_samples_per_second": f"{delivered:.1f}",
                    "step_samples_per_second": f"{taken:.1f}",
                    "starved": "yes" if delivered < taken else "no",
                    "published_samples": recipe.published,
                    "hours_for_published": f"{recipe.published / min(delivered, taken) / 3600:.1f}",
                    "pictures": pictures.described,
                    "torch": torch.__version__,
                }
            )
            print(
                recipe.id,
                precision,
                rows[-1]["loader_samples_per_second"],
                rows[-1]["step_samples_per_second"],
                flush=True,
            )
    write_results(f"training_speed_{device.type}", rows, seed=SEED)


if __name__ == "__main__":
    main()
