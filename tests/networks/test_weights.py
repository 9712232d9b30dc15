import hashlib
from importlib import resources

import pytest

from jpegtrace import networks
from jpegtrace.errors import ResourceError, UsageError
from jpegtrace.networks import _cards as cards_module
from jpegtrace.networks import _session as session_module
from jpegtrace_training.combiner.golden import golden_inputs

CARDS = networks.cards()


@pytest.mark.parametrize("card", CARDS, ids=lambda c: c.id)
class TestEveryCard:
    def test_the_file_is_the_one_described(self, card):
        data = resources.files(cards_module.FOLDER).joinpath(f"{card.id}.onnx").read_bytes()
        assert hashlib.sha256(data).hexdigest() == card.sha256
        assert len(data) == card.bytes

    def test_it_says_where_it_comes_from(self, card):
        assert card.samples > 0
        assert card.status in ("trained", "under-trained")
        assert card.data
        assert card.contract
        assert card.licence
        assert 0 <= card.parity < 1e-3
        assert card.figures

    def test_it_loads(self, card):
        assert networks.session(card.id).get_inputs()


def test_there_are_weights():
    assert "combiner" in {card.id for card in CARDS}


def test_unknown_weights_are_named():
    with pytest.raises(UsageError, match=r"there are no weights called 'nonsense'; there are: .*combiner"):
        networks.card("nonsense")


def test_altered_weights_are_refused(tmp_path, monkeypatch):
    card = networks.card("combiner")
    data = resources.files(cards_module.FOLDER).joinpath("combiner.onnx").read_bytes()
    (tmp_path / "combiner.onnx").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    monkeypatch.setattr(session_module.resources, "files", lambda _: tmp_path)
    with pytest.raises(ResourceError, match=f"not those of their card .* instead of {card.sha256[:12]}"):
        session_module.verified_bytes("combiner")


def test_missing_weights_are_refused(tmp_path, monkeypatch):
    networks.card("combiner")
    monkeypatch.setattr(session_module.resources, "files", lambda _: tmp_path)
    with pytest.raises(ResourceError, match="are missing"):
        session_module.verified_bytes("combiner")


def test_the_combiner_gives_what_it_gave_when_it_was_exported():
    """Golden input and output: another runtime must agree with the one that wrote them."""
    score, null = networks.run("combiner", golden_inputs())
    assert score.shape == (1, 8, 30)
    assert null.shape == (1,)
    figures = networks.card("combiner").figures
    assert float(score.mean()) == pytest.approx(figures["golden_score_mean"], abs=1e-3)
    assert float(null[0]) == pytest.approx(figures["golden_null"], abs=1e-3)
