"""Pack a survey of quantization tables into the resource that `jpegtrace.tables` reads.

Usage:
    python scripts/build_known_tables.py tables.json [-o src/jpegtrace/data/known_tables.json.gz]

The survey is a JSON list with one item per distinct set of tables:

    {"tables": [[64 integers, row-major], ...], "files": 11, "sampling": {"2x2-1x1-1x1": 11},
     "makers": {"Canon | Canon EOS 350D DIGITAL": 7}, "software": {"GIMP 2.10.28": 2}}

The same survey always gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

FORMAT = 1
DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "src" / "jpegtrace" / "data" / "known_tables.json.gz"


def pack(survey: list[dict[str, Any]]) -> bytes:
    """Check a survey and return the resource.

    Sets are ordered by number of files, the commonest first, then by their tables; a table that several sets share is
    stored once.

    Raises:
        ValueError: an item breaks the rules above; the message says which.
    """
    checked = sorted((_check(k, item) for k, item in enumerate(survey)), key=lambda s: (-s["files"], s["tables"]))
    index: dict[tuple[int, ...], int] = {}
    seen: set[tuple[int, ...]] = set()
    sets = []
    for item in checked:
        slots = tuple(index.setdefault(tuple(table), len(index)) for table in item["tables"])
        if slots in seen:
            raise ValueError(f"the same set of tables occurs twice, once with {item['files']} files")
        seen.add(slots)
        sets.append([list(slots), item["files"], item["sampling"], item["makers"], item["software"]])
    content = {
        "format": FORMAT,
        "files": sum(item["files"] for item in checked),
        "tables": [list(table) for table in index],
        "sets": sets,
    }
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(text.encode("ascii"))
    return buffer.getvalue()


def _check(k: int, item: dict[str, Any]) -> dict[str, Any]:
    tables = item["tables"]
    if not 1 <= len(tables) <= 4:
        raise ValueError(f"item {k} has {len(tables)} tables; a JPEG has 1 to 4")
    for table in tables:
        if len(table) != 64 or not all(isinstance(q, int) and 1 <= q <= 65535 for q in table):
            raise ValueError(f"item {k}: a table has 64 integers in 1..65535")
    if not isinstance(item["files"], int) or item["files"] < 1:
        raise ValueError(f"item {k}: 'files' is a positive integer")
    counts = {name: _ranked(k, name, item[name]) for name in ("sampling", "makers", "software")}
    return {"tables": tables, "files": item["files"], **counts}


def _ranked(k: int, name: str, counts: dict[str, int]) -> dict[str, int]:
    if not all(isinstance(n, int) and n > 0 for n in counts.values()):
        raise ValueError(f"item {k}: counts of {name!r} are positive integers")
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def main(arguments: list[str] | None = None) -> int:
    """Read the survey, write the resource, say what was written."""
    parser = argparse.ArgumentParser(description="Pack a survey of quantization tables for jpegtrace.tables.")
    parser.add_argument("survey", type=Path, help="the survey, a JSON list")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT_OUTPUT, help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        survey = json.loads(options.survey.read_text(encoding="utf-8"))
        data = pack(survey)
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"{options.survey}: {error}", file=sys.stderr)
        return 1
    options.output.write_bytes(data)
    print(f"{options.output}: {len(survey)} sets, {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
