"""`qf-pixel` (Uchida 2019): patches of 60x60 pixels of reduced pictures, 10 % never compressed, QF 5 to 100."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from jpegtrace.chain.filters import luma_of, to_bytes
from jpegtrace_training.augmentation import JpegAugmentation
from jpegtrace_training.networks.qf_pixel import QfPixel, map_loss, read_picture, wanted_maps
from jpegtrace_training.recipe import Arrays, Batch, Recipe

# Smooth colour is an easy sign of subsampled chroma, and a wrong one where a picture has little colour: in this share
# of the pieces it is muted before the compression, so that the luminance has to tell. Not in the paper.
MUTED = 0.3
# The paper reduces camera pictures of 16 megapixels to a tenth; crops that are sharp already are reduced less.
REDUCED = 0.27


def draw(pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, side: int) -> Arrays:
    """Patches with their quality (100 where never compressed) and flag."""
    augmentation = JpegAugmentation(side=side, times=(0.1, 0.9), qualities=(5, 100))
    piece = augmentation.piece
    pixels = np.empty((count, side, side, 3), np.uint8)
    quality, compressed = np.empty(count, np.float32), np.empty(count, np.bool_)
    for index in range(count):
        picture = pictures[int(rng.integers(len(pictures)))]
        shortest = min(picture.shape[:2])
        scale = float(np.exp(rng.uniform(np.log(max(REDUCED, piece / shortest)), 0)))
        taken = min(round(piece / scale), shortest)
        top, left = (int(rng.integers(n - taken + 1)) for n in picture.shape[:2])
        source = picture[top : top + taken, left : left + taken]
        if taken > piece:
            source = np.asarray(Image.fromarray(source).resize((piece, piece), Image.Resampling.BOX))
        if rng.random() < MUTED:
            source = _muted(source, rng.random())
        pixels[index], history = augmentation(source, rng)
        quality[index], compressed[index] = history.last_quality, len(history) > 0
    return {"pixels": pixels.transpose(0, 3, 1, 2), "quality": quality, "compressed": compressed}


def _muted(pixels: NDArray[np.uint8], colour: float) -> NDArray[np.uint8]:
    """With this share of its colour."""
    luma = luma_of(pixels)[..., None].astype(np.float32)
    return to_bytes(luma + colour * (pixels - luma))


def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Both mean squared errors, added."""
    maps = model(batch["pixels"].float())
    quality, flag = map_loss(maps, wanted_maps(batch["quality"], batch["compressed"], maps.shape))
    return {"loss": quality + flag, "quality_loss": quality, "flag_loss": flag}


def measure(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """As whole pictures: error of the quality where compressed, right flags."""
    maps = model(batch["pixels"].float())
    quality, flag = read_picture(maps)
    right = (flag > 0.5) == batch["compressed"]
    squared = ((maps.float() - wanted_maps(batch["quality"], batch["compressed"], maps.shape)) ** 2).mean((2, 3))
    return {"loss": squared.sum(1), "quality_error": (quality - batch["quality"]).abs(), "flag_right": right.float()}


RECIPE = Recipe(
    id="qf-pixel",
    title="quality and compression flag for every pixel",
    paper="Uchida, Tanaka, Okutomi, Pixelwise JPEG compression detection and quality factor estimation, 2019",
    network=QfPixel,
    draw=draw,
    loss=loss,
    measure=measure,
    better=("loss", "lower"),
    side=60,
    batch=128,
    rate=1e-3,
    published=128 * 5_300 * 80,
    least=96,
    smoke_side=36,
)
