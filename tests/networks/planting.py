"""Planted cards and weights: an installation of its own, whose files tests may damage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from jpegtrace import networks
from jpegtrace.networks import Card, _cards, _session, _weights
from jpegtrace_training.cards import write_card


@dataclass(frozen=True)
class Planted:
    """Two cards of the same network: `combiner` ships, `far` does not.

    Attributes:
        cards: folder of cards.
        weights: folder of what ships.
        mine: the user's folder, not there yet.
        source: the file of `far`, to be fetched.
        far: its card.
    """

    cards: Path
    weights: Path
    mine: Path
    source: Path
    far: Card

    @property
    def data(self) -> bytes:
        return self.source.read_bytes()

    def write(self, card: Card) -> None:
        write_card(card, self.cards / f"{card.id}.toml")
        forget()

    def write_text(self, name: str, text: str) -> None:
        (self.cards / f"{name}.toml").write_text(text, encoding="utf-8")
        forget()

    def left(self) -> list[str]:
        """Names in the user's folder."""
        return sorted(path.name for path in self.mine.rglob("*")) if self.mine.exists() else []


def forget() -> None:
    for cached in (_cards.card, _cards.card_ids, _session.session):
        cached.cache_clear()


@contextmanager
def planting(folder: Path, monkeypatch) -> Iterator[Planted]:
    combiner = networks.card("combiner")
    data = resources.files("jpegtrace.networks.weights").joinpath("combiner.onnx").read_bytes()
    cards, weights, source = folder / "cards", folder / "weights", folder / "elsewhere" / "some file.onnx"
    for path in (cards, weights, source.parent):
        path.mkdir()
    source.write_bytes(data)
    (weights / "combiner.onnx").write_bytes(data)
    far = replace(combiner, id="far", ships=False, title="The same, but far away")
    planted = Planted(cards, weights, folder / "mine" / "below", source, far)
    monkeypatch.setattr(_cards, "_folder", lambda: cards)
    monkeypatch.setattr(_weights, "_folder", lambda: weights)
    monkeypatch.setenv("JPEGTRACE_WEIGHTS", str(planted.mine))
    planted.write(combiner)
    planted.write(far)
    yield planted
    monkeypatch.undo()
    forget()
