"""Once or twice on one grid, by histograms."""

import numpy as np
import pytest

from jpegtrace.chain import double_compress
from jpegtrace.errors import UsageError
from jpegtrace.lattice.first_dc_step import dc_log_ratios
from jpegtrace.lattice.first_steps import ERROR, STEPS, log_ratios
from jpegtrace.lattice.histograms import (
    BINS,
    LARGEST,
    MOST_BLOCKS,
    SUBSAMPLED_ERROR,
    UNEXPLAINED,
    Chroma,
    OneGrid,
    Window,
    counts_of,
    counts_of_planes,
    evidence_of,
    explained,
    one_grid,
    probability_twice,
)
from jpegtrace.tables import ijg_table, usual_tables
from support.pictures import scene


def compressed(first, last, side=256):
    """Stored values of a picture compressed at these qualities on one grid; first None: once."""
    source = scene(side + 64, side + 64)[None]
    tables = [np.stack([ijg_table(q or 50), ijg_table(q or 50, "chroma")])[None] for q in (first, last)]
    if first is None:
        tables[0] = np.zeros_like(tables[0])
    batch = double_compress(source, *tables, np.array([[16, 16]]), patch=side)
    chroma = Chroma((batch.blue[0], batch.red[0]), batch.last_tables[0, 1], (2, 2))
    return batch.luma[0], ijg_table(last), chroma


class TestCounts:
    def test_by_hand(self):
        blocks = np.zeros((1, 2, 8, 8), np.int16)
        blocks[0, 0, 0, 1], blocks[0, 1, 0, 1] = -3, 3
        blocks[0, 1, 7, 7] = -200
        found = counts_of(blocks)
        assert found.shape == (64, BINS)
        assert found[0, 0] == 2
        assert found[1, 3] == 2
        assert found[63, 0] == found[63, LARGEST] == 1
        assert (found.sum(1) == 2).all()

    def test_input_is_left_alone(self):
        blocks = np.full((2, 2, 8, 8), -7, np.int16)
        counts_of(blocks)
        assert (blocks == -7).all()


class TestChroma:
    def test_what_belongs_to_a_window(self):
        blue = np.arange(12)[:, None, None, None] * 100 + np.arange(10)[None, :, None, None] + np.zeros((8, 8))
        chroma = Chroma((blue, -blue), ijg_table(50), (1, 2))
        here = chroma.beside(3, 4, 5, 2)  # rows 3 to 7 of luma lie on rows 1 to 3 of chroma
        np.testing.assert_array_equal(here.blocks[0][..., 0, 0], [[104, 105], [204, 205], [304, 305]])
        np.testing.assert_array_equal(here.blocks[1], -here.blocks[0])

    def test_both_planes_are_counted_together(self):
        luma, blue, red = (np.full((2, 2, 8, 8), value, np.int16) for value in (1, 2, -2))
        found = counts_of_planes(luma, Chroma((blue, red[:1]), ijg_table(50), (1, 1)))
        assert found.shape == (2, 64, BINS)
        assert (found[0, :, 1] == 4).all()
        assert (found[1, :, 2] == 6).all()
        assert found.sum() == 64 * 10

    def test_grey(self):
        found = counts_of_planes(np.ones((2, 2, 8, 8), np.int16), None)
        assert (found[0].sum(1) == 4).all()
        assert not found[1].any()


class TestEvidence:
    def test_each_frequency_of_luma_and_chroma_and_dc_by_itself(self):
        luma, table, chroma = compressed(70, 90)
        found = evidence_of([Window(luma, table, chroma)])[0]
        assert found.shape == (2, 64, STEPS)
        alone = log_ratios(counts_of(luma), table.reshape(64))
        np.testing.assert_allclose(found[0, 1:], alone[1:], rtol=1e-3, atol=1e-2)
        np.testing.assert_allclose(found[0, 0], dc_log_ratios(luma[..., 0, 0], int(table[0, 0])), rtol=1e-4)
        colours = log_ratios(sum(map(counts_of, chroma.blocks)), chroma.table.reshape(64), SUBSAMPLED_ERROR)
        np.testing.assert_allclose(found[1, 1:], colours[1:], rtol=1e-3, atol=1e-2)
        both = np.concatenate([plane[..., 0, 0].ravel() for plane in chroma.blocks])
        wanted = dc_log_ratios(both, int(chroma.table[0, 0]), SUBSAMPLED_ERROR)
        np.testing.assert_allclose(found[1, 0], wanted, rtol=1e-4)

    def test_dc_tells_its_first_step(self):
        """16 at a quality of 50, then 3 at 90: more than half of the values lie beyond what histograms hold."""
        luma, table, _ = compressed(50, 90)
        assert (np.abs(luma[..., 0, 0]) > LARGEST).mean() > 0.3
        found = evidence_of([Window(luma, table)])[0, 0, 0]
        assert found.argmax() + 1 == 16
        assert found.max() > 30

    def test_whole_chroma_has_errors_like_luma(self):
        luma, table, chroma = compressed(70, 90)
        assert Window(luma, table, chroma).errors == (ERROR, SUBSAMPLED_ERROR)
        assert Window(luma, table, chroma._replace(factors=(1, 1))).errors == (ERROR, ERROR)

    def test_nothing_is_said_of_chroma_that_is_not_there(self):
        assert not evidence_of([Window(*compressed(70, 90)[:2])])[0, 1].any()

    def test_of_large_windows_as_much_as_of_1024_blocks(self):
        luma, table, chroma = compressed(70, 90)
        large = np.tile(luma, (3, 2, 1, 1))
        four = Chroma(tuple(np.tile(plane, (3, 2, 1, 1)) for plane in chroma.blocks), chroma.table, chroma.factors)
        assert Window(large, table).share == pytest.approx(1 / 6)
        assert Window(large, table).counts.sum() == pytest.approx(64 * MOST_BLOCKS)
        wanted = evidence_of([Window(luma, table, chroma)])
        np.testing.assert_allclose(evidence_of([Window(large, table, four)]), wanted, rtol=1e-3, atol=1e-2)

    def test_windows_do_not_see_one_another(self):
        windows = [Window(*compressed(*pair)) for pair in ((70, 90), (None, 85))]
        both = evidence_of(windows)
        for window, found in zip(windows, both, strict=True):
            np.testing.assert_allclose(evidence_of([window])[0], found, rtol=1e-3, atol=1e-2)


class TestExplained:
    """Tables that files have, those of no file, and nothing."""

    @staticmethod
    def planted(steps, much):
        """Evidence for a step at each of some frequencies of luma, against all others."""
        found = np.full((2, 64, STEPS), -1.0, np.float32)
        for frequency, step in steps.items():
            found[0, frequency, step - 1] = much
        return found

    def test_steps_of_one_table(self):
        table = ijg_table(80).ravel()
        assert explained(
            self.planted({f: int(table[f]) for f in (1, 2, 8, 9, 16)}, 20.0) * (np.arange(2) == 0)[:, None, None]
        )

    def test_steps_that_no_table_has_together(self):
        """As of cameras that store even numbers only: steps of 4 at four frequencies, which speak for nothing else."""
        found = self.planted({1: 4, 2: 4, 8: 4, 9: 4}, 25.0)
        known = usual_tables((20, 100))[:, 0].reshape(-1, 64)
        found[0, 10:] -= 3  # whatever such tables have elsewhere
        assert (known[:, [1, 2, 8, 9]] == 4).all(1).any()
        assert not explained(found)

    def test_a_table_must_explain_a_share_of_much(self):
        table = ijg_table(80).ravel()
        others = dict.fromkeys(range(40, 48), 71)
        alone = self.planted({1: int(table[1]), 2: int(table[2])}, 15.0)
        alone[0, 3:] = alone[1] = 0
        assert explained(alone)
        both = alone.copy()
        both[0, list(others), 70] = 15.0
        assert not explained(both)  # 30 of 150

    def test_dc_alone_is_not_enough(self):
        found = np.zeros((2, 64, STEPS), np.float32)
        found[:, 0] = -30
        found[:, 0, 12 - 1] = 30
        assert not explained(found)

    def test_nothing(self):
        assert not explained(np.full((2, 64, STEPS), -0.1, np.float32))

    def test_what_is_told(self):
        assert OneGrid(0.999, True).told == 0.999
        assert OneGrid(0.999, False).told == UNEXPLAINED
        assert OneGrid(0.2, False).told == 0.2
        assert [OneGrid(p, e).doubted for p, e in ((0.999, True), (0.999, False), (0.2, False))] == [False, True, False]

    def test_real_histories(self):
        assert one_grid(*compressed(70, 90)).explained
        assert not one_grid(*compressed(None, 90)).explained


class TestProbability:
    # The waves and the noise of this scene are not what the network knows: it is less sure of one compression.
    @pytest.mark.parametrize(("first", "last", "most"), [(70, 90, 0.6), (80, 92, 0.2), (60, 85, 0.3), (75, 95, 0.8)])
    def test_two_compressions_are_told_from_one(self, first, last, most):
        assert probability_twice(*compressed(first, last)) > 0.9
        assert probability_twice(*compressed(None, last)) < most

    def test_luma_alone_is_enough(self):
        assert probability_twice(*compressed(70, 90)[:2]) > 0.9
        assert probability_twice(*compressed(None, 90)[:2]) < 0.5

    def test_windows_of_any_size_from_64_blocks(self):
        blocks, table, _ = compressed(70, 90)
        for side in (8, 11, 20):
            assert 0 <= probability_twice(blocks[:side, :side], table) <= 1
        large = np.tile(blocks, (3, 3, 1, 1))
        assert probability_twice(large, table) == pytest.approx(probability_twice(blocks, table), abs=1e-5)

    def test_too_few_blocks_are_refused(self):
        with pytest.raises(UsageError, match=r"^histograms need at least 64 blocks, not 63$"):
            probability_twice(np.zeros((7, 9, 8, 8), np.int16), ijg_table(90))
