"""Bounds: named in the error, kept before memory is taken, raised on request."""

import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from jpegtrace.errors import InputError, LimitExceeded, UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits
from jpegtrace.picture import Picture
from support.jpegs import pillow_jpeg, segment
from support.pictures import scene
from support.rasters import hand_tiff, pillow, png_chunk


def jpeg_header(width: int, height: int, sof: int = 0xC0) -> bytes:
    """A JPEG that claims a size and holds nothing."""
    parts = pillow_jpeg(8, 8)
    at = parts.index(b"\xff\xc0")
    frame = bytearray(parts[at : at + 19])
    frame[1] = sof
    frame[5:9] = struct.pack(">HH", height, width)
    return parts[:at] + bytes(frame) + parts[at + 19 :]


def png_header(width: int, height: int, bits: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\1") + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body


def tiff_header(width: int, height: int, bits: int) -> bytes:
    def u32(value: int) -> bytes:
        return struct.pack("<I", value)

    at = 8 + 2 + 12 * 9 + 4
    entries = [
        (256, 4, 1, u32(width)), (257, 4, 1, u32(height)), (258, 3, 3, u32(at)), (259, 3, 1, u32(1)),
        (262, 3, 1, u32(2)), (273, 4, 1, u32(8)), (277, 3, 1, u32(3)), (278, 4, 1, u32(height)), (279, 4, 1, u32(9)),
    ]  # fmt: skip
    return hand_tiff(entries, tail=struct.pack("<HHH", bits, bits, bits))


def gif_header(width: int, height: int) -> bytes:
    frame = b"\x2c" + bytes(4) + struct.pack("<HH", width, height) + b"\0\2\2\x44\1\0;"
    return b"GIF89a" + struct.pack("<HH", 10, 10) + b"\x80\0\0" + bytes(6) + frame


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def webp_header(width: int, height: int, kind: str) -> bytes:
    data = bytearray(pillow(Image.fromarray(scene(16, 16)), "WEBP", lossless=kind == "VP8L"))
    if kind == "VP8X":
        chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4)
        chunk += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        data[12:12] = chunk
        data[4:8] = struct.pack("<I", len(data) - 8)
    elif kind == "VP8L":
        data[21:25] = struct.pack("<I", width - 1 | height - 1 << 14)
    else:
        data[26:30] = struct.pack("<HH", width, height)
    return bytes(data)


BOMBS = {
    "JPEG": (jpeg_header(65535, 65535), 65535**2),
    "progressive JPEG": (jpeg_header(65535, 65535, 0xC2), 65535**2),
    "PNG": (png_header(100_000, 100_000), 10**10),
    "PNG 16": (png_header(100_000, 100_000, 16), 10**10),
    "TIFF": (tiff_header(100_000, 100_000, 8), 10**10),
    "TIFF 16": (tiff_header(100_000, 100_000, 16), 10**10),
    "GIF": (gif_header(65535, 65535), 65535**2),
    "BMP": (bmp_header(100_000, 100_000), 10**10),
    "WebP lossless": (webp_header(16384, 16384, "VP8L"), 16384**2),
    "WebP lossy": (webp_header(16383, 16383, "VP8"), 16383**2),
    "WebP extended": (webp_header(60_000, 60_000, "VP8X"), 3_600_000_000),
    "PGM": (b"P5 100000 100000 255\n", 10**10),
    "PGM 16": (b"P5 100000 100000 65535\n", 10**10),
    "text PGM": (b"P2 100000 100000 65535\n1 2 3", 10**10),
}


@pytest.mark.parametrize("name", BOMBS)
def test_pixel_bombs_are_refused_before_memory_is_taken(name):
    data, pixels = BOMBS[name]
    bound = 300_000_000 if pixels > 300_000_000 else 100_000_000
    limits = DEFAULT_LIMITS if bound == 300_000_000 else Limits(pixels=bound)
    tracemalloc.start()
    with pytest.raises(LimitExceeded) as caught:
        Picture.open(data, limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    error = caught.value
    assert (error.limit, error.allowed, error.found) == ("pixels", bound, pixels)
    assert f"pixels is limited to {bound:,} and this input asks for {pixels:,}" in str(error)
    assert "Limits(pixels=...)" in str(error)
    assert error.offset is not None


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "TIFF 16", "BMP", "PGM", "WebP lossless"])
def test_limits_can_be_raised(name):
    data, pixels = BOMBS[name]
    try:
        picture = Picture.open(data, limits=Limits(pixels=10**11, coded_blocks=10**11))
    except LimitExceeded:
        pytest.fail("the limit was raised")
    except InputError as error:  # past the limit, what else is wrong with the file may show
        assert "WebP" in name, error  # noqa: PT017
    else:
        assert picture.width * picture.height == pixels


def test_the_limit_is_where_it_says():
    data = pillow_jpeg(20, 30)
    assert Picture.open(data, limits=Limits(pixels=600)).width == 30
    with pytest.raises(LimitExceeded):
        Picture.open(data, limits=Limits(pixels=599))
    assert Picture.open(data, limits=Limits(bytes=len(data)))
    with pytest.raises(LimitExceeded) as caught:
        Picture.open(data, limits=Limits(bytes=len(data) - 1))
    assert caught.value.found == len(data)


def test_large_files_are_refused_without_being_read(tmp_path):
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    tracemalloc.start()
    with pytest.raises(LimitExceeded, match="bytes is limited to 1,073,741,824"):
        Picture.open(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


def test_raised_checks_names_and_values():
    assert Limits().raised(pixels=5).pixels == 5
    assert Limits().raised(scans=5).pixels == Limits().pixels
    with pytest.raises(UsageError, match="no limit called 'pixel'; the limits are bytes, pixels"):
        Limits().raised(pixel=5)
    with pytest.raises(UsageError, match="a whole number from 1"):
        Limits().raised(pixels=0)


def test_chunk_floods():
    from jpegtrace.raster import Format, read_raster

    chunks = png_chunk(b"tEXt", b"") * 3000
    good = png_header(4, 4, 16)
    with pytest.raises(LimitExceeded, match="markers is limited to 2,000"):
        read_raster(good[:33] + chunks + good[33:], Format.PNG, Limits(markers=2000))
    with pytest.raises(LimitExceeded, match="markers is limited to 5"):
        Picture.open(tiff_header(4, 4, 16), limits=Limits(markers=5))


MEMORY_OF_A_CLAIM = """
import resource, sys
from jpegtrace.picture import Picture
Picture.open(sys.stdin.buffer.read(int(sys.argv[1]))).partial_coefficients
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
picture = Picture.open(sys.stdin.buffer)
assert picture.width == 15000
share = picture.partial_coefficients.whole_share
assert share < 1e-4, share
assert picture.damage
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("sof", [0xC0, 0xC2])
def test_a_header_that_claims_a_large_picture_stays_cheap(sof):
    # The coefficients alone would take 900 MiB; what is not there must not be touched.
    small = pillow_jpeg(8, 8)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_OF_A_CLAIM, str(len(small))],
        input=small + jpeg_header(15000, 15000, sof),
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) < 300


def test_a_bomb_behind_a_marker_flood():
    data = jpeg_header(65535, 65535)
    flood = segment(0xFE, b"x" * 10) * 500
    with pytest.raises(LimitExceeded, match="pixels"):
        Picture.open(data[:2] + flood + data[2:])


def test_coefficients_of_a_picture_at_the_limit_of_its_width():
    picture = Picture.open(jpeg_header(65500, 8))
    assert picture.partial_coefficients.components[0].blocks.shape[1] == 8188
    assert np.mean(picture.partial_coefficients.components[0].whole) < 0.01
