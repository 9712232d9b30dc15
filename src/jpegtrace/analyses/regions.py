"""Parts of a picture with different pasts.

A picture that was put together from others and saved as JPEG still carries the grids and tables of its sources. The
evidence that `compression-count` describes is asked everywhere; places whose pasts differ are told apart. Tondi et al.
2021 leave this as future work.

A past h is a grid origin and a table. With L(h, w) the sum of its evidence over a window w, and 0 for "not compressed
before", sources are chosen one after the other, each the past that adds most to what those before it, E, explain:

    gain(h) = sum over windows w of max(0, a L(h, w) - E(w) - 2),    E(w) = max(0, max over chosen g of a L(g, w))

The factor a = 0.15 tempers evidence of coefficients that are not independent. A source counts when it gains at least 12
nats and the network of `compression-count` confirms it in a window of its own. Every place then goes to the source with
the largest share

    P(h at x) = exp a L(h, w) / ( 1 + sum over sources g of exp a L(g, w) )

in the smallest window w around x, 24 to 160 pixels, that is sure of one. In a picture that was compressed three times
traces of the first compression fade in places, which looks like parts; so they are claimed only where the mean of L for
the coarser past is at most -0.7 times what it is where that past holds, or where the finer one does not show in both;
of a part that no past fits, where the mean of L for the past of the rest is at most -2.5, and where values of the rest
are still multiples of its first steps: a curve or a filter over the whole picture spares smooth areas, and the others
look like a part. In an even sky zeros fit any coarse table on any grid: a past is not told in a part where fewer than a
fifth of the blocks hold anything but DC in steps of its table. Where red, green or blue are cut off at black or white,
the lattice of luma is broken, and that no past fits says nothing of a piece that is mostly made of such blocks. And
parts are claimed only where the network finds the grid of one of them in the window that says most inside it; one past
of the whole picture only where `compression-count` would say so of that window. More in docs/engine.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.analyses._evidence import EARLIER, GOOD_FAITH, NO_PROBABILITY, PARTS, grid_name, shifted_grid
from jpegtrace.analyses._past import (
    COPIES,
    DOUBLE_FROM,
    DRAWN_BLOCKS,
    QUIET,
    SEVERAL_JPEGS,
    blocks_of,
    cannot_tell,
    history_of,
    last_compression_of,
    no_map,
    past_within,
    sources_of,
    telling_window,
    whole,
)
from jpegtrace.analyses._pixels import FEW_COLOURS
from jpegtrace.analyses._registry import analysis
from jpegtrace.findings import Claim, Comparison, Json, Level, Map, Outcome, Remark, Status, Topic
from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.history import likeliest
from jpegtrace.lattice.hypotheses import ENTRIES
from jpegtrace.lattice.multiples import kept
from jpegtrace.lattice.regions import CELL, OTHER, UNKNOWN, Segmentation, faded
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG

ANOTHER = "another past, or none"
# Probability of an earlier compression in the window that says most inside a part, from which parts are claimed. Of
# training pictures saved once, whose parts are none, .55 and less; nine tenths of true parts have over .999.
CONFIRMED = 0.9
THROUGHOUT = 0.9  # share of the picture that tells from which "throughout" is said
SOURCES = "source"  # the map of parts
# How far DC and other values of an untouched part are multiples of its first steps (`jpegtrace.lattice.multiples`), on
# the grid of the last compression and elsewhere: between what training pictures have that were altered as a whole
# between two saves, and what is left of spliced ones.
UNALTERED, UNALTERED_SHIFTED = (0.25, 0.8), (0.4, 0.72)
COARSER = 1.25  # mean step over that of the last table from which a past shows throughout
SEVERAL = "Parts of its pixels come from different JPEG files."


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
        "certainty",
        _known(found, found.probability),
        (stride, stride),
        "probability",
        look_for="How sure the part is at every place.",
        not_conclude="That low values between two parts are a third one: near borders no window is pure.",
    )


@analysis(
    "regions",
    version=5,
    place=220,
    title="Parts with different pasts",
    question="Do parts of the picture come from different JPEG files?",
    parameters=Params,
    cannot_show=(
        "parts whose earlier compression left no trace, or the same one on the same grid",
        "what happened to a part that none of the pasts found explains: another past, or none at all",
        "parts much smaller than 64 pixels a side, and in large pictures small parts where no window was searched",
        "a past that lies in smooth areas only, as a sky, or in colours that decoders cut off: it abstains there",
        "parts where all that shows is a finer or equal compression on the grid of the last one: it shows in places",
        "parts of a picture that was altered as a whole between two saves: curves, filters and noise spare smooth "
        "areas, so that the rest looks like another part; it abstains, but may not always notice",
        DRAWN_BLOCKS,
        "which part was there first: the largest is only called the first",
        "more than two compressions: an earlier generation that shows in one part only looks like a part",
        "why parts differ: collages, screenshots and pasted logos are put together in good faith",
        FEW_COLOURS,
    ),
    reference="future work of Tondi et al. 2021; docs/engine.md",
    false_alarm_rate=0.0,
    map=map_regions,
    weights=("combiner",),
)
def regions(picture: Picture, params: Params) -> Outcome:
    """Divide the picture by its pasts and describe each part."""
    if telling_window(picture) == COPIES:
        return cannot_tell(COPIES)
    history = history_of(picture, params.most_windows)
    if history == SEVERAL_JPEGS:
        several = Claim(Topic.EDIT, SEVERAL, grounds=NO_PROBABILITY, not_mean=GOOD_FAITH, facts={PARTS: "yes"})
        return Outcome(Status.OK, f"{SEVERAL_JPEGS[0].upper()}{SEVERAL_JPEGS[1:]}.", claims=(several,))
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
            "Cannot tell parts apart: no earlier compression was found whose grid and table show.",
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
    if len(parts) == 1 and parts[0].double < DOUBLE_FROM:
        return Outcome(
            Status.INCONCLUSIVE,
            f"Cannot tell: {parts[0].name} seems to show, but no window confirms it.",
            values,
            maps=maps,
        )
    if len(parts) == 1:
        tells = 1 - float((found.labels == UNKNOWN).mean())
        extent, where, clipped = "throughout", "in the picture", "and "
        if not whole(picture):
            extent, where = "in the part of the picture that could be read", "in what could be read"
        elif tells < THROUGHOUT:
            extent = f"in all that tells anything, {tells:.0%} of the picture"
            where, clipped = f"in the {tells:.0%} of the picture that tell anything", "clipped colours and "
        one = Claim(
            Topic.NOTHING,
            f"No part with another past was found {where}.",
            grounds=NO_PROBABILITY,
            not_mean=f"That nothing was put in: small parts, flat parts, {clipped}equal pasts do not show.",
            facts={PARTS: "no", EARLIER: "yes"},
        )
        return Outcome(Status.OK, f"One past {extent}: {parts[0].name}.", values, maps=maps, claims=(one,))
    largest = max(parts, key=lambda part: part.share)
    others = {label for label, part in zip(present, parts, strict=True) if part is not largest}
    pasts = [found.pasts[k - 1] for k in present if k != OTHER]
    one_grid = len({past.origin for past in pasts}) == 1
    doubt = None
    if others <= set(faded(found, history.sums)) or _only_finer(picture, pasts):
        doubt = "differ, as where traces of one earlier compression are lost in places"
    elif OTHER in present and one_grid and _altered(picture, found, parts, present):
        doubt = "differ, as where the picture was altered between two saves"
    elif OTHER not in present and one_grid:
        doubt = "lie on one grid, as where brightness or colours were changed between two saves"
    elif all(part.double < CONFIRMED for part in parts):
        doubt = "seem to differ, but no window inside one of them confirms its past"
    if doubt:
        return Outcome(
            Status.INCONCLUSIVE,
            f"Cannot tell: {len(parts)} parts {doubt}.",
            values,
            remarks=tuple(Remark(Level.INFO, part.sentence) for part in parts),
            maps=maps,
        )
    told = sum(k != OTHER for k in present)
    what = (
        "parts of the picture were compressed differently before they came together"
        if told > 1
        else "a part of the picture does not show the past of the rest"
    )
    remarks = Remark(Level.NOTICE, what), *(Remark(Level.INFO, part.sentence) for part in parts)
    if not whole(picture):
        remarks = (*remarks, Remark(Level.INFO, "only the part of the picture that could be read was looked at"))
    smallest = min(parts, key=lambda part: part.share)
    differ = Claim(
        Topic.EDIT,
        f"{what[0].upper()}{what[1:]}{f' ({smallest.place})' if len(parts) == 2 else ''}.",
        grounds=NO_PROBABILITY,
        not_mean=GOOD_FAITH,
        facts={PARTS: "yes", EARLIER: "yes"},
    )
    return Outcome(
        Status.OK,
        f"{len(parts)} parts with different pasts.",
        values,
        remarks=remarks,
        maps=maps,
        comparisons=(_side_by_side(parts),),
        claims=(differ,),
    )


def _only_finer(picture: Picture, pasts: Sequence[Hypothesis]) -> bool:
    """Whether only compressions on the grid of the last one and hardly coarser were found, which show in places."""
    last = last_compression_of(picture)
    if isinstance(last, str):
        return False
    steps = last.table.ravel()[ZIGZAG[:ENTRIES]].mean()
    return all(past.origin == (0, 0) and past.table[:ENTRIES].mean() < COARSER * steps for past in pasts)


def _altered(picture: Picture, found: Segmentation, parts: Sequence[_Part], present: Sequence[int]) -> bool:
    """Whether the past of the largest part that has one holds so loosely that what none fits may have had it, too.

    A curve, a filter or noise spares smooth areas, where the past still fits, but leaves no values on the multiples of
    the first steps.
    """
    source, past = next((k, part.past) for k, part in zip(present, parts, strict=True) if part.past)
    last = last_compression_of(picture)
    assert not isinstance(last, str)  # noqa: S101 - it has parts
    inside = blocks_of(picture, found.labels == source, CELL)
    on_the_grid = past.origin == (0, 0)
    values = kept(last.blocks, last.table, past, inside & last.clear)
    bounds = UNALTERED if on_the_grid else UNALTERED_SHIFTED
    if any(value is not None and value < bound for value, bound in zip(values, bounds, strict=True)):
        return True
    # On the grid of the last compression steps that are too near to its own to tell show in places anyway.
    return values.ac is None and on_the_grid


@dataclass(frozen=True, slots=True)
class _Part:
    """One part.

    Attributes:
        name: in maps.
        place: where it is, in words.
        share: of the picture.
        box: left, top, width and height.
        past: as the window that says most inside it has it, or those that found it; None where it has none.
        values: everything known.
        double: probability of an earlier compression on this grid, in the window that says most inside it.
    """

    name: str
    place: str
    share: float
    box: tuple[int, int, int, int]
    past: Hypothesis | None
    values: dict[str, Json]
    double: float = 0.0

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.place}"


def _describe(picture: Picture, found: Segmentation, source: int, stride: int) -> _Part:
    """One part: where it is, how large, and what happened to it."""
    inside = found.labels == source
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top = int(cols[0]) * stride, int(rows[0]) * stride
    width = min(int(cols[-1] + 1) * stride, picture.width) - left
    height = min(int(rows[-1] + 1) * stride, picture.height) - top
    share = float(inside.mean())
    where = f"{share:.1%} of the picture, within {width} x {height} pixels from {grid_name(top, left)}"
    box = left, top, width, height
    values: dict[str, Json] = {
        "share": round(share, 4),
        "box": list(box),
        "probability": round(float(found.probability[inside].mean()), 4),
        "first_table": None,
        "quality": None,
        "grid_origin": None,
    }
    if source == OTHER:
        return _Part(ANOTHER, where, share, box, None, values)
    past = found.pasts[source - 1]
    table, quality = past.name, past.quality
    read = past_within(picture, blocks_of(picture, inside, stride))
    best = None if read is None else likeliest(read.found)
    # The largest window inside the part says more than the small ones that found it, unless it strays to another grid.
    double = 0.0
    if read is not None and best is not None and best.origin == past.origin:
        past, double = best, read.by_lattice
        if read.activity >= QUIET:
            table, quality = best.name, best.quality
            values["window"] = list(read.window)
    values |= {"first_table": table, "quality": quality or None, "grid_origin": list(past.origin)}
    return _Part(f"{table}, {shifted_grid(*past.origin)}", where, share, box, past, values, double)


def _side_by_side(parts: Sequence[_Part]) -> Comparison:
    """The histories of all parts, in the order of the map."""

    def told(name: str, unknown: str) -> tuple[str, ...]:
        return tuple(unknown if part.values[name] is None else str(part.values[name]) for part in parts)

    return Comparison(
        "histories of the parts",
        tuple(part.name for part in parts),
        (
            ("share of the picture", tuple(f"{part.share:.1%}" for part in parts)),
            ("begins at", tuple(grid_name(part.box[1], part.box[0]) for part in parts)),
            ("within", tuple(f"{part.box[2]} x {part.box[3]} pixels" for part in parts)),
            ("table before the last", told("first_table", "no past found")),
            ("nearest quality", told("quality", "not told")),
            (
                "grid before the last",
                tuple("no past found" if part.past is None else grid_name(*part.past.origin) for part in parts),
            ),
        ),
        map=SOURCES,
        look_for="In which line the parts differ: another grid or another table means another JPEG before they came "
        "together.",
        not_conclude="Which of them is the original, or why they were joined; collages and pasted logos look so, too.",
    )


def _present(found: Segmentation) -> list[int]:
    """Sources that occur, the largest first."""
    areas = np.bincount(found.labels[found.labels != UNKNOWN], minlength=len(found.pasts) + 1)
    return [int(k) for k in np.argsort(-areas, kind="stable") if areas[k]]


def _label_map(found: Segmentation, parts: Sequence[_Part], stride: int) -> Map:
    present = _present(found)
    rank = np.zeros(len(found.pasts) + 1, np.int8)
    rank[present] = np.arange(len(present))
    names = tuple(part.name for part in parts)
    return Map(
        SOURCES,
        _known(found, rank[found.labels]),
        (stride, stride),
        labels=names,
        look_for="Whether the border of a part follows a thing in the picture.",
        not_conclude="That the border is exact: it is told from windows of 24 pixels and more, and flat or clipped "
        "places tell nothing.",
    )


def _known(found: Segmentation, values: NDArray[np.int8] | NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(found.labels == UNKNOWN, np.nan, values).astype(np.float32)
