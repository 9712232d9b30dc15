"""Noise models of decoded pixels, and what a single coefficient says under them, tabulated once.

Rounding to pixels is white noise only where neighbouring pixels differ. Where a block is constant along its rows or
columns, all pixels of a row or column are rounded alike, and the noise piles up in few coefficients: in the extreme of
a block of one value all of it is in the DC coefficient, 64 times as strong. So blocks are sorted into kinds, and every
kind has its own variance for every frequency (measured on decoded pictures with known coefficients).

For a coefficient D with noise variance V, Laplacian scale b and a candidate step q the log-likelihood ratio against
"not quantized" is, where the bins of the lattice are clear of each other (q > 6 sqrt V),

    D in the zero bin:  log N(D; 0, V) - log (Laplace(b) * N(0, V))(D)  +  log (1 - exp(-q / 2b))
    elsewhere:          log q + log N(D - k q; 0, V)

so that only the last term of the zero bin knows both q and b; for smaller q the sum over bins is tabulated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jpegtrace.lattice.lookup import bin_mass
from jpegtrace.tables import ZIGZAG

# Kinds of blocks. `BAD` ones lie outside or are clipped in many pixels, and say nothing; `TOUCHED` ones are clipped in
# a few pixels, or in channels that hardly count for luma.
BAD, CONSTANT, ALONG_ROWS, ALONG_COLUMNS, SPARSE, TEXTURED, TOUCHED = -1, 0, 1, 2, 3, 4, 5
KINDS = 6
CLIPPED = 48  # tenths of pixels that may be clipped in a block
STEP = 0.9  # grey levels between two neighbours that count as different
FEW = 0.02  # share of differing neighbours up to which a block is constant in a direction

FLOOR = -5.0  # of one coefficient's ratio: none alone decides
CLEAR = 6.0  # sigmas between bins that are clear of each other
SCALES = 28  # of Laplacian scales b, in equal steps of the logarithm
LOG_SCALE = (math.log(0.05), math.log(60.0))
PER_SIGMA = 16  # places a sigma for the zero bin
REACH = 6  # sigmas, beyond which the floor is reached
PHASES_PER_STEP = 64


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """Tabulated ratios under one variance of white noise.

    Attributes:
        level: int64 (kinds, 64) which of the variances a coefficient has, zigzag order.
        variances: float32 (levels,).
        zero: float32 (levels, scales, places): ratio in the zero bin of a clear lattice, but for its last term.
        small: float32 (levels, steps, scales, phases): ratio for steps 1, 2, ... that are not clear; phases reach to
            1.5 steps, beyond which the Laplacian only tilts the lattice.
        mean: float32 (levels, steps, phases): the same for the DC coefficient, which has a flat prior; half a step.
        crowded: int64 (levels,) how many steps are not clear.
        within: float32 (scales, 256): logarithm of the mass of the zero bin, by step.
    """

    level: NDArray[np.int64]
    variances: NDArray[np.float32]
    zero: NDArray[np.float32]
    small: NDArray[np.float32]
    mean: NDArray[np.float32]
    crowded: NDArray[np.int64]
    within: NDArray[np.float32]


def excess_variances() -> NDArray[np.float64]:
    """What each kind of block adds to white noise, (kinds, 64) in zigzag order."""
    excess = np.zeros((KINDS, 8, 8))
    excess[CONSTANT, 0, 0] = 5.9
    excess[ALONG_ROWS, :, 0] = 0.75
    excess[ALONG_COLUMNS, 0, :] = 0.75
    excess[[ALONG_ROWS, ALONG_COLUMNS], 0, 0] = 1.95
    excess[SPARSE, 0, 0], excess[TEXTURED, 0, 0] = 1.3, 0.5
    far = np.add.outer(np.arange(8), np.arange(8))
    excess[TOUCHED] = np.where(far <= 3, 0.8, 0.25)
    excess[TOUCHED, 0, 0] = 5.0
    for kind, along, across in ((SPARSE, 0.15, 0.2), (TEXTURED, 0.08, 0.1)):
        excess[kind, 0, 1], excess[kind, 1, 0] = along, across
    by_frequency: NDArray[np.float64] = excess.reshape(KINDS, 64)[:, ZIGZAG]
    return by_frequency


@lru_cache(maxsize=16)
def noise_model(variance: float) -> NoiseModel:
    """The tables for white noise of this variance; a few hundredths of a second when first asked for."""
    by_place = np.round(excess_variances() + variance, 6)
    variances, level = np.unique(by_place, return_inverse=True)
    level = level.reshape(by_place.shape).astype(np.int64)
    scale = np.exp(np.linspace(*LOG_SCALE, SCALES))[:, None]
    sigmas = np.sqrt(variances)
    coarsest = math.floor(CLEAR * float(np.sqrt(by_place[:, 1:].max())))
    zero = np.empty((len(variances), SCALES, PER_SIGMA * REACH), np.float32)
    small = np.zeros((len(variances), coarsest, SCALES, PHASES_PER_STEP * 3 // 2), np.float32)
    mean = np.zeros((len(variances), math.floor(CLEAR * sigmas[-1]), PHASES_PER_STEP // 2), np.float32)
    for v, noise in enumerate(variances.tolist()):
        size = _middles(zero.shape[2], sigmas[v] / PER_SIGMA)
        ratio = -(size**2) / (2 * noise) - 0.5 * math.log(2 * math.pi * noise) - log_blurred(size, noise, scale)
        zero[v] = np.maximum(ratio, FLOOR)
        for step in range(1, min(math.floor(CLEAR * sigmas[v]), coarsest) + 1):
            size = _middles(small.shape[3], step / PHASES_PER_STEP)
            ratio = _log_on_lattice(size, noise, scale, step) - log_blurred(size, noise, scale)
            small[v, step - 1] = np.maximum(ratio, FLOOR)
        for step in range(1, mean.shape[1] + 1):
            size = _middles(mean.shape[2], step / PHASES_PER_STEP)[0]
            bins = np.arange(-math.ceil(CLEAR * sigmas[v] / step) - 1, math.ceil(CLEAR * sigmas[v] / step) + 2)
            density = np.exp(-((size - bins[:, None] * step) ** 2) / (2 * noise)).sum(0)
            mean[v, step - 1] = np.maximum(np.log(density * step / np.sqrt(2 * np.pi * noise) + 1e-30), FLOOR)
    crowded = np.floor(CLEAR * sigmas).astype(np.int64)
    within = np.log(-np.expm1(-np.maximum(np.arange(256), 1) / (2 * scale))).astype(np.float32)
    return NoiseModel(level, variances.astype(np.float32), zero, small, mean, crowded, within)


def _middles(count: int, width: float) -> NDArray[np.float64]:
    return np.asarray(((np.arange(count) + 0.5) * width)[None, :], np.float64)


def log_blurred(size: NDArray[np.float64], variance: float, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of a Laplacian density blurred by Gaussian noise."""
    from scipy.special import erfcx

    sigma = math.sqrt(variance)
    # exp(s^2/2b^2 -+ d/b) erfc(z) is exp(-d^2/2s^2) erfcx(z), which neither overflows nor cancels.
    left = (sigma / scale - size / sigma) / math.sqrt(2)
    right = (sigma / scale + size / sigma) / math.sqrt(2)
    gauss = -(size**2) / (2 * variance)
    near = np.where(
        left > -5,
        gauss + np.log(erfcx(np.maximum(left, -5))),
        variance / (2 * scale**2) - size / scale + math.log(2),
    )
    far = gauss + np.log(erfcx(right))
    density: NDArray[np.float64] = np.logaddexp(near, far) - np.log(4 * scale)
    return density


def _log_on_lattice(
    size: NDArray[np.float64], variance: float, scale: NDArray[np.float64], step: int
) -> NDArray[np.float64]:
    """Logarithm of the density of a coefficient on a lattice, Laplacian masses P_k blurred by Gaussian noise."""
    reach = math.ceil(CLEAR * math.sqrt(variance) / step) + 2
    bins = np.arange(-reach, reach + 2)
    # A bin's mass relative to the others is all that counts far out, where masses themselves vanish.
    total = np.full(np.broadcast_shapes(size.shape, scale.shape), -np.inf)
    for k in bins.tolist():
        with np.errstate(divide="ignore", over="ignore"):
            mass = np.log(bin_mass(np.array(k), scale / step))
        if k:
            half = step / (2 * scale)
            mass = -abs(k) * step / scale + half + np.log1p(-np.exp(-2 * half)) - math.log(2)
        total = np.logaddexp(total, mass - (size - k * step) ** 2 / (2 * variance))
    density: NDArray[np.float64] = total - 0.5 * math.log(2 * math.pi * variance)
    return density
