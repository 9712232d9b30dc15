"""JPEG files made to measure.

`write_jpeg` codes given coefficients with the Huffman tables of T.81 Annex K, written from the standard and not from
the reader under test; whatever it writes is also read back by libjpeg in the tests.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from support.pictures import scene

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
ORDER = sorted(
    ((r, c) for r in range(8) for c in range(8)),
    key=lambda rc: (rc[0] + rc[1], rc[0] if (rc[0] + rc[1]) % 2 else rc[1]),
)

DC_COUNTS = bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
DC_SYMBOLS = bytes(range(12))
# One table for everything: all run/size pairs have codes of 8 bits, the 34 rarest of 9 to 10.
AC_SYMBOLS = bytes([0x00, 0xF0, *(16 * run + size for size in range(1, 11) for run in range(16))])
AC_COUNTS = bytes([0, 0, 0, 2, 4, 10, 10, 60, 60, 16, 0, 0, 0, 0, 0, 0])


def segment(code: int, payload: bytes) -> bytes:
    """A marker segment with its length."""
    return bytes([0xFF, code]) + (len(payload) + 2).to_bytes(2, "big") + payload


def codes(counts: bytes, symbols: bytes) -> dict[int, str]:
    """Symbol to bits (T.81, C.2)."""
    found, code, index = {}, 0, 0
    for length, count in enumerate(counts, start=1):
        for symbol in symbols[index : index + count]:
            found[symbol] = format(code, f"0{length}b")
            code += 1
        index += count
        code <<= 1
    return found


DC_CODES, AC_CODES = codes(DC_COUNTS, DC_SYMBOLS), codes(AC_COUNTS, AC_SYMBOLS)


def magnitude(value: int) -> tuple[int, str]:
    """Category and extra bits of a value (T.81, F.1.2.1)."""
    size = abs(value).bit_length()
    return size, format(value if value > 0 else value + (1 << size) - 1, f"0{size}b") if size else ""


def code_block(block: NDArray[np.int16], previous: int) -> str:
    """Bits of one sequential block."""
    size, extra = magnitude(int(block[0, 0]) - previous)
    bits, run = [DC_CODES[size], extra], 0
    for place in ORDER[1:]:
        value = int(block[place])
        if value == 0:
            run += 1
            continue
        bits += [AC_CODES[0xF0]] * (run // 16)
        size, extra = magnitude(value)
        bits += [AC_CODES[run % 16 << 4 | size], extra]
        run = 0
    return "".join(bits) + (AC_CODES[0] if run else "")


def pack(bits: str) -> bytes:
    """Pad with ones, stuff."""
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")


@dataclass
class Part:
    """One component of a picture to write."""

    blocks: NDArray[np.int16]  # (rows, columns, 8, 8), padded to whole MCUs
    h: int = 1
    v: int = 1
    table: int = 0


@dataclass
class Layout:
    """How to write it."""

    sof: int = 0xC0
    restart: int = 0
    scans: Sequence[Sequence[int]] = ()
    table_bits: int = 8
    adobe: int | None = None
    fill: int = 0
    tables: dict[int, NDArray[np.int64]] = field(default_factory=lambda: {0: np.arange(64).reshape(8, 8) % 13 + 1})


def grid(width: int, height: int, parts: Sequence[Part], index: int) -> tuple[int, int]:
    """Blocks that hold samples (T.81, A.1.1)."""
    hmax, vmax = max(p.h for p in parts), max(p.v for p in parts)
    rows, cols = -(-height * parts[index].v // vmax), -(-width * parts[index].h // hmax)
    return -(-rows // 8), -(-cols // 8)


def random_parts(width: int, height: int, factors: Sequence[tuple[int, int]], seed: int = 3) -> list[Part]:
    """Components of given factors with random sparse coefficients."""
    rng = np.random.default_rng(seed)
    hmax, vmax = max(h for h, _ in factors), max(v for _, v in factors)
    down, across = -(-height // (8 * vmax)), -(-width // (8 * hmax))
    parts = []
    for h, v in factors:
        shape = (down * v, across * h, 8, 8)
        keep = rng.random(shape) < rng.choice([0.05, 0.3], shape[:2])[..., None, None]
        blocks = np.where(keep, rng.laplace(0, 6, shape).round(), 0)
        blocks[..., 0, 0] = rng.integers(-200, 200, shape[:2])
        blocks[..., 7, 7] = rng.integers(-1, 2, shape[:2])
        parts.append(Part(np.clip(blocks, -1000, 1000).astype(np.int16), h, v))
    return parts


def write_jpeg(width: int, height: int, parts: Sequence[Part], layout: Layout | None = None) -> bytes:
    """A sequential JPEG with exactly these coefficients."""
    layout = layout or Layout()
    fill = b"\xff" * layout.fill
    out = [SOI]
    if layout.adobe is not None:
        out.append(fill + segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([layout.adobe])))
    for slot, table in layout.tables.items():
        entries = [int(table[place]) for place in ORDER]
        size = layout.table_bits // 8
        out.append(
            fill + segment(0xDB, bytes([(size - 1) << 4 | slot]) + b"".join(e.to_bytes(size, "big") for e in entries))
        )
    frame = bytes([8]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(parts)])
    frame += b"".join(bytes([i + 1, p.h << 4 | p.v, p.table]) for i, p in enumerate(parts))
    out.append(fill + segment(layout.sof, frame))
    out.append(fill + segment(0xC4, b"\0" + DC_COUNTS + DC_SYMBOLS + b"\x10" + AC_COUNTS + AC_SYMBOLS))
    if layout.restart:
        out.append(fill + segment(0xDD, layout.restart.to_bytes(2, "big")))
    for scan in layout.scans or [range(len(parts))]:
        header = bytes([len(scan)]) + b"".join(bytes([i + 1, 0]) for i in scan) + b"\0\x3f\0"
        out.append(fill + segment(0xDA, header))
        out.append(_scan_data(width, height, parts, list(scan), layout.restart, fill))
    return b"".join(out) + fill + EOI


def _scan_data(width: int, height: int, parts: Sequence[Part], scan: list[int], restart: int, fill: bytes) -> bytes:
    if len(scan) == 1:
        rows, cols = grid(width, height, parts, scan[0])
        mcus = [[(scan[0], r, c)] for r in range(rows) for c in range(cols)]
    else:
        hmax, vmax = max(p.h for p in parts), max(p.v for p in parts)
        mcus = [
            [
                (i, r * parts[i].v + y, c * parts[i].h + x)
                for i in scan
                for y in range(parts[i].v)
                for x in range(parts[i].h)
            ]
            for r in range(-(-height // (8 * vmax)))
            for c in range(-(-width // (8 * hmax)))
        ]
    pieces = []
    step = restart or len(mcus)
    for number, start in enumerate(range(0, len(mcus), step)):
        previous = dict.fromkeys(scan, 0)
        bits = []
        for mcu in mcus[start : start + step]:
            for i, r, c in mcu:
                block = parts[i].blocks[r, c]
                bits.append(code_block(block, previous[i]))
                previous[i] = int(block[0, 0])
        pieces.append((fill + bytes([0xFF, 0xD0 + (number - 1) % 8]) if number else b"") + pack("".join(bits)))
    return b"".join(pieces)


def pillow_jpeg(height: int = 72, width: int = 104, *, seed: int = 1, mode: str = "RGB", **options: object) -> bytes:
    """What Pillow writes of a scene."""
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    buffer = io.BytesIO()
    picture = Image.fromarray(scene(height, width, seed, min(channels, 3)))
    (picture.convert("CMYK") if mode == "CMYK" else picture).save(buffer, "JPEG", **{"quality": 85, **options})
    return buffer.getvalue()


def cut(data: bytes) -> list[bytes]:
    """SOI, each segment (an SOS with its data), EOI and what follows it."""
    pieces, at = [data[:2]], 2
    while data[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDA:
            while not (data[end] == 0xFF and data[end + 1] != 0 and not 0xD0 <= data[end + 1] <= 0xD7):
                end += 1
        pieces.append(data[at:end])
        at = end
    return [*pieces, data[at : at + 2], *([data[at + 2 :]] if data[at + 2 :] else [])]


def with_segment(data: bytes, code: int, payload: bytes) -> bytes:
    """The same file with one more segment behind SOI."""
    return data[:2] + segment(code, payload) + data[2:]


def without(data: bytes, code: int) -> bytes:
    """The same file without the segments of one kind."""
    return b"".join(piece for piece in cut(data) if piece[1] != code)


def scan_span(data: bytes) -> tuple[int, int]:
    """First and end byte of the entropy-coded data of the first scan."""
    at = 0
    for piece in cut(data):
        if piece[1] == 0xDA:
            return at + 2 + int.from_bytes(piece[2:4], "big"), at + len(piece)
        at += len(piece)
    raise AssertionError("no scan")


def restart_pieces(data: bytes) -> tuple[bytes, list[bytes], bytes]:
    """What is before the data of the only scan, its restart segments (each with its marker), what is behind."""
    start, end = scan_span(data)
    pieces, last = [], start
    for at in range(start, end - 1):
        if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7:
            pieces.append(data[last:at])
            last = at
    return data[:start], [*pieces, data[last:end]], data[end:]
