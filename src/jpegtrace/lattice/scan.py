"""Search windows of a picture for pasts; the ones found are then asked about everywhere (`jpegtrace.lattice.dense`)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.lattice.combiner import Posterior
from jpegtrace.lattice.decode import posterior
from jpegtrace.lattice.dense import Hypothesis
from jpegtrace.lattice.windows import box_sums

SIDES = (16, 8)  # blocks of a window: the larger see through coarser last tables, the smaller find smaller parts
QUIET = 1.0  # nonzero coefficients a block, DC apart, below which a window is not worth a search
TOLERATED = 0.15  # share of clipped blocks in a window; they say little, but do not mislead
MOST_PASTS = 24
CERTAIN = 0.5  # probability of two compressions from which a window has a say
NOTABLE = 0.05  # probability of a past in a window from which it is remembered
GOLDEN = 0.6180339887498949


class Window(NamedTuple):
    """A square of blocks."""

    top: int
    left: int
    side: int


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A window that was searched, and what was found."""

    window: Window
    found: Posterior


def windows_to_search(blocks: NDArray[np.int16], usable: NDArray[np.bool_], most: int) -> list[Window]:
    """Windows side by side, see `windows_of`; spread evenly over the picture where there are too many.

    Of the smallest at most `most` are taken, of larger ones as many as see the same part of the picture.
    """
    found: list[Window] = []
    for side in SIDES:
        here = windows_of(blocks, usable, side, side)
        share = int(most * (SIDES[-1] / side) ** 2)
        # A low-discrepancy order over the list, which runs along rows, leaves no large part unsearched.
        order = np.argsort(np.arange(len(here)) * GOLDEN % 1.0, kind="stable")[:share]
        found += [here[k] for k in np.sort(order)]
    return found


def windows_of(blocks: NDArray[np.int16], usable: NDArray[np.bool_], side: int, stride: int) -> list[Window]:
    """Windows of `side` blocks that are usable, but for a few blocks, and not flat."""
    if min(usable.shape) < side:
        return []
    busy = np.count_nonzero(blocks.reshape(*blocks.shape[:2], 64)[..., 1:], axis=2)
    tops, lefts = (np.arange(0, n - side + 1, stride) for n in usable.shape)
    many, bad = (box_sums(values, tops, lefts, side, side) for values in (busy, ~usable))
    rows, cols = np.nonzero((bad <= TOLERATED * side**2) & (many >= QUIET * side**2))
    return [Window(t, x, side) for t, x in zip(tops[rows].tolist(), lefts[cols].tolist(), strict=True)]


def search(
    blocks: NDArray[np.int16],
    last_table: NDArray[np.uint16],
    windows: Sequence[Window],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> list[Seen]:
    """Probabilities of the past of every window."""

    def look(window: Window) -> Seen:
        top, left, side = window
        return Seen(window, posterior(np.ascontiguousarray(blocks[top : top + side, left : left + side]), last_table))

    seen = []
    with ThreadPoolExecutor(threads) as pool:
        for one in pool.map(look, windows):
            seen.append(one)
            if progress:
                progress(len(seen) / len(windows))
    return seen


def pasts_of(seen: Sequence[Seen], most: int = MOST_PASTS) -> tuple[Hypothesis, ...]:
    """The pasts that windows were found to have, those of the largest part of the picture first."""
    weight: dict[tuple[int, bytes], float] = {}
    known: dict[tuple[int, bytes], Hypothesis] = {}
    for one in seen:
        found = one.found
        if 1 - found.single < CERTAIN:
            continue
        for o, k in zip(*np.nonzero(found.joint >= NOTABLE), strict=True):
            origin = int(found.origins[o])
            key = origin, found.tables[k].tobytes()
            weight[key] = weight.get(key, 0.0) + float(found.joint[o, k]) * one.window.side**2
            known.setdefault(
                key, Hypothesis(divmod(origin, 8), found.tables[k], found.names[k], int(found.qualities[k]))
            )
    ranked = sorted(weight, key=lambda key: -weight[key])[:most]
    return tuple(replace(known[key], weight=weight[key]) for key in ranked)
