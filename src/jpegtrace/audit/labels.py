"""Labels of the pictures: from the folders they lie in, or from a table."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jpegtrace.audit.rows import Row
from jpegtrace.errors import UsageError

FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows with their labels.

    Attributes:
        rows: those that were given, with a label where there is one.
        without: how many pictures have none.
        unknown: paths of the table that are no picture of the audit.
    """

    rows: tuple[Row, ...]
    without: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """Where labels come from.

    Attributes:
        table: label by path; None where the first folder below the root is the label.
    """

    table: dict[str, str] | None

    @classmethod
    def read(cls, source: str) -> Labels:
        """Labels by ``folder``, or by a CSV file with the columns path and label.

        Raises:
            UsageError: there is no such file, or it has another form.
        """
        if source == FOLDER:
            return cls(None)
        if Path(source).suffix.lower() != ".csv":
            raise UsageError(f"labels come from {FOLDER!r} or from a *.csv with the columns path,label, not {source!r}")
        try:
            with Path(source).open(encoding="utf-8-sig", newline="") as file:
                return cls(_read_table(file, source))
        except OSError as error:
            raise UsageError(f"cannot read {source}: {error.strerror}") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"{source} is not a CSV file in UTF-8: {error}") from error

    def attach(self, rows: Sequence[Row]) -> Labelled:
        """Give every row its label.

        A path of the table is the path of a row, below its root or with it.
        """
        by_stretch = Labelling(self)
        return by_stretch.result(by_stretch.attach(rows))


class Labelling:
    """Labels attached to one stretch of rows after the other."""

    def __init__(self, labels: Labels) -> None:
        self._table = labels.table
        self._used: set[str] = set()
        self._without = 0

    def attach(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Some rows with their labels."""
        return tuple(replace(row, label=self._label(row)) for row in rows)

    def result(self, rows: tuple[Row, ...] = ()) -> Labelled:
        """What has been labelled until now.

        Args:
            rows: that it is to hold.
        """
        return Labelled(rows, self._without, tuple(sorted(set(self._table or ()) - self._used)))

    def _label(self, row: Row) -> str | None:
        if self._table is None:
            folder, _, rest = row.path.partition("/")
            label = folder if rest else None
        else:
            names = (posixpath.normpath(f"{row.root}/{row.path}"), row.path)
            if "://" in row.root:  # where // is no accident
                names = (f"{row.root}/{row.path}", row.path)
            known = [name for name in names if name in self._table]
            self._used.update(known)
            label = self._table[known[0]] if known else None
        self._without += label is None
        return label


def _read_table(lines: Iterable[str], source: str) -> dict[str, str]:
    reader = csv.reader(lines, strict=True)
    if next(reader, None) != ["path", "label"]:
        raise UsageError(f"{source} must begin with the line: path,label")
    table: dict[str, str] = {}
    for record in reader:
        if not record:
            continue
        if len(record) != 2 or not all(record):
            raise UsageError(f"line {reader.line_num} of {source} has not a path and a label")
        path, label = record
        path = path if "://" in path else posixpath.normpath(path)  # in an address // is no accident
        if table.setdefault(path, label) != label:
            raise UsageError(f"{source} gives {path!r} two labels: {table[path]!r} and {label!r}")
    return table
