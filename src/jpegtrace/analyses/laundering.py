"""Was a JPEG history hidden on purpose: dithered coefficients, medians against blocks, total variation.

A picture whose history was hidden mostly looks neither untouched nor like JPEG (Lai and Böhme 2011; Valenzise et al.
2013; Fan et al. 2014 on trained detectors). Each attack repairs what a detector looks at and leaves something else:
dither gives flat blocks the noise of busy ones, on one grid only; a median gives neighbours one value; total variation
likes straight ramps. Statistics s of every one of the 64 grids g are therefore compared with those of the others,

    strange(g) = mean over s of min( |s(g) - median of s over all grids| / (spread of s + 0.01), 30 )

and go, with patterns of neighbouring pixels that know no grid, into five small networks, trained against the published
attacks. A picture is flagged where their mean score is one that at most two in a thousand pieces of every honest kind
reach; no probability is claimed. All statistics are listed in docs/laundering.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.analyses._pixels import FEW_COLOURS, luma_pixels_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.analyses._threads import threads
from jpegtrace.findings import Claim, Json, Level, Outcome, Remark, Status, Topic
from jpegtrace.laundering.decision import CLEAN_BELOW, FLAGGED_FROM, choose, piece_of, pooled, scores_of
from jpegtrace.laundering.features import strangest_grid
from jpegtrace.laundering.layout import SMALLEST
from jpegtrace.picture import Picture
from jpegtrace.tables import ijg_table

GROUNDS = "a score, no probability; at most one untouched picture in a hundred is flagged"
LEAST_QUALITY = 95  # of a JPEG file; stronger compression covers what is looked for


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `laundering`.

    Attributes:
        flagged_from: score from which the picture is flagged.
        clean_below: score below which nothing is suspected; in between it cannot tell.
        most_pieces: of 256 pixels a side that are looked at.
    """

    flagged_from: float = FLAGGED_FROM
    clean_below: float = CLEAN_BELOW
    most_pieces: int = 6


@analysis(
    "laundering",
    version=4,
    place=195,
    title="History hidden",
    question="Do the pixels look as if a JPEG history had been hidden on purpose?",
    parameters=Params,
    cannot_show=(
        "intent: denoising, film grain, a camera's own processing or retouching can look similar",
        "methods that it was not taught, above all networks that restore pictures",
        "that nothing was hidden: what was resized or compressed below quality 95 afterwards is covered",
        "a part of the picture: the busiest pieces speak for all of it",
        FEW_COLOURS,
    ),
    reference="Stamm and Liu 2011, Fan et al. 2014 (the attacks); docs/laundering.md",
    false_alarm_rate=0.01,
    weights=("laundering",),
)
def laundering(picture: Picture, params: Params) -> Outcome:
    """Look at the busiest pieces, and take the mean of their scores."""
    luma = _seen(picture)
    if isinstance(luma, str):
        return Outcome(Status.INCONCLUSIVE, f"Cannot tell: {luma}.")
    boxes = choose(luma, params.most_pieces)
    if not boxes:
        return Outcome(Status.INCONCLUSIVE, "Cannot tell: the picture is flat or clipped.")
    pieces = [piece_of(luma, box) for box in boxes]
    scores = scores_of(pieces, threads())
    score = pooled(scores)
    flagged = score >= params.flagged_from
    values: dict[str, Json] = {
        "hidden": True if flagged else False if score < params.clean_below else None,
        "score": round(score, 3),
        "flagged_from": params.flagged_from,
        "grid_origin": None,
        "pieces": len(boxes),
        "pieces_flagged": int((scores >= params.flagged_from).sum()),
    }
    if not flagged:
        if values["hidden"] is None:
            return Outcome(Status.INCONCLUSIVE, "Cannot tell whether a JPEG history was hidden.", values)
        nothing = Claim(
            Topic.NOTHING,
            "No sign was found that a JPEG history was hidden on purpose.",
            grounds=GROUNDS,
            not_mean="That nothing was hidden: methods it was not taught, and later saves, leave it no sign.",
        )
        return Outcome(Status.OK, "No sign that a JPEG history was hidden.", values, claims=(nothing,))
    evidence = (
        f"score {score:.2f}, flagged from {params.flagged_from:g}; {values['pieces_flagged']} of {len(boxes)} pieces"
    )
    strongest = int(scores.argmax())
    grid = strangest_grid(pieces[strongest])
    if grid is not None:
        row, col = (grid[0] + boxes[strongest].top) % 8, (grid[1] + boxes[strongest].left) % 8
        values["grid_origin"] = [row, col]
        evidence += f"; the grid that stands out begins at row {row}, column {col}"
    remark = Remark(Level.NOTICE, "its noise is neither that of an untouched picture nor that of a JPEG", evidence)
    summary = "The pixels look as if a JPEG history had been hidden in them."
    hidden = Claim(
        Topic.EDIT,
        summary,
        grounds=GROUNDS,
        not_mean="That somebody meant to hide anything: denoising, film grain and a camera's own processing can look "
        "similar.",
    )
    return Outcome(Status.OK, summary, values, remarks=(remark,), claims=(hidden,))


def _seen(picture: Picture) -> NDArray[np.uint8] | str:
    """Luma in whole grey levels, or why it cannot be told from it."""
    if min(picture.height, picture.width) < SMALLEST:
        return f"the picture is smaller than {SMALLEST} pixels a side"
    if picture.jpeg is not None:
        table = picture.partial_coefficients.components[0].table
        if table is None or table.sum() > ijg_table(LEAST_QUALITY).sum():
            return f"the file was compressed below quality {LEAST_QUALITY}, which covers such traces"
    luma = luma_pixels_of(picture)
    if isinstance(luma, str):
        return luma
    return np.clip(np.rint(luma.values), 0, 255).astype(np.uint8)
