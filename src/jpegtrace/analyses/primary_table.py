"""The first quantization table of a picture that was compressed twice, entry by entry.

Answers the question of B. Tondi, A. Costanzo, D. Huang, B. Li, "Boosting CNN-based primary quantization matrix
estimation of double JPEG images", 2021, for any last table and any shift, by the evidence and the scores S that
`compression-count` describes.

Tables compete as wholes, those of the IJG, of the survey, and some read entry by entry from the window itself. An entry
gets the probability of all tables that have its value,

    P(q_f = v) = sum over origins o and tables t with t_f = v of exp S(o, t)  /  sum over all o, t of exp S(o, t)

so that an entry without evidence of its own is told by the rest of the table, and one on which likely tables differ is
not told. This is given that there was an earlier compression. The map reads the same in a window around every place; it
rests on bare evidence without the network, and its probabilities are not calibrated. More in docs/engine.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress, part
from jpegtrace.analyses._evidence import EARLIER, PAST_WEIGHTS, grid_name, lattice_plots, on_grid
from jpegtrace.analyses._past import (
    DOUBLE_FROM,
    DRAWN_BLOCKS,
    ONE_GRID_FROM,
    Past,
    blocks_in,
    cannot_tell,
    history_of,
    lost_places,
    no_map,
    past_of,
)
from jpegtrace.analyses._pixels import FEW_COLOURS
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Claim, Json, Map, Matrix, Outcome, Plot, Status, Topic
from jpegtrace.lattice import Alternative, Entries, alternatives, read_entries
from jpegtrace.lattice.candidates import FREE_NAME
from jpegtrace.lattice.tables_map import map_tables
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG

NAMED_FROM = 0.5  # probability of the likeliest table from which it is named in the verdict
SEARCH = 0.8  # of the work of a map, about
# What every map says of itself.
GRID_NAMES = tuple(grid_name(row, col) for row in range(8) for col in range(8))
LOOK_FOR = "A compact part that differs from all that surrounds it."
NOT_CONCLUDE = "That single places differ: in small windows a step is told wrongly now and then."


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
        Map("first quality", found.quality, cell, "QF", look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),
        Map("earlier compression", found.double, cell, "probability", look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),
        Map("first grid", found.origin, cell, "", GRID_NAMES, LOOK_FOR, NOT_CONCLUDE),
        *(
            Map(f"entry {f + 1}", steps, cell, "step", look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE)
            for f, steps in enumerate(found.entries)
        ),
    )


@analysis(
    "primary-table",
    version=5,
    place=210,
    title="The first quantization table",
    question="With which luminance table was the picture compressed the first time?",
    parameters=Params,
    cannot_show=(
        "entries that divide those of the last table on the same grid, but through the rest of the table",
        "chrominance tables",
        "that brightness or contrast were changed between the saves: it scales the steps that are told",
        "another history of other parts: it looks at the window that says most",
        DRAWN_BLOCKS,
        FEW_COLOURS,
    ),
    reference="Tondi et al. 2021; docs/engine.md",
    false_alarm_rate=0.0,
    map=map_primary_table,
    weights=PAST_WEIGHTS,
)
def primary_table(picture: Picture, params: Params) -> Outcome:
    """Marginals of all entries in the window of the picture that says most."""
    past = past_of(picture)
    if isinstance(past, str):
        return cannot_tell(past)
    if past.by_lattice < params.double_from:
        only_histograms = past.by_histograms >= ONE_GRID_FROM
        why = (
            "an earlier compression on the same grid shows in histograms, which do not tell its table"
            if only_histograms
            else "the picture may have been compressed only once"
        )
        double = None if past.doubted(params.double_from) else round(past.double, 4)
        told_double: dict[str, Json] = {"probability_double": double}
        return Outcome(Status.INCONCLUSIVE, f"No first table to tell: {why}.", told_double)
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
        "probability_double": round(past.double, 4),
        "window": list(past.window),
    }
    if not told.any():
        no_entry = "It was compressed before, but no entry can be told."
        return Outcome(Status.INCONCLUSIVE, no_entry, values, matrices=(_matrix(read, told),))
    return Outcome(
        Status.OK,
        f"Nearest to {best.name}; {int(told.sum())} of 64 entries told.",
        values,
        probability=round(best.probability, 4),
        plots=_plots(picture, past, read, told, best),
        matrices=(_matrix(read, told),),
        claims=_claims(best),
        probability_of=f"that {best.name} is the nearest",
    )


def _matrix(read: Entries, told: NDArray[np.bool_]) -> Matrix:
    order = np.argsort(ZIGZAG)
    return Matrix(
        "first quantization table",
        np.where(told, read.value, np.nan)[order].astype(np.float32).reshape(8, 8),
        "step",
        read.probability[order].astype(np.float32).reshape(8, 8),
        "probability of the entry",
        row_label="vertical frequency",
        column_label="horizontal frequency",
        look_for="Dark cells, whose steps are sure; the percentage is the probability of the step above it. A dash is "
        "an entry that is not told, with the probability of the likeliest step.",
        not_conclude="That faint cells are wrong or were tampered with: high frequencies hold too few coefficients to "
        "tell their steps.",
    )


def _plots(picture: Picture, past: Past, read: Entries, told: NDArray[np.bool_], best: Alternative) -> tuple[Plot, ...]:
    """The lattice itself, at the frequency where it shows most."""
    blocks, table = blocks_in(picture, past)
    steps = np.where(told, read.value, 0)[np.argsort(ZIGZAG)].reshape(8, 8)
    return lattice_plots(
        on_grid(blocks, table, best.origin),
        steps,
        table if best.origin == (0, 0) else None,
        whose="the first compression",
        not_conclude="That peaks away from the marks disprove it: the last compression moved every value, and where "
        "both lie on one grid the bars stand on its own multiples.",
    )


def _plainly(best: Alternative) -> str:
    return f"the standard one of quality {best.quality}" if best.quality else f"that of {best.name}"


def _claims(best: Alternative) -> tuple[Claim, ...]:
    """Which table it was, where that is likelier than not."""
    if best.probability < NAMED_FROM:
        return ()
    which = "in no family of known tables" if best.name == FREE_NAME else f"nearest to {_plainly(best)}"
    claim = Claim(
        Topic.HISTORY,
        f"The compression before the last used a table {which}.",
        round(best.probability, 4),
        not_mean="That the program or camera of that name saved it: many share a table, and it may be another near it.",
        facts={EARLIER: "yes"},
    )
    return (claim,)
