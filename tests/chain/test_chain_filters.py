"""Filters against OpenCV and Pillow."""

import cv2
import numpy as np
import pytest

from jpegtrace.chain import _kernels, filters

RNG = np.random.default_rng(7)
NOISE = RNG.integers(0, 256, (61, 47, 3)).astype(np.uint8)
GREY = np.ascontiguousarray(NOISE[..., 0])


@pytest.mark.parametrize("pixels", [NOISE, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 11, 15])
def test_blur_equals_opencv(pixels, size):
    np.testing.assert_array_equal(filters.blur(pixels, "gauss", size, None), cv2.GaussianBlur(pixels, (size, size), 0))
    np.testing.assert_array_equal(filters.blur(pixels, "gauss", size, 1.3), cv2.GaussianBlur(pixels, (size, size), 1.3))
    np.testing.assert_array_equal(filters.blur(pixels, "box", size, None), cv2.blur(pixels, (size, size)))


@pytest.mark.parametrize("size", [1, 3, 5, 7, 15])
def test_median_equals_opencv(size):
    np.testing.assert_array_equal(filters.median(NOISE, size), cv2.medianBlur(NOISE, size))
    np.testing.assert_array_equal(filters.median(GREY, size), cv2.medianBlur(GREY, size))


@pytest.mark.parametrize(
    ("method", "code", "tolerance"),
    [
        ("nearest", cv2.INTER_NEAREST, 0),
        # OpenCV interpolates bytes with 11-bit weights.
        ("bilinear", cv2.INTER_LINEAR, 1),
        ("bicubic", cv2.INTER_CUBIC, 1),
    ],
)
@pytest.mark.parametrize("size", [(30, 24), (61, 47), (77, 31), (122, 94), (90, 80)])
def test_point_sampled_resize_follows_opencv(method, code, tolerance, size):
    for pixels in (NOISE, GREY):
        ours = filters.resize(pixels, *size, method, antialias=False).astype(int)
        assert np.abs(ours - cv2.resize(pixels, size[::-1], interpolation=code)).max() <= tolerance


def test_colour_roundtrip_is_a_compression_without_quantization():
    once = filters.colour_roundtrip(NOISE)
    assert np.abs(once.astype(int) - NOISE).max() <= 2
    assert (once != NOISE).any()
    grey = np.stack([GREY] * 3, axis=-1)
    np.testing.assert_array_equal(filters.colour_roundtrip(grey), grey)


def fixed(number):
    return round(number * 65536)


def roundtrip_by_definition(colours):
    """T.871's equations with the five decimals of jccolor.c and jdcolor.c, in 16-bit fixed point."""
    r, g, b = (colours[..., channel].astype(np.int64) for channel in range(3))
    y = (fixed(0.299) * r + fixed(0.587) * g + fixed(0.114) * b + 32768) >> 16
    cb = (32768 * b - fixed(0.16874) * r - fixed(0.33126) * g + 32767) >> 16
    cr = (32768 * r - fixed(0.41869) * g - fixed(0.08131) * b + 32767) >> 16
    back = (
        y + ((fixed(1.402) * cr + 32768) >> 16),
        y + ((32768 - fixed(0.34414) * cb - fixed(0.71414) * cr) >> 16),
        y + ((fixed(1.772) * cb + 32768) >> 16),
    )
    return np.stack(back, axis=-1).clip(0, 255).astype(np.uint8)


def test_luma_and_roundtrip_are_the_codec_s_for_every_colour():
    green, blue = np.mgrid[0:256, 0:256]
    planes = np.empty((3, 256, 256), np.uint8)
    for red in range(256):
        colours = np.stack([np.full_like(green, red), green, blue], axis=-1).astype(np.uint8)
        _kernels.split_colours(colours, 0, 0, 256, 256, planes)
        np.testing.assert_array_equal(filters.luma_of(colours), planes[0])
        np.testing.assert_array_equal(filters.colour_roundtrip(colours), roundtrip_by_definition(colours))


def test_luma_of_a_stack_and_of_nothing():
    stack = np.stack([NOISE, NOISE[::-1]])
    np.testing.assert_array_equal(filters.luma_of(stack)[1], filters.luma_of(NOISE)[::-1])
    assert filters.luma_of(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 8, 8)
    assert filters.luma_of(GREY) is GREY


def test_point_operations():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert filters.brightness(ramp, 10).ravel()[[0, 100, 250]].tolist() == [10, 110, 255]
    assert filters.contrast(ramp, 2).ravel()[[0, 128, 138, 255]].tolist() == [0, 128, 148, 255]
    np.testing.assert_array_equal(filters.gamma(ramp, 1), ramp)
    assert filters.gamma(ramp, 2).ravel()[128] == round(255 * (128 / 255) ** 2)


def test_noise_has_the_planted_deviation():
    flat = np.full((200, 200), 128, np.uint8)
    noisy = filters.noise(flat, 3.0, np.random.default_rng(0)).astype(float)
    # Rounding adds 1/12 to the variance.
    assert noisy.var() == pytest.approx(9 + 1 / 12, rel=0.03)


def test_ellipse_fills_its_rectangle():
    mask = filters.ellipse(40, 60, 10, 5, 30, 20)
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert (rows[0], rows[-1], cols[0], cols[-1]) == (5, 24, 10, 39)
    assert mask.sum() == pytest.approx(np.pi / 4 * 30 * 20, rel=0.02)
