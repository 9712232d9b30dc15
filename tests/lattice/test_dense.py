"""Evidence block by block, its sums, and the maps and regions made of it."""

import numpy as np
import pytest

from checks.pictures import collage, scene
from jpegtrace.chain import simulate
from jpegtrace.lattice import _region_kernels, dense, gather
from jpegtrace.lattice.dense import Hypothesis, Sums, block_evidence
from jpegtrace.lattice.history import History, divide, find_history
from jpegtrace.lattice.hypotheses import full_library
from jpegtrace.lattice.regions import OTHER, UNKNOWN, choose_sources, faded, past_probabilities, segment
from jpegtrace.lattice.tables_map import map_tables
from jpegtrace.picture import Picture
from jpegtrace.tables import ZIGZAG, ijg_table


def ijg(quality, row, col):
    return Hypothesis((row, col), ijg_table(quality).ravel()[ZIGZAG], f"IJG {quality}", quality)


def luma_of(data):
    picture = Picture.open(data)
    luma = picture.coefficients.components[0]
    return luma.blocks, luma.table, np.ones(luma.blocks.shape[:2], bool), (picture.height, picture.width)


@pytest.fixture(scope="module")
def twice():
    """Compressed at 70, cut by (3, 5) and compressed at 92: its first grid begins at (5, 3)."""
    return luma_of(simulate(scene(3, 200, 264), "jpeg:70 | crop:5,3 | jpeg:92").data)


class TestBlockEvidence:
    def test_it_speaks_for_what_happened(self, twice):
        blocks, table, usable, _ = twice
        pasts = [ijg(70, 5, 3), ijg(70, 5, 4), ijg(82, 5, 3), ijg(70, 0, 0)]
        true, *false = block_evidence(blocks, table, usable, pasts).sum((1, 2))
        assert true > 1000
        assert max(false) < 0

    def test_it_is_that_of_the_window_engine_but_for_the_scales(self, twice, monkeypatch):
        monkeypatch.setattr(dense, "BLOCK_BOUND", 1e9)
        blocks, table, usable, _ = twice
        window = blocks[4:12, 4:12]
        whole = gather(np.ascontiguousarray(window), table)
        library = full_library()
        tables = [k for k in range(len(library)) if library.qualities[k] in (60, 70, 80)]
        for origin in ((5, 3), (0, 0)):
            place = int(np.flatnonzero(whole.origins == 8 * origin[0] + origin[1])[0])
            wanted = whole.ratio[place][np.arange(28)[None, :], library.index[tables]].sum(1)
            pasts = [Hypothesis(origin, library.tables[k], "", 0) for k in tables]
            found = block_evidence(blocks, table, usable, pasts)[:, 4:12, 4:12].sum((1, 2))
            assert np.corrcoef(wanted, found)[0, 1] > 0.98
            assert (np.argsort(found) == np.argsort(wanted)).all()

    def test_strips_and_threads_make_no_difference(self, twice, monkeypatch):
        blocks, table, usable, _ = twice
        pasts = [ijg(70, 5, 3), ijg(75, 2, 0), ijg(75, 0, 6), ijg(80, 0, 0)]
        whole = block_evidence(blocks, table, usable, pasts)
        monkeypatch.setattr(dense, "STRIP", 150)
        shares = []
        np.testing.assert_allclose(
            block_evidence(blocks, table, usable, pasts, threads=3, progress=shares.append), whole, atol=1e-3
        )
        assert max(shares) == 1

    def test_shifting_the_picture_shifts_it(self, twice):
        blocks, table, usable, _ = twice
        pasts = [ijg(70, 5, 3), ijg(80, 0, 0)]
        whole = block_evidence(blocks, table, usable, pasts)
        part = block_evidence(blocks[3:], table, usable[3:], pasts)
        far = dense.RADIUS + 1  # from the border, where scales are those of fewer blocks
        np.testing.assert_allclose(part[:, far:], whole[:, 3 + far :], atol=1e-3)

    def test_what_cannot_be_used_says_nothing(self, twice):
        blocks, table, usable, _ = twice
        usable = usable.copy()
        usable[6, 7] = False
        shifted, aligned = block_evidence(blocks, table, usable, [ijg(70, 5, 3), ijg(70, 0, 0)])
        # Blocks on the other grid begin at row 5 and column 3: their centres lie one block lower, in the same column.
        np.testing.assert_array_equal(
            np.argwhere(shifted[1:, :-1] == 0) + np.array([1, 0]), [[6, 6], [6, 7], [7, 6], [7, 7]]
        )
        assert aligned[6, 7] == 0
        assert np.count_nonzero(aligned == 0) == 1

    def test_there_may_be_nothing_to_ask(self, twice):
        blocks, table, usable, _ = twice
        assert block_evidence(blocks, table, usable, []).shape == (0, *blocks.shape[:2])


class TestSums:
    @pytest.mark.parametrize(("window", "stride"), [(64, 8), (40, 3), (24, 1), (64, 50)])
    def test_they_are_sums_of_cells_whose_centre_the_window_holds(self, window, stride):
        rng = np.random.default_rng(0)
        evidence, shape = rng.normal(size=(2, 9, 12)).astype(np.float32), (70, 93)
        found = Sums.of(evidence, shape).windows(window, stride)
        assert found.shape == (2, -(-70 // stride), -(-93 // stride))
        y, x = (8 * np.arange(n) + 4 for n in (9, 12))
        for i, j in ((0, 0), (found.shape[1] - 1, found.shape[2] - 1), (found.shape[1] // 2, 1)):
            top, left = (k * stride + stride / 2 - window / 2 for k in (i, j))
            inside = ((y >= top) & (y < top + window))[:, None] & ((x >= left) & (x < left + window))
            np.testing.assert_allclose(found[:, i, j], evidence[:, inside].sum(1), atol=1e-4)

    def test_evidence_of_a_window_is_that_of_its_halves(self):
        evidence = np.random.default_rng(1).normal(size=(1, 8, 8)).astype(np.float32)
        sums = Sums.of(evidence, (64, 64))
        np.testing.assert_allclose(sums.windows(64, 64)[0, 0, 0], sums.windows(32, 32).sum(), atol=1e-4)

    def test_rows_can_be_asked_for_apart(self):
        evidence = np.random.default_rng(2).normal(size=(3, 10, 10)).astype(np.float32)
        sums = Sums.of(evidence, (77, 80))
        np.testing.assert_array_equal(sums.windows(32, 8)[:, 2:5], sums.windows(32, 8, slice(2, 5)))


class TestRegions:
    def test_small_parts_go_to_what_surrounds_them(self):
        labels = np.ones((12, 12), np.int8)
        labels[2:4, 2:4] = 2  # 4 cells
        labels[6:9, 6:9] = 3  # 9 cells
        labels[0, 9:12] = 0
        assert _region_kernels.absorb_small(labels, 5, 4) == 2
        assert set(np.unique(labels)) == {1, 3}
        assert (labels == 3).sum() == 9

    def test_a_picture_of_one_part_is_left_alone(self):
        labels = np.full((3, 3), 4, np.int8)
        assert _region_kernels.absorb_small(labels, 100, 100) == 0
        assert (labels == 4).all()

    def test_a_source_is_what_explains_more(self):
        evidence = np.full((3, 32, 32), -5, np.float32)
        evidence[0, :, :16] = 9
        evidence[1, :, :16] = 8.9  # the same place, a little worse
        evidence[2, :, 16:] = 6
        pasts = [ijg(70, 1, 1), ijg(80, 4, 4), ijg(85, 2, 2)]
        sums = Sums.of(evidence, (256, 256))
        assert choose_sources(sums, pasts) == [0, 2]
        found = segment(sums, pasts, [0, 2])
        assert (found.labels[:, :15] == 1).all()
        assert (found.labels[:, 17:] == 2).all()

    def test_two_tables_alike_on_one_grid_are_one_source(self):
        evidence = np.full((2, 32, 32), -5, np.float32)
        evidence[0, :, :16] = evidence[1, :, 16:] = 9
        sums = Sums.of(evidence, (256, 256))
        assert choose_sources(sums, [ijg(70, 1, 1), ijg(72, 1, 1)]) == [0]
        assert choose_sources(sums, [ijg(70, 1, 1), ijg(88, 1, 1)]) == [0, 1]
        assert choose_sources(sums, [ijg(70, 1, 1), ijg(72, 1, 2)]) == [0, 1]

    def test_probabilities_are_a_softmax_with_nothing_beside(self):
        found = past_probabilities(np.zeros((3, 2, 2), np.float32))
        np.testing.assert_allclose(found, 0.25)

    def test_the_probability_is_that_of_the_label_that_was_given(self):
        evidence = np.full((2, 48, 48), -6, np.float32)
        evidence[0] = 9
        evidence[:, 20:24, 20:24] = np.array([-9, 9])[:, None, None]
        evidence[:, :, 40:] = 0
        sums = Sums.of(evidence, (384, 384))
        found = segment(sums, [ijg(70, 1, 1), ijg(80, 4, 4)], [0, 1])
        assert (found.labels[18:26, 18:26] == 1).all()  # too small to be a part
        assert (found.probability[found.labels == UNKNOWN] == 0).all()
        assert (found.probability[found.labels == 1] > 0.5).all()

    @pytest.mark.parametrize(("rest", "against", "parts"), [(9, -8, ()), (9, -1, (OTHER,)), (1.5, -1.5, (OTHER,))])
    @pytest.mark.parametrize("stride", [8, 4])
    def test_where_no_past_fits_that_of_the_rest_may_have_faded(self, rest, against, parts, stride):
        evidence = np.full((1, 48, 48), rest, np.float32)
        evidence[:, :, 30:] = against
        evidence[:, 5, 5] = 0  # a cell that does not tell
        sums = Sums.of(evidence, (384, 384))
        found = segment(sums, [ijg(70, 1, 1)], [0], stride)
        assert set(np.unique(found.labels)) == {OTHER, 1}
        assert faded(found, sums, stride) == parts

    @pytest.mark.parametrize(("fine_in_coarse", "coarse_in_fine", "parts"), [(4, -3, (2,)), (4, -8, ()), (-4, -3, ())])
    def test_a_later_compression_that_shows_in_both_parts_is_no_other_picture(
        self, fine_in_coarse, coarse_in_fine, parts
    ):
        evidence = np.empty((2, 48, 48), np.float32)
        evidence[0, :, :30], evidence[0, :, 30:] = 9, coarse_in_fine
        evidence[1, :, :30], evidence[1, :, 30:] = fine_in_coarse, 6
        sums = Sums.of(evidence, (384, 384))
        found = segment(sums, [ijg(60, 1, 1), ijg(85, 4, 4)], [0, 1])
        assert set(np.unique(found.labels)) == {1, 2}
        assert faded(found, sums) == parts

    def test_nothing_to_tell_apart(self):
        found = segment(Sums.of(np.zeros((0, 8, 8), np.float32), (64, 64)), [], [])
        assert found.pasts == ()
        assert (found.labels == UNKNOWN).all()

    def test_planted_parts_are_found(self):
        data, mask = collage()
        blocks, table, usable, shape = luma_of(data)
        history = find_history(blocks, table, usable, shape, most_windows=200)
        found = divide(history, blocks, table)
        assert [(past.quality, past.origin) for past in found.pasts] == [(85, (7, 6)), (62, (1, 3))]
        inside = mask[4::8, 4::8]
        donor = found.labels[: inside.shape[0], : inside.shape[1]] == 2
        assert 2 * (donor & inside).sum() / (donor.sum() + inside.sum()) > 0.85

    def test_a_pristine_picture_has_no_parts(self):
        blocks, table, usable, shape = luma_of(simulate(scene(13, 320, 320), "jpeg:90").data)
        history = find_history(blocks, table, usable, shape, most_windows=200)
        assert divide(history, blocks, table).pasts == ()


class TestTablesMap:
    def test_the_planted_table_is_everywhere(self, twice):
        blocks, table, usable, shape = twice
        history = find_history(blocks, table, usable, shape, most_windows=50)
        found = map_tables(history, window=64, stride=8)
        told = ~np.isnan(found.quality)
        assert told.mean() > 0.9
        assert np.mean(np.abs(found.quality[told] - 70) <= 1) > 0.95
        assert (found.origin[told] == 8 * 5 + 3).mean() > 0.99
        truth = ijg_table(70).ravel()[ZIGZAG[:15]]
        assert np.mean(found.entries[:, told] == truth[:, None]) > 0.9
        assert ((found.double >= 0) & (found.double <= 1)).all()

    @pytest.mark.parametrize("stride", [1, 5, 16])
    def test_any_stride_reads_the_same(self, twice, stride):
        blocks, table, usable, shape = twice
        history = find_history(blocks, table, usable, shape, most_windows=20)
        found = map_tables(history, window=64, stride=stride)
        assert found.quality.shape == (-(-shape[0] // stride), -(-shape[1] // stride))
        assert abs(np.nanmedian(found.quality) - 70) <= 1

    def test_where_nothing_was_found_it_abstains(self):
        blocks, table, usable, shape = luma_of(simulate(scene(14, 200, 200), "jpeg:90").data)
        history = find_history(blocks, table, usable, shape, most_windows=50)
        found = map_tables(history, window=64, stride=8)
        assert np.isnan(found.quality).all()
        assert np.isnan(found.entries).all()
        assert np.nanmax(found.double) < 0.9

    def test_no_evidence_is_none_however_many_pasts_are_asked_about(self):
        evidence = np.zeros((24, 32, 32), np.float32)
        evidence[:, :8] = 1  # a little for all of them
        pasts = tuple(ijg(60 + k, k % 8, 3) for k in range(24))
        history = History(pasts, evidence, Sums.of(evidence, (256, 256)), np.ones((32, 32), bool), ())
        found = map_tables(history, window=64, stride=8)
        assert np.isnan(found.quality[13:]).all()
        assert np.isnan(found.double[13:]).all()
        assert found.double[0, 8] == pytest.approx(1 / (1 + np.exp(-0.15 * 32)), abs=0.02)

    def test_flat_and_clipped_parts_abstain(self):
        pixels = scene(15, 256, 320)
        pixels[:, 160:] = np.where(np.arange(160) < 80, 255, 90)[None, :, None]
        blocks, table, usable, shape = luma_of(simulate(pixels, "jpeg:70 | crop:5,3 | jpeg:93").data)
        history = find_history(blocks, table, usable, shape, most_windows=200)
        found = map_tables(history, window=64, stride=8)
        assert np.isnan(found.quality[:, -8:]).mean() > 0.9
        assert np.isnan(found.quality[2:-2, 2:12]).mean() < 0.1
