"""Colour TIFF with 16 bits a sample, exactly; Pillow reduces pictures of this kind to 8 bits.

TIFF 6.0: strips and tiles, either byte order, chunky and planar; uncompressed, LZW, Deflate and PackBits, with
and without horizontal differencing.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import CorruptInput, UnsupportedFormat
from jpegtrace.limits import Limits
from jpegtrace.raster import _filters
from jpegtrace.raster.raster import Raster, from_channels

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, SAMPLES, STRIP_ROWS, STRIP_BYTES = (
    256, 257, 258, 259, 262, 273, 277, 278, 279,
)  # fmt: skip
PLANAR, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, EXTRA, FORMAT = (
    284, 317, 322, 323, 324, 325, 338, 339,
)  # fmt: skip
ORIENTATION = 274
_READ = {
    WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, SAMPLES, STRIP_ROWS, STRIP_BYTES, PLANAR, PREDICTOR,
    TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, EXTRA, FORMAT, ORIENTATION,
}  # fmt: skip
# Bytes of one value of each type, and of those types that hold whole numbers.
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_SIZES = {1: 1, 3: 2, 4: 4}
MAX_CHANNELS = 64
ORIENTATION_NOTE = "orientation {} is stored and was not applied"
Tags = dict[int, NDArray[np.unsignedinteger[Any]]]
_COMPRESSIONS = {1: "none", 5: "LZW", 8: "Deflate", 32946: "Deflate", 32773: "PackBits"}


def read_tags(data: bytes, limits: Limits) -> Tags:
    """Those whole-number tags of the first directory that decoding needs.

    Raises:
        CorruptInput: the directory or a value lies beyond the end of the file, or the values overlap.
    """
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        if at + size > len(data):
            raise CorruptInput("the TIFF directory lies beyond the end of the file", offset=min(at, len(data)))
        return int.from_bytes(data[at : at + size], order)

    directory = number(4, 4)
    count = number(directory, 2)
    limits.check("markers", count, offset=directory)
    tags: Tags = {}
    claimed = 0
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, values = number(entry, 2), number(entry + 2, 2), number(entry + 4, 4)
        # Thousands of tags may name one large value, and a reader that copies each runs out of memory.
        claimed += _WIDTHS.get(kind, 0) * values
        if claimed > 2 * len(data) and claimed - len(data) > 1 << 20:
            raise CorruptInput("the tags of the TIFF claim more bytes than the file has", offset=entry)
        size = _SIZES.get(kind)
        if size is None:
            continue
        start = entry + 8 if size * values <= 4 else number(entry + 8, 4)
        if start + size * values > len(data):
            raise CorruptInput(f"TIFF tag {tag} reaches beyond the end of the file", offset=entry)
        form = np.dtype(f"{'<' if order == 'little' else '>'}u{size}")
        if tag in _READ and values > 0:
            tags[tag] = np.frombuffer(data, form, values, start)
    return tags


def is_tiff16(tags: Tags) -> bool:
    """Whether the first picture has several samples of 16 bits a pixel."""
    bits = tags.get(BITS)
    return bits is not None and len(bits) > 1 and bool((bits == 16).all())


def tiff_size(tags: Tags, limits: Limits) -> tuple[int, int]:
    """Width and height of the first picture.

    Raises:
        CorruptInput: there is no size.
        LimitExceeded: too many pixels.
    """
    width, height = (_one(tags, tag, 0) for tag in (WIDTH, LENGTH))
    if width == 0 or height == 0:
        raise CorruptInput(f"the TIFF says {width}x{height} pixels", offset=4)
    limits.check("pixels", width * height, offset=4)
    return width, height


def check_pieces(tags: Tags) -> None:
    """Make sure that a TIFF of any depth names all its strips or tiles; Pillow leaves black what is missing.

    Raises:
        CorruptInput: there are fewer than the size asks for.
    """
    width, height = (_one(tags, tag, 0) for tag in (WIDTH, LENGTH))
    tiled = TILE_OFFSETS in tags
    piece_w = _one(tags, TILE_WIDTH, width) if tiled else width
    piece_h = _one(tags, TILE_LENGTH, height) if tiled else min(_one(tags, STRIP_ROWS, height), height)
    if min(piece_w, piece_h) <= 0:
        raise CorruptInput("the TIFF has strips or tiles of no size", offset=4)
    pieces = -(-width // piece_w) * -(-height // piece_h)
    if _one(tags, PLANAR, 1) == 2:
        pieces *= _one(tags, SAMPLES, 1)
    named = len(tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, ()))
    if named < pieces:
        raise CorruptInput(f"the TIFF names {named:,} of {pieces:,} pieces", offset=4)


def orientation(data: bytes, limits: Limits) -> int:
    """The orientation that the first picture of a TIFF asks for; 0 where it asks for none."""
    asked = _one(read_tags(data, limits), ORIENTATION, 1)
    return 0 if asked == 1 else asked


def upright(data: bytes, limits: Limits) -> bytes:
    """The same TIFF for a decoder that would turn the pixels: its first directory asks for no turning."""
    if not orientation(data, limits):
        return data
    little = data[:2] == b"II"
    order: Literal["little", "big"] = "little" if little else "big"
    changed = bytearray(data)
    directory = int.from_bytes(data[4:8], order)
    for entry in range(directory + 2, directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], order), 12):
        if int.from_bytes(data[entry : entry + 2], order) == ORIENTATION:
            changed[entry : entry + 12] = struct.pack("<HHIHH" if little else ">HHIHH", ORIENTATION, 3, 1, 1, 0)
    return bytes(changed)


def _one(tags: Tags, tag: int, default: int) -> int:
    return int(tags[tag][0]) if tag in tags else default


def count_pictures(data: bytes) -> int:
    """Number of directories in the file; stops at the first that is out of bounds or seen before."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    seen: set[int] = set()
    at = int.from_bytes(data[4:8], order)
    while 0 < at <= len(data) - 6 and at not in seen and len(seen) < 10_000:
        seen.add(at)
        end = at + 2 + 12 * int.from_bytes(data[at : at + 2], order)
        at = int.from_bytes(data[end : end + 4], order)
    return len(seen)


def read_tiff16(data: bytes, tags: Tags, limits: Limits) -> Raster:
    """Decode the first picture of a 16-bit TIFF with several samples a pixel.

    Raises:
        CorruptInput: data are missing or damaged.
        UnsupportedFormat: a compression, colour space or sample format that is not decoded.
    """
    width, height = tiff_size(tags, limits)
    channels = _one(tags, SAMPLES, 1)
    compression, photometric, predictor = (
        _one(tags, COMPRESSION, 1),
        _one(tags, PHOTOMETRIC, 2),
        _one(tags, PREDICTOR, 1),
    )
    if compression not in _COMPRESSIONS:
        raise UnsupportedFormat(f"16-bit TIFF with compression {compression} is not decoded", offset=4)
    colours = {0: 1, 1: 1, 2: 3, 5: 4}.get(photometric)
    if (
        colours is None
        or channels < colours
        or photometric == 0
        or predictor not in (1, 2)
        or _one(tags, FORMAT, 1) != 1
    ):
        raise UnsupportedFormat(
            f"16-bit TIFF with colour space {photometric}, {channels} samples, predictor {predictor} and "
            f"sample format {_one(tags, FORMAT, 1)} is not decoded",
            offset=4,
        )
    planar = _one(tags, PLANAR, 1) == 2
    tiled = TILE_OFFSETS in tags
    piece_w = _one(tags, TILE_WIDTH, width) if tiled else width
    piece_h = _one(tags, TILE_LENGTH, height) if tiled else min(_one(tags, STRIP_ROWS, height), height)
    if piece_w == 0 or piece_h == 0:
        raise CorruptInput("the TIFF has strips or tiles of no size", offset=4)
    if channels > MAX_CHANNELS:
        raise UnsupportedFormat(f"16-bit TIFF with {channels:,} samples a pixel is not decoded", offset=4)
    limits.check("pixels", piece_w * piece_h, offset=4)
    none = np.zeros(0, np.uint32)
    offsets = tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, none)
    counts = tags.get(TILE_BYTES if tiled else STRIP_BYTES, none)
    across, down = -(-width // piece_w), -(-height // piece_h)
    per_piece = 1 if planar else channels
    pieces = across * down * (channels if planar else 1)
    if len(offsets) < pieces or len(counts) < pieces:
        raise CorruptInput(f"the TIFF names {min(len(offsets), len(counts))} of {pieces} pieces", offset=4)
    order = "<" if data[:2] == b"II" else ">"
    samples = np.zeros((height, width, channels), np.uint16)
    for index in range(pieces):
        plane, place = divmod(index, across * down)
        row, col = place // across * piece_h, place % across * piece_w
        rows = piece_h if tiled else min(piece_h, height - row)
        offset = int(offsets[index])
        packed = data[offset : offset + int(counts[index])]
        raw = _unpack(packed, compression, rows * piece_w * per_piece * 2, min(offset, len(data)))
        piece = raw.view(f"{order}u2").astype(np.uint16).reshape(rows, piece_w, per_piece)
        if predictor == 2:
            piece = np.add.accumulate(piece, axis=1, dtype=np.uint16)
        target = samples[row : row + rows, col : col + piece_w, plane : plane + per_piece]
        target[...] = piece[: target.shape[0], : target.shape[1]]
    alpha = channels == colours + 1 and _one(tags, EXTRA, 0) in (1, 2)
    notes = []
    if channels > colours + alpha:
        notes.append(f"{channels - colours - alpha} extra channels are left out")
        samples = samples[..., : colours + alpha]
    if (turned := _one(tags, ORIENTATION, 1)) != 1:
        notes.append(ORIENTATION_NOTE.format(turned))
    return from_channels(samples, "jpegtrace", alpha=alpha, frames=count_pictures(data), note="; ".join(notes) or None)


def _unpack(packed: bytes, compression: int, needed: int, offset: int) -> NDArray[np.uint8]:
    name = _COMPRESSIONS[compression]
    written = needed
    out = np.zeros(0, np.uint8)
    if name == "none":
        out, written = np.frombuffer(packed[:needed], np.uint8), len(packed[:needed])
    elif name == "Deflate":
        try:
            raw = zlib.decompressobj().decompress(packed, needed)
        except zlib.error as error:
            raise CorruptInput(f"the compressed data of the TIFF are damaged: {error}", offset=offset) from error
        out, written = np.frombuffer(raw, np.uint8), len(raw)
    else:
        out = np.zeros(needed, np.uint8)
        source = np.frombuffer(packed, np.uint8)
        written = _filters.unpack_lzw(source, out) if name == "LZW" else _filters.unpack_bits(source, out)
    if written < needed:
        raise CorruptInput(f"a piece of the TIFF holds {max(written, 0):,} of {needed:,} bytes", offset=offset)
    return out
