"""`jpegtrace study`: is a detector learning JPEG instead of its task? Needs the extra [train]."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jpegtrace._terminal import INTERRUPTED, comment
from jpegtrace.errors import MissingExtra, ResourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jpegtrace_training.study.run import Options

NAMES = "study.toml"  # written by scripts/update_docs.py from the registries, which need PyTorch
SCHEDULE = {  # fields with their options
    "rate": "--rate",
    "batch": "--batch",
    "patience": "--patience",
    "epochs": "--epochs",
    "each": "--patches",
    "tested": "--test-patches",
}


@cache
def known(kind: str) -> str:
    """Names of tasks, experiments or networks, as a text.

    Raises:
        ResourceError: the list is missing or damaged.
    """
    import tomllib

    try:
        text = resources.files("jpegtrace.data").joinpath(NAMES).read_text(encoding="utf-8")
        return ", ".join(tomllib.loads(text)[kind])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ResourceError(f"the list {NAMES} is damaged: {error}; install jpegtrace again") from error


def _told(kind: str) -> str:
    """The same for the help; where the list cannot be read, other commands must still run."""
    try:
        return known(kind)
    except ResourceError:
        return f"the list of {kind} is damaged, install jpegtrace again"


def study(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Pictures: DIR/LABEL/*, or scenes for the other tasks.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where tables, heat maps and page go.")],
    task: Annotated[
        str, typer.Option("--task", metavar="NAME", help=f"Where labels come from: {_told('tasks')}.")
    ] = "folder",
    experiment: Annotated[
        list[str] | None,
        typer.Option("--experiment", metavar="NAME", help=f"May be repeated: {_told('experiments')}."),
    ] = None,
    networks: Annotated[
        str,
        typer.Option("--networks", metavar="NAMES", help=f"Separated by commas: {_told('networks')}."),
    ] = "small",
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Trainings of each kind.")] = 3,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="NAME=FILE", help="State dict that a network begins with; may be repeated."),
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option("--sources", metavar="FILE.csv", help="Table path,source: pictures that belong together."),
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--labels", metavar="NAMES", help="Only these folders, separated by commas.")
    ] = None,
    patch: Annotated[int | None, typer.Option("--patch", metavar="N", help="Side of the patches in pixels.")] = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Of a training, at most.")] = 500,
    patience: Annotated[
        int,
        typer.Option("--patience", metavar="N", help="Epochs without progress until the rate drops; twice: the end."),
    ] = 10,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Patches a step.")] = 48,
    rate: Annotated[float, typer.Option("--rate", help="Of Adam, at first.")] = 1e-3,
    each: Annotated[int, typer.Option("--patches", metavar="N", help="Of each training picture in an epoch.")] = 1,
    tested: Annotated[int, typer.Option("--test-patches", metavar="N", help="Of each test picture.")] = 4,
    pictures: Annotated[
        int, typer.Option("--pictures", metavar="N", min=0, help="Pictures or scenes at most, drawn at random; 0: all.")
    ] = 0,
    part: Annotated[
        int | None,
        typer.Option("--part", metavar="N", help="Side of the middle of a picture that is used."),
    ] = None,
    augmented: Annotated[
        bool, typer.Option("--augmented/--no-augmented", help="Train with JPEG-aware augmentation, too.")
    ] = True,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Train only under this condition; may be repeated."),
    ] = None,
    audited: Annotated[
        int, typer.Option("--audit", metavar="N", min=0, help="Pictures that the audit is asked of; 0: none.")
    ] = 200,
    device: Annotated[str, typer.Option("--device", help="Of PyTorch: cpu or cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option("--threads", metavar="N", min=1, help="Of PyTorch on a CPU.")] = None,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="A trial of a minute, whose figures mean nothing; says which options it takes otherwise than asked.",
        ),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier run has done.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no comments.")] = False,
) -> None:
    """Train and test detectors with the JPEG grid and quality in mind: do they learn JPEG instead of their task?

    Writes CSV, heat maps and study.html; the answers go to stdout. Stopped, the same command goes on.
    """
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("torch", "onnx")):
        raise MissingExtra("train", "a study")
    import torch

    from jpegtrace_training.study.run import Options, trial
    from jpegtrace_training.study.run import study as run_study
    from jpegtrace_training.study.training import Schedule

    if threads is not None:
        torch.set_num_threads(threads)
    options = Options(
        task=task,
        experiments=_names(experiment) or ("grid",),
        networks=_names([networks]),
        seeds=seeds,
        patch=patch,
        schedule=Schedule(rate, batch, patience, epochs, each, tested=tested),
        augmented=augmented,
        only=_names(only),
        audited=audited,
        most=pictures,
        part=part,
        sources=sources,
        labels=_names(labels),
        weights=[_weights(text) for text in weights or ()],
        device=device,
        fresh=fresh,
    )

    def tell(text: str) -> None:
        if not quiet:
            comment(text)

    if smoke:
        asked, options = options, trial(options)
        if taken := _replaced(asked, options):
            tell(f"--smoke takes {', '.join(taken)}")
    try:
        results, written = run_study(
            folder,
            output,
            options,
            tell=tell,
            watch=lambda cell, done, number, of: tell(
                f"{number} of {of}: {cell.key}{', done before' if done else f', {cell.seconds:.0f} s'}"
            ),
        )
    except KeyboardInterrupt:
        tell(f"stopped; the trainings that are done are kept in {output}, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    for matrix, answers in results.conclusions:
        for answer in answers:
            typer.echo(f"{matrix.experiment.id}, {matrix.network}: {answer.question}\n  {answer.told}")
    for path in written:
        tell(f"wrote {path}")


def _replaced(asked: Options, taken: Options) -> list[str]:
    """Options with the values that a trial takes instead of those that were asked for."""
    pairs = [("--seeds", asked.seeds, taken.seeds)]
    pairs += [
        (option, getattr(asked.schedule, name), getattr(taken.schedule, name)) for name, option in SCHEDULE.items()
    ]
    return [f"{option} {now} instead of {before}" for option, before, now in pairs if before != now]


def _names(given: Iterable[str] | None) -> list[str]:
    return [part.strip() for text in given or () for part in text.split(",") if part.strip()]


def _weights(text: str) -> tuple[str, Path]:
    name, sign, file = text.partition("=")
    if not (name and sign and file):
        raise UsageError(f"--weights takes NAME=FILE, not {text!r}")
    return name, Path(file)
