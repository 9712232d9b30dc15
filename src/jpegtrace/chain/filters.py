"""What happens to pictures between compressions, on uint8 arrays of shape (rows, columns) or (rows, columns, 3).

Only numpy and Pillow; the median and the colour round trip alone need the compiled kernels. Where a filter follows
OpenCV (kernels, borders, interpolation without antialiasing), the tests compare it with OpenCV's own result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
POINT_SAMPLED = ("nearest", "bilinear", "bicubic")
CUBIC_A = -0.75  # OpenCV's choice; Pillow's filter has -0.5

# Without a sigma OpenCV uses these, in 1/256, and not samples of the bell (smooth.dispatch.cpp).
SMALL_KERNELS = {
    1: (256,),
    3: (64, 128, 64),
    5: (16, 64, 96, 64, 16),
    7: (8, 28, 56, 72, 56, 28, 8),
    9: (4, 13, 30, 51, 60, 51, 30, 13, 4),
}


def to_bytes(values: Floats) -> Pixels:
    """Round half up and clip to 0..255."""
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def to_image(pixels: Pixels) -> Image.Image:
    """A Pillow picture of an array."""
    return Image.fromarray(np.ascontiguousarray(pixels))


def luma_of(pixels: Pixels) -> Pixels:
    """Y of RGB; Pillow's conversion to "L" rounds as jccolor.c does. Any leading axes."""
    if pixels.ndim == 2 or pixels.size == 0:
        return pixels if pixels.ndim == 2 else pixels[..., 0]
    luma = np.array(to_image(pixels.reshape(-1, pixels.shape[-2], 3)).convert("L"))
    return luma.reshape(pixels.shape[:-1])


def colour_roundtrip(pixels: Pixels) -> Pixels:
    """RGB to 8-bit YCbCr and back, as the codec does it, without any compression between."""
    if pixels.ndim == 2:
        return pixels
    from jpegtrace.chain import _kernels  # numba: only where it is needed

    rows, cols = pixels.shape[:2]
    planes = np.empty((3, rows, cols), np.uint8)
    _kernels.split_colours(np.ascontiguousarray(pixels), 0, 0, rows, cols, planes)
    back = np.empty((rows, cols, 3), np.uint8)
    _kernels.join_colours(planes, rows, cols, back)
    return back


def resize(pixels: Pixels, rows: int, cols: int, method: str, antialias: bool) -> Pixels:
    """Resize with Pillow's filters, or point-sampled at half-pixel centres as OpenCV does (`antialias=False`)."""
    if antialias:
        return np.array(to_image(pixels).resize((cols, rows), RESAMPLING[method]))
    if method == "nearest":
        down = np.minimum(np.arange(rows) * (pixels.shape[0] / rows), pixels.shape[0] - 1).astype(np.int64)
        right = np.minimum(np.arange(cols) * (pixels.shape[1] / cols), pixels.shape[1] - 1).astype(np.int64)
        return np.ascontiguousarray(pixels[down][:, right])
    wide = _interpolate(pixels.astype(np.float64).swapaxes(0, 1), cols, method).swapaxes(0, 1)
    return to_bytes(_interpolate(wide, rows, method))


def _interpolate(values: Floats, length: int, method: str) -> Floats:
    """Point-sample along the first axis; the border repeats the last sample."""
    extent = len(values)
    position = (np.arange(length) + 0.5) * (extent / length) - 0.5
    base = np.floor(position).astype(np.int64)
    t = position - base
    taps = {0: 1 - t, 1: t}
    if method == "bicubic":
        taps = {-1: _cubic(1 + t), 0: _cubic(t), 1: _cubic(1 - t), 2: _cubic(2 - t)}
    shape = (-1, *(1 for _ in values.shape[1:]))
    total = np.zeros((length, *values.shape[1:]))
    for tap, weight in taps.items():
        total += weight.reshape(shape) * values[np.clip(base + tap, 0, extent - 1)]
    return total


def _cubic(distance: Floats) -> Floats:
    """Keys' cubic convolution kernel (1981) with a = `CUBIC_A`."""
    x, a = distance, CUBIC_A
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def default_sigma(size: int) -> float:
    """OpenCV's sigma for a kernel size."""
    return 0.3 * ((size - 1) * 0.5 - 1) + 0.8


def gaussian_kernel(size: int, sigma: float | None) -> NDArray[np.int64]:
    """Weights in 1/256, as OpenCV rounds them for 8-bit pictures: the error of one passes to the next."""
    if sigma is None and size in SMALL_KERNELS:
        return np.array(SMALL_KERNELS[size], np.int64)
    width = default_sigma(size) if sigma is None else sigma
    bell = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (2 * width * width))
    exact = 256 * bell / bell.sum()
    weights = np.zeros(size, np.int64)
    error = 0.0
    for index in range(size // 2):
        wanted = exact[index] + error
        weights[index] = weights[size - 1 - index] = round(wanted)
        error = wanted - round(wanted)
    weights[size // 2] = 256 - weights.sum()
    return weights


def convolve(pixels: Pixels, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Separable sums, unscaled, with the border mirrored without repeating the edge (OpenCV's reflect-101)."""
    values = pixels.astype(np.int64)
    for axis in (0, 1):
        pads = [(0, 0)] * values.ndim
        pads[axis] = (len(weights) // 2, len(weights) // 2)
        padded = np.pad(values, pads, mode="reflect")
        extent = values.shape[axis]
        values = np.zeros_like(values)
        for tap, weight in enumerate(weights):
            values += weight * np.take(padded, range(tap, tap + extent), axis=axis)
    return values


def blur(pixels: Pixels, kind: str, size: int, sigma: float | None) -> Pixels:
    """Gaussian or box blur with an odd kernel, equal to OpenCV's on 8-bit pictures."""
    if kind == "box":
        return to_bytes(convolve(pixels, np.ones(size, np.int64)) / (size * size))
    return ((convolve(pixels, gaussian_kernel(size, sigma)) + 32768) >> 16).astype(np.uint8)


def median(pixels: Pixels, size: int) -> Pixels:
    """Median over an odd square window; the border repeats the edge, as OpenCV's does."""
    from jpegtrace._median import median_of  # numba: only where it is needed

    if pixels.ndim == 2:
        return median_of(pixels, size)
    return np.stack([median_of(pixels[..., channel], size) for channel in range(pixels.shape[2])], 2)


def noise(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Gaussian noise, independent per sample, rounded and clipped."""
    return to_bytes(pixels + rng.normal(0.0, sigma, pixels.shape))


def brightness(pixels: Pixels, delta: float) -> Pixels:
    """Add grey levels."""
    return to_bytes(pixels.astype(np.float64) + delta)


def contrast(pixels: Pixels, factor: float) -> Pixels:
    """Scale the distance from mid-grey 128."""
    return to_bytes((pixels.astype(np.float64) - 128) * factor + 128)


def gamma(pixels: Pixels, exponent: float) -> Pixels:
    """255 (v / 255) ** exponent."""
    table = to_bytes(255 * (np.arange(256) / 255) ** exponent)
    return table[pixels]


def sharpen(pixels: Pixels, radius: float, percent: int) -> Pixels:
    """Pillow's unsharp mask with threshold 0."""
    return np.array(to_image(pixels).filter(ImageFilter.UnsharpMask(radius, percent, 0)))


def ellipse(rows: int, cols: int, x: int, y: int, width: int, height: int) -> NDArray[np.bool_]:
    """Mask of the ellipse inscribed in a rectangle."""
    down = (np.arange(rows) + 0.5 - (y + height / 2)) / (height / 2)
    right = (np.arange(cols) + 0.5 - (x + width / 2)) / (width / 2)
    return np.asarray(down[:, None] ** 2 + right[None, :] ** 2 <= 1)


def rectangle(rows: int, cols: int, x: int, y: int, width: int, height: int) -> NDArray[np.bool_]:
    """Mask of a rectangle."""
    mask = np.zeros((rows, cols), np.bool_)
    mask[y : y + height, x : x + width] = True
    return mask


def turned(array: NDArray[Any], degrees: int) -> NDArray[Any]:
    """Rotate counter-clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(array, degrees // 90))


def flipped(array: NDArray[Any], direction: str) -> NDArray[Any]:
    """Mirror left-right ("h") or top-bottom ("v")."""
    return np.ascontiguousarray(array[:, ::-1] if direction == "h" else array[::-1])
