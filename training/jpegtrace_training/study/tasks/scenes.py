"""Lossless pictures that tasks make theirs from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError
from jpegtrace_training.pictures import load_pictures
from jpegtrace_training.study.tasks.task import Asked

Pixels = NDArray[np.uint8]
STREAM = 102  # of the seeds


@dataclass(frozen=True, eq=False)
class Scene:
    """One lossless picture.

    Attributes:
        name: of its file.
        pixels: uint8 RGB.
    """

    name: str
    pixels: Pixels


def read_scenes(asked: Asked, *, least: int, most_side: int | None = None) -> list[Scene]:
    """The lossless pictures of a folder; the same content twice is one scene.

    Args:
        asked: the folder, and how many pictures at most.
        least: pixels that a picture's sides must have.
        most_side: of the part in the middle that is used; None for the whole picture.

    Raises:
        UsageError: there is no folder, or there are none in it.
    """
    if not asked.folder.is_dir():
        raise UsageError(f"there is no folder {asked.folder}")
    seen: set[bytes] = set()
    scenes = []
    for name, pixels in load_pictures(asked.folder, least=least):
        key = hashlib.sha256(pixels.tobytes()).digest()
        if key not in seen:
            seen.add(key)
            scenes.append(Scene(name, _middle(pixels, most_side)))
    if not scenes:
        raise UsageError(f"{asked.folder} holds no lossless RGB picture of {least} x {least} pixels or more")
    if asked.most and asked.most < len(scenes):
        kept = np.random.default_rng(STREAM).permutation(len(scenes))[: asked.most]
        scenes = [scenes[index] for index in sorted(kept)]
    return scenes


def _middle(pixels: Pixels, most: int | None) -> Pixels:
    if most is None:
        return pixels
    height, width = (min(most, n) for n in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])
