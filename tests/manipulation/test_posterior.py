"""What the shipped networks say together."""

import numpy as np

from jpegtrace import networks
from jpegtrace.manipulation import describe, weigh
from jpegtrace.manipulation.features import parts_of
from jpegtrace.manipulation.posterior import EXPERTS, FOR_OPERATION, NETWORKS, WEIGHTS, Posterior
from jpegtrace.tables import ijg_table
from support.pictures import scene

WHO = {
    "operation": ["operation"],
    "factor": ["factor", "kernel"],
    "sigma": ["sigma"],
    "size": ["size"],
    "noise": ["noise"],
}


def pieces():
    return [describe(np.ascontiguousarray(scene(128, 128, seed)[..., 1]), ijg_table(85)) for seed in (1, 2)]


def test_what_is_asked_of_whom(monkeypatch):
    """One network says what happened, experts answer for the parameters; each reads its own parts."""
    given, asked = pieces(), {}

    def answer(name, inputs):
        expert = EXPERTS.get(name.removeprefix(f"{WEIGHTS}-"), FOR_OPERATION)
        asked[name] = inputs
        # Whose answer it is can be read from it: the logarithm of a probability of the first of so many.
        return [np.log(np.array([[len(asked), *np.ones(2 + len(head))]] * len(given))) for head in expert.heads]

    monkeypatch.setattr(networks, "run", answer)
    found = weigh(given)
    assert list(asked) == list(NETWORKS)
    for number, (name, heads) in enumerate(WHO.items(), 1):
        expert = EXPERTS.get(name, FOR_OPERATION)
        inputs = asked[WEIGHTS if name == "operation" else f"{WEIGHTS}-{name}"]
        key = "others" if expert.traces else "values"
        assert set(inputs) == ({"lines", "phases", "others"} if expert.traces else {"values"})
        np.testing.assert_array_equal(inputs[key], [parts_of(piece.others, expert.reads) for piece in given])
        for head in heads:
            np.testing.assert_allclose(getattr(found, head)[:, 0], number / (number + 2 + len(head)))


def test_pieces_do_not_see_one_another():
    given = pieces()
    both, first = weigh(given), weigh(given[:1])
    for name in Posterior._fields:
        np.testing.assert_allclose(getattr(both, name)[:1], getattr(first, name), rtol=1e-3, atol=1e-6)
