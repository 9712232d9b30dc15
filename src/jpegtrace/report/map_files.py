"""Maps as files: a picture with its legend, an array, JSON."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jpegtrace.findings import Map
from jpegtrace.picture import Picture
from jpegtrace.report.colours import Bytes
from jpegtrace.report.maps import as_png, layer, legend_of, overlay, scale_bar, stroke_period, swatch

FORMS = (".png", ".npy", ".json")
_STRIP = 256  # rows worked off at a time
_PAPER, _INK = (255, 255, 255), (0, 0, 0)


def photograph_of(picture: Picture) -> Bytes:
    """The picture in grey, uint8 (height, width), for a map to lie upon.

    Raises:
        InputError: the pixels cannot be had.
    """
    raster = picture.raster
    grey = np.empty(raster.pixels.shape[:2], np.uint8)
    mode = {"grey": "L", "rgb": "RGB", "cmyk": "CMYK"}[raster.mode]
    for top in range(0, len(grey), _STRIP):
        part = raster.pixels[top : top + _STRIP]
        part = (part >> (raster.bits - 8)).astype(np.uint8)
        image = Image.frombytes(mode, (part.shape[1], part.shape[0]), part.tobytes())
        grey[top : top + _STRIP] = np.asarray(image.convert("L"))
    return grey


def plain_png(m: Map, size: tuple[int, int]) -> bytes:
    """A map alone, enlarged to the size (height, width) of its picture; clear where it has no value."""
    return as_png(layer(m, size))


def map_png(m: Map, size: tuple[int, int], photograph: Bytes | None) -> bytes:
    """A map over its photograph with the legend below; without a photograph on white."""
    height, width = size
    legend = _draw_legend(m, size, over_photograph=photograph is not None)
    page = Image.new("RGB", (max(width, legend.width), height + legend.height), _PAPER)
    pixels = layer(m, size) if photograph is None else overlay(photograph, m)
    for top in range(0, height, _STRIP):
        part = Image.fromarray(pixels[top : top + _STRIP])
        page.paste(part, (0, top), part if part.mode == "RGBA" else None)
    page.paste(legend, (0, height))
    out = io.BytesIO()
    page.save(out, "PNG", compress_level=2)  # more takes much longer over a photograph, for little
    return out.getvalue()


def map_npy(m: Map) -> bytes:
    """The values of a map as a NumPy array of float32."""
    out = io.BytesIO()
    np.save(out, np.asarray(m.values, np.float32), allow_pickle=False)
    return out.getvalue()


def map_json(m: Map) -> bytes:
    """The JSON form of a map."""
    return (json.dumps(m.to_dict(), indent=2, ensure_ascii=False) + "\n").encode()


def _draw_legend(m: Map, size: tuple[int, int], *, over_photograph: bool) -> Image.Image:
    """The legend as wide as the picture, or wider where its words need it."""
    legend = legend_of(m)
    em = min(max(size[1] // 50, 12), 80)
    font = ImageFont.load_default(em)
    line, box = round(1.6 * em), (round(1.2 * em), 2 * em)
    words = [f"{key.name}, {key.share:.1%}" for key in legend.keys]
    widths = [box[1] + round(2 * em + font.getlength(word)) for word in words]
    width = max(size[1], 26 * em, round(font.getlength(legend.title)) + 2 * em, *(w + em for w in widths))
    rows = _rows(widths, width - em)
    page = Image.new("RGB", (width, (2 + 2 * bool(legend.ticks)) * line + (max(rows, default=-1) + 1) * line), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((em, em // 2), legend.title, _INK, font)
    top = line + em // 2
    if legend.ticks:
        bar = (box[0], min(width - 4 * em, 40 * em))
        page.paste(Image.fromarray(scale_bar(m, bar, over_photograph=over_photograph)), (2 * em, top))
        for tick in legend.ticks:
            x = 2 * em + round(tick.place * (bar[1] - 1))
            draw.line((x, top + bar[0], x, top + bar[0] + em // 3), _INK, max(em // 12, 1))
            draw.text((x, top + bar[0] + em // 2), tick.text, _INK, font, anchor="ma")
        top += 2 * line
    left, row, period = em, 0, stroke_period(size)
    for key, word, wide, row_of_key in zip(legend.keys, words, widths, rows, strict=True):
        left, row = (left, row) if row_of_key == row else (em, row_of_key)
        patch = swatch(m, key.value, box, over_photograph=over_photograph, period=period)
        page.paste(Image.fromarray(patch), (left, top + row * line))
        draw.text((left + box[1] + em // 2, top + row * line + box[0] // 2), word, _INK, font, anchor="lm")
        left += wide
    return page


def _rows(widths: list[int], width: int) -> list[int]:
    """In which row each of some things stands that follow each other like words."""
    rows, row, used = [], 0, 0
    for wide in widths:
        if used and used + wide > width:
            row, used = row + 1, 0
        rows.append(row)
        used += wide
    return rows
