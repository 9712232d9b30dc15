"""The published networks, as trained here, on the protocols of their papers and beside the engine.

Run ``python benchmarks/networks.py FOLDER [--train FOLDER] [--part NAME ...]`` with the extra [train]: its samplers
are used, and untrained networks are exported for timing. FOLDER holds lossless RGB pictures that no training
has seen; ``--train`` those of the training, for thresholds. Every part writes ``results/networks_PART.csv``:

- ``quality``: P2 (a), `qf-pixel`: 50 pictures reduced to 10 % of their area, QF 5 to 100 and never compressed; picture
  level estimate and flag, read as the paper does (means of the maps, threshold one half).
- ``table``: P1, `q1-dense` and `q1-dense-reg` where they are installed, beside the engine and beside the best constant
  answer (the commonest step of every entry for AvgAcc, the rounded mean for AvgMSE), on the same patches.
- ``double``: P6, our `double-histogram`, what it reads by itself (evidence of luma, nothing learnt, all tables that may
  be drawn as likely), `djpeg-hist` and `djpeg-srnet` where they are installed, beside the engine and
  combined with it:
  256x256, 128x128 and 64x64 pixels, half of them compressed twice, tables of real files and IJG 50 to 100, one grid or
  shifted grids; every threshold, and the weights of the combination, are fixed on as many windows of pictures of the
  training: the odds that logistic regression there makes even, which wavers less than the most right answers do.
  With ``--window``, ``--grid`` or ``--tables`` the other rows stay.
- ``speed``: P8, every network under ONNX Runtime on two threads, at the size of its paper, random weights: how fast an
  architecture is does not depend on them.

Intervals are 95 % bootstraps over pictures.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from common import bootstrap_by_picture, results, write_results
from jpegtrace import networks
from jpegtrace.chain import DoubleDistribution, double_compress, random_double
from jpegtrace.lattice import combine, first_steps, gather, histograms, posterior, read_entries
from jpegtrace.lattice.decode import COMPROMISE
from jpegtrace.networks import published
from jpegtrace.tables import ZIGZAG, ijg_table, usual_tables
from jpegtrace_training.histories import (
    MARGIN,
    QUALITY,
    chroma_of,
    decoded_luma,
    draw_corners,
    draw_piece,
    draw_tables,
)
from quality_map import PAPER_QUALITIES, REDUCED, compressed, load

SEED = 50
ENTRIES = published.ENTRIES
WINDOWS = (256, 128, 64)
GRIDS = ("one", "shifted")
TABLES = {"of real files": 1.0, "half of real files, half IJG 50 to 100": 0.5}  # share of the former
RATIO_OF = 10  # first steps in zigzag order, whose means are compared
RATIOS = (0.0, 0.3, 0.9, 1.1, np.inf)
UNLEARNT = "evidence of histograms"
PUBLISHED_DOUBLE = {"djpeg-hist": "93.28 / 90.59 / 95.97 on one grid at 256x256"}
Row = dict[str, object]


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    folder: Path
    train: Path | None
    samples: int
    pictures: int
    processes: int
    windows: tuple[int, ...] = WINDOWS
    grids: tuple[str, ...] = GRIDS
    tables: tuple[str, ...] = tuple(TABLES)


def paths_of(folder: Path) -> list[Path]:
    """Pictures of a folder."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".webp", ".png"))


def parallel(job: Callable[..., Any], jobs: list[tuple[Any, ...]], processes: int) -> list[Any]:
    """Results of all jobs in order."""
    with ProcessPoolExecutor(processes, initializer=_one_thread) as pool:
        return list(pool.map(job, *zip(*jobs, strict=True)))


def _one_thread() -> None:
    published.THREADS = 1


def installed(*ids: str) -> list[str]:
    """Those of these weights that can be used here."""
    return [name for name in ids if name in networks.card_ids() and networks.verify(name).state is networks.State.OK]


def seen(name: str) -> str:
    """How far these weights were trained, for the rows."""
    card = networks.card(name)
    return f"{card.status}, {card.samples:,} samples"


# Quality


def quality_job(path: Path, index: int) -> list[tuple[int, int | None, float, float]]:
    """One picture at every quality: picture, quality, estimate, mean flag."""
    pixels = load(path)
    rows, cols = (round(n * REDUCED["10 % of the area"]) for n in pixels.shape[:2])
    pixels = cv2.resize(pixels, (cols, rows), interpolation=cv2.INTER_AREA)
    found = []
    for asked in (*PAPER_QUALITIES, None):
        maps = published.qf_pixel(pixels if asked is None else compressed(pixels, asked))
        found.append((index, asked, maps.picture_quality, float(maps.flag.mean())))
    return found


def quality(options: Options) -> list[Row]:
    """P2 (a)."""
    all_paths = paths_of(options.folder)
    chosen = sorted(np.random.default_rng(0).permutation(len(all_paths))[: options.pictures])
    jobs = [(all_paths[k], int(k)) for k in chosen]
    found = [one for part in parallel(quality_job, jobs, options.processes) for one in part]
    picture = np.array([one[0] for one in found])
    asked = np.array([101 if one[1] is None else one[1] for one in found])
    estimate, flag = (np.array([one[k] for one in found]) for k in (2, 3))
    error, called = np.abs(estimate - np.minimum(asked, 100)), flag > 0.5
    rows: list[Row] = []
    groups = [(str(q), asked == q) for q in PAPER_QUALITIES]
    groups += [("10-100", (asked >= 10) & (asked <= 100)), ("5-98", asked <= 98), ("5-100", asked <= 100)]
    groups += [("never compressed", asked == 101)]
    for name, part in groups:
        right = called[part] if name != "never compressed" else ~called[part]
        rows.append(
            {
                "QF": name,
                "pictures": len(np.unique(picture[part])),
                "mean": f"{estimate[part].mean():.2f}",
                "sd": f"{estimate[part].std():.2f}",
                "MAE": f"{error[part].mean():.2f}",
                "MAE_interval": bootstrap_by_picture(error[part], picture[part], seed=SEED, digits=2),
                "flag_right": f"{right.mean():.4f}",
                "flag_wrong": int((~right).sum()),
                "target": {"5-100": "MAE <= 4", "5-98": "flag 1.00", "never compressed": "flag 1.00"}.get(name, ""),
                "weights": seen("qf-pixel"),
            }
        )
    return rows


# First table

FIRST = {90: (60, 98), 80: (55, 98)}


def table_job(folder: Path, last: int, aligned: bool, kodak: bool, count: int, seed: int) -> list[dict[str, Any]]:
    """Patches with the truth and every answer."""
    chosen = [path for path in paths_of(folder) if path.name.startswith("kodak") or not kodak]
    distribution = DoubleDistribution(first_quality=FIRST[last], last_quality=(last, last), aligned=float(aligned))
    batch = random_double([load(path) for path in chosen], count, np.random.default_rng(seed), distribution)
    engine = [
        read_entries(combine(gather(batch.luma[i], batch.last_tables[i, 0])), error_weight=COMPROMISE).value[:ENTRIES]
        for i in range(count)
    ]
    answers = {"engine": np.stack(engine)}
    pixels = batch.pixels()
    for name in installed(*table_networks(last)):
        asked = published.q1_dense_reg if "-reg" in name else lambda p, n: published.q1_dense(p, n).value
        answers[name] = asked(pixels, name)
    truth = batch.first_tables[:, 0].reshape(count, 64)[:, ZIGZAG[:ENTRIES]].astype(np.int64)
    return [{"picture": batch.labels["picture"], "truth": truth, "answers": answers}]


def table_networks(last: int) -> tuple[str, ...]:
    """Weights for this last quality."""
    middle = "" if last == 90 else f"-{last}"
    return tuple(f"q1-dense{middle}{end}" for end in ("", "-code", "-reg", "-reg-code"))


def constants(last: int) -> tuple[np.ndarray, np.ndarray]:
    """Best constant answers for AvgAcc and for AvgMSE: commonest step and rounded mean over the first qualities."""
    low, high = FIRST[last]
    steps = np.stack([ijg_table(q).ravel()[ZIGZAG[:ENTRIES]] for q in range(low, high + 1)]).astype(int)
    commonest = np.array([np.bincount(column).argmax() for column in steps.T])
    return commonest, np.rint(steps.mean(0)).astype(int)


def table(options: Options) -> list[Row]:
    """P1."""
    rows: list[Row] = []
    per_job = 250
    for last in (90, 80):
        if not installed(*table_networks(last)):
            continue
        for aligned, kodak in ((False, True), (True, True), (False, False), (True, False)):
            seeds = range(SEED, SEED + -(-options.samples // per_job))
            jobs = [(options.folder, last, aligned, kodak, per_job, seed) for seed in seeds]
            found = [one for part in parallel(table_job, jobs, options.processes) for one in part]
            picture, truth = (np.concatenate([one[name] for one in found]) for name in ("picture", "truth"))
            answers = {name: np.concatenate([one["answers"][name] for one in found]) for name in found[0]["answers"]}
            for name, constant in zip(("accuracy", "error"), constants(last), strict=True):
                answers[f"constant, best {name}"] = np.broadcast_to(constant, truth.shape)
            for name, answer in answers.items():
                right, squared = answer == truth, (answer - truth) ** 2.0
                rows.append(
                    {
                        "QF2": last,
                        "grid": "aligned" if aligned else "mixed",
                        "pictures": f"{'kodak' if kodak else 'all'} ({len(np.unique(picture))})",
                        "patches": len(truth),
                        "by": name,
                        "AvgAcc": f"{right.mean():.4f}",
                        "AvgAcc_interval": bootstrap_by_picture(right.mean(1), picture, seed=SEED),
                        "AvgMSE": f"{squared.mean():.3f}",
                        "AvgMSE_interval": bootstrap_by_picture(squared.mean(1), picture, seed=SEED),
                        "weights": seen(name) if name in networks.card_ids() else "",
                    }
                )
    return rows


# Double or not


def double_job(folder: Path, window: int, shifted: bool, known: float, count: int, seed: int) -> dict[str, Any]:
    """Windows with the truth and the log odds of every answer; a share of tables is of real files."""
    rng = np.random.default_rng([seed, window, shifted])
    around = window + MARGIN
    pictures = [(index, load(path)) for index, path in enumerate(paths_of(folder))]
    usable = [(index, pixels) for index, pixels in pictures if min(pixels.shape[:2]) >= around]
    chosen = rng.integers(len(usable), size=count)
    sources = np.stack([draw_piece(usable[k][1], around, rng, 0.0) for k in chosen])
    first, last = (np.stack([draw_tables(rng, QUALITY, known=known) for _ in range(count)]) for _ in range(2))
    twice = rng.permutation(count) % 2 == 0
    corners = draw_corners(rng, count, shifted=shifted)
    same = (first[:, 0] == last[:, 0]).all((1, 2))
    batch = double_compress(sources, np.where(twice[:, None, None, None], first, 0), last, corners, patch=window)
    names = installed(*double_networks(shifted))
    own = ["engine"] if shifted else ["engine", UNLEARNT]
    odds: dict[str, list[float]] = {name: [] for name in (*own, *names)}
    for index in range(count):
        luma, steps = batch.luma[index], batch.last_tables[index, 0]
        odds["engine"].append(_log_odds(1 - posterior(luma, steps).single))
        if UNLEARNT in odds:
            odds[UNLEARNT].append(unlearnt(luma, steps))
        plane = decoded_luma(luma, steps)
        for name in names:
            if name == histograms.WEIGHTS:
                asked = histograms.probability_twice(luma, steps, chroma_of(batch, index))
            elif "hist" in name:
                asked = published.djpeg_hist(plane, steps, name)
            else:
                asked = published.djpeg_srnet(plane, name)
            odds[name].append(_log_odds(asked))
    picture = np.array([usable[k][0] for k in chosen])
    steps_over = [pair.reshape(count, 64)[:, ZIGZAG[:RATIO_OF]].mean(1) for pair in (first[:, 0], last[:, 0])]
    return {
        "picture": picture,
        "twice": twice,
        "same": same & twice,
        "ratio": steps_over[0] / steps_over[1],
        "odds": {n: np.array(v) for n, v in odds.items()},
    }


def unlearnt(luma: np.ndarray, steps: np.ndarray) -> float:
    """Log odds by the evidence of luma for each table, all as likely."""
    tables = luma_tables()
    ratios = histograms.evidence_of([histograms.Window(luma, steps)])[0, 0]
    return float(np.logaddexp.reduce(first_steps.of_tables(ratios, tables)) - np.log(len(tables)))


@cache
def luma_tables() -> np.ndarray:
    """That may be drawn, (tables, 64)."""
    found: np.ndarray = np.unique(usual_tables(QUALITY)[:, 0].reshape(-1, 64), axis=0)
    return found


def double_networks(shifted: bool) -> tuple[str, ...]:
    """Weights for one grid or for shifted ones."""
    published_ones = ("djpeg-hist", "djpeg-hist-2018", "djpeg-srnet")
    if shifted:
        return tuple(f"{name}-shifted" for name in published_ones)
    return (histograms.WEIGHTS, *published_ones)


def _log_odds(probability: float) -> float:
    p = min(max(probability, 1e-9), 1 - 1e-9)
    return float(np.log(p / (1 - p)))


def threshold_of(odds: np.ndarray, twice: np.ndarray) -> float:
    """Where logistic regression finds both as likely."""
    slope, constant = weights_of(odds[:, None], twice)
    return float(-constant / slope)


def weights_of(odds: np.ndarray, twice: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method with a little damping; the last weight is the constant."""
    inputs = np.column_stack([odds.clip(-20, 20), np.ones(len(odds))])
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (twice - p) - 1e-2 * weights
        bend = (inputs * (p * (1 - p))[:, None]).T @ inputs + 1e-2 * np.eye(len(weights))
        weights += np.linalg.solve(bend, slope)
    return weights


def double(options: Options) -> list[Row]:
    """P6."""
    if options.train is None:
        raise SystemExit("the part `double` needs --train FOLDER, pictures of the training, for its thresholds")
    rows: list[Row] = []
    per_job = 50
    for tables, grid, window in product(options.tables, options.grids, options.windows):
        shifted, sets = grid == "shifted", []
        for folder, count, seed in ((options.train, options.samples, 1), (options.folder, options.samples, 2)):
            job = (folder, window, shifted, TABLES[tables], per_job)
            jobs = [(*job, 1000 * seed + k) for k in range(-(-count // per_job))]
            sets.append(merged(parallel(double_job, jobs, options.processes)))
        fitted, tested = sets
        names = list(tested["odds"])
        for other in names[1:]:
            both = [np.column_stack([part["odds"]["engine"], part["odds"][other]]) for part in sets]
            weights = weights_of(both[0], fitted["twice"])
            for part, odds in zip(sets, both, strict=True):
                part["odds"][f"engine and {other}"] = odds.clip(-20, 20) @ weights[:-1] + weights[-1]
        for name, odds in tested["odds"].items():
            threshold = threshold_of(fitted["odds"][name], fitted["twice"])
            whole = {"tables": tables, "window": window, "grid": grid, "by": name}
            rows.append(whole | double_row(tested, odds > threshold, name, threshold))
    return rows


def double_row(tested: dict[str, Any], called: np.ndarray, name: str, threshold: float) -> Row:
    """One line of P6; the same table twice is apart. TPR also by how the first steps compare with the last."""
    kept = ~tested["same"]
    right, twice, picture = (called == tested["twice"])[kept], tested["twice"][kept], tested["picture"][kept]
    same, ratio = tested["same"], tested["ratio"][kept]
    by_ratio: Row = {}
    for low, high in pairwise(RATIOS):
        inside = twice & (low <= ratio) & (ratio < high)
        title = f"{low:g} to {high:g}" if high < np.inf else f"from {low:g}"
        by_ratio[f"TPR, first steps over last {title}"] = f"{right[inside].mean():.4f}" if inside.any() else ""
        by_ratio[f"share {title}"] = f"{inside.sum() / twice.sum():.3f}"
    return {
        "windows": int(kept.sum()),
        "pictures": len(np.unique(picture)),
        "accuracy": f"{right.mean():.4f}",
        "interval": bootstrap_by_picture(right.astype(float), picture, seed=SEED),
        "TPR": f"{right[twice].mean():.4f}",
        "TNR": f"{right[~twice].mean():.4f}",
        "threshold": f"{threshold:.3f}",
        "same_table_twice": int(same.sum()),
        "same_table_called_twice": f"{called[same].mean():.3f}" if same.any() else "",
        **by_ratio,
        "published": PUBLISHED_DOUBLE.get(name, ""),
        "weights": seen(name) if name in networks.card_ids() else "",
    }


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Jobs as one."""
    whole = {name: np.concatenate([part[name] for part in parts]) for name in ("picture", "twice", "same", "ratio")}
    return whole | {"odds": {name: np.concatenate([part["odds"][name] for part in parts]) for name in parts[0]["odds"]}}


# Speed

SIDES = {"q1-dense": 64, "qf-pixel": 60}
THREADS = 2
REPEATS = 5


def speed(_: Options) -> list[Row]:
    """P8: every architecture."""
    import torch

    from jpegtrace_training.networks import NETWORKS
    from jpegtrace_training.networks.export import to_onnx

    rows: list[Row] = []
    for name, make in NETWORKS.items():
        model = make()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            to_onnx(model, model.example(count=1), path, model.outputs)
            size = path.stat().st_size
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads, settings.inter_op_num_threads = THREADS, 1
            session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        side = next((s for start, s in SIDES.items() if name.startswith(start)), 256)
        for batch in (1, 16):
            shapes = {
                key: _shape(key, value.shape, side, batch, model.dynamic)
                for key, value in model.example(count=1).items()
            }
            inputs = {
                key: np.random.default_rng(0).integers(1, 255, shape).astype(np.float32)
                for key, shape in shapes.items()
            }
            session.run(None, inputs)
            seconds = []
            for _repeat in range(REPEATS):
                begun = time.perf_counter()
                session.run(None, inputs)
                seconds.append(time.perf_counter() - begun)
            median = statistics.median(seconds)
            rows.append(
                {
                    "network": name,
                    "parameters": sum(p.numel() for p in model.parameters()),
                    "bytes": size,
                    "input": f"{side}x{side}",
                    "batch": batch,
                    "threads": THREADS,
                    "milliseconds": f"{1000 * median:.1f}",
                    "samples_per_second": f"{batch / median:.2f}",
                    "megapixels_per_second": f"{batch * side * side / median / 1e6:.3f}",
                    "onnxruntime": onnxruntime.__version__,
                    "torch": torch.__version__,
                }
            )
            print(rows[-1]["network"], batch, rows[-1]["samples_per_second"], flush=True)
    return rows


def _shape(
    name: str, shape: tuple[int, ...], side: int, batch: int, dynamic: dict[str, dict[int, str]]
) -> tuple[int, ...]:
    axes = dynamic.get(name, {})
    return (batch, *(side if axis in axes else length for axis, length in enumerate(shape) if axis))


PARTS: dict[str, Callable[[Options], list[Row]]] = {
    "quality": quality,
    "table": table,
    "double": double,
    "speed": speed,
}


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="lossless RGB pictures that no training has seen")
    parser.add_argument("--train", type=Path, help="pictures of the training")
    parser.add_argument("--part", action="append", choices=tuple(PARTS), help="only this; may be repeated")
    parser.add_argument("--samples", type=int, default=5000, help="patches or windows of a row")
    parser.add_argument("--pictures", type=int, default=50, help="of the part `quality`")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--window", type=int, action="append", choices=WINDOWS, help="of `double`, only this")
    parser.add_argument("--grid", action="append", choices=GRIDS, help="of `double`, only this")
    parser.add_argument("--tables", action="append", choices=tuple(TABLES), help="of `double`, only these")
    given = parser.parse_args()
    cells = tuple(given.window or WINDOWS), tuple(given.grid or GRIDS), tuple(given.tables or TABLES)
    options = Options(given.folder, given.train, given.samples, given.pictures, given.processes, *cells)
    for name in given.part or PARTS:
        kept = others(options) if name == "double" else []
        write_results(f"networks_{name}", PARTS[name](options), seed=SEED, kept=kept)


def others(options: Options) -> list[dict[str, str]]:
    """Rows of `double` that are not asked for."""
    asked = set(product(options.tables, options.grids, map(str, options.windows)))
    return [row for row in results.rows("networks_double") if (row["tables"], row["grid"], row["window"]) not in asked]


if __name__ == "__main__":
    main()
