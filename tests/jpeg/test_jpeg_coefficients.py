"""Coefficients, planes and pixels against independent readers."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.fft import idctn

from jpegtrace.jpeg import dequantize
from jpegtrace.picture import Picture
from support.jpegs import Layout, Part, pillow_jpeg, random_parts, write_jpeg
from support.pictures import scene
from support.reference import libjpeg_coefficients

FACTORS = {
    "grey": [(1, 1)],
    "444": [(1, 1)] * 3,
    "422": [(2, 1), (1, 1), (1, 1)],
    "420": [(2, 2), (1, 1), (1, 1)],
    "440": [(1, 2), (1, 1), (1, 1)],
    "411": [(4, 1), (1, 1), (1, 1)],
    "410": [(4, 2), (1, 1), (1, 1)],
    "three": [(3, 1), (1, 1), (1, 1)],
    "odd": [(2, 2), (2, 1), (1, 1)],
    "upside": [(1, 1), (2, 2), (1, 2)],
    "four": [(1, 1)] * 4,
    "four-420": [(2, 2), (1, 1), (1, 1), (2, 2)],
}
SIZES = [(1, 1), (1, 19), (19, 1), (7, 9), (8, 8), (17, 33), (50, 33)]


def assert_as_libjpeg(data: bytes) -> Picture:
    picture = Picture.open(data)
    assert picture.damage == ()
    components = picture.coefficients.components
    expected = libjpeg_coefficients(data)
    assert len(components) == len(expected)
    for component, reference in zip(components, expected, strict=True):
        rows, cols = component.blocks.shape[:2]
        assert component.whole.all()
        np.testing.assert_array_equal(component.blocks, reference[:rows, :cols])
    return picture


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("factors", FACTORS.values(), ids=FACTORS)
def test_sequential_of_every_sampling_and_size(factors, size):
    width, height = size
    parts = random_parts(width, height, factors)
    picture = assert_as_libjpeg(write_jpeg(width, height, parts))
    assert (picture.width, picture.height) == size
    for component, part in zip(picture.coefficients.components, parts, strict=True):
        rows, cols = component.blocks.shape[:2]
        np.testing.assert_array_equal(component.blocks, part.blocks[:rows, :cols])


@pytest.mark.parametrize(
    "layout",
    [
        Layout(sof=0xC1),
        Layout(restart=1),
        Layout(restart=2),
        Layout(restart=5, fill=3),
        Layout(scans=[[0], [1], [2]]),
        Layout(scans=[[0], [2, 1]]),
        Layout(scans=[[2], [1], [0]], restart=3),
        Layout(table_bits=16, tables={0: np.arange(64).reshape(8, 8) * 500 + 1}),
        Layout(adobe=0),
        Layout(adobe=1),
        Layout(fill=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("factors", ["444", "420", "odd"])
def test_sequential_of_every_layout(factors, layout):
    parts = random_parts(75, 41, FACTORS[factors])
    picture = assert_as_libjpeg(write_jpeg(75, 41, parts, layout))
    table = picture.coefficients.components[0].table
    assert table is not None
    np.testing.assert_array_equal(table, layout.tables[0])


@pytest.mark.parametrize("transform", [0, 2])
def test_cmyk_and_ycck(transform):
    picture = assert_as_libjpeg(write_jpeg(33, 17, random_parts(33, 17, FACTORS["four"]), Layout(adobe=transform)))
    assert picture.metadata.adobe.transform == transform


def test_each_component_has_its_own_table():
    parts = random_parts(20, 20, FACTORS["444"])
    for index, part in enumerate(parts):
        part.table = index
    tables = {slot: np.full((8, 8), 3 + slot) + np.eye(8, dtype=int) for slot in range(3)}
    picture = assert_as_libjpeg(write_jpeg(20, 20, parts, Layout(tables=tables)))
    for slot, component in enumerate(picture.coefficients.components):
        np.testing.assert_array_equal(component.table, tables[slot])


PILLOW_OPTIONS = {
    "plain": {},
    "quality 1": {"quality": 1},
    "quality 100": {"quality": 100},
    "optimised": {"optimize": True},
    "444": {"subsampling": 0},
    "422": {"subsampling": 1},
    "420": {"subsampling": 2},
    "progressive": {"progressive": True},
    "progressive 444 best": {"progressive": True, "subsampling": 0, "quality": 98},
    "restart every MCU": {"restart_marker_blocks": 1},
    "restart every row": {"restart_marker_rows": 1},
    "progressive restart": {"progressive": True, "restart_marker_blocks": 3},
    "progressive restart rows": {"progressive": True, "restart_marker_rows": 1, "quality": 99},
    "stored as RGB": {"keep_rgb": True},
    "own tables": {"qtables": [[1 + i for i in range(64)], [200 - i for i in range(64)]]},
}


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", PILLOW_OPTIONS.values(), ids=PILLOW_OPTIONS)
def test_what_pillow_writes(options, mode):
    data = pillow_jpeg(85, 123, mode=mode, **options)
    picture = assert_as_libjpeg(data)
    assert picture.jpeg.frame.kind == ("progressive" if options.get("progressive") else "baseline")
    image = Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(picture.raster.pixels, np.asarray(image))
    for slot, table in image.quantization.items():
        stored = next(t.table for t in picture.jpeg.quantization_tables if t.slot == slot)
        np.testing.assert_array_equal(stored.ravel(), table)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_progressive_of_every_size(size):
    for subsampling in range(3):
        assert_as_libjpeg(pillow_jpeg(size[1], size[0], subsampling=subsampling, progressive=True))


@pytest.mark.parametrize("factor", ["411", "420", "422", "440", "444"])
@pytest.mark.parametrize("progressive", [0, 1])
def test_what_opencv_writes(factor, progressive):
    options = [
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{factor}"),
        cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, 2,
    ]  # fmt: skip
    done, data = cv2.imencode(".jpg", scene(85, 123), options)
    assert done
    picture = assert_as_libjpeg(data.tobytes())
    assert len(picture.jpeg.scans[0].restarts) > 8  # the numbers wrap
    assert picture.jpeg.restart_interval == 2


def test_16_bit_tables_of_another_encoder():
    tables = [[min(32767, 300 + 17 * i) for i in range(64)]]
    data = pillow_jpeg(64, 64, mode="L", qtables=tables)
    picture = assert_as_libjpeg(data)
    assert picture.jpeg.quantization_tables[0].bits in (8, 16)


def test_a_horizontal_wave_has_horizontal_frequencies_only():
    wave = np.tile((128 + 80 * np.cos(np.arange(32) * np.pi / 8 * 1.5)).astype(np.uint8), (24, 1))
    buffer = io.BytesIO()
    Image.fromarray(wave).save(buffer, "JPEG", quality=90)
    blocks = Picture.open(buffer.getvalue()).coefficients.components[0].blocks
    assert blocks.shape == (3, 4, 8, 8)
    assert np.any(blocks[:, :, 0, 1:])
    assert not np.any(blocks[:, :, 1:, :])
    np.testing.assert_array_equal(blocks[0], blocks[1])


def test_a_table_lies_as_the_picture_does():
    table = np.ones((8, 8), int)
    table[0, 1], table[1, 0], table[7, 0] = 40, 50, 70
    picture = Picture.open(write_jpeg(8, 8, [Part(np.zeros((1, 1, 8, 8), np.int16))], Layout(tables={0: table})))
    np.testing.assert_array_equal(picture.coefficients.components[0].table, table)


@pytest.mark.parametrize("factors", ["grey", "420", "411", "four"])
def test_planes_are_the_inverse_transform(factors):
    picture = Picture.open(write_jpeg(100, 61, random_parts(100, 61, FACTORS[factors])))
    for component, plane in zip(picture.coefficients.components, picture.planes(), strict=True):
        rows, cols = component.blocks.shape[:2]
        exact = component.blocks.astype(np.float64) * component.table
        samples = idctn(exact, axes=(2, 3), norm="ortho") + 128
        expected = samples.transpose(0, 2, 1, 3).reshape(rows * 8, cols * 8)
        assert plane.dtype == np.float32
        np.testing.assert_allclose(plane, expected, atol=1e-3, rtol=0)
        np.testing.assert_allclose(dequantize(component), exact)


def test_planes_round_to_the_pixels_of_a_grey_picture():
    data = pillow_jpeg(600, 41, mode="L")  # more block rows than are transformed at once
    picture = Picture.open(data)
    (plane,) = picture.planes()
    rounded = np.clip(np.rint(plane[:600, :41]), 0, 255)
    assert np.abs(rounded - picture.raster.pixels).max() <= 1


def test_coefficients_cannot_be_written_to():
    component = Picture.open(pillow_jpeg()).coefficients.components[0]
    for array in (component.blocks, component.whole, component.table):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0


# --- by hand -----------------------------------------------------------------------------------------------------


def hand_made(data: bytes, counts: bytes = b"\0\1\0\0\1" + bytes(11), symbols: bytes = b"\0\7") -> bytes:
    """One grey 8x8 block: DC codes 00 -> category 0, 01000 -> category 7; AC code 0 -> end of block."""
    return (
        b"\xff\xd8"
        b"\xff\xdb\0\x43\0" + b"\x10" * 64 + b"\xff\xc0\0\x0b\x08\0\x08\0\x08\1\1\x11\0"
        b"\xff\xc4" + (19 + len(symbols)).to_bytes(2, "big") + b"\0" + counts + symbols
        + b"\xff\xc4\0\x14\x10\1" + bytes(15) + b"\0"
        b"\xff\xda\0\x08\1\1\0\0\x3f\0" + data + b"\xff\xd9"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "dc"),
    [
        ("00" + "0", 0),
        # T.81 table F.1: category 7 holds -127..-64 and 64..127; EXTEND of 1000000 is 64, of 0111111 is -64.
        ("01000" + "1000000" + "0", 64),
        ("01000" + "0111111" + "0", -64),
        ("01000" + "1111111" + "0", 127),
        ("01000" + "0000000" + "0", -127),
        ("01000" + "1010101" + "0", 85),
    ],
)
def test_one_block_by_hand(bits, dc):
    padded = bits + "1" * (-len(bits) % 8)
    data = int(padded, 2).to_bytes(len(padded) // 8, "big").replace(b"\xff", b"\xff\0")
    picture = Picture.open(hand_made(data))
    assert picture.damage == ()
    expected = np.zeros((8, 8))
    expected[0, 0] = dc
    np.testing.assert_array_equal(picture.coefficients.components[0].blocks[0, 0], expected)
    # A DC of n with step 16 raises every sample by 16 n / 8.
    np.testing.assert_allclose(picture.planes()[0], np.full((8, 8), 128 + 2 * dc), atol=1e-3)


EXTENDED = [
    (0, 0, 0), (1, 0, -1), (1, 1, 1), (2, 0, -3), (2, 1, -2), (2, 2, 2), (2, 3, 3), (5, 15, -16), (5, 16, 16),
    (15, 0, -32767),
]  # fmt: skip


@pytest.mark.parametrize(("size", "bits", "value"), EXTENDED)
def test_extend(size, bits, value):
    from jpegtrace.jpeg._entropy_kernels import _extend

    assert _extend(bits, size) == value
