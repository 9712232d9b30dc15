"""Pieces of pictures and quantization tables as the recipes draw them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.chain import Batch
from jpegtrace.chain.codec import Planes, decompress
from jpegtrace.chain.sampling import factors
from jpegtrace.errors import ChainError
from jpegtrace.lattice.histograms import Chroma
from jpegtrace.tables import Pair, ijg_pair, pair_of, random_smooth_table, usual_known_tables

Pixels = NDArray[np.uint8]
MARGIN = 64  # by which a source is larger than its patch, for shifts and chroma
BORDER = 16  # of a source before its patch
QUALITY = (50, 100)  # of standard tables where compression once and twice are told apart


def draw_tables(rng: np.random.Generator, quality: tuple[int, int], *, known: float = 0.0, smooth: float = 0.0) -> Pair:
    """Luma and chroma table: one of the survey, one of no family, or IJG's at a quality.

    Args:
        rng: the only source of chance.
        quality: lowest and highest.
        known: share of tables of cameras and programs.
        smooth: share of tables of no family.
    """
    kind = rng.random()
    if kind < known:
        tables = usual_known_tables()
        return pair_of(tables[rng.integers(len(tables))])
    if kind < known + smooth:
        return np.stack([random_smooth_table(rng, mean_range=(2.0, 20.0)), random_smooth_table(rng)])
    return ijg_pair(int(rng.integers(quality[0], quality[1] + 1)))


def draw_piece(picture: Pixels, side: int, rng: np.random.Generator, rescaled: float) -> Pixels:
    """A square of a picture; a share is resized by 0.5 to 2 before, enlarged ones mostly with some grain.

    A picture too small to be reduced is taken as it is.

    Raises:
        ChainError: a side of the picture is less than `side`.
    """
    height, width = picture.shape[:2]
    if min(height, width) < side:
        raise ChainError(f"a picture of {width}x{height} is too small for a piece of {side}x{side}")
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(2.0)))) if rng.random() < rescaled else 1.0
    need = int(np.ceil(side / scale)) + 1
    if need > min(height, width):
        need, scale = side, 1.0
    y, x = rng.integers(0, height - need + 1), rng.integers(0, width - need + 1)
    piece = picture[y : y + need, x : x + need]
    if scale == 1.0:
        return piece[:side, :side]
    size = max(side, round(need * scale))
    resized = np.asarray(Image.fromarray(piece).resize((size, size), Image.Resampling.BICUBIC))[:side, :side]
    if scale > 1.2 and rng.random() < 0.7:
        grain = rng.normal(0, rng.uniform(0.5, 3), resized.shape)
        return np.clip(resized + grain, 0, 255).astype(np.uint8)
    return resized


def draw_corners(rng: np.random.Generator, count: int, *, shifted: bool) -> NDArray[np.int64]:
    """Row and column of patches in their sources: on one grid, or on any of the other 63."""
    shift = rng.integers(1, 64, count) if shifted else np.zeros(count, np.int64)
    return BORDER + np.stack([shift // 8, shift % 8], 1)


def chroma_of(batch: Batch, index: int) -> Chroma | None:
    """What both chroma planes of a patch store; None where it is grey."""
    if batch.last_subsampling == "grey":
        return None
    planes = batch.blue[index], batch.red[index]
    return Chroma(planes, batch.last_tables[index, 1], factors(batch.last_subsampling))


def decoded_luma(blocks: NDArray[np.int16], table: NDArray[np.uint16]) -> Pixels:
    """The decoder's Y plane of stored coefficients (rows, columns, 8, 8)."""
    none = np.empty((0, 0, 8, 8), np.int16)
    rows, cols = 8 * blocks.shape[0], 8 * blocks.shape[1]
    return decompress(Planes(blocks, none, none), (table,), "grey", rows, cols)
