"""The command. Results go to stdout, comments to stderr.

Exit codes: 0 done; 1 an input failed (the others are still reported); 2 wrong usage; 130 an audit was stopped.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NoReturn

import typer
from rich.console import Console

from jpegtrace import __version__
from jpegtrace._terminal import (
    DONE,
    INPUT_FAILED,
    INTERRUPTED,
    WRONG_USAGE,
    LimitOption,
    comment,
    comments,
    keep_apart,
    limits_of,
    share_done,
    tell_skipped,
)
from jpegtrace.cli_serve import serve
from jpegtrace.cli_stress import stress
from jpegtrace.cli_study import study
from jpegtrace.errors import InputError, JpegtraceError, MissingExtra, UsageError
from jpegtrace.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from jpegtrace.audit import AuditResult
    from jpegtrace.findings import Map
    from jpegtrace.picture import Picture
    from jpegtrace.report import Report

PIPE_WIDTH = 120
SHOWN_FAILURES = 5

app = typer.Typer(
    name="jpegtrace",
    help="Reads the compression history that JPEG leaves in a picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command and leave with its exit code; failures that were foreseen are a sentence, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a sign gets its code, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UsageError as error:
        comments.print(f"Error: {error}", style="red", markup=False, highlight=False)
        sys.exit(WRONG_USAGE)
    except JpegtraceError as error:
        comments.print(f"Error: {error}", style="red", markup=False, highlight=False)
        sys.exit(INPUT_FAILED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; closing stderr keeps Python from complaining at exit.
        sys.stderr.close()
        sys.exit(INPUT_FAILED)
    sys.exit(DONE)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jpegtrace {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


@app.command()
def inspect(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for a picture on standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per input and line.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ID", help="Ask only this; may be repeated.")
    ] = None,
    limit: LimitOption = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="The verdict, and a line for each finding that adds to it.")
    ] = False,
    stability: Annotated[
        bool, typer.Option("--stability", help="Disturb each picture mildly, ask again, and say what holds.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no comments.")] = False,
) -> None:
    """Say what the files hold: what they state, who wrote them, what contradicts what."""
    from jpegtrace.inspection import choose_analyses

    limits = limits_of(limit)
    only = [name for given in only for name in given.split(",")] if only else None
    choose_analyses(only)
    if html is not None:
        if html.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--html writes a page; call it *.html, not {html.name!r}")
        keep_apart([html], paths)
    reports: list[Report] = []
    asked = failed = alarms = 0
    for report in _inspected(paths, only, limits, preview=html is not None, stability=stability, quiet=quiet):
        asked += 1
        failed += report.failed
        alarms += report.alarm
        if html is not None:
            reports.append(report)
        if as_json:
            sys.stdout.write(json.dumps(report.to_dict(), allow_nan=False) + "\n")
            sys.stdout.flush()
        elif html is None:
            from jpegtrace.report.text import render_brief, render_text

            shown = render_brief(report) if brief else render_text(report)
            piped = None if sys.stdout.isatty() else PIPE_WIDTH
            Console(highlight=False, width=piped).print(shown, soft_wrap=brief)
    if html is not None:
        from jpegtrace.report.html import render_html

        _write(html, render_html(reports).encode(), quiet=quiet)
    if asked > 1 and not quiet:
        comments.print(f"{asked} inputs, {alarms} with alarms, {failed} failed", style="dim", highlight=False)
    if failed:
        raise typer.Exit(INPUT_FAILED)


def _inspected(
    paths: list[str], only: list[str] | None, limits: Limits, *, preview: bool, stability: bool, quiet: bool
) -> Iterator[Report]:
    from jpegtrace.inspection import inspect_or_explain, list_pictures

    def ask(source: str | Path | BinaryIO, name: str | None = None) -> Report:
        if not stability:
            return inspect_or_explain(source, only=only, limits=limits, preview=preview, name=name)
        from jpegtrace.stress.stability import inspect_with_stability

        with _share_done(quiet=quiet) as progress:
            return inspect_with_stability(
                source, only=only, limits=limits, preview=preview, name=name, progress=progress
            )

    if "-" in paths:
        if len(paths) > 1:
            raise UsageError("standard input (-) is read alone")
        yield ask(sys.stdin.buffer, "<stdin>")
        return
    listing = list_pictures(paths)
    if not quiet:
        tell_skipped(listing.skipped)
    if not listing.files:
        raise UsageError("there is no picture in what was named")
    # With stability every picture has a bar of its own.
    with _progress(len(listing.files), quiet=quiet or stability) as advance:
        for path in listing.files:
            yield ask(path)
            advance()


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr for long work; nothing where nobody watches, or where the results themselves scroll by."""
    if quiet or total < 2 or not comments.is_terminal or sys.stdout.isatty():
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=comments,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,  # what is printed meanwhile are results
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


def _write(path: Path, content: bytes, *, quiet: bool) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    if not quiet:
        comment(f"wrote {path}")


@app.command()
def analyses(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the questions that can be asked, for --only."""
    from jpegtrace.analyses import all_analyses

    found = all_analyses()
    if as_json:
        rows = [analysis.to_dict() for analysis in found]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max(len(a.id) for a in found)
    for a in found:
        typer.echo(f"{a.id:{width}}  {a.question}")


@app.command()
def simulate(
    picture: Annotated[str | None, typer.Argument(help="The picture to begin with, or - for standard input.")] = None,
    chain: Annotated[str | None, typer.Option("--chain", metavar="STEPS", help="Steps, separated by |.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The result.")] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="Where the truth goes, as JSON.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of all noise.")] = 0,
    steps: Annotated[bool, typer.Option("--steps", help="List the steps that a chain may have, and leave.")] = False,
    limit: LimitOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No comments.")] = False,
) -> None:
    """Give a picture a known history, and write down the truth beside it.

    For example: --chain "jpeg:75 | crop:3,5 | jpeg:90"
    """
    if steps:
        _list_steps()
        return
    if picture is None or chain is None or output is None:
        missing = [
            n for n, given in (("a picture", picture), ("--chain", chain), ("--output", output)) if given is None
        ]
        raise UsageError(f"a simulation needs {' and '.join(missing)}; --steps lists what a chain may hold")
    from jpegtrace.chain import Chain
    from jpegtrace.chain import simulate as run_chain

    parsed = Chain.parse(chain)
    record_path = truth or output.with_suffix(".truth.json")
    keep_apart([output, record_path], [picture])
    ends_as_jpeg = bool(parsed.steps) and parsed.steps[-1].name == "jpeg"
    suffixes = (".jpg", ".jpeg") if ends_as_jpeg else (".png",)
    if output.suffix.lower() not in suffixes:
        kind = "JPEG" if ends_as_jpeg else "PNG"
        raise UsageError(f"the result is a {kind}; call it {' or '.join('*' + suffix for suffix in suffixes)}")
    pixels, is_jpeg = _pixels(picture, limits_of(limit))
    if is_jpeg and not quiet:
        comments.print("the input is a JPEG: what it went through before is not in the truth", style="dim")
    result = run_chain(pixels, parsed, seed)
    data = result.data if result.data is not None else _as_png(result.pixels)
    record = json.dumps(result.truth.to_dict(), indent=2, ensure_ascii=False) + "\n"
    for path, content in ((output, data), (record_path, record.encode())):
        _write(path, content, quiet=quiet)


def _list_steps() -> None:
    from jpegtrace.chain import step_help

    for step in step_help():
        typer.echo(f"{step.usage}\n    {step.doc}")
        for name, allowed, default, doc in step.arguments:
            typer.echo(f"      {name}: {doc}; {allowed}{f'; by default {default}' if default else ''}")


def _pixels(source: str, limits: Limits) -> tuple[NDArray[np.uint8], bool]:
    """8-bit grey or RGB pixels of a picture, and whether they come from a JPEG."""
    import numpy as np

    from jpegtrace.picture import Picture

    picture = Picture.open(sys.stdin.buffer if source == "-" else source, limits=limits)
    raster = picture.raster
    if raster.bits != 8 or raster.mode == "cmyk" or raster.alpha is not None:
        kind = f"{raster.bits}-bit {raster.mode}{' with alpha' if raster.alpha is not None else ''}"
        raise UsageError(f"a history begins with 8-bit grey or RGB pixels; this is {kind}")
    return raster.pixels.astype(np.uint8, copy=False), picture.jpeg is not None


def _as_png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@app.command("map")
def map_(
    picture: Annotated[str | None, typer.Argument(help="The picture, or - for standard input.")] = None,
    what: Annotated[
        str | None, typer.Option("--what", metavar="ID", help="The question to answer everywhere; none lists them.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="*.png to look at, *.npy or *.json for the values."),
    ] = None,
    stride: Annotated[int, typer.Option("--stride", metavar="N", help="Pixels from one value to the next.")] = 8,
    name: Annotated[
        str | None, typer.Option("--name", metavar="MAP", help="Which map, where the question has several.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="The map alone: no photograph, no legend.")] = False,
    limit: LimitOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no comments.")] = False,
) -> None:
    """Answer a question for every place of a picture, and draw it."""
    from jpegtrace.analyses import find_mapped
    from jpegtrace.picture import Picture
    from jpegtrace.report.maps import describe

    analysis = find_mapped(what)
    if picture is None or output is None:
        missing = [n for n, given in (("a picture", picture), ("--output", output)) if given is None]
        raise UsageError(f"a map needs {' and '.join(missing)}")
    _check_map_output(output, plain=plain)
    keep_apart([output], [picture])
    opened = Picture.open(sys.stdin.buffer if picture == "-" else picture, limits=limits_of(limit))
    with _share_done(quiet=quiet) as progress:
        maps = analysis.maps_of(opened, stride=stride, progress=progress)
    chosen = _choose_map(maps, name, analysis.id)
    content = _encode_map(chosen, opened, output.suffix.lower(), plain=plain, quiet=quiet)
    _write(output, content, quiet=quiet)
    if not quiet:
        comment(describe(chosen))
        if others := ", ".join(repr(m.name) for m in maps if m is not chosen):
            comment(f"--name has also: {others}")


def _check_map_output(output: Path, *, plain: bool) -> None:
    """Maps may take long: what is wrong with the output is said before."""
    from jpegtrace.report.map_files import FORMS

    if output.suffix.lower() not in FORMS:
        raise UsageError(f"a map is written as {', '.join(f'*{form}' for form in FORMS)}, not {output.name!r}")
    if plain and output.suffix.lower() != ".png":
        raise UsageError("--plain is about a *.png")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"cannot write {output}: there is no folder {output.parent}")


def _share_done(*, quiet: bool) -> AbstractContextManager[Callable[[float], None] | None]:
    return share_done(comments, quiet=quiet)


def _choose_map(maps: tuple[Map, ...], name: str | None, what: str) -> Map:
    for m in maps:
        if name in (None, m.name):
            return m
    names = ", ".join(repr(m.name) for m in maps) or "none for this picture"
    raise UsageError(f"{what} has no map called {name!r}; there are: {names}")


def _encode_map(m: Map, picture: Picture, form: str, *, plain: bool, quiet: bool) -> bytes:
    from jpegtrace.report import map_files

    if form == ".npy":
        return map_files.map_npy(m)
    if form == ".json":
        return map_files.map_json(m)
    size = (picture.height, picture.width)
    if plain:
        return map_files.plain_png(m, size)
    try:
        photograph = map_files.photograph_of(picture)
    except InputError as error:
        photograph = None
        if not quiet:
            comment(f"without the photograph: {error}")
    return map_files.map_png(m, size, photograph)


@app.command()
def audit(
    paths: Annotated[
        list[str], typer.Argument(help="Folders; files and globs work, too, and with Ray addresses like s3://...")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="*.parquet; *.csv and *.html go beside it.")
    ],
    engine: Annotated[
        str, typer.Option("--engine", metavar="local|ray", help="Who does the work; ray needs the extra [ray].")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="HOST:PORT", help="Of a Ray cluster; by default Ray is started here."),
    ] = None,
    label_from: Annotated[
        str | None,
        typer.Option(
            "--label-from",
            metavar="folder|FILE.csv",
            help="Test what gives the label away: the first folder below the root, or a table path,label.",
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", metavar="N", min=1, help="Pictures at once; by default all cores.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier run has done.")] = False,
    limit: LimitOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no comments.")] = False,
) -> None:
    """Ask every picture of a dataset: a table of them, and a page that says what it means.

    Stopped at any moment, the same command goes on where it was.
    """
    from jpegtrace.audit import audit as run_audit
    from jpegtrace.audit.progress import watching
    from jpegtrace.audit.run import journal_of

    try:
        with watching(comments, quiet=quiet) as watch:
            result = run_audit(
                paths, output, label_from=label_from, processes=processes, limits=limits_of(limit), fresh=fresh,
                watch=watch, engine=engine, address=address,
            )  # fmt: skip
    except KeyboardInterrupt:
        if not quiet:
            kept = journal_of(output, engine)
            comment(f"stopped; what is done is kept in {kept}, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    if not quiet:
        _tell_audit(result)
    if result.failed:
        raise typer.Exit(INPUT_FAILED)


def _tell_audit(result: AuditResult) -> None:
    if result.skipped:
        comment(f"left out, for they are no pictures: {result.skipped:,}")
    if result.labelled is not None:
        if result.labelled.without:
            comment(f"pictures without a label: {result.labelled.without:,}")
        if unknown := result.labelled.unknown:
            names = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
            comment(f"labelled, but no picture here: {len(unknown):,} ({names})")
    resumed = f", {result.resumed:,} of them by an earlier run" if result.resumed else ""
    comment(f"{result.pictures:,} pictures{resumed}; {result.failed:,} failed")
    for row in result.failures[:SHOWN_FAILURES]:
        comment(f"  {row.path}: {row.error}")
    if result.failed > SHOWN_FAILURES:
        comment(f"  and {result.failed - SHOWN_FAILURES:,} more, see the table")
    for path in result.written:
        comment(f"wrote {path}")


models = typer.Typer(
    help="The trained weights: what they are, and whether they are intact.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models, name="models")
app.add_typer(stress, name="stress")
app.command("study")(study)
app.command()(serve)


@models.command("list")
def models_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print one card as a JSON object per line.")] = False,
) -> None:
    """List the weights: what they are for, how much they have seen, and whether they are at hand.

    Networks that have none yet follow.
    """
    from jpegtrace.networks import cards
    from jpegtrace.networks.listing import cards_table, without_weights

    found = cards()
    if as_json:
        for card in found:
            typer.echo(json.dumps(card.to_dict(), allow_nan=False))
        return
    _results().print(cards_table(found))
    if (missing := without_weights(found)) is not None:
        _results().print(missing)


@models.command("show")
def models_show(name: Annotated[str, typer.Argument(metavar="ID", help="The weights.")]) -> None:
    """Print the whole card of some weights."""
    from jpegtrace.networks import card
    from jpegtrace.networks.listing import whole_card

    _results().print(whole_card(card(name)))


@models.command("verify")
def models_verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="ID", help="The weights; by default all.")] = None,
) -> None:
    """Compare weights with their cards, and load them.

    Weights that do not ship and were not fetched are "not installed", which is no failure.
    """
    from jpegtrace.networks import card, card_ids, verify
    from jpegtrace.networks.listing import check_line

    asked = names or card_ids()
    if unknown := [name for name in asked if name not in card_ids()]:
        card(unknown[0])  # says what there is
    failed = 0
    for name in asked:
        check = verify(name)
        failed += check.failed
        _results().print(check_line(check, max(map(len, asked))), soft_wrap=True)
    if failed:
        raise typer.Exit(INPUT_FAILED)


@models.command("fetch")
def models_fetch(
    name: Annotated[str, typer.Argument(metavar="ID", help="The weights.")],
    source: Annotated[str, typer.Option("--from", metavar="PATH_OR_URL", help="Their file.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no comments.")] = False,
) -> None:
    """Install weights that do not ship; a file other than that of their card is refused.

    They go to the folder in JPEGTRACE_WEIGHTS, or to one in your cache.
    """
    from jpegtrace.networks import fetch

    with _share_done(quiet=quiet) as progress:
        path = fetch(name, source, progress)
    if not quiet:
        comment(f"wrote {path}, which is the file of the card")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as one JSON object.")] = False,
) -> None:
    """Say whether this installation is whole: versions, formats, weights, optional parts, the machine.

    Exit code 0: the default installation is whole; 1: something of it is missing or altered.
    """
    from jpegtrace.doctor import examine
    from jpegtrace.doctor.listing import health_text

    health = examine()
    if as_json:
        typer.echo(json.dumps(health.to_dict(), indent=2))
    else:
        _results().print(health_text(health))
    if not health.whole:
        raise typer.Exit(INPUT_FAILED)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def train(context: typer.Context) -> None:
    """Train one of the networks, or go on with it; without a name, list them. Needs the extra [train]."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("torch", "onnx")):
        raise MissingExtra("train", "training")
    from jpegtrace_training.__main__ import main as run_training

    raise typer.Exit(run_training(context.args))


def _results() -> Console:
    """Where results are printed, as wide as the terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
