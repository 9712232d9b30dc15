"""The work on one picture: a task in, a row out, whatever the picture is. Who runs it is not known here."""

from __future__ import annotations

from pathlib import Path

from jpegtrace.audit.rows import Look, Row, Task, settings
from jpegtrace.errors import InputError
from jpegtrace.inspection import inspect
from jpegtrace.limits import Limits
from jpegtrace.picture import Picture, read_source
from jpegtrace.report import Failure, InputFacts, Report


def row_of(task: Task, limits: Limits) -> Row:
    """The row of one picture; every failure becomes a row that says so."""
    try:
        data = read_source(task.file, limits)
    except Exception as error:  # as in `row_of_bytes`
        return row_of_unread(task, error, size_of(task))
    return row_of_bytes(task, data, limits)


def row_of_bytes(task: Task, data: bytes, limits: Limits) -> Row:
    """The row of one picture whose file has been read."""
    try:
        picture = Picture.open(data, limits=limits, name=task.path)
        chosen = settings()
        report = inspect(picture, only=list(chosen), settings=chosen)
        return Row.of(Look(task, len(data), report, picture))
    except Exception as error:  # one picture must not stop the others, whatever it raises
        return row_of_unread(task, error, len(data))


def row_of_unread(task: Task, error: Exception, size: int | None) -> Row:
    """The row of one picture that could not be read.

    Args:
        task: which picture.
        error: why.
        size: of its file in bytes; None where even that cannot be had.
    """
    if isinstance(error, InputError):
        return Row.of(Look(task, size, Report(InputFacts(task.path), error=Failure.of(error))))
    return Row.failed(task, type(error).__name__, f"internal error, please report it: {error}")


def size_of(task: Task) -> int | None:
    """Size of a file in bytes; None where it cannot be had."""
    try:
        return Path(task.file).stat().st_size
    except (OSError, ValueError):
        return None
