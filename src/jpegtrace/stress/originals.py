"""Originals for an evaluation: grey squares of pictures that were never compressed with loss, as far as files tell."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegtrace.chain.filters import luma_of
from jpegtrace.errors import InputError, UnsupportedFormat, UsageError
from jpegtrace.inspection import list_pictures
from jpegtrace.limits import DEFAULT_LIMITS, Limits
from jpegtrace.picture import Picture
from jpegtrace.raster import Format, is_lossless_webp
from jpegtrace.stress.attacking import CHUNK

Plane = NDArray[np.uint8]

_TIFF_COMPRESSION = 259
_TIFF_LOSSLESS = (1, 2, 3, 4, 5, 8, 32773, 32946)
_JPEG = "JPEG, which is no original: its pixels hold the very traces that detectors look for"
_LABEL = b"tEXt" + CHUNK.encode() + b"\0"


@dataclass(frozen=True, slots=True, eq=False)
class Originals:
    """Squares of one size.

    Attributes:
        planes: uint8 (side, side), grey, from the middle of each picture.
        names: of the files, below their folder.
        left_out: how many pictures were looked at and not used, by the reason.
    """

    planes: tuple[Plane, ...]
    names: tuple[str, ...]
    left_out: dict[str, int]


def read_originals(
    folder: str | os.PathLike[str],
    side: int,
    *,
    most: int | None = None,
    seed: int = 0,
    limits: Limits = DEFAULT_LIMITS,
) -> Originals:
    """Read the pictures of a folder and of those below it.

    Whether a lossless file was made from a JPEG is not asked; `quality-map` answers that.

    Args:
        folder: of PNG, TIFF, BMP, PNM or lossless WebP files; others are left out.
        side: of the squares, in pixels.
        most: how many are read at most, drawn at random; all by default.
        seed: of that draw.
        limits: bounds on size and pixels.

    Raises:
        UsageError: there is no such folder, or no usable picture in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"originals are read from a folder, and {root} is none")
    files = list_pictures([root]).files
    found: dict[str, Plane] = {}
    left_out: Counter[str] = Counter()
    for index in np.random.default_rng(seed).permutation(len(files)):
        if len(found) == most:
            break
        plane = _square(files[index], side, limits)
        if isinstance(plane, str):
            left_out[plane] += 1
        else:
            found[files[index].relative_to(root).as_posix()] = plane
    if not found:
        reasons = "".join(f"; left out: {reason} ({count:,})" for reason, count in left_out.most_common())
        raise UsageError(
            f"there is no usable picture in {root}: needed are files without loss (PNG, TIFF, BMP, PNM, lossless WebP) "
            f"of at least {side}x{side} pixels{reasons}"
        )
    names = tuple(sorted(found))
    return Originals(tuple(found[name] for name in names), names, dict(left_out))


def grey_of(picture: Picture) -> Plane:
    """Y of a picture's pixels as libjpeg rounds it, uint8 (height, width); of 16 bits the upper 8.

    Raises:
        UnsupportedFormat: the pixels are CMYK, or some are transparent.
        InputError: they cannot be decoded.
    """
    raster = picture.raster
    if raster.mode == "cmyk":
        raise UnsupportedFormat("CMYK pixels have no luma", source=picture.source)
    if raster.alpha is not None and (raster.alpha != np.iinfo(raster.alpha.dtype).max).any():
        raise UnsupportedFormat("what transparent pixels look like is not in the file", source=picture.source)
    pixels = raster.pixels if raster.bits == 8 else raster.pixels >> 8
    return luma_of(pixels.astype(np.uint8, copy=False))


def _square(path: Path, side: int, limits: Limits) -> Plane | str:
    """The middle of a picture, or why it is not used."""
    try:
        picture = Picture.open(path, limits=limits)
        if reason := _loss(picture):
            return reason
        if min(picture.height, picture.width) < side:
            return "too small"
        plane = grey_of(picture)
    except UnsupportedFormat as error:
        return error.what
    except InputError:
        return "cannot be read"
    top, left = (picture.height - side) // 2, (picture.width - side) // 2
    return np.ascontiguousarray(plane[top : top + side, left : left + side])


def _loss(picture: Picture) -> str:
    """Why the pixels are not those of an original; nothing where the file keeps them as they were."""
    if picture.format is Format.JPEG:
        return _JPEG
    if picture.format is Format.PNG and _LABEL in picture.data:
        return "made by an attack, as its label says"
    if picture.format is Format.GIF:
        return "GIF, which has few colours"
    if picture.format is Format.WEBP and not is_lossless_webp(picture.data, picture.limits):
        return "WebP compressed with loss"
    if picture.format is Format.TIFF:
        from jpegtrace.raster.tiff16 import read_tags

        kind = read_tags(picture.data, picture.limits).get(_TIFF_COMPRESSION)
        if kind is not None and int(kind[0]) not in _TIFF_LOSSLESS:
            return "TIFF compressed with loss, or in a way that is not known"
    return ""
