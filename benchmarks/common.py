"""What every benchmark shares: where results go, the environment beside them, and made pictures."""

from __future__ import annotations

import csv
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

import jpegtrace

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
from pages import results


def environment(seed: int) -> dict[str, str | int | None]:
    """Versions and machine, as columns of every result."""
    packages = ("numpy", "numba", "pillow")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "jpegtrace": jpegtrace.__version__,
        "seed": seed,
    }


def write_results(
    name: str,
    rows: Iterable[Mapping[str, object]],
    *,
    seed: int = 0,
    kept: Iterable[Mapping[str, object]] = (),
) -> None:
    """Write rows with the same columns to ``results/NAME.csv``, the environment behind each, and print them.

    `kept` are rows of `results.rows` that were not measured again.
    """
    beside = environment(seed)
    table = [{**row, **beside} for row in rows] + list(kept)
    results.RESULTS.mkdir(exist_ok=True)
    columns = list(dict.fromkeys(key for row in table for key in row))
    with (results.RESULTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    for row in table:
        print("  ".join(str(value) for key, value in row.items() if key not in beside))


def measure(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Wall seconds and peak MiB of a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | (environment or {}))
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} left with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def bootstrap_interval(values: np.ndarray, *, seed: int = 0, resamples: int = 1000) -> str:
    """95 % interval of a mean."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(resamples, len(values)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{low:.3f}-{high:.3f}"


def bootstrap_by_picture(
    values: np.ndarray,
    pictures: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    seed: int = 0,
    resamples: int = 1000,
    digits: int = 3,
) -> str:
    """95 % interval of a mean of several values a picture, where pictures are drawn and not values."""
    _, place = np.unique(pictures, return_inverse=True)
    weights = np.ones(len(values)) if weights is None else weights
    sums, totals = np.bincount(place, weights * values), np.bincount(place, weights)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(resamples, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / totals[drawn].sum(1), (0.025, 0.975))
    return f"{low:.{digits}f}-{high:.{digits}f}"


def made_picture(height: int, width: int, seed: int) -> np.ndarray:
    """Smooth colour blobs at several scales with grain; uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128, np.float32)
    for cell, strength in ((128, 40), (32, 20), (8, 10)):
        coarse = rng.normal(0, strength, (height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        for i in range(3):
            layer = Image.fromarray(np.ascontiguousarray(coarse[..., i]))
            picture[..., i] += np.asarray(layer.resize((width, height), Image.Resampling.BICUBIC))
    picture += rng.normal(0, 4, (height, width, 1)).astype(np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)
