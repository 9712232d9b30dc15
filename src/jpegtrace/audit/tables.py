"""Rows as Parquet and CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from jpegtrace import __version__
from jpegtrace.audit.rows import Cell, Row, columns


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write a Parquet file; the meaning of each column stands in its metadata, as ``doc``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema(
        [pa.field(c.name, kinds[c.kind], nullable=c.nullable, metadata={"doc": c.doc}) for c in columns()],
        metadata={"jpegtrace": __version__},
    )
    arrays = [pa.array([getattr(row, item.name) for row in rows], item.type) for item in schema]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write a CSV file: UTF-8, a header, nothing for what is empty, ``true`` and ``false``."""
    names = [column.name for column in columns()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_text(getattr(row, name)) for name in names] for row in rows)


def _text(value: Cell) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
