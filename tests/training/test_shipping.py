"""From a run to weights with a card: what is written answers as what was trained, and says how far that went."""

import tomllib

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from jpegtrace.errors import UsageError  # noqa: E402
from jpegtrace.networks import Card  # noqa: E402
from jpegtrace_training import shipping  # noqa: E402
from jpegtrace_training.networks.export import largest_difference, to_onnx  # noqa: E402
from jpegtrace_training.networks.qf_pixel import QfPixel  # noqa: E402
from jpegtrace_training.pictures import made  # noqa: E402
from jpegtrace_training.recipes import find  # noqa: E402
from jpegtrace_training.trainer import Machine, Settings, train  # noqa: E402


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two small steps."""
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(samples=4, batch=2, rate=1e-3, side=24, seed=7)
    train(find("qf-pixel"), made(4, 120, 0), folder, settings, Machine(checks=1, quiet=True))
    return folder


@pytest.fixture
def shipped(run, tmp_path):
    return shipping.ship(run, tmp_path), tmp_path


def test_the_card_says_what_the_file_is(run, shipped):
    card, folder = shipped
    best = torch.load(run / "best.pt", weights_only=True)
    data = (folder / "weights" / "qf-pixel.onnx").read_bytes()
    written = Card.from_fields(tomllib.loads((folder / "cards" / "qf-pixel.toml").read_text()), "qf-pixel.toml")
    assert written == card
    assert card.bytes == len(data)
    assert (card.samples, card.steps, card.seeds) == (best["samples"], best["step"], (7,))
    assert card.samples == 2 * card.steps > 0
    assert card.status == "under-trained"
    assert "54,272,000" in card.data
    assert card.parity < 1e-4
    assert [port.shape for port in card.inputs] == [("batch", "3", "height", "width")]
    assert [(port.name, port.shape) for port in card.outputs] == [("maps", ("batch", "2", "height", "width"))]
    assert set(card.figures) == {"held_out_loss", "held_out_quality_error", "held_out_flag_right"}
    assert card.paper_figures == QfPixel.paper_figures


def test_the_file_answers_as_the_best_weights(run, shipped):
    _, folder = shipped
    model = QfPixel().eval()
    model.load_state_dict(torch.load(run / "best.pt", weights_only=True)["model"])
    pixels = model.example(count=1, seed=5)["pixels"][:, :, :31, :47]
    session = onnxruntime.InferenceSession(str(folder / "weights" / "qf-pixel.onnx"))
    with torch.no_grad():
        np.testing.assert_allclose(session.run(None, {"pixels": pixels.numpy()})[0], model(pixels).numpy(), atol=1e-4)


def test_the_card_names_whose_weights_it_began_with(run, tmp_path):
    best = torch.load(run / "best.pt", weights_only=True)
    torch.save(best | {"ancestors": ["elder", "elder"]}, tmp_path / "best.pt")
    assert "; begun with weights of elder; a full" in shipping.ship(tmp_path, tmp_path / "package").data


def test_the_version_is_raised(run, shipped):
    card, folder = shipped
    assert card.version == 1
    assert shipping.ship(run, folder).version == 2


def test_half_precision_halves_the_file_and_is_compared(run, shipped, tmp_path):
    whole, _ = shipped
    half = shipping.ship(run, tmp_path / "half", half=True, ships=False, notes="for a trial")
    assert half.bytes < 0.55 * whole.bytes
    assert (half.precision, half.ships, half.notes) == ("fp16", False, "for a trial")
    assert whole.parity < half.parity < 1e-2


def test_weights_that_half_precision_ruins_are_refused(tmp_path):
    """1e-9 becomes 0 in half precision, and with it everything that a first layer of such weights tells."""

    class Faint(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((300,), 1e-9))

        def forward(self, x):
            return (x * self.weight).sum(1) * 1e9

    path, example = tmp_path / "faint.onnx", {"x": torch.rand(2, 300)}
    model = Faint().eval()
    to_onnx(model, example, path)
    shipping.halve(path)
    with pytest.raises(RuntimeError, match="differs by"):
        largest_difference(model, path, example, allowed=shipping.HALF_DIFFERENCE)


def test_the_curve_of_the_run_is_kept(run, tmp_path, monkeypatch, capsys):
    curve = tmp_path / "curve.csv"
    arguments = ["shipping", str(run), "--to", str(tmp_path), "--curve", str(curve)]
    monkeypatch.setattr("sys.argv", arguments)
    shipping.main()
    assert curve.read_text() == (run / "metrics.csv").read_text()
    assert 'id = "qf-pixel"' in capsys.readouterr().out


def test_a_run_without_weights_is_no_run(tmp_path):
    with pytest.raises(UsageError, match=r"holds no best\.pt"):
        shipping.ship(tmp_path, tmp_path)
