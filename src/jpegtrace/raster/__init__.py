"""Pictures of every readable format as exact pixels."""

from __future__ import annotations

from jpegtrace.limits import Limits
from jpegtrace.raster.formats import SUFFIXES, Format, promised_by, sniff, suffix_of
from jpegtrace.raster.raster import Pixels, Raster
from jpegtrace.raster.webp import is_lossless_webp, is_lossy_webp


def read_raster(data: bytes, form: Format, limits: Limits) -> Raster:
    """Decode the first picture in `data`, in the depth it was stored.

    Raises:
        CorruptInput: the content is damaged or cut off.
        UnsupportedFormat: a variant that cannot be decoded exactly.
        LimitExceeded: too many pixels.
    """
    from jpegtrace.raster.pillow import read_with_pillow
    from jpegtrace.raster.png16 import check_png, is_png16, read_png16
    from jpegtrace.raster.pnm16 import is_pnm16, read_pnm16
    from jpegtrace.raster.tiff16 import check_pieces, is_tiff16, read_tags, read_tiff16

    if form is Format.PNG:
        if is_png16(data):
            return read_png16(data, limits)
        check_png(data, limits)
    if form is Format.TIFF:
        tags = read_tags(data, limits)
        if is_tiff16(tags):
            return read_tiff16(data, tags, limits)
        check_pieces(tags)
    if form is Format.PNM and is_pnm16(data):
        return read_pnm16(data, limits)
    return read_with_pillow(data, form, limits)


def read_size(data: bytes, form: Format, limits: Limits) -> tuple[int, int]:
    """Width and height without decoding."""
    from jpegtrace.raster.pillow import open_image
    from jpegtrace.raster.tiff16 import is_tiff16, read_tags, tiff_size

    if form is Format.TIFF and is_tiff16(tags := read_tags(data, limits)):
        return tiff_size(tags, limits)
    width, height = open_image(data, form, limits).size
    return width, height


__all__ = [
    "SUFFIXES",
    "Format",
    "Pixels",
    "Raster",
    "is_lossless_webp",
    "is_lossy_webp",
    "promised_by",
    "read_raster",
    "read_size",
    "sniff",
    "suffix_of",
]
