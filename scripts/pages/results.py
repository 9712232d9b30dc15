"""Rows of `benchmarks/results`, and tables of them in Markdown."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"

Row = Mapping[str, str]


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a results file; none where it was not measured."""
    path = RESULTS / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in body]
    return "\n".join(lines)


def picked(found: Iterable[Row], columns: Mapping[str, str]) -> str:
    """A table of some columns, under other headings; those that were not measured are left out."""
    found = list(found)
    there = [name for name in columns if name in found[0]]
    return table([columns[name] for name in there], [[row[name] or "-" for name in there] for row in found])


def environment(found: Sequence[Row], name: str) -> str:
    """When and where rows were measured."""
    row = found[0]
    date = ", ".join(sorted({one["date"] for one in found}))
    return f"`benchmarks/results/{name}.csv`: {date}, jpegtrace {row['jpegtrace']}, {row['cores']} cores."
