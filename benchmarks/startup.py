"""How long a start takes, and an inspection of 1, 12 and 48 megapixels: whole processes, wall time and peak memory.

Run ``python benchmarks/startup.py`` in an environment with the default install; it writes ``results/startup.csv``.
Medians of `REPEATS` runs after one warm-up; the first inspection of a fresh installation (nothing compiled yet) is
measured once, with an empty kernel cache.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from common import made_picture, measure, write_results

REPEATS = 5
SEED = 0
SIZES = {1: (864, 1152), 12: (3000, 4000), 48: (6000, 8000)}
COMMAND = str(Path(sys.executable).parent / "jpegtrace")


def repeated(
    what: str, command: list[str], seconds_target: object = "", memory_target: object = ""
) -> dict[str, object]:
    """One row: the median of several runs."""
    measure(command)
    runs = [measure(command) for _ in range(REPEATS)]
    return row(
        what, statistics.median(r[0] for r in runs), max(r[1] for r in runs), REPEATS, seconds_target, memory_target
    )


def row(
    what: str, seconds: float, memory: float, repeats: int, seconds_target: object = "", memory_target: object = ""
) -> dict[str, object]:
    """Figures beside what they are meant to stay under."""
    return {
        "what": what,
        "seconds": f"{seconds:.3f}",
        "seconds_target": seconds_target,
        "peak_mib": f"{memory:.0f}",
        "peak_mib_target": memory_target,
        "repeats": repeats,
    }


def import_row() -> dict[str, object]:
    """`import jpegtrace` inside a running interpreter, without the interpreter's own start."""
    code = "import time; t = time.perf_counter(); import jpegtrace; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(REPEATS)
    ]
    return row("import jpegtrace", statistics.median(runs), measure([sys.executable, "-c", code])[1], REPEATS, 0.25)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=int, nargs="*", default=list(SIZES), choices=list(SIZES))
    chosen = parser.parse_args().megapixels
    rows = [import_row(), repeated("jpegtrace --help", [COMMAND, "--help"], 0.6)]
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in chosen:
            height, width = SIZES[megapixels]
            path = Path(folder) / f"{megapixels}.jpg"
            for kind in ("baseline", "progressive"):
                # Written by a process of its own: a child's peak memory begins with what its parent holds.
                subprocess.run([sys.executable, __file__, str(path), str(height), str(width), kind], check=True)
                picture = f"{megapixels} megapixels, {kind}, {path.stat().st_size / 1e6:.1f} MB"
                targets = (1.5, 700) if megapixels == 12 else ("", "")
                facts = [COMMAND, "inspect", str(path), "--only", "file-facts,encoder"]
                rows.append(repeated(f"inspect, facts only, {picture}", facts, *targets))
                rows.append(repeated(f"inspect, all analyses, {picture}", [COMMAND, "inspect", str(path)]))
                if megapixels == 12:
                    for what, command in (("facts only", facts), ("all analyses", [COMMAND, "inspect", str(path)])):
                        cache = {"NUMBA_CACHE_DIR": str(Path(folder) / f"cache-{kind}-{what}")}
                        seconds, memory = measure(command, cache)
                        rows.append(
                            row(f"inspect, {what}, {picture}, first of a fresh installation", seconds, memory, 1)
                        )
    write_results("startup", rows, seed=SEED)


def write_picture(path: str, height: str, width: str, kind: str) -> None:
    """Write a made picture as JPEG."""
    pixels = made_picture(int(height), int(width), SEED)
    Image.fromarray(pixels).save(path, quality=92, progressive=kind == "progressive")


if __name__ == "__main__":
    write_picture(*sys.argv[1:]) if sys.argv[1:2] and sys.argv[1].endswith(".jpg") else main()
