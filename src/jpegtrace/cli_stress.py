"""`jpegtrace stress`: published attacks and detectors, and how they fare against each other."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jpegtrace._terminal import (
    INPUT_FAILED,
    LimitOption,
    comment,
    comments,
    keep_apart,
    limits_of,
    share_done,
    tell_skipped,
)
from jpegtrace.errors import InputError, UnsupportedFormat, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jpegtrace.limits import Limits
    from jpegtrace.stress import Attacked

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no comments.")]

stress = typer.Typer(
    help="The laboratory: published attacks, published detectors, and how far a verdict holds.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@stress.command("attack")
def stress_attack(
    picture: Annotated[str, typer.Argument(help="A JPEG, grey or YCbCr, or - for standard input.")],
    name: Annotated[str, typer.Option("--with", metavar="NAME", help="dither, dither-median, tv or af-edsr.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="*.png; its label goes to *.json.")],
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the label as one JSON object.")] = False,
    limit: LimitOption = None,
    quiet: QuietOption = False,
) -> None:
    """Take the traces of compression out of a picture, with a label on it that says so."""
    from jpegtrace.picture import Picture
    from jpegtrace.stress import attack, write_attacked
    from jpegtrace.stress.attacking import method_of

    method_of(name)
    keep_apart([output, output.with_suffix(".json")], [picture])
    opened = Picture.open(sys.stdin.buffer if picture == "-" else picture, limits=limits_of(limit))
    attacked = attack(opened, name, seed=seed)
    label = write_attacked(attacked, output)
    if as_json:
        typer.echo(json.dumps({"file": str(output), **attacked.to_dict()}, allow_nan=False))
    else:
        _tell_attack(attacked, output)
    if not quiet:
        for path in (output, label):
            comment(f"wrote {path}")


def _tell_attack(attacked: Attacked, output: Path) -> None:
    label = attacked.to_dict()
    typer.echo(f"{output}: {attacked.attack}, seed {attacked.seed}")
    typer.echo(f"  after {label['reference']}")
    width = max(len(step.name) for step in attacked.operations)
    for step in attacked.operations:
        told = ", ".join(f"{key} {value}" for key, value in step.parameters.items())
        typer.echo(f"  {step.name:{width}}  {told}".rstrip())
    near = "the same as" if attacked.psnr is None else f"PSNR {attacked.psnr:.2f} dB against"
    typer.echo(f"  {near} what a decoder makes of the JPEG")


@stress.command("detect")
def stress_detect(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for a picture on standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per input and line.")] = False,
    limit: LimitOption = None,
    quiet: QuietOption = False,
) -> None:
    """Print the six published scores of a JPEG past; larger is more JPEG-like.

    They have no threshold: compare pictures of one size and kind.
    """
    from jpegtrace.inspection import list_pictures
    from jpegtrace.stress import DETECTORS

    if "-" in paths and len(paths) > 1:
        raise UsageError("standard input (-) is read alone")
    inputs = paths
    if paths != ["-"]:
        listing = list_pictures(paths)
        if not quiet:
            tell_skipped(listing.skipped)
        inputs = [str(path) for path in listing.files]
    if not inputs:
        raise UsageError("there is no picture in what was named")
    limits, failed = limits_of(limit), 0
    width = max(len("picture"), *map(len, inputs))
    if not as_json:
        typer.echo(f"{'picture':{width}}" + "".join(f"  {name:>9}" for name in DETECTORS))
    with share_done(comments, quiet=quiet or len(inputs) == 1) as progress:
        for done, name in enumerate(inputs, 1):
            try:
                row = _scores(name, limits)
            except InputError as error:
                failed += 1
                row = {"file": name, "error": error.named(name).what}
                if not as_json:
                    comment(str(error))
            if as_json:
                typer.echo(json.dumps(row, allow_nan=False))
            elif "scores" in row:
                told = ["inf" if score is None else f"{score:.4g}" for score in row["scores"].values()]
                typer.echo(f"{name:{width}}" + "".join(f"  {score:>9}" for score in told))
            if progress:
                progress(done / len(inputs))
    if failed:
        raise typer.Exit(INPUT_FAILED)


def _scores(name: str, limits: Limits) -> dict[str, Any]:
    from jpegtrace.picture import Picture
    from jpegtrace.stress import DETECTORS
    from jpegtrace.stress.detectors import SMALLEST
    from jpegtrace.stress.originals import grey_of

    picture = Picture.open(sys.stdin.buffer if name == "-" else name, limits=limits)
    if min(picture.width, picture.height) < SMALLEST:
        told = f"{picture.width} x {picture.height} pixels are too few for the detectors, which need {SMALLEST}"
        raise UnsupportedFormat(f"{told} a side", source=picture.source)
    plane = grey_of(picture)
    scores = {detector: ask(plane) for detector, ask in DETECTORS.items()}
    finite = {detector: score if math.isfinite(score) else None for detector, score in scores.items()}
    return {"file": name, "width": picture.width, "height": picture.height, "scores": finite}


@stress.command("evaluate")
def stress_evaluate(
    folder: Annotated[Path, typer.Argument(help="Of pictures stored without loss that never were JPEG.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where tables and page go.")],
    side: Annotated[int, typer.Option("--side", metavar="N", help="Of the square in the middle that is used.")] = 256,
    pictures: Annotated[
        int | None, typer.Option("--pictures", metavar="N", min=1, help="How many, drawn at random; all by default.")
    ] = None,
    quality: Annotated[
        list[str] | None, typer.Option("--quality", metavar="N", help="Of the JPEG; may be repeated: 50 to 90.")
    ] = None,
    attack: Annotated[
        list[str] | None,
        typer.Option("--attack", metavar="NAME", help="Beside none at all; may be repeated; all by default."),
    ] = None,
    last_quality: Annotated[
        list[str] | None, typer.Option("--last-quality", metavar="N", help="Of the second JPEG: 75, 85, 95.")
    ] = None,
    no_double: Annotated[bool, typer.Option("--no-double", help="Leave out double compression.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")] = 0,
    processes: Annotated[int, typer.Option("--processes", metavar="N", min=1, help="Pictures at once.")] = 1,
    limit: LimitOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure detectors against attacks: P_e, ROC, PSNR, SSIM, and detection of double compression.

    Writes pe.csv, double.csv, roc.csv and evaluation.html; the tables go to stdout as Markdown.
    """
    from jpegtrace.stress import ATTACKS, evaluate, read_originals, write_evaluation
    from jpegtrace.stress.attacking import method_of
    from jpegtrace.stress.evaluation import LAST_QUALITIES, QUALITIES, SMALLEST
    from jpegtrace.stress.results import NONE
    from jpegtrace.stress.writing import markdown

    attacks = list(dict.fromkeys([NONE, *(_split(attack) or ATTACKS)]))
    for name in attacks[1:]:
        method_of(name, (NONE,))
    qualities, last = (
        _numbers(quality, QUALITIES, "--quality"),
        _numbers(last_quality, LAST_QUALITIES, "--last-quality"),
    )
    if side < SMALLEST or side % 8:
        raise UsageError(f"--side is a multiple of 8 from {SMALLEST} on, and not {side}")
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; tables and page go into a folder")
    originals = read_originals(folder, side, most=pictures, seed=seed, limits=limits_of(limit))
    if not quiet:
        for reason, count in originals.left_out.items():
            comment(f"left out: {reason} ({count:,})")
    with share_done(comments, quiet=quiet) as progress:
        found = evaluate(
            originals.planes,
            qualities=qualities,
            attacks=attacks,
            last_qualities=() if no_double else last,
            seed=seed,
            processes=processes,
            progress=progress,
        )
    written = write_evaluation(found, output)
    typer.echo(markdown(found), nl=False)
    if not quiet:
        comment(f"{found.pictures:,} pictures")
        for missing in found.left_out:
            comment(f"left out: {missing}")
        for path in written:
            comment(f"wrote {path}")


def _split(given: Iterable[str] | None) -> list[str]:
    return [part.strip() for text in given or () for part in text.split(",")]


def _numbers(given: list[str] | None, usual: tuple[int, ...], option: str) -> list[int]:
    """Qualities of an option that may be repeated."""
    found = []
    for text in _split(given):
        if not text.isdecimal() or not 1 <= int(text) <= 100:
            raise UsageError(f"{option} takes whole numbers from 1 to 100, not {text!r}")
        found.append(int(text))
    return found or list(usual)
