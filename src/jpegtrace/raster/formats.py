"""Picture formats told apart by their first bytes, never by a file's name."""

from __future__ import annotations

import posixpath
from enum import StrEnum

from jpegtrace.errors import UnknownFormat, UnsupportedFormat


class Format(StrEnum):
    """Formats that are read."""

    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    BMP = "BMP"
    WEBP = "WebP"
    GIF = "GIF"
    PNM = "PNM"


# What names promise. They decide nothing, but one that promises another format is worth a word.
SUFFIXES = {
    ".jpg": Format.JPEG,
    ".jpeg": Format.JPEG,
    ".jpe": Format.JPEG,
    ".jfif": Format.JPEG,
    ".png": Format.PNG,
    ".tif": Format.TIFF,
    ".tiff": Format.TIFF,
    ".bmp": Format.BMP,
    ".webp": Format.WEBP,
    ".gif": Format.GIF,
    ".pgm": Format.PNM,
    ".ppm": Format.PNM,
    ".pnm": Format.PNM,
}
_UNREAD_SUFFIXES = {
    ".heic": "HEIC",
    ".heif": "HEIF",
    ".avif": "AVIF",
    ".jp2": "JPEG 2000",
    ".jxl": "JPEG XL",
    ".psd": "Photoshop document",
    ".pdf": "PDF",
}
_UNREAD = (
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000 code stream"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"8BPS", "Photoshop document"),
    (b"%PDF", "PDF"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"FUJIFILM", "camera raw (RAF)"),
    (b"gimp xcf", "GIMP document"),
)
_ISO_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"avif": "AVIF", b"avis": "AVIF", b"crx ": "CR3 raw"}


def suffix_of(name: str) -> str:
    """What a file's name ends with, from the dot on, in small letters; empty where there is no dot."""
    return posixpath.splitext(name)[1].lower()


def promised_by(name: str) -> str:
    """The format that a file's name promises; empty where it promises none."""
    suffix = suffix_of(name)
    return SUFFIXES.get(suffix) or _UNREAD_SUFFIXES.get(suffix, "")


def sniff(data: bytes) -> Format:
    """Tell the format from the content.

    Raises:
        UnknownFormat: nothing that we know.
        UnsupportedFormat: a format that we know by name but do not read.
    """
    head = data[:32]
    if head[:2] == b"\xff\xd8":
        return Format.JPEG
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return Format.PNG
    if head[:4] in (b"II*\0", b"MM\0*"):
        return Format.TIFF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return Format.GIF
    if head[:2] == b"BM" and len(data) >= 26:
        return Format.BMP
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#" and len(data) >= 7:
        return Format.PNM
    if head[4:8] == b"ftyp":
        raise UnsupportedFormat(f"{_ISO_BRANDS.get(head[8:12], 'an ISO media file')} is not read", offset=0)
    for magic, name in _UNREAD:
        if head.startswith(magic):
            raise UnsupportedFormat(f"{name} is not read", offset=0)
    if not data:
        raise UnknownFormat("the input is empty", offset=0)
    shown = head[:8].hex(" ")
    raise UnknownFormat(
        f"the content is no picture format that is read ({', '.join(Format)}); it begins with {shown}", offset=0
    )
