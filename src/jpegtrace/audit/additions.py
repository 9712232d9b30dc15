"""One cause or several: what each trait says of the label that the traits before it have not said already.

When the classes come from files of different formats, quality, subsampling, table and grid predict the label, too, and
all for one reason. So the most telling trait is named first, and of every other trait the conditional mutual
information is asked, given what is named; its test shuffles the labels only among pictures that are alike in all that
is given. A trait that adds nothing follows from those; of the others the most telling is named next, and so on.

A trait that divides another one further says at least as much, by chance: of those that the best surpasses by no more
than that, the one with the least chance, which is that with the fewest values, counts as the most telling.

A test ends when so many shuffles have said as much that the answer is plain, after J. Besag and P. Clifford,
"Sequential Monte Carlo p-values", 1991: the p-value is then their number by that of all shuffles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jpegtrace.audit.information import EQUAL, Counts, Tested, cells, holm, joint, numbered, weights_of

PLAIN = 20  # shuffles that say as much, from which a test ends: of 1,000 or fewer, p is above any that tells
ENOUGH = 200  # shuffles for each trait that is left: one of them may say as much, and the trait still tells
NEAR = 3  # deviations of the best under shuffles, within which others are as telling
_WORD = 64  # bits of a key that is sorted


@dataclass(frozen=True, slots=True)
class Addition(Tested):
    """What one trait adds to those named before it; labels are shuffled among pictures that are alike in these.

    Attributes:
        given: names of the traits that are known already; none for the first.
    """

    given: tuple[str, ...] = ()

    @property
    def adds(self) -> bool:
        """Whether it says more of the label than what is given; what does not follows from that."""
        return self.tells

    @property
    def sentence(self) -> str:
        """What it means."""
        if not self.given:
            return f"{self.heading} comes first: knowing it removes {self.share:.1%} of the uncertainty."
        if self.adds:
            return (
                f"{self.heading} adds to {listed(self.given)}: knowing it, too, removes another {self.share:.1%} of "
                f"the uncertainty, {self.chance:.1%} by chance (p = {self.p_corrected:.2g})."
            )
        return f"{self.heading} follows from: {listed(self.given)} (p = {self.p_corrected:.2g})."


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence."""
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + [names[-1]])


@dataclass(frozen=True, slots=True)
class Measured:
    """An addition with what is needed to compare it.

    Attributes:
        addition: what was found.
        spread: standard deviation of the share under shuffles.
    """

    addition: Addition
    spread: float


def additions_of(
    classes: Counts,
    traits: Mapping[str, Counts],
    alone: Sequence[Measured],
    *,
    entropy: float,
    permutations: int,
    seed: int,
) -> tuple[Addition, ...]:
    """What the traits add to each other: each that adds something, followed by those that follow from it.

    Args:
        classes: code of each picture's label.
        traits: codes of each trait.
        alone: the traits that predict the label, nothing given.
        entropy: of the labels in bits.
        permutations: how often labels are shuffled, at most.
        seed: of the shuffles.
    """
    found: list[Addition] = []
    strata = np.zeros_like(classes)
    tested = list(alone)
    while adding := [one for one in tested if one.addition.adds]:
        found += [one.addition for one in tested if not one.addition.adds]
        named = _most_telling(adding)
        found.append(named)
        strata = joint(strata, traits[named.trait])
        left = {one.addition.trait: traits[one.addition.trait] for one in adding if one.addition is not named}
        tested = (
            _tested(classes, left, (*named.given, named.trait), strata, entropy, permutations, seed) if left else []
        )
    return (*found, *(one.addition for one in tested))


def _most_telling(adding: Sequence[Measured]) -> Addition:
    """The one that says most beyond chance; of those that say as much, the one with the least chance.

    Those of which chance says more than they do come last, the least of them first: hardly any pictures are alike in a
    trait of very many values, so that nothing could be asked after it.
    """

    def beyond(one: Measured) -> float:
        return one.addition.share - one.addition.chance

    solid = [one for one in adding if beyond(one) >= one.addition.chance]
    if not solid:
        return min((one.addition for one in adding), key=lambda one: one.chance)
    best = max(solid, key=beyond)
    near = [one.addition for one in solid if beyond(one) >= beyond(best) - NEAR * best.spread - EQUAL]
    return min(near, key=lambda one: one.chance)


def _tested(
    classes: Counts,
    traits: Mapping[str, Counts],
    given: tuple[str, ...],
    strata: Counts,
    entropy: float,
    permutations: int,
    seed: int,
) -> list[Measured]:
    """What each trait adds within strata, and its test."""
    n, weigh = len(classes), weights_of(len(classes))
    # Where all pictures of a stratum have one label there is nothing to add, and nothing to shuffle.
    both = joint(strata, classes)
    mixed = np.flatnonzero(np.bincount(both)[both] < np.bincount(strata)[strata])
    mixed = mixed[np.argsort(strata[mixed], kind="stable")]
    classes, strata = classes[mixed], numbered(strata[mixed])
    labels = int(classes.max(initial=0)) + 1
    base = cells(strata, weigh) - cells(joint(strata, classes), weigh)
    asked: dict[str, tuple[float, Counts, Counts]] = {}
    for name, codes in traits.items():
        cell = joint(strata, codes[mixed])
        shared = np.flatnonzero(np.bincount(cell)[cell] > 1)
        rows = numbered(cell[shared]) * labels
        asked[name] = (base - cells(cell, weigh), rows, shared)

    def bits(name: str, order: Counts) -> float:
        rest, rows, shared = asked[name]
        return (rest + cells(rows + order[shared], weigh)) / n

    observed = {name: bits(name, classes) for name in asked}
    drawn: dict[str, list[float]] = {name: [] for name in asked}
    reaching, going = dict.fromkeys(asked, 0), list(asked)
    shuffles = _shuffled(classes, strata, labels, np.random.default_rng([seed, len(given)]))
    for _, order in zip(range(min(permutations, ENOUGH * len(traits))), shuffles, strict=False):
        for name in going:
            drawn[name].append(bits(name, order))
            reaching[name] += drawn[name][-1] >= observed[name] - EQUAL
        going = [name for name in going if reaching[name] < PLAIN]
        if not going:
            break
    p = np.array([_p(reaching[name], len(drawn[name])) for name in asked])
    found = []
    for name, one, all_ in zip(asked, p, holm(p), strict=True):
        # Sums in another order may fall below 0 by a last digit.
        information, chance = max(observed[name], 0.0), max(float(np.mean(drawn[name])), 0.0)
        addition = Addition(name, information, information / entropy, chance / entropy, float(one), float(all_), given)
        found.append(Measured(addition, float(np.std(drawn[name])) / entropy))
    return found


def _p(reaching: int, shuffles: int) -> float:
    return reaching / shuffles if reaching >= PLAIN else (1 + reaching) / (1 + shuffles)


def _shuffled(classes: Counts, strata: Counts, labels: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Labels shuffled among pictures of the same stratum, again and again; strata come in order.

    A key of stratum, random bits and label is sorted, which costs less than a shuffle of each stratum. At least 28 bits
    are random, so that hardly any two are equal.
    """
    low = max((labels - 1).bit_length(), 1)
    high = max(int(strata.max(initial=0)).bit_length(), 1)
    place = strata.astype(np.uint64) << np.uint64(_WORD - high)
    label, mask = classes.astype(np.uint64), np.uint64((1 << low) - 1)
    while True:
        keys = rng.integers(0, 1 << (_WORD - high - low), len(classes), np.uint64)
        keys <<= np.uint64(low)
        keys |= place
        keys |= label
        keys.sort()
        keys &= mask
        yield keys.astype(np.int64)
