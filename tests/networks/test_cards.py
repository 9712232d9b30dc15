import json
from dataclasses import fields, replace

import pytest

from jpegtrace import networks
from jpegtrace.errors import ResourceError, UsageError
from jpegtrace.networks import Card, Port
from jpegtrace.networks.listing import whole_card

CARDS = networks.cards()


@pytest.mark.parametrize("card", CARDS, ids=lambda c: c.id)
class TestEveryCard:
    def test_it_says_where_it_comes_from(self, card):
        assert card.samples > 0
        assert card.steps > 0
        assert card.seeds
        # Of probabilities or their logarithms, or of grey levels.
        scale = 10 if card.id.startswith("af-edsr") else 1
        assert card.parity < scale * (1e-3 if card.precision == "fp32" else 2e-2)
        assert card.figures

    def test_json_gives_it_back(self, card):
        text = json.dumps(card.to_dict(), allow_nan=False)
        assert Card.from_fields(json.loads(text), "text") == card

    def test_it_is_shown_whole(self, card):
        from rich.console import Console

        console = Console(width=2000, highlight=False)
        with console.capture() as shown:
            console.print(whole_card(card))
        told = shown.get()
        for value in (card.title, card.network, card.sha256, card.data, card.paper, card.licence, card.figures_on):
            assert value in told
        for name in [p.name for p in (*card.inputs, *card.outputs)] + [*card.figures, *card.paper_figures]:
            assert name in told


def test_every_field_is_described():
    for kind in (Card, Port):
        for field in fields(kind):
            assert f"        {field.name}: " in kind.__doc__


def test_the_order_is_that_of_the_names():
    assert networks.card_ids() == tuple(card.id for card in CARDS) == tuple(sorted(networks.card_ids()))
    assert "combiner" in networks.card_ids()


def test_unknown_weights_are_named():
    with pytest.raises(UsageError, match=r"there are no weights called 'nonsense'; there are: .*combiner"):
        networks.card("nonsense")
    with pytest.raises(UsageError, match=r"there are no weights called 'combine'; did you mean 'combiner'\?"):
        networks.card("combine")


@pytest.mark.parametrize("name", ["../cards/combiner", "combiner.toml", ""])
def test_a_name_is_no_path(name):
    with pytest.raises(UsageError, match="there are no weights called"):
        networks.card(name)


REQUIRED = [field.name for field in fields(Card) if field.name not in ("notes", "ships")]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(name):
    given = networks.card("combiner").to_dict()
    del given[name]
    with pytest.raises(ResourceError, match=rf"the card c\.toml is damaged: {name} is missing; install jpegtrace"):
        Card.from_fields(given, "c.toml")


def test_fields_that_may_be_missing_have_defaults():
    given = networks.card("combiner").to_dict()
    del given["notes"], given["ships"]
    card = Card.from_fields(given, "c.toml")
    assert (card.notes, card.ships) == ("", True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "Big One"}, "id must be a name of small letters"),
        ({"version": 0}, "version must be a whole number above 0, not 0"),
        ({"version": True}, "version must be"),
        ({"title": " "}, "title must be a text"),
        ({"sha256": "12"}, "sha256 must be 64 digits"),
        ({"bytes": "12"}, "bytes must be a whole number above 0, not '12'"),
        ({"samples": -1}, "samples must be a whole number"),
        ({"status": "good"}, 'status must be "trained" or "under-trained", not \'good\''),
        ({"status": ["trained"]}, "status must be"),
        ({"seeds": 3}, "seeds must be a list of whole numbers"),
        ({"seeds": [1.5]}, "seeds must be"),
        ({"precision": "int8"}, 'precision must be "fp32" or "fp16"'),
        ({"parity": float("nan")}, "parity must be a number"),
        ({"figures": {"accuracy": "high"}}, "figures must be a table of names and numbers"),
        ({"figures": {"accuracy": float("inf")}}, "figures must be"),
        ({"paper_figures": {"accuracy": 0.6}}, "paper_figures must be a table of names and texts"),
        ({"ships": "no"}, "ships must be true or false"),
        ({"contract": "x"}, "contract is no field of a card"),
        ({"inputs": []}, "inputs must be a list of tables"),
        ({"inputs": ["x"]}, r"inputs\[1\] must be a table, not 'x'"),
        ({"outputs": [{"name": "x", "shape": ["1"]}]}, r"outputs\[1\]\.meaning is missing"),
        ({"outputs": [{"name": "x", "shape": [1], "meaning": "y"}]}, r"outputs\[1\]\.shape must be a list of texts"),
        ({"outputs": [{"name": "x", "shape": [], "meaning": "y", "type": "real"}]}, r"type must be one of float32"),
        ({"outputs": [{"name": "x", "shape": [], "meaning": "y"}] * 2}, "outputs must have different names"),
    ],
    ids=str,
)
def test_a_planted_wrong_field_is_named(change, told):
    with pytest.raises(ResourceError, match=rf"the card c\.toml is damaged: .*{told}"):
        Card.from_fields(networks.card("combiner").to_dict() | change, "c.toml")


def test_a_damaged_card_is_named_and_the_others_can_be_read(planted):
    planted.write_text("far", 'id = "far')
    with pytest.raises(ResourceError, match=r"the card far\.toml is damaged: .*end of document"):
        networks.card("far")
    with pytest.raises(ResourceError, match=r"far\.toml"):
        networks.cards()
    assert networks.card("combiner").version


def test_a_card_in_the_file_of_another_is_refused(planted):
    planted.write_text("near", (planted.cards / "far.toml").read_text())
    with pytest.raises(ResourceError, match=r"near\.toml is damaged: id must be the name of the file, not 'far'"):
        networks.card("near")


def test_numbers_are_numbers_of_one_kind():
    card = Card.from_fields(networks.card("combiner").to_dict() | {"parity": 0, "figures": {"n": 3}}, "c.toml")
    assert isinstance(card.parity, float)
    assert isinstance(card.figures["n"], float)
    assert card == replace(card)
