from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from jpegtrace import networks
from jpegtrace.errors import ResourceError, UsageError
from jpegtrace.networks import Port, State, _weights
from jpegtrace_training.combiner.golden import golden_inputs

SHIPPED = [card for card in networks.cards() if card.ships]


@pytest.mark.parametrize("card", SHIPPED, ids=lambda c: c.id)
def test_every_file_that_ships_is_the_one_described_and_loads(card):
    assert networks.verify(card.id) == networks.Check(card.id, State.OK)
    assert len(networks.verified_bytes(card.id)) == card.bytes
    assert networks.session(card.id).get_inputs()


def test_no_file_ships_without_a_card():
    files = {e.name for e in resources.files("jpegtrace.networks.weights").iterdir() if e.name.endswith(".onnx")}
    assert files == {f"{card.id}.onnx" for card in SHIPPED}


def test_the_combiner_gives_what_it_gave_when_it_was_exported():
    """Golden input and output: another runtime must agree with the one that wrote them."""
    score, null = networks.run("combiner", golden_inputs())
    assert score.shape == (1, 8, 30)
    assert null.shape == (1,)
    figures = networks.card("combiner").figures
    assert float(score.mean()) == pytest.approx(figures["golden_score_mean"], abs=1e-3)
    assert float(null[0]) == pytest.approx(figures["golden_null"], abs=1e-3)


class TestInputs:
    """Inputs other than those of the card are refused before the network sees them."""

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"ratio": None}, "take the inputs ratio, promise, .*, blocks; missing: ratio$"),
            ({"ratios": np.zeros(3)}, "not known: 'ratios'$"),
            ({"ratio": None, "last": None, "x": np.zeros(3)}, "missing: ratio, last; not known: 'x'$"),
            ({"cost": np.zeros((1, 63), np.float32)}, r"'cost' of 'combiner' must be float32 of shape \(1, 64\), not"),
            ({"cost": np.zeros((1, 64))}, r"'cost' .* not float64 of shape \(1, 64\)"),
            ({"cost": np.zeros(64, np.float32)}, r"'cost' .* not float32 of shape \(64,\)"),
            ({"kinds": np.zeros((1, 29), np.int64)}, r"'kinds' .* \(1, tables\) with tables = 30, not int64 .*29"),
        ],
        ids=lambda v: " ".join(v) if isinstance(v, dict) else "",
    )
    def test_planted(self, change, told):
        inputs = {name: value for name, value in (golden_inputs() | change).items() if value is not None}
        with pytest.raises(UsageError, match=told):
            networks.run("combiner", inputs)

    def test_of_unknown_weights(self):
        with pytest.raises(UsageError, match="there are no weights called 'nonsense'"):
            networks.run("nonsense", {})


def altered(data):
    return data[:-1] + bytes([data[-1] ^ 1])


FAULTS = {
    "altered": (altered, "SHA-256 [0-9a-f]{12} instead of 967c8e246e21"),
    "truncated": (lambda data: data[:1000], "1,000 instead of 94,142 bytes"),
    "longer": (lambda data: data + b"x", "larger than the 94,142 bytes of its card"),
    "empty": (lambda data: b"", "0 instead of 94,142 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
class TestDamagedFiles:
    def test_that_ship(self, planted, fault):
        damage, told = FAULTS[fault]
        (planted.weights / "combiner.onnx").write_bytes(damage(planted.data))
        with pytest.raises(ResourceError, match=rf"not those of their card \({told}\); they are not used; install"):
            networks.run("combiner", golden_inputs())
        check = networks.verify("combiner")
        assert (check.state, check.failed) == (State.ALTERED, True)

    def test_that_were_fetched(self, planted, fault):
        damage, told = FAULTS[fault]
        networks.fetch("far", planted.source).write_bytes(damage(planted.data))
        with pytest.raises(ResourceError, match=rf"\({told}\); .* jpegtrace models fetch far --from PATH_OR_URL"):
            networks.session("far")
        assert networks.verify("far").state is State.ALTERED


def test_missing_weights_that_ship(planted):
    (planted.weights / "combiner.onnx").unlink()
    with pytest.raises(ResourceError, match="the weights 'combiner' are missing; install jpegtrace again"):
        networks.verified_bytes("combiner")
    check = networks.verify("combiner")
    assert (check.state, check.failed) == (State.MISSING, True)


def test_missing_weights_that_do_not_ship(planted):
    told = f"do not ship with jpegtrace and are not in {planted.mine}; get them with: jpegtrace models fetch far --from"
    with pytest.raises(ResourceError) as caught:
        networks.run("far", golden_inputs())
    assert told in str(caught.value)
    check = networks.verify("far")
    assert (check.state, check.failed) == (State.NOT_INSTALLED, False)
    assert "jpegtrace models fetch far --from PATH_OR_URL" in check.told


def test_weights_that_were_fetched_run(planted):
    networks.fetch("far", planted.source)
    for far, near in zip(networks.run("far", golden_inputs()), networks.run("combiner", golden_inputs()), strict=True):
        assert (far == near).all()
    assert networks.verify("far").state is State.OK


def test_a_folder_in_place_of_the_file(planted):
    networks.weights_path(planted.far).mkdir(parents=True)
    with pytest.raises(ResourceError, match="the weights 'far' cannot be read"):
        networks.session("far")
    assert networks.verify("far").state is State.ALTERED


def test_a_file_that_onnx_runtime_cannot_load(planted):
    import hashlib

    data = b"no network at all"
    (planted.weights / "combiner.onnx").write_bytes(data)
    card = networks.card("combiner")
    planted.write(replace(card, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)))
    with pytest.raises(ResourceError, match=r"ONNX Runtime [0-9.]+ cannot load the weights 'combiner': "):
        networks.session("combiner")
    check = networks.verify("combiner")
    assert (check.state, check.failed) == (State.UNUSABLE, True)


def test_a_damaged_card_fails_its_check(planted):
    planted.write_text("far", "")
    check = networks.verify("far")
    assert (check.state, check.failed) == (State.ALTERED, True)
    assert "far.toml is damaged: id is missing" in check.told


def changed(ports, place, **change):
    return (*ports[:place], replace(ports[place], **change), *ports[place + 1 :])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: {"inputs": c.inputs[1:]}, "the inputs are ratio, promise, .*; the card says promise, "),
        (lambda c: {"outputs": c.outputs[::-1]}, "the outputs are score, null; the card says null, score"),
        (lambda c: {"outputs": (*c.outputs, Port("more", ("1",), "x"))}, "the card says score, null, more"),
        (lambda c: {"inputs": changed(c.inputs, 4, shape=("1", "63"))}, r"cost is tensor\(float\) of shape \(1, 64\)"),
        (lambda c: {"inputs": changed(c.inputs, 4, shape=("1", "many"))}, r"cost is .*; the card .* \(1, many\)"),
        (lambda c: {"inputs": changed(c.inputs, 4, shape=("64",))}, r"the card says tensor\(float\) of shape \(64\)"),
        (lambda c: {"inputs": changed(c.inputs, 2, type="float64")}, r"kinds is tensor\(int64\) .* tensor\(double\)"),
    ],
)
def test_a_card_that_promises_something_else_is_found(planted, change, told):
    import re

    card = networks.card("combiner")
    planted.write(replace(card, **change(card)))
    check = networks.verify("combiner")
    assert check.state is State.UNUSABLE
    assert re.search(told, check.told)


def test_a_size_that_the_file_leaves_open_may_be_a_number_on_the_card(planted):
    card = networks.card("combiner")
    planted.write(replace(card, outputs=changed(card.outputs, 0, shape=("1", "8", "30"))))
    assert networks.verify("combiner").state is State.OK


class TestFolder:
    @pytest.mark.parametrize(
        ("platform", "environment", "folder"),
        [
            ("linux", {}, "home/.cache"),
            ("linux", {"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere"),
            ("linux", {"XDG_CACHE_HOME": "not/absolute"}, "home/.cache"),
            ("linux", {"XDG_CACHE_HOME": ""}, "home/.cache"),
            ("darwin", {"XDG_CACHE_HOME": "/elsewhere"}, "home/Library/Caches"),
            ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
            ("win32", {}, "home/AppData/Local"),
        ],
    )
    def test_of_the_platform(self, platform, environment, folder, monkeypatch):
        monkeypatch.setattr(_weights.Path, "home", lambda: Path("home"))
        assert _weights._caches(platform, environment) == Path(folder)

    def test_below_it(self, monkeypatch):
        monkeypatch.delenv("JPEGTRACE_WEIGHTS", raising=False)
        assert networks.weights_folder().parts[-2:] == ("jpegtrace", "weights")

    def test_named_by_the_user(self, monkeypatch, tmp_path):
        monkeypatch.setenv("JPEGTRACE_WEIGHTS", str(tmp_path))
        assert networks.weights_folder() == tmp_path
        card = networks.card("combiner")
        assert networks.weights_path(card) == tmp_path / f"combiner-{card.sha256[:12]}.onnx"

    def test_without_a_home(self, monkeypatch):
        def homeless():
            raise RuntimeError("could not determine home directory")

        monkeypatch.delenv("JPEGTRACE_WEIGHTS", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.delenv("LOCALAPPDATA", raising=False)
        monkeypatch.setattr(_weights.Path, "home", homeless)
        with pytest.raises(ResourceError, match="name a folder in JPEGTRACE_WEIGHTS"):
            networks.weights_folder()
