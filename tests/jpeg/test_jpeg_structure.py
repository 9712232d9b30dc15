"""Segments: what the reader reports of them, and what it says when they are wrong."""

import numpy as np
import pytest

from jpegtrace.errors import CorruptInput, LimitExceeded, UnsupportedFormat
from jpegtrace.limits import Limits
from jpegtrace.picture import Picture
from support.jpegs import (
    EOI,
    SOI,
    Layout,
    cut,
    pillow_jpeg,
    random_parts,
    scan_span,
    segment,
    with_segment,
    without,
    write_jpeg,
)

PLAIN = pillow_jpeg()


def test_markers_tile_the_file():
    picture = Picture.open(pillow_jpeg(progressive=True))
    structure = picture.jpeg
    assert [m.name for m in structure.markers[:3]] == ["SOI", "APP0", "DQT"]
    assert structure.markers[-1].name == "EOI"
    for marker in structure.markers:
        assert picture.data[marker.offset] == 0xFF
        assert picture.data[marker.offset + 1] == marker.code
    ends = [m.offset + m.length for m in structure.markers]
    scan_ends = {s.data_start: s.data_end for s in structure.scans}
    for end, following in zip(ends, structure.markers[1:], strict=False):
        assert scan_ends.get(end, end) == following.offset
    assert structure.end == len(picture.data)


def test_sampling_and_interleaving_are_named():
    assert Picture.open(pillow_jpeg(subsampling=2)).jpeg.frame.sampling == "2x2-1x1-1x1"
    parts = random_parts(20, 20, [(1, 1)] * 3)
    assert Picture.open(write_jpeg(20, 20, parts)).jpeg.interleaved
    assert not Picture.open(write_jpeg(20, 20, parts, Layout(scans=[[0], [1], [2]]))).jpeg.interleaved


@pytest.mark.parametrize(
    ("options", "optimised"), [({}, False), ({"optimize": True}, True), ({"progressive": True}, True)]
)
def test_huffman_tables_are_standard_or_made_for_the_picture(options, optimised):
    assert Picture.open(pillow_jpeg(**options)).jpeg.optimised_huffman is optimised


def test_fill_bytes_are_no_damage():
    parts = random_parts(40, 40, [(1, 1)])
    plain = Picture.open(write_jpeg(40, 40, parts, Layout(restart=2)))
    filled = Picture.open(write_jpeg(40, 40, parts, Layout(restart=2, fill=4)))
    assert filled.damage == ()
    np.testing.assert_array_equal(plain.coefficients.components[0].blocks, filled.coefficients.components[0].blocks)


def test_a_picture_without_a_frame_header():
    with pytest.raises(CorruptInput, match="no frame header"):
        Picture.open(without(PLAIN, 0xC0))


def test_a_picture_without_scans():
    picture = Picture.open(without(PLAIN, 0xDA))
    assert picture.partial_coefficients.whole_share == 0
    with pytest.raises(CorruptInput, match="never sent"):
        _ = picture.coefficients


def test_a_picture_without_huffman_tables():
    picture = Picture.open(without(PLAIN, 0xC4))
    assert picture.partial_coefficients.whole_share == 0
    assert any("Huffman table dc 0 is used but not defined" in d.what for d in picture.damage)
    with pytest.raises(CorruptInput, match="Huffman table"):
        _ = picture.raster


def test_a_picture_without_quantization_tables():
    picture = Picture.open(without(PLAIN, 0xDB))
    assert picture.coefficients.whole
    assert picture.coefficients.components[0].table is None
    with pytest.raises(CorruptInput, match="no quantization table"):
        picture.planes()
    with pytest.raises(CorruptInput):
        _ = picture.raster


def test_a_second_frame_header_is_ignored_and_reported():
    frame = next(piece for piece in cut(PLAIN) if piece[1] == 0xC0)
    other = bytearray(frame)
    other[5:7] = (200).to_bytes(2, "big")
    picture = Picture.open(PLAIN.replace(frame, frame + bytes(other)))
    assert picture.height == 72
    assert [d.what for d in picture.damage] == ["a second frame header is ignored"]


def frame_of(data: bytes) -> int:
    return data.index(b"\xff\xc0")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (0xC3, "lossless JPEG"), (0xC5, "hierarchical"), (0xC6, "hierarchical"), (0xC7, "hierarchical"),
        (0xC9, "arithmetic-coded JPEG"), (0xCA, "arithmetic-coded progressive"), (0xCB, "arithmetic-coded lossless"),
        (0xCD, "hierarchical"), (0xCE, "hierarchical"), (0xCF, "hierarchical"), (0xF7, "JPEG-LS"),
    ],
)  # fmt: skip
def test_processes_that_are_not_decoded(code, says):
    data = bytearray(PLAIN)
    at = frame_of(PLAIN)
    data[at + 1] = code
    with pytest.raises(UnsupportedFormat, match=says) as caught:
        Picture.open(bytes(data))
    assert "104x72" in str(caught.value)
    assert caught.value.offset == at + 4


@pytest.mark.parametrize(("sof", "bits"), [(0xC1, 12), (0xC0, 12), (0xC2, 12), (0xC0, 16)])
def test_more_than_8_bits(sof, bits):
    data = bytearray(PLAIN)
    data[frame_of(PLAIN) + 4] = bits
    data[frame_of(PLAIN) + 1] = sof
    with pytest.raises(UnsupportedFormat, match=f"{bits}-bit JPEG"):
        Picture.open(bytes(data))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({5: 0, 6: 0}, "104x0"),
        ({7: 0, 8: 0}, "0x72"),
        ({9: 0}, "0 components"),
        ({9: 9}, "9 components"),
        ({11: 0x51}, "sampling factor"),
        ({11: 0x10}, "sampling factor"),
        ({12: 4}, "table slot"),
        ({13: 1}, "same name"),
        ({3: 9}, "cut off|components"),
    ],
)
def test_frame_headers_that_break_the_rules(change, says):
    data = bytearray(PLAIN)
    for offset, value in change.items():
        data[frame_of(PLAIN) + offset] = value
    picture_or_error = None
    with pytest.raises(CorruptInput) as caught:
        picture_or_error = Picture.open(bytes(data))
    assert picture_or_error is None
    # The frame header is noted as damage; without one there is no picture.
    assert "no frame header" in str(caught.value) or any(word in str(caught.value) for word in says.split("|"))


def test_a_dht_that_claims_more_codes_than_fit():
    bad = segment(0xC4, b"\0" + bytes([3]) + bytes(15) + b"\0\1\2")
    at = PLAIN.index(b"\xff\xda")
    picture = Picture.open(PLAIN[:at] + bad + PLAIN[at:])
    assert picture.partial_coefficients.whole_share < 1
    assert any("claims more codes than fit" in d.what for d in picture.damage)


@pytest.mark.parametrize(
    ("code", "payload", "says"),
    [
        (0xC4, b"\x24" + bytes(16), "Huffman table header"),
        (0xC4, b"\0" + bytes([0, 9]) + bytes(14), "cut off"),
        (0xC4, b"\0" + bytes(3), "cut off"),
        (0xDB, b"\x25" + bytes(64), "quantization table header"),
        (0xDB, b"\0" + bytes(10), "cut off"),
        (0xDB, b"\3" + bytes(64), "entry of 0"),
        (0xDD, b"\0", "2 bytes"),
        (0xDC, b"\0\x10", "DNL"),
    ],
)
def test_small_segments_that_break_the_rules(code, payload, says):
    picture = Picture.open(with_segment(PLAIN, code, payload))
    (damage,) = picture.damage
    assert says in damage.what
    assert 2 <= damage.offset < 2 + 4 + len(payload)
    assert picture.coefficients.whole  # the file defines its own tables afterwards


def test_stray_bytes_and_markers_are_reported():
    picture = Picture.open(SOI + b"stray" + PLAIN[2:])
    assert [(d.what, d.offset) for d in picture.damage] == [("5 bytes belong to no segment", 2)]
    picture = Picture.open(SOI + b"\xff\xd3" + PLAIN[2:])
    assert [(d.what, d.offset) for d in picture.damage] == [("marker RST3 has no business here", 2)]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"\1\7\0\0\x3f\0", "does not have"),
        (b"\2\1\0\1\0\0\x3f\0", "does not have"),
        (b"\4\1\0\2\0\3\0\4\0\0\x3f\0", "does not fit"),
        (b"\0\0\x3f\0", "does not fit"),
        (b"\3\1\0\2\0\3\0\0", "does not fit"),
    ],
)
def test_scan_headers_that_break_the_rules(header, says):
    pieces = cut(PLAIN)
    start, end = scan_span(PLAIN)
    index = next(i for i, p in enumerate(pieces) if p[1] == 0xDA)
    pieces[index] = segment(0xDA, header) + PLAIN[start:end]
    picture = Picture.open(b"".join(pieces))
    assert any(says in d.what for d in picture.damage)
    assert picture.partial_coefficients.whole_share == 0


def test_an_mcu_of_more_than_10_blocks():
    data = write_jpeg(33, 33, random_parts(33, 33, [(2, 2), (2, 2), (2, 2)]))
    picture = Picture.open(data)
    assert any("12 blocks" in d.what for d in picture.damage)


def test_progressive_scans_out_of_order_cannot_be_trusted():
    pieces = cut(pillow_jpeg(progressive=True))
    scans = [i for i, p in enumerate(pieces) if p[1] == 0xDA]
    for other in scans[1:]:
        swapped = list(pieces)
        # A scan and the tables before it come twice; the first copy of the last scan refines what was never sent.
        swapped[scans[0]] = pieces[other]
        picture = Picture.open(b"".join(swapped))
        assert picture.partial_coefficients.whole_share < 1


def test_a_repeated_scan_cannot_be_trusted():
    pieces = cut(PLAIN)
    index = next(i for i, p in enumerate(pieces) if p[1] == 0xDA)
    picture = Picture.open(b"".join([*pieces[:index], pieces[index], *pieces[index:]]))
    assert any("out of order" in d.what for d in picture.damage)
    assert not picture.partial_coefficients.whole


def test_a_lone_component_with_factors_of_its_own():
    # Encoders write 2x2 for grey; the factors mean nothing there (A.2.2).
    data = bytearray(write_jpeg(33, 17, random_parts(33, 17, [(1, 1)])))
    data[frame_of(bytes(data)) + 11] = 0x22
    assert Picture.open(bytes(data)).coefficients.components[0].blocks.shape[:2] == (3, 5)


def test_scan_bombs_are_refused():
    pieces = cut(PLAIN)
    start = b"".join(p for p in pieces if p[1] not in (0xDA, 0xD9))
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x55"
    with pytest.raises(LimitExceeded, match=r"scans is limited to 256"):
        Picture.open(start + scan * 5000 + EOI)
    assert len(Picture.open(start + scan * 300 + EOI, limits=Limits(scans=300)).jpeg.scans) == 300


def test_scans_that_visit_too_many_blocks_are_refused():
    with pytest.raises(LimitExceeded, match="coded_blocks"):
        Picture.open(PLAIN, limits=Limits(coded_blocks=100))


@pytest.mark.parametrize(
    "flood",
    [
        segment(0xFE, b"") * 120_000,
        b"\xff\x01" * 120_000,
        segment(0xDB, (b"\0" + bytes([1]) * 64) * 1000) * 101,
        segment(0xC4, (b"\0" + bytes(16)) * 3800) * 30,
    ],
    ids=["comments", "TEM", "quantization tables", "Huffman tables"],
)
def test_marker_floods_are_refused(flood):
    with pytest.raises(LimitExceeded, match="markers is limited to 100,000"):
        Picture.open(SOI + flood + PLAIN[2:])


def test_many_scans_that_do_not_fit_are_passed_over():
    pieces = cut(PLAIN)
    start = b"".join(p for p in pieces if p[1] not in (0xDA, 0xD9))
    picture = Picture.open(start + segment(0xDA, b"\1\x63\0\0\x3f\0") * 90_000 + EOI)
    assert picture.partial_coefficients.whole_share == 0
