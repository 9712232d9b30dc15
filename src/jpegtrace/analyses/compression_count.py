"""Compressed once or twice, and on which grid before.

After a compression every DCT coefficient on its grid is a multiple of its step, and whatever comes after adds noise of
a known kind: a later compression a rounding whose strength its own table tells, carried over to the grid that is asked
about. So for a grid origin o, a table and a coefficient D of step q, with noise variance V and a Laplacian of scale b,

    LLR(q) = ln sum_k P_k(b, q) N(D; k q, V)  -  ln p0(D; b, V)

weighs "multiple of q" against "never quantized"; P_k is the mass of the Laplacian around k q, p0 its density with the
same noise. On the last grid itself the later rounding is known exactly. With q1 and q2 the steps of both compressions
and s^2 = 0.2 the rounding to pixels between them, a stored value m has

    P(m | q1) = sum_k P_k(b, q1) [ Phi(((m + 1/2) q2 - k q1) / s) - Phi(((m - 1/2) q2 - k q1) / s) ]

Evidence adds up over blocks and frequencies. A small network turns that of eight origins, of all tables, and of none
into scores S, in which both cases are equally likely beforehand:

    P(once) = exp S(none) / ( exp S(none) + sum over origins and tables of exp S(o, table) )

Where the first compression was the finer one and lay on the same grid, the histograms of stored values tell more than
the sum of their evidence: bins hold unequal numbers of multiples of the first step. A second network reads them (see
`jpegtrace.lattice.histograms`), and is heard where a table that files have explains what it sees: some cameras round in
ways of their own. What neither can see counts as once: a first quality so high that its steps drown in
the noise of the last compression, and the same table twice on the same grid. More in docs/engine.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.analyses._evidence import EARLIER, PAST_WEIGHTS, grids_matrix, shifted_grid
from jpegtrace.analyses._past import DOUBLE_FROM, DRAWN_BLOCKS, ONE_GRID_FROM, cannot_tell, past_of
from jpegtrace.analyses._pixels import FEW_COLOURS
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Claim, Json, Level, Matrix, Outcome, Remark, Status, Topic
from jpegtrace.lattice import origin_probabilities
from jpegtrace.picture import Picture

UNEVEN = (
    "Cannot tell whether it was compressed before: its stored values are uneven, but no table that files have explains "
    "how; some cameras round like that."
)
GRID_SURE = 0.5  # probability from which its grid is told without a word of doubt


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `compression-count`.

    Attributes:
        double_from: probability by the lattice from which it says "twice".
        one_grid_from: probability by the histograms from which it says "twice", too.
        single_below: probability of "twice" by both below which it says "once"; in between it cannot tell.
    """

    double_from: float = DOUBLE_FROM
    one_grid_from: float = ONE_GRID_FROM
    single_below: float = 0.2


@analysis(
    "compression-count",
    version=6,
    place=200,
    title="Compressed how often",
    question="Was the picture compressed once or twice, and on which grid before?",
    parameters=Params,
    cannot_show=(
        "an earlier compression whose steps are small against those of the last one",
        "the same table twice on the same grid",
        "a finer first table on the same grid that is in no survey of files: it abstains",
        "more than two compressions",
        "another history of other parts: it looks at the window that says most",
        DRAWN_BLOCKS,
        FEW_COLOURS,
    ),
    reference="docs/engine.md; protocol of Tondi et al., IEEE TIFS 2021",
    false_alarm_rate=0.0,
    weights=PAST_WEIGHTS,
)
def compression_count(picture: Picture, params: Params) -> Outcome:
    """Weigh "once" against "twice" in the window of the picture that says most."""
    past = past_of(picture)
    if isinstance(past, str):
        return cannot_tell(past)
    by_lattice, histograms, doubted = past.by_lattice, past.one_grid, past.doubted(params.double_from)
    grid = origin_probabilities(past.found)
    row, col = divmod(int(grid.argmax()), 8)
    sure = float(grid[row, col])
    values: dict[str, Json] = {
        "count": None,
        "probability_double": None if doubted else round(past.double, 4),
        "probability_by_lattice": round(by_lattice, 4),
        "probability_by_histograms": None if histograms is None else round(histograms.probability, 4),
        "histograms_doubted": None if histograms is None else histograms.doubted,
        "grid_origin": None,
        "grid_origin_probability": None,
        "window": list(past.window),
    }
    if by_lattice < params.double_from:
        grids = _grids(by_lattice * grid, None)
        if doubted:
            return Outcome(Status.INCONCLUSIVE, UNEVEN, values, matrices=(grids,))
        if past.by_histograms < params.one_grid_from:
            return _not_twice(past.double, values, params, grids)
        row, col, sure = 0, 0, past.by_histograms
    where = f"on {'a ' * (row + col > 0)}{shifted_grid(row, col)}"
    remarks = () if sure >= GRID_SURE else (Remark(Level.INFO, "the grid of the first compression is uncertain"),)
    return Outcome(
        Status.OK,
        f"Compressed at least twice, before that {where}.",
        values | {"count": 2, "grid_origin": [row, col], "grid_origin_probability": round(sure, 4)},
        probability=round(past.double, 4),
        remarks=remarks,
        matrices=(_grids(by_lattice * grid, (row, col)),) if by_lattice >= params.double_from else (),
        claims=(_twice(past.double, (row, col) if sure >= GRID_SURE else None),),
        probability_of="that it was compressed before",
    )


def _not_twice(double: float, values: dict[str, Json], params: Params, grids: Matrix) -> Outcome:
    if double >= params.single_below:
        told = "Cannot tell whether it was compressed before."
        return Outcome(Status.INCONCLUSIVE, told, values, matrices=(grids,))
    return Outcome(
        Status.OK,
        "No trace of an earlier compression in the window that says most.",
        values | {"count": 1},
        probability=round(1 - double, 4),
        claims=(_once(1 - double),),
        probability_of="that no earlier compression left a trace",
    )


def _grids(probabilities: NDArray[np.float64], best: tuple[int, int] | None) -> Matrix:
    return grids_matrix(
        "probability of an earlier compression on each of the 64 grids",
        probabilities,
        "probability",
        best,
        corner_means="the grid of the last compression",
        not_conclude="That the other grids were ruled out one by one: the eight most promising are asked about every "
        "table, the rest stand at 0.",
    )


def _once(probability: float) -> Claim:
    return Claim(
        Topic.NOTHING,
        "No trace of an earlier JPEG compression was found where the picture says most.",
        round(probability, 4),
        not_mean="That it was saved only once: a finer or an equal compression before the last one leaves no trace.",
        facts={EARLIER: "no"},
    )


def _twice(probability: float, grid: tuple[int, int] | None) -> Claim:
    moved = ", and was cropped or moved in between" if grid is not None and grid != (0, 0) else ""
    return Claim(
        Topic.HISTORY,
        f"The picture was saved as JPEG at least twice{moved}.",
        round(probability, 4),
        not_mean="That anything in it was altered: web pages, messengers and editors all save again.",
        facts={EARLIER: "yes"},
    )
