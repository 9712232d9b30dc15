"""What the shipped networks say together."""

import numpy as np

from jpegtrace.manipulation import describe, weigh
from jpegtrace.manipulation.features import parts_of
from jpegtrace.manipulation.posterior import EXPERTS, OPERATION, WEIGHTS, Posterior
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
    """One network says what happened, experts answer for the parameters."""
    given = pieces()
    wanted = {}
    for name, expert in {WEIGHTS: OPERATION, **{f"{WEIGHTS}-{one}": expert for one, expert in EXPERTS.items()}}.items():
        told = run(name, inputs_of(given, expert))
        wanted |= {head: np.exp(answer.astype(float)) for head, answer in zip(expert.heads, told, strict=True)}
    found = weigh(given)
    assert set(wanted) == set(Posterior._fields)
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(found, name), wanted[name] / wanted[name].sum(1, keepdims=True), rtol=1e-4)
        np.testing.assert_allclose(getattr(found, name).sum(1), 1)


def test_pieces_do_not_see_one_another():
    given = pieces()
    both, first = weigh(given), weigh(given[:1])
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(both, name)[:1], getattr(first, name), rtol=1e-3, atol=1e-6)
