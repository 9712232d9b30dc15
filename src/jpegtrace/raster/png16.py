"""PNG with 16 bits a sample, exactly; Pillow reduces colour pictures of this kind to 8 bits.

And a check for those of fewer bits, which Pillow decodes.

PNG 3 (W3C), sections 7 to 9.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import CorruptInput
from jpegtrace.limits import Limits
from jpegtrace.raster import _filters
from jpegtrace.raster.raster import Raster, from_channels

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Start column, start row, column step, row step of the seven passes (section 8.1).
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def is_png16(data: bytes) -> bool:
    """Whether a PNG holds 16 bits a sample."""
    return data[12:16] == b"IHDR" and data[24:25] == b"\x10"


def read_png16(data: bytes, limits: Limits) -> Raster:
    """Decode a 16-bit PNG.

    Raises:
        CorruptInput: a checksum, a length or the compressed data are wrong, or data are missing.
        LimitExceeded: too many pixels or chunks.
    """
    passes, sizes, needed = _layout(data, limits)
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    colour = data[25]
    if colour == 3:
        raise CorruptInput("a PNG palette has no 16-bit indices", offset=24)
    channels = _CHANNELS[colour]
    raw = _inflate(_image_data(data, limits), needed)
    samples = np.zeros((height, width, channels), np.uint16)
    pos = 0
    for (x, y, dx, dy), (rows, cols) in zip(passes, sizes, strict=True):
        if rows <= 0 or cols <= 0:
            continue
        stride = 1 + cols * channels * 2
        part = raw[pos : pos + rows * stride].reshape(rows, stride)
        pos += rows * stride
        lines = part[:, 1:].copy()  # never a view: the kernel writes
        bad = _filters.unfilter(lines, part[:, 0].copy(), channels * 2)
        if bad >= 0:
            raise CorruptInput(f"row {bad} of the PNG names a filter that does not exist", offset=33)
        samples[y::dy, x::dx] = lines.view(">u2").reshape(rows, cols, channels)
    return from_channels(samples, "jpegtrace", alpha=colour in (4, 6))


def check_png(data: bytes, limits: Limits) -> None:
    """Make sure that a PNG of any depth holds all its pixels; Pillow leaves black what is missing.

    Raises:
        CorruptInput: a checksum, a length or the compressed data are wrong, or data are missing.
        LimitExceeded: too many pixels or chunks.
    """
    _, _, needed = _layout(data, limits)
    packed = _image_data(data, limits)
    inflater = zlib.decompressobj()
    found = 0
    try:
        for start in range(0, len(packed), 1 << 20):
            piece = packed[start : start + (1 << 20)]
            while piece and found < needed and not inflater.eof:
                found += len(inflater.decompress(piece, 1 << 22))
                piece = inflater.unconsumed_tail
        found += len(inflater.flush()) if found < needed else 0
    except zlib.error as error:
        raise CorruptInput(f"the compressed data of the PNG are damaged: {error}", offset=33) from error
    if found < needed:
        raise CorruptInput(f"the PNG holds {found:,} of {needed:,} bytes of pixels", offset=33)


_Passes = tuple[tuple[int, int, int, int], ...]


def _layout(data: bytes, limits: Limits) -> tuple[_Passes, list[tuple[int, int]], int]:
    """Passes, rows and columns of each, and bytes of all rows with their filters."""
    if len(data) < 33:
        raise CorruptInput("the PNG is cut off in its header", offset=len(data))
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    bits, colour, interlaced = data[24], data[25], data[28]
    if colour not in _CHANNELS or bits not in (1, 2, 4, 8, 16) or interlaced > 1 or width == 0 or height == 0:
        raise CorruptInput(
            f"the PNG header is not valid ({width}x{height}, {bits} bits, colour type {colour})", offset=16
        )
    limits.check("pixels", width * height, offset=16)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(height - y) // dy), -(-(width - x) // dx)) for x, y, dx, dy in passes]
    bits_a_pixel = bits * _CHANNELS[colour]
    needed = sum(rows * (1 + -(-cols * bits_a_pixel // 8)) for rows, cols in sizes if rows > 0 and cols > 0)
    return passes, sizes, needed


def _image_data(data: bytes, limits: Limits) -> bytes:
    parts: list[bytes] = []
    pos, count = 8, 0
    while True:
        count += 1
        limits.check("markers", count, offset=pos)
        length = int.from_bytes(data[pos : pos + 4], "big")
        kind, end = data[pos + 4 : pos + 8], pos + 12 + length
        if end > len(data):
            raise CorruptInput("the PNG is cut off", offset=pos)
        # Chunks whose name begins with a small letter can be done without (section 5.4).
        needed = not data[pos + 4] & 0x20
        if needed and zlib.crc32(data[pos + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise CorruptInput(f"the checksum of PNG chunk {kind!r} is wrong", offset=pos)
        if kind == b"IDAT":
            parts.append(data[pos + 8 : end - 4])
        if kind == b"IEND":
            return b"".join(parts)
        pos = end


def _inflate(packed: bytes, needed: int) -> NDArray[np.uint8]:
    try:
        raw = zlib.decompressobj().decompress(packed, needed)
    except zlib.error as error:
        raise CorruptInput(f"the compressed data of the PNG are damaged: {error}", offset=33) from error
    if len(raw) < needed:
        raise CorruptInput(f"the PNG holds {len(raw):,} of {needed:,} bytes of pixels", offset=33)
    return np.frombuffer(raw, np.uint8)
