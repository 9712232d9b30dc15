"""Rows as Parquet and CSV, written and read in stretches, so that a table need not fit into memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jpegtrace import __version__
from jpegtrace.audit.rows import Cell, Row, columns

STRETCH = 1 << 16  # rows that are in memory at once


def schema() -> Any:
    """The Arrow schema of rows; the meaning of each column stands in its metadata, as ``doc``."""
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return pa.schema(
        [pa.field(c.name, kinds[c.kind], nullable=c.nullable, metadata={"doc": c.doc}) for c in columns()],
        metadata={"jpegtrace": __version__},
    )


def to_arrow(rows: Sequence[Row]) -> Any:
    """Rows as an Arrow table."""
    import pyarrow as pa

    form = schema()
    arrays = [pa.array([getattr(row, item.name) for row in rows], item.type) for item in form]
    return pa.Table.from_arrays(arrays, schema=form)


def from_arrow(table: Any) -> list[Row]:
    """The rows of an Arrow table; columns that rows have not are left out."""
    names = [column.name for column in columns()]
    values = [table.column(name).to_pylist() for name in names]
    return [Row(*cells) for cells in zip(*values, strict=True)]


def read_parquet(path: Path) -> Iterator[list[Row]]:
    """The rows of a file that `ParquetTable` wrote."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(STRETCH):
            yield from_arrow(pa.Table.from_batches([batch]))


def stretches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows that are all there, in the stretches in which they are written."""
    return (rows[k : k + STRETCH] for k in range(0, len(rows), STRETCH))


class ParquetTable:
    """A Parquet file that is being written."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(path, schema())

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows behind those before."""
        self._writer.write_table(to_arrow(rows))

    def __enter__(self) -> ParquetTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


class CsvTable:
    """A CSV file that is being written: UTF-8, a header, nothing for what is empty, ``true`` and ``false``."""

    def __init__(self, path: Path) -> None:
        self._names = [column.name for column in columns()]
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(self._names)

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows behind those before."""
        self._writer.writerows([_text(getattr(row, name)) for name in self._names] for row in rows)

    def __enter__(self) -> CsvTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write a whole Parquet file."""
    with ParquetTable(path) as table:
        table.add(rows)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write a whole CSV file."""
    with CsvTable(path) as table:
        table.add(rows)


def _text(value: Cell) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
