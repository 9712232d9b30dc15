"""Lossless pictures to train on, and which of them are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.errors import UsageError
from jpegtrace.picture import Picture
from jpegtrace.raster import Format, is_lossless_webp
from jpegtrace.raster.tiff16 import COMPRESSION, read_tags

Pixels = NDArray[np.uint8]
FORMATS = (".webp", ".png", ".tif", ".tiff", ".bmp", ".ppm")
TIFF_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)  # none, LZW, Deflate, PackBits, Deflate, LZMA, Zstandard
HELD_OUT = 10  # one picture in so many


@dataclass(frozen=True)
class Pictures:
    """Pictures of two groups that share no picture.

    Attributes:
        training: RGB, 8 bits.
        held_out: the same, for checks only.
        described: where they came from, for cards.
    """

    training: Sequence[Pixels]
    held_out: Sequence[Pixels]
    described: str


def load_pictures(folder: Path, *, least: int = 0) -> list[tuple[str, Pixels]]:
    """Names and pixels of all lossless RGB pictures of 8 bits in a folder whose sides are at least `least`.

    Raises:
        InputError: a file with the name of a picture cannot be read.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in FORMATS and path.is_file() and is_lossless(picture := Picture.open(path)):
            raster = picture.raster
            if raster.mode == "rgb" and raster.bits == 8 and min(raster.pixels.shape[:2]) >= least:
                found.append((path.name, raster.pixels.astype(np.uint8, copy=False)))
    return found


def is_lossless(picture: Picture) -> bool:
    """By its content: names lie, and WebP and TIFF have lossy kinds, the latter's a JPEG."""
    if picture.format is Format.TIFF:
        return int(read_tags(picture.data, picture.limits).get(COMPRESSION, [1])[0]) in TIFF_LOSSLESS
    if picture.format is Format.WEBP:
        return is_lossless_webp(picture.data, picture.limits)
    return picture.format in (Format.PNG, Format.BMP, Format.PNM)


def is_held_out(name: str) -> bool:
    """A tenth of the pictures, by their names alone: adding others moves none."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % HELD_OUT == 0


def read(folders: Iterable[Path], *, least: int) -> Pictures:
    """Pictures of these folders, divided.

    Raises:
        UsageError: a folder is missing, or there are too few pictures for one of the groups.
    """
    named: list[tuple[str, Pixels]] = []
    told = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}")
        here = load_pictures(folder, least=least)
        told.append(f"{len(here)} pictures of {folder.name}")
        named += here
    training = [pixels for name, pixels in named if not is_held_out(name)]
    held_out = [pixels for name, pixels in named if is_held_out(name)]
    if not training or not held_out:
        raise UsageError(
            f"{' and '.join(told) or 'no folder'}: too few lossless RGB pictures of {least} x {least} pixels or more "
            "to train with some held out"
        )
    return Pictures(training, held_out, ", ".join(told))


def made(count: int, side: int, seed: int) -> Pictures:
    """Smooth colour blobs at several scales with grain, where there are no pictures: for trials, not for weights."""
    rng = np.random.default_rng(seed)

    def one() -> Pixels:
        picture = np.full((side, side, 3), 128, np.float32)
        for cell, strength in ((64, 40), (16, 20), (4, 10)):
            coarse = rng.normal(0, strength, (side // cell + 2, side // cell + 2, 3)).astype(np.float32)
            for channel in range(3):
                layer = Image.fromarray(np.ascontiguousarray(coarse[..., channel]))
                picture[..., channel] += np.asarray(layer.resize((side, side), Image.Resampling.BICUBIC))
        picture += rng.normal(0, 3, (side, side, 1)).astype(np.float32)
        return np.clip(picture, 0, 255).astype(np.uint8)

    return Pictures([one() for _ in range(count)], [one() for _ in range(max(1, count // 4))], "made pictures")
