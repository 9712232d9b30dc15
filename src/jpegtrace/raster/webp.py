"""How the pixels of a WebP are coded (RFC 9649)."""

from __future__ import annotations

from jpegtrace.limits import DEFAULT_LIMITS, Limits

RIFF_HEADER = 12  # bytes before the first chunk
CHUNK_HEADER = 8
FRAME_HEADER = 16  # bytes of a frame of an animation before its own chunks


def is_lossy_webp(data: bytes, limits: Limits = DEFAULT_LIMITS) -> bool | None:
    """Whether the first picture is coded by VP8, which loses, and not by VP8L, which does not; None without either.

    Raises:
        LimitExceeded: more chunks before it than `limits` allow.
    """
    kind = _first(data, (b"VP8 ", b"VP8L"), limits)
    return None if kind is None else kind == b"VP8 "


def is_lossless_webp(data: bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether it is one picture coded by VP8L; an animation, whose frames may be of either kind, is not.

    Raises:
        LimitExceeded: more chunks before it than `limits` allow.
    """
    return _first(data, (b"VP8 ", b"VP8L", b"ANMF"), limits) == b"VP8L"


def _first(data: bytes, kinds: tuple[bytes, ...], limits: Limits) -> bytes | None:
    """The first chunk of one of these kinds."""
    at = RIFF_HEADER
    count = 0
    while at + CHUNK_HEADER <= len(data):
        count += 1
        limits.check("markers", count, offset=at)
        kind = data[at : at + 4]
        if kind in kinds:
            return kind
        size = int.from_bytes(data[at + 4 : at + CHUNK_HEADER], "little")
        # A frame holds chunks like those of the file: alpha before the picture, or the picture at once.
        at += CHUNK_HEADER + (FRAME_HEADER if kind == b"ANMF" else size + size % 2)
    return None
