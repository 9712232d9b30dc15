"""Answers from probabilities, by hand."""

import numpy as np
import pytest

from jpegtrace.lattice import Posterior, alternatives, origin_probabilities, read_entries


def posterior(steps, weights):
    """Tables whose entries are all alike, all on the grid (0, 3) but for a tenth on the last one."""
    tables = np.repeat(np.array(steps, np.uint16)[:, None], 64, axis=1)
    joint = np.array([np.array(weights) * 0.1, np.array(weights) * 0.9])
    names = tuple(f"all {s}" for s in steps)
    return Posterior(tables, names, np.array(steps), joint, np.array([0, 3]), 0.25)


def test_the_likeliest_step_is_read():
    found = read_entries(posterior([2, 3, 30], [0.45, 0.15, 0.4]))
    assert set(found.value) == {2}
    assert found.probability == pytest.approx(0.45)


@pytest.mark.parametrize(("weight", "step"), [(1e-5, 2), (0.07, 12)])
def test_a_compromise_is_the_least_expected_loss(weight, step):
    steps, p = np.array([2, 12, 30]), np.array([0.45, 0.15, 0.4])
    loss = [(p * ((steps != v) + weight * (v - steps) ** 2)).sum() for v in steps]
    assert steps[int(np.argmin(loss))] == step
    assert set(read_entries(posterior(steps, p), error_weight=weight).value) == {step}


def test_tables_with_one_step_in_common_share_its_probability():
    found = posterior([5, 9], [0.4, 0.6])
    found.tables[:, 7] = 4
    assert read_entries(found).probability[7] == pytest.approx(1)


def test_grids_and_alternatives():
    found = posterior([5, 9], [0.4, 0.6])
    grid = origin_probabilities(found)
    assert grid[0, 3] == pytest.approx(0.9)
    assert grid.sum() == pytest.approx(1)
    best, other = alternatives(found)
    assert (best.name, best.origin) == ("all 9", (0, 3))
    assert best.probability == pytest.approx(0.6)
    assert other.name == "all 5"
