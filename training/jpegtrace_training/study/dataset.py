"""What a study is made of: labelled pictures, each with the source that splits go by."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError

Pixels = NDArray[np.uint8]
LEAST_SOURCES = 5  # of every label: one for the test, one for validation, and some to learn from


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled picture.

    Attributes:
        source: what it was made from. Whatever shares a source is on the same side of every split.
        label: index into the labels.
        pixels: uint8 RGB (height, width, 3).
        file: where it lies; None for pictures that a task made.
    """

    source: str
    label: int
    pixels: Pixels
    file: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """All labelled pictures of a task.

    Attributes:
        labels: names, in order.
        samples: the pictures.
        described: where they come from, in words.
        left_out: reasons, with how many pictures.
    """

    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    described: str
    left_out: tuple[tuple[str, int], ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of labels, sources and pixels: a study is only continued with the same pictures."""
        digest = hashlib.sha256(repr(self.labels).encode())
        for sample in self.samples:
            digest.update(repr((sample.source, sample.label, sample.pixels.shape)).encode())
            digest.update(sample.pixels.tobytes())
        return digest.hexdigest()[:16]

    @property
    def sources(self) -> int:
        """How many there are."""
        return len({sample.source for sample in self.samples})

    @property
    def counts(self) -> tuple[int, ...]:
        """Pictures of each label."""
        found = Counter(sample.label for sample in self.samples)
        return tuple(found[label] for label in range(len(self.labels)))


def checked(labels: Sequence[str], samples: Sequence[Sample], described: str, left_out: Counter[str]) -> Dataset:
    """A data set that can be divided.

    Raises:
        UsageError: fewer than two labels, or too few sources of one.
    """
    reasons = tuple(sorted(left_out.items()))
    told = "".join(f"; left out: {reason} ({count:,})" for reason, count in reasons)
    if len(labels) < 2:
        there = f"only {labels[0]!r}" if labels else "none"
        raise UsageError(f"a study needs pictures of at least two labels; there is {there}{told}")
    for index, label in enumerate(labels):
        sources = len({sample.source for sample in samples if sample.label == index})
        if sources < LEAST_SOURCES:
            raise UsageError(
                f"{label!r} has pictures of {sources} sources; at least {LEAST_SOURCES} are needed to learn from some, "
                f"choose by others, and test on others{told}"
            )
    return Dataset(tuple(labels), tuple(samples), described, reasons)
