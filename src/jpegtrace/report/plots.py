"""Plots as figures of the HTML report: where each line and word stands, for the template to put on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from jpegtrace.findings import Finding, Plot
from jpegtrace.report.maps import NARROWEST, Tick, ticks_of
from jpegtrace.report.text import marks_of, shorten

MOST = 600  # values that are drawn
_WIDTH, _HEIGHT = 640, 200  # of the figure, and of the place for the curve
_LETTER = 7  # the usual width, generously
_LINE = 16
_GAP = 8  # between words side by side
_CROSS = 3  # half the size of one

Range = tuple[float, float]
Floats = NDArray[np.floating[Any]]
V = TypeVar("V", float, NDArray[np.float64])


@dataclass(frozen=True, slots=True)
class Box:
    """The place for the curve, in pixels from the upper left corner of the figure."""

    left: float
    top: float
    right: float
    bottom: float

    def across(self, x: V, scale: Range) -> V:
        """Where values of x stand."""
        return self.left + (x - scale[0]) / (scale[1] - scale[0]) * (self.right - self.left)

    def down(self, y: V, scale: Range) -> V:
        """Where values of y stand."""
        return self.bottom - (y - scale[0]) / (scale[1] - scale[0]) * (self.bottom - self.top)


@dataclass(frozen=True, slots=True)
class MarkFigure:
    """One marked place: its dashed line begins at `top` below its words, which begin at `left`."""

    text: str
    place: float
    left: float
    top: float


@dataclass(frozen=True, slots=True)
class PlotFigure:
    """One plot on the page; places are pixels.

    Attributes:
        title: name of the plot.
        words: what there is to see, for those who do not see it.
        told: the marks in words; empty where there are none.
        look_for, not_conclude: as the analysis gives them.
        thinned: of how many values one is drawn; 0 where all are.
        width, height: of the figure.
        box: the place for the curve.
        path: the curve or the bars, as data of an SVG path; empty where there are no values.
        filled: whether the path encloses bars.
        x_ticks, y_ticks: of the axes, with their place in pixels.
        x_label, y_label: of the axes.
        marks: marked places.
    """

    title: str
    words: str
    told: str
    look_for: str
    not_conclude: str
    thinned: int
    width: int
    height: int
    box: Box
    path: str
    filled: bool
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    y_label: str
    marks: tuple[MarkFigure, ...]


def plot_figures_of(finding: Finding) -> list[PlotFigure]:
    """A figure for each plot of a finding."""
    return [figure_of(p) for p in finding.plots]


def figure_of(p: Plot) -> PlotFigure:
    """One plot, laid out."""
    across, up = x_scale_of(p), y_scale_of(p)
    x_ticks, y_ticks = ticks_of(*across), () if up is None else ticks_of(*up)
    # The first and last words of the axes must not be cut off.
    left = 12 + _LETTER * max((len(tick.text) for tick in y_ticks), default=0)
    right = _WIDTH - 8 - _LETTER * max((len(tick.text) for tick in x_ticks), default=0) / 2
    rows = _rows_of(p, across, (left, right))
    top = 24 + _LINE * (1 + max((row for _, row in rows), default=-1))
    box = Box(left, top, right, top + _HEIGHT)
    group = group_of(len(p.x))
    return PlotFigure(
        title=p.name,
        words=describe(p),
        told=marks_of(p),
        look_for=p.look_for,
        not_conclude=p.not_conclude,
        thinned=group if group > 1 else 0,
        width=_WIDTH,
        height=top + _HEIGHT + 46,
        box=box,
        path="" if up is None else path_of(p, box, across, up),
        filled=p.kind == "bars",
        x_ticks=tuple(Tick(t.text, round(left + t.place * (right - left), 1)) for t in x_ticks),
        y_ticks=tuple(Tick(t.text, round(box.bottom - t.place * _HEIGHT, 1)) for t in y_ticks),
        x_label=_fitting(p.x_label),
        y_label=_fitting(p.y_label),
        marks=tuple(
            MarkFigure(_text_of(mark), round(box.across(mark[0], across), 1), round(begin, 1), top - _LINE * row)
            for mark, (begin, row) in zip(p.marks, rows, strict=True)
        ),
    )


def describe(p: Plot) -> str:
    """A plot in words, for those who do not see it."""
    finite = p.y[~np.isnan(p.y)]
    if not finite.size:
        return "; ".join(part for part in (f"{p.name}: no values", marks_of(p)) if part)
    low, high = f"{finite.min():.4g}", f"{finite.max():.4g}"
    parts = [
        f"{p.y_label} {low if low == high else f'{low} to {high}'}".lstrip(),
        f"{p.x_label} {p.x[0]:.4g} to {p.x[-1]:.4g}".lstrip(),
        f"highest at {p.x[np.nanargmax(p.y)]:.4g}" if low != high else "",
        marks_of(p),
    ]
    return f"{p.name}: {'; '.join(part for part in parts if part)}"


def x_scale_of(p: Plot) -> Range:
    """The ends of the horizontal axis: all values, bars in their full width, and all marks."""
    x = _edges(p.x) if p.kind == "bars" else p.x.astype(np.float64)
    places = [float(x[0]), float(x[-1]), *(place for place, _ in p.marks)]
    return min(places), max(places)


def y_scale_of(p: Plot) -> Range | None:
    """The ends of the vertical axis, for what is drawn; None where there is no value."""
    y = p.y[drawn(p.y)].astype(np.float64)
    if np.isnan(y).all():
        return None
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    # A scale that can begin at 0 without flattening the curve does.
    if p.kind == "bars" or min(abs(low), abs(high)) <= high - low:
        low, high = min(low, 0.0), max(high, 0.0)
    # Values that hardly differ must not look as if they did.
    lacking = max(NARROWEST * max(abs(low), abs(high)) - (high - low), 0) / 2
    low, high = low - lacking, high + lacking
    return (low, high) if low < high else (low, low + 1)


def group_of(count: int) -> int:
    """How many values share one that is drawn."""
    return -(-count // MOST)


def drawn(y: Floats) -> NDArray[np.intp]:
    """Which values are drawn: the highest of each group, so that peaks survive."""
    group = group_of(len(y))
    starts = np.arange(0, len(y), group)
    padded = np.full(len(starts) * group, -np.inf)
    padded[: len(y)] = np.where(np.isnan(y), -np.inf, y)
    highest: NDArray[np.intp] = starts + padded.reshape(-1, group).argmax(axis=1)
    return highest


def path_of(p: Plot, box: Box, across: Range, up: Range) -> str:
    """The curve or the bars as data of an SVG path; broken where there is no value."""
    at = drawn(p.y)
    y = box.down(p.y[at].astype(np.float64), up)
    if p.kind == "line":
        return _line(box.across(p.x[at].astype(np.float64), across), y)
    starts = np.arange(0, len(p.x), group_of(len(p.x)))
    edges = box.across(_edges(p.x)[np.append(starts, len(p.x))], across)
    ground = box.down(0.0, up)
    return "".join(
        f"M{edges[k]:.1f} {ground:.1f}V{y[k]:.1f}H{edges[k + 1]:.1f}V{ground:.1f}Z"
        for k in np.flatnonzero(~np.isnan(y))
    )


def _line(x: Floats, y: Floats) -> str:
    parts: list[str] = []
    told = ~np.isnan(y)
    for k in np.flatnonzero(told):
        begins = k == 0 or not told[k - 1]
        if begins and (k + 1 == len(y) or not told[k + 1]):  # a line of one point would not be seen: a cross
            parts.append(f"M{x[k] - _CROSS:.1f} {y[k]:.1f}h{2 * _CROSS}m{-_CROSS} {-_CROSS}v{2 * _CROSS}")
        else:
            parts.append(f"{'M' if begins else 'L'}{x[k]:.1f} {y[k]:.1f}")
    return "".join(parts)


def _edges(x: Floats) -> NDArray[np.float64]:
    """Where bars begin and end: half-way to their neighbours."""
    middle = x.astype(np.float64)
    between = (middle[1:] + middle[:-1]) / 2
    return np.concatenate(([2 * middle[0] - between[0]], between, [2 * middle[-1] - between[-1]]))


def _rows_of(p: Plot, across: Range, ends: Range) -> list[tuple[float, int]]:
    """For each mark where its words begin, and how many rows above the curve."""
    box = Box(ends[0], 0, ends[1], 1)
    placed: list[tuple[float, int]] = []
    found = [(0.0, 0)] * len(p.marks)
    # From right to left: words stand above all lines that begin to their right and beneath them.
    for k in sorted(range(len(p.marks)), key=lambda k: -p.marks[k][0]):
        length = _LETTER * len(_text_of(p.marks[k]))
        begin = max(min(box.across(p.marks[k][0], across), _WIDTH - length), 0)
        row = 1 + max((other for left, other in placed if left < begin + length + _GAP), default=-1)
        placed.append((begin, row))
        found[k] = (begin, row)
    return found


def _text_of(mark: tuple[float, str]) -> str:
    return _fitting(mark[1]) or f"{mark[0]:.4g}"


def _fitting(text: str) -> str:
    """Words no longer than the figure is wide."""
    return shorten(text, _WIDTH // _LETTER) or ""
