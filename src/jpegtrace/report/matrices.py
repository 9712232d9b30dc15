"""Matrices and comparisons as tables of the HTML report: numbers that are read, on grounds that are seen."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.findings import Comparison, Finding, Map, Matrix
from jpegtrace.report.document import Report
from jpegtrace.report.images import data_uri, fit, picture_size
from jpegtrace.report.maps import PROBABILITY, spotlight
from jpegtrace.report.text import cells_of
from jpegtrace.report.verdict import in_percent

STRONGEST = 0.45  # opacity of the strongest ground: the numbers upon it stay readable, on a light page and a dark one
NOT_TOLD = "–"
_THUMBNAIL = (160, 240)  # height and width that the picture of a part fits into


@dataclass(frozen=True, slots=True)
class CellFigure:
    """One number.

    Attributes:
        text: the number.
        small: what the ground shows, in percent; empty where that is the number itself.
        opacity: of the ground; None where nothing is known.
        told: whether there is a number.
        mark: words about the cell; empty where it is not marked.
    """

    text: str
    small: str
    opacity: float | None
    told: bool
    mark: str


@dataclass(frozen=True, slots=True)
class MatrixFigure:
    """One matrix on the page.

    Attributes:
        title: its name, with the unit.
        row_label, column_label: what is counted.
        rows: of cells.
        ground: what the grounds show, in words.
        told: the marks in words; empty where there are none.
        look_for, not_conclude: as the analysis gives them.
    """

    title: str
    row_label: str
    column_label: str
    rows: tuple[tuple[CellFigure, ...], ...]
    ground: str
    told: str
    look_for: str
    not_conclude: str


@dataclass(frozen=True, slots=True)
class ComparisonFigure:
    """One comparison on the page.

    Attributes:
        title: its name.
        columns: names of the things.
        pictures: of each thing, as a data URI; empty where there is no map of them.
        rows: what is said of all.
        look_for, not_conclude: as the analysis gives them.
    """

    title: str
    columns: tuple[str, ...]
    pictures: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    look_for: str
    not_conclude: str


def matrix_figures_of(finding: Finding) -> list[MatrixFigure]:
    """A figure for each matrix of a finding."""
    return [matrix_figure(m) for m in finding.matrices]


def matrix_figure(m: Matrix) -> MatrixFigure:
    """One matrix, laid out."""
    shares = grounds_of(m)
    marks = {(row, col): text for row, col, text in m.marks}
    rows = tuple(
        tuple(
            CellFigure(
                text=NOT_TOLD if np.isnan(value) else number(float(value), m.unit),
                small="" if m.shares is None or np.isnan(m.shares[r, c]) else in_percent(float(m.shares[r, c])),
                opacity=None if np.isnan(shares[r, c]) else round(STRONGEST * float(shares[r, c]), 3),
                told=not np.isnan(value),
                mark=marks.get((r, c), ""),
            )
            for c, value in enumerate(line)
        )
        for r, line in enumerate(m.values)
    )
    what = m.shares_of if m.shares is not None else m.unit or m.name
    return MatrixFigure(
        title=f"{m.name} ({m.unit})" if m.unit and m.unit not in m.name else m.name,
        row_label=m.row_label,
        column_label=m.column_label,
        rows=rows,
        ground=f"The stronger the ground, the higher the {what}."
        + (f" A striped cell with {NOT_TOLD} is not told." if np.isnan(m.values).any() else ""),
        told=cells_of(m),
        look_for=m.look_for,
        not_conclude=m.not_conclude,
    )


def grounds_of(m: Matrix) -> NDArray[np.float32]:
    """What the grounds show, 0..1; NaN where nothing is known."""
    if m.shares is not None:
        return m.shares
    if m.unit == PROBABILITY:
        return np.clip(m.values, 0, 1)
    told = m.values[~np.isnan(m.values)]
    if not told.size or told.min() == told.max():
        return m.values * np.float32(0)
    shares: NDArray[np.float32] = (m.values - told.min()) / (told.max() - told.min())
    return shares


def number(value: float, unit: str) -> str:
    """A number as short as it can be read."""
    if unit == PROBABILITY:
        return "0" if value == 0 else in_percent(value)
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def comparison_figures_of(finding: Finding, report: Report) -> list[ComparisonFigure]:
    """A figure for each comparison of a finding."""
    return [_comparison(c, finding, report) for c in finding.comparisons]


def _comparison(c: Comparison, finding: Finding, report: Report) -> ComparisonFigure:
    of_parts = next((m for m in finding.maps if m.name == c.map and m.labels), None)
    return ComparisonFigure(
        title=c.name,
        columns=c.columns,
        pictures=() if of_parts is None else _pictures(c, of_parts, report),
        rows=c.rows,
        look_for=c.look_for,
        not_conclude=c.not_conclude,
    )


def _pictures(c: Comparison, m: Map, report: Report) -> tuple[str, ...]:
    """The photograph with all but one part faded, for each column; things of one name are taken in turn."""
    picture = picture_size(m, report)
    photograph = _photograph(report, fit(picture, _THUMBNAIL))
    found = []
    for k, name in enumerate(c.columns):
        turn = c.columns[:k].count(name)
        places = [place for place, label in enumerate(m.labels) if label == name]
        if turn >= len(places):
            return ()
        out = io.BytesIO()
        Image.fromarray(spotlight(photograph, m, places[turn], picture)).save(out, "PNG")
        found.append(data_uri(out.getvalue(), "png"))
    return tuple(found)


def _photograph(report: Report, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The preview in grey; without one middle grey."""
    if report.preview is None:
        return np.full(size, 96, np.uint8)
    with Image.open(io.BytesIO(report.preview)) as image:
        return np.asarray(image.convert("L").resize((size[1], size[0])))
