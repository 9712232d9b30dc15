"""Parts of a picture with different pasts.

A picture that was put together from others and saved as JPEG still carries the grids and tables of its sources. The
engine of the first table (`jpegtrace.lattice`) is asked everywhere; places whose pasts differ are told apart. Tondi et
al. 2021 leave this as future work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.analyses._past import QUIET, history_of, past_within, sources_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.errors import CorruptInput
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
        raise CorruptInput(history, source=picture.source)
    found = sources_of(picture, history, stride)
    if progress:
        progress(1)
    return _label_map(found, stride), Map(
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
        "why parts differ: collages, screenshots and pasted logos are put together in good faith",
    ),
    reference="future work of Tondi et al. 2021; docs/engine.md",
    false_alarm_rate=0.0,
    needs_jpeg=True,
    map=map_regions,
)
def regions(picture: Picture, params: Params) -> Outcome:
    """Divide the picture by its pasts and describe each part."""
    history = history_of(picture, params.most_windows)
    if isinstance(history, str):
        return Outcome(Status.INCONCLUSIVE, f"Cannot tell: {history}.")
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
    parts: list[Json] = [_describe(picture, found, k) for k in present]
    values: dict[str, Json] = {
        "sources": len(parts),
        "parts": parts,
        "undecided": round(float((found.labels == UNKNOWN).mean()), 4),
        "searched_windows": len(history.seen),
    }
    if len(parts) == 1:
        past = _past(found, present[0])
        summary = f"One past throughout: {past.name}, {_grid(past)}."
        return Outcome(Status.OK, summary, values, maps=(_label_map(found, CELL),))
    summary = f"{len(parts)} parts with different pasts."
    told = sum(k != OTHER for k in present)
    what = (
        "parts of the picture were compressed differently before they came together"
        if told > 1
        else "a part of the picture does not show the past of the rest"
    )
    remark = Remark(Level.NOTICE, what)
    return Outcome(Status.OK, summary, values, remarks=(remark,), maps=(_label_map(found, CELL),))


def _describe(picture: Picture, found: Segmentation, source: int) -> Json:
    """One part: where it is, how large, and what happened to it."""
    inside = found.labels == source
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box: list[Json] = [
        int(cols[0]) * CELL,
        int(rows[0]) * CELL,
        min(int(cols[-1] - cols[0] + 1) * CELL, picture.width - int(cols[0]) * CELL),
        min(int(rows[-1] - rows[0] + 1) * CELL, picture.height - int(rows[0]) * CELL),
    ]
    part: dict[str, Json] = {
        "share": round(float(inside.mean()), 4),
        "box": box,
        "probability": round(float(found.probability[inside].mean()), 4),
        "first_table": None,
        "quality": None,
        "grid_origin": None,
    }
    if source == OTHER:
        return part
    past = _past(found, source)
    read = past_within(picture, inside)
    part |= {"first_table": past.name, "quality": past.quality or None, "grid_origin": list(past.origin)}
    # The largest window inside the part says more than the small ones that found it, unless it strays to another grid.
    best = None if read is None else alternatives(read.found)[0]
    if read is not None and best is not None and best.origin == past.origin and read.activity >= QUIET:
        part |= {"first_table": best.name, "quality": best.quality or None, "window": list(read.window)}
    return part


def _present(found: Segmentation) -> list[int]:
    """Sources that occur, the largest first."""
    areas = np.bincount(found.labels[found.labels != UNKNOWN], minlength=len(found.pasts) + 1)
    return [int(k) for k in np.argsort(-areas, kind="stable") if areas[k]]


def _label_map(found: Segmentation, stride: int) -> Map:
    present = _present(found)
    rank = np.zeros(len(found.pasts) + 1, np.int8)
    rank[present] = np.arange(len(present))
    names = tuple(ANOTHER if k == OTHER else f"{_past(found, k).name}, {_grid(_past(found, k))}" for k in present)
    return Map("source", _known(found, rank[found.labels]), (stride, stride), labels=names)


def _past(found: Segmentation, source: int) -> Hypothesis:
    return found.pasts[source - 1]


def _known(found: Segmentation, values: NDArray[np.int8] | NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(found.labels == UNKNOWN, np.nan, values).astype(np.float32)


def _grid(past: Hypothesis) -> str:
    row, col = past.origin
    return "the same grid" if row == col == 0 else f"grid shifted by {row} rows and {col} columns"
