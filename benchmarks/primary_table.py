"""First quantization table on 64x64 patches (protocol P1 of Tondi 2021, IEEE TIFS).

Run ``python benchmarks/primary_table.py FOLDER [--rows NAME ...] [--patches N]``; it writes
``results/primary_table.csv``. FOLDER holds lossless RGB pictures that no training has seen. A picture is compressed at
QF1 (4:2:0), cut by a shift drawn from all 64, compressed at QF2, and 64x64 patches are taken on the last grid; QF1 is
uniform over 60..98 for QF2 = 90 and 92, over 55..98 for QF2 = 80. AvgAcc is the share of the first 15 entries
(zigzag) that are exactly right, AvgMSE their mean squared error, both of one and the same prediction: the median of
each entry's marginal. Intervals are 95 % bootstraps over pictures. The published figures are those of the paper, on
other pictures (RAISE, full camera resolution) and a network per QF2.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from common import write_results
from jpegtrace.chain import DoubleDistribution, random_double
from jpegtrace.lattice import posterior, read_entries
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG

ENTRIES = 15
SEED = 20
RESAMPLES = 1000
PER_JOB = 250


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    name: str
    last: int
    first: tuple[int, int]
    aligned: bool = False
    pictures: str = "all"
    enlarged: float = 1.0
    families: tuple[str, ...] = ("ijg",)
    window: int = 64
    published: str = ""
    target: str = ""


MAIN = (
    ("QF2 90, mixed", 90, (60, 98), False, ".689/.731", (">=.82/<=.55", ">=.78/<=.90")),
    ("QF2 90, aligned", 90, (60, 98), True, ".627/1.120", (">=.87/<=.90", ">=.82/<=1.5")),
    ("QF2 80, mixed", 80, (55, 98), False, ".440/1.866", (">=.54/<=2.4", ">=.48/<=3.2")),
    ("QF2 80, aligned", 80, (55, 98), True, ".360/5.594", (">=.78/<=2.5", ">=.72/<=4.0")),
    ("QF2 92, mixed", 92, (60, 98), False, ".591/.859", (">=.82/<=.55", ">=.78/<=.90")),
)
PHOTOSHOP = ("photoshop:save-as-10", "photoshop:save-as-8", "photoshop:save-for-web-60")
CAMERAS = ("canon", "nikon", "sony", "olympus", "panasonic", "kodak", "fujifilm")
ROWS = (
    *(Row(n, q, f, a, "kodak", published=p, target=t[0]) for n, q, f, a, p, t in MAIN),
    *(Row(n, q, f, a, "all", published=p, target=t[1]) for n, q, f, a, p, t in MAIN),
    *(Row(f"{n}, enlarged 1.5", q, f, a, "all", 1.5, published=p) for n, q, f, a, p, _ in MAIN),
    Row("QF2 90, Photoshop", 90, (60, 98), families=PHOTOSHOP),
    Row("QF2 90, cameras", 90, (60, 98), families=CAMERAS),
    Row("QF2 90, random smooth", 90, (60, 98), families=("smooth",)),
    *(Row(f"QF2 {q}, mixed", q, (55 if q < 90 else 60, 98)) for q in (70, 75, 85, 95)),
    *(Row(f"QF2 90, mixed, {w}x{w}", 90, (60, 98), window=w) for w in (32, 128, 256)),
)  # fmt: skip


def load(folder: Path, kind: str, enlarged: float) -> list[np.ndarray]:
    """RGB pictures; `kind` "kodak" takes those whose name says so."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".webp" and (kind == "all" or path.name.startswith(kind)):
            pixels = Picture.open(path).raster.pixels
            if enlarged != 1:
                size = (round(pixels.shape[1] * enlarged), round(pixels.shape[0] * enlarged))
                pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
            found.append(pixels)
    return found


def job(arguments: tuple[Path, Row, int, int]) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray, float]]:
    """Patches of one row: picture, truth, prediction, its probability, probability of a single compression."""
    folder, row, count, seed = arguments
    batch = random_double(
        load(folder, row.pictures, row.enlarged),
        count,
        np.random.default_rng(seed),
        DoubleDistribution(
            first_quality=row.first,
            last_quality=(row.last, row.last),
            first_families=row.families,
            aligned=float(row.aligned),
        ),
        patch=row.window,
    )
    out = []
    for i in range(count):
        found = posterior(batch.luma[i], batch.last_tables[i, 0])
        read = read_entries(found, median=True)
        truth = batch.first_tables[i, 0].ravel()[ZIGZAG[:ENTRIES]].astype(np.int64)
        picture = int(batch.labels["picture"][i])
        out.append((picture, truth, read.value[:ENTRIES], read.probability[:ENTRIES], found.single))
    return out


def interval(values: np.ndarray, pictures: np.ndarray) -> str:
    """Bootstrap over pictures of the mean."""
    rng = np.random.default_rng(SEED)
    ids = np.unique(pictures)
    sums = np.array([values[pictures == p].sum() for p in ids])
    sizes = np.array([(pictures == p).sum() for p in ids])
    drawn = rng.integers(len(ids), size=(RESAMPLES, len(ids)))
    low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), (0.025, 0.975))
    return f"{low:.3f}-{high:.3f}"


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error in ten bins."""
    bins = np.minimum((probability * 10).astype(int), 9)
    return sum(
        abs(probability[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)
    )


def summary(row: Row, results: list[tuple[int, np.ndarray, np.ndarray, np.ndarray, float]]) -> dict[str, object]:
    """One row of the table."""
    pictures = np.array([r[0] for r in results])
    truth, value, probability = (np.stack([r[i] for r in results]) for i in (1, 2, 3))
    right, squared = (value == truth), (value - truth) ** 2.0
    return {
        "row": row.name,
        "pictures": f"{row.pictures} ({len(np.unique(pictures))})",
        "patches": len(results),
        "AvgAcc": f"{right.mean():.4f}",
        "AvgAcc_interval": interval(right.mean(1), pictures),
        "AvgMSE": f"{squared.mean():.4f}",
        "AvgMSE_interval": interval(squared.mean(1), pictures),
        "target": row.target,
        "published": row.published,
        "ECE": f"{calibration_error(probability, right):.4f}",
        "DC_acc": f"{right[:, 0].mean():.3f}",
        "entry15_acc": f"{right[:, -1].mean():.3f}",
        "called_single": f"{np.mean([r[4] > 0.5 for r in results]):.4f}",
    }


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", nargs="*", help="only rows whose name begins so")
    parser.add_argument("--main", action="store_true", help="only rows with a target")
    parser.add_argument("--other", action="store_true", help="only rows without one")
    parser.add_argument("--patches", type=int, default=5000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--name", default="primary_table")
    options = parser.parse_args()
    chosen = [r for r in ROWS if not options.rows or any(r.name.startswith(n) for n in options.rows)]
    chosen = [r for r in chosen if (r.target or not options.main) and not (r.target and options.other)]
    table = []
    with ProcessPoolExecutor(options.processes) as pool:
        for row in chosen:
            count = max(options.patches // (row.window // 64) ** 2, 400) if row.window > 64 else options.patches
            jobs = [(options.folder, row, min(PER_JOB, count - at), SEED + at) for at in range(0, count, PER_JOB)]
            results = [item for part in pool.map(job, jobs) for item in part]
            table.append(summary(row, results))
            print(*list(table[-1].values())[:10], flush=True)
    write_results(options.name, table, seed=SEED)


if __name__ == "__main__":
    main()
