"""Maps as figures of the HTML report: all that the template puts on the page."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from jpegtrace.findings import Finding, Map
from jpegtrace.report.document import Report
from jpegtrace.report.images import data_uri, fit, picture_size
from jpegtrace.report.maps import Size, Tick, as_png, describe, layer, legend_of, scale_bar, scale_of, swatch

_ALONE = (480, 640)  # height and width that a map without its photograph fits into
_SWATCH = (20, 32)
_BAR = (16, 320)


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One entry of a legend: its words, and a picture of its colour."""

    text: str
    swatch: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One map on the page; pictures are data URIs.

    Attributes:
        title: of the legend.
        caption: what there is to see, in words.
        width, height: of the figure in pixels.
        map: the map.
        photograph: what it lies upon, or None.
        bar, ticks: the scale of quantities; the bar is None for labels.
        keys: labels, and where the analysis abstains.
        name: of the map.
        look_for, not_conclude: as the analysis gives them.
    """

    title: str
    caption: str
    width: int
    height: int
    map: str
    photograph: str | None
    bar: str | None
    ticks: tuple[Tick, ...]
    keys: tuple[KeyFigure, ...]
    name: str
    look_for: str
    not_conclude: str


def figures_of(finding: Finding, report: Report) -> list[Figure]:
    """A figure for each map of a finding; a map without any value has none."""
    return [_figure(m, report) for m in finding.maps if m.values.size]


def _figure(m: Map, report: Report) -> Figure:
    over = report.preview is not None
    picture = picture_size(m, report)
    size = fit(picture, _ALONE) if report.preview is None else _size_of(report.preview)
    legend = legend_of(m)
    return Figure(
        title=legend.title,
        caption=describe(m),
        width=size[1],
        height=size[0],
        map=data_uri(as_png(layer(m, size, picture)), "png"),
        photograph=None if report.preview is None else data_uri(report.preview, "jpeg"),
        bar=None if scale_of(m) is None else data_uri(as_png(scale_bar(m, _BAR, over_photograph=over)), "png"),
        ticks=legend.ticks,
        keys=tuple(
            KeyFigure(
                f"{key.name}, {key.share:.1%}",
                data_uri(as_png(swatch(m, key.value, _SWATCH, over_photograph=over)), "png"),
            )
            for key in legend.keys
        ),
        name=m.name,
        look_for=m.look_for,
        not_conclude=m.not_conclude,
    )


def _size_of(preview: bytes) -> Size:
    with Image.open(io.BytesIO(preview)) as image:
        return image.height, image.width
