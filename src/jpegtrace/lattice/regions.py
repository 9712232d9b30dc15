"""Parts of a picture with different pasts: how many there are, where, and which first table and shift each has.

Sources are chosen one after the other, each the past that explains most of what those before it left unexplained;
"not compressed before", whose evidence is 0 everywhere, is there from the beginning. Every place then gets the source
that the windows around it speak for, the smallest window that is sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from jpegtrace.lattice import _region_kernels
from jpegtrace.lattice.dense import Hypothesis, Sums
from jpegtrace.lattice.hypotheses import ENTRIES
from jpegtrace.lattice.regrid import blocks_on

CELL = 8  # pixels
# What follows was chosen on training pictures.
TEMPER = 0.15  # of the evidence, which is over-confident: blocks and frequencies are not independent
SEARCH_WINDOW = 64
MARGIN = 2.0  # nats by which a source must win a window for that window to count
EXPLAINED = 2.0  # nats of evidence from which a window needs no further source
ENOUGH = 12.0  # nats that a further source must add over the picture
ALIKE = 0.5  # mean difference of log steps below which two tables on one grid are one source
WINDOWS = (24, 40, 64, 96, 160)  # pixels, tried in turn
SURE = 0.75
SMALLEST = 24 * CELL**2  # pixels; smaller parts go to what surrounds them
SMALLEST_OTHER = 100 * CELL**2  # the same where no past fits, as happens in single textures
AGAINST = 0.7  # evidence against a past, in another source, over that for it where it holds
ENOUGH_AGAINST = 2.5  # nats a cell, where no past fits: under a later compression weak evidence turns round
PASSES = 8
AT_ONCE = 1 << 16  # places of a map worked out together
# Share of a part's blocks with more than DC in steps of its past. Skies of originals with a false past have .12 and
# less, parts of spliced training pictures .35 and more.
TEXTURED = 0.2
CLEAR = 0.5  # share of a piece of blocks that must not be clipped where no past fits
OTHER, UNKNOWN = 0, -1


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Sources of a picture.

    Attributes:
        pasts: of the sources; source k + 1 has `pasts[k]`, source 0 none of them.
        chosen: places of these pasts among all that were asked about.
        labels: int8 (rows, columns) of a map; -1 where the evidence is thin.
        probability: float32, of the label by tempered evidence; 0 where there is none.
    """

    pasts: tuple[Hypothesis, ...]
    chosen: tuple[int, ...]
    labels: NDArray[np.int8]
    probability: NDArray[np.float32]


def segment(sums: Sums, pasts: Sequence[Hypothesis], chosen: Sequence[int], stride: int = CELL) -> Segmentation:
    """Divide a picture.

    Args:
        sums: of the evidence of all pasts.
        pasts: what may have happened.
        chosen: which of them are its sources, see `choose_sources`.
        stride: of the map in pixels.
    """
    labels = np.full(sums.size(stride), UNKNOWN, np.int8)
    probability = np.zeros(labels.shape, np.float32)
    if chosen:
        kept = Sums(sums.total[list(chosen)], sums.shape)
        for band in bands(labels.shape):
            for window in WINDOWS:
                found = past_probabilities(kept.windows(window, stride, band))
                best = found.argmax(axis=0)
                sure = np.take_along_axis(found, best[None], 0)[0]
                new = (labels[band] == UNKNOWN) & (sure >= SURE)
                labels[band][new] = best[new]
                probability[band][new] = sure[new]
        before = labels.copy()
        absorb(labels, SMALLEST // stride**2, SMALLEST_OTHER // stride**2)
        probability[labels != before] = 0
        for band in bands(labels.shape):
            given = (labels[band] != before[band]) & (labels[band] != UNKNOWN)
            if given.any():
                found = past_probabilities(kept.windows(WINDOWS[-1], stride, band))
                probability[band][given] = np.take_along_axis(found, labels[band][None].clip(0), 0)[0][given]
    return Segmentation(tuple(pasts[k] for k in chosen), tuple(chosen), labels, probability)


def absorb(labels: NDArray[np.int8], smallest: int, smallest_other: int) -> None:
    """Give parts of fewer cells to what surrounds them, in place; `smallest_other` is the bound for label 0."""
    for _ in range(PASSES):
        if not _region_kernels.absorb_small(labels, smallest, smallest_other):
            break


def faded(found: Segmentation, sums: Sums, stride: int = CELL) -> tuple[int, ...]:
    """Labels of parts where the past of the largest may only have faded, so that they need not be another picture.

    Under a later compression traces fade, in textures first. There a finer past, that of the later compression, fits
    better, or none does; but unlike in another picture little speaks against the coarser one, and the finer one shows
    in both.

    Args:
        found: the parts.
        sums: of the evidence of all pasts that it was divided by.
        stride: of its map in pixels.
    """
    labels, coarseness = found.labels, [_coarseness(past) for past in found.pasts]
    counts = np.bincount(labels[labels > OTHER].ravel(), minlength=1 + len(coarseness))
    if not counts.any():
        return ()
    main = int(counts.argmax())
    kept = Sums(sums.total[list(found.chosen)], sums.shape)
    mean, parts = _means(labels, kept, stride), []
    for part in np.flatnonzero(np.bincount((labels + 1).ravel(), minlength=2 + len(coarseness))[1:]):
        if part == OTHER:
            only = mean[main, OTHER] > -ENOUGH_AGAINST
        elif part != main:
            fine, coarse = sorted((main, int(part)), key=lambda source: coarseness[source - 1])
            only = mean[fine, coarse] > 0 and mean[coarse, fine] > -AGAINST * mean[coarse, coarse]
        else:
            continue
        if only:
            parts.append(int(part))
    return tuple(parts)


def doubt_smooth(found: Segmentation, blocks: NDArray[np.int16], last: NDArray[np.uint16], stride: int = CELL) -> None:
    """Take back, in place, the sources that are seen in smooth areas only.

    Where nothing but DC is left, zeros on any grid fit a coarse table, and so does DC in bands of an even sky.
    """
    for source, past in enumerate(found.pasts, start=OTHER + 1):
        inside = found.labels == source
        if inside.any() and textured(blocks, last, past, inside, stride) < TEXTURED:
            found.labels[inside] = UNKNOWN
            found.probability[inside] = 0


def doubt_clipped(found: Segmentation, clear: NDArray[np.bool_], stride: int = CELL) -> None:
    """Take back, in place, pieces where no past fits and most blocks are clipped or damaged: there none can.

    Args:
        found: the parts.
        clear: (rows, columns) blocks that are whole and not clipped.
        stride: of its map in pixels.
    """
    step = max(CELL // stride, 1)  # places that are about a block, so that memory does not grow with the map
    rows, cols = (np.arange(0, n, step) for n in found.labels.shape)
    pieces, count = label(found.labels[::step, ::step] == OTHER)
    row, col = (np.minimum(at * stride // CELL, n - 1) for at, n in zip((rows, cols), clear.shape, strict=True))
    seen = np.bincount(pieces[clear[row[:, None], col]], minlength=count + 1)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    doubtful = seen < CLEAR * areas
    doubtful[0] = False
    for top, piece in zip(rows, pieces, strict=True):
        here = slice(top, top + step)
        back = np.repeat(doubtful[piece], step)[: found.labels.shape[1]] & (found.labels[here] == OTHER)
        found.labels[here][back] = UNKNOWN
        found.probability[here][back] = 0


def merge_alike(found: Segmentation, read: Sequence[Hypothesis]) -> None:
    """Make sources one, in place, whose pasts turn out to be too near to be told apart when they are read again.

    Args:
        found: the parts.
        read: the past of each source as a large window inside its part has it.
    """
    areas = np.bincount(found.labels[found.labels > OTHER], minlength=1 + len(read))
    kept: list[int] = []
    for source in np.argsort(-areas[1:], kind="stable") + 1:
        into = next((k for k in kept if alike(read[k - 1], read[source - 1])), None)
        if into is None:
            kept.append(int(source))
        else:
            found.labels[found.labels == source] = into


def textured(
    blocks: NDArray[np.int16], last: NDArray[np.uint16], past: Hypothesis, inside: NDArray[np.bool_], stride: int = CELL
) -> float:
    """Share of a part's blocks on a past's grid in which anything but DC is not 0, in steps of its table.

    Args:
        blocks: stored values of luma, (rows, columns, 8, 8).
        last: table of the last compression, (8, 8).
        past: grid and table of an earlier one.
        inside: places of the part.
        stride: of these places in pixels.
    """
    steps = np.where(past.table == 0, np.inf, past.table)[1:]
    told = counted = 0
    for values in blocks_on(blocks, last, past.origin, inside, stride=stride):
        told += int((np.abs(values[:, 1:]) >= steps / 2).any(1).sum())
        counted += len(values)
    return told / max(counted, 1)


def _means(labels: NDArray[np.int8], kept: Sums, stride: int) -> NDArray[np.float64]:
    """Mean evidence for source i where the label is j, of cells that tell; row 0 is of nothing."""
    count = 1 + len(kept.total)
    totals = np.zeros((2, count, count))
    for band in bands(labels.shape):
        evidence = kept.windows(CELL, stride, band)
        for part in range(count):
            here = evidence[:, labels[band] == part]
            totals[0, 1:, part] += here.sum(1)
            totals[1, 1:, part] += (here != 0).sum(1)
    return np.asarray(totals[0] / totals[1].clip(1))


def past_probabilities(sums: NDArray[np.float32], *, prior: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Probability of every past, (1 + pasts, rows, columns) of a map; the first is "not compressed before".

    `prior` is the odds of each past against it, 1 unless given.
    """
    logits = np.concatenate([np.zeros((1, *sums.shape[1:]), np.float32), TEMPER * sums])
    if prior is not None:
        logits[1:] += np.log(prior)[:, None, None]
    weights = np.exp(logits - logits.max(axis=0))
    found: NDArray[np.float32] = weights / weights.sum(axis=0)
    return found


def bands(shape: tuple[int, ...]) -> list[slice]:
    """Rows of a map to be worked off together, so that memory does not grow with the map."""
    rows = max(AT_ONCE // max(shape[1], 1), 1)
    return [slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows)]


def choose_sources(sums: Sums, pasts: Sequence[Hypothesis]) -> list[int]:
    """Pasts that are needed to explain the picture, the most useful first."""
    if not len(pasts):
        return []
    stride = SEARCH_WINDOW // 2
    evidence = TEMPER * sums.windows(SEARCH_WINDOW, stride)
    overlap = (SEARCH_WINDOW / stride) ** 2
    coarseness = np.array([_coarseness(past) for past in pasts])
    explained = np.zeros(evidence.shape[1:], np.float32)
    by = np.full(explained.shape, -np.inf)  # coarseness of the source that explains a window
    free = np.ones(len(pasts), bool)
    chosen: list[int] = []
    while free.any():
        # Every compression of a picture that went through several explains all of it. A source with finer steps is
        # needed only where the others fail; coarser ones do not fit by chance.
        open_to = (explained < EXPLAINED) | (coarseness[:, None, None] > by)
        gain = np.where(open_to, evidence - explained - MARGIN, 0).clip(min=0).sum(axis=(1, 2)) / overlap
        best = int(np.where(free, gain, -1).argmax())
        if gain[best] < ENOUGH:
            break
        chosen.append(best)
        by = np.where(evidence[best] > explained, coarseness[best], by)
        explained = np.maximum(explained, evidence[best])
        free &= [not alike(past, pasts[best]) for past in pasts]
    return chosen


def _coarseness(past: Hypothesis) -> float:
    """Mean logarithm of the first steps."""
    return float(np.log(past.table[:ENTRIES]).mean())


def alike(one: Hypothesis, other: Hypothesis) -> bool:
    """Whether two pasts are too near to each other to be told apart as sources."""
    return one.origin == other.origin and distance(one.table, other.table) < ALIKE


def distance(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> float:
    """Mean difference of the logarithms of the first steps of two tables."""
    return float(np.abs(np.log(one[:ENTRIES]) - np.log(other[:ENTRIES])).mean())
