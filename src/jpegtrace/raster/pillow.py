"""Pixels through Pillow, for everything that Pillow decodes exactly."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
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

from jpegtrace.errors import CorruptInput, InputError, LimitExceeded
from jpegtrace.limits import Limits
from jpegtrace.raster.formats import Format
from jpegtrace.raster.raster import Raster, from_channels

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
# Everything that Pillow's plugins are known to raise on bad input.
_FAILURES = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, AttributeError, OverflowError,
    AssertionError, RuntimeError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


def open_image(data: bytes, form: Format, limits: Limits) -> ImageFile.ImageFile:
    """Open without decoding; the size is checked before any pixel is made.

    Raises:
        CorruptInput: Pillow refuses the content.
        LimitExceeded: too many pixels.
    """
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
    raster = _guarded(lambda: _decode(image, form), form)
    if not isinstance(raster, Raster):
        raise CorruptInput(f"the {form} cannot be decoded")
    return raster


def decoder_name(form: Format) -> str:
    """Pillow with its version and, for JPEG, that of the library beneath."""
    if form is Format.JPEG:
        return f"Pillow {pillow_version}, libjpeg-turbo {features.version('libjpeg_turbo')}"
    return f"Pillow {pillow_version}"


def _decode(image: ImageFile.ImageFile, form: Format) -> Raster:
    note = None
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
    elif mode == "1":
        decoded = decoded.convert("L")
    elif mode not in ("L", "LA", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I;16L", "I"):
        raise OSError(f"pixels of mode {mode} are not read")
    samples: Any = np.asarray(decoded)
    if mode.startswith("I"):
        # Some 16-bit pictures come as 32-bit integers; the values are exact either way.
        if int(samples.min()) < 0 or int(samples.max()) > 0xFFFF:
            raise OSError("samples of more than 16 bits are not read")
        samples = samples.astype(np.uint16)
    if form is Format.PNM and mode in ("L", "RGB"):
        note = "samples are scaled to 0..255 where the file's largest value is another"
    if samples.ndim == 2:
        samples = samples[..., None]
    return from_channels(
        samples, decoder_name(form), alpha=decoded.mode in ("LA", "RGBA"), frames=int(frames), note=note
    )


def _guarded(action: Any, form: Format) -> object:
    """Run Pillow code; what it raises or warns about becomes an error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result: object = action()
        except (InputError, LimitExceeded):
            raise
        except _FAILURES as error:
            text = str(error) or type(error).__name__
            raise CorruptInput(f"the {form} cannot be decoded: {text}") from error
    return result
