"""How fast a folder is audited, and whether a killed audit loses or repeats a row (protocol P8).

Run ``python benchmarks/audit_speed.py DATA`` with `data/eval`; it writes ``results/audit_speed.csv``. 60 pieces of
512 x 512 of the photographs, a third each as PNG that was never compressed, PNG decoded from a JPEG, and JPEG, are
audited by whole processes on all cores: the median of `REPEATS`, start-up included. Then an audit is killed with
SIGKILL `KILLS` times on its way and started again with the same command; its rows must be those of an undisturbed one.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from common import measure, write_results

COMMAND = str(Path(sys.executable).parent / "jpegtrace")
SIDE, PICTURES, REPEATS, KILLS = 512, 60, 3, 4
SEED = 6


def pieces(folder: Path, count: int) -> list[np.ndarray]:
    """Pieces of the photographs that are large enough, one each and then further ones."""
    rng = np.random.default_rng(SEED)
    photographs = []
    for path in sorted(folder.glob("photos/*.webp")):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        if min(pixels.shape[:2]) >= SIDE:
            photographs.append(pixels)
    found = []
    for k in range(count):
        pixels = photographs[k % len(photographs)]
        y, x = (int(rng.integers(size - SIDE + 1)) for size in pixels.shape[:2])
        found.append(pixels[y : y + SIDE, x : x + SIDE])
    return found


def write_pictures(found: list[np.ndarray], folder: Path) -> None:
    """A third of each kind, in a folder of its own."""
    rng = np.random.default_rng(SEED)
    for kind in ("plain", "decoded", "jpeg"):
        (folder / kind).mkdir(parents=True)
    for k, pixels in enumerate(found):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=int(rng.integers(60, 98)))
        if k % 3 == 0:
            Image.fromarray(pixels).save(folder / "plain" / f"{k}.png")
        elif k % 3 == 1:
            Image.open(out).save(folder / "decoded" / f"{k}.png")
        else:
            (folder / "jpeg" / f"{k}.jpg").write_bytes(out.getvalue())


def kill_and_resume(command: list[str], seconds: float) -> int:
    """Kill an audit several times on its way, let it finish; returns how often it was killed before its end."""
    killed = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(seconds / KILLS + 1)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return killed


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    found = pieces(options.data, PICTURES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        write_pictures(found, folder)
        whole = Path(name) / "whole.parquet"
        command = [COMMAND, "audit", str(folder), "-o", str(whole), "--quiet", "--fresh"]
        measure(command)
        runs = [measure(command) for _ in range(REPEATS)]
        seconds = statistics.median(run[0] for run in runs)
        killed = Path(name) / "killed.parquet"
        kills = kill_and_resume([COMMAND, "audit", str(folder), "-o", str(killed), "--quiet"], seconds)
        same = whole.with_suffix(".csv").read_bytes() == killed.with_suffix(".csv").read_bytes()
    row = {
        "pictures": PICTURES,
        "side": SIDE,
        "seconds": f"{seconds:.2f}",
        "pictures_per_second": f"{PICTURES / seconds:.2f}",
        "pictures_per_second_target": 5,
        "peak_mib_of_the_first_process": f"{max(run[1] for run in runs):.0f}",
        "repeats": REPEATS,
        "killed": kills,
        "rows_after_kills_as_without": same,
    }
    write_results("audit_speed", [row], seed=SEED)


if __name__ == "__main__":
    main()
