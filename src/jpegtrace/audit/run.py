"""An audit from folders to files: rows, tables and the summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path

import numpy as np

from jpegtrace._files import replacing
from jpegtrace._workers import cores
from jpegtrace.audit.files import Candidate, candidates, is_url
from jpegtrace.audit.journal import Journal, describe, stamp_of
from jpegtrace.audit.labels import Labelled, Labelling, Labels
from jpegtrace.audit.leakage import Leakage, Sample
from jpegtrace.audit.local import run_local
from jpegtrace.audit.on_ray import Cluster, check_ray, check_reachable, cluster
from jpegtrace.audit.parts import Known, Parts, digest, digests
from jpegtrace.audit.pictures import find_pictures
from jpegtrace.audit.rows import Row, Task, columns, needed_analyses
from jpegtrace.audit.summary import Tally, render_summary
from jpegtrace.audit.tables import CsvTable, ParquetTable, read_parquet, stretches
from jpegtrace.audit.work import row_of
from jpegtrace.errors import UsageError
from jpegtrace.inspection import is_picture
from jpegtrace.limits import DEFAULT_LIMITS, Limits

Watch = Callable[[int, int], None]  # takes how many pictures are done, and of how many
LOCAL, RAY = ENGINES = ("local", "ray")
_NOTHING = "there is no picture in what was named"
FIRST_WINDOW = 20_000  # files that are listed before it is known how many workers there are
WINDOW = 2_000  # files for each worker that are listed before they are read; then the next ones are listed


@dataclass(frozen=True)
class AuditResult:
    """What an audit found and wrote.

    Attributes:
        pictures: how many rows there are.
        failed: how many pictures could not be read, in whole or in part.
        failures: the first of these.
        skipped: how many files in the folders are no pictures.
        resumed: how many rows an earlier run had made.
        written: the files: Parquet, CSV, summary.
        journal: rows as they were made; kept, so that an audit of more pictures goes on from here.
        labelled: what the labels fit; None where none were asked for.
        leakage: what gives the labels away; None where none were asked for.
    """

    pictures: int
    failed: int
    failures: tuple[Row, ...]
    skipped: int
    resumed: int
    written: tuple[Path, ...]
    journal: Path
    labelled: Labelled | None = None
    leakage: Leakage | None = None

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """One for each picture, sorted by root and path; read from the table when they are first asked for."""
        return tuple(chain.from_iterable(read_parquet(self.written[0])))


def audit(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    label_from: str | None = None,
    processes: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    fresh: bool = False,
    watch: Watch | None = None,
    engine: str = LOCAL,
    address: str | None = None,
) -> AuditResult:
    """Ask every picture of some folders, and write a row for each and a summary.

    Stopped at any moment, the same call goes on where it was. In a script, call it below ``if __name__ ==
    "__main__":``, as it starts processes.

    Args:
        paths: folders, files, globs; with the engine ``ray`` addresses as well, such as ``s3://bucket/folder``.
        output: a ``*.parquet``; CSV, summary and journal are written beside it.
        label_from: ``folder`` for the first folder below the root, or a CSV file with the columns path and label.
        processes: how many pictures to ask at once; by default one for each core.
        limits: bounds on each picture.
        fresh: forget what an earlier run has done.
        watch: called when pictures are done.
        engine: ``local`` for the processes of this machine, ``ray`` for Ray Data.
        address: of a Ray cluster; by default RAY_ADDRESS, or Ray is started on this machine.

    Raises:
        UsageError: no pictures, an output that cannot be written, labels that cannot be read, or a journal of another
            audit.
        MissingExtra: the engine is not installed.
    """
    named = [os.fspath(path) for path in paths]
    _check_engine(engine, address, named)
    written = check_output(output)
    if processes is not None and processes < 1:
        raise UsageError(f"an audit takes at least one process, not {processes}")
    labels = None if label_from is None else Labels.read(label_from)
    if label_from is not None:
        _keep_apart(written, [label_from])
    header = describe(named, limits)
    kept = journal_of(output, engine)
    if engine == LOCAL:
        found = find_pictures(paths)
        if not found.tasks:
            raise UsageError(_NOTHING)
        _keep_apart([*written, kept], [task.file for task in found.tasks])
        with Journal.open(kept, header, fresh=fresh) as journal:
            rows, resumed = _rows(found.tasks, journal, processes or cores(), limits, watch)
        return _write(stretches(rows), written, labels, found.skipped, resumed, kept)
    listing = _outside(candidates(named), [*written, kept])
    first = next(listing, None)
    if first is None:
        raise UsageError(_NOTHING)
    with Parts.open(kept, header, fresh=fresh) as parts:
        listing = chain([first], listing)
        listed, resumed = _rows_on_ray(listing, parts, lambda: cluster(address, processes), limits, watch)
        return _write(parts.rows(listed), written, labels, parts.left_out(listed), resumed, kept)


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


def journal_of(output: str | os.PathLike[str], engine: str = LOCAL) -> Path:
    """Where the journal of an audit lies: a file, or the folder of parts that Ray needs."""
    path = Path(output)
    return path.with_name(path.name + (".parts" if engine == RAY else ".journal"))


def _check_engine(engine: str, address: str | None, named: Sequence[str]) -> None:
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}; there are: {', '.join(ENGINES)}")
    if engine == RAY:
        check_ray()
        check_reachable(named)
        return
    if address is not None:
        raise UsageError("an address is that of a Ray cluster; it goes with --engine ray")
    if urls := [name for name in named if is_url(name)]:
        raise UsageError(f"addresses like {urls[0]} are read by --engine ray")


def _keep_apart(outputs: Sequence[Path], inputs: Iterable[str]) -> None:
    """Refuse to write over what is read."""
    taken = {Path(name).absolute() for name in inputs}
    for output in outputs:
        if output.absolute() in taken:
            raise UsageError(f"{output} is one of the inputs; nothing is written over them")


def _outside(found: Iterator[Candidate], outputs: Sequence[Path]) -> Iterator[Candidate]:
    """Files but for those that the audit itself writes.

    Raises:
        UsageError: one of these is a picture.
    """
    ours = [str(path.absolute()) for path in outputs]
    for candidate in found:
        file = candidate.task.file.removeprefix("file://")
        if file in ours and is_picture(Path(file)):
            _keep_apart([Path(file)], [file])
        if file not in ours and not file.startswith(f"{ours[-1]}/"):
            yield candidate


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


def _rows_on_ray(
    listing: Iterator[Candidate],
    parts: Parts,
    start: Callable[[], AbstractContextManager[Cluster]],
    limits: Limits,
    watch: Watch | None,
) -> tuple[Known, int]:
    """Put the rows of all listed files into parts; gives the digests of these files, and how many had their row.

    Files are listed and read by turns, so that neither the listing nor the rows are ever in memory as a whole.
    """
    listed = [digests([])]
    done = total = resumed = 0
    pool: Cluster | None = None
    with ExitStack() as opened:
        while window := list(islice(listing, FIRST_WINDOW if pool is None else WINDOW * pool.workers)):
            listed.append(digests([digest(c.task.root, c.task.path, c.stamp) for c in window]))
            known = parts.done.has(listed[-1])
            to_do = [candidate for candidate, has in zip(window, known, strict=True) if not has]
            total += len(window)
            resumed += len(window) - len(to_do)
            done += len(window) - len(to_do)
            if watch:
                watch(done, total)
            if to_do and pool is None:
                pool = opened.enter_context(start())
            if to_do and pool is not None:
                with closing(pool.rows(to_do, limits)) as tables:  # stopped, Ray's workers end at once
                    for table in tables:
                        parts.add(table)
                        done += table.num_rows
                        if watch:
                            watch(done, total)
            parts.flush()
    if done != total:
        raise UsageError(f"Ray has lost {total - done:,} pictures; the same command reads them")
    return Known(np.concatenate(listed)), resumed


def _write(
    stretches_of_rows: Iterable[Sequence[Row]],
    written: tuple[Path, ...],
    labels: Labels | None,
    skipped: int,
    resumed: int,
    kept: Path,
) -> AuditResult:
    """Write rows that come in their order, with their labels, and the page about them."""
    tally, sample = Tally(), Sample()
    labelling = None if labels is None else Labelling(labels)
    with replacing(written) as (parquet, table, summary):
        with ParquetTable(parquet) as columnar, CsvTable(table) as plain:
            for rows in stretches_of_rows:
                if labelling is not None:
                    rows = labelling.attach(rows)
                    sample.add(rows)
                tally.add(rows)
                columnar.add(rows)
                plain.add(rows)
        if not tally.rows:
            raise UsageError(_NOTHING)
        labelled = None if labelling is None else labelling.result()
        leakage = None if labelling is None else sample.leakage()
        asked = {analysis.id for analysis in needed_analyses()}
        of_pixels = next(column.analysis for column in columns() if column.name == "ever_jpeg")
        facts = tally.summary(pixels_asked=of_pixels in asked, labelled=labelled, leakage=leakage)
        summary.write_text(render_summary(facts), encoding="utf-8")
    return AuditResult(
        tally.rows, tally.failures, tuple(tally.failed), skipped, resumed, written, kept, labelled, leakage
    )
