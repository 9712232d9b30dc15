"""Windows with known histories, and their evidence, in files that training reads.

Histories are drawn anew from lossless pictures with `jpegtrace.chain`; what is kept is evidence, never pictures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.chain import double_compress
from jpegtrace.lattice.candidates import FREE_ORIGINS, FREE_TEMPERS, OTHERS, free_tables, likely_others
from jpegtrace.lattice.combiner import SINGLE_IN_TRAINING
from jpegtrace.lattice.evidence import KEPT_ORIGINS, gather
from jpegtrace.lattice.hypotheses import FREQUENCIES, full_library
from jpegtrace.tables import ZIGZAG
from jpegtrace_training.histories import BORDER, MARGIN, draw_piece, draw_tables
from jpegtrace_training.pictures import load_pictures

FREE = FREE_ORIGINS * len(FREE_TEMPERS)
UNUSUAL_FROM = 131  # seed of the first file with many tables of cameras, programs and no family


@dataclass(frozen=True)
class Recipe:
    """What is drawn.

    Attributes:
        window: side of the window in pixels.
        first: lowest and highest IJG quality of the first compression.
        last: the same for the last.
        first_other: share of first tables of cameras and programs.
        first_smooth: share of first tables that are in no family.
        last_other: share of last tables of cameras and programs.
        aligned: share forced onto one grid.
        single: share compressed only once.
        rescaled: share of pieces resized by 0.5 to 2, enlarged ones mostly with some grain.
    """

    window: int = 64
    first: tuple[int, int] = (48, 100)
    last: tuple[int, int] = (60, 100)
    first_other: float = 0.15
    first_smooth: float = 0.1
    last_other: float = 0.15
    aligned: float = 0.4
    single: float = SINGLE_IN_TRAINING
    rescaled: float = 0.6


def draw(
    pictures: Sequence[NDArray[np.uint8]], count: int, rng: np.random.Generator, recipe: Recipe
) -> tuple[NDArray[np.int16], NDArray[np.uint16], NDArray[np.uint16], NDArray[np.int64]]:
    """Luma blocks of the last compression, last tables, first tables (zeros: none), first origins (-1: none)."""
    side = recipe.window + MARGIN
    pictures = [picture for picture in pictures if min(picture.shape[:2]) >= side]
    sources = np.empty((count, side, side, 3), np.uint8)
    first = np.zeros((count, 2, 8, 8), np.uint16)
    last = np.zeros((count, 2, 8, 8), np.uint16)

    for i in range(count):
        sources[i] = draw_piece(pictures[rng.integers(len(pictures))], side, rng, recipe.rescaled)
        last[i] = draw_tables(rng, recipe.last, known=recipe.last_other)
        if rng.random() >= recipe.single:
            first[i] = draw_tables(rng, recipe.first, known=recipe.first_other, smooth=recipe.first_smooth)
    corners = BORDER + rng.integers(0, 32, (count, 2))
    corners[rng.random(count) < recipe.aligned] &= ~7
    batch = double_compress(sources, first, last, corners, patch=recipe.window)
    origin = np.where(batch.compressed_before, batch.origin[:, 0] * 8 + batch.origin[:, 1], -1)
    return batch.luma, batch.last_tables[:, 0], batch.first_tables[:, 0], origin


def make_file(path: Path, pictures: Sequence[NDArray[np.uint8]], count: int, seed: int, recipe: Recipe) -> None:
    """Draw windows and write their evidence to an ``.npz`` file."""
    rng = np.random.default_rng(seed)
    library = full_library()
    wide = library.steps.shape[1]
    table: dict[str, NDArray[Any]] = {
        "ratio": np.empty((count, KEPT_ORIGINS, FREQUENCIES, wide), np.float16),
        "promise": np.empty((count, KEPT_ORIGINS, FREQUENCIES, wide), np.float16),
        "origins": np.empty((count, KEPT_ORIGINS), np.int16),
        "cost": np.empty((count, 64), np.float32),
        "scales": np.empty((count, FREQUENCIES), np.float32),
        "zero_share": np.empty((count, FREQUENCIES), np.float32),
        "last": np.empty((count, FREQUENCIES), np.float32),
        "blocks": np.empty(count, np.float32),
        "others": np.empty((count, OTHERS), np.int16),
        "free": np.empty((count, FREE, FREQUENCIES), np.int16),
        "first": np.empty((count, FREQUENCIES), np.int32),
        "origin": np.empty(count, np.int16),
    }
    start, done = time.perf_counter(), 0
    while done < count:
        n = min(200, count - done)
        luma, last, first, origin = draw(pictures, n, rng, recipe)
        for i in range(n):
            found = gather(luma[i], last[i])
            for name in ("ratio", "promise"):
                table[name][done + i] = np.clip(getattr(found, name), -6e4, 6e4)
            for name in ("origins", "cost", "scales", "zero_share", "last", "blocks"):
                table[name][done + i] = getattr(found, name)
            table["others"][done + i] = likely_others(found.ratio, library)
            table["free"][done + i] = free_tables(found.ratio, library)
            table["first"][done + i] = first[i].ravel()[ZIGZAG[:FREQUENCIES]]
            table["origin"][done + i] = origin[i]
        done += n
        rate = done / (time.perf_counter() - start)
        if done % 1000 == 0 or done == count:
            print(
                f"{path.name}: {done:,} of {count:,}, {rate:.0f} a second, {(count - done) / rate:.0f} s left",
                flush=True,
            )
    np.savez(path, **table)  # type: ignore[arg-type]  # the stubs take the arrays for its options


def recipe_of(seed: int, window: int) -> Recipe:
    """What a file of the plan holds: P1's histories more densely, everything, or many tables that are not IJG's."""
    if seed >= UNUSUAL_FROM:
        return Recipe(window=window, first_other=0.35, first_smooth=0.2, last_other=0.2)
    if seed % 2:
        return Recipe(window=window, first=(52, 98), last=(75, 95), first_other=0.1, first_smooth=0.05, last_other=0.08)
    return Recipe(window=window)


def make_job(job: tuple[Path, Path, int, int, int]) -> None:
    """One file of the plan: path, folder of pictures, windows, seed, side; nothing to do where it is there."""
    path, pictures, count, seed, window = job
    if path.exists():
        return
    part = path.with_name(f"part-{path.name}")
    make_file(part, [pixels for _, pixels in load_pictures(pictures)], count, seed, recipe_of(seed, window))
    part.rename(path)
