"""Rows of an audit in Parquet files, for datasets that fit into no memory.

What `journal` is to the local engine: rows are kept as they come, some thousand in a file that appears whole or not at
all, and the same command goes on from them. Of each picture only 16 bytes stay in memory, the digest of its name and
of its size and time of change.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from jpegtrace.audit.journal import PASSING, check_header, lock
from jpegtrace.audit.rows import Row
from jpegtrace.audit.tables import STRETCH, from_arrow, schema
from jpegtrace.errors import UsageError
from jpegtrace.findings import Json

LEFT_OUT = "left out"  # status of a file that is no picture; such rows are in no table
PART_ROWS, PART_SECONDS = 20_000, 20.0  # a part is written when it has so many rows, or when so much time has passed
_SORTED_AT_ONCE, _MOST_SHELVES = 500_000, 500
_STAMP, _PART = "_stamp", "_part"

Digests = NDArray[np.uint64]


def part_schema() -> Any:
    """Rows with the stamp of their file."""
    import pyarrow as pa

    return schema().append(pa.field(_STAMP, pa.string()))


def digest(root: str, path: str, stamp: str | None) -> bytes:
    """16 bytes that stand for a picture as it is now."""
    return hashlib.blake2b(f"{root}\0{path}\0{stamp}".encode(), digest_size=16).digest()


def digests(values: Sequence[bytes]) -> Digests:
    """Digests as an array (pictures, 2)."""
    return np.frombuffer(b"".join(values), np.uint64).reshape(-1, 2)


class Known:
    """A set of digests in 16 bytes each."""

    def __init__(self, values: Digests) -> None:
        self._values = values[np.argsort(values[:, 0], kind="stable")]

    def __len__(self) -> int:
        return len(self._values)

    def has(self, asked: Digests) -> NDArray[np.bool_]:
        """Which of some digests are in the set."""
        first = self._values[:, 0]
        found = np.zeros(len(asked), bool)
        place = np.searchsorted(first, asked[:, 0])
        open_ = np.flatnonzero(place < len(first))
        while open_.size:  # equal first halves are next to each other; there is hardly ever more than one
            open_ = open_[first[place[open_]] == asked[open_, 0]]
            found[open_] |= self._values[place[open_], 1] == asked[open_, 1]
            place[open_] += 1
            open_ = open_[~found[open_] & (place[open_] < len(first))]
        return found


@dataclass(slots=True)
class Parts:
    """The parts of one audit; only one process has them at a time.

    Attributes:
        folder: where they lie.
        done: pictures that need not be looked at again, as they were.
    """

    folder: Path
    done: Known
    _lock: BinaryIO
    _next: int
    _waiting: list[Any] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, folder: Path, header: Mapping[str, Json], *, fresh: bool = False) -> Parts:
        """Open the parts of an audit, or begin them.

        Args:
            folder: where they lie.
            header: what the audit is, by `journal.describe`.
            fresh: forget what is there.

        Raises:
            UsageError: they belong to another audit, another process has them, or the folder holds something else.
        """
        try:
            folder.mkdir(exist_ok=True)
            held = (folder / "lock").open("a+b")
        except OSError as error:
            raise UsageError(f"cannot write {folder}: {error.strerror}") from error
        try:
            lock(held, folder)
            head = folder / "audit.json"
            if _files(folder) and not head.exists():
                raise UsageError(f"{folder} does not hold the parts of an audit; move it away")
            if fresh:
                for old in [*_files(folder), head]:
                    old.unlink(missing_ok=True)
            if head.exists():
                check_header(head.read_bytes(), folder, header)
            else:
                draft = head.with_suffix(".tmp")
                draft.write_text(json.dumps(header, ensure_ascii=False), encoding="utf-8")
                draft.replace(head)
            for torn in folder.glob("*.tmp"):
                torn.unlink()
            files = _files(folder)
            number = 1 + max((int(file.stem.removeprefix("part-")) for file in files), default=-1)
            return cls(folder, Known(_lasting(files)), held, number)
        except BaseException:
            held.close()
            raise

    def add(self, rows: Any) -> None:
        """Keep an Arrow table of the form `part_schema`; it is safe when its part is written.

        Raises:
            UsageError: the part cannot be written.
        """
        self._waiting.append(rows)
        many = sum(table.num_rows for table in self._waiting) >= PART_ROWS
        if many or time.monotonic() - self._since >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has come as a part.

        Raises:
            UsageError: the part cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._since = time.monotonic()
        if not self._waiting:
            return
        path = self.folder / f"part-{self._next:08}.parquet"
        draft = path.with_suffix(".tmp")
        try:
            pq.write_table(pa.concat_tables(self._waiting), draft)
            draft.replace(path)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}; the parts before are kept") from error
        self._waiting.clear()
        self._next += 1

    def rows(self, listed: Known) -> Iterator[list[Row]]:
        """The rows of the pictures that are listed, in the order of root and path, the last of each.

        More than fit into memory are first dealt out to files by their place in the order, each of which does.

        Args:
            listed: which pictures there are now; rows of others, or of earlier contents, are passed over.
        """
        files = _files(self.folder)
        number = min(math.ceil(_count(files) / _SORTED_AT_ONCE), _MOST_SHELVES)
        if number <= 1:
            yield from _in_order(list(_current(files, listed)))
            return
        shelves = self.folder / "sorting"
        shutil.rmtree(shelves, ignore_errors=True)
        shelves.mkdir()
        try:
            for shelf in _deal(_current(files, listed), _bounds(files, number), shelves):
                yield from _in_order([_read_shelf(shelf)])
        finally:
            shutil.rmtree(shelves, ignore_errors=True)

    def left_out(self, listed: Known) -> int:
        """How many listed files are no pictures."""
        import pyarrow.compute as pc

        number = 0
        for file in _files(self.folder):
            table = _read(file, ["root", "path", "status", _STAMP])
            table = table.filter(pc.equal(table["status"], LEFT_OUT))
            number += int(listed.has(_digests_of(table)).sum())
        return number

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
        finally:
            with suppress(OSError):
                self._lock.close()


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def _read(file: Path, names: list[str] | None = None) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file).read(names)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{file} is damaged ({error}); remove it and its pictures are read again") from error


def _count(files: Sequence[Path]) -> int:
    import pyarrow.parquet as pq

    return sum(int(pq.read_metadata(file).num_rows) for file in files)


def _digests_of(table: Any) -> Digests:
    names = (table[name].to_pylist() for name in ("root", "path", _STAMP))
    return digests([digest(*item) for item in zip(*names, strict=True)])


def _lasting(files: Sequence[Path]) -> Digests:
    """Pictures whose row would be the same the next time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [np.zeros((0, 2), np.uint64)]
    for file in files:
        table = _read(file, ["root", "path", "error_kind", _STAMP])
        passing = pc.is_in(table["error_kind"], pa.array(PASSING))
        found.append(_digests_of(table.filter(pc.and_(pc.invert(passing), pc.is_valid(table[_STAMP])))))
    return np.concatenate(found)


def _current(files: Sequence[Path], listed: Known) -> Iterator[Any]:
    """The rows of each part that are still those of a picture, with the number of the part."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for number, file in enumerate(files):
        table = _read(file)
        table = table.filter(pc.not_equal(table["status"], LEFT_OUT))
        table = table.filter(pa.array(listed.has(_digests_of(table))))
        yield table.append_column(_PART, pa.array(np.full(table.num_rows, number)))


def _in_order(tables: Sequence[Any]) -> Iterator[list[Row]]:
    """Rows by root and path; of several about one picture the last."""
    import pyarrow as pa

    if not tables:
        return
    table = pa.concat_tables(tables)
    table = table.sort_by([("root", "ascending"), ("path", "ascending"), (_PART, "ascending")])
    rows = table.num_rows
    if rows > 1:
        import pyarrow.compute as pc

        here, after = table.slice(0, rows - 1), table.slice(1)
        same = pc.and_(pc.equal(here["root"], after["root"]), pc.equal(here["path"], after["path"]))
        table = table.filter(pa.chunked_array([pc.invert(same).combine_chunks(), pa.array([True])]))
    for k in range(0, table.num_rows, STRETCH):
        yield from_arrow(table.slice(k, STRETCH))


def _bounds(files: Sequence[Path], number: int) -> list[tuple[str, str]]:
    """Names that divide all pictures into shelves of about the same size."""
    each = max(1, 200 * number // len(files))
    names: list[tuple[str, str]] = []
    for file in files:
        table = _read(file, ["root", "path"])
        places = np.linspace(0, table.num_rows - 1, min(each, table.num_rows)).astype(int)
        table = table.take(places)
        names += zip(table["root"].to_pylist(), table["path"].to_pylist(), strict=True)
    names.sort()
    return [names[len(names) * k // number] for k in range(1, number)]


def _deal(tables: Iterator[Any], bounds: list[tuple[str, str]], folder: Path) -> list[Path]:
    """Rows on the shelves that `bounds` divide."""
    import pyarrow as pa

    shelves = [folder / f"{k:04}.arrow" for k in range(len(bounds) + 1)]
    with ExitStack() as opened:
        writers: list[Any] = []
        for table in tables:
            if not writers:
                writers = [opened.enter_context(pa.ipc.new_stream(shelf, table.schema)) for shelf in shelves]
            names = zip(table["root"].to_pylist(), table["path"].to_pylist(), strict=True)
            places = np.array([bisect_right(bounds, name) for name in names], int)
            for k in np.unique(places):
                writers[k].write_table(table.filter(pa.array(places == k)))
    return shelves


def _read_shelf(shelf: Path) -> Any:
    import pyarrow as pa

    with pa.ipc.open_stream(shelf) as stream:
        return stream.read_all()
