"""Pictures made from a seed, smooth and busy in places like photographs."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from jpegtrace.chain import splice
from jpegtrace.pixels.luma import Luma, luma_of
from jpegtrace.raster import Raster


def scene(
    seed: int, height: int = 96, width: int = 128, *, noise: float = 2, slope: float = 1.1, colour: float = 12
) -> np.ndarray:
    """An RGB picture with a 1/f**slope spectrum, an edge and sensor noise; uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) + 1 / max(height, width)
    layers = []
    for _ in range(3):
        spectrum = np.fft.fft2(rng.normal(size=(height, width))) / frequency**slope
        field = np.real(np.fft.ifft2(spectrum))
        layers.append(field / field.std())
    common = np.where(x * rng.uniform(0.3, 2) + y > rng.uniform(0.3, 1) * (height + width) / 2, 25.0, -25.0)
    picture = 125 + common[..., None] + 30 * layers[0][..., None] + colour * np.stack(layers, axis=-1)
    return np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def as_file(pixels: np.ndarray, form: str = "JPEG", **options: object) -> bytes:
    """The bytes of a file of these pixels, written by Pillow."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def luma_of_pixels(pixels: np.ndarray) -> Luma:
    """Luma of grey (height, width) or RGB (height, width, 3) pixels."""
    luma = luma_of(Raster(pixels, None, "grey" if pixels.ndim == 2 else "rgb", "none"))
    assert isinstance(luma, Luma), luma
    return luma


def camera_file(seed: int, tables: list[list[int]], make: str, model: str, **more: object) -> bytes:
    """A JPEG as a camera writes it: its own tables, EXIF that agrees with the picture, no JFIF."""
    pixels = scene(seed)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = make, model, 1
    exif[0x0132] = "2019:05:17 14:03:22"
    exif.get_ifd(0x8769)[0x9003] = "2019:05:17 14:03:22"
    exif.get_ifd(0x8769)[0xA002] = pixels.shape[1]
    exif.get_ifd(0x8769)[0xA003] = pixels.shape[0]
    data = as_file(pixels, qtables=tables, subsampling=1, exif=exif.tobytes(), **more)
    length = int.from_bytes(data[4:6], "big")
    return data[:2] + data[4 + length :]  # without the JFIF segment that Pillow puts first


def collage() -> tuple[bytes, np.ndarray]:
    """A JPEG with a square of another JPEG in its middle, and where that is.

    The rest was compressed at 85 on a grid that begins at (7, 6), the square at 62 on one that begins at (1, 3).
    """
    mask = np.zeros((320, 384), np.uint8)
    mask[96:256, 128:288] = 1
    made = splice(
        scene(11, 320, 384), scene(12, 320, 384), mask,
        background_chain="jpeg:85", donor_chain="jpeg:62 | crop:3,6", chain="crop:2,1 | jpeg:93",
    )  # fmt: skip
    return made.data, mask[1:, 2:].astype(bool)
