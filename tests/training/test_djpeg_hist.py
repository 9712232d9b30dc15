"""The histogram detector of Park 2018: sizes counted by hand, its histogram by the printed formula, term by term."""

import itertools
import math
import warnings

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from jpegtrace_training.networks import djpeg_hist as dh  # noqa: E402
from jpegtrace_training.networks.export import OPSET, to_onnx  # noqa: E402


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return dh.DjpegHist().eval()


@pytest.fixture
def narrow(monkeypatch):
    """Networks made now have eight hidden values, for speed."""
    monkeypatch.setattr(dh, "HIDDEN", 8)
    torch.manual_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def textures(rng):
    """Two pictures with flat blocks, gradients, black, white and noise."""
    steps = np.repeat(np.repeat(rng.integers(0, 256, (2, 3, 5)), 8, 1), 8, 2)
    steps[:, :8] = (0, 255, 128, 1, 254, *range(35))
    steps[:, 8:16] += rng.integers(-3, 4, (2, 8, 40))
    return steps.clip(0, 255).astype(np.uint8)


def as_pixels(pictures):
    return torch.from_numpy(np.asarray(pictures)).float().unsqueeze(1)


def dct_as_in_the_standard(block):
    """ITU-T T.81, A.3.3, without the level shift."""
    found = []
    for v in range(8):
        for u in range(8):
            scale = (2**-0.5 if u == 0 else 1) * (2**-0.5 if v == 0 else 1) / 4
            total = 0.0
            for y in range(8):
                for x in range(8):
                    across = math.cos((2 * x + 1) * u * math.pi / 16)
                    total += float(block[y, x]) * across * math.cos((2 * y + 1) * v * math.pi / 16)
            found.append(scale * total)
    return found


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def histogram_as_printed(values):
    """S_b - S_b+1 with S_b the mean of sigmoid(1e6 (x - b)), b = -60..60, of (blocks, 64)."""
    blocks, frequencies = values.shape
    found = np.empty((120, frequencies))
    for c in range(frequencies):
        shares = [sum(sigmoid(1e6 * (x - b)) for x in values[:, c]) / blocks for b in range(-60, 61)]
        found[:, c] = [low - high for low, high in itertools.pairwise(shares)]
    return found


class TestCoefficients:
    def test_are_those_of_the_standard_in_rows(self, textures):
        found = dh.coefficients_of(textures[:1])
        assert found.shape == (1, 15, 64)
        for index in (0, 3, 6, 14):
            row, column = divmod(index, 5)
            block = textures[0, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            np.testing.assert_allclose(found[0, index], dct_as_in_the_standard(block), atol=1e-9)

    def test_horizontal_frequencies_are_the_first_eight(self):
        across = np.tile(np.arange(8) * 10, (8, 1))[None]
        busy = np.abs(dh.coefficients_of(across)[0, 0]) > 1e-9
        assert busy[:8].any()
        assert not busy[8:].any()

    def test_what_fills_no_block_is_left_out(self, textures):
        whole = dh.coefficients_of(textures[:, :16, :24])
        np.testing.assert_array_equal(dh.coefficients_of(textures[:, :23, :31]), whole)


class TestHistogram:
    def test_is_the_printed_formula(self, rng):
        values = rng.laplace(0, 30, (1, 40, 64))
        assert np.abs(values - np.rint(values)).min() > 2e-5  # elsewhere the sigmoid is neither 0 nor 1
        found = dh.histogram_of(values)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[0], histogram_as_printed(values[0]), atol=1e-6)

    def test_whole_numbers_are_the_printed_formula(self, rng):
        whole = rng.integers(-70, 71, (2, 9, 64))
        found = dh.histogram_of(whole)
        np.testing.assert_allclose(found[1], histogram_as_printed(whole[1].astype(float)), atol=1e-6)
        np.testing.assert_array_equal(found, dh.histogram_of(whole.astype(np.float64)))
        np.testing.assert_array_equal(found, dh.histogram_of(whole.astype(np.int16)))

    def test_a_value_counts_in_its_bin_and_half_in_both_on_a_bound(self):
        values = np.full((1, 1, 64), 1000.0)
        values[0, 0, :6] = [0.5, -0.5, 3.0, 3.0 + 1e-9, 60.0, -60.0]
        bins = dh.histogram_of(values)[0]
        assert [dict(zip(np.flatnonzero(b) - 60, b[b > 0], strict=True)) for b in bins.T[:7]] == [
            {0: 1},
            {-1: 1},
            {2: 0.5, 3: 0.5},
            {2: 0.5, 3: 0.5},
            {59: 0.5},
            {-60: 0.5},
            {},
        ]

    def test_of_pixels_agrees_exactly(self, textures, rng):
        pictures = np.concatenate([textures, rng.integers(0, 256, (2, 24, 40), dtype=np.uint8)])
        found = dh.Histogram()(as_pixels(pictures))
        assert found.shape == (4, 120, 64)
        np.testing.assert_array_equal(found.numpy(), dh.histogram_of(dh.coefficients_of(pictures)))

    def test_of_pixels_is_the_printed_formula(self, rng):
        pictures = rng.integers(0, 256, (1, 16, 16))
        values = dh.coefficients_of(pictures)[0]
        # Four frequencies are whole eighths, and often whole.
        generic = np.abs(values - np.rint(values)).min(0) > 2e-5
        assert generic.sum() >= 60
        found = dh.Histogram()(as_pixels(pictures))[0].numpy()
        np.testing.assert_allclose(found[:, generic], histogram_as_printed(values[:, generic]), atol=1e-6)

    def test_flat_blocks_lie_on_the_bound_at_zero(self):
        flat = dh.Histogram()(torch.full((1, 1, 16, 8), 77.0))[0]
        expected = torch.zeros(120, 63)
        expected[59:61] = 0.5
        assert torch.equal(flat[:, 1:], expected)
        assert not flat[:, 0].any()  # DC is 616

    def test_stored_values_need_the_level_shift(self):
        stored = np.zeros((1, 1, 64), np.int64)
        stored[..., 0] = 1024
        decoded = dh.Histogram()(torch.full((1, 1, 8, 8), 128.0))
        np.testing.assert_array_equal(decoded.numpy(), dh.histogram_of(stored))

    def test_levels_that_are_not_whole(self, rng):
        pictures = 255 * rng.random((1, 64, 64), dtype=np.float32)
        found = dh.Histogram()(as_pixels(pictures)).numpy()
        assert np.abs(found - dh.histogram_of(dh.coefficients_of(pictures))).sum() <= 4 / 64

    def test_large_filters_fit_the_narrow_formats_of_accelerators(self):
        """Eleven significant bits: those of TF32."""
        large = dh.Histogram().filters[:64].numpy()
        assert not (large.view(np.int32) & 0x1FFF).any()
        assert float(np.abs(dh.Histogram().filters[64:].numpy()).max()) <= 2.0**-14

    def test_sums_are_exact_in_any_order(self, rng):
        large = dh.Histogram().filters[:64].flatten(1).numpy()
        levels = rng.integers(0, 256, 64).astype(np.float32) - 128
        order = rng.permutation(64)
        one, other = ((large[:, o] * levels[o]).cumsum(1, dtype=np.float32)[:, -1] for o in (np.arange(64), order))
        np.testing.assert_array_equal(one, other)

    def test_same_under_autocast_and_without_gradient(self, textures):
        pixels = as_pixels(textures).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            found = dh.Histogram()(pixels)
        assert found.dtype == torch.float32
        assert not found.requires_grad
        assert torch.equal(found, dh.Histogram()(pixels))


class TestArchitecture:
    @pytest.mark.parametrize(
        ("variant", "total"), [({}, 16_805_666), ({"first_release": True}, 16_805_666 - (64 + 64 + 128 + 256))]
    )
    def test_parameters(self, variant, total):
        """Convolutions, batch norms, and fully connected layers on 15 x 8 x 256 maps; the table adds 64 to each."""
        convolutions = (25 * 1 + 1) * 64 + (25 * 64 + 1) * 64 + (25 * 64 + 1) * 128 + (25 * 128 + 1) * 256
        norms = 2 * (64 + 64 + 128 + 256)
        connected = (15 * 8 * 256 + 64 + 1) * 500 + (500 + 64 + 1) * 500 + (500 + 64 + 1) * 2
        assert convolutions + norms + connected == 16_805_666
        with torch.device("meta"):
            model = dh.DjpegHist(**variant)
        assert parameters(model) == total
        assert not any(name.startswith("histogram") for name in model.state_dict())

    def test_order_of_the_layers(self, model):
        names = [type(layer).__name__ for layer in model.features]
        unit = ["Conv2d", "BatchNorm2d", "ReLU"]
        assert names == [*unit, *unit, "MaxPool2d", *unit, "MaxPool2d", *unit, "MaxPool2d"]
        assert model.features(torch.zeros(1, 1, 120, 64)).shape == (1, 256, 15, 8)

    @pytest.mark.parametrize("shape", [(8, 8), (64, 64), (248, 248), (24, 40), (61, 30)])
    def test_any_size(self, model, shape):
        with torch.no_grad():
            out = model(torch.full((2, 1, *shape), 99.0), torch.ones(2, 64))
        assert out.shape == (2, 2)

    def test_example(self, model):
        inputs = model.example(count=3)
        assert {name: tuple(value.shape) for name, value in inputs.items()} == {
            "pixels": (3, 1, 64, 64),
            "table": (3, 64),
        }
        assert 1 < float(inputs["pixels"].max()) <= 255
        assert float(inputs["table"].min()) >= 1
        again, other = model.example(count=3), model.example(count=3, seed=1)
        assert all(torch.equal(inputs[name], again[name]) for name in inputs)
        assert not any(torch.equal(inputs[name], other[name]) for name in inputs)

    @pytest.mark.usefixtures("narrow")
    def test_the_table_enters_before_each_fully_connected_layer(self):
        model = dh.DjpegHist().eval()
        histogram = torch.rand(2, 120, 64)
        tables = torch.ones(2, 64), torch.arange(128.0).view(2, 64)
        with torch.no_grad():
            for layer in model.classifier:
                layer.weight[:, :64] = 0
            deaf = [model.forward_histogram(histogram, table) for table in tables]
            assert torch.equal(*deaf)
            for layer in model.classifier:
                layer.weight[:, :64] = torch.linspace(0, 0.1, 64)
                heard = [model.forward_histogram(histogram, table) for table in tables]
                assert not torch.allclose(*heard)
                layer.weight[:, :64] = 0

    def test_histograms_from_elsewhere(self, model, textures):
        table = torch.full((2, 64), 7.0)
        elsewhere = torch.from_numpy(dh.histogram_of(dh.coefficients_of(textures)))
        with torch.no_grad():
            found = model.forward_histogram(elsewhere, table)
            assert torch.equal(found, model(as_pixels(textures), table))
            assert torch.equal(found, model(as_pixels(textures), table))

    @pytest.mark.usefixtures("narrow")
    def test_first_weights_of_the_first_release(self):
        model = dh.DjpegHist(first_release=True)
        convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
        assert all(m.bias is None for m in convolutions)
        weights = model.classifier[0].weight
        assert float(weights.detach().abs().max()) == pytest.approx(0.2, abs=1e-3)
        assert float(weights.detach().std()) == pytest.approx(0.088, abs=1e-3)  # a normal one of 0.1, cut at 0.2
        assert all(bool((layer.bias == 0.1).all()) for layer in model.classifier)
        assert {m.eps for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {1e-3}


class TestExport:
    def test_answers_the_same(self, model, tmp_path):
        worst = to_onnx(model, model.example(count=1), tmp_path / "network.onnx", model.outputs)
        assert 0 <= worst < 1e-2

    def test_any_size_and_pictures_with_flat_blocks(self, model, textures, tmp_path):
        path = tmp_path / "network.onnx"
        inputs = model.example(count=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                model,
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=list(model.outputs),
                dynamic_axes={name: {0: "batch", **model.dynamic.get(name, {})} for name in inputs},
                opset_version=OPSET,
                dynamo=False,
            )
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        pixels, table = as_pixels(textures), torch.full((2, 64), 9.0)
        (got,) = session.run(None, {"pixels": pixels.numpy(), "table": table.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(got, model(pixels, table).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("narrow")
def test_can_be_followed():
    """A few steps on two histograms bring cross-entropy down: gradients reach every layer."""
    model = dh.DjpegHist()
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)
    histogram, table, label = torch.rand(2, 120, 64), torch.full((2, 64), 10.0), torch.tensor([0, 1])
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model.forward_histogram(histogram, table), label)
        optimiser.zero_grad()
        loss.backward()
        assert all(float(p.grad.abs().max()) > 0 for p in model.parameters() if p.dim() > 1)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
