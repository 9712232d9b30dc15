"""What all commands share: comments on stderr, a bar, files that are written, limits, exit codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jpegtrace.errors import UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits

DONE, INPUT_FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130  # as shells say it of Ctrl-C

comments = Console(stderr=True)

LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=N",
        help="Move a bound that an input met: bytes, pixels, markers, restarts, scans, coded_blocks.",
    ),
]


def comment(text: str) -> None:
    """A line for whoever watches; file names in it are no markup."""
    comments.print(text, style="dim", markup=False, highlight=False, soft_wrap=True)


def tell_skipped(skipped: Sequence[Path]) -> None:
    """Say which files of folders are left out, for they are no pictures; the first of them by name."""
    if skipped:
        names = ", ".join(path.name for path in skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        comment(f"left out, for they are no pictures: {len(skipped)} ({names})")


@contextmanager
def share_done(console: Console, *, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """A bar on stderr that is told the share that is done; None where nobody watches."""
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    with Progress(
        BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda share: progress.update(task, completed=share)


def keep_apart(outputs: list[Path], inputs: list[str]) -> None:
    """Refuse to write over an input, or one output over another."""
    taken = {Path(name).resolve() for name in inputs if name != "-"}
    for output in outputs:
        if output.resolve() in taken:
            raise UsageError(f"{output} is named twice; nothing is written over an input or another output")
        taken.add(output.resolve())


def limits_of(settings: list[str] | None, usual: Limits = DEFAULT_LIMITS) -> Limits:
    """Bounds as `--limit` moves them."""
    changes: dict[str, int] = {}
    for setting in settings or []:
        name, _, value = setting.partition("=")
        if not re.fullmatch("[0-9]{1,18}", value):
            raise UsageError(f"--limit takes NAME=NUMBER, not {setting!r}")
        changes[name] = int(value)
    return usual.raised(**changes)
