"""Line charts as SVG files that can be read on light and on dark paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 740, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 470, 26, 210
INK = "#767676"  # has enough contrast with white and with black
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")


@dataclass(frozen=True, slots=True)
class Curve:
    """One line.

    Attributes:
        name: beside the line.
        x, y: of its points; y is a share, 0 to 1.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]


def chart(title: str, x_label: str, curves: Sequence[Curve]) -> str:
    """Shares over a quality."""
    places = [x for curve in curves for x in curve.x]
    low, high = min(places), max(places)

    def across(x: float) -> float:
        return LEFT + (x - low) / ((high - low) or 1) * (RIGHT - LEFT)

    def down(y: float) -> float:
        return BOTTOM - y * (BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f"<title>{escape(title)}</title>",
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        y = down(tick)
        faint = 0.25 if tick else 0.9
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{INK}" stroke-opacity="{faint}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in _ticks(places):
        x = across(tick)
        parts.append(f'<path d="M{x:.1f} {BOTTOM}v5" stroke="{INK}"/>')
        parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 38}" text-anchor="middle">{escape(x_label)}</text>')
    for k, curve in enumerate(curves):
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        points = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in zip(curve.x, curve.y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
                     f'stroke-dasharray="{dash}"/>')  # fmt: skip
        y = TOP + 8 + 22 * k
        parts.append(f'<path d="M{RIGHT + 14} {y}h24" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
        parts.append(f'<text x="{RIGHT + 44}" y="{y + 4}">{escape(curve.name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _ticks(places: Sequence[float], most: int = 9) -> list[float]:
    """Places of the points; every second, third, ... where they are many."""
    found = sorted(set(places))
    return found[:: -(-len(found) // most)]
