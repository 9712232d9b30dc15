"""Train a recipe: ``jpegtrace train RECIPE``, ``python -m jpegtrace_training RECIPE``, or under ``torchrun``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from jpegtrace.errors import JpegtraceError, UsageError
from jpegtrace_training import pictures as pictures_module
from jpegtrace_training.recipe import Recipe
from jpegtrace_training.recipes import find, recipes
from jpegtrace_training.trainer import PRECISIONS, SCHEDULES, Machine, Settings, train


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(prog="jpegtrace train", description="Train one of the networks, or go on with it.")
    made.add_argument("recipe", nargs="?", help="what to train; without it, what there is")
    made.add_argument("--pictures", type=Path, action="append", default=[], metavar="FOLDER",
                      help="folder of lossless RGB pictures; may be repeated")  # fmt: skip
    made.add_argument("--run", type=Path, metavar="FOLDER", help="checkpoints and metrics; a run that is there goes on")
    made.add_argument("--begin", type=Path, metavar="FILE",
                      help="best.pt or last.pt of another run of the recipe, whose weights to begin with")  # fmt: skip
    made.add_argument("--smoke", action="store_true", help="a trial of a minute on made pictures, which checks itself")
    made.add_argument("--samples", type=int, help="samples to see in all; as published where not given")
    made.add_argument("--batch", type=int, help="samples a step; as published where not given")
    made.add_argument("--distinct", type=int, default=0, metavar="BATCHES",
                      help="draw so many and keep them in the run's folder, then take them again")  # fmt: skip
    made.add_argument("--rate", type=float, help="learning rate; as published where not given")
    made.add_argument("--schedule", choices=SCHEDULES, default="published", help="of the rate; cosine ends at 0")
    made.add_argument("--clip", type=float, default=0.0, help="largest norm of the gradient")
    made.add_argument("--side", type=int, help="of the samples in pixels; as published where not given")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    made.add_argument("--precision", choices=tuple(PRECISIONS), help="bf16 on CUDA, else fp32, where not given")
    made.add_argument("--workers", type=int, default=0, help="processes that make samples")
    made.add_argument("--threads", type=int, help="of PyTorch on a CPU")
    made.add_argument("--compile", action="store_true", help="use torch.compile")
    made.add_argument("--minutes", type=float, default=0.0, help="stop after so many, with a checkpoint")
    made.add_argument("--check-every", type=int, default=0, metavar="STEPS", help="held-out figures so often")
    made.add_argument("--checks", type=int, default=4, metavar="BATCHES", help="held-out batches")
    made.add_argument("--save-every", type=float, default=60.0, metavar="SECONDS", help="checkpoints so often")
    made.add_argument("--quiet", action="store_true", help="no lines of progress")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    options = parser().parse_args(arguments)
    try:
        if options.threads is not None:
            if options.threads < 1:
                raise UsageError("threads must be at least 1")
            torch.set_num_threads(options.threads)
        if options.recipe is None:
            known = recipes()
            for recipe in known.values():
                print(f"{recipe.id:{max(map(len, known))}}  {recipe.title}")
            return 0
        _run(find(options.recipe), options)
    except UsageError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except JpegtraceError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(recipe: Recipe, options: argparse.Namespace) -> None:
    if options.smoke:
        from jpegtrace_training.smoke import smoke

        print(smoke(recipe, seed=options.seed))
        return
    if not options.pictures or options.run is None:
        raise UsageError("training needs --pictures FOLDER and --run FOLDER; --smoke needs neither")
    _check_device(options.device)
    settings = Settings(
        samples=recipe.published if options.samples is None else options.samples,
        batch=recipe.batch if options.batch is None else options.batch,
        rate=recipe.rate if options.rate is None else options.rate,
        schedule=options.schedule,
        drop=recipe.drop,
        clip=options.clip,
        side=recipe.side if options.side is None else options.side,
        seed=options.seed,
        distinct=options.distinct,
        precision=options.precision or ("bf16" if options.device.startswith("cuda") else "fp32"),
    )
    machine = Machine(
        device=options.device,
        workers=options.workers,
        compiled=options.compile,
        minutes=options.minutes,
        check_every=options.check_every,
        checks=options.checks,
        save_every=options.save_every,
        quiet=options.quiet,
    )
    least = recipe.least + max(0, settings.side - recipe.side)
    pictures = pictures_module.read(options.pictures, least=least)
    found = train(recipe, pictures, options.run, settings, machine, options.begin)
    if int(os.environ.get("RANK", "0")):
        return  # the first process tells it
    figures = ", ".join(f"{name} {value:.4g}" for name, value in found.figures.items())
    end = "" if found.finished else "; the same command goes on"
    print(f"{recipe.id}: {found.samples:,} samples seen, best on held-out samples: {figures}{end}")


def _check_device(name: str) -> None:
    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise UsageError(f"there is no device {name!r}; there are cpu and cuda") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("PyTorch sees no CUDA device here; --device cpu takes none")


if __name__ == "__main__":
    sys.exit(main())
