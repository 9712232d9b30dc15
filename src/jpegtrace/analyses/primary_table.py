"""The first quantization table of a picture that was compressed twice, entry by entry.

Answers the question of B. Tondi, A. Costanzo, D. Huang, B. Li, "Boosting CNN-based primary quantization matrix
estimation of double JPEG images", 2021, for any last table and any shift, by lattice evidence (see
`jpegtrace.lattice`). Entries whose evidence is thin are left out instead of guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jpegtrace._progress import Progress, part
from jpegtrace.analyses._past import DOUBLE_FROM, cannot_tell, history_of, lost_places, no_map, past_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Json, Map, Outcome, Status
from jpegtrace.lattice import alternatives, read_entries
from jpegtrace.lattice.tables_map import map_tables
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG

SEARCH = 0.8  # of the work of a map, about


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `primary-table`.

    Attributes:
        double_from: probability of two compressions from which entries are told.
        entry_from: probability from which an entry is told.
        window: side in pixels of the windows that a map is read in.
        most_windows: of 64 pixels that are searched for a map.
    """

    double_from: float = DOUBLE_FROM
    entry_from: float = 0.6
    window: int = 64
    most_windows: int = 4096


def map_primary_table(picture: Picture, params: Params, stride: int, progress: Progress | None) -> tuple[Map, ...]:
    """Maps of the first table: its quality, the probability of an earlier compression, its grid, its entries."""
    history = history_of(picture, params.most_windows, part(progress, 0, SEARCH))
    if isinstance(history, str):
        raise no_map(history, picture)
    found = map_tables(history, window=params.window, stride=stride, progress=part(progress, SEARCH, 1))
    for values in (found.quality, found.double, found.origin, *found.entries):
        values[lost_places(picture, stride)] = np.nan
    if progress:
        progress(1)
    cell = (stride, stride)
    return (
        Map("first quality", found.quality, cell, "QF"),
        Map("earlier compression", found.double, cell, "probability"),
        Map("first grid", found.origin, cell, labels=tuple(f"({r}, {c})" for r in range(8) for c in range(8))),
        *(Map(f"entry {f + 1}", steps, cell, "step") for f, steps in enumerate(found.entries)),
    )


@analysis(
    "primary-table",
    version=1,
    place=210,
    title="The first quantization table",
    question="With which luminance table was the picture compressed the first time?",
    parameters=Params,
    cannot_show=(
        "entries that divide those of the last table on the same grid, but through the rest of the table",
        "chrominance tables",
        "another history of other parts: it looks at the window that says most",
    ),
    reference="Tondi et al. 2021; docs/engine.md",
    false_alarm_rate=0.0,
    map=map_primary_table,
)
def primary_table(picture: Picture, params: Params) -> Outcome:
    """Marginals of all entries in the window of the picture that says most."""
    past = past_of(picture)
    if isinstance(past, str):
        return cannot_tell(past)
    double = 1 - past.found.single
    if double < params.double_from:
        return Outcome(
            Status.INCONCLUSIVE,
            "No first table to tell: the picture may have been compressed only once.",
            {"probability_double": round(double, 4)},
        )
    read = read_entries(past.found)
    told = (read.value > 0) & (read.probability >= params.entry_from)
    # From zigzag to rows of the table.
    order = np.argsort(ZIGZAG)
    entries: list[Json] = [int(v) if ok else None for v, ok in zip(read.value[order], told[order], strict=True)]
    found = alternatives(past.found)
    best = found[0]
    values: dict[str, Json] = {
        "entries": entries,
        "probabilities": [round(float(p), 4) for p in read.probability[order]],
        "told": int(told.sum()),
        "nearest": best.name,
        "quality": best.quality or None,
        "grid_origin": list(best.origin),
        "alternatives": [
            {"name": a.name, "probability": round(a.probability, 4), "grid_origin": list(a.origin)} for a in found
        ],
        "probability_double": round(double, 4),
        "window": list(past.window),
    }
    if not told.any():
        return Outcome(Status.INCONCLUSIVE, "It was compressed before, but no entry can be told.", values)
    return Outcome(
        Status.OK,
        f"Nearest to {best.name}; {int(told.sum())} of 64 entries told.",
        values,
        probability=round(best.probability, 4),
    )
