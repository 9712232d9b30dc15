"""What was done to a picture before its last compression: resized, blurred, median-filtered, noise added.

The question of MPeR-Net, with one network for all operations and an expert for each parameter, any size, a continuous
value with its interval, and the right to say nothing.

A pixel of a resized picture is a weighted mean of a few old ones, with weights that depend on where it lies between
them. For a factor s that place repeats with a period p, and so does the strength of what a high-pass filter leaves;
averaged over rows, and likewise over columns, its spectrum has a line at f:

    p = 1 / |1 - 1/s|,    f = 1/s, folded into 0 to 1/2

Blur shows in how power falls with frequency, a median in how little the same median changes once more and in an echo at
its window, noise in what is left where scene and table allow nothing else. Small networks that also know the table of
the last compression turn these statistics into probabilities of operations and, for each parameter, into a
distribution, from which median and 90 % interval are read. Of n pieces of one picture the log-probabilities are
averaged, and for operations and factors weighed as 1 + 0.3 (n - 1), for they are not independent. An operation is
claimed where all operations together have at least 0.995. More in docs/manipulation.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.analyses._evidence import grid_name
from jpegtrace.analyses._past import cannot_tell, last_compression_of, no_map
from jpegtrace.analyses._pixels import FEW_COLOURS, luma_pixels_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.analyses._threads import threads
from jpegtrace.findings import Claim, Json, Level, Map, Outcome, Plot, Remark, Status, Topic
from jpegtrace.manipulation import Verdict, decide, grid
from jpegtrace.manipulation.decision import MANIPULATED_FROM, NONE, NONE_FROM
from jpegtrace.manipulation.estimate import Box, Estimate, estimate, look, piece_of, says_something
from jpegtrace.manipulation.features import Features, describe, part_of
from jpegtrace.manipulation.layout import ECHO_LAGS, FREQUENCIES, LARGEST, WINDOWS
from jpegtrace.manipulation.posterior import NETWORKS
from jpegtrace.picture import Picture

SMALLEST = 128  # pixels a side
MAPPED = 128  # side of the pieces of a map
FREQUENCIES_SHOWN = np.linspace(0, 0.5, FREQUENCIES, dtype=np.float32)
PER_NAT = 10 / np.log(10)  # decibels
UNCHANGED = 3  # bins of differences: 0, 1 and 2 grey levels
MANY = 0.2  # share of pieces that show an operation with which "none" is not said of the whole
SHOWN_FROM, SEVERAL = 0.9, 2  # least probability of a kind in a piece, and pieces, that make a past of their own
UNSURE = "cannot tell"
# What to look at in maps, and what not to conclude.
LINES = (
    "A compact part that differs from all that surrounds it.",
    "That single places differ: each is told from 128 pixels around it, and now and then wrongly.",
)
UNSURE_LABEL = len(grid.OPERATIONS)
KERNEL_FROM = 0.8  # probability from which an interpolation is named
KERNEL_UNKNOWN = grid.KERNELS.index("other")
DONE = {
    "resized": "resized",
    "blurred": "blurred",
    "median": "median-filtered",
    "noise": "given noise",
    "resized and blurred": "resized and blurred",
}
# Operations that pieces of one picture show apart from each other: in a small one a resize may look like a blur.
KINDS = {
    "resized or blurred": [grid.OPERATIONS.index(name) for name in ("resized", "blurred", "resized and blurred")],
    **{DONE[name]: [grid.OPERATIONS.index(name)] for name in ("median", "noise")},
}
EITHER_WAY = "its sides between {low:.4g} and {high:.4g} times as long (90 %)"
WORDS = {
    "factor": "its sides {value:.4g} times as long (90 % between {low:.4g} and {high:.4g})",
    "sigma": "a Gaussian of {value:.2f} pixels (90 % between {low:.2f} and {high:.2f})",
    "size": "a window of {value:.0f} pixels (90 % between {low:.0f} and {high:.0f})",
    "noise": "a standard deviation of {value:.3g} grey levels in each colour (90 % between {low:.3g} and {high:.3g})",
}


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `manipulation`.

    Attributes:
        manipulated_from: probability from which an operation is claimed.
        none_from: probability of no operation from which that is said; in between it cannot tell.
        most_pieces: of 256 pixels a side that are looked at.
    """

    manipulated_from: float = MANIPULATED_FROM
    none_from: float = NONE_FROM
    most_pieces: int = 24


class Seen(NamedTuple):
    """Decoded luminance, and what is known of its last compression."""

    luma: NDArray[np.uint8]
    table: NDArray[np.uint16]
    corner: tuple[int, int]


class Difference(NamedTuple):
    """How pieces of a picture differ.

    Attributes:
        told: in words.
        where: the pieces.
        many: whether so many show an operation that "none" cannot be said of the whole.
    """

    told: str
    where: str
    many: bool


def map_operations(picture: Picture, params: Params, stride: int, progress: Progress | None) -> tuple[Map, ...]:
    """Which operation every place shows, how likely there was any, and the factor where it was resized."""
    seen = _seen(picture)
    if isinstance(seen, str):
        raise no_map(seen, picture)
    rows, cols = (-(-extent // stride) for extent in seen.luma.shape)
    middle = stride // 2
    boxes = [_around(seen, row * stride + middle, col * stride + middle) for row in range(rows) for col in range(cols)]
    distinct = sorted(set(boxes))  # at borders, and where places are closer than blocks, several share a piece
    place = {box: index for index, box in enumerate(distinct)}
    found = look(seen.luma, seen.table, distinct, threads(), progress)
    flat = np.array([not says_something(seen.luma, box) for box in distinct])
    verdicts = [decide(one, params.manipulated_from, params.none_from) for one in found.operation]
    labels = [UNSURE_LABEL if verdict.operation is None else verdict.operation for verdict in verdicts]
    resized = np.isin(labels, grid.CARRIED_BY["factor"])
    factors = [grid.quantiles(one, grid.FACTORS, (0.5,))[0] for one in found.factor]
    shape, cell = (rows, cols), (stride, stride)

    def placed(values: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.asarray(values, np.float32)[[place[box] for box in boxes]].reshape(shape)

    return (
        Map("operation", placed(np.where(flat, UNSURE_LABEL, labels)), cell, "", (*grid.OPERATIONS, UNSURE), *LINES),
        Map(
            "any operation",
            placed(np.where(flat, np.nan, 1 - found.operation[:, NONE])),
            cell,
            "probability",
            (),
            *LINES,
        ),
        Map("factor", placed(np.where(resized & ~flat, factors, np.nan)), cell, "times", (), *LINES),
    )


@analysis(
    "manipulation",
    version=7,
    place=300,
    title="What was done before",
    question="Was the picture resized, blurred, median-filtered or given noise before its last compression?",
    parameters=Params,
    cannot_show=(
        "operations whose trace the last compression erased; the lower its quality, the more",
        "what was done before an earlier compression: a filtered picture that was saved strongly and then once more "
        "may look as if nothing had been done, see compression-count",
        "what the operation was for: every web page and messenger resizes, and cameras smooth and sharpen",
        "many reductions: an interpolation that makes a picture smaller leaves little, a bicubic one least of all",
        "anything about drawings, text and screenshots: it was taught on photographs",
        FEW_COLOURS,
        "reductions to less than 0.45 and enlargements to more than 2.2 of the sides, which may be told as another "
        "factor with the same period (3 as 1.5), other factors for width than for height, of which one is told, and "
        "turning by odd angles",
        "windows of more than 15 pixels, which are told as 15, and Gaussians of more than 4; weak noise, as of cameras",
        "at the highest last qualities, when it was resized: many an original had been before it was given out",
        "operations that it was not taught: sharpening, denoising, generation, and more than two in a row",
        "who did it, and when",
    ),
    reference="MPeR-Net; Gallagher 2005; docs/manipulation.md",
    false_alarm_rate=0.0,
    map=map_operations,
    weights=NETWORKS,
)
def manipulation(picture: Picture, params: Params) -> Outcome:
    """Look at pieces that cover the picture, and weigh what they say together."""
    seen = _seen(picture)
    if isinstance(seen, str):
        return cannot_tell(seen)
    found = estimate(seen.luma, seen.table, seen.corner, most=params.most_pieces, threads=threads())
    if found is None:
        return Outcome(Status.INCONCLUSIVE, "Cannot tell: the picture is flat, or drawn as screenshots are.")
    probabilities = found.whole.operation[0]
    verdict = decide(probabilities, params.manipulated_from, params.none_from)
    values = _values(found, verdict)
    differ = _differ(found, params)
    remarks = tuple(_remarks(values, verdict, differ))
    if not verdict.manipulated and (verdict.operation is None or (differ and differ.many)):
        summary = "Cannot tell whether anything was done before the last compression."
        if differ:
            summary = (
                "Cannot tell of the picture as a whole whether anything was done before the last compression: "
                "its parts differ."
            )
        nothing: dict[str, Json] = {"operation": None, "manipulated": None}
        return Outcome(Status.INCONCLUSIVE, summary, values | nothing, remarks=remarks)
    return Outcome(
        Status.OK,
        _sentence(values, verdict),
        values,
        probability=round(verdict.probability, 4),
        remarks=remarks,
        plots=_plots(seen, found, verdict) if verdict.manipulated else (),
        claims=(_claim(values, verdict),),
        probability_of=_what(verdict),
    )


def _seen(picture: Picture) -> Seen | str:
    if min(picture.height, picture.width) < SMALLEST + 8:
        return f"the picture is smaller than {SMALLEST + 8} pixels a side"
    last = last_compression_of(picture)
    if isinstance(last, str):
        return last
    luma = luma_pixels_of(picture)
    if isinstance(luma, str):
        return luma
    row, col = last.corner
    values = np.clip(np.rint(luma.values), 0, 255).astype(np.uint8)
    return Seen(values, last.table, (row % 8, col % 8))


def _around(seen: Seen, row: int, col: int) -> Box:
    """The piece of the map around a place, moved inside the picture and onto the grid."""
    places = []
    for centre, extent, start in zip((row, col), seen.luma.shape, seen.corner, strict=True):
        last = (extent - start - MAPPED) // 8
        places.append(start + 8 * min(max((centre - MAPPED // 2 - start) // 8, 0), last))
    return Box(places[0], places[1], MAPPED, MAPPED)


def _values(found: Estimate, verdict: Verdict) -> dict[str, Json]:
    whole = found.whole
    operation = grid.OPERATIONS[verdict.operation] if verdict.operation is not None else None
    values: dict[str, Json] = {
        "operation": operation,
        "manipulated": verdict.manipulated if verdict.manipulated or operation else None,
        "probabilities": {
            name: round(float(p), 4) for name, p in zip(grid.OPERATIONS, whole.operation[0], strict=True)
        },
    }
    for head, carriers in grid.CARRIED_BY.items():
        claimed = verdict.manipulated and verdict.operation in carriers
        values[head] = _interval(head, getattr(whole, head)[0]) if claimed else None
    if values["factor"] is not None:
        kernel = int(whole.kernel[0].argmax())
        sure = float(whole.kernel[0, kernel])
        values["kernel"] = grid.KERNELS[kernel] if sure >= KERNEL_FROM and kernel < KERNEL_UNKNOWN else "unknown"
    else:
        values["kernel"] = None
    return values | {"pieces": len(found.boxes)}


def _interval(head: str, probabilities: NDArray[np.float64]) -> dict[str, Json]:
    low, middle, high = (round(float(value), 4) for value in grid.interval(head, probabilities))
    return {"value": middle, "low": low, "high": high}


def _sentence(values: dict[str, Json], verdict: Verdict) -> str:
    if not verdict.manipulated:
        return "No trace of resizing, blur, median filter or noise before the last compression."
    if verdict.operation is None:
        return "Something was done to it before its last compression; it cannot be told what."
    told = []
    for head, words in WORDS.items():
        interval = values[head]
        if isinstance(interval, dict):
            told.append(_words(EITHER_WAY if head == "factor" and _either_way(interval) else words, interval))
    return f"Before its last compression it was {DONE[grid.OPERATIONS[verdict.operation]]}: {'; '.join(told)}."


def _words(words: str, interval: dict[str, Json]) -> str:
    """A parameter; what is known to the pixel needs no interval, and the widest window may be a wider one."""
    low, high = interval["low"], interval["high"]
    if low == high:
        words = words.partition(" (")[0]
    return words.format(**interval) + (" or more" if low == high == grid.SIZES[-1] else "")


def _what(verdict: Verdict) -> str:
    """What the probability is of."""
    if not verdict.manipulated:
        return "that nothing of this was done"
    return "that anything was done" if verdict.operation is None else f"that it was {_done(verdict.operation)}"


def _done(operation: int) -> str:
    return DONE[grid.OPERATIONS[operation]]


def _either_way(factor: Json) -> bool:
    """Whether the interval of a factor holds reductions and enlargements."""
    return isinstance(factor, dict) and float(str(factor["low"])) < 1 < float(str(factor["high"]))


def _claim(values: dict[str, Json], verdict: Verdict) -> Claim:
    probability = round(verdict.probability, 4)
    if not verdict.manipulated:
        return Claim(
            Topic.NOTHING,
            "No trace of resizing, blur, a median filter or added noise was found.",
            probability,
            not_mean="That nothing was done: many reductions leave no trace that is found, strong compression wipes "
            "out others, and other operations are not looked for.",
        )
    what = "processed in a way that cannot be told" if verdict.operation is None else _done(verdict.operation)
    about = ""
    if isinstance(factor := values["factor"], dict):
        about = f" to about {100 * float(str(factor['value'])):.0f}% of its sides"
    if _either_way(factor):
        about = ", and it cannot be told whether it was made smaller or larger"
    return Claim(
        Topic.EDIT,
        f"Before its last compression the picture was {what}{about}.",
        probability,
        not_mean="That it is forged: web pages and messengers resize, and cameras smooth.",
    )


def _remarks(values: dict[str, Json], verdict: Verdict, differ: Difference | None) -> Iterator[Remark]:
    if differ:
        yield Remark(Level.NOTICE, differ.told, differ.where)
    if _either_way(values["factor"]):
        yield Remark(Level.INFO, "the interval of the factor holds reductions and enlargements: which it was is open")
    if verdict.manipulated:
        yield Remark(Level.INFO, "ordinary workflows do this, too: it is no sign of forgery by itself")


def _differ(found: Estimate, params: Params) -> Difference | None:
    """What differs between pieces, each asked alone, and where those are that show an operation."""
    each = [decide(one, params.manipulated_from, params.none_from) for one in found.pieces.operation]
    touched = np.array([piece.manipulated for piece in each])
    clean = sum(piece.operation == NONE for piece in each)
    shown = {what: found.pieces.operation[:, kind].sum(1) >= SHOWN_FROM for what, kind in KINDS.items()}
    several = {what: here for what, here in shown.items() if here.sum() >= SEVERAL}
    if clean and touched.any():
        told = f"{touched.sum()} show an operation and {clean} show none"
        where = f"pieces that show one begin at {_places(found, touched)}"
        many = touched.sum() >= max(SEVERAL, MANY * len(each))
    elif len(several) > 1:
        told = " and ".join(f"{here.sum()} seem to have been {what}" for what, here in several.items())
        where = "; ".join(f"{what}: {_places(found, here)}" for what, here in several.items())
        many = True
    else:
        return None
    told = f"parts differ: of {len(each)} pieces {told}; a map of this analysis tells where"
    return Difference(told, where, bool(many))


def _places(found: Estimate, chosen: NDArray[np.bool_]) -> str:
    return "; ".join(grid_name(found.boxes[k].top, found.boxes[k].left) for k in np.flatnonzero(chosen))


def _plots(seen: Seen, found: Estimate, verdict: Verdict) -> tuple[Plot, ...]:
    """The trace itself, in the piece that shows most."""
    strongest = int(found.pieces.operation[:, NONE].argmin())
    features = describe(piece_of(seen.luma, found.boxes[strongest]), seen.table)
    name = grid.OPERATIONS[verdict.operation] if verdict.operation is not None else ""
    plots = []
    if name.startswith("resized"):
        factor = float(grid.quantiles(found.whole.factor[0], grid.FACTORS, (0.5,))[0])
        plots.append(_lines_plot(features, factor))
    if name.endswith("blurred") or name == "noise":
        plots.append(_powers_plot(features))
    if name == "median":
        window = float(grid.interval("size", found.whole.size[0])[1])
        plots += [_echoes_plot(features, window), _medians_plot(features)]
    return tuple(plots)


def _lines_plot(features: Features, factor: float) -> Plot:
    """Spectra of all residuals without the grid, both directions, taken together."""
    frequency = abs(1 / factor - round(1 / factor))
    hidden = abs(8 * frequency - round(8 * frequency)) < 8 / LARGEST
    return Plot(
        "periods in the strength of residuals",
        FREQUENCIES_SHOWN,
        np.asarray(features.lines.mean((0, 1)) * PER_NAT, np.float32),
        x_label="frequency in periods per pixel",
        y_label="power above its surroundings in decibels",
        marks=() if hidden else ((round(frequency, 4), f"expected for a factor of {factor:.3g}"),),
        look_for="The line of this factor falls on one of the grid, which is left out here: nothing is to be seen."
        if hidden
        else "A narrow peak at the mark: weights of interpolation repeat with this period.",
        not_conclude="Periodic patterns in the scene, such as fabric or fences, make peaks, too.",
    )


def _powers_plot(features: Features) -> Plot:
    """Power along rows and columns."""
    powers = part_of(features.others, "powers").mean(0)
    return Plot(
        "power of neighbouring pixels",
        FREQUENCIES_SHOWN,
        np.asarray(powers * PER_NAT, np.float32),
        x_label="frequency in periods per pixel",
        y_label="power in decibels",
        look_for="A blur leaves next to nothing at the right; noise leaves a level line there.",
        not_conclude="Defocus and motion blur pictures in the camera already.",
    )


def _echoes_plot(features: Features, window: float) -> Plot:
    """How alike differences of neighbouring pixels are some pixels further on."""
    return Plot(
        "echoes of differences",
        np.arange(1, 1 + ECHO_LAGS, dtype=np.float32),
        np.asarray(part_of(features.others, "echoes")[0, 1:], np.float32),
        x_label="distance in pixels",
        y_label="correlation of differences, cut at 1 grey level",
        marks=((window, f"expected for a window of {window:.0f} pixels"),),
        look_for="A dip at the mark: what enters the window of a median at one edge leaves it at the other.",
        not_conclude="Patterns in the scene repeat, too, and the grid of a strong compression has its own dip at 8.",
    )


def _medians_plot(features: Features) -> Plot:
    """How much of the piece stays as it is under medians."""
    shares = np.exp(part_of(features.others, "medians"))[0, :, :UNCHANGED].sum(1)
    return Plot(
        "what a further median leaves as it is",
        np.array(WINDOWS, np.float32),
        np.asarray(shares, np.float32),
        x_label="window in pixels",
        y_label="share of pixels that change by 2 grey levels or less",
        kind="bars",
        look_for="A picture that went through a median hardly changes in one of the same size or a smaller one.",
        not_conclude="Smooth and flat pictures hardly change, either.",
    )
