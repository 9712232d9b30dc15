"""Log-likelihood ratios of single coefficients, tabulated once.

A coefficient D with noise variance V either lies on the lattice k*q (Laplacian masses P_k of scale b, or a flat prior
for DC) or it was never quantized. The ratio depends on three numbers only: t = |D|/q, v = V/q^2 and s = b/q:

    log sum_k P_k(s) N(t; k, v)  -  log (Laplace(s) * N(0, v))(t)

Beyond the second bin the Laplacian only tilts the lattice, so t is folded there into [1/2, 3/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

PHASES = 48  # of t in [0, 3/2)
PHASES_PER_STEP = 32
VARIANCES = 24
SCALES = 16
LOG_VARIANCE = (math.log(0.004), math.log(0.6))
LOG_SCALE = (math.log(0.04), math.log(10.0))
VARIANCES_PER_UNIT = VARIANCES / (LOG_VARIANCE[1] - LOG_VARIANCE[0])
SCALES_PER_UNIT = SCALES / (LOG_SCALE[1] - LOG_SCALE[0])
BOUND = 8.0  # of a single ratio: no coefficient alone decides

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Tabulated ratios.

    Attributes:
        ratio: float32, flat (scale, variance, phase); the last scale is DC's flat prior, the last variance one at which
            nothing is left to see.
        expected: float32 (scales + 1, variances): mean ratio where the lattice is there.
    """

    ratio: NDArray[np.float32]
    expected: NDArray[np.float32]


@cache
def lookup() -> Lookup:
    """The tables; a few milliseconds when first asked for."""
    scale = np.exp(LOG_SCALE[0] + (np.arange(SCALES) + 0.5) / SCALES_PER_UNIT)[:, None, None]
    variance = np.exp(LOG_VARIANCE[0] + (np.arange(VARIANCES) + 0.5) / VARIANCES_PER_UNIT)[None, :, None]
    t = ((np.arange(PHASES) + 0.5) / PHASES_PER_STEP)[None, None, :]
    ac = np.log(_on_lattice(t, variance, scale) + 1e-300) - np.log(_smooth(t, variance, scale))
    bins = np.arange(-3, 6)[:, None, None, None]
    dc = np.log((_gauss(t - bins, variance)).sum(0) + 1e-30)
    table = np.clip(np.concatenate([ac, dc]), -BOUND, BOUND).astype(np.float32)
    padded = np.pad(table, ((0, 0), (0, 1), (0, 0)))
    return Lookup(np.ascontiguousarray(padded.ravel()), _expected(table, scale.ravel(), variance.ravel()))


def _gauss(x: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    density: NDArray[np.float64] = np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    return density


def bin_mass(k: NDArray[np.int64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Laplacian mass of bin k of a lattice of step 1."""
    outer = np.exp(-np.abs(k) / scale) * np.sinh(0.5 / scale)
    mass: NDArray[np.float64] = np.where(k == 0, 1 - np.exp(-0.5 / scale), outer)
    return mass


def _on_lattice(
    t: NDArray[np.float64], variance: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    k = np.arange(-3, 6)[:, None, None, None]
    total: NDArray[np.float64] = (bin_mass(k, scale) * _gauss(t - k, variance)).sum(0)
    return total


def _smooth(t: NDArray[np.float64], variance: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Laplacian blurred by Gaussian noise, in closed form."""
    sigma = np.sqrt(variance)
    rise = variance / (2 * scale**2)
    near, far = rise - t / scale, rise + t / scale
    left = np.exp(np.minimum(near, 600)) * _erfc((sigma / scale - t / sigma) / np.sqrt(2))
    right = np.exp(np.minimum(far, 600)) * _erfc((sigma / scale + t / sigma) / np.sqrt(2))
    blurred = (left + right) / (4 * scale)
    tail = np.exp(-t / scale) / (2 * scale)
    usable = np.isfinite(blurred) & (blurred > 1e-300)
    density: NDArray[np.float64] = np.where(usable, blurred, tail + 1e-300)
    return density


def _expected(
    table: NDArray[np.float32], scale: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Mean ratio of a coefficient that does lie on the lattice."""
    z = np.arange(-12, 13) / 4.0
    weight = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    expected = np.zeros((SCALES + 1, VARIANCES), np.float32)
    for index in range(SCALES + 1):
        flat_prior = index == SCALES
        for k in (1,) if flat_prior else (0, 1, 2):
            if flat_prior:
                mass = 1.0
            elif k < 2:
                mass = float(bin_mass(np.array(k), scale[index])) * (2 if k else 1)
            else:
                mass = float(np.exp(-1.5 / scale[index]))
            t = np.abs(k + z[None, :] * np.sqrt(variance)[:, None])
            t = np.where(t >= 1.5, t - np.floor(t - 0.5), t)
            phase = np.minimum((t * PHASES_PER_STEP).astype(int), PHASES - 1)
            expected[index] += mass * (table[index][np.arange(VARIANCES)[:, None], phase] * weight).sum(1)
    return expected
