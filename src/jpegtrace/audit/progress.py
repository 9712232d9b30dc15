"""How far an audit is, on stderr: a bar for who watches a terminal, a line now and then for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from jpegtrace.audit.run import Watch

LINE_EVERY = 10.0  # seconds


@contextmanager
def watching(console: Console, *, quiet: bool) -> Iterator[Watch | None]:
    """Somebody to tell how many pictures are done; None where nobody wants to know."""
    if quiet:
        yield None
        return
    if not console.is_terminal:
        yield lines(lambda text: console.print(text, style="dim", highlight=False, soft_wrap=True))
        return
    bar = Progress(
        BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), console=console, transient=True,
        redirect_stdout=False,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def lines(write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Watch:
    """A watcher that writes a line every `LINE_EVERY` seconds."""
    begun: tuple[float, int] | None = None
    last = clock()

    def watch(done: int, total: int) -> None:
        nonlocal begun, last
        now = clock()
        if begun is None:
            begun = now, done
        if now - last < LINE_EVERY or done == total:
            return
        last = now
        rate = (done - begun[1]) / max(now - begun[0], 1e-9)
        left = f", {(total - done) / rate / 60:.1f} minutes left" if rate else ""
        write(f"{done:,} of {total:,} pictures, {rate:.1f} a second{left}")

    return watch


class _Rate(ProgressColumn):
    """Pictures a second."""

    def render(self, task: Task) -> Text:
        """The rate, where it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")
