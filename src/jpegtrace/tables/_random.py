"""Plausible quantization tables that nobody is known to write."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError
from jpegtrace.tables._known import known_tables
from jpegtrace.tables._order import Table
from jpegtrace.tables._standard import exact_quality

_ATTEMPTS = 32


def random_smooth_table(rng: np.random.Generator, *, mean_range: tuple[float, float] = (2.0, 60.0)) -> Table:
    """Draw a plausible table of no known family: smooth, roughly increasing with frequency, entries in 1..255.

    The steps follow a power of the frequency, anisotropic in every second table, times a smooth random factor; then
    they are scaled to a mean entry drawn log-uniformly from `mean_range`, and rounded.

    Args:
        rng: source of randomness; the same state gives the same table.
        mean_range: smallest and largest mean entry, with 1 < low <= high <= 200; the mean of the result lies within it
            up to rounding (half a step).

    Raises:
        UsageError: the range is none of these, or so near to 1 that no new table fits in it.
    """
    low, high = mean_range
    if not 1 < low <= high <= 200:
        raise UsageError(f"mean_range is 1 < low <= high <= 200, not {mean_range}")
    for _ in range(_ATTEMPTS):
        shape = _shape(rng)
        mean = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        table = _scaled(shape, mean)
        if not _is_known(table):
            return table
    raise UsageError(f"no table beyond the known ones was found with a mean entry in {low}..{high}: widen the range")


def _shape(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw positive steps without scale, (8, 8)."""
    symmetric = rng.random() < 0.5
    stretch = 1.0 if symmetric else float(np.exp(rng.uniform(-0.15, 0.15)))
    v, u = np.mgrid[0:8, 0:8] / 7.0
    frequency = np.hypot(u * stretch, v / stretch) / np.sqrt(2.0)
    rise = rng.uniform(2.0, 9.0)
    shape = 1.0 + rise * frequency ** rng.uniform(0.8, 2.0)
    # A few low cosines in the logarithm: the uneven hills of real tables, weak beside the rise.
    for i, j in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 1), (1, 2)):
        wave = np.cos(np.pi * i * (7 * v + 0.5) / 8) * np.cos(np.pi * j * (7 * u + 0.5) / 8)
        shape *= np.exp(rng.normal(0.0, 0.06) * wave)
    return np.asarray((shape + shape.T) / 2 if symmetric else shape)


def _scaled(shape: NDArray[np.float64], mean: float) -> Table:
    """Scale so that the rounded and clipped steps have the mean, by bisection of the logarithm of the scale."""

    def rounded(scale: float) -> NDArray[np.float64]:
        return np.clip(np.rint(shape * scale), 1, 255)

    small, large = 1e-3, 255.0 / float(shape.min())
    for _ in range(40):
        middle = float(np.sqrt(small * large))
        if rounded(middle).mean() < mean:
            small = middle
        else:
            large = middle
    return rounded(large).astype(np.uint16)


@cache
def _known_steps() -> frozenset[bytes]:
    return frozenset(table.tobytes() for known in known_tables() for table in known.tables)


def _is_known(table: Table) -> bool:
    known = table.tobytes() in _known_steps()
    return known or bool(exact_quality(table, "luma")) or bool(exact_quality(table, "chroma"))
