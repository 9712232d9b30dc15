"""EXIF from structures made by hand."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jpegtrace.metadata import read_exif
from jpegtrace.picture import Picture
from support.jpegs import pillow_jpeg, segment, with_segment
from support.pictures import scene
from support.rasters import hand_tiff

ORDERS = ["<", ">"]


def value(order: str, number: int, kind: int = 4) -> bytes:
    return struct.pack(order + {3: "Hxx", 4: "I", 9: "i"}[kind], number)


@pytest.mark.parametrize("order", ORDERS)
def test_both_byte_orders(order):
    tail_at = 8 + 2 + 12 * 6 + 4
    tail = b"Camera Maker\0" + struct.pack(order + "HHIII", 0x9003, 2, 20, 0, 0)
    entries = [
        (0x010F, 2, 13, value(order, tail_at)),
        (0x0110, 2, 3, b"X1\0\0"),
        (0x0112, 3, 1, value(order, 6, 3)),
        (0x0100, 4, 1, value(order, 4000)),
        (0x8825, 4, 1, value(order, 8)),
        (0x5678, 1, 1, b"\0\0\0\0"),
    ]
    exif = read_exif(hand_tiff(entries, order, tail), 100)
    assert exif.problems == ()
    assert exif.text("make") == "Camera Maker"
    assert exif.text("model") == "X1"
    assert exif.number("orientation") == 6
    assert exif.number("width") == 4000
    assert exif.has_gps
    assert exif.offset == 100
    assert exif.text("orientation") is None
    assert exif.number("make") is None
    assert exif.text("software") is None


@pytest.mark.parametrize("order", ORDERS)
def test_the_exif_directory_is_followed(order):
    at = 8 + 2 + 12 + 4
    inner = struct.pack(order + "H", 1) + struct.pack(order + "HHI", 0x9003, 2, 20) + value(order, at + 18)
    inner += bytes(4) + b"2024:01:02 03:04:05\0"
    exif = read_exif(hand_tiff([(0x8769, 4, 1, value(order, at))], order, inner))
    assert exif.text("taken") == "2024:01:02 03:04:05"
    assert exif.problems == ()


@pytest.mark.parametrize("order", ORDERS)
def test_the_thumbnail_is_found(order):
    thumbnail = pillow_jpeg(24, 32, quality=40)
    at = 8 + 2 + 4
    inner_size = 2 + 24 + 4
    inner = struct.pack(order + "H", 2)
    inner += struct.pack(order + "HHII", 0x0201, 4, 1, at + inner_size)
    inner += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    exif = read_exif(hand_tiff([], order, inner + thumbnail, following=at))
    assert exif.thumbnail == thumbnail
    assert exif.problems == ()
    inside = Picture.open(exif.thumbnail)
    assert (inside.width, inside.height) == (32, 24)


@pytest.mark.parametrize(
    ("tiff", "says"),
    [
        (b"", "TIFF header"),
        (b"II*\0", "TIFF header"),
        (b"XX*\0\0\0\0\x08", "TIFF header"),
        (b"II*\0\xff\xff\xff\x7f", "beyond"),
        (b"II*\0\x08\0\0\0\xff\xff", "65535 entries reaches beyond"),
        (hand_tiff([(0x010F, 2, 400, value("<", 20))]), "claims 400 bytes"),
        (hand_tiff([(0x010F, 2, 4_000_000_000, value("<", 20))]), "claims 4,000,000,000 bytes"),
        (hand_tiff([(0x010F, 99, 1, bytes(4))]), "unknown type 99"),
        (hand_tiff([(0x8769, 4, 1, value("<", 9999))]), "beyond"),
    ],
)
def test_what_breaks_the_rules_is_told_with_its_place(tiff, says):
    exif = read_exif(tiff, 1000)
    assert any(says in problem for problem in exif.problems)
    for problem in exif.problems:
        assert int(problem.split("at byte ")[1].rstrip(")")) >= 1000


def test_loops_end():
    looping = hand_tiff([(0x8769, 4, 1, value("<", 8))], following=8)
    exif = read_exif(looping)
    assert exif.thumbnail is None
    itself = hand_tiff([(0x8769, 4, 1, value("<", 0))], following=0xFFFFFFF0)
    assert read_exif(itself).problems


def test_a_directory_of_too_many_entries():
    entries = [(0x010F, 2, 3, b"ab\0\0")] * 3000
    exif = read_exif(hand_tiff(entries))
    assert any("more than 2000" in p for p in exif.problems)


@pytest.mark.parametrize(
    ("kind", "count", "raw", "expected"),
    [
        (3, 1, b"\7\0\0\0", 7),
        (3, 2, b"\7\0\x08\0", (7, 8)),
        (1, 4, b"\1\2\3\4", (1, 2, 3, 4)),
        (6, 1, b"\xff\0\0\0", -1),
        (8, 1, b"\xfe\xff\0\0", -2),
        (9, 1, b"\xfd\xff\xff\xff", -3),
        (11, 1, struct.pack("<f", 0.5), 0.5),
        (2, 4, b"a\xffb\0", "a\ufffdb"),
        (4, 0, b"\1\0\0\0", None),
        (7, 4, b"abcd", None),
    ],
)
def test_values_of_every_type(kind, count, raw, expected):
    tags = read_exif(hand_tiff([(0x0131, kind, count, raw)])).tags
    assert tags.get("software") == expected


@pytest.mark.parametrize(
    ("kind", "raw", "expected"), [(5, (3, 2), (1.5,)), (5, (3, 0), (0.0,)), (10, (-3, 2), (-1.5,))]
)
def test_rational_values(kind, raw, expected):
    at = 8 + 2 + 12 + 4
    tail = struct.pack("<ii", *raw)
    assert read_exif(hand_tiff([(0x0131, kind, 1, value("<", at))], tail=tail)).tags["software"] == expected


@pytest.mark.parametrize(("offset", "length"), [(-10, 5), (5, -10), (20, 10**6), (10**9, 5)])
def test_thumbnails_that_are_not_there(offset, length):
    at = 8 + 2 + 4
    inner = struct.pack("<H", 2) + struct.pack("<HHIi", 0x0201, 9, 1, offset)
    inner += struct.pack("<HHIi", 0x0202, 9, 1, length) + bytes(4)
    exif = read_exif(hand_tiff([], tail=inner, following=at))
    assert exif.problems
    assert exif.thumbnail is None or len(exif.thumbnail) < length


@given(st.binary(max_size=300), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_any_bytes_give_an_answer(tail, head):
    exif = read_exif(head + tail, 7)
    assert all("at byte" in problem for problem in exif.problems)


def test_orientation_is_reported_and_not_applied():
    picture = Image.fromarray(scene(40, 64))
    plain, turned = io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(plain, "JPEG")
    picture.save(turned, "JPEG", exif=exif)
    first, second = Picture.open(plain.getvalue()), Picture.open(turned.getvalue())
    assert second.metadata.exif.number("orientation") == 6
    assert (second.width, second.height) == (64, 40)
    for a, b in zip(first.coefficients.components, second.coefficients.components, strict=True):
        np.testing.assert_array_equal(a.blocks, b.blocks)
    np.testing.assert_array_equal(first.raster.pixels, second.raster.pixels)
    assert first.metadata.exif is None


def test_what_pillow_writes():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", "Model 5", "Editor 1.0"
    exif.get_ifd(0x8769)[0x9003] = "2020:02:03 04:05:06"
    exif.get_ifd(0x8769)[0xA002] = 640
    exif.get_ifd(0x8825)[1] = "N"
    found = Picture.open(pillow_jpeg(exif=exif)).metadata.exif
    assert found.problems == ()
    assert dict(found.tags) == {
        "make": "Maker", "model": "Model 5", "software": "Editor 1.0", "taken": "2020:02:03 04:05:06",
        "pixel_width": 640,
    }  # fmt: skip
    assert found.has_gps


def test_offsets_of_problems_count_from_the_file():
    data = with_segment(pillow_jpeg(), 0xE1, b"Exif\0\0" + b"II*\0\x08\0\0\0\xff\xff")
    exif = Picture.open(data).metadata.exif
    assert exif.offset == 12
    assert data[exif.offset : exif.offset + 4] == b"II*\0"
    assert "(at byte 20)" in exif.problems[0]


def test_an_exif_segment_that_is_cut_short():
    picture = Picture.open(pillow_jpeg()[:2] + segment(0xE1, b"Exif\0") + pillow_jpeg()[2:])
    assert picture.metadata.exif.problems
