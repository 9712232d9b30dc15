"""Which claims hold when pictures with a known history are mildly disturbed, and what asking costs.

Run ``python benchmarks/stability.py FOLDER [--pictures N]``; it writes ``results/stability.csv``. FOLDER holds lossless
RGB pictures that no training has seen; the middle of at most 384x384 pixels of N of them, evenly over the list, is
given each history. A row "claims" has the pictures of which the analysis claims anything, the share of these claims
that are unsure, and the share that reads the same with the settings of `jpegtrace inspect`, which asks more places. A
row of a disturbance has what became of the claims after it, as shares of all claims. Rows "speed" are whole processes,
on made pictures of a megapixel: `jpegtrace inspect` without and with `--stability`.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common import made_picture, measure, write_results
from jpegtrace.chain import simulate
from jpegtrace.inspection import inspect
from jpegtrace.picture import Picture
from jpegtrace.report.stability import Answer, Verdict
from jpegtrace.stress import stability

SEED = 110
SIDE = 384
HISTORIES = {
    "aligned 75, 95": "jpeg:75 | jpeg:95",
    "shifted 75, 95": "jpeg:75 | crop:3,5 | jpeg:95",
    "bilinear 1.3, 95": "resize:1.3,bilinear | jpeg:95",
    "once 90": "jpeg:90",
}
MEGAPIXEL = (1000, 1000)
COMMAND = str(Path(sys.executable).parent / "jpegtrace")
COLUMNS = (
    "row", "history", "analysis", "disturbance", "pictures", "claims", "held", "covered", "lost",
    "contradicted", "not_asked", "unsure", "same_as_inspect", "seconds", "cpu_seconds", "peak_mib",
)  # fmt: skip


def row(**values: object) -> dict[str, object]:
    """One row with all columns."""
    return {column: values.get(column, "") for column in COLUMNS}


def speed() -> Iterator[dict[str, object]]:
    """Whole processes, after one that compiles the kernels and fills the cache of files."""
    pixels = made_picture(*MEGAPIXEL, SEED)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("jpeg:75 | jpeg:90", "jpeg:90"):
            path = Path(folder) / "picture.jpg"
            path.write_bytes(simulate(pixels, name).data or b"")
            usual = [COMMAND, "inspect", str(path), "--quiet"]
            measure([*usual, "--stability"])
            for command in (usual, [*usual, "--stability"]):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                seconds, memory = measure(command)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                what = "inspect --stability" if command[-1] == "--stability" else "inspect"
                yield row(
                    row=f"speed: {what}", history=f"1 megapixel, {name}", seconds=f"{seconds:.1f}",
                    cpu_seconds=f"{cpu:.1f}", peak_mib=f"{memory:.0f}",
                )  # fmt: skip


def middle(path: Path) -> np.ndarray:
    """The middle of a picture."""
    pixels = Picture.open(path).raster.pixels
    top, left = (max(0, (extent - SIDE) // 2) for extent in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE])


def histories(paths: list[Path]) -> Iterator[dict[str, object]]:
    """What becomes of the claims about every history."""
    for history, chain in HISTORIES.items():
        claims: Counter[str] = Counter()
        unsure: Counter[str] = Counter()
        same: Counter[str] = Counter()
        answers: defaultdict[tuple[str, str], Counter[Answer]] = defaultdict(Counter)
        for path in paths:
            picture = Picture.open(simulate(middle(path), chain).data or b"")
            report, found = inspect(picture, only=list(stability.RULES)), stability.of(picture)
            for claim in found.verdicts:
                if not claim.trials:
                    continue
                claims[claim.analysis] += 1
                unsure[claim.analysis] += claim.verdict is Verdict.UNSURE
                same[claim.analysis] += claim.claim == report.finding(claim.analysis).summary
                for trial in claim.trials:
                    answers[claim.analysis, trial.disturbance][trial.answer] += 1
        for analysis in stability.RULES:
            total = claims[analysis]
            shares = {"unsure": unsure[analysis], "same_as_inspect": same[analysis]}
            yield row(
                row="claims", history=history, analysis=analysis, pictures=len(paths), claims=total,
                **{name: f"{n / total:.2f}" for name, n in shares.items() if total},
            )  # fmt: skip
            for d in stability.ladder():
                counted = answers[analysis, d.id]
                if counted:
                    yield row(
                        row="disturbance", history=history, analysis=analysis, disturbance=d.id, pictures=len(paths),
                        claims=total, **{answer.value: f"{counted[answer] / total:.2f}" for answer in Answer},
                    )  # fmt: skip


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=20)
    arguments = parser.parse_args()
    found = sorted(path for path in arguments.folder.iterdir() if path.suffix in (".webp", ".png"))
    chosen = np.linspace(0, len(found) - 1, min(arguments.pictures, len(found))).round().astype(int)
    write_results("stability", [*speed(), *histories([found[k] for k in chosen])], seed=SEED)


if __name__ == "__main__":
    main()
