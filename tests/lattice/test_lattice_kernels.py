"""Transforms, noise and likelihoods against direct evaluations of their formulas."""

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
from jpegtrace.lattice.noise import error_variances, laplacian_scales
from jpegtrace.lattice.transforms import shift_matrices
from jpegtrace.tables import ZIGZAG, ijg_table, known_tables


def blocks_of(plane):
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    cut = plane[: rows * 8, : cols * 8].reshape(rows, 8, cols, 8).transpose(0, 2, 1, 3)
    basis = dct_matrix()
    return np.einsum("ux,ijxy,vy->ijuv", basis, cut, basis)


@pytest.mark.parametrize(("row", "col"), [(0, 3), (5, 0), (3, 7), (1, 1)])
def test_shifted_coefficients_are_those_of_the_shifted_picture(row, col):
    plane = scene(3, 40, 48)[..., 0].astype(float) - 128
    values = blocks_of(plane).astype(np.float32)
    out, noise = np.zeros((FREQUENCIES, 30), np.float32), np.zeros((FREQUENCIES, 30), np.float32)
    count = _kernels.to_origin(values, values * 0, *shift_matrices(), row, col, ROWS, COLS, out, noise)
    direct = blocks_of(plane[row:, col:])
    assert count == direct.shape[0] * direct.shape[1]
    np.testing.assert_allclose(out[:, :count], direct.reshape(-1, 64)[:, ZIGZAG[:FREQUENCIES]].T, atol=2e-3)


def test_variances_are_carried_through_the_shift():
    rng = np.random.default_rng(0)
    variances = rng.uniform(0.5, 4, (2, 2, 8, 8)).astype(np.float32)
    draws = np.empty((4000, FREQUENCIES))
    out, noise = np.zeros((FREQUENCIES, 4), np.float32), np.zeros((FREQUENCIES, 4), np.float32)
    for i in range(len(draws)):
        values = (rng.normal(size=variances.shape) * np.sqrt(variances)).astype(np.float32)
        _kernels.to_origin(values, variances, *shift_matrices(), 3, 5, ROWS, COLS, out, noise)
        draws[i] = out[:, 0]
    np.testing.assert_allclose(draws.var(axis=0), noise[:, 0], rtol=0.12)


def test_the_tabulated_ratio_is_the_formula():
    table = lookup().ratio.reshape(-1, VARIANCES, PHASES)
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
    evidence = np.zeros((FREQUENCIES, library.steps.shape[1]), np.float32)
    _kernels.aligned_evidence(blocks, last, ROWS, COLS, library.steps, library.counts, scales, 0.45, 10.0, evidence)

    def normal(x):
        return 0.5 * math.erfc(-x / math.sqrt(2))

    for f, k in ((0, 3), (1, 5), (7, 9), (20, 2)):
        q1, q2, b = float(library.steps[f, k]), last[ROWS[f], COLS[f]], scales[f]
        total = 0.0
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
            total += max(math.log(here + 1e-6 * smooth + 1e-30) - math.log(smooth + 1e-30), -10)
        assert evidence[f, k] == pytest.approx(total, abs=0.02)


def test_evidence_adds_up_over_blocks():
    rng = np.random.default_rng(3)
    blocks = rng.integers(-6, 7, (6, 4, 8, 8)).astype(np.int16)
    last = ijg_table(85).astype(np.float64)
    library = standard_library()
    scales = np.full(FREQUENCIES, 5.0)

    def aligned(part):
        out = np.zeros((FREQUENCIES, library.steps.shape[1]), np.float32)
        _kernels.aligned_evidence(part, last, ROWS, COLS, library.steps, library.counts, scales, 0.45, 10.0, out)
        return out

    np.testing.assert_allclose(aligned(blocks), aligned(blocks[:2]) + aligned(blocks[2:]), atol=1e-3)

    def shifted(part, origin):
        values = (part * last).astype(np.float32)
        shape = (1, FREQUENCIES, library.steps.shape[1])
        out, promise, cost = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(1)
        _kernels.shifted_evidence(
            values, np.full(values.shape, 1.5, np.float32), *shift_matrices(), ROWS, COLS, np.array([origin]),
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


@pytest.mark.parametrize("shape", [(1, 5, 8, 8), (4, 4, 8), (4, 4, 8, 7)])
def test_a_window_that_is_none_is_refused(shape):
    with pytest.raises(UsageError, match="at least 2 x 2 blocks"):
        gather(np.zeros(shape, np.int16), ijg_table(90))
