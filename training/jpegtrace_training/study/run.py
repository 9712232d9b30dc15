"""A study from a folder to a page."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jpegtrace import __version__
from jpegtrace.audit.leakage import Leakage
from jpegtrace.errors import UsageError
from jpegtrace_training.devices import check_device
from jpegtrace_training.study import conditions
from jpegtrace_training.study.cells import Store
from jpegtrace_training.study.dataset import Dataset
from jpegtrace_training.study.experiment import Plan, Watch, run_cells, sides_of
from jpegtrace_training.study.leakage import audit_dataset
from jpegtrace_training.study.networks import registry as networks
from jpegtrace_training.study.networks.pretrained import read_state
from jpegtrace_training.study.results import Results, write_results
from jpegtrace_training.study.tasks import registry as tasks
from jpegtrace_training.study.tasks.task import Asked, Task, Tell
from jpegtrace_training.study.training import Schedule

SMALLEST_PATCH = 32


@dataclass(frozen=True)
class Options:
    """What is asked.

    Attributes:
        task: id.
        experiments: ids.
        networks: ids.
        seeds: how many of each training.
        patch: side of the patches; that of the task where None.
        schedule: of each training.
        augmented: whether to train with augmentation, too.
        only: training conditions to keep; all where empty.
        audited: pictures that the audit is asked of; 0 for no audit.
        most: sources at most; 0 for all.
        part: side of the part in the middle of a picture that is used; that of the task where None.
        sources: table of the sources of a folder's pictures.
        labels: of a folder that are used; all where empty.
        weights: files of state dicts by network.
        generator_steps: that the autoencoder is trained.
        device: of PyTorch.
        fresh: forget what is there.
    """

    task: str = "folder"
    experiments: Sequence[str] = ("grid",)
    networks: Sequence[str] = ("small",)
    seeds: int = 3
    patch: int | None = None
    schedule: Schedule = field(default_factory=Schedule)
    augmented: bool = True
    only: Sequence[str] = ()
    audited: int = 200
    most: int = 0
    part: int | None = None
    sources: Path | None = None
    labels: Sequence[str] = ()
    weights: Sequence[tuple[str, Path]] = ()
    generator_steps: int = 3000
    device: str = "cpu"
    fresh: bool = False


def trial(options: Options) -> Options:
    """The same in a minute: that everything works together, nothing about figures."""
    schedule = Schedule(batch=8, patience=1, epochs=2, validated=1, tested=1)
    return dataclasses.replace(options, seeds=2, schedule=schedule, generator_steps=20)


@dataclass(frozen=True)
class Prepared:
    """A study before its trainings.

    Attributes:
        task: what is asked.
        dataset: of the pictures.
        plan: which trainings.
        store: where they are kept.
    """

    task: Task
    dataset: Dataset
    plan: Plan
    store: Store


def study(
    folder: Path, output: Path, options: Options, *, tell: Tell = lambda _: None, watch: Watch | None = None
) -> tuple[Results, tuple[Path, ...]]:
    """Make pictures, audit them, train and test, and write what came out.

    Stopped at any moment, the same call goes on where it was.

    Args:
        folder: of the pictures.
        output: of cells, tables and page.
        options: what is asked.
        tell: takes lines of progress.
        watch: called with every training when it is done.

    Returns:
        What was found, and the files that were written.

    Raises:
        UsageError: options that do not fit, or pictures that are not enough.
    """
    ready = prepare(output, options, lambda: make_dataset(folder, options, tell=tell))
    tell(f"{ready.dataset.described}: {len(ready.dataset.samples):,} pictures, {len(ready.dataset.labels)} labels")
    leakage: Leakage | None = None
    if options.audited:
        leakage = audit_dataset(ready.dataset, output, most=options.audited, fresh=options.fresh).leakage
        tell("the audit is done")
    cells = run_cells(ready.dataset, ready.plan, ready.store, watch)
    results = Results(ready.task, ready.dataset, ready.plan, cells, leakage)
    return results, write_results(results, output)


def prepare(output: Path, options: Options, dataset: Callable[[], Dataset]) -> Prepared:
    """Everything but trainings; what is wrong with the options is said before pictures are made.

    Args:
        output: of cells, tables and page.
        options: what is asked.
        dataset: makes the pictures.

    Raises:
        UsageError: options that do not fit, pictures that cannot be divided, or a folder that cannot be used.
    """
    plan = _plan(options)
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; cells, tables and page go into a folder")
    made = dataset()
    splits = {seed: sides_of(made, seed).to_dict() for seed in plan.seeds}
    store = Store(output, _settings(options, plan, made.fingerprint), splits, fresh=options.fresh)
    return Prepared(tasks.find(options.task), made, plan, store)


def make_dataset(folder: Path, options: Options, *, tell: Tell = lambda _: None) -> Dataset:
    """The labelled pictures of a folder.

    Raises:
        UsageError: they are not enough.
    """
    task = tasks.find(options.task)
    least = conditions.least_side(task.patch if options.patch is None else options.patch, augmented=options.augmented)
    asked = Asked(
        folder,
        least,
        most=options.most,
        side=max(task.part if options.part is None else options.part, least),
        sources=options.sources,
        labels=tuple(options.labels),
        generator_steps=options.generator_steps,
        tell=tell,
    )
    return task.make(asked)


def _plan(options: Options) -> Plan:
    task = tasks.find(options.task)
    experiments = [conditions.find(name) for name in dict.fromkeys(options.experiments)]
    chosen = [networks.find(name) for name in dict.fromkeys(options.networks)]
    if not experiments or not chosen:
        raise UsageError("a study needs an experiment and a network")
    if options.seeds < 1:
        raise UsageError(f"a study needs at least one seed, not {options.seeds}")
    patch = task.patch if options.patch is None else options.patch
    if patch < SMALLEST_PATCH or patch % 8:
        raise UsageError(f"the side of the patches is a multiple of 8 from {SMALLEST_PATCH} on, not {patch}")
    if (options.sources is not None or options.labels) and task.id != "folder":
        raise UsageError(f"the task {task.id} makes labels and sources; --labels and --sources are for the task folder")
    known = {name for one in experiments for name in one.trained}
    if unknown := [name for name in options.only if name not in known]:
        raise UsageError(f"there is no training condition {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    if unasked := [name for name, _ in options.weights if name not in [one.id for one in chosen]]:
        raise UsageError(f"there are weights for {unasked[0]}, which is not among the networks")
    _check_schedule(options.schedule)
    check_device(options.device)
    weights = {name: read_state(path) for name, path in options.weights}
    seeds = range(options.seeds)
    return Plan(
        experiments, chosen, seeds, patch, options.schedule, options.augmented, options.only, weights, options.device
    )


def _check_schedule(schedule: Schedule) -> None:
    for name in ("batch", "patience", "epochs", "each", "validated", "tested"):
        if getattr(schedule, name) < 1:
            raise UsageError(f"{name} must be at least 1, not {getattr(schedule, name)}")
    if not schedule.rate > 0:
        raise UsageError(f"the rate must be positive, not {schedule.rate}")


def _settings(options: Options, plan: Plan, pictures: str) -> dict[str, Any]:
    """What decides a cell beside its key; experiments, networks and seeds may be added later."""
    return {
        "jpegtrace": __version__,
        "task": options.task,
        "pictures": pictures,
        "patch": plan.patch,
        "schedule": dataclasses.asdict(options.schedule),
        "weights": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in options.weights},
    }
