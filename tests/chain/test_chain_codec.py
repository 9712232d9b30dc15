"""The codec equals libjpeg-turbo bit for bit: coefficients against jpeglib's reading, pixels against Pillow's."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegtrace.chain import codec, encoders
from jpegtrace.errors import ChainError

PILLOW = {"444": 0, "422": 1, "420": 2, "grey": -1}
SIZES = [(64, 64), (37, 53), (8, 8), (1, 1), (2, 3), (5, 4), (16, 6), (33, 17), (3, 9)]


def contents(rows, cols, picture):
    rng = np.random.default_rng(rows * 1000 + cols)
    return {
        "noise": rng.integers(0, 256, (rows, cols, 3)).astype(np.uint8),
        "black and white": (255 * rng.integers(0, 2, (rows, cols, 3))).astype(np.uint8),
        "smooth": picture(rows, cols),
        "flat": np.full((rows, cols, 3), 255, np.uint8),
    }


def pillow(pixels, quality, subsampling):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling=PILLOW[subsampling])
    data = stream.getvalue()
    decoded = Image.open(io.BytesIO(data))
    tables = [np.array(decoded.quantization[slot]).reshape(8, 8) for slot in sorted(decoded.quantization)]
    return data, tables, np.asarray(decoded)


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "grey"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_equals_pillow(size, subsampling, picture, coefficients):
    for name, pixels in contents(*size, picture).items():
        source = np.ascontiguousarray(pixels[..., 1]) if subsampling == "grey" else pixels
        for quality in (1, 5, 30, 50, 75, 90, 95, 100):
            data, tables, decoded = pillow(source, quality, subsampling)
            planes = codec.compress(source, tables[0], tables[-1], subsampling)
            for found, expected in zip(planes, coefficients(data), strict=True):
                if expected is not None:
                    np.testing.assert_array_equal(found, expected, err_msg=f"{name} {quality}")
            again = codec.decompress(planes, tuple(tables), subsampling, *size)
            np.testing.assert_array_equal(again, decoded, err_msg=f"{name} {quality}")


@pytest.mark.parametrize("subsampling", ["440", "411"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_equals_libjpeg_turbo_210_where_pillow_cannot_write(size, subsampling, picture, coefficients):
    for name, pixels in contents(*size, picture).items():
        settings = encoders.Settings(quality=60, subsampling=subsampling)
        data, written = encoders.encode(pixels, "turbo-210", settings)
        tables = written.luma_table, written.chroma_table
        planes = codec.compress(pixels, *tables, subsampling)
        for found, expected in zip(planes, coefficients(data), strict=True):
            np.testing.assert_array_equal(found, expected, err_msg=name)
        decoded = np.asarray(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(codec.decompress(planes, tables, subsampling, *size), decoded, err_msg=name)


def test_colour_conversion_over_all_byte_triples_on_a_grid(coefficients):
    steps = np.array([0, 1, 2, 63, 64, 127, 128, 129, 200, 253, 254, 255], np.uint8)
    triples = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    # One colour per block: at quality 100 the DC then tells the converted value exactly.
    pixels = np.repeat(np.repeat(triples.reshape(48, 36, 3), 8, axis=0), 8, axis=1)
    data, tables, decoded = pillow(pixels, 100, "444")
    planes = codec.compress(pixels, *tables, "444")
    for found, expected in zip(planes, coefficients(data), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(codec.decompress(planes, tuple(tables), "444", *pixels.shape[:2]), decoded)


def reciprocal_quotients(values, step):
    """libjpeg-turbo's reciprocal multiplication (jcdctmgr.c) in plain integers: reciprocal, correction, shift."""
    divisor = 8 * step
    bits = divisor.bit_length() - 1
    shift = 16 + bits
    reciprocal, rest = divmod(1 << shift, divisor)
    correction = divisor // 2
    if rest == 0:
        reciprocal >>= 1
        shift -= 1
    elif rest <= divisor // 2:
        correction += 1
    else:
        reciprocal += 1
    return ((values + correction) * reciprocal) >> shift


def test_reciprocal_multiplication_equals_rounding_division():
    # 16384 is beyond the largest transformed value: 8 * 8 * 128 times the largest gain of the integer DCT.
    values = np.arange(16385, dtype=np.int64)
    for step in range(1, 256):
        exact = (values + 4 * step) // (8 * step)
        ours = ((values + (4 * step + 0.5)) * (1.0 / (8.0 * step))).astype(np.int64)
        np.testing.assert_array_equal(reciprocal_quotients(values, step), exact)
        np.testing.assert_array_equal(ours, exact)


def test_the_inverse_is_close_to_the_exact_inverse_transform(picture):
    from scipy.fft import idctn

    table = np.arange(3, 67).reshape(8, 8)
    planes = codec.compress(np.ascontiguousarray(picture(48, 40)[..., 0]), table)
    pixels = codec.decompress(planes, (table,), "grey", 48, 40)
    blocks = idctn(planes.luma * table.astype(float), axes=(2, 3), norm="ortho")
    exact = blocks.swapaxes(1, 2).reshape(48, 40) + 128
    # Rounding to bytes is .5 of it; the rest is the first pass, which keeps two bits behind the point.
    assert np.abs(pixels - np.clip(exact, 0, 255)).max() < 0.6


def test_grey_keeps_the_luma_of_a_colour_picture(picture):
    pixels = picture(24, 40)
    table = np.full((8, 8), 7)
    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    of_colour = codec.compress(pixels, table, table, "grey")
    np.testing.assert_array_equal(of_colour.luma, codec.compress(luma, table).luma)
    np.testing.assert_array_equal(of_colour.luma, codec.compress(pixels, table, table, "420").luma)
    assert of_colour.blue.shape == (0, 0, 8, 8)


def test_input_is_not_touched(picture):
    pixels = picture(24, 40)
    before = pixels.copy()
    codec.compress(pixels, np.full((8, 8), 7))
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    ("pixels", "table", "subsampling", "message"),
    [
        (np.zeros((8, 8, 3), np.float32), np.ones((8, 8), int), "420", "uint8"),
        (np.zeros((8, 8, 4), np.uint8), np.ones((8, 8), int), "420", "uint8"),
        (np.zeros((0, 8, 3), np.uint8), np.ones((8, 8), int), "420", "without pixels"),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), int), "420", "1..65535"),
        (np.zeros((8, 8, 3), np.uint8), np.ones(64, int), "420", "8x8"),
        (np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), int), "421", "no subsampling '421'"),
    ],
)
def test_wrong_input_is_named(pixels, table, subsampling, message):
    with pytest.raises(ChainError, match=message):
        codec.compress(pixels, table, table, subsampling)


def test_planes_of_another_size_are_refused(picture):
    planes = codec.compress(picture(24, 40), np.full((8, 8), 7))
    with pytest.raises(ChainError, match="luma plane"):
        codec.decompress(planes, (np.full((8, 8), 7),), "420", 40, 40)
