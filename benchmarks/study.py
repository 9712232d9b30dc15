"""The study of JPEG in training (protocol P5): train x test matrices of accuracy for grid and quality.

Run ``python benchmarks/study.py --scenes FOLDER --study FOLDER --work FOLDER``; it writes ``results/study_grid.csv``,
``study_quality.csv``, and what the audit says of the labels, ``study_audit.csv``. SCENES holds lossless RGB pictures,
STUDY the folders ``flowers`` and ``cameras`` of labelled pictures and ``index.csv``, whose columns file and
source_image say which come from one photograph. Every training is kept in WORK; stopped, the same command goes on, and
pages with heat maps stand in ``WORK/TASK-EXPERIMENT``.

Tasks: ``pipelines`` and ``generated`` (forensic), ``flowers`` and ``colours`` (vision); beside them ``cameras``,
pieces of real camera files whose scenes differ by model, and ``chart``, the four models that took one colour chart.
``low`` and ``high`` are Student's 95 % interval over seeds.
The schedule is the paper's rule (Adam, rate / 10 on a plateau, early stopping, best validation loss) with the bounds
that stand in the table, for one core; a training that a bound ended is not counted in ``stopped_early``.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from common import write_results
from jpegtrace.audit.leakage import Leakage
from jpegtrace_training.study.cells import Cell
from jpegtrace_training.study.conditions import AUGMENTED, find
from jpegtrace_training.study.experiment import run_cells
from jpegtrace_training.study.leakage import audit_dataset
from jpegtrace_training.study.results import Results, rows_of
from jpegtrace_training.study.results import write_results as write_page
from jpegtrace_training.study.run import Options, Prepared, make_dataset, prepare
from jpegtrace_training.study.training import Schedule

CHART = ("Canon_PowerShot_G2", "FDMAVICA", "hp_PhotoSmart_43x_series", "iPhone_XR")


@dataclass(frozen=True)
class Run:
    """One study.

    Attributes:
        name: of the task in the tables.
        kind: "forensic", "vision" or "reality check".
        options: of the study, but for the seeds.
        seeds: how many.
        rank: runs of a lower one come first; within one, all trainings of a seed before those of the next.
        more: of the name of its folder.
    """

    name: str
    kind: str
    options: Options
    seeds: int
    rank: int = 0
    more: str = ""

    @property
    def id(self) -> str:
        """Of its folder."""
        return "-".join(filter(None, (self.name, self.options.experiments[0], self.more)))


FORENSIC = Schedule(rate=2e-3, batch=48, patience=3, epochs=10, each=3)
VISION = Schedule(rate=2e-3, batch=24, patience=3, epochs=10, each=2)


def runs() -> list[Run]:
    """All of them; those that matter most come first within a seed."""
    longer = replace(FORENSIC, epochs=12, each=2)
    pipelines = Options("pipelines", most=240, part=192, schedule=longer, audited=0)
    generated = replace(pipelines, task="generated", most=300, schedule=FORENSIC, generator_steps=400)
    flowers = Options("folder", schedule=VISION, augmented=False, audited=0)
    colours = Options("colours", most=240, schedule=VISION, augmented=False, audited=0)
    cameras = Options("folder", schedule=replace(FORENSIC, each=6), augmented=False, audited=0)
    chart = replace(cameras, labels=CHART, schedule=replace(FORENSIC, each=16))
    short = replace(generated, networks=("resnet50",), augmented=False, schedule=replace(FORENSIC, epochs=1, tested=1))
    quality = {"experiments": ("quality",)}  # there are four times as many trainings
    shown = replace(generated, schedule=replace(FORENSIC, each=2, epochs=8, validated=1, tested=2), **quality)
    seen = replace(flowers, schedule=replace(VISION, epochs=8, validated=1, tested=2), **quality)
    return [
        Run("pipelines", "forensic", pipelines, 3),
        Run("generated", "forensic", generated, 3),
        Run("flowers", "vision", flowers, 5),
        Run("colours", "vision", colours, 5),
        Run("generated", "forensic", shown, 3, 1),
        Run("flowers", "vision", seen, 3, 1),
        Run("cameras", "reality check", cameras, 3, -1),
        Run("chart", "reality check", chart, 3, -1),
        Run("generated", "forensic, one epoch", short, 1, 3, "resnet50"),
    ]


def main() -> None:
    """Measure what is not measured yet, and write the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--scenes", type=Path, required=True)
    arguments.add_argument("--study", type=Path, required=True)
    arguments.add_argument("--work", type=Path, required=True)
    arguments.add_argument("--audit", type=int, default=100, help="pictures of each task; 0 for none")
    arguments.add_argument("--minutes", type=float, default=0.0, help="begin no training after so many; 0: no bound")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    until = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    options.work.mkdir(parents=True, exist_ok=True)
    ready: dict[str, Prepared] = {}
    done: dict[str, list[Cell]] = {run.id: [] for run in runs()}
    for run, seed, trained in order(runs()):
        if time.monotonic() > until:
            break
        if run.id not in ready:
            ready[run.id] = prepared(run, options, ready)
        plan = replace(ready[run.id].plan, seeds=[seed], only=[trained])
        done[run.id] += run_cells(ready[run.id].dataset, plan, ready[run.id].store, tell)
    write(ready, done, options)


def order(of: list[Run]) -> list[tuple[Run, int, str]]:
    """Every training with its seed and condition; those that the others are compared with come first."""
    found = [
        (run, seed, trained)
        for run in of
        for seed in range(run.seeds)
        for trained in find(run.options.experiments[0]).trained
        if run.options.augmented or trained != AUGMENTED
    ]
    return sorted(found, key=lambda one: (one[0].rank + (one[2] == AUGMENTED), one[1]))


def prepared(run: Run, options: argparse.Namespace, ready: dict[str, Prepared]) -> Prepared:
    """Pictures of a task; the second experiment takes those of the first."""
    of_labels = run.options.task == "folder"
    folder = options.study / ("flowers" if run.name == "flowers" else "cameras") if of_labels else options.scenes
    asked = replace(run.options, sources=sources_of(options, folder.name) if of_labels else None)
    made = next((one.dataset for name, one in ready.items() if name.startswith(f"{run.name}-")), None)
    return prepare(options.work / run.id, asked, lambda: made or make_dataset(folder, asked, tell=print))


def sources_of(options: argparse.Namespace, group: str) -> Path:
    """The table of sources that the command takes, of the index."""
    path = options.work / f"sources_{group}.csv"
    with (options.study / "index.csv").open(encoding="utf-8", newline="") as stream:
        rows = [(row["file"], row["source_image"]) for row in csv.DictReader(stream)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "source"))
        writer.writerows((file.split("/", 1)[1], source) for file, source in rows if file.startswith(f"{group}/"))
    return path


def tell(cell: Cell, done: bool, *_: int) -> None:
    """A line for each training."""
    if not done:
        figures = " ".join(f"{name} {cell.accuracy(name):.3f}" for name in cell.tests)
        print(time.strftime("%H:%M:%S"), cell.key, f"{cell.core_seconds:.0f} s,", cell.epochs, figures, flush=True)


def write(ready: dict[str, Prepared], done: dict[str, list[Cell]], options: argparse.Namespace) -> None:
    """Pages and tables."""
    tables: dict[str, list[dict[str, object]]] = {"grid": [], "quality": [], "audit": []}
    asked: dict[str, Leakage | None] = {}
    for run in runs():
        if not done[run.id]:
            continue
        one, folder = ready[run.id], options.work / run.id
        if options.audit and run.name not in asked:
            asked[run.name] = audit_dataset(one.dataset, folder, most=options.audit).leakage
            tables["audit"] += leaks(run.name, asked[run.name])
        found = Results(one.task, one.dataset, one.plan, done[run.id], asked.get(run.name))
        write_page(found, folder)
        for matrix, answers in found.conclusions:
            for answer in answers:
                print(f"{run.id}: {answer.question} {answer.told}")
            schedule = one.plan.schedule
            what = {"task": run.name, "kind": run.kind, "pictures": len(one.dataset.samples)}
            bounds = {"sources": one.dataset.sources, "patch": one.plan.patch, "rate": schedule.rate}
            bounds |= {"patience": schedule.patience, "most_epochs": schedule.epochs, "each": schedule.each}
            tables[matrix.experiment.id] += [what | row | bounds for row in rows_of(matrix)]
    for name, rows in tables.items():
        if rows:
            write_results(f"study_{name}", rows)


def leaks(task: str, leakage: Leakage | None) -> list[dict[str, object]]:
    """What the audit says of the labels of a task, before any training."""
    return [
        {
            "task": task,
            "pictures": leakage.pictures,
            "trait": leak.trait,
            "share": f"{leak.share:.3f}",
            "by_chance": f"{leak.chance:.3f}",
            "p": f"{leak.p_corrected:.3f}",
            "predicts": leak.tells,
        }
        for leak in (leakage.traits if leakage else ())
    ]


if __name__ == "__main__":
    main()
