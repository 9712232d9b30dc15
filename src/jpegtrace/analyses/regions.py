"""Parts of a picture with different pasts.

A picture that was put together from others and saved as JPEG still carries the grids and tables of its sources. The
engine of the first table (`jpegtrace.lattice`) is asked everywhere; places whose pasts differ are told apart. Tondi et
al. 2021 leave this as future work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.analyses._past import QUIET, SEVERAL_JPEGS, cannot_tell, history_of, no_map, past_within, sources_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Json, Level, Map, Outcome, Remark, Status
from jpegtrace.lattice import alternatives
from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.regions import CELL, OTHER, UNKNOWN, Segmentation
from jpegtrace.picture import Picture

ANOTHER = "another past, or none"


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `regions`.

    Attributes:
        most_windows: of 64 pixels that are searched at first; places where their pasts fail are searched, too.
        most_windows_mapped: the same for a map.
    """

    most_windows: int = 256
    most_windows_mapped: int = 4096


def map_regions(picture: Picture, params: Params, stride: int, progress: Progress | None) -> tuple[Map, ...]:
    """Labels of the sources, and how sure they are."""
    history = history_of(picture, params.most_windows_mapped, progress)
    if isinstance(history, str):
        raise no_map(history, picture)
    found = sources_of(picture, history, stride)
    parts = [_describe(picture, found, k, stride) for k in _present(found)]
    if progress:
        progress(1)
    return _label_map(found, parts, stride), Map(
        "certainty", _known(found, found.probability), (stride, stride), "probability"
    )


@analysis(
    "regions",
    version=1,
    place=220,
    title="Parts with different pasts",
    question="Do parts of the picture come from different JPEG files?",
    parameters=Params,
    cannot_show=(
        "parts whose earlier compression left no trace, or the same one on the same grid",
        "what happened to a part that none of the pasts found explains: another past, or none at all",
        "parts much smaller than 64 pixels a side, and in large pictures small parts where no window was searched",
        "which part was there first: the largest is only called the first",
        "more than two compressions: an earlier generation that shows in one part only looks like a part",
        "why parts differ: collages, screenshots and pasted logos are put together in good faith",
    ),
    reference="future work of Tondi et al. 2021; docs/engine.md",
    false_alarm_rate=0.0,
    map=map_regions,
)
def regions(picture: Picture, params: Params) -> Outcome:
    """Divide the picture by its pasts and describe each part."""
    history = history_of(picture, params.most_windows)
    if history == SEVERAL_JPEGS:
        return Outcome(Status.OK, f"{SEVERAL_JPEGS[0].upper()}{SEVERAL_JPEGS[1:]}.")
    if isinstance(history, str):
        return cannot_tell(history)
    found = sources_of(picture, history)
    if not history.seen:
        return Outcome(
            Status.INCONCLUSIVE, "Cannot tell: no window of 64 pixels is whole, free of clipping and not flat."
        )
    present = _present(found)
    if all(k == OTHER for k in present):
        return Outcome(
            Status.INCONCLUSIVE,
            "No earlier compression was found that left a trace, so parts cannot be told apart.",
            {"searched_windows": len(history.seen)},
        )
    parts = [_describe(picture, found, k, CELL) for k in present]
    values: dict[str, Json] = {
        "sources": len(parts),
        "parts": [part.values for part in parts],
        "undecided": round(float((found.labels == UNKNOWN).mean()), 4),
        "searched_windows": len(history.seen),
    }
    maps = (_label_map(found, parts, CELL),)
    if len(parts) == 1:
        return Outcome(Status.OK, f"One past throughout: {parts[0].name}.", values, maps=maps)
    told = sum(k != OTHER for k in present)
    what = (
        "parts of the picture were compressed differently before they came together"
        if told > 1
        else "a part of the picture does not show the past of the rest"
    )
    remarks = Remark(Level.NOTICE, what), *(Remark(Level.INFO, part.sentence) for part in parts)
    return Outcome(Status.OK, f"{len(parts)} parts with different pasts.", values, remarks=remarks, maps=maps)


@dataclass(frozen=True, slots=True)
class _Part:
    """One part: its name in maps, a sentence about it, and everything known."""

    name: str
    sentence: str
    values: dict[str, Json]


def _describe(picture: Picture, found: Segmentation, source: int, stride: int) -> _Part:
    """One part: where it is, how large, and what happened to it."""
    inside = found.labels == source
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top = int(cols[0]) * stride, int(rows[0]) * stride
    width = min(int(cols[-1] + 1) * stride, picture.width) - left
    height = min(int(rows[-1] + 1) * stride, picture.height) - top
    share = float(inside.mean())
    where = f"{share:.1%} of the picture, within {width} x {height} pixels at ({left}, {top})"
    values: dict[str, Json] = {
        "share": round(share, 4),
        "box": [left, top, width, height],
        "probability": round(float(found.probability[inside].mean()), 4),
        "first_table": None,
        "quality": None,
        "grid_origin": None,
    }
    if source == OTHER:
        return _Part(ANOTHER, f"{ANOTHER}: {where}", values)
    past = found.pasts[source - 1]
    table, quality = past.name, past.quality
    read = past_within(picture, _blocks_of(inside, stride, picture))
    best = None if read is None else alternatives(read.found)[0]
    # The largest window inside the part says more than the small ones that found it, unless it strays to another grid.
    if read is not None and best is not None and best.origin == past.origin and read.activity >= QUIET:
        table, quality = best.name, best.quality
        values["window"] = list(read.window)
    values |= {"first_table": table, "quality": quality or None, "grid_origin": list(past.origin)}
    name = f"{table}, {_grid(past)}"
    return _Part(name, f"{name}: {where}", values)


def _blocks_of(inside: NDArray[np.bool_], stride: int, picture: Picture) -> NDArray[np.bool_]:
    """A map as one value for each block."""
    rows, cols = (
        np.minimum(np.arange(0, n, CELL) + CELL // 2, n - 1) // stride for n in (picture.height, picture.width)
    )
    blocks: NDArray[np.bool_] = inside[rows[:, None], cols[None, :]]
    return blocks


def _present(found: Segmentation) -> list[int]:
    """Sources that occur, the largest first."""
    areas = np.bincount(found.labels[found.labels != UNKNOWN], minlength=len(found.pasts) + 1)
    return [int(k) for k in np.argsort(-areas, kind="stable") if areas[k]]


def _label_map(found: Segmentation, parts: Sequence[_Part], stride: int) -> Map:
    present = _present(found)
    rank = np.zeros(len(found.pasts) + 1, np.int8)
    rank[present] = np.arange(len(present))
    names = tuple(part.name for part in parts)
    return Map("source", _known(found, rank[found.labels]), (stride, stride), labels=names)


def _known(found: Segmentation, values: NDArray[np.int8] | NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(found.labels == UNKNOWN, np.nan, values).astype(np.float32)


def _grid(past: Hypothesis) -> str:
    row, col = past.origin
    if row == col == 0:
        return "the same grid"
    return f"grid shifted by {row} row{'s' * (row != 1)} and {col} column{'s' * (col != 1)}"
