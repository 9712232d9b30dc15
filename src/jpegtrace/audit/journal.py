"""Rows kept as they are made, so that an audit that was stopped goes on where it was.

One JSON object per line: first what the audit is, then a row each. A line is whole when it ends with a line feed; what
was torn by a sudden end is dropped. Later lines about the same picture replace earlier ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from jpegtrace import __version__
from jpegtrace.audit.local import WORKER_DIED
from jpegtrace.audit.rows import Row, Task, columns, needed_analyses, settings
from jpegtrace.errors import UsageError
from jpegtrace.findings import Json
from jpegtrace.limits import Limits

try:
    import fcntl
except ImportError:  # a system without it: two audits of one output are then not told apart
    fcntl = None  # type: ignore[assignment]

_FORMAT = 1
# What may go better the next time although the file is the same.
PASSING = ("UnreadableInput", "MemoryError", WORKER_DIED)

Stamp = tuple[int, int]
Key = tuple[str, str]


def stamp_of(task: Task) -> Stamp | None:
    """Size and time of change of a file; None where they cannot be had."""
    try:
        found = Path(task.file).stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


def describe(roots: list[str], limits: Limits) -> dict[str, Json]:
    """What must be the same for rows to belong together."""
    return {
        "jpegtrace_audit": _FORMAT,
        "version": __version__,
        "columns": [column.name for column in columns()],
        "analyses": {a.id: [a.version, asdict(settings()[a.id])] for a in needed_analyses()},
        "limits": asdict(limits),
        "roots": list(roots),
        "folder": os.getcwd(),  # noqa: PTH109 - what relative roots are relative to
    }


@dataclass(slots=True)
class Journal:
    """An open journal; only one audit has it at a time.

    Attributes:
        path: where it lies.
        kept: rows that it held when it was opened, with the stamp of their file.
    """

    path: Path
    kept: dict[Key, tuple[Stamp | None, Row]]
    _file: BinaryIO

    @classmethod
    def open(cls, path: Path, header: Mapping[str, Json], *, fresh: bool = False) -> Journal:
        """Open a journal, or begin one.

        Args:
            path: where it lies.
            header: what the audit is, by `describe`.
            fresh: forget what it holds.

        Raises:
            UsageError: it belongs to another audit, another process has it, or it is damaged or no journal at all.
        """
        try:
            file = path.open("a+b")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        try:
            lock(file, path)
            if fresh:
                file.truncate(0)
            journal = cls(path, _read(file, path, header), file)
            if not file.tell():
                journal._append(header)
        except BaseException:
            file.close()
            raise
        return journal

    def row(self, task: Task, stamp: Stamp | None) -> Row | None:
        """The row of this picture, unless its file is not the one that was read or may be readable now."""
        before, row = self.kept.get((task.root, task.path), (None, None))
        return row if row is not None and stamp is not None and before == stamp else None

    def add(self, row: Row, stamp: Stamp | None) -> None:
        """Keep a row.

        Raises:
            UsageError: the journal cannot be written any more.
        """
        lasting = None if row.error_kind in PASSING or stamp is None else list(stamp)
        self._append({"stamp": lasting, "row": row.to_dict()})

    def _append(self, item: Mapping[str, object]) -> None:
        try:
            self._file.write(json.dumps(item, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}; the rows before are kept") from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # on a full disk, which `add` has told
            self._file.close()


def lock(file: BinaryIO, path: Path) -> None:
    """Keep other audits out until the file is closed.

    Raises:
        UsageError: another process is there.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"another audit is writing {path}") from None
    except OSError:  # a file system without locks
        return


def _read(file: BinaryIO, path: Path, header: Mapping[str, Json]) -> dict[Key, tuple[Stamp | None, Row]]:
    """The rows of a journal; leaves the file without a torn last line, at its end."""
    file.seek(0)
    kept: dict[Key, tuple[Stamp | None, Row]] = {}
    whole = 0
    for number, line in enumerate(file):
        if not line.endswith(b"\n"):
            break
        if number == 0:
            check_header(line, path, header)
        else:
            stamp, row = _parse(line, path, number + 1)
            kept[row.root, row.path] = stamp, row
        whole += len(line)
    if whole == 0 and not _begins_like_ours(file):
        raise _no_journal(path)
    file.truncate(whole)
    file.seek(whole)
    return kept


def _begins_like_ours(file: BinaryIO) -> bool:
    """Whether all that a file holds may be a first line that was torn."""
    file.seek(0)
    begins = b'{"jpegtrace_audit"'
    return begins.startswith(file.read(len(begins)))


def check_header(line: bytes, path: Path, header: Mapping[str, Json]) -> None:
    """Make sure that what is kept belongs to this audit.

    Raises:
        UsageError: it belongs to another one, or to none.
    """
    try:
        there = json.loads(line)
    except ValueError:
        raise _no_journal(path) from None
    if not isinstance(there, dict) or "jpegtrace_audit" not in there:
        raise _no_journal(path)
    here = json.loads(json.dumps(header))
    other = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    if other:
        raise UsageError(
            f"{path} belongs to an audit with other {', '.join(other)}; "
            "--fresh starts over, or give this one another output"
        )


def _parse(line: bytes, path: Path, number: int) -> tuple[Stamp | None, Row]:
    try:
        item = json.loads(line)
        stamp = item["stamp"]
        return None if stamp is None else (stamp[0], stamp[1]), Row.from_dict(item["row"])
    except (ValueError, KeyError, TypeError, IndexError):
        raise UsageError(f"{path} is damaged in line {number}; --fresh starts over") from None


def _no_journal(path: Path) -> UsageError:
    return UsageError(f"{path} is not the journal of an audit; move it away, or --fresh writes over it")
