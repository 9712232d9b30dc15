"""Samples in the order of the steps, made on the fly.

Batch k of a run is a function of recipe, pictures, seed and k alone: any number of workers makes the same batches, and
a run that goes on after a stop sees what it would have seen. Nothing is written to disk, unless samples cost more than
steps: then so many batches are drawn, kept, and taken again in other orders.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from jpegtrace.errors import UsageError
from jpegtrace_training.augmentation import History, JpegAugmentation
from jpegtrace_training.recipe import Arrays, Draw

TRAINING, CHECKS = 0, 1  # first number of the seeds: no check is ever a training sample


class Batches(Dataset[dict[str, Tensor]]):
    """Whole batches by their number.

    Args:
        draw: of the recipe.
        pictures: to draw from.
        count: samples of a batch.
        side: of the samples.
        seed: of the run.
        stream: `TRAINING` or `CHECKS`.
        distinct: batches that are drawn; those after them are the same in another order. 0 draws all.
        kept: folder where they are kept for that; None draws them again.
    """

    def __init__(
        self,
        draw: Draw,
        pictures: Sequence[NDArray[np.uint8]],
        count: int,
        side: int,
        seed: int,
        stream: int = TRAINING,
        *,
        distinct: int = 0,
        kept: Path | None = None,
    ) -> None:
        self.draw, self.pictures, self.count, self.side = draw, pictures, count, side
        self.seed, self.stream, self.distinct, self.kept = seed, stream, distinct, kept

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Batch of this number."""
        if self.distinct:
            turn, number = divmod(number, self.distinct)
            if turn:
                number = int(np.random.default_rng([self.stream, self.seed, turn]).permutation(self.distinct)[number])
        drawn = self._read(number) if self.distinct and self.kept else self._drawn(number)
        return {name: torch.from_numpy(np.array(array, order="C")) for name, array in drawn.items()}

    def _drawn(self, number: int) -> Arrays:
        return self.draw(self.pictures, self.count, np.random.default_rng([self.stream, self.seed, number]), self.side)

    def _read(self, number: int) -> Arrays:
        """From the folder; drawn and put there where it is missing or was cut off."""
        assert self.kept is not None  # noqa: S101 - asked before
        path = self.kept / f"{number}.npz"
        try:
            with path.open("rb") as stream, np.load(stream) as stored:
                return dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            drawn = self._drawn(number)
        self.kept.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{number}-{os.getpid()}.npz")
        np.savez(new, **drawn)  # type: ignore[arg-type]  # its stubs take the arrays for options
        new.replace(path)
        return drawn


def loader(batches: Batches, numbers: range, *, workers: int, pinned: bool) -> Iterator[dict[str, Tensor]]:
    """Batches in this order; `workers` processes make them ahead, 0 makes each when it is asked for."""
    options: dict[str, Any] = {"num_workers": workers, "pin_memory": pinned}
    if workers:
        batches[0]  # compiles the kernels once, before the workers are forked
        options["prefetch_factor"] = 4
    return iter(DataLoader(batches, batch_size=None, sampler=numbers, **options))


class AugmentedPictures(Dataset[tuple[Tensor, Any, History]]):
    """JPEG-aware augmentation for anyone's `DataLoader`: pictures with labels become patches with a known history.

    Sample i of epoch e is a function of (seed, e, i); call `begin_epoch` as one does with a distributed sampler. Give
    the `DataLoader` `collate` as its `collate_fn`: histories stay a list. Workers may be persistent.

    Args:
        pictures: uint8 RGB arrays, or a function from index to one, for folders that do not fit into memory.
        labels: one per picture.
        augmentation: what to draw.
        seed: of the histories.

    Raises:
        UsageError: there are not as many labels as pictures.
    """

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8]] | Callable[[int], NDArray[np.uint8]],
        labels: Sequence[Any],
        augmentation: JpegAugmentation,
        seed: int = 0,
    ) -> None:
        if not callable(pictures) and len(pictures) != len(labels):
            raise UsageError(f"there are {len(pictures)} pictures and {len(labels)} labels")
        self.picture = pictures if callable(pictures) else pictures.__getitem__
        self.labels, self.augmentation, self.seed = labels, augmentation, seed
        # Shared: workers that outlive an epoch hold a copy of everything else.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """The one that was begun last."""
        return int(self._epoch)

    def begin_epoch(self, epoch: int) -> None:
        """Draw other histories than in other epochs."""
        self._epoch[0] = epoch

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Any, History]:
        """A patch, uint8 (3, side, side), its label, and its history."""
        label = self.labels[index]  # first, for its IndexError ends a loop over the samples
        rng = np.random.default_rng([self.seed, self.epoch, index])
        patch, history = self.augmentation(self.picture(index), rng)
        return torch.from_numpy(np.ascontiguousarray(patch.transpose(2, 0, 1))), label, history


def collate(samples: Sequence[tuple[Tensor, Any, History]]) -> tuple[Tensor, Tensor, list[History]]:
    """Patches and labels as tensors, histories as a list."""
    patches, labels, histories = zip(*samples, strict=True)
    return torch.stack(patches), torch.stack([torch.as_tensor(label) for label in labels]), list(histories)
