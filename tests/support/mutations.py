"""Seeded damage to files of every format, and what the reader makes of it."""

import io
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageCms

from jpegtrace.errors import CorruptInput, InputError, JpegtraceError
from jpegtrace.picture import Picture
from support.jpegs import cut, pillow_jpeg
from support.pictures import deep_scene, scene
from support.rasters import pillow, png16, png_chunk, tiff, tiff_by_hand

Generator = np.random.Generator
EXTREMES = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SECONDS = 5.0


def _rich_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker of cameras", 6
    exif.get_ifd(0x8769)[0x9003] = "2020:02:03 04:05:06"
    return pillow_jpeg(
        80, 112, progressive=True, restart_marker_blocks=5, exif=exif, comment=b"a comment",
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )  # fmt: skip


@cache
def originals() -> dict[str, list[bytes]]:
    """Whole files of each format to damage; two kinds where a format has several readers inside."""
    image = Image.fromarray(scene(48, 60))
    frames = [Image.fromarray(scene(48, 60, seed)).quantize(32) for seed in (2, 3)]
    deep = deep_scene(30, 41)
    header = b"P6\n# made for a test\n41 30\n65535\n"
    return {
        "JPEG baseline": [pillow_jpeg(80, 112), pillow_jpeg(80, 112, restart_marker_blocks=3, optimize=True)],
        "JPEG progressive": [_rich_jpeg()],
        "PNG 8": [pillow(image, "PNG"), pillow(image.quantize(16), "PNG", transparency=1)],
        "PNG 16": [png16(deep, idat=900), png16(deep, interlaced=True)],
        "TIFF 8": [pillow(image, "TIFF"), pillow(image, "TIFF", compression="tiff_lzw"), tiff(scene(48, 60))],
        "TIFF 16 LZW": [
            tiff_by_hand(deep, byteorder="<", photometric="rgb", compression="lzw", predictor=2, rowsperstrip=8),
            tiff_by_hand(deep, byteorder=">", photometric="rgb", compression="lzw", planar=True),
            tiff_by_hand(deep, byteorder="<", photometric="rgb", compression="packbits"),
            tiff(deep, photometric="rgb", tile=(16, 16), compression="zlib"),
        ],
        "BMP": [pillow(image, "BMP"), pillow(image.quantize(16), "BMP")],
        "WebP": [pillow(image, "WEBP", lossless=True), pillow(image, "WEBP", quality=70)],
        "GIF": [pillow(image.quantize(32), "GIF"), pillow(frames[0], "GIF", save_all=True, append_images=frames[1:])],
        "PNM": [header + deep.astype(">u2").tobytes(), pillow(image, "PPM"), b"P2 9 9 1000 " + b"77 # x\n " * 81],
    }


def mutate(form: str, data: bytes, rng: Generator) -> bytes:
    """The file with one to three changes."""
    kinds: list[Callable[[bytes, Generator], bytes]] = [
        _flip, _flip, _flip, _truncate, _insert, _remove, _repeat, _exchange, _blank, _extreme, _extreme,
    ]  # fmt: skip
    kinds += {"J": [_segments] * 6 + [_lengths] * 3, "P": [_chunks] * 6, "T": [_entries] * 8}.get(form[0], [])
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        data = kinds[int(rng.integers(len(kinds)))](data, rng)
    return data


def _place(data: bytes, rng: Generator) -> int:
    # Half of the changes go to the head, where they hurt most.
    bound = len(data) if rng.random() < 0.5 else min(len(data), 300)
    return int(rng.integers(max(bound, 1)))


def _flip(data: bytes, rng: Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 2, 8, 40]))):
        if changed:
            changed[_place(data, rng)] ^= int(rng.integers(1, 256))
    return bytes(changed)


def _truncate(data: bytes, rng: Generator) -> bytes:
    return data[: _place(data, rng)]


def _insert(data: bytes, rng: Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + rng.bytes(int(rng.choice([1, 2, 17, 300]))) + data[at:]


def _span(data: bytes, rng: Generator) -> tuple[int, int]:
    at = _place(data, rng)
    return at, at + int(rng.choice([1, 2, 4, 16, 100, 1000]))


def _remove(data: bytes, rng: Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _repeat(data: bytes, rng: Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * int(rng.choice([1, 1, 3, 100])) + data[end:]


def _exchange(data: bytes, rng: Generator) -> bytes:
    (a, b), (c, d) = sorted([_span(data, rng), _span(data, rng)])
    c = max(b, c)
    d = max(c, d)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _blank(data: bytes, rng: Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + bytes([int(rng.choice([0, 255]))]) * len(data[start:end]) + data[end:]


def _extreme(data: bytes, rng: Generator) -> bytes:
    at, size = _place(data, rng), int(rng.choice([1, 2, 4]))
    value = int(rng.choice(EXTREMES)) % (1 << 8 * size)
    return data[:at] + value.to_bytes(size, str(rng.choice(["big", "little"]))) + data[at + size :]


def _pieces(data: bytes) -> list[bytes]:
    try:
        return cut(data)
    except IndexError:  # damaged before
        return [data]


def _shuffled(pieces: list[bytes], rng: Generator) -> list[bytes]:
    pieces = list(pieces)
    i, j = (int(v) for v in rng.integers(len(pieces), size=2))
    kind = int(rng.integers(4))
    if kind == 0:
        pieces[i], pieces[j] = pieces[j], pieces[i]
    elif kind == 1:
        del pieces[i]
    elif kind == 2:
        pieces[j:j] = [pieces[i]] * int(rng.choice([1, 2, 300]))
    else:
        pieces[i] = _flip(pieces[i], rng)
    return pieces


def _segments(data: bytes, rng: Generator) -> bytes:
    return b"".join(_shuffled(_pieces(data), rng))


def _lengths(data: bytes, rng: Generator) -> bytes:
    pieces = _pieces(data)
    i = int(rng.integers(len(pieces)))
    if len(pieces[i]) > 4:
        value = int(rng.choice(EXTREMES)) if rng.random() < 0.5 else len(pieces[i]) + int(rng.integers(-9, 9))
        pieces[i] = pieces[i][:2] + (value % 65536).to_bytes(2, "big") + pieces[i][4:]
    return b"".join(pieces)


def _chunks(data: bytes, rng: Generator) -> bytes:
    """PNG chunks changed with their checksums put right, so that what lies behind them is reached."""
    if not data.startswith(b"\x89PNG"):
        return _extreme(data, rng)
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return data
    i = int(rng.integers(len(chunks)))
    kind, payload = chunks[i]
    if kind == b"IDAT" and rng.random() < 0.7:
        try:
            raw = zlib.decompress(b"".join(p for k, p in chunks if k == b"IDAT"))
        except zlib.error:
            raw = payload
        first = next(n for n, (k, _) in enumerate(chunks) if k == b"IDAT")
        chunks = [c for c in chunks if c[0] != b"IDAT"]
        chunks.insert(first, (b"IDAT", zlib.compress(_flip(raw, rng))))
    elif rng.random() < 0.5:
        chunks[i] = (kind, (_flip if rng.random() < 0.5 else _extreme)(payload, rng))
    else:
        joined = _shuffled([k + p for k, p in chunks], rng)
        chunks = [(piece[:4].ljust(4, b"x"), piece[4:]) for piece in joined]
    return data[:8] + b"".join(png_chunk(k, p) for k, p in chunks)


def _entries(data: bytes, rng: Generator) -> bytes:
    """One field of one entry of a TIFF directory set to something extreme."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 16:
        return data
    (directory,) = struct.unpack(order + "I", data[4:8])
    count = int.from_bytes(data[directory : directory + 2], "little" if order == "<" else "big")
    if not 0 < count < 100:
        return _extreme(data, rng)
    at = directory + 2 + 12 * int(rng.integers(count))
    offset, form = ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H"))[int(rng.integers(5))]
    value = int(rng.choice(EXTREMES)) if rng.random() < 0.6 else int(rng.integers(0, 400))
    field = struct.pack(order + form, value % (1 << (16 if form == "H" else 32)))
    return data[: at + offset] + field + data[at + offset + len(field) :]


@dataclass
class Outcome:
    """What became of one damaged file."""

    kind: str  # "opened", "damaged", the name of an error class, or "crash: ..."
    seconds: float


def exercise(data: bytes) -> Outcome:
    """Ask everything of a file; every failure must be one of ours and say what and where."""
    begin = time.perf_counter()
    kind = _ask(data)
    return Outcome(kind, time.perf_counter() - begin)


def _ask(data: bytes) -> str:
    kind = "opened"
    picture: Picture | None = None

    def everything(step: int) -> None:
        nonlocal picture, kind
        if step == 0:
            picture = Picture.open(io.BytesIO(data))
            return
        assert picture is not None
        if step == 1:
            _ = picture.metadata, picture.sha256
        elif step == 2 and picture.jpeg is not None:
            found = picture.partial_coefficients
            assert all(c.blocks.shape[:2] == c.whole.shape for c in found.components)
            if picture.damage or not found.whole:
                kind = "damaged"
            assert found.whole or picture.damage, "blocks are lost and nothing is reported"
            for damage in picture.damage:
                assert damage.what
                assert 0 <= damage.offset <= len(data), damage
        elif step == 3 and picture.jpeg is not None:
            picture.planes()
        elif step == 4:
            raster = picture.raster
            assert raster.pixels.shape[:2] == (picture.height, picture.width)

    for step in range(5):
        try:
            everything(step)
        except JpegtraceError as error:
            complaint = _complaint(error, len(data))
            if complaint:
                return complaint
            if step == 0 or (kind == "opened" and picture is not None and picture.jpeg is None):
                return type(error).__name__
            kind = "damaged"
        except Exception as error:  # that is what is looked for
            return f"crash: step {step}: {type(error).__name__}: {error}"
    assert picture is not None
    return kind if picture.data == data else "crash: the bytes were changed"


def _complaint(error: JpegtraceError, size: int) -> str:
    if not isinstance(error, InputError):
        return f"crash: {type(error).__name__} is no InputError"
    if len(error.what) < 10 or error.source is None:
        return f"crash: no sentence or no name: {error}"
    own = isinstance(error, CorruptInput) and error.__cause__ is None
    if own and error.offset is None:
        return f"crash: no offset: {error}"
    if error.offset is not None and not 0 <= error.offset <= size:
        return f"crash: offset outside: {error}"
    return ""


def damaged_files(form: str, count: int, seed: int) -> list[bytes]:
    """`count` damaged files of one format."""
    files = []
    for number in range(count):
        rng = np.random.default_rng([seed, number, zlib.crc32(form.encode())])
        whole = originals()[form]
        files.append(mutate(form, whole[number % len(whole)], rng))
    return files
