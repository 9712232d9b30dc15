"""Compressed once or twice, and on which grid before.

"Not compressed before" competes on equal terms with every grid origin and table (see `jpegtrace.lattice`). What it
cannot see counts as once: a first quality so high that its steps drown in the noise of the last compression, and the
same table twice on the same grid.
"""

from __future__ import annotations

from dataclasses import dataclass

from jpegtrace.analyses._past import DOUBLE_FROM, cannot_tell, past_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Json, Level, Outcome, Remark, Status
from jpegtrace.lattice import origin_probabilities
from jpegtrace.picture import Picture


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `compression-count`.

    Attributes:
        double_from: probability from which it says "twice".
        single_below: probability of "twice" below which it says "once"; in between it cannot tell.
    """

    double_from: float = DOUBLE_FROM
    single_below: float = 0.2


@analysis(
    "compression-count",
    version=1,
    place=200,
    title="Compressed how often",
    question="Was the picture compressed once or twice, and on which grid before?",
    parameters=Params,
    cannot_show=(
        "an earlier compression whose steps are small against those of the last one",
        "the same table twice on the same grid",
        "more than two compressions",
        "another history of other parts: it looks at the window that says most",
    ),
    reference="docs/engine.md; protocol of Tondi et al., IEEE TIFS 2021",
    false_alarm_rate=0.0,
)
def compression_count(picture: Picture, params: Params) -> Outcome:
    """Weigh "once" against "twice" in the window of the picture that says most."""
    past = past_of(picture)
    if isinstance(past, str):
        return cannot_tell(past)
    double = 1 - past.found.single
    grid = origin_probabilities(past.found)
    row, col = divmod(int(grid.argmax()), 8)
    values: dict[str, Json] = {
        "count": None,
        "probability_double": round(double, 4),
        "grid_origin": None,
        "grid_origin_probability": None,
        "window": list(past.window),
    }
    if double < params.single_below:
        return Outcome(
            Status.OK,
            "No trace of an earlier compression in the window that says most.",
            values | {"count": 1},
            probability=round(1 - double, 4),
        )
    if double < params.double_from:
        return Outcome(Status.INCONCLUSIVE, "Cannot tell whether it was compressed before.", values)
    where = "on the same grid" if row == col == 0 else f"on a grid shifted by {row} rows and {col} columns"
    sure = float(grid[row, col])
    remarks = () if sure >= 0.5 else (Remark(Level.INFO, "the grid of the first compression is uncertain"),)
    return Outcome(
        Status.OK,
        f"Compressed at least twice, before that {where}.",
        values | {"count": 2, "grid_origin": [row, col], "grid_origin_probability": round(sure, 4)},
        probability=round(double, 4),
        remarks=remarks,
    )
