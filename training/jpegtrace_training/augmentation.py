"""JPEG-aware augmentation: give a picture a compression history, and tell which.

For any loader of anyone: `JpegAugmentation` takes an RGB array and a random generator and returns a patch of fixed size
with its `History`. A detector that is trained on patches cut on multiples of 8, or at one quality, learns the grid and
the quality instead of its task (Mandelli, Bonettini, Bestagini, Tubaro, "Training CNNs in presence of JPEG compression:
multimedia forensics vs computer vision", 2020); drawing both anew for every sample prevents that.

No PyTorch here; `loading` makes datasets of it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.chain.codec import compress, decompress
from jpegtrace.chain.encoders import Settings, encode, find
from jpegtrace.chain.sampling import LARGEST_BLOCK, SUBSAMPLINGS
from jpegtrace.errors import ChainError
from jpegtrace.tables import ijg_table, named_table, random_smooth_table

Pixels = NDArray[np.uint8]
Table = NDArray[np.uint16]
FAST = "libjpeg-turbo"  # the encoder that `chain.codec` computes on arrays, bit for bit
EDGE = 2  # pixels from which chroma upsampling may see the border of the piece


@dataclass(frozen=True)
class Compression:
    """One compression as it was drawn.

    Attributes:
        luma: quantization table, 8x8.
        chroma: the same for both colour components.
        quality: on the encoder's scale, or 0 for a table without one.
        family: "ijg", "smooth", or a name of `jpegtrace.tables.named_table`.
        subsampling: a name of `jpegtrace.chain.sampling`.
        encoder: a name of `jpegtrace.chain.encoders`.
        origin: row and column, 0..7, of its grid in the patch.
    """

    luma: Table
    chroma: Table
    quality: int
    family: str
    subsampling: str
    encoder: str
    origin: tuple[int, int]


@dataclass(frozen=True)
class History:
    """What a patch went through: its compressions, oldest first; none for a pristine one."""

    compressions: tuple[Compression, ...]

    @property
    def last_quality(self) -> int:
        """Of the last compression; 0 for a table without one, 100 for pristine patches."""
        return self.compressions[-1].quality if self.compressions else 100

    def __len__(self) -> int:
        return len(self.compressions)


@dataclass(frozen=True)
class JpegAugmentation:
    """Cut a patch out of a picture and give it a history.

    Every choice is independent of the others and drawn from the generator alone, so a sample is a function of picture,
    parameters and seed.

    Attributes:
        side: of the patch in pixels.
        times: relative frequency of 0, 1, 2, ... compressions.
        qualities: lowest and highest quality, uniform, or qualities with their relative frequencies.
        families: of tables, one is drawn each time: "ijg" (scaled by the quality), "smooth" (of no family), or names of
            `jpegtrace.tables.named_table`.
        subsamplings: one is drawn each time.
        encoders: one is drawn each time; any but libjpeg-turbo is slower and needs the extra [encoders].
        grid: "random": the last grid begins anywhere in the patch; "aligned": at its corner.
        aligned_before: share of double compressions whose grids are one; the others draw among all 64 shifts.
        flips: turn and mirror the piece, before any compression.
    """

    side: int = 64
    times: tuple[float, ...] = (0.1, 0.9)
    qualities: tuple[int, int] | Mapping[int, float] = (50, 100)
    families: tuple[str, ...] = ("ijg",)
    subsamplings: tuple[str, ...] = ("420",)
    encoders: tuple[str, ...] = (FAST,)
    grid: str = "random"
    aligned_before: float = 0.0
    flips: bool = True
    _choices: tuple[NDArray[np.int64], NDArray[np.float64]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.qualities, Mapping):
            values = np.array(list(self.qualities), np.int64)
            weights = np.array(list(self.qualities.values()), np.float64)
        else:
            values = np.arange(self.qualities[0], self.qualities[1] + 1)
            weights = np.ones(len(values))
        if not len(values) or values.min() < 1 or values.max() > 100 or weights.min() < 0 or not weights.sum():
            raise ChainError(f"qualities must lie in 1..100 and be drawn with some weight, not {self.qualities}")
        if self.grid not in ("random", "aligned"):
            raise ChainError(f"the grid is random or aligned, not {self.grid!r}")
        if not self.times or min(self.times) < 0 or not sum(self.times):
            raise ChainError(f"times are relative frequencies of 0, 1, 2, ... compressions, not {self.times}")
        if not 0 <= self.aligned_before <= 1:
            raise ChainError("aligned_before is a share between 0 and 1")
        if self.side < 8 or not (self.families and self.subsamplings and self.encoders):
            raise ChainError("side must be at least 8; families, subsamplings and encoders must not be empty")
        for name in self.subsamplings:
            if name not in SUBSAMPLINGS or name == "grey":
                raise ChainError(f"{name!r} is not a subsampling of colour pictures")
        for name in self.encoders:
            find(name)
        object.__setattr__(self, "_choices", (values, weights / weights.sum()))

    @property
    def piece(self) -> int:
        """Side of the piece of a picture that a patch is made from."""
        most = max(len(self.times) - 1, 0)
        return self.side + most * (LARGEST_BLOCK + 2 * EDGE)

    def __call__(self, picture: Pixels, rng: np.random.Generator) -> tuple[Pixels, History]:
        """A patch, uint8 (side, side, 3), and its history.

        Args:
            picture: uint8 RGB, both sides at least `piece`.
            rng: the only source of chance.

        Raises:
            ChainError: the picture is too small or not RGB.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape) < 3:
            raise ChainError(f"a picture must be uint8 RGB, not {picture.dtype} {picture.shape}")
        if min(picture.shape[:2]) < self.piece:
            raise ChainError(
                f"a picture of {picture.shape[1]}x{picture.shape[0]} is too small: patches of {self.side} pixels with "
                f"{len(self.times) - 1} compressions are made from {self.piece}x{self.piece}"
            )
        top, left = (int(rng.integers(n - self.piece + 1)) for n in picture.shape[:2])
        pixels = picture[top : top + self.piece, left : left + self.piece]
        if self.flips:
            pixels = _turned(pixels, int(rng.integers(8)))
        count = int(rng.choice(len(self.times), p=np.array(self.times) / sum(self.times)))
        done: list[Compression] = []
        for index in range(count):
            pixels, compression = self._compressed(np.ascontiguousarray(pixels), rng)
            pixels, cut = self._cut(pixels, rng, last=index == count - 1)
            done = [_moved(one, cut) for one in (*done, compression)]
        spare = pixels.shape[0] - self.side  # of compressions that were not drawn
        # A multiple of 8: what the last cut chose for the grid stands.
        rows, cols = (8 * int(rng.integers(spare // 8 + 1)) if count else int(rng.integers(spare + 1)) for _ in "yx")
        patch = pixels[rows : rows + self.side, cols : cols + self.side]
        return np.ascontiguousarray(patch), History(tuple(done))

    def _compressed(self, pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Compression]:
        encoder = self.encoders[rng.integers(len(self.encoders))]
        subsampling = self.subsamplings[rng.integers(len(self.subsamplings))]
        family = self.families[rng.integers(len(self.families))]
        quality = int(rng.choice(self._choices[0], p=self._choices[1])) if family == "ijg" else 0
        luma, chroma = _tables(family, quality, rng)
        if encoder == FAST:
            rows, cols = pixels.shape[:2]
            planes = compress(pixels, luma, chroma, subsampling)
            decoded = decompress(planes, (luma, chroma), subsampling, rows, cols)
        else:
            settings = Settings(quality=quality) if quality else Settings(tables=(luma, chroma))
            data, written = encode(pixels, encoder, Settings(settings.quality, settings.tables, subsampling))
            luma = written.luma_table
            chroma = luma if written.chroma_table is None else written.chroma_table
            decoded = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        return decoded, Compression(luma, chroma, quality, family, subsampling, encoder, (0, 0))

    def _cut(self, pixels: Pixels, rng: np.random.Generator, *, last: bool) -> tuple[Pixels, tuple[int, int]]:
        """Away from the border, where the piece's own edge shows; moves the grid as the parameters say."""
        kept = pixels.shape[0] - LARGEST_BLOCK - 2 * EDGE
        on_grid = self.grid == "aligned" if last else rng.random() < self.aligned_before
        rows, cols = (int(rng.integers(EDGE, LARGEST_BLOCK + EDGE)) for _ in "yx")
        if on_grid:
            rows, cols = 8 * (1 + rows % 4), 8 * (1 + cols % 4)
        return pixels[rows : rows + kept, cols : cols + kept], (rows, cols)


@cache
def _ijg(quality: int) -> tuple[Table, Table]:
    return ijg_table(quality), ijg_table(quality, "chroma")


def _tables(family: str, quality: int, rng: np.random.Generator) -> tuple[Table, Table]:
    if family == "ijg":
        return _ijg(quality)
    if family == "smooth":
        return random_smooth_table(rng), random_smooth_table(rng)
    found = named_table(family)
    return found[0], found[min(1, len(found) - 1)]


def _turned(pixels: Pixels, which: int) -> Pixels:
    """One of the eight ways to lay a square."""
    turned = np.rot90(pixels, which % 4)
    return turned[:, ::-1] if which >= 4 else turned


def _moved(compression: Compression, cut: tuple[int, int]) -> Compression:
    """The same after `cut` rows and columns were taken off."""
    row, col = ((compression.origin[axis] - cut[axis]) % 8 for axis in (0, 1))
    return Compression(
        compression.luma,
        compression.chroma,
        compression.quality,
        compression.family,
        compression.subsampling,
        compression.encoder,
        (row, col),
    )
