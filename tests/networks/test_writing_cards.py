import subprocess
import sys
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegtrace import networks
from jpegtrace.errors import ResourceError
from jpegtrace.networks import Card, Port
from jpegtrace_training.cards import CARDS, LARGEST_TOTAL, NETWORKS, card_toml, file_facts, total_bytes, write_card

COMBINER = networks.card("combiner")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
ports = st.builds(Port, texts, st.lists(texts).map(tuple), texts)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("name", networks.card_ids())
def test_every_card_is_as_it_would_be_written(name, tmp_path):
    written = write_card(networks.card(name), tmp_path / f"{name}.toml")
    assert written.read_text(encoding="utf-8") == (NETWORKS / CARDS / f"{name}.toml").read_text(encoding="utf-8")


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        replace,
        st.just(COMBINER),
        title=texts,
        notes=st.text(st.characters(exclude_categories=["Cs"])),
        samples=st.integers(0, 2**40),
        seeds=st.lists(st.integers(0, 2**40)).map(tuple),
        parity=st.floats(0, 1),
        inputs=st.lists(ports, min_size=1, max_size=2, unique_by=lambda p: p.name).map(tuple),
        figures=st.dictionaries(texts, numbers, max_size=3),
        paper_figures=st.dictionaries(texts, texts, max_size=3),
        ships=st.booleans(),
    )
)
def test_whatever_a_card_says_survives(card):
    text = card_toml(card)
    assert Card.from_fields(tomllib.loads(text), "combiner.toml") == card


def test_numpy_numbers_are_numbers(tmp_path):
    card = replace(COMBINER, parity=np.float32(0.5), figures={"a": np.float64(0.1), "b": np.int64(3)})
    write_card(card, tmp_path / "combiner.toml")
    assert tomllib.loads((tmp_path / "combiner.toml").read_text())["figures"] == {"a": 0.1, "b": 3}


def test_lines_stay_lines(tmp_path):
    card = replace(COMBINER, notes='one\n"""two"""\\\n')
    text = write_card(card, tmp_path / "combiner.toml").read_text(encoding="utf-8")
    assert '\nnotes = """\none\n\\"\\"\\"two' in text


@pytest.mark.parametrize("change", [{"status": "good"}, {"licence": ""}, {"figures": {"a": float("nan")}}], ids=str)
def test_a_wrong_card_is_not_written(change, tmp_path):
    with pytest.raises(ResourceError, match=f"{next(iter(change))} must be"):
        write_card(replace(COMBINER, **change), tmp_path / "combiner.toml")
    assert not list(tmp_path.iterdir())


def test_a_card_goes_into_the_file_of_its_name(tmp_path):
    with pytest.raises(ValueError, match=r"'combiner' does not survive in other\.toml"):
        write_card(COMBINER, tmp_path / "other.toml")


def test_facts_of_a_file():
    found = file_facts(NETWORKS / "weights" / "combiner.onnx")
    assert found == {"sha256": COMBINER.sha256, "bytes": COMBINER.bytes}


def test_what_ships_is_small():
    assert sum(card.bytes for card in networks.cards() if card.ships) == total_bytes() <= LARGEST_TOTAL


def test_the_size_of_a_folder(tmp_path):
    (tmp_path / "a.onnx").write_bytes(bytes(5))
    (tmp_path / "b.txt").write_bytes(bytes(7))
    assert total_bytes(tmp_path) == 5


def test_the_combiner_is_exported_with_a_card_that_fits_it(tmp_path):
    torch = pytest.importorskip("torch")
    from jpegtrace_training.combiner.model import Combiner

    torch.manual_seed(0)
    held_out = {"accuracy": 0.5, "squared_error": 2.0, "count_accuracy": 0.25, "windows": 8}
    state = {"model": Combiner().state_dict(), "samples": 640, "seed": 3, "held_out": held_out}
    torch.save(state, tmp_path / "checkpoint.pt")
    command = ["-m", "jpegtrace_training.combiner.export", "checkpoint.pt", "--to", "out", "--version", "7"]
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    card = Card.from_fields(tomllib.loads(done.stdout), "combiner.toml")
    assert (card.version, card.samples, card.steps, card.seeds) == (7, 640, 10, (3,))
    assert (card.inputs, card.outputs, card.network) == (COMBINER.inputs, COMBINER.outputs, COMBINER.network)
    assert set(card.figures) == set(COMBINER.figures)
    file = tmp_path / "out" / "weights" / "combiner.onnx"
    assert file_facts(file) == {"sha256": card.sha256, "bytes": card.bytes}
    session = networks._session.load("combiner", file.read_bytes())
    assert networks._verify.contract_difference(card, session) == ""
