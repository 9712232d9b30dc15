"""Quality, grid and "was it ever JPEG" at every place of a picture, on the grids that `history` found.

Evidence of every table is worked out once for every block; windows are sums, and grow where the evidence is thin: each
place is told by the smallest window that is sure. Flat and clipped places have no evidence and are not told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress, part
from jpegtrace.lattice.dense import Sums
from jpegtrace.lattice.hypotheses import Library, make_library
from jpegtrace.lattice.regions import bands
from jpegtrace.pixels.dense import scores_of_cells
from jpegtrace.pixels.history import PixelHistory, PixelSource
from jpegtrace.pixels.hypotheses import FREQUENCIES, standard_library
from jpegtrace.pixels.luma import Luma

WINDOWS = (8, 24, 40, 72, 136)  # pixels, tried in turn; an odd number of cells lies around its place on all sides alike
TEMPER = 0.3  # of evidence, whose blocks and frequencies are not independent
SURE = 0.9  # probability of having been JPEG, or of not having been, from which a window tells
QUALITY_SURE = 0.7  # probability of a quality and its two neighbours from which it is told
OWN = 0.5  # share of the prior that the tables found in the picture get; the other tables share the rest
RIVAL = 1.5  # times what another grid has, that a grid must have
# Pixels and nats: all smaller windows from this one on must have so much, or flat places are told by what lies around.
MIDDLE, ENOUGH = 40, 1.0
FAR = (4, 4)  # from a grid to the one that it is compared with
LEAST_TEXTURED = 0.25  # share of a window's blocks with structure both ways, for it to say "never compressed"


@dataclass(frozen=True, slots=True, eq=False)
class QualityMap:
    """What every place of a picture tells; NaN where it tells nothing.

    Attributes:
        quality: IJG quality of the last compression, of the nearest one where the table is another; NaN also where it
            was not compressed.
        compressed: probability that the place was JPEG.
        source: place of the source among the history's whose grid it is on.
        window: side of the window that told, in pixels.
    """

    quality: NDArray[np.float32]
    compressed: NDArray[np.float32]
    source: NDArray[np.float32]
    window: NDArray[np.float32]


def map_quality(
    luma: Luma, history: PixelHistory, *, stride: int = 8, threads: int = 1, progress: Progress | None = None
) -> QualityMap:
    """Tell every stride-th place of a picture.

    Args:
        luma: of the picture.
        history: of it.
        stride: of the map in pixels.
        threads: worker threads.
        progress: called with the share that is done.
    """
    height, width = luma.values.shape
    shape = -(-height // stride), -(-width // stride)
    found = QualityMap(*(np.full(shape, np.nan, np.float32) for _ in range(4)))
    library = _library(history.sources)
    grids: dict[tuple[int, int], list[int]] = {}
    for k, source in enumerate(history.sources):
        grids.setdefault(source.origin, []).append(k)
    for turn, members in enumerate(grids.values()):
        share = part(progress, turn / len(grids), (turn + 1) / len(grids))
        here = _map_grid(luma, library, history.sources, members, stride, threads, share)
        better = np.isnan(found.compressed) & ~np.isnan(here.compressed)
        better |= (here.compressed >= 0.5) & ((found.compressed < 0.5) | (here.window < found.window))
        for name in ("quality", "compressed", "source", "window"):
            getattr(found, name)[better] = getattr(here, name)[better]
    return found


def _library(sources: tuple[PixelSource, ...]) -> Library:
    """Standard tables, and those of the picture that are none."""
    standard = standard_library()
    others = [source for source in sources if not source.standard]
    return make_library(
        [*standard.tables, *(source.table for source in others)],
        [*standard.qualities.tolist(), *(source.quality for source in others)],
        [*standard.names, *(source.name for source in others)],
        frequencies=FREQUENCIES,
    )


def _map_grid(
    luma: Luma, library: Library, sources: tuple[PixelSource, ...], members: list[int], stride: int, threads: int,
    progress: Progress | None,
) -> QualityMap:  # fmt: skip
    """What one grid tells, on which these sources lie; the smallest window that is sure tells."""
    shape = luma.values.shape
    own = [sources[k] for k in members]
    (row, col), variance = own[0].origin, own[0].variance
    scores, rough = scores_of_cells(
        luma, library, row * 8 + col, variance, threads=threads, progress=part(progress, 0, 0.45)
    )
    sums = Sums.of(scores, shape)
    other = (row + FAR[0]) % 8 * 8 + (col + FAR[1]) % 8
    scores, _ = scores_of_cells(luma, library, other, variance, threads=threads, progress=part(progress, 0.45, 0.9))
    rival = Sums.of(scores, shape)
    del scores
    textured = Sums.of(rough[None].astype(np.float32), shape)
    prior = _prior(library, own)[:, None, None]
    found = QualityMap(*(np.full(sums.size(stride), np.nan, np.float32) for _ in range(4)))
    for band in bands((found.quality.shape[0], found.quality.shape[1] * len(library) // 4)):
        within = np.full(found.quality[band].shape, ENOUGH, np.float32)
        for window in WINDOWS:
            logits = TEMPER * sums.windows(window, stride, band) + prior
            against = TEMPER * rival.windows(window, stride, band).max(axis=0).clip(min=0)
            highest = logits.max(axis=0)
            weights = np.exp(logits - highest)
            total = weights.sum(axis=0)
            odds = highest + np.log(total)
            ahead = odds - RIVAL * against
            compressed, refuted = _sigmoid(ahead), _sigmoid(odds)
            best = library.qualities[logits.argmax(axis=0)]
            near = (weights * (np.abs(library.qualities[:, None, None] - best) <= 1)).sum(axis=0) / total
            busy = textured.windows(window, stride, band)[0] >= LEAST_TEXTURED * (window / 8) ** 2
            yes = (compressed >= SURE) & (near >= QUALITY_SURE) & (within >= ENOUGH)
            new = np.isnan(found.compressed[band]) & (yes | (busy & (refuted <= 1 - SURE)))
            found.compressed[band][new] = np.where(yes, compressed, refuted)[new]
            found.window[band][new] = window
            new &= yes
            found.quality[band][new] = best[new]
            found.source[band][new] = members[0]
            if window >= MIDDLE:
                within = np.minimum(within, ahead)
    if progress:
        progress(1)
    return found


def _sigmoid(odds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability from the logarithm of odds."""
    found: NDArray[np.float32] = 1 / (1 + np.exp(-odds.clip(-50, 50)))
    return found


def _prior(library: Library, own: list[PixelSource]) -> NDArray[np.float32]:
    tables = {source.table.tobytes() for source in own}
    is_own = np.array([table.tobytes() in tables for table in library.tables])
    prior = np.where(is_own, OWN / max(is_own.sum(), 1), (1 - OWN) / max((~is_own).sum(), 1))
    odds: NDArray[np.float32] = np.log(prior).astype(np.float32)
    return odds
