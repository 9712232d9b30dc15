"""`double-histogram`: what is drawn, and what the network may depend on."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jpegtrace.lattice.first_steps import BINS, STEPS, log_ratios, of_tables  # noqa: E402
from jpegtrace.tables import usual_tables  # noqa: E402
from jpegtrace_training.histories import QUALITY  # noqa: E402
from jpegtrace_training.networks.double_histogram import FREQUENCIES, PLANES, SAID, WIDTH, DoubleHistogram  # noqa: E402
from jpegtrace_training.pictures import made  # noqa: E402
from jpegtrace_training.recipes.double_histogram import ONCE, PARTS, RECIPE  # noqa: E402

PICTURES = made(3, 400, seed=2).training


@pytest.fixture(scope="module")
def drawn():
    return RECIPE.draw(PICTURES, 24, np.random.default_rng(3), 256)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(4)
    return DoubleHistogram().eval()


def asked(network, *inputs):
    with torch.no_grad():
        return network(*(torch.as_tensor(each) for each in inputs))


class TestDraw:
    def test_every_compressed_picture_gives_a_window_of_each_size(self, drawn):
        assert drawn["counts"].shape == (24, PLANES, FREQUENCIES, BINS)
        blocks = drawn["counts"].astype(np.float32).sum(3)
        sizes = np.array([(32 // part) ** 2 for part in PARTS])
        np.testing.assert_array_equal(blocks[:, 0], np.tile(sizes, 8)[:, None].repeat(FREQUENCIES, 1))
        np.testing.assert_array_equal(drawn["tables"][0], drawn["tables"][2])
        assert drawn["twice"].reshape(-1, len(PARTS)).std(1).max() == 0
        assert drawn["twice"].mean() == 0.5

    def test_evidence_and_the_first_table_belong_to_the_window(self, drawn):
        found = log_ratios(drawn["counts"].astype(np.float32), drawn["tables"])
        np.testing.assert_allclose(drawn["evidence"][:, 0, 1:], found[:, 0, 1:], rtol=1e-2, atol=1e-2)
        np.testing.assert_array_equal(drawn["first"] == ONCE, drawn["twice"] == 0)
        assert drawn["first"].max() < len(usual_tables(QUALITY))

    def test_evidence_is_largest_for_the_first_table_or_one_like_it(self, drawn):
        """Of windows whose first compression was the coarser one, all with 1,024 blocks, summed over luma."""
        tables = usual_tables(QUALITY).reshape(-1, 2, 64)
        windows = np.flatnonzero(drawn["first"] != ONCE)[:: len(PARTS)]
        coarser = [k for k in windows if tables[drawn["first"][k], 0, 1:15].sum() > drawn["tables"][k, 0, 1:15].sum()]
        assert len(coarser) >= 3
        for k in coarser:
            sums = of_tables(drawn["evidence"][k, 0], tables[:, 0])
            assert sums[drawn["first"][k]] > 0.8 * sums.max() > 10

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
        one = (2 * (BINS + 1) + 6 + PLANES * FREQUENCIES) * WIDTH + (WIDTH + 1) * (WIDTH + SAID + 1 + STEPS)
        tables = PLANES * FREQUENCIES + len(usual_tables(QUALITY))
        both = (PLANES * (FREQUENCIES * (SAID + 1) + 1) + 2) * 256 + 257 * 64 + 65
        assert sum(p.numel() for p in network.parameters()) == one + tables + both

    def test_evidence_is_summed_over_the_steps_of_each_table(self, network):
        """Evidence for the step 17 at one place counts for the tables that have it there, and for no other."""
        tables = usual_tables(QUALITY).reshape(-1, PLANES, FREQUENCIES)
        here = tables[:, 0, 5] == 17
        assert here.any()
        said = torch.zeros(1, PLANES, FREQUENCIES, STEPS)
        said[0, 0, 5, 17 - 1] = 2.0
        found = network._summed(said)[0].numpy()
        np.testing.assert_allclose(found, 2.0 * here)
        np.testing.assert_allclose(found, of_tables(said[0, 0].numpy(), tables[:, 0]))

    def test_windows_of_a_batch_do_not_see_one_another(self, network, drawn):
        inputs = [drawn[name].astype(np.float32) for name in ("counts", "tables", "evidence")]
        together = asked(network, *inputs)
        assert together.shape == (24,)
        alone = asked(network, *(each[5:6] for each in inputs))
        torch.testing.assert_close(alone, together[5:6], rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("name", ["counts", "tables", "evidence"])
    def test_all_inputs_matter(self, network, name):
        inputs = network.example(count=2, seed=1)
        other = network.example(count=2, seed=2)
        changed = inputs | {name: other[name]}
        assert not torch.allclose(asked(network, *changed.values()), asked(network, *inputs.values()))

    def test_no_window_gives_no_number(self, network):
        """Only zeros are stored, or nothing in the bins but one."""
        counts = np.zeros((2, PLANES, FREQUENCIES, BINS), np.float32)
        counts[0, :, :, 0], counts[1, 0, :, BINS - 1] = 64, 1024
        tables = np.ones((2, PLANES, 64), np.float32)
        assert asked(network, counts, tables, log_ratios(counts, tables)).isfinite().all()

    def test_evidence_beyond_all_bounds_gives_a_number(self, network):
        inputs = network.example(count=2, seed=1)
        inputs["evidence"] = 1e6 * torch.sign(inputs["evidence"])
        assert asked(network, *inputs.values()).isfinite().all()

    def test_without_chroma_its_frequencies_say_nothing(self, network):
        inputs = network.example(count=1, seed=1)
        inputs["counts"][:, 1], inputs["tables"][:, 1] = 0, 1
        before = asked(network, *inputs.values())
        with torch.no_grad():
            network.frequency[1] += 3
        torch.testing.assert_close(asked(network, *inputs.values()), before)
        with torch.no_grad():
            network.frequency[1] -= 3
