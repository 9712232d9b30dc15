"""An audit from folders to files: rows, tables and the summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jpegtrace._files import replacing
from jpegtrace.audit.journal import Journal, describe, stamp_of
from jpegtrace.audit.labels import Labelled, Labels
from jpegtrace.audit.leakage import Leakage, leakage_of
from jpegtrace.audit.local import cores, run_local
from jpegtrace.audit.pictures import Found, find_pictures
from jpegtrace.audit.rows import FAILED, Row, Task, columns, needed_analyses
from jpegtrace.audit.summary import render_summary, summarise
from jpegtrace.audit.tables import write_csv, write_parquet
from jpegtrace.audit.work import row_of
from jpegtrace.errors import UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits

Watch = Callable[[int, int], None]  # takes how many pictures are done, and of how many


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit found and wrote.

    Attributes:
        rows: one for each picture, sorted by root and path.
        skipped: how many files in the folders are no pictures.
        resumed: how many rows an earlier run had made.
        written: the files: Parquet, CSV, summary.
        journal: rows as they were made; kept, so that an audit of more pictures goes on from here.
        labelled: what the labels fit; None where none were asked for.
        leakage: what gives the labels away; None where none were asked for.
    """

    rows: tuple[Row, ...]
    skipped: int
    resumed: int
    written: tuple[Path, ...]
    journal: Path
    labelled: Labelled | None = None
    leakage: Leakage | None = None

    @property
    def failed(self) -> int:
        """How many pictures could not be read, in whole or in part."""
        return sum(row.status == FAILED for row in self.rows)


def audit(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    label_from: str | None = None,
    processes: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    fresh: bool = False,
    watch: Watch | None = None,
) -> AuditResult:
    """Ask every picture of some folders, and write a row for each and a summary.

    Stopped at any moment, the same call goes on where it was. In a script, call it below ``if __name__ ==
    "__main__":``, as it starts processes.

    Args:
        paths: folders, files, globs.
        output: a ``*.parquet``; CSV, summary and journal are written beside it.
        label_from: ``folder`` for the first folder below the root, or a CSV file with the columns path and label.
        processes: how many pictures to ask at once; by default one for each core.
        limits: bounds on each picture.
        fresh: forget what an earlier run has done.
        watch: called when pictures are done.

    Raises:
        UsageError: no pictures, an output that cannot be written, labels that cannot be read, or a journal of another
            audit.
    """
    written = check_output(output)
    if processes is not None and processes < 1:
        raise UsageError(f"an audit takes at least one process, not {processes}")
    labels = None if label_from is None else Labels.read(label_from)
    found = find_pictures(paths)
    if not found.tasks:
        raise UsageError("there is no picture in what was named")
    journal = journal_of(output)
    _keep_apart([*written, journal], found, label_from)
    header = describe([os.fspath(path) for path in paths], limits)
    with Journal.open(journal, header, fresh=fresh) as kept:
        rows, resumed = _rows(found.tasks, kept, processes or cores(), limits, watch)
    labelled = None if labels is None else labels.attach(rows)
    leakage = None if labelled is None else leakage_of(labelled.rows)
    rows = rows if labelled is None else labelled.rows
    _write(rows, written, labelled, leakage)
    return AuditResult(rows, found.skipped, resumed, written, journal, labelled, leakage)


def check_output(output: str | os.PathLike[str]) -> tuple[Path, ...]:
    """The files that an audit writes.

    Raises:
        UsageError: they cannot be written there.
    """
    path = Path(output)
    if path.suffix.lower() != ".parquet":
        raise UsageError(f"an audit writes *.parquet, with *.csv and *.html beside it, not {path.name!r}")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {path}: the folder {path.parent} is not writable")
    written = (path, path.with_suffix(".csv"), path.with_suffix(".html"))
    for file in written:
        if file.is_dir():
            raise UsageError(f"cannot write {file}: this is a folder")
    return written


def journal_of(output: str | os.PathLike[str]) -> Path:
    """Where the journal of an audit lies."""
    path = Path(output)
    return path.with_name(path.name + ".journal")


def _keep_apart(outputs: Sequence[Path], found: Found, label_from: str | None) -> None:
    """Refuse to write over what is read."""
    taken = {Path(task.file).absolute() for task in found.tasks}
    if label_from is not None:
        taken.add(Path(label_from).absolute())
    for output in outputs:
        if output.absolute() in taken:
            raise UsageError(f"{output} is one of the inputs; nothing is written over them")


def _rows(
    tasks: Sequence[Task], journal: Journal, processes: int, limits: Limits, watch: Watch | None
) -> tuple[tuple[Row, ...], int]:
    """All rows in the order of root and path, and how many of them the journal had."""
    rows: list[Row] = []
    stamps = {task: stamp_of(task) for task in tasks}
    to_do: list[Task] = []
    for task, stamp in stamps.items():
        row = journal.row(task, stamp)
        if row is None:
            to_do.append(task)
        else:
            rows.append(row)
    resumed = len(rows)
    if watch:
        watch(resumed, len(tasks))
    for task, row in run_local(to_do, partial(row_of, limits=limits), processes=processes):
        journal.add(row, stamps[task])
        rows.append(row)
        if watch:
            watch(len(rows), len(tasks))
    return tuple(sorted(rows, key=lambda row: (row.root, row.path))), resumed


def _write(rows: Sequence[Row], written: Sequence[Path], labelled: Labelled | None, leakage: Leakage | None) -> None:
    asked = {analysis.id for analysis in needed_analyses()}
    of_pixels = next(column.analysis for column in columns() if column.name == "ever_jpeg")
    page = render_summary(summarise(rows, pixels_asked=of_pixels in asked, labelled=labelled, leakage=leakage))
    with replacing(written) as (parquet, table, summary):
        write_parquet(rows, parquet)
        write_csv(rows, table)
        summary.write_text(page, encoding="utf-8")
