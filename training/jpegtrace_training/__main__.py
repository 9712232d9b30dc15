"""Train a recipe: ``jpegtrace train RECIPE``, ``python -m jpegtrace_training RECIPE``, or under ``torchrun``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import torch

from jpegtrace.errors import JpegtraceError, UsageError
from jpegtrace_training import pictures as pictures_module
from jpegtrace_training.devices import check_device
from jpegtrace_training.options import parser
from jpegtrace_training.recipe import Recipe
from jpegtrace_training.recipes import find, recipes
from jpegtrace_training.trainer import Machine, Settings, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    options = parser().parse_args(arguments)
    options.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
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
    check_device(options.device)
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


if __name__ == "__main__":
    sys.exit(main())
