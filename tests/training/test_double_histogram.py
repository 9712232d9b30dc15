"""`double-histogram`: what is drawn, and what the network may depend on."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jpegtrace.lattice.histograms import BINS  # noqa: E402
from jpegtrace_training.networks.double_histogram import FREQUENCIES, PLANES, SAID, WIDTH, DoubleHistogram  # noqa: E402
from jpegtrace_training.pictures import made  # noqa: E402
from jpegtrace_training.recipes.double_histogram import PARTS, RECIPE  # noqa: E402

PICTURES = made(3, 400, seed=2).training


@pytest.fixture(scope="module")
def drawn():
    return RECIPE.draw(PICTURES, 24, np.random.default_rng(3), 256)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(4)
    return DoubleHistogram().eval()


def asked(network, counts, table):
    with torch.no_grad():
        return network(torch.as_tensor(counts), torch.as_tensor(table))


class TestDraw:
    def test_every_compressed_picture_gives_a_window_of_each_size(self, drawn):
        assert drawn["counts"].shape == (24, PLANES, FREQUENCIES, BINS)
        blocks = drawn["counts"].astype(np.float32).sum(3)
        sizes = np.array([(32 // part) ** 2 for part in PARTS])
        np.testing.assert_array_equal(blocks[:, 0], np.tile(sizes, 8)[:, None].repeat(FREQUENCIES, 1))
        np.testing.assert_array_equal(drawn["tables"][0], drawn["tables"][2])
        assert drawn["twice"].reshape(-1, len(PARTS)).std(1).max() == 0
        assert drawn["twice"].mean() == 0.5

    def test_colour_of_all_subsamplings_and_grey(self):
        kinds = set()
        for seed in range(50):
            found = RECIPE.draw(PICTURES, 6, np.random.default_rng(seed), 128)
            blocks = found["counts"].astype(np.float32).sum(3)[:, :, 0]
            assert (blocks[:, 1] == found["counts"][:, 1, 63].astype(np.float32).sum(1)).all()
            for k in np.flatnonzero(blocks[:, 1] == 0):
                assert (found["tables"][k, 1] == 1).all()
            kinds |= set((blocks[::3, 1] / blocks[::3, 0]).tolist())
        assert kinds == {0, 0.5, 1, 2}  # grey, 4:2:0, 4:2:2, 4:4:4: two planes to one

    def test_any_number_can_be_asked_for(self):
        found = RECIPE.draw(PICTURES, 4, np.random.default_rng(5), 128)
        assert {len(values) for values in found.values()} == {4}


class TestNetwork:
    def test_parameters_by_hand(self, network):
        one = (2 * (BINS + 1) + 6 + PLANES * FREQUENCIES) * WIDTH + (WIDTH + 1) * WIDTH + (WIDTH + 1) * SAID
        both = (PLANES * (FREQUENCIES * (SAID + 1) + 1) + 1) * 256 + 257 * 64 + 65
        assert sum(p.numel() for p in network.parameters()) == one + both

    def test_windows_of_a_batch_do_not_see_one_another(self, network, drawn):
        counts, table = drawn["counts"].astype(np.float32), drawn["tables"]
        together = asked(network, counts, table)
        assert together.shape == (24,)
        torch.testing.assert_close(asked(network, counts[5:6], table[5:6]), together[5:6], rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", ["counts", "tables"])
    def test_both_inputs_matter(self, network, name):
        inputs = network.example(count=2, seed=1)
        other = network.example(count=2, seed=2)
        changed = inputs | {name: other[name]}
        assert not torch.allclose(asked(network, *changed.values()), asked(network, *inputs.values()))

    def test_no_window_gives_no_number(self, network):
        """Only zeros are stored, or nothing in the bins but one."""
        counts = np.zeros((2, PLANES, FREQUENCIES, BINS), np.float32)
        counts[0, :, :, 0], counts[1, 0, :, BINS - 1] = 64, 1024
        assert asked(network, counts, np.ones((2, PLANES, 64), np.float32)).isfinite().all()

    def test_without_chroma_its_frequencies_say_nothing(self, network):
        inputs = network.example(count=1, seed=1)
        counts, tables = inputs["counts"], inputs["tables"]
        counts[:, 1], tables[:, 1] = 0, 1
        before = asked(network, counts, tables)
        with torch.no_grad():
            network.frequency[1] += 3
        torch.testing.assert_close(asked(network, counts, tables), before)
        with torch.no_grad():
            network.frequency[1] -= 3
