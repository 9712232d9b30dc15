"""How fast known histories are made: patches per second, whole chains, and the first call of a fresh installation.

Run `python benchmarks/chain_speed.py`; it writes `benchmarks/results/chain_speed.csv`. Every figure is the median of
`REPEATS` runs on made pictures (`common.made_picture`), in one process unless the row says otherwise.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from common import made_picture, write_results
from jpegtrace.chain import DoubleDistribution, double_compress, random_double, simulate
from jpegtrace.tables import ijg_table

SEED = 0
PATCHES = 2048
REPEATS = 5

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


def row(what: str, value: float, unit: str, *, threads: int = 1, n: int = 1, repeats: int = 0) -> dict[str, object]:
    """One figure."""
    return {
        "what": what,
        "threads": threads,
        "n": n,
        "value": f"{value:.4g}",
        "unit": unit,
        "repeats": repeats or REPEATS,
    }


def median_seconds(work: Callable[[], object]) -> float:
    """Median wall time of `REPEATS` runs after one that is not counted."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def batch_rows() -> list[dict[str, object]]:
    """Doubly compressed 64x64 patches per second."""
    rng = np.random.default_rng(SEED)
    picture = made_picture(768, 1024, SEED)
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

            speed = PATCHES / median_seconds(work)
            rows.append(row(f"double_compress 64x64 {name}", speed, "patches/s", threads=threads, n=PATCHES))
        drawn = DoubleDistribution(first_families=("ijg", "canon", "photoshop"))
        seconds = median_seconds(
            lambda threads=threads, drawn=drawn: random_double(
                [picture], PATCHES, np.random.default_rng(SEED), drawn, threads=threads
            )
        )
        what = "random_double 64x64 colour 4:2:0"
        rows.append(row(what, PATCHES / seconds, "patches/s", threads=threads, n=PATCHES))
    return rows


def chain_rows() -> list[dict[str, object]]:
    """Milliseconds of `simulate` on a 512x512 colour picture."""
    picture = made_picture(512, 512, SEED)
    rows = []
    for chain in CHAINS:
        seconds = median_seconds(lambda chain=chain: simulate(picture, chain, SEED))
        rows.append(row(f"simulate 512x512 {chain}", 1000 * seconds, "ms"))
    return rows


def first_call_rows() -> list[dict[str, object]]:
    """Seconds until the first batch, imports included: nothing compiled yet, and compiled before."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}

        def run() -> float:
            command = [sys.executable, "-c", FIRST_CALL]
            output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            return float(output.stdout)

        fresh, later = run(), run()
    return [
        row("first call, fresh installation", fresh, "s", repeats=1),
        row("first call, kernels on disk", later, "s", repeats=1),
    ]


def main() -> None:
    """Measure and write the table."""
    write_results("chain_speed", [*first_call_rows(), *batch_rows(), *chain_rows()], seed=SEED)


if __name__ == "__main__":
    main()
