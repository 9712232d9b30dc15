"""Transforms, noise and likelihoods against direct evaluations of their formulas."""

import itertools
import math

import numpy as np
import pytest

from checks.pictures import scene
from jpegtrace.errors import UsageError
from jpegtrace.jpeg import dct_matrix
from jpegtrace.lattice import _kernels, gather
from jpegtrace.lattice.hypotheses import COLS, FREQUENCIES, ROWS, full_library, standard_library
from jpegtrace.lattice.lookup import (
    BOUND,
    LOG_SCALE,
    LOG_VARIANCE,
    PHASES,
    PHASES_PER_STEP,
    SCALES_PER_UNIT,
    VARIANCES,
    VARIANCES_PER_UNIT,
    lookup,
)
from jpegtrace.lattice.noise import error_variances, laplacian_scales, local_noise
from jpegtrace.lattice.transforms import by_frequency, shift_matrices
from jpegtrace.tables import ZIGZAG, ijg_table, known_tables


def blocks_of(plane):
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    cut = plane[: rows * 8, : cols * 8].reshape(rows, 8, cols, 8).transpose(0, 2, 1, 3)
    basis = dct_matrix()
    return np.einsum("ux,ijxy,vy->ijuv", basis, cut, basis)


def on_grid(values, matrices, row, col):
    """Coefficients, or variances, on the grid with origin (row, col), (frequencies, blocks)."""
    high, planes = len(values), by_frequency(values)
    part = np.empty_like(planes)
    across = _kernels.across_columns(planes, matrices, col, high, part)
    out = np.zeros((FREQUENCIES, planes.shape[2]), np.float32)
    count = _kernels.down_rows(part, across, high, matrices, row, ROWS, COLS, out)
    return out[:, :count]


@pytest.mark.parametrize(("row", "col"), [(0, 3), (5, 0), (3, 7), (1, 1)])
def test_shifted_coefficients_are_those_of_the_shifted_picture(row, col):
    plane = scene(3, 40, 48)[..., 0].astype(float) - 128
    found = on_grid(blocks_of(plane).astype(np.float32), shift_matrices()[0], row, col)
    direct = blocks_of(plane[row:, col:])
    np.testing.assert_allclose(found, direct.reshape(-1, 64)[:, ZIGZAG[:FREQUENCIES]].T, atol=2e-3)


def test_variances_are_carried_through_the_shift():
    rng = np.random.default_rng(0)
    variances = rng.uniform(0.5, 4, (2, 2, 8, 8)).astype(np.float32)
    draws = np.empty((4000, FREQUENCIES))
    for i in range(len(draws)):
        values = (rng.normal(size=variances.shape) * np.sqrt(variances)).astype(np.float32)
        draws[i] = on_grid(values, shift_matrices()[0], 3, 5)[:, 0]
    np.testing.assert_allclose(draws.var(axis=0), on_grid(variances, shift_matrices()[1], 3, 5)[:, 0], rtol=0.12)


def test_the_tabulated_ratio_is_the_formula():
    table = lookup().ratio.reshape(-1, VARIANCES + 1, PHASES)
    rng = np.random.default_rng(1)
    for _ in range(200):
        s, v, p = rng.integers(16), rng.integers(VARIANCES), rng.integers(PHASES)
        b = math.exp(LOG_SCALE[0] + (s + 0.5) / SCALES_PER_UNIT)
        variance = math.exp(LOG_VARIANCE[0] + (v + 0.5) / VARIANCES_PER_UNIT)
        t = (p + 0.5) / PHASES_PER_STEP

        def gauss(x, variance=variance):
            return np.exp(-(x**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

        mass = [
            (1 - math.exp(-0.5 / b)) if k == 0 else math.exp(-abs(k) / b) * math.sinh(0.5 / b) for k in range(-3, 6)
        ]
        lattice = sum(m * gauss(t - k) for k, m in zip(range(-3, 6), mass, strict=True))
        grid = np.linspace(-40, 40, 160_001)
        smooth = float((np.exp(-np.abs(grid) / b) / (2 * b) * gauss(t - grid)).sum() * (grid[1] - grid[0]))
        wanted = np.clip(math.log(lattice + 1e-300) - math.log(smooth), -BOUND, BOUND)
        assert table[s, v, p] == pytest.approx(wanted, abs=0.01)


def test_a_lattice_promises_evidence_and_noise_drowns_it():
    expected = lookup().expected
    assert (expected[:, 0] > -0.01).all()
    assert (expected[5:, 0] > 0.8).all()
    assert (np.abs(expected[:, -1]) < 0.02).all()


def test_aligned_evidence_is_the_formula():
    rng = np.random.default_rng(2)
    blocks = rng.integers(-4, 5, (3, 3, 8, 8)).astype(np.int16)
    last = ijg_table(90).astype(np.float64)
    library = standard_library()
    scales = np.ascontiguousarray(laplacian_scales(blocks, last)[ROWS, COLS])
    evidence, promise = np.zeros((2, FREQUENCIES, library.steps.shape[1]), np.float32)
    _kernels.aligned_evidence(
        blocks, last, ROWS, COLS, library.steps, library.counts, scales, 0.45, 10.0, evidence, promise
    )

    def normal(x):
        return 0.5 * math.erfc(-x / math.sqrt(2))

    for f, k in ((0, 3), (1, 5), (7, 9), (20, 2)):
        q1, q2, b = float(library.steps[f, k]), last[ROWS[f], COLS[f]], scales[f]
        total, ratios = 0.0, []
        for m in np.abs(blocks[..., ROWS[f], COLS[f]].astype(int)).ravel():
            here = 0.0
            for n in range(-60, 61):
                if f == 0:
                    mass = q1
                elif n == 0:
                    mass = 1 - math.exp(-0.5 * q1 / b)
                else:
                    mass = math.exp(-abs(n) * q1 / b) * math.sinh(0.5 * q1 / b)
                here += mass * (normal(((m + 0.5) * q2 - n * q1) / 0.45) - normal(((m - 0.5) * q2 - n * q1) / 0.45))
            smooth = (
                q2
                if f == 0
                else (1 - math.exp(-0.5 * q2 / b))
                if m == 0
                else (math.exp(-m * q2 / b) * math.sinh(0.5 * q2 / b))
            )
            ratios.append(max(math.log(here + 1e-6 * smooth + 1e-30) - math.log(smooth + 1e-30), -10))
            total += ratios[-1]
        assert evidence[f, k] == pytest.approx(total, abs=0.02)
        weights = np.exp(ratios)
        assert promise[f, k] == pytest.approx(9 * (weights * ratios).sum() / weights.sum(), abs=0.02)


def test_evidence_adds_up_over_blocks():
    rng = np.random.default_rng(3)
    blocks = rng.integers(-6, 7, (6, 4, 8, 8)).astype(np.int16)
    last = ijg_table(85).astype(np.float64)
    library = standard_library()
    scales = np.full(FREQUENCIES, 5.0)

    def aligned(part):
        out, promise = np.zeros((2, FREQUENCIES, library.steps.shape[1]), np.float32)
        _kernels.aligned_evidence(
            part, last, ROWS, COLS, library.steps, library.counts, scales, 0.45, 10.0, out, promise
        )
        return out

    np.testing.assert_allclose(aligned(blocks), aligned(blocks[:2]) + aligned(blocks[2:]), atol=1e-3)

    def shifted(part, origin):
        values = (part * last).astype(np.float32)
        shape = (1, FREQUENCIES, library.steps.shape[1])
        out, promise, cost = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(1)
        _kernels.shifted_evidence(
            by_frequency(values), by_frequency(np.full(values.shape, 1.5, np.float32)), len(values), *shift_matrices(),
            ROWS, COLS, np.array([origin]),
            library.steps, library.counts, scales, 0.2, lookup().ratio, lookup().expected, out, promise, cost,
        )  # fmt: skip
        return out

    # A shift by columns only: rows of blocks are independent.
    np.testing.assert_allclose(shifted(blocks, 3), shifted(blocks[:4], 3) + shifted(blocks[4:], 3), atol=2e-3)


def test_scales_and_variances_of_a_laplacian_are_found():
    rng = np.random.default_rng(4)
    last = np.full((8, 8), 6.0)
    for b in (3.0, 8.0, 20.0):
        samples = rng.laplace(0, b, (60, 60, 8, 8))
        blocks = np.round(samples / last).astype(np.int16)
        assert laplacian_scales(blocks, last)[1:, 1:].mean() == pytest.approx(b, rel=0.03)
        zero = blocks == 0
        error = samples - blocks * last
        found = error_variances(blocks, last)
        assert found[zero].mean() == pytest.approx((error[zero] ** 2).mean(), rel=0.05)
        assert found[~zero].mean() == pytest.approx(3.0)


def test_library_holds_every_step_of_its_tables():
    library = full_library()
    for f in range(FREQUENCIES):
        steps = library.steps[f, : library.counts[f]]
        assert (np.diff(steps) > 0).all()
        np.testing.assert_array_equal(steps[library.index[:, f]], library.tables[:, f])
        assert set(range(1, 33)) <= set(steps.astype(int))
    np.testing.assert_array_equal(library.places(library.tables), library.index)
    assert len(library) > len(known_tables()) / 2


def test_scales_and_variances_of_a_neighbourhood_are_those_of_its_window():
    rng = np.random.default_rng(6)
    last = ijg_table(85).astype(float)
    blocks = np.round(rng.laplace(0, 6, (9, 11, 8, 8)) / last).astype(np.int16)
    scales, variances = local_noise(blocks, last, 2)
    for i, j in ((4, 5), (0, 0), (8, 3)):
        around = blocks[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3]
        np.testing.assert_allclose(scales[i, j], laplacian_scales(around, last), rtol=1e-4)
        here = min(i, 2), min(j, 2)
        np.testing.assert_allclose(variances[i, j], error_variances(around, last)[here], rtol=1e-4)


def test_the_smoothest_path_is_the_best_of_all_paths():
    rng = np.random.default_rng(7)
    steps = np.sort(rng.uniform(1, 30, (5, 4)), axis=1).astype(np.float32)
    counts = np.array([4, 3, 4, 2, 4])
    gain = rng.normal(size=(5, 4)).astype(np.float32)

    def value(path):
        logs = np.log(steps[np.arange(5), path].astype(float))
        return gain[np.arange(5), path].sum() - 0.7 * np.abs(np.diff(logs)).sum()

    every = [np.array(path) for path in itertools.product(*(range(n) for n in counts))]
    found = _kernels.smooth_path(gain, steps, counts, 0.7)
    assert value(found) == pytest.approx(max(value(path) for path in every), abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 5, 8, 8), (4, 4, 8), (4, 4, 8, 7)])
def test_a_window_that_is_none_is_refused(shape):
    with pytest.raises(UsageError, match="at least 2 x 2 blocks"):
        gather(np.zeros(shape, np.int16), ijg_table(90))
