"""Statistics by hand on tiny pieces, and what they say of planted differences between grids."""

import numpy as np
import pytest
from scipy.fft import dctn

from checks.pictures import scene
from jpegtrace.chain.codec import compress, decompress
from jpegtrace.chain.filters import to_bytes
from jpegtrace.errors import UsageError
from jpegtrace.laundering import _kernels
from jpegtrace.laundering.features import (
    EPSILON,
    LEAST_SQUARE,
    basis,
    describe,
    on_grids,
    patterns,
    strangest_grid,
)
from jpegtrace.laundering.layout import (
    BAND_FROM,
    BAND_STATISTICS,
    BANDS,
    BORDER_STATISTICS,
    FAR,
    LARGEST_SIZE,
    LEAST_ENERGY,
    LEVELS,
    NEAR,
    RESIDUAL,
    STATISTICS,
    TRIPLE,
)
from jpegtrace.stress.attacks import ATTACKS
from jpegtrace.tables import ijg_table


def grey(seed, rows=160, cols=136):
    return np.ascontiguousarray(scene(seed, rows, cols)[..., 1])


def grid_sums(values):
    places = values.shape[1] - 7
    sums = np.zeros((STATISTICS, 64, 8, places), np.float32)
    energies = np.zeros((BANDS, BAND_STATISTICS, 8, places), np.float32)
    _kernels.grids(values.astype(np.float32), basis(), sums, energies)
    return sums, energies


def test_one_block_gives_its_own_coefficients():
    values = np.random.default_rng(1).normal(0, 4, (8, 8))
    sums, energies = grid_sums(values)
    sizes = np.minimum(np.abs(dctn(values, norm="ortho")).ravel(), LARGEST_SIZE)[1:]
    np.testing.assert_allclose(sums[0, 1:, 0, 0], sizes**2, rtol=1e-4)
    np.testing.assert_allclose(sums[1, 1:, 0, 0], sizes, rtol=1e-4)
    np.testing.assert_array_equal(sums[2, 1:, 0, 0], sizes < NEAR)
    np.testing.assert_array_equal(sums[3, 1:, 0, 0], sizes < FAR)
    assert not sums[:, 0].any()  # the mean of a block says nothing
    squares = np.append(0, sizes**2).reshape(8, 8)
    place = np.add.outer(np.arange(8), np.arange(8))
    edges = [*BAND_FROM, 99]
    for band in range(BANDS):
        inside = (place >= edges[band]) & (place < edges[band + 1])
        logarithm = np.log(LEAST_ENERGY + squares[inside].sum())
        np.testing.assert_allclose(energies[band, :, 0, 0], [logarithm, logarithm**2], rtol=1e-4)


def test_a_large_coefficient_counts_as_the_largest():
    values = np.zeros((8, 8))
    values[:, :4] = 200
    sums, _ = grid_sums(values)
    assert sums[1, 1, 0, 0] == LARGEST_SIZE


def test_blocks_are_told_apart_by_where_they_begin():
    luma = grey(1)
    found = on_grids(luma)
    row, col, u, v = 3, 6, 2, 5
    blocks = luma[row:, col:].astype(float) - 128
    rows, cols = blocks.shape[0] // 8, blocks.shape[1] // 8
    blocks = blocks[: 8 * rows, : 8 * cols].reshape(rows, 8, cols, 8).swapaxes(1, 2)
    sizes = np.minimum(np.abs(dctn(blocks, axes=(2, 3), norm="ortho")[..., u, v]), LARGEST_SIZE)
    expected = [
        np.log(np.square(sizes).mean() + LEAST_SQUARE),
        np.log(sizes.mean() + LEAST_SQUARE),
        np.log((sizes < NEAR).mean() + EPSILON),
        np.log((sizes < FAR).mean() + EPSILON),
    ]
    np.testing.assert_allclose(
        found.frequencies[8 * row + col].reshape(STATISTICS, 63)[:, 8 * u + v - 1], expected, rtol=1e-4
    )


def test_runs_by_hand():
    values = np.array([[5, 6, 6, 1]], np.int32)
    triples, activity = np.zeros((2 * TRIPLE + 1,) * 3, np.int64), np.zeros((LEVELS, RESIDUAL + 1), np.int64)
    _kernels.runs(values, triples, activity)
    assert np.argwhere(triples).tolist() == [[TRIPLE + 1, TRIPLE, 0]]  # +1, 0, -5 cut at -3
    assert not activity.any()
    _kernels.runs(values.T.copy(), triples, activity)
    assert triples[TRIPLE + 1, TRIPLE, 0] == 2


def test_residuals_by_hand():
    values = np.zeros((5, 5), np.int32)
    values[2, 2] = 3
    triples, activity = np.zeros((2 * TRIPLE + 1,) * 3, np.int64), np.zeros((LEVELS, RESIDUAL + 1), np.int64)
    _kernels.runs(values, triples, activity)
    assert np.argwhere(activity).tolist() == [[0, 3]]  # |4 times 3| / 4, nothing around
    crossing, mixed = (np.zeros((2 * RESIDUAL + 1,) * 2, np.int64) for _ in range(2))
    _kernels.residual_pairs(values, crossing, mixed)
    assert crossing.sum() == 9
    assert crossing[RESIDUAL - 3, RESIDUAL - 3] == 1  # (-6 + 1) // 2 both ways, at the point
    assert crossing[RESIDUAL + 2, RESIDUAL] == 2  # (3 + 1) // 2 beside it
    assert crossing[RESIDUAL, RESIDUAL + 2] == 2
    assert mixed.sum() == 12
    assert mixed[RESIDUAL + 3, RESIDUAL - 1] == mixed[RESIDUAL - 1, RESIDUAL + 3] == 2  # 12 / 4 beside -6 / 4


def test_steps_by_hand():
    steps = np.empty((BORDER_STATISTICS, 5), np.float32)
    _kernels.borders(np.array([[0, 0, 10, 10, 10], [0, 0, 4, 4, 4]], np.float32), steps)
    np.testing.assert_allclose(steps[0], [0, 7, 0, 0, 0])
    np.testing.assert_allclose(steps[1], [0, 14, 7, 0, 0])  # half of |30 - 10| + |12 - 4|, half of |30 - 30 - 10| + ...


def test_a_run_and_its_reverse_are_the_same():
    luma = grey(2)
    reference = patterns(luma)
    for same in (luma[::-1], luma[:, ::-1], luma.T):
        np.testing.assert_allclose(patterns(np.ascontiguousarray(same))[:100], reference[:100])


@pytest.mark.parametrize("origin", [(0, 0), (3, 5), (7, 1)])
@pytest.mark.parametrize("name", ["nothing", "dither"])
def test_the_grid_of_a_jpeg_is_the_strangest_dithered_or_not(name, origin):
    row, col = origin
    table = ijg_table(80)
    planes = compress(grey(3, 208, 192), table, subsampling="grey")
    luma = decompress(planes, (table,), "grey", 208, 192)
    if name != "nothing":
        luma = to_bytes(ATTACKS[name].run(planes.luma, table, 1))
    assert strangest_grid(np.ascontiguousarray(luma[-row % 8 :, -col % 8 :])) == origin


def test_no_grid_of_an_untouched_picture_stands_out():
    assert strangest_grid(grey(3, 208, 192)) is None


def test_statistics_are_finite_and_repeat():
    for luma in (grey(5), np.full((128, 128), 77, np.uint8), np.zeros((256, 128), np.uint8)):
        found = describe(luma)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(found, describe(luma))


def test_the_piece_does_not_change():
    luma = grey(6)
    before = luma.copy()
    describe(luma)
    np.testing.assert_array_equal(luma, before)


@pytest.mark.parametrize("shape", [(127, 256), (128, 257), (8, 8)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(UsageError, match="a piece has sides from 128 to 256 pixels"):
        describe(np.zeros(shape, np.uint8))
