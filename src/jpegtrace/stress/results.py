"""What an evaluation found, as objects and as JSON has it; infinite numbers are None there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.stress.roc import Roc

Floats = NDArray[np.float64]

NONE = "none"  # no attack: the JPEG itself
ONCE = "compressed once"


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """How well one detector tells one kind of picture from the originals.

    Attributes:
        detector: its name.
        attack: "none" for the JPEG itself.
        quality: of the JPEG; None for the pictures of all qualities together, under one threshold.
        scores: of the pictures; for all qualities, those of the first quality come first.
        roc: hits and false alarms at every threshold.
        error: P_e; .5 where nothing is told apart, 0 where all is.
        area: under the ROC; .5 where nothing is told apart. Far below .5, a detector is beaten by its own rule, yet its
            scores tell the pictures apart the other way round.
    """

    detector: str
    attack: str
    quality: int | None
    scores: Floats
    roc: Roc
    error: float
    area: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "detector": self.detector,
            "attack": self.attack,
            "quality": self.quality,
            "error": self.error,
            "area": self.area,
            "scores": _listed(self.scores),
            "roc": {name: _listed(values) for name, values in self.roc._asdict().items()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Nearness:
    """How near one kind of picture is to the originals.

    Attributes:
        attack: "none" for the JPEG itself.
        quality: of the JPEG; None for all qualities together.
        psnr: in dB, of every picture, in the order of `Cell.scores`; infinite where nothing differs.
        ssim: the same.
    """

    attack: str
    quality: int | None
    psnr: Floats
    ssim: Floats

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        means = {name: _finite(float(values.mean())) for name, values in (("psnr", self.psnr), ("ssim", self.ssim))}
        each = {"psnr_of_each": _listed(self.psnr), "ssim_of_each": _listed(self.ssim)}
        return {"attack": self.attack, "quality": self.quality, **means, **each}


@dataclass(frozen=True, slots=True, eq=False)
class DoubleCell:
    """What one detector of double compression says of pictures that were compressed twice, or once.

    Attributes:
        detector: its name.
        aligned: whether the last compression has the grid of the first.
        last_quality: of the last compression.
        attack: what came before it: "none" for the JPEG as it was decoded, "compressed once" for the original.
        quality: of the first compression; None for all together, and where there was none.
        scores: of the pictures; for all qualities, those of the first quality come first.
        threshold: from which score on the detector calls a picture compressed twice.
        called_twice: share of the pictures for which it does.
        error: P_e against the pictures that were compressed once, at the same last quality; None for these.
        area: under that ROC; None likewise.
    """

    detector: str
    aligned: bool
    last_quality: int
    attack: str
    quality: int | None
    scores: Floats
    threshold: float
    called_twice: float
    error: float | None
    area: float | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "detector": self.detector,
            "aligned": self.aligned,
            "last_quality": self.last_quality,
            "attack": self.attack,
            "quality": self.quality,
            "threshold": self.threshold,
            "called_twice": self.called_twice,
            "error": self.error,
            "area": self.area,
            "scores": _listed(self.scores),
        }


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was asked for, or is usual, and could not be done.

    Attributes:
        name: of an attack or a detector.
        qualities: those that it was left out for; empty for all.
        why: in words.
    """

    name: str
    qualities: tuple[int, ...]
    why: str

    def __str__(self) -> str:
        at = f" at quality {', '.join(map(str, self.qualities))}" if self.qualities else ""
        return f"{self.name}{at}: {self.why}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"name": self.name, "qualities": list(self.qualities), "why": self.why}


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        pictures: how many.
        size: height and width.
        seed: that was given.
        detectors: names.
        originals: scores of the originals by detector.
        cells: by attack, quality, and detector.
        nearness: by attack and quality.
        doubles: by detector, grid, last quality, attack and quality.
        left_out: what is missing, and why.
    """

    pictures: int
    size: tuple[int, int]
    seed: int
    detectors: tuple[str, ...]
    originals: Mapping[str, Floats]
    cells: tuple[Cell, ...]
    nearness: tuple[Nearness, ...]
    doubles: tuple[DoubleCell, ...]
    left_out: tuple[LeftOut, ...]

    def cell(self, detector: str, attack: str, quality: int | None = None) -> Cell:
        """One of the cells.

        Raises:
            KeyError: there is none.
        """
        for found in self.cells:
            if (found.detector, found.attack, found.quality) == (detector, attack, quality):
                return found
        raise KeyError((detector, attack, quality))

    def mean_error(self, attack: str, quality: int | None = None) -> float:
        """Mean P_e of all detectors.

        Raises:
            KeyError: there is no such attack or quality here.
        """
        return math.fsum(self.cell(name, attack, quality).error for name in self.detectors) / len(self.detectors)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "pictures": self.pictures,
            "size": list(self.size),
            "seed": self.seed,
            "detectors": list(self.detectors),
            "originals": {name: _listed(scores) for name, scores in self.originals.items()},
            "cells": [cell.to_dict() for cell in self.cells],
            "nearness": [found.to_dict() for found in self.nearness],
            "doubles": [cell.to_dict() for cell in self.doubles],
            "left_out": [missing.to_dict() for missing in self.left_out],
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _listed(values: Floats) -> list[float | None]:
    return [_finite(value) for value in values.tolist()]
