"""A matrix as a picture: a cell for each pair of conditions, as light as the accuracy is high, with its value."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from jpegtrace.report.colours import paint_shares
from jpegtrace_training.study.matrices import Matrix

CELL, ROW, LEFT, TOP, GAP = 74, 34, 110, 44, 2
LIGHT = 140  # grey level from which text upon it is dark


@dataclass(frozen=True)
class Square:
    """One cell: where it stands, its colour, that of its text, and the text."""

    left: int
    top: int
    colour: str
    ink: str
    text: str


def svg(matrix: Matrix, title: str) -> str:
    """The matrix as an SVG picture of its own."""
    rows, cols = matrix.trained, matrix.experiment.tested
    width, height = LEFT + CELL * len(cols), TOP + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label={quoteattr(title)} font-family="system-ui, sans-serif" font-size="13">',
        f'<text x="{LEFT}" y="14" fill="currentColor">tested on</text>',
        f'<text x="0" y="{TOP - 8}" fill="currentColor">trained on</text>',
    ]
    for index, name in enumerate(cols):
        x = LEFT + CELL * index + CELL // 2
        parts.append(f'<text x="{x}" y="{TOP - 8}" text-anchor="middle" fill="currentColor">{escape(name)}</text>')
    for index, name in enumerate(rows):
        parts.append(f'<text x="0" y="{TOP + ROW * index + 22}" fill="currentColor">{escape(name)}</text>')
    for square in squares(matrix):
        place = f'x="{square.left}" y="{square.top}" width="{CELL - GAP}" height="{ROW - GAP}"'
        middle = f'x="{square.left + CELL // 2}" y="{square.top + 21}" text-anchor="middle"'
        parts += [
            f'<rect {place} fill="{square.colour}"/>',
            f'<text {middle} fill="{square.ink}">{square.text}</text>',
        ]
    return "".join([*parts, "</svg>"])


def squares(matrix: Matrix) -> list[Square]:
    """All cells; colours go from chance to 1."""
    values = matrix.array()
    chance = 1 / matrix.classes
    colours = paint_shares(np.clip((values - chance) / (1 - chance), 0, 1)).base
    found = []
    for row, col in np.ndindex(values.shape):
        colour = colours[row, col]
        ink = "#000" if colour.astype(float) @ (0.299, 0.587, 0.114) > LIGHT else "#fff"
        text = f"{values[row, col]:.3f}"
        found.append(Square(LEFT + CELL * col, TOP + ROW * row, f"#{bytes(colour).hex()}", ink, text))
    return found
