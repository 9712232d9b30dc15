"""An exported network answers as the one it was made from, for any batch size, or it is refused."""

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from jpegtrace_training.networks import NETWORKS  # noqa: E402
from jpegtrace_training.networks import export as export_module  # noqa: E402
from jpegtrace_training.networks.export import to_onnx  # noqa: E402


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_exported(name, tmp_path):
    torch.manual_seed(1)
    model, path = NETWORKS[name](), tmp_path / "network.onnx"
    worst = to_onnx(model, model.example(count=1), path, model.outputs)
    assert [p.name for p in tmp_path.iterdir()] == ["network.onnx"]
    assert model.training  # as before
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == list(model.outputs)
    inputs = model.example(count=3, seed=1)
    found = session.run(None, {key: value.numpy() for key, value in inputs.items()})
    with torch.no_grad():
        answers = model.eval()(**inputs)
    wanted = [answer.numpy() for answer in (answers if isinstance(answers, tuple) else (answers,))]
    assert 0 <= worst < 1e-3 * max(np.abs(one).max() for one in wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-4 * np.abs(other).max())


class Two(torch.nn.Module):
    """Two inputs, two outputs."""

    def forward(self, left, right):
        return left + right, (left * right).sum(1)


def test_several_inputs_and_outputs(tmp_path):
    path = tmp_path / "two.onnx"
    assert to_onnx(Two(), {"left": torch.rand(2, 3), "right": torch.rand(2, 3)}, path, ("sum", "dot")) < 1e-6
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ones = np.ones((4, 3), np.float32)
    total, dot = session.run(None, {"left": ones, "right": ones})
    np.testing.assert_array_equal(total, 2 * ones)
    np.testing.assert_array_equal(dot, [3, 3, 3, 3])


class Forgetful(torch.nn.Module):
    """Adds the mean of the input, which the exported file remembers from the example."""

    def forward(self, x):
        return x + float(x[0, 0])


class Undefined(torch.nn.Module):
    def forward(self, x):
        return torch.log(-1 - x)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("model", [Forgetful(), Undefined()])
def test_a_network_that_disagrees_is_refused(model, tmp_path):
    with pytest.raises(RuntimeError, match="the exported network differs by"):
        to_onnx(model, {"x": torch.arange(6.0).reshape(2, 3)}, tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


class Small(torch.nn.Linear):
    """Stands for a published network."""

    outputs = ("y",)

    def example(self):
        return {"x": torch.rand(2, 3)}


def test_the_command_exports_untrained_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export_module, "NETWORKS", {"small": lambda: Small(3, 4)})
    weights = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        path = tmp_path / f"{name}.onnx"
        monkeypatch.setattr("sys.argv", ["export", "small", str(path), "--seed", seed])
        export_module.main()
        assert "small, untrained" in capsys.readouterr().out
        weights.append(path.read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_the_command_knows_its_networks(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["export", "nonsense", "file.onnx"])
    with pytest.raises(SystemExit, match="2"):
        export_module.main()
    assert "q1-dense" in capsys.readouterr().err
