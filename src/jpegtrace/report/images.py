"""Pictures in the HTML report: their sizes, and how a page carries them."""

from __future__ import annotations

import base64

from jpegtrace.findings import Map
from jpegtrace.report.document import Report
from jpegtrace.report.maps import Size


def picture_size(m: Map, report: Report) -> Size:
    """Height and width of the picture; of what the map covers where the report does not say."""
    if report.input.height and report.input.width:
        return report.input.height, report.input.width
    return m.values.shape[0] * m.cell[0], m.values.shape[1] * m.cell[1]


def fit(picture: Size, within: Size) -> Size:
    """The size of a picture that is reduced or enlarged until it fits."""
    scale = min(within[0] / picture[0], within[1] / picture[1])
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def data_uri(data: bytes, kind: str) -> str:
    """A picture as a link that carries it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
