"""PSNR by hand, SSIM against its printed equation, window by window."""

import math

import numpy as np
import pytest

from checks.pictures import scene
from jpegtrace.errors import UsageError
from jpegtrace.stress import psnr, ssim


def slow_ssim(x, y):
    """The mean over windows of the equation of Wang 2004."""
    weights = [[math.exp(-((r - 5) ** 2 + (c - 5) ** 2) / (2 * 1.5**2)) for c in range(11)] for r in range(11)]
    total = sum(map(sum, weights))
    rows, cols = len(x) - 10, len(x[0]) - 10
    found = []
    for top in range(rows):
        for left in range(cols):

            def mean(f, top=top, left=left):
                return sum(
                    weights[r][c] / total * f(float(x[top + r][left + c]), float(y[top + r][left + c]))
                    for r in range(11)
                    for c in range(11)
                )

            mx, my = mean(lambda a, b: a), mean(lambda a, b: b)
            vx = mean(lambda a, b, m=mx: (a - m) ** 2)
            vy = mean(lambda a, b, m=my: (b - m) ** 2)
            both = mean(lambda a, b, m=mx, n=my: (a - m) * (b - n))
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            found.append((2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return sum(found) / len(found)


def grey(seed, height, width):
    return np.ascontiguousarray(scene(seed, height, width)[..., 0])


class TestPsnr:
    def test_by_hand(self):
        # One of four samples is off by 10: the mean square is 25, and 10 log10(65025 / 25) = 34.1514.
        assert psnr(np.array([[1, 2], [3, 4]], np.uint8), np.array([[1, 2], [3, 14]], np.uint8)) == pytest.approx(
            34.1514, abs=1e-4
        )
        black, white = np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 255, np.uint8)
        assert psnr(black, white) == 0
        assert psnr(white, black) == 0  # no wrap-around of bytes

    def test_the_same_is_infinitely_near(self):
        assert psnr(grey(1, 8, 8), grey(1, 8, 8)) == math.inf


class TestSsim:
    @pytest.mark.parametrize("size", [(11, 11), (13, 16)])
    def test_as_its_equation(self, size):
        x = grey(2, *size)
        y = np.clip(x + np.random.default_rng(0).normal(0, 12, size), 0, 255).astype(np.uint8)
        assert 0.3 < ssim(x, y) < 0.99
        assert ssim(x, y) == pytest.approx(slow_ssim(x, y), abs=1e-10)

    def test_flat_pictures_by_hand(self):
        # Without variance the second factor is 1: (2 * 100 * 120 + 6.5025) / (100^2 + 120^2 + 6.5025).
        flat = [np.full((20, 20), level, np.uint8) for level in (100, 120)]
        assert ssim(*flat) == pytest.approx(24006.5025 / 24406.5025, abs=1e-12)

    def test_the_same_is_1_and_the_negative_is_below_0(self):
        x = grey(3, 40, 40)
        assert ssim(x, x) == pytest.approx(1, abs=1e-12)
        stripes = np.tile(np.array([118, 138], np.uint8), (24, 12))
        assert ssim(stripes, stripes[:, ::-1]) < -0.5

    def test_rows_and_columns_weigh_the_same(self):
        x, y = grey(4, 30, 24), grey(5, 30, 24)
        assert ssim(x.T, y.T) == pytest.approx(ssim(x, y), abs=1e-12)
        assert ssim(y, x) == pytest.approx(ssim(x, y), abs=1e-12)


def test_input_untouched():
    x, y = grey(6, 16, 16), grey(7, 16, 16)
    copies = x.copy(), y.copy()
    psnr(x, y)
    ssim(x, y)
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(y, copies[1])


@pytest.mark.parametrize("measure", [psnr, ssim])
@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        (np.zeros((16, 16)), np.zeros((16, 16)), r"not float64 \(16, 16\)"),
        (np.zeros((16, 16), np.uint8), np.zeros((16, 17), np.uint8), r"not \(16, 16\) and \(16, 17\)"),
        (np.zeros((0, 16), np.uint8), np.zeros((0, 16), np.uint8), r"not uint8 \(0, 16\)"),
        ([[1]], [[1]], "not list"),
    ],
)
def test_what_cannot_be_compared(measure, left, right, told):
    with pytest.raises(UsageError, match=told):
        measure(left, right)


@pytest.mark.parametrize("shape", [(10, 30), (30, 10), (16, 16, 3)])
def test_ssim_is_of_planes_that_hold_a_window(shape):
    with pytest.raises(UsageError, match="at least 11x11"):
        ssim(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))
