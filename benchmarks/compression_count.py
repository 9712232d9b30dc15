"""Once or twice: how often the shipped thresholds say "twice" of pictures that were compressed once, and of doubles.

Run ``python benchmarks/compression_count.py FOLDER`` with the extra [train], whose tables are used; it writes
``results/compression_count.csv``. FOLDER holds lossless RGB pictures that no training has seen. One 256x256 window of
each is compressed once, and twice:

- at QF2, before that at QF1 drawn from 60..95, on a grid shifted by any of all 64;
- with tables of real files, on one grid; and once, of pictures that were resized, blurred, median-filtered or given
  noise before, whose histograms are not those of the training.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common import write_results
from jpegtrace.analyses.compression_count import Params
from jpegtrace.chain import DoubleDistribution, double_compress, filters, random_double
from jpegtrace.lattice import posterior
from jpegtrace.lattice.histograms import one_grid
from jpegtrace.picture import Picture
from jpegtrace_training.histories import MARGIN, QUALITY, chroma_of, draw_corners, draw_piece, draw_tables

SEED = 30
QUALITIES = (60, 75, 85, 90, 95)
ONCE_OF = ("untouched", "resized", "blurred", "median", "noise")  # before the one compression with a table of a file
WINDOW = 256


class Job(NamedTuple):
    """A window to be made: what its last table is, and what happened before."""

    path: Path
    number: int
    table: str
    before: str


def job(asked: Job) -> tuple[Job, float, float] | None:
    """Probability of two compressions by the lattice and by the histograms."""
    pixels = Picture.open(asked.path).raster.pixels
    if min(pixels.shape[:2]) < WINDOW + MARGIN:
        return None
    rng = np.random.default_rng([SEED, asked.number, *f"{asked.table}, {asked.before}".encode()])
    if asked.table.isdigit():
        quality = int(asked.table)
        drawn = DoubleDistribution((60, 95), (quality, quality), single=float(asked.before == "once"))
        batch = random_double([pixels], 1, rng, drawn, patch=WINDOW)
    else:
        piece = processed(draw_piece(pixels, WINDOW + MARGIN, rng, float(asked.before == "resized")), asked.before, rng)
        first, last = (draw_tables(rng, QUALITY, known=1.0)[None] for _ in range(2))
        first = first if asked.before == "twice" else None
        batch = double_compress(piece[None], first, last, draw_corners(rng, 1, shifted=False), patch=WINDOW)
    luma, steps = batch.luma[0], batch.last_tables[0, 0]
    return asked, 1 - posterior(luma, steps).single, one_grid(luma, steps, chroma_of(batch, 0)).told


def processed(piece: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """A piece after an operation; the same where there is none."""
    if how == "blurred":
        return filters.blur(piece, "gaussian", 5, None)
    if how == "median":
        return filters.median(piece, 3)
    if how == "noise":
        return filters.noise(piece, 5.0, rng)
    return piece


def main() -> None:
    """Measure and write the table."""
    paths = [path for path in sorted(Path(sys.argv[1]).iterdir()) if path.suffix == ".webp"]
    kinds = [(str(quality), before) for quality in QUALITIES for before in ("once", "twice")]
    kinds += [("of real files, one grid", before) for before in (*ONCE_OF, "twice")]
    jobs = [Job(path, number, *kind) for kind in kinds for number, path in enumerate(paths)]
    with ProcessPoolExecutor() as pool:
        found = [result for result in pool.map(job, jobs, chunksize=8) if result is not None]
    params, rows = Params(), []
    for (table, before), group in groupby(found, key=lambda one: one[0][2:]):
        lattice, histograms = np.array([one[1:] for one in group]).T
        twice = (lattice >= params.double_from) | (histograms >= params.one_grid_from)
        once = np.maximum(lattice, histograms) < params.single_below
        rows.append(
            {
                "last table": table if not table.isdigit() else f"QF2 {table}",
                "truth": before,
                "windows": len(twice),
                "called_twice": f"{twice.mean():.4f}",
                "called_once": f"{once.mean():.4f}",
                "cannot_tell": f"{(~twice & ~once).mean():.4f}",
                "called_twice_by_the_lattice_alone": f"{(lattice >= params.double_from).mean():.4f}",
                "target": "" if before == "twice" else "<=.01 called twice",
            }
        )
    write_results("compression_count", rows, seed=SEED)


if __name__ == "__main__":
    main()
