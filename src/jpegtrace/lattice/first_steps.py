"""How much a histogram of stored values speaks for each step of an earlier compression on the same grid.

A first step q1 leaves coefficients near its multiples, of which the cells of the last step q2 hold unequal numbers:
cell k holds m(k) times what a smooth distribution would put there (Popescu and Farid 2004). The smooth distribution is
not known. It is taken to be a mixture of Gaussians, which Laplacians are too, fitted to the histogram, times the
exponential of a parabola in k with free values at 0 and 1. Whatever such a curve could imitate says nothing. Of n
counts, b are expected, of the variance v = b + (MISFIT b)^2, which allows for a mixture that does not quite fit. With
that curve taken out of both the pattern d = KEPT (m - 1), with m MOST at most, and the residual r = n - b (as of the
least squares under these variances),

    log p(n | q1) - log p(n | smooth)  =  sum (b / v) r d - 1/2 sum (b^2 / v) d^2

in the Gaussian limit of many counts. Summed over the steps of a table it is the evidence for that table. DC has a
distribution of its own: `first_dc_step`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from jpegtrace.errors import UsageError

LARGEST = 60  # magnitudes beyond it count there
BINS = LARGEST + 1
STEPS = 72  # first steps 1 to STEPS are asked about
ERROR = 0.35  # deviation of a coefficient between the compressions: pixels are rounded, and colours converted
MOST = 3.0  # times as many as expected in a cell, as far as patterns go
KEPT = 0.8  # of a pattern: values of clipped blocks leave their multiples
MISFIT = 0.06  # deviation of expected counts, as a share of them, beyond what the curve makes up for
DEVIATIONS = np.geomspace(0.15, 60, 14)  # of the Gaussians, in last steps
ROUNDS = 30  # of expectation and maximisation
RIDGE = 1e-2
NEIGHBOURS = np.arange(-3, 4)  # multiples of a step whose errors reach into a cell

Floats = NDArray[np.floating[Any]]
Singles = NDArray[np.float32]


def _gaussians() -> Singles:
    """Share of each magnitude under each deviation, (deviations, BINS)."""
    beyond = 2 * ndtr(-(np.arange(BINS - 1) + 0.5) / DEVIATIONS[:, None])
    outside = np.concatenate([np.ones((DEVIATIONS.size, 1)), beyond, np.zeros((DEVIATIONS.size, 1))], 1)
    return -np.diff(outside, axis=1).astype(np.float32)


def _freedoms() -> Singles:
    """What may be added to the logarithm of the smooth distribution, (freedoms, BINS)."""
    cells = np.arange(BINS)
    k = cells / 10  # keeps powers within bounds
    return np.stack([np.ones(BINS), k, k**2, cells == 0, cells == 1]).astype(np.float32)


GAUSSIANS = _gaussians()
FREEDOMS = _freedoms()


def times_as_many(edges: Floats, last: int, error: float) -> Floats:
    """How many times as many values cells hold, m, for every first step: (edges - 1, STEPS).

    Args:
        edges: of neighbouring cells of the last step, in unquantized units.
        last: step of the last compression.
        error: deviation of a coefficient between the compressions.
    """
    first = np.arange(1, STEPS + 1)
    nearest = np.rint(edges[:, None] / first)
    apart = (edges[:, None] - nearest * first)[..., None] - NEIGHBOURS * first[:, None]
    # Multiples below each edge, but for a constant: those more than three steps below count whole.
    below = nearest + ndtr(apart / error).sum(2)
    found: Floats = np.diff(below, axis=0) * first / last
    return found


@lru_cache(maxsize=512)
def pattern(last: int, error: float = ERROR) -> Singles:
    """The pattern d in every cell of the last step, for every first step: (BINS, STEPS).

    Args:
        last: step of the last compression, at least 1.
        error: deviation of a coefficient between the compressions.
    """
    times = times_as_many((np.arange(BINS + 1) - 0.5) * last, last, error)
    times[-1] = 1
    found: Singles = (KEPT * (np.minimum(times, MOST) - 1)).astype(np.float32)
    found.setflags(write=False)
    return found


def smooth(counts: Singles) -> Singles:
    """The mixture of Gaussians that fits each histogram best, (n, BINS), in counts."""
    totals = counts.sum(1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    weights = np.full((len(counts), len(DEVIATIONS)), 1 / len(DEVIATIONS), np.float32)
    for _ in range(ROUNDS):
        weights *= (shares / np.maximum(weights @ GAUSSIANS, 1e-9)) @ GAUSSIANS.T
    fitted: Singles = (weights @ GAUSSIANS) * totals
    return fitted


def log_ratios(counts: Floats, tables: NDArray[Any], errors: NDArray[Any] | float = ERROR) -> Singles:
    """Log-likelihood ratio of every first step against none, (..., STEPS).

    Args:
        counts: how often each magnitude 0..LARGEST is stored, (..., BINS); LARGEST is LARGEST and more.
        tables: the last step of each histogram, (...), at least 1.
        errors: deviation of a coefficient between the compressions, of each histogram, as far as it is not the same.

    Raises:
        UsageError: the shapes do not belong together, or a step is less than 1.
    """
    last = np.asarray(tables)
    if counts.shape != (*last.shape, BINS):
        raise UsageError(f"histograms of shape {(*last.shape, BINS)} belong to these steps, not {counts.shape}")
    if last.size and last.min() < 1:
        raise UsageError(f"quantization steps are at least 1, not {last.min():g}")
    last = last.reshape(-1).astype(np.int64)
    flat = counts.reshape(-1, BINS).astype(np.float32)
    expected = np.maximum(smooth(flat), 1e-4)
    over = 1 + MISFIT**2 * expected
    weight, excess = expected / over, (flat - expected) / over
    bends = weight[:, None] * FREEDOMS
    normal = (bends @ FREEDOMS.T).astype(np.float64) + RIDGE * np.eye(len(FREEDOMS))
    inverse_root = np.linalg.inv(np.linalg.cholesky(normal)).astype(np.float32)
    bends = inverse_root @ bends  # now W times a basis that is orthonormal under W
    along = inverse_root @ (excess @ FREEDOMS.T)[..., None]
    excess -= (along * bends).sum(1)
    found = np.empty((len(flat), STEPS), np.float32)
    kinds = np.stack([last, np.broadcast_to(errors, np.shape(tables)).reshape(-1)])
    for step, error in np.unique(kinds, axis=1).T.tolist():
        here = (kinds[0] == step) & (kinds[1] == error)
        wanted = pattern(int(step), error)
        energy = weight[here] @ wanted**2 - ((bends[here] @ wanted) ** 2).sum(1)
        found[here] = excess[here] @ wanted - np.maximum(energy, 0) / 2
    return found.reshape(*counts.shape[:-1], STEPS)


def of_tables(ratios: Singles, tables: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The sum over the steps of each table, (..., tables); steps beyond STEPS say nothing.

    Args:
        ratios: of the 64 frequencies of a plane in rows, (..., 64, STEPS).
        tables: first tables, (tables, 64).
    """
    steps = np.minimum(tables, STEPS)
    each = ratios[..., np.arange(64), steps - 1].astype(np.float64)
    summed: NDArray[np.float64] = np.where(tables <= STEPS, each, 0).sum(-1)
    return summed
