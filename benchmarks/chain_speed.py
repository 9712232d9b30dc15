"""How fast known histories are made: patches per second, whole chains, and the first call of a fresh installation.

Run `python benchmarks/chain_speed.py`; it writes `benchmarks/results/chain_speed.csv`. Every figure is the median of
`REPEATS` runs on made pictures (smooth colour with grain), in one process unless the row says otherwise.
"""

from __future__ import annotations

import csv
import datetime
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import PIL
from PIL import Image

from jpegtrace.chain import DoubleDistribution, double_compress, random_double, simulate
from jpegtrace.tables import ijg_table

SEED = 0
PATCHES = 2048
REPEATS = 5
RESULT = Path(__file__).parent / "results" / "chain_speed.csv"

CHAINS = (
    "jpeg:75",
    "jpeg:75 | crop:3,5 | jpeg:90",
    "jpeg:95 | median:15 | jpeg:90",
    "jpeg:95 | blur:gauss,15 | jpeg:90",
    "jpeg:95 | resize:0.8,bicubic | jpeg:90",
    "jpeg:95 | resize:0.8,bicubic,antialias=no | jpeg:90",
    "jpeg:75,libjpeg-9 | crop:3,5 | jpeg:90",
    "jpeg:75,mozjpeg | crop:3,5 | jpeg:90",
    "jpeg:90 | splice:ellipse=100/100/200/200,chain=(jpeg:60 | crop:1,2,500,500) | jpeg:90",
)

FIRST_CALL = """
import time, numpy as np
start = time.perf_counter()
from jpegtrace.chain import double_compress
double_compress(np.zeros((1, 80, 80, 3), np.uint8), np.ones((2, 8, 8), int), np.ones((2, 8, 8), int), [[8, 8]])
print(time.perf_counter() - start)
"""


def made_picture(rows: int, cols: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth colour blobs with grain."""
    coarse = rng.normal(0, 1, (rows // 16 + 2, cols // 16 + 2, 3)).astype(np.float32)
    size = (cols, rows)
    channels = [np.asarray(Image.fromarray(coarse[..., i]).resize(size, Image.Resampling.BICUBIC)) for i in range(3)]
    return np.clip(128 + 45 * np.stack(channels, axis=-1) + rng.normal(0, 5, (rows, cols, 3)), 0, 255).astype(np.uint8)


def median_seconds(work: Callable[[], object]) -> float:
    """Median wall time of `REPEATS` runs after one that is not counted."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def batch_rows() -> list[tuple[str, int, int, float, str]]:
    """Doubly compressed 64x64 patches per second."""
    rng = np.random.default_rng(SEED)
    picture = made_picture(768, 1024, rng)
    tops, lefts = rng.integers(768 - 80, size=PATCHES), rng.integers(1024 - 80, size=PATCHES)
    sources = np.stack([picture[t : t + 80, x : x + 80] for t, x in zip(tops, lefts, strict=True)])
    by_quality = {q: np.stack([ijg_table(q, "luma"), ijg_table(q, "chroma")]) for q in range(55, 99)}
    first = np.stack([by_quality[q] for q in rng.integers(55, 99, PATCHES)])
    corners = rng.integers(0, 16, (PATCHES, 2))
    rows = []
    for threads in (1, 2):
        for name, pixels, sampling in (
            ("colour 4:2:0", sources, "420"),
            ("colour 4:4:4", sources, "444"),
            ("grey", np.ascontiguousarray(sources[..., 1]), "420"),
        ):

            def work(pixels: np.ndarray = pixels, sampling: str = sampling, threads: int = threads) -> object:
                return double_compress(
                    pixels,
                    first,
                    by_quality[90],
                    corners,
                    first_subsampling=sampling,
                    last_subsampling=sampling,
                    threads=threads,
                )

            rows.append(
                (f"double_compress 64x64 {name}", threads, PATCHES, PATCHES / median_seconds(work), "patches/s")
            )
        drawn = DoubleDistribution(first_families=("ijg", "canon", "photoshop"))
        seconds = median_seconds(
            lambda threads=threads, drawn=drawn: random_double(
                [picture], PATCHES, np.random.default_rng(SEED), drawn, threads=threads
            )
        )
        rows.append(("random_double 64x64 colour 4:2:0", threads, PATCHES, PATCHES / seconds, "patches/s"))
    return rows


def chain_rows() -> list[tuple[str, int, int, float, str]]:
    """Milliseconds of `simulate` on a 512x512 colour picture."""
    picture = made_picture(512, 512, np.random.default_rng(SEED))
    rows = []
    for chain in CHAINS:
        seconds = median_seconds(lambda chain=chain: simulate(picture, chain, SEED))
        rows.append((f"simulate 512x512 {chain}", 1, 1, 1000 * seconds, "ms"))
    return rows


def first_call_rows() -> list[tuple[str, int, int, float, str]]:
    """Seconds until the first batch, imports included: nothing compiled yet, and compiled before."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}

        def run() -> float:
            command = [sys.executable, "-c", FIRST_CALL]
            output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            return float(output.stdout)

        fresh, later = run(), run()
    return [
        ("first call, fresh installation", 1, 1, fresh, "s"),
        ("first call, kernels on disk", 1, 1, later, "s"),
    ]


def main() -> None:
    """Measure and write the table."""
    environment = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu_count": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "pillow": PIL.__version__,
        "seed": SEED,
    }
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["what", "threads", "n", "value", "unit", "repeats", *environment])
        for what, threads, count, value, unit in (*first_call_rows(), *batch_rows(), *chain_rows()):
            repeats = 1 if what.startswith("first call") else REPEATS
            writer.writerow([what, threads, count, f"{value:.4g}", unit, repeats, *environment.values()])
            print(f"{what:95} {threads} thread(s)  {value:10.4g} {unit}")


if __name__ == "__main__":
    main()
