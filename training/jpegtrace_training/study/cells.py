"""What is done is kept: one file for each training, so a study that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jpegtrace.errors import CorruptInput, UsageError

CELLS, STUDY, SPLITS = "cells", "study.json", "splits"
Sides = Mapping[str, Sequence[str]]  # sources by the name of a side


@dataclass(frozen=True)
class Key:
    """Which training.

    Attributes:
        experiment: id.
        network: id.
        trained: name of the condition.
        seed: of split, weights and patches.
    """

    experiment: str
    network: str
    trained: str
    seed: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.experiment}_{self.network}_{self.trained}_{self.seed}.json"

    def __str__(self) -> str:
        return f"{self.experiment}, {self.network}, trained on {self.trained}, seed {self.seed}"


@dataclass(frozen=True)
class Cell:
    """One training and all its tests: a row of a matrix, for one seed.

    Attributes:
        key: which.
        tests: accuracy of each class by name of the test condition.
        epochs: done.
        best: the epoch whose weights were taken.
        early: whether early stopping ended it, and not the largest number of epochs.
        seen: patches.
        seconds: of training and tests.
        core_seconds: of the processor, for the same.
    """

    key: Key
    tests: Mapping[str, tuple[float, ...]]
    epochs: int
    best: int
    early: bool
    seen: int
    seconds: float
    core_seconds: float

    def accuracy(self, tested: str) -> float:
        """Mean over the classes."""
        values = self.tests[tested]
        return sum(values) / len(values)


class Store:
    """The folder of a study.

    Args:
        folder: made where it is missing.
        settings: what decides the figures.
        splits: who learns, chooses and tests, by seed; those of other seeds that are there are kept.
        fresh: forget what is there.

    Raises:
        UsageError: the folder holds another study, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        splits: Mapping[int, Sides] | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        self.folder = folder
        try:
            (folder / CELLS).mkdir(parents=True, exist_ok=True)
            if fresh:
                for path in (folder / CELLS).glob("*.json"):
                    path.unlink()
                (folder / STUDY).unlink(missing_ok=True)
            _join(folder, settings, splits or {})
        except OSError as error:
            raise UsageError(f"cannot write into {folder}: {error.strerror or error}") from error

    def find(self, key: Key) -> Cell | None:
        """What is done of it.

        Raises:
            CorruptInput: its file is damaged.
        """
        path = self.folder / CELLS / key.name
        if not path.exists():
            return None
        stored = _read(path)
        try:
            tests = {name: tuple(map(float, values)) for name, values in stored.pop("tests").items()}
            return Cell(Key(**stored.pop("key")), tests, **stored)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise _damaged(path) from error

    def keep(self, cell: Cell) -> None:
        """Write it, whole or not at all."""
        _write(self.folder / CELLS / cell.key.name, asdict(cell))


def _join(folder: Path, settings: Mapping[str, Any], splits: Mapping[int, Sides]) -> None:
    """Begin a study, or go on with the one that is there; its seeds may get more."""
    path = folder / STUDY
    wanted, divided = json.loads(json.dumps([settings, splits]))
    there = _read(path) if path.exists() else {**wanted, SPLITS: {}}
    known = there.pop(SPLITS, {})
    if not isinstance(known, dict):
        raise _damaged(path)
    other = [f"{name} {there.get(name)!r}, not {wanted.get(name)!r}" for name in sorted({*there, *wanted})
             if there.get(name) != wanted.get(name)]  # fmt: skip
    other += [f"other sides of seed {seed}" for seed in divided if known.get(seed, divided[seed]) != divided[seed]]
    if other:
        raise UsageError(
            f"{folder} holds a study with {'; '.join(other)}: continue it as it was, take another folder, or --fresh"
        )
    if not path.exists() or divided.keys() - known.keys():
        _write(path, {**wanted, SPLITS: known | divided})


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _damaged(path: Path) -> CorruptInput:
    return CorruptInput("the file is damaged; delete it, and its training is done again", source=str(path))


def _write(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
