"""Which pictures an audit has: those that `inspection.list_pictures` finds, each with its folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jpegtrace.audit.rows import Task, printable
from jpegtrace.errors import UsageError
from jpegtrace.inspection import list_pictures


@dataclass(frozen=True, slots=True)
class Found:
    """Pictures of some folders.

    Attributes:
        tasks: the pictures, each once, in a stable order.
        skipped: how many files in the folders are no pictures.
    """

    tasks: tuple[Task, ...]
    skipped: int


def find_pictures(arguments: Iterable[str | os.PathLike[str]]) -> Found:
    """The pictures in folders; a file that is named itself, or by a glob, stands in the folder that holds it.

    Raises:
        UsageError: a folder or file that does not exist, or a glob that matches nothing.
    """
    tasks: dict[Path, Task] = {}
    skipped: dict[Path, None] = {}
    for argument in arguments:
        folder = Path(argument)
        if not folder.exists() and not any(sign in str(argument) for sign in "*?["):
            raise UsageError(f"there is no file or folder {str(argument)!r}")
        listing = list_pictures([argument])
        is_root = folder.is_dir()
        for file in listing.files:
            root = folder if is_root else file.parent
            path = printable(file.relative_to(root).as_posix())
            tasks.setdefault(file, Task(printable(str(root)), path, str(file)))
        skipped.update(dict.fromkeys(listing.skipped))
    return Found(tuple(tasks.values()), len(skipped))
