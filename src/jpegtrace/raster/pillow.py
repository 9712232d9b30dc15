"""Pixels through Pillow, for everything that Pillow decodes exactly."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)
from PIL import __version__ as pillow_version

from jpegtrace.errors import CorruptInput, InputError, UnsupportedFormat
from jpegtrace.limits import Limits
from jpegtrace.raster.formats import Format
from jpegtrace.raster.raster import Raster, from_channels
from jpegtrace.raster.tiff16 import ORIENTATION_NOTE, count_pictures, orientation, upright

# The plugin is called by name: Image.open would guess again, and would apply a limit of its own.
_PLUGINS: dict[Format, type[ImageFile.ImageFile]] = {
    Format.JPEG: JpegImagePlugin.JpegImageFile,
    Format.PNG: PngImagePlugin.PngImageFile,
    Format.TIFF: TiffImagePlugin.TiffImageFile,
    Format.BMP: BmpImagePlugin.BmpImageFile,
    Format.WEBP: WebPImagePlugin.WebPImageFile,
    Format.GIF: GifImagePlugin.GifImageFile,
    Format.PNM: PpmImagePlugin.PpmImageFile,
}

# Blocks of a GIF that are walked through to count its pictures.
MAX_GIF_BLOCKS = 5_000_000


def open_image(data: bytes, form: Format, limits: Limits) -> ImageFile.ImageFile:
    """Open without decoding; the size is checked before any pixel is made.

    Raises:
        CorruptInput: Pillow refuses the content.
        LimitExceeded: too many pixels.
    """
    if form in (Format.WEBP, Format.GIF):
        # Pillow takes memory for the pixels of the one and checks the other's against a limit of its own.
        width, height = _webp_size(data) if form is Format.WEBP else _gif_size(data)
        limits.check("pixels", width * height, offset=12 if form is Format.WEBP else 6)
    if form is Format.TIFF:
        data = upright(data, limits)
    image = _guarded(lambda: _PLUGINS[form](io.BytesIO(data)), form)
    if not isinstance(image, ImageFile.ImageFile):
        raise CorruptInput(f"the {form} cannot be opened")
    width, height = image.size
    if width <= 0 or height <= 0:
        raise CorruptInput(f"the {form} says {width}x{height} pixels", offset=0)
    limits.check("pixels", width * height, offset=0)
    return image


def read_with_pillow(data: bytes, form: Format, limits: Limits) -> Raster:
    """Decode the first picture of a file.

    Raises:
        CorruptInput: Pillow refuses the content, or it is cut off.
    """
    image = open_image(data, form, limits)
    raster = _guarded(lambda: _decode(image, data, form, limits), form)
    if not isinstance(raster, Raster):
        raise CorruptInput(f"the {form} cannot be decoded")
    return raster


def decoder_name(form: Format) -> str:
    """Pillow with its version and, for JPEG, that of the library beneath."""
    if form is Format.JPEG:
        return f"Pillow {pillow_version}, libjpeg-turbo {features.version('libjpeg_turbo')}"
    return f"Pillow {pillow_version}"


def _decode(image: ImageFile.ImageFile, data: bytes, form: Format, limits: Limits) -> Raster:
    note = None
    if form is Format.TIFF:
        frames = count_pictures(data)
        if turned := orientation(data, limits):
            note = ORIENTATION_NOTE.format(turned)
    elif form is Format.GIF:
        frames = max(1, sum(1 for _ in _gif_pictures(data)))
    else:
        frames = getattr(image, "n_frames", 1)
    image.load()
    decoded: Image.Image = image
    mode = decoded.mode
    if mode == "P":
        note = "the palette was resolved"
        decoded = decoded.convert("RGBA" if "transparency" in decoded.info else "RGB")
    elif mode == "PA":
        note = "the palette was resolved"
        decoded = decoded.convert("RGBA")
    elif mode in ("1", "L", "RGB") and "transparency" in decoded.info:
        note = "one colour stands for transparency; it became alpha"
        decoded = decoded.convert("RGBA" if mode == "RGB" else "LA")
    elif mode == "1":
        decoded = decoded.convert("L")
    elif mode not in ("L", "LA", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I;16L", "I"):
        raise UnsupportedFormat(f"{form} with pixels of mode {mode} is not decoded")
    samples: Any = np.asarray(decoded)
    if mode.startswith("I"):
        # Some 16-bit pictures come as 32-bit integers; the values are exact either way.
        if int(samples.min()) < 0 or int(samples.max()) > 0xFFFF:
            raise UnsupportedFormat(f"{form} with samples of more than 16 bits is not decoded")
        samples = samples.astype(np.uint16)
    if form is Format.PNM and mode in ("L", "RGB"):
        note = "samples are scaled to 0..255 where the file's largest value is another"
    if samples.ndim == 2:
        samples = samples[..., None]
    return from_channels(
        samples,
        decoder_name(form),
        alpha=decoded.mode in ("LA", "RGBA"),
        frames=int(frames),
        note=note,
        palette=mode in ("P", "PA"),
    )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height from the header of a WebP (RFC 9649, section 2)."""
    kind, head = data[12:16], data[20:30]
    if len(head) == 10:
        if kind == b"VP8X":
            return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
        if kind == b"VP8L" and head[0] == 0x2F:
            sizes = int.from_bytes(head[1:5], "little")
            return (sizes & 0x3FFF) + 1, (sizes >> 14 & 0x3FFF) + 1
        if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
            return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    raise CorruptInput("the WebP has no header that says its size", offset=12)


def _gif_size(data: bytes) -> tuple[int, int]:
    """Width and height of a GIF: its screen, or its first picture where that is larger."""
    width, height = struct.unpack("<HH", data[6:10]) if len(data) >= 10 else (0, 0)
    first = next(_gif_pictures(data), None)
    if first is not None:
        left, top, across, down = struct.unpack("<4H", data[first + 1 : first + 9])
        width, height = max(width, left + across), max(height, top + down)
    return width, height


def _gif_pictures(data: bytes) -> Iterator[int]:
    """Offsets of the image descriptors of a GIF; ends where the blocks stop making sense (GIF89a, section 15)."""

    def behind_table(at: int, flags: int) -> int:
        return at + (3 << (flags & 7) + 1 if flags & 0x80 else 0)

    at = behind_table(13, data[10]) if len(data) > 13 else len(data)
    blocks = 0
    while at + 10 < len(data) and data[at] in (0x21, 0x2C) and blocks < MAX_GIF_BLOCKS:
        if data[at] == 0x2C:
            yield at
            at = behind_table(at + 10, data[at + 9]) + 1
        else:
            at += 2
        while at < len(data) and data[at] and blocks < MAX_GIF_BLOCKS:
            at += 1 + data[at]
            blocks += 1
        at += 1
        blocks += 1


def _guarded(action: Any, form: Format) -> object:
    """Run Pillow code; what it raises or warns about becomes an error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result: object = action()
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise UnsupportedFormat(f"Pillow refuses this {form}: {error}") from error
        except Exception as error:  # there is hardly a type that no plugin raises on bad input
            text = str(error) or type(error).__name__
            raise CorruptInput(f"the {form} cannot be decoded: {text}") from error
    return result
