"""What the shipped networks say together."""

import numpy as np

from jpegtrace.manipulation import describe, weigh
from jpegtrace.manipulation.features import parts_of
from jpegtrace.manipulation.posterior import EXPERTS, GENERAL, WEIGHTS, Posterior
from jpegtrace.networks import run
from jpegtrace.tables import ijg_table
from support.pictures import scene


def pieces():
    return [describe(np.ascontiguousarray(scene(128, 128, seed)[..., 1]), ijg_table(85)) for seed in (1, 2)]


def inputs_of(given, expert):
    values = np.stack([parts_of(piece.others, expert.reads) for piece in given])
    if not expert.traces:
        return {"values": values}
    return {name: np.stack([getattr(piece, name) for piece in given]) for name in ("lines", "phases")} | {
        "others": values
    }


def test_what_is_asked_of_whom():
    """The network for everything says what happened, experts answer for the parameters."""
    given = pieces()
    told = run(WEIGHTS, inputs_of(given, GENERAL))
    wanted = {name: np.exp(answer.astype(float)) for name, answer in zip(GENERAL.heads, told, strict=True)}
    assert tuple(wanted) == Posterior._fields
    for parameter, expert in EXPERTS.items():
        told = run(f"{WEIGHTS}-{parameter}", inputs_of(given, expert))
        for head, answer in zip(expert.heads, told, strict=True):
            by_expert = np.exp(answer.astype(float))
            assert not np.allclose(by_expert, wanted[head], rtol=0.01)
            wanted[head] = by_expert
    found = weigh(given)
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(found, name), wanted[name] / wanted[name].sum(1, keepdims=True), rtol=1e-4)
        np.testing.assert_allclose(getattr(found, name).sum(1), 1)


def test_pieces_do_not_see_one_another():
    given = pieces()
    both, first = weigh(given), weigh(given[:1])
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(both, name)[:1], getattr(first, name), rtol=1e-3, atol=1e-6)
