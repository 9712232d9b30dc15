"""Maps as pictures: what a map looks like over its photograph or alone, and what its colours mean."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.findings import Map
from jpegtrace.report.colours import Bytes, Floats, Paint, paint_labels, paint_shares, strokes

CANNOT_TELL = "cannot tell"
PROBABILITY = "probability"  # the unit whose scale is the same for every map
NARROWEST = 0.2  # scale, as a share of its values
OPACITY = 0.7  # of a map over its photograph
CONTRAST = 0.4  # left to the photograph, so that its own light and dark are not taken for values
_THIN, _HATCHED = 8, 1  # stripes of what is faded
_STRIP = 256  # rows worked off at a time
_TICKS = 6  # steps at most on the scale of a legend
Size = tuple[int, int]  # height and width


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on the scale of a legend, and how far along it lies, 0..1."""

    text: str
    place: float


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend.

    Attributes:
        name: what it stands for.
        value: the value of the map; NaN where the analysis abstains.
        share: of all cells.
    """

    name: str
    value: float
    share: float


@dataclass(frozen=True, slots=True)
class Legend:
    """What the colours of a map mean.

    Attributes:
        title: name of the map, with the unit of quantities.
        ticks: of the scale; none for labels, and none where every cell abstains.
        keys: labels that occur, and where the analysis abstains.
    """

    title: str
    ticks: tuple[Tick, ...]
    keys: tuple[Key, ...]


def scale_of(m: Map) -> tuple[float, float] | None:
    """The values at the ends of the colours; None for labels, and where there is no value."""
    finite = m.values[np.isfinite(m.values)]
    if m.labels or not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    if m.unit == PROBABILITY:
        return min(low, 0.0), max(high, 1.0)
    # Values that hardly differ must not get colours that do.
    lacking = max(NARROWEST * max(abs(low), abs(high)) - (high - low), 0) / 2
    return low - lacking, high + lacking


def legend_of(m: Map) -> Legend:
    """What the colours of a map mean."""
    total = max(m.values.size, 1)
    abstains = float(np.isnan(m.values).sum()) / total
    told = m.values[~np.isnan(m.values)].astype(np.intp) if m.labels else np.zeros(0, np.intp)
    counts = np.bincount(told, minlength=len(m.labels))
    keys = [Key(m.labels[k], float(k), float(counts[k]) / total) for k in np.flatnonzero(counts)]
    if abstains:
        keys.append(Key(CANNOT_TELL, math.nan, abstains))
    scale = scale_of(m)
    unit = _unit(m)
    return Legend(f"{m.name} ({unit})" if unit else m.name, () if scale is None else ticks_of(*scale), tuple(keys))


def describe(m: Map) -> str:
    """A map in words, for a caption and for those who do not see it."""
    if not m.values.size:
        return f"{m.name}: no values"
    parts = [f"{key.name} ({key.share:.1%})" for key in legend_of(m).keys if not math.isnan(key.value)]
    finite = m.values[np.isfinite(m.values)]
    if not m.labels and finite.size:
        low, high = f"{finite.min():.4g}", f"{finite.max():.4g}"
        told = low if low == high else f"{low} to {high}"
        unit = _unit(m)
        parts = [f"{unit} {told}" if unit == PROBABILITY else f"{told} {unit}".rstrip()]
    abstains = float(np.isnan(m.values).mean())
    if abstains:
        parts.append(f"{CANNOT_TELL} ({abstains:.1%} of the cells)" if parts else f"{CANNOT_TELL} anywhere")
    return f"{m.name}: {'; '.join(parts) or 'no values'}"


def layer(m: Map, size: Size, picture: Size | None = None, *, opacity: float = 1.0) -> Bytes:
    """A map as RGBA of `size`, clear where it has no value; nothing is smoothed.

    Args:
        m: the map.
        size: height and width of the result.
        picture: height and width of the picture that the map is about; by default `size`.
        opacity: of the map.
    """
    brush = _Brush.of(m, size, picture or size, opacity)
    out = np.empty((*size, 4), np.uint8)
    for top in range(0, size[0], _STRIP):
        out[top : top + _STRIP] = brush.rows(top, min(top + _STRIP, size[0]))
    return out


def overlay(photograph: Bytes, m: Map, picture: Size | None = None) -> Bytes:
    """A map over its photograph as RGB of the photograph's size.

    Args:
        photograph: uint8 (height, width) or (height, width, 3), the picture at full size or reduced; shown in grey.
        m: the map.
        picture: height and width of the picture that the map is about; by default the photograph's.
    """
    size = (photograph.shape[0], photograph.shape[1])
    brush = _Brush.of(m, size, picture or size, OPACITY)
    out = np.empty((*size, 3), np.uint8)
    for top in range(0, size[0], _STRIP):
        part = photograph[top : top + _STRIP]
        grey = part if part.ndim == 2 else np.asarray(Image.fromarray(part).convert("L"))
        out[top : top + _STRIP] = _over(brush.rows(top, top + len(part)), subdued(grey))
    return out


def subdued(grey: Bytes) -> Bytes:
    """A photograph with little contrast, to be looked through a map at."""
    levels: Bytes = np.rint((np.arange(256) - 127.5) * CONTRAST + 127.5).astype(np.uint8)
    return levels[grey]


def spotlight(photograph: Bytes, m: Map, label: int, picture: Size) -> Bytes:
    """A photograph in grey with everything but one part of a map of labels faded and striped, as RGB.

    Args:
        photograph: uint8 (height, width).
        m: the map.
        label: of the part.
        picture: height and width of the picture that the map is about.
    """
    size = photograph.shape[0], photograph.shape[1]
    down, across = (_cells(size[a], picture[a], m.cell[a], m.values.shape[a]) for a in (0, 1))
    inside = (m.values == label)[np.ix_(down.clip(0), across.clip(0))] & ((down >= 0)[:, None] & (across >= 0))
    stripes = strokes(_THIN)[_HATCHED][np.ix_(np.arange(size[0]) % _THIN, np.arange(size[1]) % _THIN)]
    faded = np.where(stripes, 200, 224 + photograph // 16).astype(np.uint8)
    return np.repeat(np.where(inside, photograph, faded)[..., None], 3, axis=-1)


def swatch(m: Map, value: float, size: Size, *, over_photograph: bool, period: int | None = None) -> Bytes:
    """What one value of a map looks like, as RGB; over a photograph, as it looks on middle grey."""
    return _patch(m, np.full((1, 1), value, np.float32), size, over_photograph, period or stroke_period(size))


def scale_bar(m: Map, size: Size, *, over_photograph: bool) -> Bytes:
    """All colours of a map of quantities from low to high, as RGB."""
    low, high = scale_of(m) or (0.0, 0.0)
    ramp = np.linspace(low, high, size[1], dtype=np.float32)[None]
    return _patch(m, ramp, size, over_photograph, stroke_period(size))


def ticks_of(low: float, high: float) -> tuple[Tick, ...]:
    """A few round values from low to high."""
    if high <= low:
        return (Tick(f"{low:.4g}", 0.5),)
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    values = [k * step for k in range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    largest = max(abs(low), abs(high))
    plain = decimals <= 4 and largest < 1e7
    digits = max(4, math.floor(math.log10(largest)) - math.floor(math.log10(step) + 1e-9) + 1)  # neighbours differ
    return tuple(Tick(f"{v:.{decimals}f}" if plain else f"{v:.{digits}g}", (v - low) / (high - low)) for v in values)


def stroke_period(size: Size) -> int:
    """Pixels from one stroke of a pattern to the next, so that it shows in a picture of this size."""
    return max(8, max(size) // 80) // 2 * 2


def as_png(pixels: Bytes) -> bytes:
    """Grey, RGB or RGBA pixels as a PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _patch(m: Map, values: Floats, size: Size, over_photograph: bool, period: int) -> Bytes:
    """Values spread over a patch, in the colours of a map."""
    opacity = OPACITY if over_photograph else 1.0
    cells = [(np.arange(n) * count) // n for n, count in zip(size, values.shape, strict=True)]
    brush = _Brush(_paint(m, values), strokes(period), cells[0], cells[1], round(255 * opacity))
    return _over(brush.rows(0, size[0]), np.full(size, 128, np.uint8))


def _over(rgba: Bytes, grey: Bytes) -> Bytes:
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed: NDArray[np.uint16] = (rgba[..., :3] * alpha + grey[..., None] * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)


def _paint(m: Map, values: Floats) -> Paint:
    if m.labels:
        return paint_labels(values)
    low, high = scale_of(m) or (0.0, 0.0)
    shares = (values - low) / (high - low) if high > low else np.where(np.isnan(values), values, 0.5)
    return paint_shares(shares)


def _unit(m: Map) -> str:
    """The unit, where it says more than the name."""
    return "" if m.labels or m.unit == m.name else m.unit


@dataclass(frozen=True, slots=True, eq=False)
class _Brush:
    """All that is needed to draw some rows of a map.

    Attributes:
        paint: what each cell looks like.
        tiles: the patterns.
        down, across: for each row and column of the result, which cell it shows; -1 beyond the last.
        alpha: 0..255.
    """

    paint: Paint
    tiles: NDArray[np.bool_]
    down: NDArray[np.intp]
    across: NDArray[np.intp]
    alpha: int

    @classmethod
    def of(cls, m: Map, size: Size, picture: Size, opacity: float) -> _Brush:
        down, across = (_cells(size[a], picture[a], m.cell[a], m.values.shape[a]) for a in (0, 1))
        return cls(_paint(m, m.values), strokes(stroke_period(size)), down, across, round(255 * opacity))

    def rows(self, top: int, bottom: int) -> Bytes:
        out = np.zeros((bottom - top, len(self.across), 4), np.uint8)
        y, x = np.flatnonzero(self.down[top:bottom] >= 0), np.flatnonzero(self.across >= 0)
        if not (y.size and x.size):
            return out
        cells = np.ix_(self.down[top:bottom][y], self.across[x])
        period = self.tiles.shape[1]
        stroke = self.tiles[self.paint.pattern[cells], ((y + top) % period)[:, None], x % period]
        colour = np.where(stroke[..., None], self.paint.mark[cells], self.paint.base[cells])
        # The cells with a value are the first rows and columns of the picture.
        out[: len(y), : len(x), :3] = colour
        out[: len(y), : len(x), 3] = self.alpha
        return out


def _cells(length: int, picture: int, cell: int, count: int) -> NDArray[np.intp]:
    """Which cell each of `length` rows shows, when they stand for `picture` rows; the one its middle falls into."""
    at = (2 * np.arange(length) + 1) * picture // (2 * length) // cell
    return np.where(at < count, at, -1)
