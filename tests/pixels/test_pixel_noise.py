"""What a single coefficient says, against its formula, by hand and by samples."""

import math

import numpy as np
import pytest

from checks.pictures import as_file, luma_of_pixels, scene
from jpegtrace.picture import Picture
from jpegtrace.pixels import _kernels
from jpegtrace.pixels.dense import coefficients_of, tiles_of
from jpegtrace.pixels.hypotheses import every_step, log_steps
from jpegtrace.pixels.luma import COLOUR_VARIANCE, GREY_VARIANCE
from jpegtrace.pixels.noise import (
    ALONG_ROWS,
    BAD,
    CONSTANT,
    FLOOR,
    LOG_SCALE,
    PER_SIGMA,
    SCALES,
    TEXTURED,
    excess_variances,
    log_blurred,
    noise_model,
)
from jpegtrace.tables import ZIGZAG

VARIANCE = 0.12
SIGMA = math.sqrt(VARIANCE)
TABULATED = np.exp(np.linspace(*LOG_SCALE, SCALES))  # scales that need no rounding
WHITE = np.flatnonzero(excess_variances()[TEXTURED] == 0)  # frequencies of textured blocks with white noise only


def evidence_of(coefficients, scales, *, kind=TEXTURED, variance=VARIANCE):
    """Of blocks that are all as busy as their window; every step from 1 to 255, (64, 255)."""
    found = np.ascontiguousarray(coefficients, np.float32)
    blocks, library, noise = len(found), every_step(), noise_model(variance)
    evidence = np.zeros((64, 255), np.float32)
    _kernels.sum_evidence(
        found, np.full(blocks, kind), np.zeros(blocks, bool), np.ones(blocks, np.float32), 0, blocks,
        np.broadcast_to(np.asarray(scales, float), 64).copy(), 1.0,
        noise.level, noise.variances, noise.zero, noise.small, noise.mean, noise.crowded, noise.within,
        library.steps, log_steps(library), library.counts, evidence,
    )  # fmt: skip
    return evidence


def one(size, scale, step, place=40):
    """Of a single coefficient."""
    block = np.zeros((1, 64))
    block[0, place] = size
    return float(evidence_of(block, scale)[place, step - 1])


def by_convolution(size, variance, scale):
    """Logarithm of a Laplacian with Gaussian noise, by adding up."""
    sigma = math.sqrt(variance)
    t = np.union1d(np.linspace(-30 * sigma, size + 30 * sigma, 40_001), np.linspace(-20, 20, 40_001) * scale)
    logs = -np.abs(t) / scale - math.log(2 * scale)
    logs += -((size - t) ** 2) / (2 * variance) - 0.5 * math.log(2 * math.pi * variance)
    highest = logs.max()
    return highest + math.log(np.trapezoid(np.exp(logs - highest), t))


@pytest.mark.parametrize("variance", [0.09, 1.44])
@pytest.mark.parametrize("scale", [0.05, 0.3, 2.0, 60.0])
def test_the_blurred_laplacian_is_the_convolution(variance, scale):
    for size in (0.0, 0.1, 1.0, 4.0, 30.0):
        found = float(log_blurred(np.array([[size]]), variance, np.array([[scale]]))[0, 0])
        assert found == pytest.approx(by_convolution(size, variance, scale), abs=2e-3)


class TestRatio:
    def test_beside_the_zero_bin_it_is_the_closed_form(self):
        # 36.4 lies 0.4 from the third multiple of 12: log 12 - log(2 pi 0.12) / 2 - 0.16 / 0.24.
        assert one(36.4, 5.0, 12) == pytest.approx(1.9594, abs=1e-3)
        assert one(-36.4, 5.0, 12) == pytest.approx(1.9594, abs=1e-3)
        assert one(24.0, 5.0, 24) == pytest.approx(math.log(24) - 0.5 * math.log(2 * math.pi * VARIANCE), abs=1e-3)

    @pytest.mark.parametrize("scale", TABULATED[[3, 9, 15, 22]].tolist())
    @pytest.mark.parametrize(("place", "step"), [(0, 9), (20, 9), (44, 60)])
    def test_in_the_zero_bin_it_is_the_closed_form(self, scale, place, step):
        size = (place + 0.5) * SIGMA / PER_SIGMA  # the middle of a tabulated place
        gauss = -(size**2) / (2 * VARIANCE) - 0.5 * math.log(2 * math.pi * VARIANCE)
        mass = math.log(1 - math.exp(-step / (2 * scale)))
        wanted = max(gauss - by_convolution(size, VARIANCE, scale), FLOOR) + mass
        assert one(size, scale, step) == pytest.approx(wanted, abs=3e-3)

    def test_one_coefficient_costs_no_more_than_the_floor(self):
        assert one(18.0, 5.0, 12) == FLOOR
        assert one(1.5, 5.0, 2) >= FLOOR

    def test_small_steps_are_sums_over_their_bins(self):
        scale, step, size = float(TABULATED[14]), 1, 3 + 0.5 / 64
        bins = np.arange(-40, 41)
        half = step / (2 * scale)
        masses = np.where(bins == 0, 1 - math.exp(-half), np.exp(-np.abs(bins) * step / scale) * math.sinh(half))
        density = (masses * np.exp(-((size - bins) ** 2) / (2 * VARIANCE))).sum() / math.sqrt(2 * math.pi * VARIANCE)
        wanted = math.log(density) - by_convolution(size, VARIANCE, scale)
        assert one(size, scale, step) == pytest.approx(wanted, abs=5e-3)

    def test_the_mean_of_a_block_has_a_flat_prior(self):
        variance = VARIANCE + excess_variances()[TEXTURED, 0]
        wanted = math.log(16) - 0.5 * math.log(2 * math.pi * variance) - 1 / (2 * variance)
        assert one(161.0, 5.0, 16, place=0) == pytest.approx(wanted, abs=1e-3)
        assert one(161.0, 50.0, 16, place=0) == pytest.approx(wanted, abs=1e-3)

    def test_blocks_that_are_bad_or_hold_nothing_say_nothing(self):
        block = np.full((1, 64), 24.0)
        assert not evidence_of(block, 5.0, kind=BAD).any()
        assert np.flatnonzero(evidence_of(block, 5.0, kind=CONSTANT).any(axis=1)).tolist() == [0]
        told = np.flatnonzero(evidence_of(block, 5.0, kind=ALONG_ROWS).any(axis=1))
        assert sorted(ZIGZAG[told].tolist()) == list(range(0, 64, 8))  # the first column: down, not across


def samples(step, scale, seed):
    """Coefficients (60, 64) of the lattice model with white noise; step 0 is the smooth model."""
    rng = np.random.default_rng(seed)
    values = rng.laplace(0, scale, (60, 64))
    if step:
        values = np.round(values / step) * step
    return values + rng.normal(0, SIGMA, values.shape)


@pytest.mark.parametrize("scale", [0.05, 0.5, 2.0, 8.0, 30.0])
@pytest.mark.parametrize("step", [1, 2, 3, 8, 20, 60])
def test_a_lattice_speaks_for_itself_and_smooth_samples_against_it(step, scale):
    lattice, smooth = (evidence_of(samples(q, scale, step), scale)[WHITE, step - 1] for q in (step, 0))
    count = 60 * len(WHITE)
    if scale < SIGMA / 3:  # all is noise, and nothing can be told
        assert abs(lattice.sum() / count) < 0.02
        assert abs(smooth.sum() / count) < 0.02
    else:
        assert lattice.sum() / count > 0.003
        assert smooth.sum() / count < -0.001


def test_the_true_step_has_more_than_its_divisors_and_multiples():
    found = evidence_of(samples(8, 20.0, 1), 20.0)[WHITE].sum(axis=0)
    assert found.argmax() + 1 == 8
    assert found[7] > found[3] > found[1] > 0  # 4 and 2 divide it
    assert found[15] < 0


@pytest.mark.parametrize("variance", [GREY_VARIANCE, COLOUR_VARIANCE, 0.48, 12 * COLOUR_VARIANCE])
def test_tables_are_finite_and_bounded(variance):
    noise = noise_model(variance)
    for table in (noise.zero, noise.small, noise.mean, noise.within, noise.variances):
        assert np.isfinite(table).all()
    for table in (noise.zero, noise.small, noise.mean):
        assert table.min() >= FLOOR
    assert (noise.within <= 0).all()
    assert (np.diff(noise.within[:, 1:], axis=1) >= 0).all()  # as steps rise the zero bin holds more
    assert noise.level.max() < len(noise.variances)
    np.testing.assert_allclose(
        noise.variances[noise.level], np.round(excess_variances() + variance, 6).astype(np.float32)
    )


@pytest.mark.parametrize(("channels", "variance"), [(1, GREY_VARIANCE), (3, COLOUR_VARIANCE)])
def test_the_noise_of_decoding_is_as_large_as_it_says(channels, variance):
    pixels = scene(4, 256, 256, noise=6)
    picture = Picture.open(as_file(pixels[..., 0] if channels == 1 else pixels, quality=60, subsampling=0))
    luma = luma_of_pixels(picture.raster.pixels)
    assert luma.variance == variance
    found, kinds = coefficients_of(luma, tiles_of(luma.values.shape), 0)
    step = picture.coefficients.components[0].table.ravel()[ZIGZAG].astype(float)
    off = found - np.round(found / step) * step
    assert off[kinds == TEXTURED][:, WHITE].var() == pytest.approx(variance, rel=0.12)
