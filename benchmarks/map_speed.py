"""Dense maps of the first table: whole processes, wall time and peak memory (protocol P8).

Run ``python benchmarks/map_speed.py``; it writes ``results/map_speed.csv``. Made pictures of 1, 12 and 48 megapixels
are
compressed at 75, cut by (3, 5) and compressed at 90; `jpegtrace map` reads the first table of 64x64 windows at every
8th pixel. Medians of `REPEATS` runs after one warm-up, except at 48 megapixels, which runs once after it. Beside the
seconds stands how many windows a second that is: what a network would have to read one by one.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import made_picture, measure, write_results
from jpegtrace.chain import simulate

REPEATS = 5
SEED = 0
STRIDE = 8
COMMAND = str(Path(sys.executable).parent / "jpegtrace")
SIZES = {1: (864, 1152), 12: (3000, 4000), 48: (6000, 8000)}


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=int, nargs="*", default=list(SIZES), choices=list(SIZES))
    chosen = parser.parse_args().megapixels
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in chosen:
            height, width = SIZES[megapixels]
            path = Path(folder) / f"{megapixels}.jpg"
            # Written by a process of its own: a child's peak memory begins with what its parent holds.
            subprocess.run([sys.executable, __file__, str(path), str(height), str(width)], check=True)
            for what in ("primary-table", "regions"):
                out = str(Path(folder) / "map.npy")
                command = [COMMAND, "map", str(path), "--what", what, "--stride", str(STRIDE), "-o", out]
                measure(command)
                runs = [measure(command) for _ in range(REPEATS if megapixels < 48 else 1)]
                seconds = statistics.median(run[0] for run in runs)
                windows = -(-(height - 3) // STRIDE) * -(-(width - 5) // STRIDE)
                rows.append(
                    {
                        "map": what,
                        "megapixels": megapixels,
                        "seconds": f"{seconds:.2f}",
                        "seconds_target": 60 if megapixels == 12 else "",
                        "peak_mib": f"{max(run[1] for run in runs):.0f}",
                        "peak_mib_target": 1500 if megapixels == 12 else "",
                        "windows": windows,
                        "windows_per_second": f"{windows / seconds:.0f}",
                        "repeats": len(runs),
                    }
                )
                print(rows[-1], flush=True)
    write_results("map_speed", rows, seed=SEED)


def write_picture(path: str, height: str, width: str) -> None:
    """Write a made picture that was compressed before."""
    pixels = made_picture(int(height), int(width), SEED)
    Path(path).write_bytes(simulate(pixels, "jpeg:75 | crop:5,3 | jpeg:90").data)


if __name__ == "__main__":
    write_picture(*sys.argv[1:]) if sys.argv[1:2] and sys.argv[1].endswith(".jpg") else main()
