"""SRNet on pixels: sizes counted by hand layer by layer, poolings evaluated pixel by pixel."""

import math
import warnings

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from jpegtrace_training.networks import djpeg_srnet as srnet  # noqa: E402
from jpegtrace_training.networks.export import OPSET, to_onnx  # noqa: E402


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def convolution(channels, filters, size=3):
    """Weights and biases, and two parameters of the batch norm per filter."""
    return (size * size * channels + 1) * filters + 2 * filters


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return srnet.DjpegSrnet().eval()


class TestArchitecture:
    def test_parameters(self, model):
        total = convolution(1, 64) + convolution(64, 16)
        total += 5 * (convolution(16, 16) + convolution(16, 16))
        for channels, filters in ((16, 16), (16, 64), (64, 128), (128, 256)):
            total += convolution(channels, filters) + convolution(filters, filters) + convolution(channels, filters, 1)
        total += convolution(256, 512) + convolution(512, 512) + (512 + 1) * 2
        assert parameters(model) == total == 4_779_618
        assert 4.7e6 < total < 4.8e6  # as it is usually given
        # Ports without the idle biases of the convolutions have one fewer for each of their filters.
        assert total - (64 + 16 + 10 * 16 + 3 * (16 + 64 + 128 + 256) + 2 * 512) == 4_776_962

    def test_order_of_the_layers(self, model):
        names = [type(layer).__name__ for layer in model.features]
        assert names == ["Plain", *["Residual"] * 5, *["PooledResidual"] * 4, "Plain", "ConvNorm"]
        convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
        assert sum(m.kernel_size == (3, 3) for m in convolutions) == 2 + 10 + 8 + 2
        assert [m.stride for m in convolutions if m.kernel_size == (1, 1)] == [(2, 2)] * 4

    @pytest.mark.parametrize(
        ("shape", "last"),
        [((16, 16), (1, 1)), ((64, 32), (4, 2)), ((40, 72), (3, 5)), ((9, 17), (1, 2)), ((1, 1), (1, 1))],
    )
    def test_any_size(self, model, shape, last):
        pixels = torch.full((2, 1, *shape), 200.0)
        with torch.no_grad():
            assert model.features(model.first(pixels)).shape == (2, 512, *last)
            assert model(pixels).shape == (2, 2)

    def test_example(self, model):
        pixels, again = model.example(count=3)["pixels"], model.example(count=3)["pixels"]
        assert pixels.shape == (3, 1, 64, 64)
        assert 1 < float(pixels.max()) <= 255
        assert torch.equal(pixels, again)
        assert not torch.equal(pixels, model.example(count=3, seed=1)["pixels"])

    def test_first_weights(self, model):
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                inputs = module.weight[0].numel()
                assert bool((module.bias == 0.2).all())
                assert float(module.weight.detach().abs().max()) <= 2 * math.sqrt(1.3 * 2 / inputs)
                if module.weight.numel() > 10_000:
                    assert float(module.weight.detach().var()) == pytest.approx(2 / inputs, rel=0.05)
        assert float(model.classifier.weight.detach().std()) == pytest.approx(0.01, rel=0.1)
        assert not model.classifier.bias.any()
        assert {m.eps for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {1e-3}
        assert {m.momentum for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {0.1}

    def test_same_seed_same_weights_and_answers(self, model):
        torch.manual_seed(0)
        again = srnet.DjpegSrnet().eval()
        inputs = model.example(count=1)
        with torch.no_grad():
            assert torch.equal(model(**inputs), again(**inputs))

    def test_first_layer_keeps_its_precision_under_autocast(self, model):
        seen = []
        handle = model.first.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            model(torch.full((1, 1, 16, 16), 200.3))
        handle.remove()
        assert seen[0].dtype == torch.float32


class TestLayers:
    @pytest.mark.parametrize("shape", [(6, 8), (8, 4), (5, 7), (1, 2)])
    def test_pooling_is_the_mean_of_what_is_there(self, shape):
        maps = torch.rand(2, 3, *shape)
        found = srnet.pool(maps).numpy()
        height, width = (math.ceil(side / 2) for side in shape)
        assert found.shape == (2, 3, height, width)
        for y in range(height):
            for x in range(width):
                window = maps[:, :, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
                np.testing.assert_allclose(found[:, :, y, x], window.mean((2, 3)).numpy(), rtol=1e-5)

    def test_pooling_keeps_what_is_even(self):
        torch.testing.assert_close(srnet.pool(torch.full((1, 2, 10, 6), 3.0)), torch.full((1, 2, 5, 3), 3.0))

    def test_residual_layers_add(self):
        layer, maps = srnet.Residual(4).eval(), torch.randn(1, 4, 6, 6)
        with torch.no_grad():
            torch.testing.assert_close(layer(maps) - maps, layer.body(maps))

    def test_shortcut_keeps_every_other_pixel(self):
        torch.manual_seed(0)
        layer, maps = srnet.PooledResidual(4, 5).eval(), torch.randn(1, 4, 6, 6)
        kept = maps[:, :, ::2, ::2]
        with torch.no_grad():
            weights, biases = layer.shortcut[0].weight[:, :, 0, 0], layer.shortcut[0].bias
            through = torch.einsum("nchw,fc->nfhw", kept, weights) + biases[:, None, None]
            expected = layer.shortcut[1](through) + srnet.pool(layer.body(maps))
            torch.testing.assert_close(layer(maps), expected)

    def test_plain_layers_are_never_negative_the_others_are(self):
        maps = torch.randn(1, 4, 6, 6)
        with torch.no_grad():
            assert float(srnet.Plain(4, 8)(maps).min()) == 0
            assert float(srnet.ConvNorm(4, 8)(maps).min()) < 0


class TestExport:
    def test_answers_the_same(self, tmp_path):
        torch.manual_seed(2)
        model = srnet.DjpegSrnet()
        inputs = model.example(count=1)
        with torch.no_grad():
            largest = float(model.eval()(**inputs).abs().max())
        worst = to_onnx(model, inputs, tmp_path / "network.onnx", model.outputs)
        assert 0 <= worst <= 1e-4 * max(largest, 1)

    def test_any_size(self, model, tmp_path):
        path = tmp_path / "network.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                model,
                (model.example(count=1)["pixels"],),
                str(path),
                input_names=["pixels"],
                output_names=list(model.outputs),
                dynamic_axes={"pixels": {0: "batch", **model.dynamic["pixels"]}},
                opset_version=OPSET,
                dynamo=False,
            )
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for shape in ((2, 1, 40, 24), (1, 1, 33, 56)):
            pixels = 255 * torch.rand(shape, generator=torch.Generator().manual_seed(4))
            (got,) = session.run(None, {"pixels": pixels.numpy()})
            with torch.no_grad():
                wanted = model(pixels).numpy()
            np.testing.assert_allclose(got, wanted, atol=1e-4 * np.abs(wanted).max())


def test_can_be_followed():
    """A few steps on four patches bring cross-entropy down: gradients reach every weight that a batch norm leaves."""
    torch.manual_seed(0)
    model = srnet.DjpegSrnet()
    optimiser = torch.optim.Adamax(model.parameters(), 1e-3)
    pixels, label = model.example(count=4)["pixels"][:, :, :16, :16], torch.tensor([0, 1, 0, 1])
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(pixels), label)
        optimiser.zero_grad()
        loss.backward()
        assert all(float(p.grad.abs().max()) > 0 for p in model.parameters() if p.dim() > 1)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
