"""The two experiments: what a detector is trained on, and what it is tested on.

Grid: every picture is compressed whole at quality 100, which leaves the grid and hardly anything else. Patches are
"aligned", cut on multiples of 8, or "random", cut anywhere.

Quality: pictures as they are ("none"), or compressed at a quality; in training, half of the patches are. The grid
begins anywhere.

Beside both, which the paper lacks: "augmented", trained with `JpegAugmentation`, which draws grid and quality anew for
every patch.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace_training.augmentation import JpegAugmentation
from jpegtrace_training.names import find_named

Pixels = NDArray[np.uint8]
Cut = Callable[[Pixels, int, np.random.Generator], Pixels]

ALIGNED, RANDOM, NONE, AUGMENTED = "aligned", "random", "none", "augmented"
QUALITIES = (99, 90, 80, 70, 60, 50)
GRID_QUALITY = 100
COMPRESSED = 0.5  # share of the training patches that are compressed
MARGIN = 4  # around a compressed patch, out of reach of its piece's edge
AUGMENTATION_TIMES = (0.1, 0.9)


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        id: its name on the command line.
        trained: names of the conditions to train under.
        tested: names of the conditions to test under.
        compressed: whether the pictures are compressed whole, at quality 100, before patches are cut.
    """

    id: str
    trained: tuple[str, ...]
    tested: tuple[str, ...]
    compressed: bool


GRID = Experiment("grid", (ALIGNED, RANDOM, AUGMENTED), (ALIGNED, RANDOM), compressed=True)
_NAMED = (NONE, *map(str, QUALITIES))
QUALITY = Experiment("quality", (*_NAMED, AUGMENTED), _NAMED, compressed=False)
EXPERIMENTS = {one.id: one for one in (GRID, QUALITY)}


def find(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        UsageError: there is none.
    """
    return find_named("experiment", name, EXPERIMENTS)


def least_side(patch: int, *, augmented: bool = True) -> int:
    """Pixels that the sides of a picture must have, for every condition, or for all but augmentation."""
    compressed = patch + 8 + 2 * MARGIN
    return max(JpegAugmentation(patch, AUGMENTATION_TIMES).piece, compressed) if augmented else compressed


def cut_for_training(condition: str, patch: int) -> Cut:
    """What cuts a training patch out of a picture."""
    if condition == AUGMENTED:
        augment = JpegAugmentation(patch, AUGMENTATION_TIMES, qualities=(min(QUALITIES), 100), flips=False)
        return lambda picture, _, rng: augment(picture, rng)[0]
    if condition in (ALIGNED, RANDOM, NONE):
        return cut_for_test(condition)
    quality = int(condition)

    def some(picture: Pixels, side: int, rng: np.random.Generator) -> Pixels:
        return _compressed(picture, side, quality, rng) if rng.random() < COMPRESSED else _anywhere(picture, side, rng)

    return some


def cut_for_test(condition: str) -> Cut:
    """What cuts a test patch out of a picture."""
    if condition == ALIGNED:
        return _on_the_grid
    if condition in (RANDOM, NONE):
        return _anywhere
    return lambda picture, side, rng: _compressed(picture, side, int(condition), rng)


def at_quality(picture: Pixels, quality: int) -> Pixels:
    """A picture through JPEG: libjpeg-turbo, standard tables, 4:2:0."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(out))


def patches(
    pictures: Sequence[Pixels], order: Sequence[int], seeds: Sequence[int], cut: Cut, side: int
) -> NDArray[np.uint8]:
    """A patch of each of these pictures, (n, 3, side, side); equal seeds cut pictures of one size at one place."""
    found = np.empty((len(order), side, side, 3), np.uint8)
    for place, (index, seed) in enumerate(zip(order, seeds, strict=True)):
        found[place] = cut(pictures[index], side, np.random.default_rng(seed))
    return found.transpose(0, 3, 1, 2)


def _anywhere(picture: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    top, left = (int(rng.integers(n - side + 1)) for n in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _on_the_grid(picture: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    top, left = (8 * int(rng.integers((n - side) // 8 + 1)) for n in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _compressed(picture: Pixels, side: int, quality: int, rng: np.random.Generator) -> Pixels:
    """Compressed with all around it, so that the grid begins anywhere in the patch."""
    piece = np.ascontiguousarray(_anywhere(picture, side + 8 + 2 * MARGIN, rng))
    top, left = (MARGIN + int(rng.integers(8)) for _ in "yx")
    return at_quality(piece, quality)[top : top + side, left : left + side]
