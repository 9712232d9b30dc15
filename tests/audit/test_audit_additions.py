"""One cause or several: what each trait adds to those that are named already."""

import numpy as np
import pytest

from jpegtrace.audit.additions import PLAIN, Addition, Measured, _shuffled, _tested, additions_of, listed
from jpegtrace.audit.information import codes_of, entropy_of
from jpegtrace.audit.leakage import measure


def ask(labels, permutations=1000, seed=1, **traits):
    return measure(
        list(labels), {name: list(trait) for name, trait in traits.items()}, permutations=permutations, seed=seed
    )


def told(found):
    """Names of each trait that adds something with those that follow from it."""
    return [(one.trait, [follower.trait for follower in following]) for one, following in found.causes]


def test_conditional_information_worked_out_by_hand():
    # Label = first xor second: neither says anything alone; given one, the other says 1 bit.
    first, second = codes_of("00110011" * 5), codes_of("01010101" * 5)
    found = _tested(first ^ second, {"second": second}, ("first",), first, 1.0, 200, 1)[0].addition
    assert (found.information, found.share, found.given) == (pytest.approx(1), pytest.approx(1), ("first",))
    assert found.p == pytest.approx(1 / 201)


def test_conditional_information_is_that_of_entropies():
    rng = np.random.default_rng(2)
    labels, strata, trait = rng.integers(0, 3, 300), rng.integers(0, 5, 300), rng.integers(0, 4, 300)

    def entropy(*parts):
        return entropy_of(codes_of(list(zip(*(part.tolist() for part in parts), strict=True))))

    found = _tested(labels, {"trait": trait}, ("strata",), strata, 1.0, 40, 1)[0].addition
    expected = entropy(labels, strata) - entropy(strata) - entropy(labels, strata, trait) + entropy(strata, trait)
    assert found.information == pytest.approx(expected)


def test_one_cause_is_named_and_the_rest_follows_from_it():
    rng = np.random.default_rng(3)
    jpeg = rng.random(600) < 0.5
    labels = np.where(rng.random(600) < 0.95, jpeg, ~jpeg)
    quality = np.where(jpeg, rng.integers(80, 90, 600), 0)
    found = ask(labels, quality=quality, form=jpeg, table=quality // 2, noise=rng.integers(0, 3, 600))
    assert all(leak.tells for leak in found.traits if leak.trait != "noise")
    # Quality and table divide the form further, so they say a little more, by chance.
    assert found.traits[0].share > next(leak for leak in found.traits if leak.trait == "form").share
    assert told(found) == [("form", ["quality", "table"])]
    for follower in found.additions[1:]:
        assert follower.share == pytest.approx(follower.chance, abs=0.03)
        assert follower.sentence.startswith(f"{follower.trait.capitalize()} follows from: form (p = ")


def test_a_second_cause_is_named_as_one():
    rng = np.random.default_rng(4)
    jpeg, large = rng.random(800) < 0.5, rng.random(800) < 0.5
    labels = (rng.random(800) < 0.5).astype(int)
    labels = np.where(rng.random(800) < 0.6, jpeg, np.where(rng.random(800) < 0.7, large, labels))
    side = np.where(large, rng.integers(5, 8, 800), rng.integers(1, 4, 800))
    found = ask(labels, form=jpeg, quality=np.where(jpeg, 75, 0), large=large, side=side)
    assert told(found)[0] == ("form", ["quality"])
    assert told(found)[1] == ("large", ["side"])
    assert found.causes[1][0].given == ("form",)
    assert found.causes[1][1][0].given == ("form", "large")
    assert "Large adds to form: knowing it, too, removes another" in found.causes[1][0].sentence


def test_a_trait_of_very_many_values_is_named_last():
    rng = np.random.default_rng(8)
    size, sampling = rng.integers(0, 300, 3000), rng.integers(0, 2, 3000)
    labels = rng.integers(0, 2, 3000)
    labels = np.where(rng.random(3000) < 0.25, size % 2, labels)
    labels = np.where(rng.random(3000) < 0.15, sampling, labels)
    found = ask(labels, size=size, sampling=sampling)
    alone = {leak.trait: leak for leak in found.traits}
    assert alone["size"].share - alone["size"].chance > alone["sampling"].share
    assert told(found) == [("sampling", []), ("size", [])]


def test_where_nothing_is_left_to_say_everything_follows():
    labels = ["a", "b"] * 30
    found = ask(labels, form=labels, quality=[None, *range(59)], table=[*"xy"] * 30)
    assert told(found) == [("form", ["table"])]
    follower = found.additions[1]
    assert (follower.information, follower.chance, follower.p_corrected) == (0, 0, 1)


def test_nothing_is_added_to_nothing():
    rng = np.random.default_rng(5)
    assert ask(rng.integers(0, 2, 80), noise=rng.integers(0, 3, 80)).additions == ()


def test_shuffles_stay_within_strata_and_take_every_order():
    strata = np.repeat([0, 1], [3, 4])
    classes = np.array([0, 1, 2, 3, 3, 4, 4])
    seen = set()
    for _, order in zip(range(600), _shuffled(classes, strata, 5, np.random.default_rng(0)), strict=False):
        assert sorted(order[:3]) == [0, 1, 2]
        assert sorted(order[3:]) == [3, 3, 4, 4]
        seen.add(tuple(order.tolist()))
    assert len(seen) == 6 * 6


def test_p_within_strata_is_as_often_below_a_level_as_it_says():
    rng = np.random.default_rng(6)
    p = []
    for _ in range(300):
        strata = rng.integers(0, 3, 60)
        labels = (rng.random(60) < np.array([0.2, 0.5, 0.8])[strata]).astype(np.int64)
        trait = (strata + rng.integers(0, 3, 60)) % 5  # goes with the strata, and so with the label
        p.append(_tested(labels, {"trait": trait}, ("strata",), strata, 1.0, 99, 1)[0].addition.p)
    for level in (0.1, 0.3, 0.5):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=3.5 * np.sqrt(level * (1 - level) / 300))


def test_a_test_whose_answer_is_plain_ends_early(monkeypatch):
    made = []

    def counted(*arguments):
        for order in _shuffled(*arguments):
            made.append(1)
            yield order

    monkeypatch.setattr("jpegtrace.audit.additions._shuffled", counted)
    rng = np.random.default_rng(7)
    strata, labels, trait = (rng.integers(0, 2, 400) for _ in range(3))
    traits = {"strata": strata, "trait": trait}
    alone = [Measured(Addition(name, 0, 0, 0, 0, 0), 0) for name in traits]
    found = additions_of(labels, traits, alone, entropy=1, permutations=100_000, seed=1)
    assert not found[1].adds
    assert PLAIN <= len(made) < 5 * PLAIN
    assert found[1].p == pytest.approx(PLAIN / len(made), rel=0.1)


def test_names_in_a_sentence():
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
