"""What is claimed of pictures as cameras wrote them: every claim of a past is false, or the camera's own doing.

Run ``python benchmarks/originals.py FOLDER [--processes N]``; it writes ``results/originals.csv``. FOLDER holds a
folder for each camera, and these JPEG files as the camera wrote them, or pieces cut from such files without decoding. A
row is a camera and an analysis: of how many pictures it claims a past (that there was an earlier compression, that
parts differ, that something was done before the last compression), of how many it says that nothing was found, and of
how many it says nothing. What a camera does before it compresses is a past, too, and may be told: noise is smoothed,
and pictures are made smaller. That is for the reader of the table to judge, by what was claimed.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from common import write_results
from jpegtrace.findings import Finding, Topic
from jpegtrace.inspection import inspect

ANALYSES = ("compression-count", "primary-table", "regions", "manipulation", "laundering")
PAST = (Topic.EDIT, Topic.HISTORY)
SHOWN = 60  # characters of a claim

Row = dict[str, object]


def of_file(path: Path) -> tuple[str, dict[str, str | None]]:
    """Camera, and for each analysis its first claim of a past, "" where it says that there is none, None otherwise."""
    report = inspect(path.read_bytes(), name=path.name, only=ANALYSES)
    return path.parent.name, {finding.analysis: claimed(finding) for finding in report.findings}


def claimed(finding: Finding) -> str | None:
    """As above."""
    past = [claim.text for claim in finding.claims if claim.topic in PAST]
    if past:
        return past[0][:SHOWN]
    return "" if any(claim.topic is Topic.NOTHING for claim in finding.claims) else None


def rows_of(found: list[tuple[str, dict[str, str | None]]]) -> Iterator[Row]:
    """Every camera, and all of them together."""
    cameras = sorted({camera for camera, _ in found})
    for analysis in ANALYSES:
        for camera in (*cameras, "all"):
            told = [claims.get(analysis) for name, claims in found if camera in (name, "all")]
            past = Counter(text for text in told if text)
            yield {
                "analysis": analysis,
                "camera": camera,
                "pictures": len(told),
                "past_claimed": past.total(),
                "nothing_found": sum(text == "" for text in told),
                "nothing_said": sum(text is None for text in told),
                "claims": "; ".join(f"{count}: {text}" for text, count in past.most_common(3)),
            }


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not paths:
        raise SystemExit(f"there are no JPEG files in {options.folder}")
    with ProcessPoolExecutor(options.processes) as pool:
        found = list(pool.map(of_file, paths))
    write_results("originals", rows_of(found))


if __name__ == "__main__":
    main()
