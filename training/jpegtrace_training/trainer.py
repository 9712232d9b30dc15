"""One training, start to end: on a CPU, a CUDA device or several, stopped and continued at any moment.

A run lives in a folder: ``last.pt`` (everything needed to go on), ``best.pt`` (the best weights on held-out samples),
``metrics.csv``, and TensorBoard files where that is installed. Batches and dropout are functions of seed and step
(`loading`), the rate is a function of the step, and checkpoints hold the rest, so a run that was killed and continued
ends in the very same weights as one that was not: bit for bit on a CPU with the same number of threads.

Several devices: ``torchrun --nproc-per-node N -m jpegtrace_training RECIPE ...``; each takes its share of a batch.
"""

from __future__ import annotations

import csv
import dataclasses
import math
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import jpegtrace
from jpegtrace.errors import CorruptInput, JpegtraceError, UsageError
from jpegtrace_training import options
from jpegtrace_training.loading import CHECKS, Batches, loader
from jpegtrace_training.pictures import Pictures
from jpegtrace_training.recipe import Recipe

PRECISIONS = dict(zip(options.PRECISIONS, (torch.float32, torch.bfloat16), strict=True))
WARM_UP = 0.02  # share of the steps in which the rate rises
TOLD_EVERY = 10.0  # seconds between lines of progress
SPREAD = 2_654_435_761  # odd: distinct seeds stay distinct modulo 2^32


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the weights; a run is only continued with the same.

    Attributes:
        samples: to be seen in all.
        batch: samples a step, over all devices.
        rate: highest learning rate.
        schedule: "published", constant until it drops to a tenth, or "cosine", which ends at 0 and suits short runs;
            both rise at the beginning.
        drop: share of the steps after which it drops.
        clip: largest norm of the gradient; 0 for any.
        side: of the samples in pixels.
        seed: of weights, samples and dropout.
        precision: "fp32", or "bf16" for mixed precision.
        distinct: batches that are drawn and then taken again in other orders; 0 draws all of them. Where samples cost
            more than steps.
    """

    samples: int
    batch: int
    rate: float
    schedule: str = "published"
    drop: float = 1.0
    clip: float = 0.0
    side: int = 64
    seed: int = 0
    precision: str = "fp32"
    distinct: int = 0

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return -(-self.samples // self.batch)


@dataclasses.dataclass(frozen=True)
class Machine:
    """What only decides how fast it goes, and how often it is looked at.

    Attributes:
        device: of PyTorch, as "cpu" or "cuda".
        workers: processes that make samples; 0 makes them between the steps.
        compiled: use `torch.compile`.
        minutes: stop after so many, with a checkpoint; 0 for never.
        check_every: steps between checks on held-out samples; 0 for about forty in a run.
        checks: held-out batches.
        save_every: seconds between checkpoints.
        quiet: no lines of progress.
    """

    device: str = "cpu"
    workers: int = 0
    compiled: bool = False
    minutes: float = 0.0
    check_every: int = 0
    checks: int = 4
    save_every: float = 60.0
    quiet: bool = False


@dataclasses.dataclass(frozen=True)
class Trained:
    """How a run stands.

    Attributes:
        folder: of the run.
        step: steps done.
        samples: seen.
        finished: all steps are done.
        figures: on held-out samples, of the best weights.
    """

    folder: Path
    step: int
    samples: int
    finished: bool
    figures: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Place:
    """Which of several processes this is."""

    rank: int
    world: int
    device: torch.device


@contextmanager
def placed(device: str) -> Iterator[Place]:
    """The process group that torchrun asks for, or a single process."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Place(0, 1, torch.device(device))
        return
    rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    on_cuda = device.startswith("cuda")
    torch.distributed.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield Place(rank, world, torch.device("cuda", local) if on_cuda else torch.device(device))
    finally:
        torch.distributed.destroy_process_group()


def rate_at(step: int, settings: Settings) -> float:
    """Learning rate of a step, counted from 0."""
    warm = max(1, round(WARM_UP * settings.steps))
    if step < warm:
        return settings.rate * (step + 1) / (warm + 1)
    if settings.schedule == "published":
        return settings.rate * (0.1 if step >= settings.drop * settings.steps else 1.0)
    return settings.rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, settings.steps - warm)))


class Stop:
    """Whether the run has to end early: time is up, or it was asked to (Ctrl-C, SIGTERM)."""

    def __init__(self, minutes: float) -> None:
        self.until = time.monotonic() + 60 * minutes if minutes else math.inf
        self.asked = False

    def __call__(self) -> bool:
        """The step under way is always finished."""
        return self.asked or time.monotonic() > self.until

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Signals end the run in order; restored afterwards."""

        def ask(*_: object) -> None:
            self.asked = True

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def train(
    recipe: Recipe,
    pictures: Pictures,
    folder: Path,
    settings: Settings,
    machine: Machine | None = None,
    begin: Path | None = None,
) -> Trained:
    """Train, or go on with the run in `folder`.

    Args:
        recipe: what to train.
        pictures: to draw from.
        folder: of the run.
        settings: what decides the weights.
        machine: what does not.
        begin: checkpoint of another run of the recipe, or of one akin to it, whose weights a new run begins with; give
            it another seed.

    Raises:
        UsageError: the folder holds another run or cannot be written, or the settings do not fit together.
        CorruptInput: the checkpoint there cannot be read.
        JpegtraceError: the loss or the weights are no finite numbers any more; the last checkpoint stays.
    """
    machine = machine or Machine()
    _check_settings(settings, machine)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from error
    with placed(machine.device) as place:
        return _Run(recipe, pictures, folder, settings, machine, place, begin).run()


class _Run:
    """A training under way."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: Pictures,
        folder: Path,
        settings: Settings,
        machine: Machine,
        place: Place,
        begin: Path | None = None,
    ) -> None:
        if settings.batch % place.world:
            raise UsageError(f"a batch of {settings.batch} cannot be shared by {place.world} processes")
        self.recipe, self.folder, self.settings, self.machine, self.place = recipe, folder, settings, machine, place
        torch.manual_seed(settings.seed)
        self.model = recipe.network().to(place.device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
        self.optimiser = recipe.optimiser(list(self.model.parameters()), settings.rate)
        self.step = self.saved = self.before = self.steps_before = 0
        self.seeds = [settings.seed]
        self.ancestors: list[str] = []  # recipes akin to this one, whose samples are counted in `before`
        self.best: dict[str, float] = {}
        self.sums = _Sums()
        self.described = pictures.described
        if not self._restore() and begin:
            self._begin_with(begin)
        step: nn.Module = _Losses(self.model, recipe)
        if place.world > 1:
            step = DistributedDataParallel(step, device_ids=[place.device] if place.device.type == "cuda" else None)
        self.losses = step
        self.asked: Callable[..., dict[str, Tensor]] = torch.compile(step) if machine.compiled else step
        count, side, seed = settings.batch // place.world, settings.side, settings.seed
        kept = folder / "batches" if settings.distinct else None
        self.batches = Batches(
            recipe.draw, pictures.training, count, side, seed, distinct=settings.distinct * place.world, kept=kept
        )
        checks = Batches(recipe.draw, pictures.held_out, settings.batch, side, seed, CHECKS)
        self.checks = [checks[number] for number in range(machine.checks)] if place.rank == 0 else []

    def run(self) -> Trained:
        """Steps until the end or a stop."""
        settings, machine, place = self.settings, self.machine, self.place
        every = machine.check_every or max(1, settings.steps // 40)
        log = Log(self.folder, self.step, self.samples) if place.rank == 0 else None
        stop = Stop(machine.minutes)
        begun, first, told, saved = time.monotonic(), self.step, 0.0, time.monotonic()
        numbers = range(self.step * place.world + place.rank, settings.steps * place.world, place.world)
        with stop.listening():
            # Workers are forked here: a Ctrl-C reaches them too, and must not end them before the step is done.
            batches = loader(self.batches, numbers, workers=machine.workers, pinned=place.device.type == "cuda")
            while self.step < settings.steps and not self._together(stop()):
                self.sums.add(self._one_step(next(batches)))
                self.step += 1
                now, done = time.monotonic(), self.step == settings.steps
                speed = (self.step - first) * settings.batch / max(now - begun, 1e-9)
                if log and (self.step % every == 0 or done):
                    self._check_numbers()
                    figures = self._check()
                    log.write(self.step, self.samples, speed, rate_at(self.step - 1, settings),
                              self.sums.take(), figures)  # fmt: skip
                    self._keep_best(figures)
                    if not machine.quiet:
                        self._tell(speed, figures)
                        told = time.monotonic()
                elif log and not machine.quiet and now - told > TOLD_EVERY:
                    self._tell(speed, self.sums.means())
                    told = now
                if log and now - saved > machine.save_every:
                    self._save()
                    saved = now
        if log:
            self._save()
            if not self.best:
                # For whoever looks now; not in the checkpoint: a run that goes on chooses as if it had never stopped.
                self._keep_best(self._check())
            log.close()
        self._together(False)
        done = self.step >= settings.steps
        return Trained(self.folder, self.step, self.samples, done, self.best)

    @property
    def samples(self) -> int:
        """Seen by these weights, in earlier runs too."""
        return self.before + self.step * self.settings.batch

    def _one_step(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        settings, place = self.settings, self.place
        # Dropout depends on seed and step alone, so that no state of a generator has to be kept. The seed is spread
        # over the low 32 bits, which are all that a CPU's generator uses.
        torch.manual_seed(settings.seed * SPREAD + self.step * place.world + place.rank)
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, settings)
        self.losses.train()
        with self._precision():
            parts = self.asked(on_device(batch, place.device))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(parts["loss"])
        if settings.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self.optimiser.step()
        return {name: value.detach() for name, value in parts.items()}

    def _precision(self) -> torch.autocast:
        return torch.autocast(
            self.place.device.type, PRECISIONS["bf16"], enabled=self.settings.precision == "bf16", cache_enabled=True
        )

    @torch.no_grad()
    def _check(self) -> dict[str, float]:
        """Figures on held-out samples."""
        self.model.eval()
        found: dict[str, list[Tensor]] = {}
        for batch in self.checks:
            with self._precision():
                for name, values in self.recipe.measure(self.model, on_device(batch, self.place.device)).items():
                    found.setdefault(name, []).append(values.float().cpu())
        return {name: float(torch.cat(values).mean()) for name, values in found.items()}

    def _keep_best(self, figures: dict[str, float]) -> None:
        name, direction = self.recipe.better
        sign = 1 if direction == "higher" else -1
        # A figure that is no number never was the best.
        if self.best and not (sign * figures[name] > sign * self.best[name] or math.isnan(self.best[name])):
            return
        self.best = figures
        write(self.folder / "best.pt", {"model": self.model.state_dict(), "figures": figures, **self._described()})

    def _described(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.id,
            "settings": dataclasses.asdict(self.settings),
            "code": jpegtrace.__version__,
            "torch": str(torch.__version__),
            "data": self.described,
            "step": self.step,
            "samples": self.samples,
            "before": self.before,
            "steps_before": self.steps_before,
            "seeds": self.seeds,
            "ancestors": self.ancestors,
        }

    def _check_numbers(self) -> None:
        """Stop before anything spoilt is kept; here and not at every step, for a device that is asked has to wait."""
        loss = self.sums.means().get("loss", 0.0)
        fine = all(bool(value.isfinite().all()) for value in self.model.state_dict().values())
        if not math.isfinite(loss) or not fine:
            told = f"the mean loss is {loss}" if not math.isfinite(loss) else "a weight is no finite number"
            kept = f"the checkpoint of step {self.saved:,} stays" if self.saved else "there is no checkpoint yet"
            raise JpegtraceError(
                f"{self.recipe.id}: {told} at step {self.step:,}; {kept}. Begin in another folder, with a lower rate "
                "or with clipped gradients"
            )

    def _save(self) -> None:
        self._check_numbers()
        state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "best": self.best}
        sums = {"sums": self.sums.values, "summed": self.sums.count}
        write(self.folder / "last.pt", state | sums | self._described())
        self.saved = self.step

    def _begin_with(self, path: Path) -> None:
        """Take the weights of a checkpoint of the recipe, or of one akin to it; the optimiser begins anew."""
        if not path.is_file():
            raise UsageError(f"there is no checkpoint {path} to begin with")
        with path.open("rb") as stream, _readable(path):
            state = torch.load(stream, map_location=self.place.device, weights_only=True)
            recipe, weights, self.before = state["recipe"], state["model"], state["samples"]
            self.steps_before = state["step"] + state.get("steps_before", 0)
            earlier = state["seeds"] if "seeds" in state else [state["settings"]["seed"]]
            self.seeds = [*earlier, self.settings.seed]
            self.ancestors = [*state.get("ancestors", []), *([recipe] if recipe != self.recipe.id else [])]
        if recipe not in (self.recipe.id, *self.recipe.akin):
            wanted = " or ".join((self.recipe.id, *self.recipe.akin))
            raise UsageError(f"{path} holds weights of {recipe}, not of {wanted}")
        self.model.load_state_dict(weights)

    def _restore(self) -> bool:
        """Go on with the run in the folder; whether there is one."""
        path = self.folder / "last.pt"
        if not path.exists():
            return False
        with path.open("rb") as stream, _readable(path):
            state = torch.load(stream, map_location=self.place.device, weights_only=True)
            there = {"recipe": state["recipe"], "pictures": state["data"], **state["settings"]}
        wanted = {"recipe": self.recipe.id, "pictures": self.described, **dataclasses.asdict(self.settings)}
        other = [f"{name} {there.get(name)}, not {value}" for name, value in wanted.items() if there.get(name) != value]
        if other:
            raise UsageError(
                f"{self.folder} holds a run with {'; '.join(other)}: continue it as it was, or take another"
            )
        with _readable(path):
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.best = state["step"], state["best"]
            # Checkpoints of earlier versions lack them; the next line of the log is then a mean of fewer steps.
            self.sums.values, self.sums.count = state.get("sums", {}), state.get("summed", 0)
            self.before, self.steps_before = state.get("before", 0), state.get("steps_before", 0)
            self.seeds, self.ancestors = state.get("seeds", self.seeds), state.get("ancestors", [])
        self.saved = self.step
        return True

    def _together(self, stop: bool) -> bool:
        """What any of the processes says, so that none waits for one that has left."""
        if self.place.world == 1:
            return stop
        said = torch.tensor([float(stop)], device=self.place.device)
        torch.distributed.all_reduce(said)
        return bool(said.item())

    def _tell(self, speed: float, figures: Mapping[str, float]) -> None:
        left = (self.settings.steps - self.step) * self.settings.batch / max(speed, 1e-9)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(
            f"{self.recipe.id}: step {self.step:,} of {self.settings.steps:,}, {speed:.0f} samples a second, "
            f"{left / 60:.0f} min left  {shown}",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What PyTorch says of a file that is cut short or holds something else, as one error."""
    try:
        yield
    except (RuntimeError, OSError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise CorruptInput(
            "the checkpoint is damaged or of another version; move it away to begin anew", source=str(path)
        ) from error


class _Losses(nn.Module):
    """A recipe's losses as a module, so that a network may be asked in other ways than `forward` on several devices."""

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.recipe.loss(self.network, batch)


class _Sums:
    """Means of the losses since they were last taken."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}
        self.count = 0

    def add(self, parts: Mapping[str, Tensor]) -> None:
        for name, value in parts.items():
            self.values[name] = self.values.get(name, torch.zeros_like(value)) + value
        self.count += 1

    def means(self) -> dict[str, float]:
        return {name: float(value) / max(self.count, 1) for name, value in self.values.items()}

    def take(self) -> dict[str, float]:
        means = self.means()
        self.values, self.count = {}, 0
        return means


class Log:
    """``metrics.csv`` and, where it is installed, TensorBoard; lines after the checkpoint are made anew."""

    def __init__(self, folder: Path, step: int, samples: int) -> None:
        self.path = folder / "metrics.csv"
        self.rows: list[dict[str, str]] = []
        if self.path.exists() and step:
            with self.path.open(newline="", encoding="utf-8") as stream:
                self.rows = [row for row in csv.DictReader(stream) if int(row["step"]) <= step]
        self.board = _board(folder / "tensorboard", samples if step else 0)

    def write(
        self,
        step: int,
        samples: int,
        speed: float,
        rate: float,
        parts: Mapping[str, float],
        figures: Mapping[str, float],
    ) -> None:
        """One line: training parts as they are named, held-out figures as ``held_out_NAME``."""
        values = {**parts, **{f"held_out_{name}": value for name, value in figures.items()}}
        self.rows.append(
            {"step": str(step), "samples": str(samples), "samples_per_second": f"{speed:.1f}", "rate": f"{rate:.3g}"}
            | {name: f"{value:.6g}" for name, value in values.items()}
        )
        part = self.path.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(self.rows[-1]), restval="", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        part.replace(self.path)
        if self.board:
            for name, value in values.items():
                self.board.add_scalar(name, value, samples)

    def close(self) -> None:
        """Write what is held back."""
        if self.board:
            self.board.close()


def _board(folder: Path, samples: int) -> Any:
    """Its axis is samples; what an earlier run wrote after the checkpoint is hidden."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=samples + 1 if samples else None)


def on_device(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A batch where the network is."""
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}


def write(path: Path, state: Mapping[str, Any]) -> None:
    """Whole or not at all, whatever happens meanwhile."""
    part = path.with_name(f"part-{path.name}")
    with part.open("wb") as stream:
        torch.save(dict(state), stream)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def _check_settings(settings: Settings, machine: Machine) -> None:
    checks: tuple[tuple[bool, str], ...] = (
        (settings.samples >= 1 and settings.batch >= 1, "samples and batch must be at least 1"),
        (0 < settings.rate < math.inf, "the rate must be positive"),
        (settings.schedule in options.SCHEDULES, f"the schedule is one of {', '.join(options.SCHEDULES)}"),
        (settings.precision in PRECISIONS, f"the precision is one of {', '.join(PRECISIONS)}"),
        (0 < settings.drop <= 1, "drop is a share of the steps"),
        (settings.clip >= 0, "clip must not be negative"),
        (settings.distinct >= 0, "the number of distinct batches must not be negative"),
        (settings.side >= 8, "the side must be at least 8 pixels"),
        (0 <= settings.seed < 2**20, "seeds lie in 0..1048575"),
        (machine.workers >= 0, "workers must not be negative"),
        (machine.minutes >= 0, "minutes must not be negative"),
        (machine.check_every >= 0, "the steps between checks must not be negative"),
        (machine.save_every >= 0, "the seconds between checkpoints must not be negative"),
        (machine.checks >= 1, "at least one batch must be held out for checks"),
    )
    for fine, message in checks:
        if not fine:
            raise UsageError(message)
