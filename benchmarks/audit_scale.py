"""What an audit costs on Ray, and what that makes for very many pictures.

Run ``python benchmarks/audit_scale.py DATA [--shared]`` with `data/eval`; it writes ``results/audit_scale.csv`` and
``results/audit_scale_hours.csv``. `PICTURES` pictures of sizes usual on the web are made of the photographs: a third
each JPEG compressed once, JPEG compressed twice on shifted grids, and PNG, half of these decoded from a JPEG. Both
engines audit all of them with whole processes on `WORKERS` cores; their CSV files must be the same. CPU seconds are
those of the whole process tree, so that they hold on a machine that is shared (``--shared`` says that it was), where
wall seconds do not; those of a single picture are start-up. Then Ray audits some of the pictures while first a worker
and then the driver is killed with SIGKILL; the same command goes on, and its rows are compared, too.

The second table follows from the first. Hours of reading are pictures times Ray's CPU seconds for each over the cores,
but not less than the driver needs to hand them out (`feed`: workers that do nothing); hours of finishing are those of
sorting and writing, which one core does at the end. Machines are taken to have `CORES` cores like the measured ones;
storage is taken to keep up. It goes into docs/audit.md as well. On two idle cores all of it takes about 20 minutes.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from common import write_results
from jpegtrace.audit import Row, on_ray, run
from jpegtrace.audit.files import Candidate
from jpegtrace.audit.parts import Known, Parts, digest, digests, part_schema
from jpegtrace.audit.rows import Task
from jpegtrace.audit.tables import read_parquet, to_arrow
from jpegtrace.chain import Chain, simulate
from jpegtrace.limits import DEFAULT_LIMITS, Limits

COMMAND = str(Path(sys.executable).parent / "jpegtrace")
PICTURES, KILLED, FED, FINISHED, WORKERS, SEED = 500, 100, 4_000, 200_000, 2, 9
SIZES = ((240, 320), (360, 480), (400, 600), (480, 640), (512, 512), (600, 400))  # height, width
CORES, MACHINES, MANY = 64, (1, 10, 100), (10**6, 10**8, 10**9)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    cpu_seconds: float


def make_pictures(data: Path, folder: Path, count: int) -> None:
    """Write pictures with known histories."""
    photographs = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(data.glob("photos/*.webp"))]
    rng = np.random.default_rng(SEED)
    for kind in ("once", "twice", "png"):
        (folder / kind).mkdir(parents=True)
    for k in range(count):
        height, width = SIZES[k % len(SIZES)]
        pixels = photographs[int(rng.integers(len(photographs)))]
        height, width = (min(side, there - 8) for side, there in zip((height, width), pixels.shape, strict=False))
        y, x = (int(rng.integers(there - side - 7)) for side, there in zip((height, width), pixels.shape, strict=False))
        piece = pixels[y : y + height + 8, x : x + width + 8]
        first, last = (int(quality) for quality in rng.integers(60, 97, 2))
        row, column = (int(shift) for shift in rng.integers(0, 8, 2))
        kind = ("once", "twice", "png")[k % 3]
        if kind == "once":
            steps = f"jpeg:{last}"
        elif kind == "twice":
            steps = f"jpeg:{first} | crop:{row},{column} | jpeg:{last}"
        else:
            steps = f"jpeg:{first} | crop:{row},{column}" if k % 2 else f"crop:{row},{column}"
        made = simulate(piece, Chain.parse(steps), SEED + k)
        if kind == "png":
            Image.fromarray(made.pixels).save(folder / kind / f"{k:04}.png")
        else:
            (folder / kind / f"{k:04}.jpg").write_bytes(made.data)


def processes() -> Iterator[tuple[int, int, str, float]]:
    """Every process: id, parent, name, CPU seconds with those of children that it has waited for."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
            yield int(entry.name), int(fields[1]), name, (int(fields[11]) + int(fields[12])) / TICKS


def tree_of(root: int) -> dict[int, tuple[str, float]]:
    """A process and all below it: name and CPU seconds by id."""
    table = {pid: (parent, name, cpu) for pid, parent, name, cpu in processes()}
    found = {root}
    while more := {pid for pid, (parent, _, _) in table.items() if parent in found} - found:
        found |= more
    return {pid: table[pid][1:] for pid in found if pid in table}


def watched(command: list[str], step: Callable[[int, dict[int, tuple[str, float]]], None] | None = None) -> Cost:
    """Run a command to its end, or to that which `step` gives it, and add up what its processes took."""
    begun, cpu = time.perf_counter(), {}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        tree = tree_of(process.pid)
        cpu.update({pid: max(used, cpu.get(pid, 0)) for pid, (_, used) in tree.items()})
        if step is not None:
            step(process.pid, tree)
        time.sleep(0.1)
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"{command} left with {process.returncode}: {process.stderr.read()}")
    process.stderr.close()
    return Cost(time.perf_counter() - begun, sum(cpu.values()))


def audit(folder: Path, output: Path, engine: str) -> list[str]:
    """The command of an audit."""
    return [
        COMMAND, "audit", str(folder), "-o", str(output), "--engine", engine, "--processes", str(WORKERS), "--quiet"
    ]  # fmt: skip


def differing(one: Path, other: Path) -> int:
    """How many rows of two CSV files are in only one of them; the root of the pictures does not count."""
    return len(rows_in(one) ^ rows_in(other))


def rows_in(output: Path) -> set[tuple[str, ...]]:
    """The rows of an audit."""
    with output.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        return {tuple(row[1:]) for row in csv.reader(file)}


class Killer:
    """Kills a worker when the first part is there, and the driver a part later."""

    def __init__(self, parts: Path) -> None:
        self.parts, self.workers, self.drivers, self.kept = parts, 0, 0, 0

    def __call__(self, driver: int, tree: dict[int, tuple[str, float]]) -> None:
        """Look, and strike."""
        pool = [pid for pid, (name, cpu) in tree.items() if name.startswith("ray::MapWorker") and cpu > 4]
        if not self.workers and pool:
            os.kill(pool[0], signal.SIGKILL)
            self.workers += 1
        elif self.workers and (written := list(self.parts.glob("part-*.parquet"))):
            self.kept = len(written)
            os.kill(driver, signal.SIGKILL)
            self.drivers += 1


def idle(task: Task, data: bytes, _: Limits) -> Row:
    """Work that is none: what is left is what Ray takes."""
    return Row(task.root, task.path, "ok", bytes=len(data))


def feed(folder: Path) -> float:
    """Pictures a second that one driver hands to workers who do nothing, at the size of blocks of a long audit."""
    small = folder / "small.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(small)
    listed = [Candidate(Task("r", str(k), str(small)), True, small.stat().st_size, "1") for k in range(FED)]
    with on_ray.cluster("local", WORKERS) as started:
        list(started.rows(listed[: FED // 10], DEFAULT_LIMITS, idle))  # whatever is slow at first
        begun = time.perf_counter()
        found = sum(table.num_rows for table in started.rows(listed, DEFAULT_LIMITS, idle))
        seconds = time.perf_counter() - begun
    if found != FED:
        raise SystemExit(f"{FED} pictures were fed, {found} came back")
    return FED / seconds


def finish(folder: Path, rows: list[Row]) -> float:
    """CPU seconds to list, sort and write a row, with labels, in parts that are dealt out to shelves."""
    many = [replace(rows[k % len(rows)], path=f"{k % 7}/{k:09}.jpg") for k in range(FINISHED)]
    parts = Parts.open(folder / "many.parts", {"jpegtrace_audit": 1})
    for k in range(0, FINISHED, 20_000):
        table = to_arrow(many[k : k + 20_000])
        parts.add(table.append_column(part_schema().field("_stamp"), [["1 1"] * table.num_rows]))
    parts.flush()
    begun = time.process_time()
    listed = Known(digests([digest(row.root, row.path, "1 1") for row in many]))
    written = tuple(folder / f"many.{kind}" for kind in ("parquet", "csv", "html"))
    result = run._write(parts.rows(listed), written, None, parts.left_out(listed), 0, parts.folder)
    seconds = time.process_time() - begun
    if result.pictures != FINISHED:
        raise SystemExit(f"{FINISHED} rows were written, {result.pictures} are there")
    return seconds / FINISHED


def hours(pictures: int, machines: int, each: float, fed: float, finishing: float) -> dict[str, object]:
    """One row of the second table."""
    reading = max(pictures * each / (machines * CORES), pictures / fed) / 3600
    last = pictures * finishing / 3600
    return {
        "pictures": pictures,
        "machines": machines,
        "cores_each": CORES,
        "hours_reading": f"{reading:.2f}",
        "bound_by": "driver" if pictures / fed > pictures * each / (machines * CORES) else "cores",
        "hours_finishing": f"{last:.2f}",
        "hours": f"{reading + last:.2f}",
        "driver_gib_of_digests": f"{3 * 16 * pictures / 2**30:.2f}",
    }


def page_table(rows: list[dict[str, object]]) -> str:
    """The second table as Markdown."""
    lines = [
        "| pictures | machines | hours of reading | hours of finishing | hours | memory of the driver |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        bound = " (bound by the driver)" if row["bound_by"] == "driver" else ""
        read, last, both = (f"{float(row[name]):,.1f}" for name in ("hours_reading", "hours_finishing", "hours"))
        memory = f"{float(row['driver_gib_of_digests']):.1f} GiB"
        pictures, machines = int(row["pictures"]), int(row["machines"])
        lines.append(f"| {pictures:,} | {machines:,} | {read}{bound} | {last} | {both} | {memory} |")
    return "\n".join(lines)


def update_page(rows: list[dict[str, object]]) -> None:
    """Put the second table into docs/audit.md."""
    page = Path(__file__).parents[1] / "docs" / "audit.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- hours: begin, made by benchmarks/audit_scale.py -->\n")
    _, end, after = rest.partition("<!-- hours: end -->")
    page.write_text(
        f"{before}<!-- hours: begin, made by benchmarks/audit_scale.py -->\n{page_table(rows)}\n{end}{after}",
        encoding="utf-8",
    )


def main() -> None:
    """Measure and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--shared", action="store_true", help="others used the machine meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(options.data, folder / "set", PICTURES)
        make_pictures(options.data, folder / "some", KILLED)
        make_pictures(options.data, folder / "one", 1)
        costs = {}
        for engine in run.ENGINES:
            watched(audit(folder / "one", folder / f"first-{engine}.parquet", engine))  # whatever is slow at first
            costs[engine, 1] = watched(audit(folder / "one", folder / f"one-{engine}.parquet", engine))
            costs[engine, PICTURES] = watched(audit(folder / "set", folder / f"{engine}.parquet", engine))
        watched(audit(folder / "some", folder / "some-local.parquet", "local"))
        killer = Killer(folder / "killed.parquet.parts")
        command = audit(folder / "some", folder / "killed.parquet", "ray")
        watched(command, killer)
        killer_done = watched(command)
        whole = list(read_parquet(folder / "ray.parquet"))
        finishing = finish(folder, [row for stretch in whole for row in stretch])
        fed = feed(folder)
        shared = {"workers": WORKERS, "machine_shared": options.shared}
        table = []
        for engine in run.ENGINES:
            all_, start = costs[engine, PICTURES], costs[engine, 1]
            each = (all_.cpu_seconds - start.cpu_seconds) / (PICTURES - 1)
            table.append(
                {
                    "engine": engine,
                    "pictures": PICTURES,
                    "seconds": f"{all_.seconds:.1f}",
                    "cpu_seconds": f"{all_.cpu_seconds:.1f}",
                    "start_cpu_seconds": f"{start.cpu_seconds:.1f}",
                    "cpu_seconds_each": f"{each:.4f}",
                    "pictures_per_second_per_core": f"{1 / each:.3f}",
                    "differing_rows": differing(folder / f"{engine}.parquet", folder / "local.parquet"),
                    "bytes_of_parquet_each": math.ceil((folder / f"{engine}.parquet").stat().st_size / PICTURES),
                    "workers_killed": 0,
                    "drivers_killed": 0,
                    "driver_pictures_per_second": f"{fed:.0f}" if engine == run.RAY else "",
                    "finishing_cpu_seconds_each": f"{finishing:.6f}" if engine == run.RAY else "",
                }
                | shared
            )
        blank = dict.fromkeys(table[0], "")
        table.append(
            blank
            | {
                "engine": "ray, killed",
                "pictures": KILLED,
                "seconds": f"{killer_done.seconds:.1f}",
                "differing_rows": differing(folder / "killed.parquet", folder / "some-local.parquet"),
                "workers_killed": killer.workers,
                "drivers_killed": killer.drivers,
            }
            | shared
        )
    write_results("audit_scale", table, seed=SEED)
    each = float(table[1]["cpu_seconds_each"])
    worked_out = [hours(pictures, machines, each, fed, finishing) for pictures in MANY for machines in MACHINES]
    write_results("audit_scale_hours", worked_out, seed=SEED)
    update_page(worked_out)


if __name__ == "__main__":
    main()
