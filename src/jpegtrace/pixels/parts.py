"""Parts of a picture by their last compression: the places of a quality map sorted by grid and quality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.lattice.regions import absorb
from jpegtrace.pixels.history import PixelHistory, PixelSource
from jpegtrace.pixels.quality import QualityMap

NEVER, UNKNOWN = 0, -1  # labels
ALIKE = 2  # qualities apart that are not told apart as parts
LEAST_SHARE = 0.02  # of the places that are told, from which a quality is that of a part
SMALLEST = 40 * 40  # pixels; smaller parts go to what surrounds them
SMALLEST_UNKNOWN = 160 * 160  # the same for places that tell nothing


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Parts of a picture by their last compression.

    Attributes:
        labels: float32 (rows, columns) of a map, places in `names`; NaN where nothing is told.
        names: of the histories, the first "never JPEG".
    """

    labels: NDArray[np.float32]
    names: tuple[str, ...]

    def listed(self, least: float, stride: int, shape: tuple[int, int]) -> list[tuple[str, float, list[int]]]:
        """Name, share of what is told, and box (left, top, width, height) of every part, the largest first."""
        told = int((~np.isnan(self.labels)).sum())
        found = []
        for k, name in enumerate(self.names):
            rows, cols = np.nonzero(self.labels == k)
            if told and len(rows) >= max(least * told, 1):
                top, left = int(rows.min()) * stride, int(cols.min()) * stride
                bottom, right = min((rows.max() + 1) * stride, shape[0]), min((cols.max() + 1) * stride, shape[1])
                found.append((name, len(rows) / told, [left, top, int(right) - left, int(bottom) - top]))
        return sorted(found, key=lambda part: -part[1])


def parts_of(found: QualityMap, history: PixelHistory, stride: int) -> Parts:
    """Sort the places of a map by grid and quality; rare qualities go to the nearest common one on their grid."""
    labels = np.full(found.quality.shape, UNKNOWN, np.int8)
    labels[found.compressed < 0.5] = NEVER
    names = ["never JPEG"]
    told = int((~np.isnan(found.compressed)).sum())
    for k, source in enumerate(history.sources):
        here = found.source == k
        if not here.any():
            continue
        common = _common(found.quality[here], LEAST_SHARE * told)
        nearest = np.abs(found.quality[here][:, None] - common).argmin(axis=1)
        labels[here] = (len(names) + nearest).astype(np.int8)
        names += [_name(int(quality), source) for quality in common]
    # `absorb` has a bound of its own for label 0.
    labels += np.int8(-UNKNOWN)
    absorb(labels, max(SMALLEST // stride**2, 2), SMALLEST_UNKNOWN // stride**2)
    labels += np.int8(UNKNOWN)
    shown = labels.astype(np.float32)
    shown[labels == UNKNOWN] = np.nan
    return Parts(shown, tuple(names))


def _common(qualities: NDArray[np.float32], least: float) -> NDArray[np.int64]:
    """Qualities that at least so many places have, no two of them alike; the commonest where none has."""
    values, counts = np.unique(qualities, return_counts=True)
    chosen: list[int] = []
    for k in np.argsort(-counts, kind="stable"):
        apart = all(abs(values[k] - other) > ALIKE for other in chosen)
        if apart and (counts[k] >= least or not chosen):
            chosen.append(int(values[k]))
    return np.array(sorted(chosen), np.int64)


def _name(quality: int, source: PixelSource) -> str:
    own = quality == source.quality and not source.standard
    table = source.name if own else f"JPEG {quality}"
    return f"{table} on the grid from row {source.origin[0]}, column {source.origin[1]}"
