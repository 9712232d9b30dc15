"""The options of `jpegtrace train`; without PyTorch, so that the documentation can list them anywhere."""

from __future__ import annotations

import argparse
from pathlib import Path

SCHEDULES = ("published", "cosine")
PRECISIONS = ("fp32", "bf16")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(prog="jpegtrace train", description="Train one of the networks, or go on with it.")
    made.add_argument("recipe", nargs="?", help="what to train; without it, what there is")
    made.add_argument("--pictures", type=Path, action="append", default=[], metavar="FOLDER",
                      help="folder of lossless RGB pictures; may be repeated")  # fmt: skip
    made.add_argument("--run", type=Path, metavar="FOLDER", help="checkpoints and metrics; a run that is there goes on")
    made.add_argument("--begin", type=Path, metavar="FILE",
                      help="best.pt or last.pt of another run to begin with; of af-edsr, of any quality")  # fmt: skip
    made.add_argument("--smoke", action="store_true", help="a trial of a minute on made pictures, which checks itself")
    made.add_argument("--samples", type=int, help="samples to see in all; as published where not given")
    made.add_argument("--batch", type=int, help="samples a step; as published where not given")
    made.add_argument("--distinct", type=int, default=0, metavar="BATCHES",
                      help="draw so many and keep them in the run's folder, then take them again")  # fmt: skip
    made.add_argument("--rate", type=float, help="learning rate; as published where not given")
    made.add_argument("--schedule", choices=SCHEDULES, default="published", help="of the rate; cosine ends at 0")
    made.add_argument("--clip", type=float, default=0.0, help="largest norm of the gradient")
    made.add_argument("--side", type=int, help="of the samples in pixels; as published where not given")
    made.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    made.add_argument("--device", help="cuda where PyTorch sees one, else cpu, where not given")
    made.add_argument("--precision", choices=PRECISIONS, help="bf16 on CUDA, else fp32, where not given")
    made.add_argument("--workers", type=int, default=0, help="processes that make samples")
    made.add_argument("--threads", type=int, help="of PyTorch on a CPU")
    made.add_argument("--compile", action="store_true", help="use torch.compile")
    made.add_argument("--minutes", type=float, default=0.0, help="stop after so many, with a checkpoint")
    made.add_argument("--check-every", type=int, default=0, metavar="STEPS", help="held-out figures so often")
    made.add_argument("--checks", type=int, default=4, metavar="BATCHES", help="held-out batches")
    made.add_argument("--save-every", type=float, default=60.0, metavar="SECONDS", help="checkpoints so often")
    made.add_argument("--quiet", action="store_true", help="no lines of progress")
    return made
