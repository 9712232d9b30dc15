"""What the shipped networks say together."""

import numpy as np

from jpegtrace.manipulation import describe, weigh
from jpegtrace.manipulation.features import PARTS, Features, parts_of
from jpegtrace.manipulation.posterior import EXPERTS, WEIGHTS, Posterior
from jpegtrace.networks import run
from jpegtrace.tables import ijg_table
from support.pictures import scene


def pieces():
    return [describe(np.ascontiguousarray(scene(128, 128, seed)[..., 1]), ijg_table(85)) for seed in (1, 2)]


def test_what_is_asked_of_whom():
    """Experts that read all features count half, those that read some parts count alone."""
    given = pieces()
    inputs = {name: np.stack([getattr(piece, name) for piece in given]) for name in Features._fields}
    wanted = {
        name: np.exp(told.astype(float)) for name, told in zip(Posterior._fields, run(WEIGHTS, inputs), strict=True)
    }
    for parameter, expert in EXPERTS.items():
        values = np.stack([parts_of(piece.others, expert.reads or PARTS) for piece in given])
        told = run(f"{WEIGHTS}-{parameter}", {"values": values} if expert.reads else inputs)
        for head, answer in zip(expert.heads, told, strict=True):
            by_expert = np.exp(answer.astype(float))
            assert not np.allclose(by_expert, wanted[head], rtol=0.01)
            wanted[head] = by_expert if expert.reads else np.sqrt(wanted[head] * by_expert)  # a geometric mean
    found = weigh(given)
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(found, name), wanted[name] / wanted[name].sum(1, keepdims=True), rtol=1e-4)
        np.testing.assert_allclose(getattr(found, name).sum(1), 1)


def test_pieces_do_not_see_one_another():
    given = pieces()
    both, first = weigh(given), weigh(given[:1])
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(both, name)[:1], getattr(first, name), rtol=1e-3, atol=1e-6)
