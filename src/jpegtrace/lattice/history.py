"""The pasts of a picture: search windows, ask about what they found everywhere, and look again where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress, part
from jpegtrace.lattice.combiner import Posterior
from jpegtrace.lattice.decode import posterior
from jpegtrace.lattice.dense import Hypothesis, Sums, block_evidence
from jpegtrace.lattice.regions import CELL, TEMPER, Segmentation, choose_sources, distance, segment
from jpegtrace.lattice.scan import SIDES, TOLERATED, Seen, Window, pasts_of, search, windows_of, windows_to_search
from jpegtrace.lattice.windows import box_sums, flat_blocks

UNEXPLAINED = 3.0  # tempered evidence of the best past below which a window is searched although it was passed over
CONFIRMED = 0.95  # probability by the combiner from which a source is one
AGAIN = 0.5  # share of the windows of the first search that a second one may take at most


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What may have happened to a picture, and how much every block speaks for it.

    Attributes:
        pasts: what windows were found to have gone through.
        evidence: float32 (pasts, rows, columns) of cells of 8 pixels, see `block_evidence`.
        sums: the same, for windows.
        usable: (rows, columns) blocks that are whole and not clipped.
        seen: the windows that were searched.
    """

    pasts: tuple[Hypothesis, ...]
    evidence: NDArray[np.float32]
    sums: Sums
    usable: NDArray[np.bool_]
    seen: tuple[Seen, ...]


def find_history(
    blocks: NDArray[np.int16],
    last_table: NDArray[np.uint16],
    usable: NDArray[np.bool_],
    shape: tuple[int, int],
    *,
    most_windows: int,
    threads: int = 1,
    progress: Progress | None = None,
) -> History:
    """Search a picture.

    Args:
        blocks: int16 (rows, columns, 8, 8) quantized luma coefficients.
        last_table: (8, 8).
        usable: (rows, columns) blocks that are whole and not clipped.
        shape: height and width of the picture.
        most_windows: bound on the windows searched at first.
        threads: worker threads; the result does not depend on it.
        progress: called with the share that is done.
    """
    windows = windows_to_search(blocks, usable, most_windows)
    seen = search(blocks, last_table, windows, threads=threads, progress=part(progress, 0, 0.6))
    pasts = pasts_of(seen)
    telling = usable & ~flat_blocks(blocks)
    evidence = block_evidence(blocks, last_table, telling, pasts, threads=threads, progress=part(progress, 0.6, 0.7))
    rest = _unexplained(blocks, usable, evidence, windows, int(AGAIN * most_windows))
    if rest:
        seen += search(blocks, last_table, rest, threads=threads, progress=part(progress, 0.7, 0.9))
        pasts = pasts_of(seen)
        evidence = block_evidence(blocks, last_table, telling, pasts, threads=threads, progress=part(progress, 0.9, 1))
    elif progress:
        progress(1)
    return History(pasts, evidence, Sums.of(evidence, shape), usable, tuple(seen))


def _unexplained(
    blocks: NDArray[np.int16],
    usable: NDArray[np.bool_],
    evidence: NDArray[np.float32],
    searched: list[Window],
    most: int,
) -> list[Window]:
    """Windows that were not searched, overlapping ones too, in which all pasts found fail; the worst first."""
    if not len(evidence):
        return []
    known = set(searched)
    side = SIDES[-1]
    windows = [w for w in windows_of(blocks, usable, side, side // 2) if w not in known]
    failing = []
    for window in windows:
        here = evidence[:, window.top : window.top + side, window.left : window.left + side]
        best = TEMPER * float(here.sum((1, 2), dtype=np.float64).max())
        if best < UNEXPLAINED:
            failing.append((best, window))
    failing.sort(key=lambda pair: pair[0])
    return [window for _, window in failing[:most]]


def divide(
    history: History, blocks: NDArray[np.int16], last_table: NDArray[np.uint16], *, stride: int = CELL
) -> Segmentation:
    """Sources of a picture, each confirmed by the combiner in a window that speaks for it against the others.

    Args:
        history: of the picture.
        blocks: its coefficients.
        last_table: (8, 8).
        stride: of the map in pixels.
    """
    chosen = choose_sources(history.sums, history.pasts)
    while doubtful := [k for k in chosen if not _confirmed(k, chosen, history, blocks, last_table)]:
        # The one added last explains least.
        chosen.remove(doubtful[-1])
    return segment(history.sums, history.pasts, chosen, stride)


def _confirmed(
    k: int, chosen: Sequence[int], history: History, blocks: NDArray[np.int16], last_table: NDArray[np.uint16]
) -> bool:
    """Whether any window has this source's past by the combiner, too.

    Asked are the windows that were searched, and those that set the source apart from the others most.
    """
    past = history.pasts[k]
    rivals = [history.pasts[j] for j in chosen if j != k and history.pasts[j].origin == past.origin]
    if any(_agreement(one.found, past, rivals) >= CONFIRMED for one in history.seen):
        return True
    others = [history.evidence[j] for j in chosen if j != k]
    ahead = history.evidence[k] - np.max([np.zeros_like(history.evidence[k]), *others], axis=0)
    for side in SIDES:
        if side > min(blocks.shape[:2]):
            continue
        tops, lefts = (np.arange(0, n - side + 1) for n in blocks.shape[:2])
        sums = box_sums(np.rint(ahead * 100), tops, lefts, side, side)
        bad = box_sums(~history.usable, tops, lefts, side, side)
        allowed = bad <= TOLERATED * side**2
        if not allowed.any():
            continue
        sums = np.where(allowed, sums, sums.min())
        top, left = np.unravel_index(int(sums.argmax()), sums.shape)
        found = posterior(np.ascontiguousarray(blocks[top : top + side, left : left + side]), last_table)
        if _agreement(found, past, rivals) >= CONFIRMED:
            return True
    return False


def likeliest(found: Posterior) -> Hypothesis:
    """The likeliest table of a window, with its likeliest grid."""
    table = int(found.joint.sum(axis=0).argmax())
    origin = int(found.origins[int(found.joint[:, table].argmax())])
    return Hypothesis(divmod(origin, 8), found.tables[table], found.names[table], int(found.qualities[table]))


def _agreement(found: Posterior, past: Hypothesis, rivals: Sequence[Hypothesis]) -> float:
    """Probability of an earlier compression on a past's grid, with a table nearer to its own than to its rivals'."""
    here = found.joint[found.origins == past.origin[0] * 8 + past.origin[1]].sum(axis=0)
    if rivals and here.sum() >= CONFIRMED:
        own = [all(distance(t, past.table) <= distance(t, r.table) for r in rivals) for t in found.tables]
        here = here[np.array(own)]
    return (1 - found.single) * float(here.sum())
