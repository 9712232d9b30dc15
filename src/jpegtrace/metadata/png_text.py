"""Texts of a PNG: what programs write beside the pixels. PNG 3 (W3C), section 11.3.3: tEXt, zTXt, iTXt."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from jpegtrace.limits import Limits

LONGEST = 1 << 20  # bytes of one text, unpacked; the rest is left out
MOST = 100  # texts that are read


@dataclass(frozen=True, slots=True)
class PngText:
    """One text.

    Attributes:
        keyword: what it is, such as ``Software``.
        text: what it says; what cannot be decoded is replaced.
        offset: of its chunk in the file.
    """

    keyword: str
    text: str
    offset: int


def read_png_texts(data: bytes, limits: Limits) -> tuple[PngText, ...]:
    """All texts of a PNG up to the first chunk that makes no sense; none of a file that is no PNG.

    Raises:
        LimitExceeded: too many chunks.
    """
    found: list[PngText] = []
    for kind, offset, body in _chunks(data, limits):
        text = _TEXTS[kind](body) if kind in _TEXTS else None
        if text is not None:
            found.append(PngText(text[0].decode("latin-1"), text[1], offset))
        if len(found) >= MOST:
            break
    return tuple(found)


def _chunks(data: bytes, limits: Limits) -> Iterator[tuple[bytes, int, bytes]]:
    """Kind, offset and content of chunks; the content only of texts."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return
    pos, count = 8, 0
    while pos + 12 <= len(data):
        count += 1
        limits.check("markers", count, offset=pos)
        length = int.from_bytes(data[pos : pos + 4], "big")
        kind = data[pos + 4 : pos + 8]
        if kind == b"IEND" or pos + 12 + length > len(data):
            return
        if kind in _TEXTS:
            yield kind, pos, data[pos + 8 : pos + 8 + length]
        pos += 12 + length


def _plain(body: bytes) -> tuple[bytes, str] | None:
    keyword, mark, text = body.partition(b"\0")
    return (keyword, text[:LONGEST].decode("latin-1")) if mark else None


def _packed(body: bytes) -> tuple[bytes, str] | None:
    keyword, mark, rest = body.partition(b"\0")
    text = _inflated(rest[1:]) if mark and rest[:1] == b"\0" else None
    return None if text is None else (keyword, text.decode("latin-1"))


def _international(body: bytes) -> tuple[bytes, str] | None:
    keyword, mark, rest = body.partition(b"\0")
    parts = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    if not mark or len(rest) < 2 or len(parts) < 3:
        return None
    text = _inflated(parts[2]) if rest[0] else parts[2][:LONGEST]
    return None if text is None else (keyword, text.decode("utf-8", "replace"))


def _inflated(packed: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(packed, LONGEST)
    except zlib.error:
        return None


_TEXTS = {b"tEXt": _plain, b"zTXt": _packed, b"iTXt": _international}
