"""What the shipped networks say together."""

import numpy as np

from jpegtrace.manipulation import describe, weigh
from jpegtrace.manipulation.features import Features
from jpegtrace.manipulation.posterior import EXPERTS, WEIGHTS, Posterior
from jpegtrace.networks import run
from jpegtrace.tables import ijg_table
from support.pictures import scene


def pieces():
    return [describe(np.ascontiguousarray(scene(128, 128, seed)[..., 1]), ijg_table(85)) for seed in (1, 2)]


def test_an_expert_and_the_network_for_everything_count_alike():
    given = pieces()
    inputs = {name: np.stack([getattr(piece, name) for piece in given]) for name in Features._fields}
    alone = dict(zip(Posterior._fields, run(WEIGHTS, inputs), strict=True))
    found = weigh(given)
    asked = {head: parameter for parameter, heads in EXPERTS.items() for head in heads}
    for name in Posterior._fields:
        wanted = np.exp(alone[name].astype(float))
        if name in asked:
            place = EXPERTS[asked[name]].index(name)
            by_expert = np.exp(run(f"{WEIGHTS}-{asked[name]}", inputs)[place].astype(float))
            assert not np.allclose(by_expert, wanted, rtol=0.01)
            wanted = np.sqrt(wanted * by_expert)  # a geometric mean, made to sum to 1
        np.testing.assert_allclose(getattr(found, name), wanted / wanted.sum(1, keepdims=True), rtol=1e-4)
        np.testing.assert_allclose(getattr(found, name).sum(1), 1)


def test_pieces_do_not_see_one_another():
    given = pieces()
    both, first = weigh(given), weigh(given[:1])
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(both, name)[:1], getattr(first, name), rtol=1e-3, atol=1e-6)
