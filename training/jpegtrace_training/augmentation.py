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
from dataclasses import dataclass, field, fields, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.chain.codec import compress, decompress
from jpegtrace.chain.encoders import Settings, encode, find
from jpegtrace.chain.sampling import FACTORS, LARGEST_BLOCK
from jpegtrace.errors import ChainError, UsageError
from jpegtrace.tables import ijg_table, named_table, random_smooth_table

Pixels = NDArray[np.uint8]
Table = NDArray[np.uint16]
FAST = "libjpeg-turbo"  # the encoder that `chain.codec` computes on arrays, bit for bit
EDGE = 2  # pixels from which chroma upsampling may see the border of the piece


@dataclass(frozen=True, eq=False)
class Compression:
    """One compression as it was drawn.

    Attributes:
        luma: quantization table, 8x8.
        chroma: the same for both colour components.
        quality: on the encoder's scale, or 0 for a table without one.
        family: "ijg", "smooth", or a name of `jpegtrace.tables.named_table`, as it was drawn.
        subsampling: a name of `jpegtrace.chain.sampling`.
        encoder: a name of `jpegtrace.chain.encoders`.
        origin: row and column, 0..7, of its grid of luma blocks in the patch.
    """

    luma: Table
    chroma: Table
    quality: int
    family: str
    subsampling: str
    encoder: str
    origin: tuple[int, int]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compression):
            return NotImplemented
        return all(np.array_equal(getattr(self, one.name), getattr(other, one.name)) for one in fields(self))

    def __hash__(self) -> int:
        return hash((self.quality, self.family, self.subsampling, self.encoder, self.origin))


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
        families: of tables, one is drawn each time: "ijg" (scaled by the quality; mozjpeg scales tables of its own),
            "smooth" (of no family), or names of `jpegtrace.tables.named_table`.
        subsamplings: one is drawn each time.
        encoders: one is drawn each time; any but libjpeg-turbo is slower and needs the extra [encoders].
        grid: "random": the last grid begins anywhere in the patch; "aligned": at its corner, that of chroma, too.
        aligned_before: share of compressions whose grids, of luma and chroma, are those of the next one; the others
            draw among all 64 shifts.
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
        object.__setattr__(self, "_choices", _weighted(self.qualities))
        if self.grid not in ("random", "aligned"):
            raise ChainError(f"the grid is random or aligned, not {self.grid!r}")
        if not self.times or not np.isfinite(self.times).all() or min(self.times) < 0 or not sum(self.times):
            raise ChainError(f"times are relative frequencies of 0, 1, 2, ... compressions, not {self.times}")
        if not 0 <= self.aligned_before <= 1:
            raise ChainError("aligned_before is a share between 0 and 1")
        if self.side < 8 or not (self.families and self.subsamplings and self.encoders):
            raise ChainError("side must be at least 8; families, subsamplings and encoders must not be empty")
        for name in self.subsamplings:
            if name not in FACTORS or name == "grey":
                raise ChainError(f"{name!r} is not a subsampling of colour pictures")
        for name in self.families:
            _check_family(name)
        for name in self.encoders:
            able = find(name).subsamplings
            if name != FAST and not set(self.subsamplings) <= set(able):
                raise ChainError(f"encoder {name} does not write all of {', '.join(self.subsamplings)}")

    @property
    def piece(self) -> int:
        """Side of the piece of a picture that a patch is made from: whole chroma blocks wherever it is compressed."""
        side = self.side
        for _ in self.times[1:]:
            side = -(-(side + LARGEST_BLOCK + 2 * EDGE) // self._block) * self._block
        return side

    @property
    def _block(self) -> int:
        """Side of the largest chroma block of these subsamplings."""
        return 8 * max(max(FACTORS[name]) for name in self.subsamplings)

    def __call__(self, picture: Pixels, rng: np.random.Generator) -> tuple[Pixels, History]:
        """A patch, uint8 (side, side, 3), and its history.

        Args:
            picture: uint8 RGB, both sides at least `piece`.
            rng: the only source of chance.

        Raises:
            ChainError: the picture is too small or not RGB.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
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
        # What the last cut chose for the grid stands.
        step = 1 if not count else LARGEST_BLOCK if self.grid == "aligned" else 8
        rows, cols = (step * int(rng.integers(spare // step + 1)) for _ in "yx")
        # A copy: whoever alters the patch does not alter the picture.
        return pixels[rows : rows + self.side, cols : cols + self.side].copy(), History(tuple(done))

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
            settings = Settings(quality or None, None if quality else (luma, chroma), subsampling)
            data, written = encode(pixels, encoder, settings)
            luma = written.luma_table
            chroma = luma if written.chroma_table is None else written.chroma_table
            decoded = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        return decoded, Compression(luma, chroma, quality, family, subsampling, encoder, (0, 0))

    def _cut(self, pixels: Pixels, rng: np.random.Generator, *, last: bool) -> tuple[Pixels, tuple[int, int]]:
        """Away from the border, where the piece's own edge shows; moves the grid as the parameters say."""
        kept = pixels.shape[0] - LARGEST_BLOCK - 2 * EDGE
        if not last:
            kept -= kept % self._block
        on_grid = self.grid == "aligned" if last else rng.random() < self.aligned_before
        rows, cols = (int(rng.integers(EDGE, LARGEST_BLOCK + EDGE)) for _ in "yx")
        if on_grid:
            rows = cols = LARGEST_BLOCK
        return pixels[rows : rows + kept, cols : cols + kept], (rows, cols)


def _weighted(qualities: object) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Qualities and their probabilities."""
    given: list[object] = list(qualities) if isinstance(qualities, Mapping | tuple | list) else []
    values = np.array(given)
    if isinstance(qualities, Mapping):
        weights = np.array(list(qualities.values()), np.float64)
    elif values.shape == (2,) and values.dtype.kind in "iu":
        values = np.arange(values[0], values[1] + 1)
        weights = np.ones(len(values))
    else:
        weights = np.empty(0)
    fine = len(weights) and np.isfinite(weights).all() and weights.min() >= 0 and weights.sum() > 0
    if not fine or values.dtype.kind not in "iu" or values.min() < 1 or values.max() > 100:
        raise ChainError(
            f"qualities are the lowest and highest of 1..100, or some of them with their weights, not {qualities}"
        )
    return values, weights / weights.sum()


def _check_family(name: str) -> None:
    if name not in ("ijg", "smooth"):
        try:
            named_table(name)
        except UsageError as error:
            raise ChainError(f"{error}; or ijg, smooth") from None


@cache
def _ijg(quality: int) -> tuple[Table, Table]:
    luma, chroma = ijg_table(quality), ijg_table(quality, "chroma")
    for table in (luma, chroma):
        table.flags.writeable = False  # every history of this quality shares them
    return luma, chroma


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
    return replace(compression, origin=(row, col))
