"""The work on one picture: a task in, a row out, whatever the picture is. Who runs it is not known here."""

from __future__ import annotations

from pathlib import Path

from jpegtrace.audit.rows import Look, Row, Task, settings
from jpegtrace.errors import InputError
from jpegtrace.inspection import inspect
from jpegtrace.limits import Limits
from jpegtrace.picture import Picture
from jpegtrace.report import Failure, InputFacts, Report


def row_of(task: Task, limits: Limits) -> Row:
    """The row of one picture; every failure becomes a row that says so."""
    try:
        return Row.of(_look(task, limits))
    except Exception as error:  # one picture must not stop the others, whatever it raises
        return Row.failed(task, type(error).__name__, f"internal error, please report it: {error}")


def _look(task: Task, limits: Limits) -> Look:
    try:
        picture = Picture.open(task.file, limits=limits, name=task.path)
        chosen = settings()
        report = inspect(picture, only=list(chosen), settings=chosen)
    except InputError as error:
        return Look(task, _size(task), Report(InputFacts(task.path), error=Failure.of(error)))
    return Look(task, len(picture.data), report, picture)


def _size(task: Task) -> int | None:
    try:
        return Path(task.file).stat().st_size
    except (OSError, ValueError):
        return None
