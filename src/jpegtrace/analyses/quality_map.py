"""Was the picture, or a part of it, ever JPEG: from its pixels alone.

Answers the question of K. Uchida, M. Tanaka, M. Okutomi, "Pixelwise JPEG compression detection and quality factor
estimation based on convolutional neural network", 2019, by lattice evidence on all 64 grids.

After decompression the DCT coefficients of luma, on the grid of the compression, are multiples of their steps again,
but for the rounding to pixels. Its variance V is 0.09 for grey pictures and 0.12 for colour, and piles up in blocks of
few grey levels. So for every grid, frequency and step q

    LLR(q) = ln sum_k P_k(b, q) N(D; k q, V)  -  ln p0(D; b, V)

weighs "multiple of q" against a Laplacian that was never quantized. A picture that fits a lattice by its own nature
fits it on every grid; what counts is how far the best of the 64 grids stands out among those that share neither row nor
column with it. A logistic regression makes a probability of that. Beside it stands a bound that needs no training: if
phases were uniform, n coefficients that do not round to 0 would have s = sum of 2 |D/q - round(D/q)| near n/2, and

    P(sum <= s) <= min( s^n / n!, exp(-2 (n/2 - s)^2 / n) )

That bound, times the number of grids and tables that were compared, is the number of false alarms to expect; in larger
pictures it must be below one in a thousand. Flat and clipped places are left out instead of guessed. More in
docs/pixels.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress, part
from jpegtrace.analyses._evidence import (
    EVER_JPEG,
    GOOD_FAITH,
    NO_PROBABILITY,
    PARTS,
    grid_name,
    grids_matrix,
    lattice_plots,
)
from jpegtrace.analyses._past import no_map
from jpegtrace.analyses._pixels import (
    FEW_COLOURS,
    MOST_TILES,
    NEVER_BELOW,
    luma_pixels_of,
    pixel_history_of,
    pixel_map_of,
)
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Claim, Comparison, Json, Level, Map, Matrix, Outcome, Plot, Remark, Status, Topic
from jpegtrace.picture import Picture
from jpegtrace.pixels.dense import coefficients_of
from jpegtrace.pixels.history import PixelHistory, PixelSource, spread
from jpegtrace.pixels.hypotheses import TURNED
from jpegtrace.pixels.noise import CONSTANT
from jpegtrace.pixels.parts import parts_of
from jpegtrace.tables import ZIGZAG

SEARCH = 0.5  # of the work of a map, about
TILES_OF_JPEG = 32
SMALLEST_PART = 0.01  # of the places that tell anything
TILES_DRAWN = 48  # whose coefficients are in the plot
PARTS_MAP = "parts"
# What every map says of itself.
LOOK_FOR = "A compact part that differs from all that surrounds it."
NOT_CONCLUDE = "That striped places are suspicious: what is flat or clipped tells nothing."


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `quality-map`.

    Attributes:
        never_below: probability below which it says "never JPEG"; in between it cannot tell.
        most_tiles: of 64 pixels that are looked at on all grids.
        stride: pixels between two values of the maps in a report; 0 leaves the maps and parts out.
    """

    never_below: float = NEVER_BELOW
    most_tiles: int = MOST_TILES
    stride: int = 16


def map_quality(picture: Picture, params: Params, stride: int, progress: Progress | None) -> tuple[Map, ...]:
    """Maps of the quality, the probability that there was a compression, and the parts with their histories."""
    history = pixel_history_of(picture, params.most_tiles, part(progress, 0, SEARCH))
    if isinstance(history, str):
        raise no_map(history, picture)
    found = pixel_map_of(picture, history, stride, part(progress, SEARCH, 1))
    if progress:
        progress(1)
    if not history.sources:
        shape = found.quality.shape
        never = np.full(shape, np.nan if history.probability is None else history.probability, np.float32)
        return (Map("ever JPEG", never, (stride, stride), "probability", look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),)
    parts = parts_of(found, history, stride)
    cell = (stride, stride)
    return (
        Map("quality", found.quality, cell, "QF", look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),
        Map("ever JPEG", found.compressed, cell, "probability", look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),
        Map(PARTS_MAP, parts.labels, cell, labels=parts.names, look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),
    )


@analysis(
    "quality-map",
    version=3,
    place=190,
    title="Ever a JPEG",
    question="Was the picture, or a part of it, ever JPEG-compressed: with which quality, on which grid?",
    parameters=Params,
    cannot_show=(
        "a compression before the picture was resized, turned by any other angle than 90 degrees, or filtered",
        "a compression under the traces of lossy WebP, HEIC or video",
        FEW_COLOURS,
        "crops at the right or below, and how many times 8 rows or columns were cut off",
        "anything in flat or clipped areas",
        "who compressed it, or why: many honest workflows pass through JPEG",
    ),
    reference="Uchida et al. 2019; docs/pixels.md",
    false_alarm_rate=0.01,
    map=map_quality,
)
def quality_map(picture: Picture, params: Params) -> Outcome:
    """Look at the pixels on all grids, and read the table on the one that stands out."""
    # All of a JPEG was compressed with the table that stands in the file: a look is enough, and there are no parts.
    own = picture.jpeg is not None
    history = pixel_history_of(picture, min(params.most_tiles, TILES_OF_JPEG) if own else params.most_tiles)
    if isinstance(history, str):
        return Outcome(Status.INCONCLUSIVE, f"Cannot tell: {history}.")
    if history.probability is None:
        return Outcome(Status.INCONCLUSIVE, "Cannot tell: too much of the picture is flat, clipped, or too small.")
    grids = (_grids(history),)
    values: dict[str, Json] = {
        "ever_jpeg": None,
        "probability_jpeg": round(history.probability, 4),
        "quality": None,
        "quality_of": None,
        "quality_probability": None,
        "grid_origin": None,
        "table": None,
        "entries_told": 0,
        "nearest": None,
        "processed": None,
        "nfa_log10": None,
        "tiles": len(history.tiles),
        "parts": [],
    }
    if not history.sources:
        if history.probability >= params.never_below:
            return Outcome(Status.INCONCLUSIVE, "Cannot tell whether it was ever JPEG.", values, matrices=grids)
        return Outcome(
            Status.OK,
            "No trace of a JPEG compression in the pixels.",
            values | {"ever_jpeg": False},
            probability=round(1 - history.probability, 4),
            matrices=grids,
            claims=(_never(1 - history.probability),),
            probability_of="that it was never JPEG, or left no trace",
        )
    source = history.sources[0]
    values |= {
        "ever_jpeg": True,
        "quality": source.quality,
        "quality_of": "the table itself" if source.standard else "the nearest standard table, which it is not",
        "quality_probability": round(source.quality_probability, 4) if source.standard else None,
        "grid_origin": list(source.origin),
        "table": _entries(source),
        "entries_told": int(source.told.sum()),
        "nearest": source.name,
        "processed": source.processed,
        "nfa_log10": round(source.false_alarms, 1),
    }
    maps: tuple[Map, ...] = ()
    listed: list[tuple[str, float, list[int]]] = []
    if params.stride and not own:
        found = pixel_map_of(picture, history, params.stride)
        parts = parts_of(found, history, params.stride)
        listed = parts.listed(SMALLEST_PART, params.stride, (picture.height, picture.width))
        cell = (params.stride, params.stride)
        maps = (
            Map("quality", found.quality, cell, "QF", look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),
            Map(PARTS_MAP, parts.labels, cell, labels=parts.names, look_for=LOOK_FOR, not_conclude=NOT_CONCLUDE),
        )
    values["parts"] = [{"history": name, "share": round(share, 4), "box": list(box)} for name, share, box in listed]
    return Outcome(
        Status.OK,
        _sentence(source, several=len(listed) > 1),
        values,
        probability=round(source.probability, 4),
        remarks=tuple(_remarks(source, listed)),
        maps=maps,
        plots=_plots(picture, history, source),
        matrices=grids,
        comparisons=(_side_by_side(listed),) if len(listed) > 1 else (),
        # That a JPEG file was JPEG is no news.
        claims=() if own else tuple(_claims(source, listed)),
        probability_of="that it was JPEG",
    )


def _grids(history: PixelHistory) -> Matrix:
    return grids_matrix(
        "evidence for each of the 64 grids",
        np.full(64, np.nan) if history.evidence is None else history.evidence,
        "log-likelihood ratio in nats",
        history.sources[0].origin if history.sources else None,
        corner_means="the corner of the picture",
        not_conclude="That the highest cell is a find by itself: one of 64 is always the highest. Only the distance to "
        "the others counts.",
    )


def _plots(picture: Picture, history: PixelHistory, source: PixelSource) -> tuple[Plot, ...]:
    """The lattice of the compression, at the frequency where it shows most."""
    luma = luma_pixels_of(picture)
    assert not isinstance(luma, str)  # noqa: S101 - it has a history
    row, col = source.origin
    coefficients, kinds = coefficients_of(luma, spread(history.tiles, TILES_DRAWN), 8 * row + col)
    order = np.argsort(ZIGZAG)
    return lattice_plots(
        coefficients[kinds > CONSTANT][:, order].reshape(-1, 8, 8),
        np.where(source.told, source.table, 0)[order].reshape(8, 8),
        None,
        whose="the JPEG",
        not_conclude="That the picture was compressed only once, or that all of it was: this shows what is common to "
        "most of it.",
    )


def _never(probability: float) -> Claim:
    return Claim(
        Topic.NOTHING,
        "No trace of a JPEG compression was found in the pixels.",
        round(probability, 4),
        not_mean="That it was never JPEG: resizing, filters and other codecs wipe the trace out.",
        facts={EVER_JPEG: "no"},
    )


def _claims(source: PixelSource, parts: list[tuple[str, float, list[int]]]) -> Iterator[Claim]:
    if len(parts) > 1:
        yield Claim(
            Topic.EDIT,
            "Parts of the picture have different JPEG histories.",
            grounds=NO_PROBABILITY,
            not_mean=GOOD_FAITH,
            facts={PARTS: "yes"},
        )
    what = "A part of it was" if len(parts) > 1 else "Its pixels were"
    moved = f" and {'moved' if len(parts) > 1 else 'cropped or moved'} afterwards" if source.origin != (0, 0) else ""
    touched = "; it was lightly processed after that" if source.processed else ""
    yield Claim(
        Topic.HISTORY,
        f"{what} saved as JPEG with {_table(source)}{moved}{touched}.",
        round(source.probability, 4),
        not_mean="That somebody hid this: converting a JPEG to another format is ordinary.",
        facts={EVER_JPEG: "yes"},
    )


def _side_by_side(parts: list[tuple[str, float, list[int]]]) -> Comparison:
    return Comparison(
        "histories of the parts",
        tuple(name for name, _, _ in parts),
        (
            ("share of what can be told", tuple(f"{share:.1%}" for _, share, _ in parts)),
            ("begins at", tuple(grid_name(box[1], box[0]) for _, _, box in parts)),
            ("within", tuple(f"{box[2]} x {box[3]} pixels" for _, _, box in parts)),
        ),
        map=PARTS_MAP,
        look_for="Whether the parts differ in quality, in grid, or in both: another grid means that a part was moved "
        "against the rest.",
        not_conclude="Which of them is the original, or why they were joined.",
    )


def _entries(source: PixelSource) -> list[Json]:
    """Rows of the table; None where the pixels do not tell the entry."""
    order = np.argsort(ZIGZAG)
    table: NDArray[np.uint16] = source.table[order]
    return [int(v) if told else None for v, told in zip(table, source.told[order], strict=True)]


def _sentence(source: PixelSource, *, several: bool) -> str:
    row, col = source.origin
    where = "its grid begins at " + ("the corner" if row == col == 0 else grid_name(row, col))
    what = "Parts of the pixels were" if several else "The pixels were"
    return f"{what} JPEG-compressed with {_table(source)}; {where}."


def _table(source: PixelSource) -> str:
    if source.standard:
        return f"quality {source.quality}"
    return f"a table {source.name}" if source.name.startswith("near ") else f"the table of {source.name}"


def _remarks(source: PixelSource, parts: list[tuple[str, float, list[int]]]) -> list[Remark]:
    remarks = []
    row, col = source.origin
    if row or col:
        cut = f"rows cut off above: {-row % 8}, columns on the left: {-col % 8}, or any multiple of 8 more"
        what = "that part" if len(parts) > 1 else "the picture"
        remarks.append(Remark(Level.INFO, f"{what} was cropped or moved after that compression", cut))
    if source.name.endswith(TURNED):
        remarks.append(Remark(Level.INFO, "it was turned by 90 degrees after that compression", source.name))
    if source.processed:
        noise = f"noise of variance {source.variance:.2f} on the lattice"
        remarks.append(Remark(Level.INFO, "it was processed after decompression, lightly", noise))
    if len(parts) > 1:
        told = "; ".join(f"{share:.0%} {name}" for name, share, _ in parts)
        remarks.append(Remark(Level.NOTICE, "parts of the picture have different histories", told))
    return remarks
