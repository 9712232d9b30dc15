"""How fast the first table is read: the engine beside the published network `q1-dense`, on the same patches.

Run ``python benchmarks/first_table_speed.py [FOLDER]`` where the extra [train] is installed; it writes
``results/first_table_speed.csv``. FOLDER holds lossless RGB pictures; without it one picture is made
(`common.made_picture`). Patches of 64x64 pixels are drawn as for the paper's QF2 = 90: QF1 60..98, 4:2:0, any shift.

* The engine gets what the file holds, quantized luma coefficients and the last table. It is asked for the posterior,
  and, in a row of its own, for the 64 entries read off it.
* The network gets what the paper feeds it, the decoded patch as R, G, B, already decoded and as float32: neither
  decoding nor conversion is counted. It runs under ONNX Runtime on two threads at several batch sizes. Its weights are
  random: how fast an architecture is does not depend on them.

Every figure is the median over repetitions after one that is not counted. Ratios are to the network's best batch size.
Processor seconds per second tell whether the stated threads, and no more, were busy.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from common import made_picture, write_results
from jpegtrace.chain import DoubleDistribution, random_double
from jpegtrace.chain.batch import Batch
from jpegtrace.lattice import posterior, read_entries
from jpegtrace.picture import Picture

ROOT = Path(__file__).parents[1]
SEED = 30
REPEATS = 5
THREADS = 2
BATCHES = (1, 16, 64)
FORMATS = (".webp", ".png", ".tif", ".tiff", ".bmp")
SMALLEST = 128  # side of a picture that a patch is drawn from
DRAWN = DoubleDistribution(first_quality=(60, 98), last_quality=(90, 90))


def load(folder: Path | None) -> tuple[list[np.ndarray], str]:
    """RGB pictures, and what they are."""
    if folder is None:
        return [made_picture(768, 1024, SEED)], "made"
    rasters = [Picture.open(path).raster for path in sorted(folder.iterdir()) if path.suffix.lower() in FORMATS]
    pixels = [r.pixels.astype(np.uint8, copy=False) for r in rasters if r.mode == "rgb" and r.bits == 8]
    found = [picture for picture in pixels if min(picture.shape[:2]) >= SMALLEST]
    if not found:
        raise SystemExit(f"{folder} holds no lossless RGB picture of {SMALLEST}x{SMALLEST} or more")
    return found, f"{folder.name} ({len(found)})"


def measure(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median wall seconds, and processor seconds per wall second, after one run that is not counted."""
    work()
    seconds, busy = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - wall)
        busy.append((time.process_time() - processor) / seconds[-1])
    return statistics.median(seconds), statistics.median(busy)


def row(what: str, threads: int, batch: int, patches: int, measured: tuple[float, float]) -> dict[str, object]:
    """One figure; the ratio comes later."""
    seconds, busy = measured
    return {
        "what": what,
        "threads": threads,
        "batch": batch,
        "patches": patches,
        "patches_per_second": patches / seconds,
        "processor_seconds_per_second": f"{busy:.2f}",
    }


def engine_rows(batch: Batch, repeats: int) -> list[dict[str, object]]:
    """The engine on one thread and on two, and with the entries read."""

    def told(index: int) -> object:
        return posterior(batch.luma[index], batch.last_tables[index, 0])

    def read(index: int) -> object:
        return read_entries(posterior(batch.luma[index], batch.last_tables[index, 0]))

    def each(one: Callable[[int], object], pool: ThreadPoolExecutor) -> Callable[[], object]:
        return lambda: list(pool.map(one, range(len(batch))))

    rows = []
    for what, one, threads in (
        ("engine, posterior", told, 1),
        ("engine, posterior", told, THREADS),
        ("engine, posterior and entries", read, THREADS),
    ):
        with ThreadPoolExecutor(threads) as pool:
            rows.append(row(what, threads, 1, len(batch), measure(each(one, pool), repeats)))
    return rows


def network_session(name: str, folder: Path) -> onnxruntime.InferenceSession:
    """A published network with random weights, exported by a process of its own."""
    path = folder / f"{name}.onnx"
    subprocess.run([sys.executable, "-m", "jpegtrace_training.networks.export", name, str(path)], cwd=ROOT, check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def network_rows(batch: Batch, repeats: int, sizes: Sequence[int] = BATCHES) -> list[dict[str, object]]:
    """`q1-dense` at every batch size."""
    pixels = np.ascontiguousarray(batch.pixels().transpose(0, 3, 1, 2)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        session = network_session("q1-dense", Path(folder))
    rows = []
    for size in sizes:

        def work(size: int = size) -> None:
            for at in range(0, len(pixels), size):
                session.run(None, {"pixels": pixels[at : at + size]})

        what = "q1-dense, random weights, ONNX Runtime"
        rows.append(row(what, THREADS, size, len(pixels), measure(work, repeats)))
    return rows


def table(engine: list[dict[str, object]], network: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows with their ratio to the fastest of the network's."""
    best = max(float(str(r["patches_per_second"])) for r in network)
    speeds = [float(str(r["patches_per_second"])) for r in (*engine, *network)]
    return [
        {**r, "patches_per_second": f"{speed:.1f}", "ratio_to_best_of_network": f"{speed / best:.3g}"}
        for r, speed in zip((*engine, *network), speeds, strict=True)
    ]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="lossless RGB pictures")
    parser.add_argument("--patches", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--name", default="first_table_speed")
    options = parser.parse_args()
    pictures, described = load(options.folder)
    batch = random_double(pictures, options.patches, np.random.default_rng(SEED), DRAWN, threads=os.cpu_count() or 1)
    # The engine first: threads of the network's session may still spin after its last run.
    engine = engine_rows(batch, options.repeats)
    rows = table(engine, network_rows(batch, options.repeats))
    beside = {
        "pictures": described,
        "repeats": options.repeats,
        "onnxruntime": importlib.metadata.version("onnxruntime"),
    }
    write_results(options.name, [{**r, **beside} for r in rows], seed=SEED)


if __name__ == "__main__":
    main()
