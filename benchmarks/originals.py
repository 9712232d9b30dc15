"""What is claimed of pictures as cameras wrote them: every claim of a past is false, or the camera's own doing.

Run ``python benchmarks/originals.py FOLDER [--processes N]``; it writes ``results/originals.csv``. FOLDER holds a
folder for each camera, and these JPEG files as the camera wrote them, or pieces cut from such files without decoding. A
row is a camera and an analysis: of how many pictures it claims a past (that there was an earlier compression, that
parts differ, that something was done before the last compression), of how many it answers and claims none, of how many
it cannot tell, and how many it could not look at or does not ask about. What a camera does before it compresses is a
past, too, and may be told: noise is smoothed, and pictures are made smaller. That is for the reader of the table to
judge, by what was claimed.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from common import write_results
from jpegtrace.analyses._evidence import EARLIER
from jpegtrace.errors import JpegtraceError
from jpegtrace.findings import Status, Topic
from jpegtrace.inspection import inspect

ANALYSES = ("compression-count", "primary-table", "regions", "manipulation", "laundering")
PAST = (Topic.EDIT, Topic.HISTORY)
SHOWN = 60  # characters of a claim
ALL = "all cameras"

Row = dict[str, object]


class Answer(NamedTuple):
    """What one analysis says of one picture: its first claim of a past, if any, and its status."""

    claim: str
    status: str


def of_file(path: Path, folder: Path) -> tuple[str, dict[str, Answer]]:
    """Camera and answers; a file that cannot be read has none."""
    camera = path.relative_to(folder).parts[0]
    try:
        report = inspect(path.read_bytes(), name=path.name, only=ANALYSES)
    except JpegtraceError:
        return camera, {}
    found = {}
    for finding in report.findings:
        past = [claim.text for claim in finding.claims if claim.topic in PAST or claim.facts.get(EARLIER) == "yes"]
        found[finding.analysis] = Answer(past[0][:SHOWN] if past else "", finding.status)
    return camera, found


def rows_of(found: list[tuple[str, dict[str, Answer]]]) -> Iterator[Row]:
    """Every camera, and all of them together."""
    unread = Answer("", "unread")
    for analysis in ANALYSES:
        for camera in (*sorted({camera for camera, _ in found}), ALL):
            told = [answers.get(analysis, unread) for name, answers in found if camera in (name, ALL)]
            past = Counter(answer.claim for answer in told if answer.claim)
            without = Counter(answer.status for answer in told if not answer.claim)
            yield {
                "analysis": analysis,
                "camera": camera,
                "pictures": len(told),
                "past_claimed": past.total(),
                "answered_none": without[Status.OK],
                "cannot_tell": without[Status.INCONCLUSIVE],
                "not_asked": without.total() - without[Status.OK] - without[Status.INCONCLUSIVE],
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
        found = list(pool.map(partial(of_file, folder=options.folder), paths))
    write_results("originals", rows_of(found))


if __name__ == "__main__":
    main()
