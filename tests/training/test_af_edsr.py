"""The network of Kim 2021: sizes counted by hand, and its equations evaluated term by term as they are printed."""

import io
import math
import warnings

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from jpegtrace.jpeg import dct_matrix, dequantize
from jpegtrace.picture import Picture
from support.pictures import scene

torch = pytest.importorskip("torch")

from jpegtrace_training.networks import af_edsr as af  # noqa: E402


def grey(height, width, seed=0, dtype=torch.float64):
    """Two smooth pictures with noise, (2, 1, height, width)."""
    pictures = [scene(height, width, seed=2 * seed + i, channels=1) for i in range(2)]
    noise = np.random.default_rng(seed).normal(0, 0.3, (2, height, width))
    return torch.from_numpy(np.stack(pictures) + noise)[:, None].to(dtype)


def naive_dct(picture):
    """(h, w) to (8, 8, h / 8, w / 8), block by block."""
    c = dct_matrix()
    rows, cols = picture.shape[0] // 8, picture.shape[1] // 8
    out = np.empty((8, 8, rows, cols))
    for i in range(rows):
        for j in range(cols):
            out[:, :, i, j] = c @ picture[8 * i : 8 * i + 8, 8 * j : 8 * j + 8] @ c.T
    return out


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def naive_histogram(coefficients, gamma=100.0):
    """Eqs. 6 to 8 of (8, 8, rows, cols), to (64, 120), with the sign as printed."""
    rows, cols = coefficients.shape[2:]
    h = np.empty((64, 120))
    for c in range(64):
        d = coefficients[c // 8, c % 8]
        cumulative = []
        for b in range(-60, 61):
            s = sum(sigmoid(gamma * (d[i, j] - b)) for i in range(rows) for j in range(cols))
            cumulative.append(s / (rows * cols))
        for k in range(120):
            h[c, k] = (cumulative[k + 1] - cumulative[k]) / 64
    return h


def naive_variation(picture):
    """Eq. 12 of (h, w), beyond whose edges stands the nearest pixel."""
    height, width = picture.shape

    def at(i, j):
        return picture[min(max(i, 0), height - 1), min(max(j, 0), width - 1)]

    v = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            vertical = at(i - 1, j) + at(i + 1, j) - 2 * at(i, j)
            horizontal = at(i, j - 1) + at(i, j + 1) - 2 * at(i, j)
            v[i, j] = vertical**2 + horizontal**2
    return v


def naive_mse(left, right):
    height, width = left.shape
    return sum(((left[i, j] - right[i, j]) / 255) ** 2 for i in range(height) for j in range(width)) / (height * width)


def naive_calibration(found, calibrated):
    """Eq. 10 of dictionaries: values of a subband by its row and column, where r + c >= 8."""
    assert len(found) == 28
    total = 0.0
    for k, values in found.items():
        one, other = (sum((v - sum(x) / len(x)) ** 2 for v in x) / len(x) for x in (values, calibrated[k]))
        total += abs(one - other)
    return total / 28


def naive_feature(found, calibrated):
    """K_L: differences of variances over the first of them, plus what rounding adds, mean of 28."""
    total = 0.0
    for k, values in found.items():
        one, other = (np.var(x) for x in (values, calibrated[k]))
        total += abs(one - other) / (one + 1 / 12)
    return total / 28


def high(table):
    """The subbands r + c >= 8 of anything (8, 8, ...) or (64, ...)."""
    table = table.reshape(8, 8, -1)
    return {(r, c): list(table[r, c]) for r in range(8) for c in range(8) if r + c >= 8}


@pytest.fixture
def pictures():
    """Before and after the clamp, uncompressed, input: (2, 1, 16, 24) each."""
    return {name: grey(16, 24, seed) for seed, name in enumerate(("before", "picture", "target", "pixels"))}


@pytest.fixture
def planes(pictures):
    return [{name: value[i, 0].numpy() for name, value in pictures.items()} for i in range(2)]


class TestArchitecture:
    @pytest.mark.parametrize(
        ("settings", "total"), [({}, 628_994), ({"channels_wide": 4, "blocks": 2}, 40 + 5 * 148 + 37 + 1)]
    )
    def test_parameters(self, settings, total):
        """Head, two convolutions per block and one behind them, tail, alpha; each convolution with biases."""
        wide, blocks = settings.get("channels_wide", 64), settings.get("blocks", 8)
        counted = (9 * wide + wide) + (2 * blocks + 1) * (9 * wide * wide + wide) + (9 * wide + 1) + 1
        assert sum(p.numel() for p in af.AfEdsr(**settings).parameters()) == total == counted

    def test_alpha_begins_as_published(self):
        model = af.AfEdsr(channels_wide=2, blocks=1)
        assert float(model.alpha.detach()) == pytest.approx(0.1)
        assert model.alpha.requires_grad

    def test_to_begin_with_the_picture_is_hardly_changed(self):
        torch.manual_seed(0)
        smooth = torch.nn.functional.interpolate(torch.rand(2, 1, 8, 8), scale_factor=8, mode="bicubic").clamp(0, 1)
        with torch.no_grad():
            before = af.AfEdsr().reconstruct(smooth * 255)
        assert 0 < float((before - smooth * 255).square().mean().sqrt()) < 2

    def test_mixed_precision_hardly_changes_it_either(self):
        torch.manual_seed(1)
        model = af.AfEdsr()
        pixels = torch.rand(1, 1, 64, 64) * 255
        with torch.no_grad():
            full = model.reconstruct(pixels)
            with torch.autocast("cpu", torch.bfloat16):
                mixed = model.reconstruct(pixels)
        assert mixed.dtype == torch.float32
        assert 0 < float((mixed - full).abs().max()) < 0.2

    def test_there_is_no_batch_norm_and_all_kernels_are_3x3(self):
        modules = list(af.AfEdsr().modules())
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in modules)
        kernels = [m.kernel_size for m in modules if isinstance(m, torch.nn.Conv2d)]
        assert kernels == [(3, 3)] * 19

    @pytest.mark.parametrize("size", [(8, 8), (16, 24), (40, 8)])
    def test_any_size_goes_through(self, size):
        model = af.AfEdsr(channels_wide=4, blocks=2)
        inputs = model.example(count=3)
        pixels = torch.rand(3, 1, *size) * 255
        with torch.no_grad():
            assert model(pixels, inputs["table"]).shape == (3, 1, *size)

    def test_a_part_of_a_block_is_refused(self):
        model = af.AfEdsr(channels_wide=2, blocks=1)
        with pytest.raises(RuntimeError, match="divisible"):
            model(torch.zeros(1, 1, 8, 12), torch.ones(1, 8, 8))

    def test_the_example_is_of_the_right_range(self):
        inputs = af.AfEdsr(channels_wide=2, blocks=1).example(count=2)
        assert list(inputs) == ["pixels", "table"]
        assert inputs["pixels"].shape == (2, 1, 24, 32)
        assert 1 < float(inputs["pixels"].max()) <= 255
        assert inputs["table"].shape == (2, 8, 8)
        assert float(inputs["table"].min()) >= 1

    def test_skips_are_those_of_edsr(self):
        """With the blocks and what follows them at zero, only the long skip from head to tail is left."""
        torch.manual_seed(0)
        model = af.AfEdsr(channels_wide=3, blocks=2)
        block, maps = model.body[0], torch.randn(1, 3, 8, 8)
        with torch.no_grad():
            inner = block.second(torch.relu(block.first(maps)))
            torch.testing.assert_close(block(maps), maps + inner)
            torch.nn.init.zeros_(model.body[-1].weight)
            torch.nn.init.zeros_(model.body[-1].bias)
            pixels = torch.rand(1, 1, 8, 8) * 255
            torch.testing.assert_close(model.reconstruct(pixels), 255 * model.tail(model.head(pixels / 255)))

    def test_forward_is_both_stages(self):
        model = af.AfEdsr(channels_wide=3, blocks=1)
        inputs = model.example()
        with torch.no_grad():
            before = model.reconstruct(inputs["pixels"])
            assert torch.equal(model(**inputs), model.constrain(before, **inputs))

    def test_it_is_deterministic(self):
        found = []
        for _ in range(2):
            torch.manual_seed(5)
            model = af.AfEdsr(channels_wide=3, blocks=1)
            inputs = model.example(seed=4)
            before = model.reconstruct(inputs["pixels"])
            picture = model.constrain(before, **inputs)
            af.losses(before, picture, inputs["pixels"].flip(-1), inputs["pixels"])["total"].backward()
            found.append([picture.detach(), *(p.grad for p in model.parameters())])
        assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


class TestExport:
    def test_the_file_answers_as_the_network(self, tmp_path):
        pytest.importorskip("onnx")
        from jpegtrace_training.networks.export import to_onnx

        torch.manual_seed(1)
        model = af.AfEdsr(channels_wide=4, blocks=2)
        assert to_onnx(model, model.example(), tmp_path / "af.onnx", model.outputs) < 1e-2

    def test_height_and_width_are_free(self, tmp_path):
        pytest.importorskip("onnx")
        torch.manual_seed(1)
        model, path = af.AfEdsr(channels_wide=4, blocks=2).eval(), tmp_path / "af.onnx"
        example = model.example()
        names = (*example, *model.outputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the exporter's, about itself
            torch.onnx.export(
                model,
                tuple(example.values()),
                str(path),
                input_names=list(example),
                output_names=list(model.outputs),
                dynamic_axes={name: {0: "batch", **model.dynamic.get(name, {})} for name in names},
                opset_version=17,
                dynamo=False,
            )
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        assert session.get_outputs()[0].shape == ["batch", 1, "height", "width"]
        for count, height, width in ((1, 8, 8), (3, 16, 40), (2, 48, 24)):
            inputs = {"pixels": torch.rand(count, 1, height, width) * 255, "table": model.example(count)["table"]}
            with torch.no_grad():
                wanted = model(**inputs).numpy()
            (got,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
            np.testing.assert_allclose(got, wanted, atol=2e-3)


class TestCoefficients:
    def test_the_transform_is_the_dct_of_each_block(self):
        picture = grey(16, 24)
        found = af.dct(picture).numpy().reshape(2, 8, 8, 2, 3)
        for one, plane in zip(found, picture[:, 0].numpy(), strict=True):
            np.testing.assert_allclose(one, naive_dct(plane), atol=1e-9)

    def test_the_inverse_undoes_it(self):
        picture = grey(24, 16)
        torch.testing.assert_close(af.inverse_dct(af.dct(picture)), picture)

    def test_the_input_carries_the_stored_coefficients(self):
        """X of Eq. 4 is the DCT of the unrounded decode; the level shift adds 8 * 128 to the DC terms."""
        buffer = io.BytesIO()
        Image.fromarray(scene(40, 48, channels=1)).save(buffer, "JPEG", quality=60)
        picture = Picture.open(buffer.getvalue())
        (stored,) = picture.coefficients.components
        found = af.dct(torch.from_numpy(picture.planes()[0])[None, None])[0]
        wanted = dequantize(stored).transpose(2, 3, 0, 1).reshape(64, 5, 6)
        wanted[0] += 1024
        np.testing.assert_allclose(found.numpy(), wanted, atol=2e-3)

    def test_equation_5_by_hand(self):
        """Bounds 8..12 and 15..25; alpha = 0.1."""
        stored, table = torch.full((1, 64, 1, 1), 10.0), torch.full((1, 8, 8), 4.0)
        stored[0, 9], table[0, 1, 1] = 20.0, 10.0
        found = stored.clone()
        cases = {0: (2.0, 0.9 * 8 + 0.1 * 2), 1: (13.0, 0.9 * 12 + 0.1 * 13), 2: (11.9, 11.9), 8: (8.0, 8.0)}
        cases |= {9: (35.0, 0.9 * 25 + 0.1 * 35), 63: (-12.0, 0.9 * 8 - 0.1 * 12)}
        for band, (value, _) in cases.items():
            found[0, band] = value
        alpha = torch.tensor(0.1, requires_grad=True)
        found.requires_grad_()
        clamped = af.soft_clamp(found, stored, table, alpha)
        for band, (_, wanted) in cases.items():
            assert float(clamped[0, band, 0, 0].detach()) == pytest.approx(wanted)
        clamped.sum().backward()
        # d/d alpha is X - bound: -6, 1, 10, -20; d/dX is alpha outside of the bounds, 1 within.
        assert float(alpha.grad) == pytest.approx(-6 + 1 + 10 - 20, rel=1e-5)
        assert [float(found.grad[0, band, 0, 0]) for band in (0, 1, 9, 63)] == pytest.approx([0.1] * 4)
        assert [float(found.grad[0, band, 0, 0]) for band in (2, 3)] == pytest.approx([1, 1])

    def test_the_table_is_read_in_rows(self):
        """Only row 2, column 5 has room."""
        table = torch.zeros(1, 8, 8)
        table[0, 2, 5] = 8
        clamped = af.soft_clamp(torch.full((1, 64, 2, 3), 3.0), torch.zeros(1, 64, 2, 3), table, torch.tensor(0.0))
        wanted = torch.zeros(1, 64, 2, 3)
        wanted[0, 8 * 2 + 5] = 3
        assert torch.equal(clamped, wanted)

    def test_what_is_within_half_a_step_stays_to_the_last_bit(self):
        generator = torch.manual_seed(2)
        stored = torch.randn(2, 64, 2, 3, generator=generator) * 50
        table = torch.randint(1, 99, (2, 8, 8), generator=generator).float()
        off = (torch.rand(2, 64, 2, 3, generator=generator) - 0.5) * 0.999 * table.reshape(2, 64, 1, 1)
        assert torch.equal(af.soft_clamp(stored + off, stored, table, torch.tensor(0.1)), stored + off)

    def test_alpha_zero_is_the_strict_constraint(self):
        stored, table = torch.zeros(1, 64, 1, 1), torch.full((1, 8, 8), 6.0)
        found = torch.linspace(-9, 9, 64).reshape(1, 64, 1, 1)
        clamped = af.soft_clamp(found, stored, table, torch.tensor(0.0))
        torch.testing.assert_close(clamped, found.clamp(-3, 3))


class TestHistogram:
    @pytest.mark.parametrize("size", [(8, 8), (16, 24)])
    def test_equations_6_to_8(self, size):
        """As printed, but for the sign."""
        picture = grey(*size, seed=1)
        found = af.histogram(af.dct(picture)).numpy()
        assert found.shape == (2, 64, 120)
        for one, plane in zip(found, picture[:, 0].numpy(), strict=True):
            np.testing.assert_allclose(one, -naive_histogram(naive_dct(plane)), atol=1e-12)

    def test_a_steep_edge_counts(self):
        values = np.random.default_rng(0).uniform(-70, 70, (1, 64, 4, 5))
        found = af.histogram(torch.from_numpy(values), gamma=1e9).numpy()[0]
        for band in range(64):
            counts, _ = np.histogram(values[0, band], np.arange(-60, 61))
            np.testing.assert_allclose(found[band], counts / 20 / 64, atol=1e-12)

    def test_edges_are_shared(self):
        """Two blocks: 7 stands between two bins, 30.5 within one; bins begin at -60."""
        found = 64 * af.histogram(torch.tensor([7.0, 30.5]).reshape(1, 1, 1, 2))[0, 0]
        assert {i - 60: float(h) for i, h in enumerate(found) if abs(h) > 1e-6} == {6: 0.25, 7: 0.25, 30: 0.5}

    def test_the_gradient_is_that_of_the_formula(self):
        values = torch.tensor([[[[0.01, 3.98, -60.0, 59.99, 200.0]]]], dtype=torch.float64, requires_grad=True)
        weights = torch.randn(120, dtype=torch.float64, generator=torch.manual_seed(1))
        (af.histogram(values) * weights).sum().backward()
        wanted = []
        for d in values.detach().flatten().tolist():
            slopes = [100 * sigmoid(100 * (d - b)) * (1 - sigmoid(100 * (d - b))) for b in range(-60, 61)]
            wanted.append(sum(float(weights[k]) * (slopes[k] - slopes[k + 1]) for k in range(120)) / 5 / 64)
        np.testing.assert_allclose(values.grad.flatten().numpy(), wanted, atol=1e-12)

    def test_far_values_have_no_gradient_and_no_nan(self):
        values = torch.tensor([[[[-1e4, 1e4, 0.0, 2040.0]]]], requires_grad=True)
        af.histogram(values)[..., 60].sum().backward()
        assert torch.isfinite(values.grad).all()
        assert values.grad.flatten()[[0, 1, 3]].tolist() == [0, 0, 0]
        assert float(values.grad[0, 0, 0, 2]) > 0

    def test_memory_for_the_way_back_is_the_values_alone(self):
        """121 numbers per coefficient would be kept without computing them again."""
        kept = []
        values = torch.zeros(1, 64, 4, 4, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: kept.append((t.data_ptr(), t.numel())) or t, lambda t: t
        ):
            af.histogram(values)
        assert sum(dict(kept).values()) < 4 * values.numel()


class TestLosses:
    def test_subbands_of_equation_10(self):
        assert len(af.HIGH) == 28
        assert min(af.HIGH) == 15
        assert all(sum(divmod(k, 8)) >= 8 for k in af.HIGH)

    @pytest.mark.parametrize("as_printed", [False, True])
    def test_all_equations(self, pictures, planes, as_printed):
        found = af.losses(**pictures, as_printed=as_printed)
        sums = dict.fromkeys(found, 0.0)
        for p in planes:
            s_mse = naive_mse(p["pixels"], p["target"]) * 2500
            coefficients, cropped = naive_dct(p["picture"]), naive_dct(p["picture"][4:-4, 4:-4])
            h, wanted = naive_histogram(coefficients), naive_histogram(naive_dct(p["target"]))
            smoothing = sum(abs(h[c, b] - wanted[c, b]) for c in range(64) for b in range(120)) / (64 * 120)
            if as_printed:
                calibration = naive_calibration(high(h), high(naive_histogram(cropped)))
            else:
                calibration = naive_feature(high(coefficients), high(cropped))
            v = naive_variation(p["picture"] / 255)
            parts = {
                "reconstruction": naive_mse(p["before"], p["target"]),
                "smoothing": smoothing,
                "calibration": calibration,
                "histogram": s_mse * 1.0 * smoothing + (0.0003 if as_printed else 0.001) * calibration,
                "deblocking": s_mse * sum(v[i, j] for i in range(16) for j in range(24)) / (16 * 24),
            }
            parts["total"] = 1.0 * parts["reconstruction"] + 1.0 * parts["histogram"] + 0.06 * parts["deblocking"]
            for name, value in parts.items():
                sums[name] += value / 2
        assert {name: float(value) for name, value in found.items()} == pytest.approx(sums, rel=1e-6)

    @pytest.mark.parametrize("size", [(8, 8), (16, 24)])
    def test_equation_12_at_every_pixel(self, size):
        picture = grey(*size)
        for one, plane in zip(af.variation(picture)[:, 0].numpy(), picture[:, 0].numpy(), strict=True):
            np.testing.assert_allclose(one, naive_variation(plane / 255), rtol=1e-9, atol=1e-15)

    def test_a_ramp_varies_at_its_ends_only(self):
        """Second differences of a slope vanish, except where the nearest pixel is repeated."""
        picture = (255.0 * torch.arange(8, dtype=torch.float64)).expand(1, 1, 8, 8)
        wanted = torch.zeros(8, 8, dtype=torch.float64)
        wanted[:, 0] = wanted[:, -1] = 1
        torch.testing.assert_close(af.variation(picture)[0, 0], wanted)

    def test_a_picture_scales_only_its_own_losses(self, pictures):
        """s_mse is of each picture by itself."""
        each = [af.losses(**{name: value[i : i + 1] for name, value in pictures.items()}) for i in range(2)]
        both = af.losses(**pictures)
        for name, value in both.items():
            assert float(value) == pytest.approx(float(each[0][name] + each[1][name]) / 2)

    def test_calibration_as_printed_weighs_nothing(self):
        """The two furthest histograms there are: all values in one bin, and none in any."""
        one = torch.zeros(1, 28, 120)
        one[:, :, 60] = 1 / 64
        assert 0 < af.PRINTED_CALIBRATION * float(af.calibration(one, torch.zeros(1, 28, 120))) < 1e-9

    def test_what_equals_the_original_costs_only_its_own_roughness(self, pictures):
        target = pictures["target"]
        found = af.losses(target, target, target, pictures["pixels"])
        assert float(found["reconstruction"]) == float(found["smoothing"]) == 0
        assert float(found["deblocking"]) > 0

    def test_every_weight_gets_a_finite_gradient(self):
        torch.manual_seed(0)
        model = af.AfEdsr(channels_wide=4, blocks=1)
        inputs = model.example()
        before = model.reconstruct(inputs["pixels"])
        picture = model.constrain(before, **inputs)
        af.losses(before, picture, grey(24, 32, dtype=torch.float32), inputs["pixels"])["total"].backward()
        for p in model.parameters():
            assert torch.isfinite(p.grad).all()
            assert float(p.grad.abs().max()) > 0

    def test_the_loss_can_be_followed(self):
        """Forty steps bring it down, from the identity on."""
        torch.manual_seed(0)
        model = af.AfEdsr(channels_wide=4, blocks=1)
        target, inputs = grey(24, 32, dtype=torch.float32), model.example()
        pixels = target + 4 * torch.randn(target.shape)
        optimiser = torch.optim.Adam(model.parameters(), 1e-3)
        totals = []
        for _ in range(40):
            before = model.reconstruct(pixels)
            total = af.losses(before, model.constrain(before, pixels, inputs["table"]), target, pixels)["total"]
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
            totals.append(float(total.detach()))
        assert totals[-1] < totals[0]
