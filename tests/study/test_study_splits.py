import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegtrace.errors import UsageError
from jpegtrace_training.study.dataset import Dataset, Sample
from jpegtrace_training.study.experiment import sides_of
from jpegtrace_training.study.splits import split

# Source and label of every picture: several pictures a source, sources with one or several labels.
PICTURES = st.lists(st.tuples(st.integers(0, 60).map("source-{}".format), st.integers(0, 3)), min_size=1, max_size=200)


@settings(max_examples=60, deadline=None)
@given(PICTURES, st.integers(0, 1000))
def test_no_source_is_on_two_sides_and_all_are_on_one(pictures, seed):
    sides = split(pictures, seed)
    everything = [*sides.training, *sides.validation, *sides.test]
    assert len(everything) == len(set(everything))
    assert set(everything) == {source for source, _ in pictures}


@settings(max_examples=60, deadline=None)
@given(PICTURES, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_the_pictures_matters(pictures, seed, random):
    shuffled = [*pictures, *pictures[: len(pictures) // 2]]
    random.shuffle(shuffled)
    assert split(shuffled, seed) == split(pictures, seed)


def test_the_shares_are_those_of_the_paper():
    sides = split([(f"{label}-{number}", label) for label in range(5) for number in range(100)], 1)
    assert (len(sides.training), len(sides.validation), len(sides.test)) == (340, 60, 100)
    for side in (sides.training, sides.validation, sides.test):
        counts = {label: sum(source.startswith(f"{label}-") for source in side) for label in range(5)}
        assert len(set(counts.values())) == 1


def test_a_few_sources_of_a_label_are_on_every_side():
    sides = split([(f"{label}-{number}", label) for label in range(3) for number in range(5)], 7)
    for side in (sides.training, sides.validation, sides.test):
        assert {source[0] for source in side} == {"0", "1", "2"}


def test_other_seeds_divide_otherwise():
    pictures = [(str(number), 0) for number in range(50)]
    assert split(pictures, 0) == split(pictures, 0)
    assert split(pictures, 0) != split(pictures, 1)


def dataset(*sources):
    """A data set of sources, each given by the labels of its pictures."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    samples = [Sample(str(n), int(label), pixels) for n, labels in enumerate(sources) for label in labels]
    return Dataset(("cat", "dog", "owl"), tuple(samples), "made")


def test_a_label_that_is_not_on_every_side_is_named():
    # Every source of owls has other labels, each its own: alone among its kind, a source is learnt from.
    made = dataset(*["0"] * 5, *["1"] * 5, "02", "12", "012")
    with pytest.raises(UsageError, match="with seed 3 no source of 'owl' is on the side for validation"):
        sides_of(made, 3)
    enough = dataset(*["0"] * 5, *["1"] * 5, *["2"] * 5)
    assert sides_of(enough, 3) == split([(sample.source, sample.label) for sample in enough.samples], 3)


def test_sides_as_json():
    sides = split([(str(number), 0) for number in range(5)], 0)
    told = sides.to_dict()
    assert list(told) == ["training", "validation", "test"]
    assert all(told[side] == sorted(getattr(sides, side)) for side in told)
