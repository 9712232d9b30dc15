"""Filters against OpenCV and Pillow."""

import time

import cv2
import numpy as np
import pytest
from PIL import Image

from jpegtrace.chain import filters

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


def test_the_largest_median_of_a_512_picture_takes_less_than_a_second():
    pixels = RNG.integers(0, 256, (512, 512)).astype(np.uint8)
    filters.median(pixels, 3)
    start = time.perf_counter()
    filters.median(pixels, 15)
    assert time.perf_counter() - start < 1


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


def test_colour_roundtrip_equals_the_codec():
    from jpegtrace.chain import _kernels

    rows, cols = NOISE.shape[:2]
    planes = np.empty((3, rows, cols), np.uint8)
    _kernels.split_colours(NOISE, 0, 0, rows, cols, planes)
    back = np.empty_like(NOISE)
    _kernels.join_colours(planes, rows, cols, back)
    np.testing.assert_array_equal(filters.colour_roundtrip(NOISE), back)


def test_luma_equals_pillow():
    np.testing.assert_array_equal(filters.luma_of(NOISE), np.asarray(Image.fromarray(NOISE).convert("L")))


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
