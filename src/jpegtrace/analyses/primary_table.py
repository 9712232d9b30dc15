"""The first quantization table of a picture that was compressed twice, entry by entry.

Answers the question of B. Tondi, A. Costanzo, D. Huang, B. Li, "Boosting CNN-based primary quantization matrix
estimation of double JPEG images", 2021, for any last table and any shift, by lattice evidence (see
`jpegtrace.lattice`). Entries whose evidence is thin are left out instead of guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jpegtrace.analyses._past import DOUBLE_FROM, past_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Json, Outcome, Status
from jpegtrace.lattice import alternatives, read_entries
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `primary-table`.

    Attributes:
        double_from: probability of two compressions from which entries are told.
        entry_from: probability from which an entry is told.
    """

    double_from: float = DOUBLE_FROM
    entry_from: float = 0.6


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
    needs_jpeg=True,
)
def primary_table(picture: Picture, params: Params) -> Outcome:
    """Marginals of all entries in the window of the picture that says most."""
    past = past_of(picture)
    if isinstance(past, str):
        return Outcome(Status.INCONCLUSIVE, f"Cannot tell: {past}.")
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
