"""Once or twice: how often the shipped threshold says "twice" of pictures that were compressed once, and of doubles.

Run ``python benchmarks/compression_count.py FOLDER``; it writes ``results/compression_count.csv``. FOLDER holds
lossless RGB pictures that no training has seen. One 256x256 window of each is compressed once at QF2, and twice: at
QF1 drawn from 60..95 and, after a shift drawn from all 64, at QF2.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from common import write_results
from jpegtrace.analyses.compression_count import Params
from jpegtrace.chain import DoubleDistribution, random_double
from jpegtrace.lattice import posterior
from jpegtrace.picture import Picture

SEED = 30
QUALITIES = (60, 75, 85, 90, 95)
WINDOW = 256


def job(arguments: tuple[Path, int, bool]) -> tuple[Path, int, bool, float] | None:
    """Probability of two compressions for one picture."""
    path, quality, single = arguments
    pixels = Picture.open(path).raster.pixels
    if min(pixels.shape[:2]) < WINDOW + 64:
        return None
    drawn = DoubleDistribution(first_quality=(60, 95), last_quality=(quality, quality), single=float(single))
    batch = random_double([pixels], 1, np.random.default_rng([SEED, quality, single]), drawn, patch=WINDOW)
    return path, quality, single, 1 - posterior(batch.luma[0], batch.last_tables[0, 0]).single


def main() -> None:
    """Measure and write the table."""
    paths = [path for path in sorted(Path(sys.argv[1]).iterdir()) if path.suffix == ".webp"]
    jobs = [(path, quality, single) for quality in QUALITIES for single in (True, False) for path in paths]
    with ProcessPoolExecutor() as pool:
        found = [result for result in pool.map(job, jobs, chunksize=8) if result is not None]
    params, rows = Params(), []
    for quality in QUALITIES:
        for single in (True, False):
            p = np.array([r[3] for r in found if r[1] == quality and r[2] == single])
            rows.append(
                {
                    "QF2": quality,
                    "truth": "once" if single else "twice",
                    "windows": len(p),
                    "called_twice": f"{(p >= params.double_from).mean():.4f}",
                    "called_once": f"{(p < params.single_below).mean():.4f}",
                    "cannot_tell": f"{((p >= params.single_below) & (p < params.double_from)).mean():.4f}",
                    "target": "<=.01 called twice" if single else "",
                }
            )
    write_results("compression_count", rows, seed=SEED)


if __name__ == "__main__":
    main()
