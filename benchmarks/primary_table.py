"""First quantization table on 64x64 patches (protocol P1 of Tondi 2021, IEEE TIFS).

Run ``python benchmarks/primary_table.py FOLDER [--rows NAME ...] [--patches N]``; it writes
``results/primary_table.csv``. FOLDER holds lossless RGB pictures that no training has seen. A picture is compressed at
QF1 (4:2:0), cut by a shift drawn from all 64, compressed at QF2, and 64x64 patches are taken on the last grid; QF1 is
uniform over 60..98 for QF2 = 90 and 92, over 55..98 for QF2 = 80. AvgAcc is the share of the first 15 entries
(zigzag) that are exactly right, AvgMSE their mean squared error, both of one and the same prediction: the step with
the least expected loss of both (`read_entries` with `COMPROMISE`). The same patches are read without the combiner
("untrained"): evidence as it is, all origins and tables alike beforehand. "Told" are entries that the analysis would
tell by its thresholds, and how many of these are right. ``results/NAME_by_quality.csv`` has accuracy by QF1. Intervals
are 95 % bootstraps over pictures. The published figures are those of the paper, on other pictures (RAISE, full camera
resolution) and a network per QF2.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from common import write_results
from jpegtrace.analyses._past import DOUBLE_FROM
from jpegtrace.analyses.primary_table import Params
from jpegtrace.chain import DoubleDistribution, random_double
from jpegtrace.lattice import Evidence, Posterior, combine, gather, read_entries
from jpegtrace.lattice.candidates import FREE, candidates
from jpegtrace.lattice.decode import COMPROMISE
from jpegtrace.lattice.hypotheses import FREQUENCIES, full_library
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
    Row("QF2 90, mixed, 256x256, QF1 up to 85", 90, (60, 85), window=256, target="told_acc >= .95"),
)  # fmt: skip


def load(folder: Path, kind: str, enlarged: float) -> list[np.ndarray]:
    """RGB pictures; `kind` "kodak" takes those whose name says so."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".webp", ".png") and (kind == "all" or path.name.startswith(kind)):
            pixels = Picture.open(path).raster.pixels
            if enlarged != 1:
                size = (round(pixels.shape[1] * enlarged), round(pixels.shape[0] * enlarged))
                pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
            found.append(pixels)
    return found


@dataclass(frozen=True)
class Patch:
    """What was found in one patch."""

    picture: int
    quality: int
    truth: np.ndarray
    value: np.ndarray
    probability: np.ndarray
    told: np.ndarray
    mode: np.ndarray
    single: float
    untrained: np.ndarray


def without_combiner(evidence: Evidence) -> Posterior:
    """Posterior of the evidence alone."""
    asked = candidates(evidence, full_library())
    known = asked.kinds != FREE
    total = evidence.ratio[:, np.arange(FREQUENCIES)[None, :], asked.index[known]].sum(2).astype(np.float64)
    weights = np.exp(total - total.max())
    kept = np.flatnonzero(known)
    return Posterior(
        asked.tables[kept], tuple(asked.names[k] for k in kept), asked.qualities[kept], weights / weights.sum(),
        evidence.origins, 0.0,
    )  # fmt: skip


def job(arguments: tuple[Path, Row, int, int]) -> list[Patch]:
    """Patches of one row."""
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
        evidence = gather(batch.luma[i], batch.last_tables[i, 0])
        found = combine(evidence)
        read, mode = read_entries(found, error_weight=COMPROMISE), read_entries(found)
        told = (mode.probability >= Params().entry_from) & (1 - found.single >= DOUBLE_FROM)
        out.append(
            Patch(
                picture=int(batch.labels["picture"][i]),
                quality=int(batch.labels["first_quality"][i]),
                truth=batch.first_tables[i, 0].ravel()[ZIGZAG[:ENTRIES]].astype(np.int64),
                value=read.value[:ENTRIES],
                probability=read.probability[:ENTRIES],
                told=told[:ENTRIES],
                mode=mode.value[:ENTRIES],
                single=found.single,
                untrained=read_entries(without_combiner(evidence), error_weight=COMPROMISE).value[:ENTRIES],
            )
        )
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


def summary(row: Row, results: list[Patch]) -> dict[str, object]:
    """One row of the table."""
    pictures = np.array([r.picture for r in results])
    truth, value, probability, told, mode, untrained = (
        np.stack([getattr(r, name) for r in results])
        for name in ("truth", "value", "probability", "told", "mode", "untrained")
    )
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
        "untrained_AvgAcc": f"{(untrained == truth).mean():.4f}",
        "untrained_AvgMSE": f"{((untrained - truth) ** 2.0).mean():.4f}",
        "ECE": f"{calibration_error(probability, right):.4f}",
        "told": f"{told.mean():.4f}",
        "told_acc": f"{(mode == truth)[told].mean():.4f}" if told.any() else "",
        "DC_acc": f"{right[:, 0].mean():.3f}",
        "entry15_acc": f"{right[:, -1].mean():.3f}",
        "called_single": f"{np.mean([r.single > 0.5 for r in results]):.4f}",
    }


def by_quality(row: Row, results: list[Patch]) -> list[dict[str, object]]:
    """Accuracy of one row by QF1, in steps of three."""
    lines = []
    low, high = row.first
    for start in range(low, high + 1, 3):
        here = [r for r in results if start <= r.quality < start + 3]
        if here:
            truth, value = np.stack([r.truth for r in here]), np.stack([r.value for r in here])
            lines.append(
                {
                    "row": row.name,
                    "pictures": row.pictures,
                    "QF1": f"{start}-{min(start + 2, high)}",
                    "patches": len(here),
                    "AvgAcc": f"{(truth == value).mean():.4f}",
                    "AvgMSE": f"{((truth - value) ** 2.0).mean():.4f}",
                }
            )
    return lines


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", nargs="*", help="only rows whose name begins so")
    parser.add_argument("--main", action="store_true", help="only rows with a published figure")
    parser.add_argument("--other", action="store_true", help="only the others")
    parser.add_argument("--patches", type=int, default=5000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--name", default="primary_table")
    options = parser.parse_args()
    chosen = [r for r in ROWS if not options.rows or any(r.name.startswith(n) for n in options.rows)]
    chosen = [r for r in chosen if (r.published or not options.main) and not (r.published and options.other)]
    table, qualities = [], []
    with ProcessPoolExecutor(options.processes) as pool:
        for row in chosen:
            count = max(options.patches // (row.window // 64) ** 2, 400) if row.window > 64 else options.patches
            jobs = [(options.folder, row, min(PER_JOB, count - at), SEED + at) for at in range(0, count, PER_JOB)]
            results = [item for part in pool.map(job, jobs) for item in part]
            table.append(summary(row, results))
            qualities += by_quality(row, results)
            print(*table[-1].values(), flush=True)
    write_results(options.name, table, seed=SEED)
    if qualities:
        write_results(f"{options.name}_by_quality", qualities, seed=SEED)


if __name__ == "__main__":
    main()
