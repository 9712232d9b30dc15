"""How much of the label the compression history gives away.

Mutual information between the label and each trait of the files, against what it would be by chance: the labels are
shuffled many times, and the p-value is (1 + shuffles that say as much) / (1 + shuffles), after B. Phipson and G. K.
Smyth, "Permutation p-values should never be zero", 2010. All traits are tested at once, so p-values are corrected by
Holm's method, 1979. What the traits that predict the label add to each other stands in `additions`.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from jpegtrace.audit.additions import Addition, Measured, additions_of
from jpegtrace.audit.information import EQUAL, Counts, Tested, cells, codes_of, entropy_of, holm, weights_of
from jpegtrace.audit.rows import Row

PERMUTATIONS = 1000
SEED = 20240229
MOST_PICTURES = 200_000  # of more, so many are drawn

Trait = Callable[[Row], Hashable]

# The traits; a value that is not known is a value of its own.
TRAITS: dict[str, Trait] = {
    "format": lambda row: row.format,
    "JPEG quality": lambda row: row.pixel_quality if row.quality is None else row.quality,
    "colour subsampling": lambda row: row.subsampling,
    "luminance table": lambda row: row.luma_table,
    "grid origin": lambda row: (row.first_grid_row, row.first_grid_col, row.pixel_grid_row, row.pixel_grid_col),
    "number of compressions": lambda row: row.compressions,
    "size in pixels": lambda row: (row.width, row.height),
}


@dataclass(frozen=True, slots=True)
class TraitLeak(Tested):
    """What one trait says about the label by itself."""

    @property
    def sentence(self) -> str:
        """What it means."""
        if self.tells:
            return (
                f"{self.heading} predicts the label: knowing it removes {self.share:.1%} of the uncertainty, "
                f"{self.chance:.1%} by chance (p = {self.p_corrected:.2g})."
            )
        return f"No sign that {self.trait} predicts the label (p = {self.p_corrected:.2g})."


@dataclass(frozen=True, slots=True)
class Leakage:
    """What all traits say about the label.

    Attributes:
        pictures: with a label and a format.
        labels: how many there are.
        entropy: of the label in bits.
        traits: those that vary, the most telling first.
        constant: names of traits that are the same for all pictures.
        unanswerable: why nothing can be said; empty where it can.
        permutations: how often the labels were shuffled.
        drawn_from: how many pictures there are with a label and a format, where `pictures` are a sample of them.
        additions: what the traits that predict the label add to each other: each that adds something, followed by those
            that follow from it and from what is named before.
    """

    pictures: int
    labels: int
    entropy: float
    traits: tuple[TraitLeak, ...] = ()
    constant: tuple[str, ...] = ()
    unanswerable: str = ""
    permutations: int = PERMUTATIONS
    drawn_from: int | None = None
    additions: tuple[Addition, ...] = ()

    @property
    def causes(self) -> list[tuple[Addition, list[Addition]]]:
        """Each trait that adds something, with those that follow."""
        found: list[tuple[Addition, list[Addition]]] = []
        for one in self.additions:
            if one.adds:
                found.append((one, []))
            else:
                found[-1][1].append(one)
        return found


class Sample:
    """Labelled pictures for the test: all of them, or from many a random part.

    Whether a picture is in it depends on its name alone (the smallest hashes), so that neither the order of the rows
    nor who made them matters.
    """

    def __init__(self, most: int = MOST_PICTURES) -> None:
        self._most = most
        self._seen = 0
        self._drawn: list[tuple[bytes, int, tuple[Hashable, ...]]] = []

    def add(self, rows: Iterable[Row]) -> None:
        """Consider further rows."""
        for row in rows:
            if row.label is None or row.format is None:
                continue
            chance = hashlib.blake2b(f"{row.root}\0{row.path}".encode(), digest_size=8).digest()
            kept = (row.label, *(trait(row) for trait in TRAITS.values()))
            self._drawn.append((chance, self._seen, kept))
            self._seen += 1
            if len(self._drawn) >= 2 * self._most:
                self._cut()

    def leakage(self, *, permutations: int = PERMUTATIONS, seed: int = SEED) -> Leakage:
        """What the traits say about the labels."""
        self._cut()
        kept = [item for _, _, item in sorted(self._drawn, key=itemgetter(1))]
        labels, *values = zip(*kept, strict=True) if kept else [()] * (1 + len(TRAITS))
        found = measure(labels, dict(zip(TRAITS, values, strict=True)), permutations=permutations, seed=seed)
        return replace(found, drawn_from=self._seen) if self._seen > len(kept) else found

    def _cut(self) -> None:
        if len(self._drawn) > self._most:
            self._drawn = heapq.nsmallest(self._most, self._drawn)


def leakage_of(rows: Sequence[Row], *, permutations: int = PERMUTATIONS, seed: int = SEED) -> Leakage:
    """What the traits of labelled pictures say about their labels."""
    sample = Sample()
    sample.add(rows)
    return sample.leakage(permutations=permutations, seed=seed)


def measure(
    labels: Sequence[Hashable], traits: Mapping[str, Sequence[Hashable]], *, permutations: int, seed: int
) -> Leakage:
    """Mutual information of each trait with the labels, and its permutation test."""
    classes = codes_of(labels)
    number = int(classes.max(initial=-1)) + 1
    entropy = entropy_of(classes)
    if reason := _unanswerable(len(labels), number):
        return Leakage(len(labels), number, entropy, unanswerable=reason)
    coded = {name: codes_of(values) for name, values in traits.items()}
    varying = {name: codes for name, codes in coded.items() if codes.max() > 0}
    observed, shuffled = _information(classes, list(varying.values()), permutations, seed)
    reaching = (shuffled >= observed[:, None] - EQUAL).sum(axis=1)
    p = (1 + reaching) / (1 + permutations)
    corrected = holm(p)
    found = [
        TraitLeak(name, float(bits), float(bits) / entropy, float(chance) / entropy, float(one), float(all_))
        for name, bits, chance, one, all_ in zip(varying, observed, shuffled.mean(axis=1), p, corrected, strict=True)
    ]
    found.sort(key=lambda leak: (leak.p, leak.chance - leak.share))
    constant = tuple(name for name in coded if name not in varying)
    spread = dict(zip(varying, shuffled.std(axis=1) / entropy, strict=True))
    alone = [
        Measured(
            Addition(leak.trait, leak.information, leak.share, leak.chance, leak.p, leak.p_corrected),
            float(spread[leak.trait]),
        )
        for leak in found
        if leak.tells
    ]
    additions = additions_of(classes, varying, alone, entropy=entropy, permutations=permutations, seed=seed)
    return Leakage(len(labels), number, entropy, tuple(found), constant, permutations=permutations, additions=additions)


def _unanswerable(pictures: int, labels: int) -> str:
    if pictures == 0:
        return "No picture has a label."
    if labels == 1:
        return "All pictures have the same label: there is nothing to predict."
    if labels == pictures:
        return "Every picture has a label of its own: nothing can be told from that."
    return ""


def _information(
    classes: Counts, traits: Sequence[Counts], permutations: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bits for the labels as they are (traits,) and shuffled (traits, permutations).

    Pictures whose value nobody shares are cells of 1, whatever their label: they are left out.
    """
    n = len(classes)
    weigh = weights_of(n)
    number = int(classes.max()) + 1
    rest = [math.log2(n) - (weigh[np.bincount(t)].sum() + weigh[np.bincount(classes)].sum()) / n for t in traits]
    shared = [np.flatnonzero(np.bincount(trait)[trait] > 1) for trait in traits]
    rows = [codes_of(trait[where].tolist()) * number for trait, where in zip(traits, shared, strict=True)]

    def bits(order: Counts) -> list[float]:
        return [
            base + cells(row + order[where], weigh) / n for base, row, where in zip(rest, rows, shared, strict=True)
        ]

    rng = np.random.default_rng(seed)
    shuffled = [bits(rng.permutation(classes)) for _ in range(permutations)]
    return np.array(bits(classes)), np.array(shuffled).reshape(permutations, len(traits)).T
