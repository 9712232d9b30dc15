"""Files of the other formats, written from their specifications where no encoder makes the variant."""

import io
import struct
import zlib

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + kind + payload + zlib.crc32(kind + payload).to_bytes(4, "big")


def png16(samples: NDArray[np.uint16], *, interlaced: bool = False, seed: int = 0, idat: int = 1 << 30) -> bytes:
    """A PNG of 16 bits a sample, (height, width, channels); every row draws one of the five filters."""
    height, width, channels = samples.shape
    rng = np.random.default_rng(seed)
    raw = b""
    for x, y, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = samples[y::dy, x::dx]
        if part.size == 0:
            continue
        rows = part.astype(">u2").reshape(part.shape[0], -1).view(np.uint8)
        before = np.zeros_like(rows[0])
        for row in rows:
            kind = int(rng.integers(5))
            raw += bytes([kind]) + _filtered(row, before, kind, 2 * channels)
            before = row
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, interlaced)
    packed = zlib.compress(raw)
    data = b"".join(png_chunk(b"IDAT", packed[i : i + idat]) for i in range(0, len(packed), idat))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + data + png_chunk(b"IEND", b"")


def _filtered(row: NDArray[np.uint8], above: NDArray[np.uint8], kind: int, step: int) -> bytes:
    out = []
    for i, value in enumerate(row.tolist()):
        left = int(row[i - step]) if i >= step else 0
        up, corner = int(above[i]), int(above[i - step]) if i >= step else 0
        estimate = left + up - corner
        paeth = min((abs(estimate - v), order, v) for order, v in enumerate((left, up, corner)))[2]
        out.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
    return bytes(out)


def tiff(samples: NDArray[np.unsignedinteger], **options: object) -> bytes:
    """What tifffile writes."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, metadata=None, **options)
    return buffer.getvalue()


def pack_bits(data: bytes) -> bytes:
    """PackBits (TIFF 6.0, section 9)."""
    out, at = b"", 0
    while at < len(data):
        run = 1
        while run < 128 and at + run < len(data) and data[at + run] == data[at]:
            run += 1
        if run > 2:
            out += bytes([257 - run, data[at]])
        else:
            run = min(20, len(data) - at)
            out += bytes([run - 1]) + data[at : at + run]
        at += run
    return out + b"\x80"


def pack_lzw(data: bytes) -> bytes:
    """TIFF's LZW (TIFF 6.0, section 13)."""
    bits: list[str] = []
    table: dict[bytes, int] = {}

    def put(code: int) -> None:
        width = 9 + sum(len(table) + 258 >= edge for edge in (512, 1024, 2048))
        bits.append(format(code, f"0{width}b"))

    def clear() -> None:
        put(256)
        table.clear()

    def code_of(string: bytes) -> int:
        return string[0] if len(string) == 1 else table[string]

    clear()
    held = b""
    for i in range(len(data)):
        longer = held + data[i : i + 1]
        if len(longer) == 1 or longer in table:
            held = longer
            continue
        put(code_of(held))
        table[longer] = 258 + len(table)
        if len(table) + 258 == 4095:
            clear()
        held = longer[-1:]
    put(code_of(held))
    table[b""] = 0
    put(257)
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def tiff_by_hand(
    samples: NDArray[np.unsignedinteger],
    *,
    byteorder: str,
    photometric: str,
    compression: str = "none",
    predictor: int = 1,
    rowsperstrip: int = 0,
    planar: bool = False,
    extrasamples: bool = False,
) -> bytes:
    """A TIFF in strips, (height, width[, channels]), written from the specification."""
    samples = samples if samples.ndim == 3 else samples[..., None]
    height, width, channels = samples.shape
    depth = samples.dtype.itemsize
    step = rowsperstrip or height
    planes = [samples[..., c : c + 1] for c in range(channels)] if planar else [samples]
    strips = []
    for plane in planes:
        for top in range(0, height, step):
            part = plane[top : top + step]
            if predictor == 2:
                part = np.concatenate([part[:, :1], part[:, 1:] - part[:, :-1]], axis=1)
            raw = part.astype(f"{byteorder}u{depth}").tobytes()
            strips.append({"none": bytes, "lzw": pack_lzw, "packbits": pack_bits}[compression](raw))
    at = 1000 + 8 * len(strips)
    offsets = []
    for strip in strips:
        offsets.append(at)
        at += len(strip)

    def numbers(kind: int, *values: int) -> tuple[int, int, bytes, bytes]:
        form = byteorder + {3: "H", 4: "I"}[kind] * len(values)
        packed = struct.pack(form, *values)
        return kind, len(values), packed.ljust(4, b"\0"), packed

    tags = {
        256: numbers(4, width), 257: numbers(4, height), 258: numbers(3, *[8 * depth] * channels),
        259: numbers(3, {"none": 1, "lzw": 5, "packbits": 32773}[compression]),
        262: numbers(3, {"minisblack": 1, "rgb": 2}[photometric]), 273: numbers(4, *offsets),
        277: numbers(3, channels), 278: numbers(4, step), 279: numbers(4, *(len(s) for s in strips)),
        284: numbers(3, 2 if planar else 1), 317: numbers(3, predictor),
    }  # fmt: skip
    if extrasamples:
        tags[338] = numbers(3, 2)
    entries, tail, place = [], b"", 10 + 12 * len(tags) + 4
    for tag in sorted(tags):
        kind, count, value, packed = tags[tag]
        if len(packed) > 4:
            value = struct.pack(byteorder + "I", place + len(tail))
            tail += packed
        entries.append((tag, kind, count, value))
    return hand_tiff(entries, byteorder, tail).ljust(1000 + 8 * len(strips), b"\0") + b"".join(strips)


def pillow(image: Image.Image, form: str, **options: object) -> bytes:
    """What Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def hand_tiff(
    entries: list[tuple[int, int, int, bytes]], order: str = "<", tail: bytes = b"", following: int = 0
) -> bytes:
    """A TIFF structure of one directory at byte 8: entries are tag, type, count and the 4 bytes of value or offset."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    body = b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return head + struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", following) + tail
