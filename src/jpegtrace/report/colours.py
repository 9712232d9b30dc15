"""Colours and patterns of maps: told apart without colour vision, in print, and from a grey photograph beneath."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]


def _from_hex(colours: str) -> Bytes:
    return np.array([list(bytes.fromhex(colour)) for colour in colours.split()], np.uint8)


# Every 17th colour of viridis (S. van der Walt, N. Smith, E. Firing; CC0): as light as the value is high.
QUANTITIES = _from_hex(
    "440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e 1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725"
)
# M. Okabe, K. Ito, "Color Universal Design", 2008.
LABELS = _from_hex("e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7 000000")
# Stripes of no colour, which nothing else has: where the analysis abstains.
ABSTAINS_BASE, ABSTAINS_MARK = _from_hex("dedede 4a4a4a")

_HATCH = 1  # of `strokes`
_LABEL_PATTERNS = np.array((0, 2, 3, 4, 5, 6, 7, 8))


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """What each value looks like.

    Attributes:
        base: uint8 (..., 3), the colour.
        mark: uint8 (..., 3), the colour of the pattern upon it.
        pattern: (...), which of `strokes`.
    """

    base: Bytes
    mark: Bytes
    pattern: NDArray[np.intp]


def paint_shares(shares: Floats) -> Paint:
    """Quantities given as shares of their scale, 0..1; NaN abstains."""
    table = np.stack(
        [np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(QUANTITIES)), c) for c in QUANTITIES.T], axis=-1
    )
    known = ~np.isnan(shares)
    level = np.rint(np.where(known, np.clip(shares, 0, 1), 0) * 255).astype(np.intp)
    base = np.rint(table).astype(np.uint8)[level]
    return _abstaining(Paint(base, base.copy(), np.zeros(shares.shape, np.intp)), ~known)


def paint_labels(values: Floats) -> Paint:
    """Labels given by their number; NaN abstains."""
    known = ~np.isnan(values)
    number = np.where(known, values, 0).astype(np.intp)
    base = LABELS[number % len(LABELS)]
    dark = base.max(axis=-1, keepdims=True) < 64
    mark = np.where(dark, 160, base // 2).astype(np.uint8)
    # Neighbours differ in colour and in pattern; 64 labels have passed before a pair comes back.
    pattern = _LABEL_PATTERNS[(number + number // len(LABELS)) % len(_LABEL_PATTERNS)]
    return _abstaining(Paint(base, mark, pattern), ~known)


def _abstaining(paint: Paint, where: NDArray[np.bool_]) -> Paint:
    paint.base[where], paint.mark[where], paint.pattern[where] = ABSTAINS_BASE, ABSTAINS_MARK, _HATCH
    return paint


def strokes(period: int) -> NDArray[np.bool_]:
    """One tile (period, period) for each pattern, True where the mark is drawn."""
    y, x = np.mgrid[0:period, 0:period]
    thin, half = max(period // 4, 1), period // 2
    across, down = y < thin, x < thin
    far = (y - half) ** 2 + (x - half) ** 2
    tiles = (
        np.zeros((period, period), np.bool_),
        (x + y) % period < max(period * 3 // 8, 1),
        across,
        down,
        far < (period / 4) ** 2,
        across | down,
        (y < half) == (x < half),
        (x - y) % period < thin,
        far > (period / 2.8) ** 2,
    )
    return np.stack(tiles)
