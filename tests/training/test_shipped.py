"""Weights that ship, as a checkpoint to begin with."""

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jpegtrace import networks  # noqa: E402
from jpegtrace.errors import UsageError  # noqa: E402
from jpegtrace_training import shipped  # noqa: E402
from jpegtrace_training.pictures import made  # noqa: E402
from jpegtrace_training.recipes import find  # noqa: E402
from jpegtrace_training.trainer import Machine, Settings, train  # noqa: E402


@pytest.mark.parametrize("name", ["manipulation", "qf-pixel", "double-histogram"])
def test_a_network_that_begins_with_them_answers_as_the_file_does(name):
    model = find(name).network()
    found = shipped.checkpoint_of(name)
    model.load_state_dict(found["model"])
    inputs = model.eval().example(count=2, seed=3)
    with torch.no_grad():
        mine = model(*inputs.values())
    asked = networks.run(name, {key: value.numpy() for key, value in inputs.items()})
    for one, other in zip(mine if isinstance(mine, tuple) else [mine], asked, strict=True):
        np.testing.assert_allclose(one.numpy(), other, atol=2e-3)
    card = networks.card(name)
    assert (found["recipe"], found["samples"], found["step"]) == (name, card.samples, card.steps)
    assert found["seeds"] == list(card.seeds)


def test_a_run_begins_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["shipped", "manipulation", str(tmp_path / "begin.pt")])
    shipped.main()
    settings = Settings(samples=8, batch=4, rate=1e-4, side=64, seed=99)
    pictures = made(2, 192, seed=1)
    done = train(
        find("manipulation"), pictures, tmp_path / "run", settings, Machine(checks=1, quiet=True), tmp_path / "begin.pt"
    )
    card = networks.card("manipulation")
    assert done.samples == card.samples + 8
    best = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    assert best["seeds"] == [*card.seeds, 99]
    assert best["steps_before"] == card.steps


def test_weights_of_another_network_are_refused(monkeypatch):
    monkeypatch.setattr(shipped, "find", lambda _: find("djpeg-hist"))
    with pytest.raises(UsageError, match=r"^the file of 'qf-pixel' does not hold .* as its network has it$"):
        shipped.checkpoint_of("qf-pixel")
