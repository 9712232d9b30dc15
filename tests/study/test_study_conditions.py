import io
from itertools import product

import numpy as np
import pytest
from PIL import Image
from test_study_tasks import lattice

from jpegtrace.errors import UsageError
from jpegtrace.tables import ijg_table
from jpegtrace_training.study.conditions import (
    ALIGNED,
    AUGMENTED,
    GRID,
    NONE,
    QUALITY,
    RANDOM,
    at_quality,
    cut_for_test,
    cut_for_training,
    find,
    least_side,
    patches,
)
from support.pictures import scene

PICTURE = scene(128, 136, 2)
SIDE = 64


def drawn(cut, count=1, picture=PICTURE, seed=0):
    return patches([picture] * count, range(count), range(seed, seed + count), cut, SIDE).transpose(0, 2, 3, 1)


def place(patch, picture=PICTURE):
    """Where a patch was cut."""
    for row, col in product(range(len(picture) - SIDE + 1), range(picture.shape[1] - SIDE + 1)):
        if np.array_equal(picture[row : row + 2, col : col + SIDE], patch[:2]):
            return row, col
    raise AssertionError("the patch is no part of the picture")


def origin(patch, quality):
    """Where the grid begins that fits best."""
    table = ijg_table(quality)
    return min(product(range(8), repeat=2), key=lambda at: lattice(patch, table, *at))


def test_aligned_patches_begin_on_multiples_of_eight_and_random_ones_anywhere():
    for training in (False, True):
        cut = {name: cut_for_training(name, SIDE) if training else cut_for_test(name) for name in (ALIGNED, RANDOM)}
        aligned = {place(patch) for patch in drawn(cut[ALIGNED], 12)}
        assert {(row % 8, col % 8) for row, col in aligned} == {(0, 0)}
        assert len(aligned) > 3
        assert len({(row % 8, col % 8) for row, col in (place(patch) for patch in drawn(cut[RANDOM], 12))}) > 6


@pytest.mark.parametrize("quality", ["50", "70"])
def test_tested_quality_is_on_every_patch_with_the_grid_anywhere(quality):
    origins = set()
    for patch in drawn(cut_for_test(quality), 6):
        at = origin(patch, int(quality))
        assert lattice(patch, ijg_table(int(quality)), *at) < 0.1
        origins.add(at)
    assert len(origins) > 3


def test_half_of_the_training_patches_are_compressed():
    found = drawn(cut_for_training("50", SIDE), 60)
    rows = {PICTURE[row, col : col + 8].tobytes() for row in range(128) for col in range(129)}
    as_they_are = sum(patch[0, :8].tobytes() in rows for patch in found)
    assert 18 <= as_they_are <= 42


def test_nothing_is_done_to_pictures_as_they_are():
    for cut in (cut_for_training(NONE, SIDE), cut_for_test(NONE)):
        for patch in drawn(cut, 3):
            row, col = place(patch)
            assert np.array_equal(patch, PICTURE[row : row + SIDE, col : col + SIDE])


def test_augmented_patches_differ_in_grid_and_quality():
    found = drawn(cut_for_training(AUGMENTED, SIDE), 4)
    assert found.shape == (4, SIDE, SIDE, 3)
    assert len({patch.tobytes() for patch in found}) == 4


def test_whole_pictures_go_through_a_plain_jpeg():
    out = io.BytesIO()
    Image.fromarray(PICTURE).save(out, "JPEG", quality=100)
    assert np.array_equal(at_quality(PICTURE, 100), np.asarray(Image.open(out)))


def test_least_side_is_enough_for_every_condition():
    for side in (32, 64, 80):
        small = scene(least_side(side), least_side(side), 3)
        for experiment in (GRID, QUALITY):
            assert least_side(side, augmented=False) <= len(small)
            for cut in [cut_for_training(name, side) for name in experiment.trained] + [
                cut_for_test(n) for n in experiment.tested
            ]:
                assert cut(small, side, np.random.default_rng(0)).shape == (side, side, 3)


def test_the_conditions_are_those_of_the_paper_and_one_more():
    assert (GRID.trained, GRID.tested) == (("aligned", "random", "augmented"), ("aligned", "random"))
    assert QUALITY.tested == ("none", "99", "90", "80", "70", "60", "50")
    assert QUALITY.trained == (*QUALITY.tested, "augmented")
    with pytest.raises(UsageError, match="no experiment 'size'; there are: grid, quality"):
        find("size")
