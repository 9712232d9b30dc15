"""Blocks on any grid, their kinds, and sums of what they say."""

import numpy as np
import pytest
from scipy.fft import dctn

from checks.pictures import luma_of_pixels, scene
from jpegtrace.chain import simulate
from jpegtrace.pixels import _kernels
from jpegtrace.pixels.dense import BLOCK_BOUND, Tile, coefficients_of, evidence_of_tiles, scores_of_cells, tiles_of
from jpegtrace.pixels.hypotheses import log_steps, standard_library
from jpegtrace.pixels.luma import Luma
from jpegtrace.pixels.noise import (
    ALONG_COLUMNS,
    ALONG_ROWS,
    BAD,
    CONSTANT,
    SPARSE,
    TEXTURED,
    TOUCHED,
    noise_model,
)
from jpegtrace.pixels.windows import block_transform, look
from jpegtrace.tables import ZIGZAG


def read(values, clipped=None, top=0, left=0, rows=1, cols=1):
    """Coefficients, kinds, repeats and busyness."""
    values = np.ascontiguousarray(values, np.float32)
    clipped = np.zeros(values.shape, np.uint8) if clipped is None else clipped
    blocks = rows * cols
    found, busyness = np.empty((blocks, 64), np.float32), np.empty(blocks, np.float32)
    kinds, repeats = np.empty(blocks, np.int64), np.empty(blocks, np.bool_)
    _kernels.read_blocks(values, clipped, top, left, rows, cols, block_transform(), found, kinds, repeats, busyness)
    return found, kinds, repeats, busyness


def kind_of(block, clipped=None):
    return int(read(block, clipped)[1][0])


class TestReadBlocks:
    @pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5), (7, 1), (4, 4)])
    def test_coefficients_are_those_of_scipy_in_zigzag_order(self, top, left):
        values = scene(3, 40, 48)[..., 1].astype(np.float64)
        found, kinds, _, busyness = read(values, top=top, left=left, rows=4, cols=5)
        assert (kinds != BAD).all()
        for n, (i, j) in enumerate(np.ndindex(4, 5)):
            y, x = top + 8 * i, left + 8 * j
            wanted = dctn(values[y : y + 8, x : x + 8] - 128, norm="ortho").ravel()[ZIGZAG]
            np.testing.assert_allclose(found[n], wanted, atol=2e-3)
            assert busyness[n] == pytest.approx(np.abs(wanted[1:]).mean(), abs=1e-3)

    @pytest.mark.parametrize("origin", [(0, 0), (3, 6), (5, 1)])
    def test_a_tile_has_the_blocks_whose_centres_lie_in_it(self, origin):
        luma = luma_of_pixels(scene(3, 64, 64))
        row, col = origin
        found, _ = coefficients_of(luma, [Tile(2, 3, 2, 2)], 8 * row + col)
        y = next(y for y in range(12, 20) if y % 8 == row)
        x = next(x for x in range(20, 28) if x % 8 == col)
        wanted = dctn(luma.values[y : y + 8, x : x + 8] - 128, norm="ortho").ravel()[ZIGZAG]
        np.testing.assert_allclose(found[0], wanted, atol=2e-3)

    def test_blocks_are_sorted_by_their_structure(self):
        ramp = np.arange(8.0) * 3 + 90
        assert kind_of(np.full((8, 8), 100.0)) == CONSTANT
        assert kind_of(np.repeat(ramp[:, None], 8, axis=1)) == ALONG_ROWS  # each row has one value
        assert kind_of(np.repeat(ramp[None, :], 8, axis=0)) == ALONG_COLUMNS
        assert kind_of(np.random.default_rng(0).uniform(50, 200, (8, 8))) == TEXTURED
        few = np.full((8, 8), 100.0)
        few[2:5, 3:6] = 120  # 6 neighbours differ across and 6 down
        assert kind_of(few) == SPARSE
        assert kind_of(np.add.outer(ramp / 10, ramp / 10)) == CONSTANT  # less than a grey level between neighbours

    def test_clipped_blocks_are_set_apart(self):
        block = np.random.default_rng(0).uniform(50, 200, (8, 8))
        for weight, pixels, kind in ((10, 0, TEXTURED), (10, 4, TOUCHED), (10, 5, BAD), (1, 48, TOUCHED), (3, 17, BAD)):
            clipped = np.zeros(64, np.uint8)
            clipped[:pixels] = weight
            assert kind_of(block, clipped.reshape(8, 8)) == kind, (weight, pixels)

    def test_blocks_beyond_the_picture_are_bad(self):
        values = scene(3, 20, 24)[..., 0]
        _, kinds, _, _ = read(values, top=-3, left=5, rows=3, cols=3)
        np.testing.assert_array_equal(kinds.reshape(3, 3) != BAD, [[0, 0, 0], [1, 1, 0], [0, 0, 0]])

    def test_the_same_flat_block_again_is_marked(self):
        grey = np.array([[100, 100, 101, 101], [100, 102, 101, 100], [90, 102, 102, 101]])
        _, kinds, repeats, _ = read(np.kron(grey, np.ones((8, 8))), rows=3, cols=4)
        assert (kinds == CONSTANT).all()
        np.testing.assert_array_equal(repeats.reshape(3, 4), [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 1, 0]])


def evidence_between(blocks, first, stop, scales):
    found, kinds, repeats, busyness = blocks
    library, noise = standard_library(), noise_model(0.12)
    evidence = np.zeros((64, library.steps.shape[1]), np.float32)
    _kernels.sum_evidence(
        found, kinds, repeats, busyness, first, stop, scales, float(busyness.mean()),
        noise.level, noise.variances, noise.zero, noise.small, noise.mean, noise.crowded, noise.within,
        library.steps, log_steps(library), library.counts, evidence,
    )  # fmt: skip
    return evidence


class TestSums:
    def test_evidence_adds_up_over_blocks(self):
        blocks = read(simulate(scene(5, 64, 80), "jpeg:80").pixels[..., 1], rows=8, cols=10)
        scales = np.abs(blocks[0]).mean(axis=0).astype(np.float64)
        whole = evidence_between(blocks, 0, 80, scales)
        assert np.abs(whole).max() > 50
        parts = sum(evidence_between(blocks, a, b, scales) for a, b in ((0, 1), (1, 33), (33, 80)))
        np.testing.assert_allclose(whole, parts, atol=0.01, rtol=1e-4)

    def test_scales_are_mean_magnitudes_of_what_can_be_used(self):
        found, kinds, _, busyness = read(scene(5, 32, 32)[..., 0], rows=4, cols=4)
        kinds[3] = BAD
        scales = np.empty(64)
        usual = _kernels.scales_of(found, kinds, busyness, scales)
        used = np.arange(16) != 3
        np.testing.assert_allclose(scales, np.maximum(np.abs(found[used]).mean(axis=0), 0.05), rtol=1e-5)
        assert usual == pytest.approx(busyness[used].mean(), rel=1e-5)

    def test_a_table_is_the_sum_of_its_steps(self):
        library = standard_library()
        evidence = np.random.default_rng(1).normal(size=(64, library.steps.shape[1])).astype(np.float32)
        scores = np.empty(len(library), np.float32)
        _kernels.table_scores(evidence, library.index, 0, 64, scores)
        np.testing.assert_allclose(scores, evidence[np.arange(64), library.index].sum(axis=1), atol=1e-4)
        _kernels.table_scores(evidence, library.index, 3, 5, scores)
        np.testing.assert_allclose(scores, evidence[[3, 4], library.index[:, 3:5]].sum(axis=1), atol=1e-5)

    def test_a_window_on_all_grids_is_each_grid_by_itself(self):
        luma = luma_of_pixels(simulate(scene(6, 96, 96), "jpeg:75 | crop:2,3").pixels)
        library = standard_library()
        found = look(luma, library, 24, 16, 6, 7)
        assert found.judged.all()
        for origin in (0, 5 * 8 + 6, 63):
            evidence = evidence_of_tiles(luma, library, [Tile(3, 2, 6, 7)], origin, luma.variance)
            wanted = evidence[np.arange(64), library.index].sum(axis=1)
            np.testing.assert_allclose(found.scores[origin], wanted, atol=0.02, rtol=1e-4)
        assert divmod(int(found.by_origin.argmax()), 8) == (5, 6)
        only = look(luma, library, 24, 16, 6, 7, origins=np.array([46]))
        np.testing.assert_array_equal(only.scores[0], found.scores[46])

    def test_cells_carry_bounded_scores_of_their_blocks(self):
        luma = luma_of_pixels(simulate(scene(6, 104, 120), "jpeg:75").pixels)
        library = standard_library()
        shares = []
        scores, rough = scores_of_cells(luma, library, 0, luma.variance, progress=shares.append)
        assert scores.shape == (len(library), 13, 15)
        assert rough.shape == (13, 15)
        assert rough.mean() > 0.9
        assert np.abs(scores).max() <= BLOCK_BOUND
        assert abs(library.qualities[scores.sum(axis=(1, 2)).argmax()] - 75) <= 1  # bounds cost sharpness
        assert shares[-1] == 1
        np.testing.assert_array_equal(scores_of_cells(luma, library, 0, luma.variance, threads=3)[0], scores)

    def test_clipping_in_some_blocks_scales_a_window_up(self):
        luma = luma_of_pixels(simulate(scene(6, 64, 64), "jpeg:75").pixels)
        library = standard_library()
        whole = look(luma, library, 0, 0, 8, 8).scores[0].max()
        clipped = luma.clipped.copy()
        clipped[:, 32:] = 10
        half = look(Luma(luma.values, clipped, luma.variance), library, 0, 0, 8, 8)
        assert 0.6 * whole < half.scores[0].max() < 1.6 * whole
        clipped[:, 8:] = 10
        hardly = look(Luma(luma.values, clipped, luma.variance), library, 0, 0, 8, 8)
        assert not hardly.judged.any()
        assert (hardly.by_origin == -np.inf).all()


@pytest.mark.parametrize("shape", [(64, 64), (320, 250), (17, 90), (8, 7), (1, 1)])
def test_tiles_cover_whole_blocks_once(shape):
    covered = np.zeros((shape[0] // 8, shape[1] // 8), int)
    for tile in tiles_of(shape):
        covered[tile.top : tile.top + tile.rows, tile.left : tile.left + tile.cols] += 1
        assert max(tile.rows, tile.cols) <= 12
    assert (covered == 1).all()
