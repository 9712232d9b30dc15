"""The network of Tondi 2021: sizes counted by hand, and its formulas evaluated term by term as they are printed."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jpegtrace_training.networks import NETWORKS  # noqa: E402
from jpegtrace_training.networks import q1_dense as q1  # noqa: E402
from jpegtrace_training.networks.densenet import DenseLayer, DenseNet  # noqa: E402


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def counted(channels, outputs, first=24, growth=12, layers=12, blocks=3):
    """Weights of convolutions, batch norms (two each) and the linear layer, one by one."""
    total, width = 9 * channels * first, first
    for block in range(blocks):
        if block:
            total += 2 * width + width * width
        for _ in range(layers):
            total += 2 * width + 9 * width * growth
            width += growth
    return total + 2 * width + (width + 1) * outputs


@pytest.fixture
def first():
    """Two tables of 15 entries within the range."""
    return torch.tensor([[16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24], [1, 2, 3, 4, 5] * 3])


@pytest.fixture
def log_f():
    return q1.block_log_softmax(torch.randn(2, q1.LOGITS, dtype=torch.float64, generator=torch.manual_seed(3)))


def blocks(values):
    """Nested lists: sample, entry, step - 1."""
    ends = np.cumsum(q1.LARGEST)
    return [[list(sample[end - n : end]) for n, end in zip(q1.LARGEST, ends, strict=True)] for sample in values]


class TestArchitecture:
    def test_the_backbone_is_the_densenet_40_of_its_paper(self):
        """With 16 first filters and 10 classes: 1.0 M in its table 2, 1,019,722 in every count of it."""
        assert parameters(DenseNet(10, first=16)) == 1_019_722

    @pytest.mark.parametrize(
        ("name", "channels", "outputs", "total"),
        [
            ("q1-dense", 3, 226, 1_158_010),
            ("q1-dense-code", 1, 226, 1_157_578),
            ("q1-dense-reg", 3, 15, 1_061_583),
            ("q1-dense-reg-code", 1, 15, 1_061_151),
        ],
    )
    def test_parameters_and_shapes(self, name, channels, outputs, total):
        model = NETWORKS[name]().to("meta")
        assert parameters(model) == total == counted(channels, outputs)
        inputs = model.example(count=2)
        assert {key: tuple(value.shape) for key, value in inputs.items()} == {"pixels": (2, channels, 64, 64)}
        assert 1 < float(inputs["pixels"].max()) <= 255
        assert model(inputs["pixels"].to("meta")).shape == (2, outputs)

    def test_forty_layers(self):
        weighted = [m for m in q1.Q1Dense().modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
        assert len(weighted) == 40
        assert [m.out_channels for m in weighted[:2]] == [24, 12]
        assert all(m.bias is None for m in weighted[:-1])

    def test_a_layer_keeps_what_came_in(self):
        maps = torch.randn(1, 5, 4, 4)
        out = DenseLayer(5, 3, 0.0)(maps)
        assert out.shape == (1, 8, 4, 4)
        assert torch.equal(out[:, :5], maps)

    @pytest.mark.parametrize(("name", "share"), [("q1-dense", 0.2), ("q1-dense-code", 0.0)])
    def test_dropout_follows_every_convolution_but_the_first(self, name, share):
        drops = [m.p for m in NETWORKS[name]().modules() if isinstance(m, torch.nn.Dropout)]
        assert drops == [share] * 38

    def test_every_entry_is_a_distribution_of_its_own(self):
        model = q1.Q1Dense().eval()
        with torch.no_grad():
            out = model(**model.example(count=1)).exp().numpy()
        np.testing.assert_allclose([[sum(entry) for entry in sample] for sample in blocks(out)], 1, rtol=1e-5)


class TestFormulas:
    def test_largest_steps_are_the_table_of_quality_50(self):
        """Annex K of the JPEG standard, first 15 luminance entries in zigzag order; 226 outputs."""
        assert q1.LARGEST == (16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24)
        assert q1.LOGITS == 226

    def test_labels_are_those_of_equation_2(self, first, log_f):
        for y, table in zip(blocks(q1.one_hot(log_f, first).numpy()), first.numpy(), strict=True):
            assert [row.index(1) + 1 for row in y] == list(table)
            assert [sum(row) for row in y] == [1] * 15

    def test_distances_are_those_of_figure_2(self, log_f):
        first = torch.full((2, 15), 8)
        assert blocks(q1.distances(log_f, first).numpy())[0][1] == [7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3]

    def test_distances_are_those_of_equation_4(self, first, log_f):
        found = q1.distances(log_f, first).numpy()
        before = np.concatenate([[0], np.cumsum(q1.LARGEST)])
        for sample, table in enumerate(first.numpy()):
            for i, true in enumerate(table):
                for j in range(before[i] + 1, before[i + 1] + 1):
                    assert found[sample, j - 1] == abs(j - before[i] - true)

    def test_a_step_beyond_the_largest_counts_as_the_largest(self, log_f):
        beyond = torch.full((2, 15), 99)
        assert torch.equal(q1.one_hot(log_f, beyond), q1.one_hot(log_f, torch.tensor([q1.LARGEST, q1.LARGEST])))

    def test_losses_are_equations_1_and_5(self, first, log_f):
        entropy, refined, of_code = [], [], []
        for f, table in zip(blocks(log_f.exp().numpy()), first.numpy(), strict=True):
            logs = sum(math.log(f[i][q - 1]) for i, q in enumerate(table))
            off = [(p, abs(j + 1 - q)) for i, q in enumerate(table) for j, p in enumerate(f[i])]
            entropy.append(-logs / 15)
            refined.append(0.8 * -logs / 15 + 0.2 * sum(p * d for p, d in off))
            of_code.append(0.8 * -logs + 0.2 * sum(p * d * d for p, d in off))
        assert float(q1.cross_entropy(log_f, first)) == pytest.approx(np.mean(entropy))
        assert float(q1.refined_loss(log_f, first)) == pytest.approx(np.mean(refined))
        assert float(q1.refined_loss_of_code(log_f, first)) == pytest.approx(np.mean(of_code))

    @pytest.mark.parametrize("loss", [q1.cross_entropy, q1.refined_loss, q1.refined_loss_of_code])
    def test_certainty_of_the_truth_costs_nothing(self, loss, first, log_f):
        certain = q1.block_log_softmax(1000 * q1.one_hot(log_f, first))
        assert float(loss(certain, first)) == pytest.approx(0, abs=1e-9)
        assert torch.equal(q1.read(certain), first)

    def test_only_the_refined_loss_minds_how_far_off_a_wrong_answer_is(self, log_f):
        first, near, far = (torch.full((2, 15), step) for step in (1, 2, 10))
        near, far = (q1.block_log_softmax(30 * q1.one_hot(log_f, table)) for table in (near, far))
        assert float(q1.cross_entropy(near, first)) == pytest.approx(float(q1.cross_entropy(far, first)))
        # All of the probability is one step, or nine, away, in each of 15 entries.
        more = float(q1.refined_loss(far, first) - q1.refined_loss(near, first))
        assert more == pytest.approx(0.2 * 15 * (9 - 1), rel=1e-6)

    def test_the_likeliest_step_is_read(self, log_f):
        expected = [[1 + int(np.argmax(entry)) for entry in sample] for sample in blocks(log_f.numpy())]
        assert q1.read(log_f).tolist() == expected

    def test_regression_losses(self):
        entries, first = torch.tensor([[1.5, 3.0], [2.0, 90.0]]), torch.tensor([[1, 3], [4, 30]])
        errors = [0.5, 0.0, 2.0, 60.0]
        assert float(q1.squared_error(entries, first)) == pytest.approx(np.mean(np.square(errors)))
        assert float(q1.log_cosh(entries, first)) == pytest.approx(np.mean(np.log(np.cosh(errors))))

    def test_regression_is_rounded(self):
        assert q1.read_rounded(torch.tensor([[1.4, 1.6, 7.0]])).tolist() == [[1, 2, 7]]


def test_the_refined_loss_can_be_followed(first):
    """A few steps on two patches bring it down: gradients reach every weight."""
    torch.manual_seed(0)
    model = q1.Q1Dense(channels=1, dropout=0.0)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    pixels = model.example(count=2)["pixels"][:, :, :16, :16]  # any size goes through
    losses = []
    for _ in range(4):
        loss = q1.refined_loss(model(pixels), first)
        optimiser.zero_grad()
        loss.backward()
        assert all(float(p.grad.abs().max()) > 0 for p in model.parameters())
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
