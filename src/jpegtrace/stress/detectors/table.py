"""The quantization table by maximum likelihood: K_F^Q of Fan and de Queiroz."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from jpegtrace.stress.detectors._plane import Floats, Plane, coefficients_of, whole_blocks

SIGMA = 1 / np.sqrt(12)  # of the error that rounding to pixels leaves in a coefficient
IMPOSSIBLE = -100.0  # logarithm of a likelihood that is nothing
UNDETERMINED = 0
HALF = 0.5 + 1e-9  # a block's sum is whole, so DC is often a half exactly, but for the arithmetic


def k_fq(plane: Plane) -> float:
    """Number of entries of the estimated table that are larger than 1, K_F^Q, 0..64; larger is more JPEG-like.

    The equations are those of `estimate_table`. Z. Fan and R. L. de Queiroz, IEEE Trans. Image Process. 12(2), 2003;
    the count as a feature is of Fan 2014, which gives no P_e for it but the share of forgeries that it flags.
    Entries that are undetermined do not count, so strong compression, which leaves nothing in most frequencies, scores
    lower than moderate one.

    Args:
        plane: uint8 (height, width), cropped to multiples of 8; the grid begins at its corner.

    Raises:
        UsageError: it is no such plane or smaller than 24 x 24.
    """
    return float((estimate_table(plane) > 1).sum())


def estimate_table(plane: Plane) -> NDArray[np.int64]:
    """Quantization steps of an earlier compression on this grid, (8, 8); 1 for none, 0 for undetermined.

    Blocks that hold 0 or 255 and blocks of one value are left out; N are left. For each frequency Y are the rounded
    coefficients, those of DC less their mode. Rounding to pixels moves none by more than

        B(r, c) = D(r) D(c),    D = 2 for index 0 and 4, sqrt(2) for 2 and 6, 2 cos(pi/4) cos(pi/8) otherwise.

    Let d >= floor(B) + 2 be the distance from the main lobe's centre, the mode of Y, to the highest peak on its
    positive side; of equal ones the nearest. Without one the entry is undetermined. With Q = d - 1, all divisors q of
    Q - 1, Q and Q + 1 are tried, and the one that is largest, of equal ones the smallest, in

        N ln q + sum over i of N(i) W(i),    N(i) = #{Y - q round(Y / q) = i},    |i| <= q / 2,
        W(i) = ln{sigma sqrt(2 pi) sum over j of [Phi((i + j q + .5) / sigma) - Phi((i + j q - .5) / sigma)]},
        over |i| + |j| q <= B - .5,    sigma^2 = 1/12,

    and W = -100 where nothing is summed, or where it is nothing in double precision (i = 3), is the estimate.

    Z. Fan and R. L. de Queiroz, "Identification of bitmap compression history: JPEG detection and quantizer
    estimation", IEEE Trans. Image Process. 12(2), 2003, as in the authors' code of Fan 2014. Q = d - 1 is that code's;
    d itself is tried as Q + 1. Nothing is said of halves: they round away from zero, as in Matlab. Nothing is said of
    a picture without a usable block: all is undetermined.

    Raises:
        UsageError: it is no uint8 grey plane or smaller than 24 x 24.
    """
    pixels = whole_blocks(plane)
    height, width = pixels.shape
    blocks = pixels.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 64)
    low, high = blocks.min(axis=1), blocks.max(axis=1)
    found = coefficients_of(pixels)[(low > 0) & (high < 255) & (low < high)]
    rounded = (np.sign(found) * np.floor(np.abs(found) + HALF)).astype(np.int64)
    bounds = _bounds()
    table = np.full((8, 8), UNDETERMINED, np.int64)
    if len(rounded):
        for place in np.ndindex(8, 8):
            values = rounded[:, *place]
            table[place] = _step(values - _mode(values) if place == (0, 0) else values, float(bounds[place]))
    return table


def _bounds() -> Floats:
    reach = np.full(8, 2 * np.cos(np.pi / 4) * np.cos(np.pi / 8))
    reach[[0, 4]] = 2
    reach[[2, 6]] = np.sqrt(2)
    return np.outer(reach, reach)


def _mode(values: NDArray[np.int64]) -> int:
    """The commonest value; of equal ones the smallest."""
    least = int(values.min())
    return least + int(np.bincount(values - least).argmax())


def _step(values: NDArray[np.int64], bound: float) -> int:
    least = int(values.min())
    counts = np.bincount(values - least)
    levels = np.flatnonzero(counts)
    nearest = int(counts.argmax()) + int(bound) + 2
    if nearest >= counts.size:
        return UNDETERMINED
    guess = nearest + int(counts[nearest:].argmax()) - int(counts.argmax()) - 1
    candidates = sorted({q for n in (guess - 1, guess, guess + 1) for q in _divisors(n)})
    sizes, many = np.abs(levels + least), counts[levels]
    scores = [_score(sizes, many, q, bound) for q in candidates]
    return candidates[int(np.argmax(scores))]


def _score(sizes: NDArray[np.int64], counts: NDArray[np.int64], q: int, bound: float) -> float:
    """N ln q + sum of N(i) W(i). Both are even in i, so sizes of Y suffice."""
    off = sizes % q
    weights = _weights(q, bound)
    found = np.minimum(np.minimum(off, q - off), weights.size - 1)
    return float(counts.sum() * np.log(q) + (counts * weights[found]).sum())


@cache
def _weights(q: int, bound: float) -> Floats:
    """W(i) for i = 0..floor(q / 2), and for all that lie beyond what rounding can do in the last place."""
    weights = np.full(int(bound - 0.5) + 2, IMPOSSIBLE)
    for i in range(min(q // 2 + 1, weights.size - 1)):
        most = int((bound - 0.5 - i) / q)
        centres = i + q * np.arange(-most, most + 1)
        total = float((ndtr((centres + 0.5) / SIGMA) - ndtr((centres - 0.5) / SIGMA)).sum())
        if total > 0:
            weights[i] = np.log(SIGMA * np.sqrt(2 * np.pi) * total)
    return weights


@cache
def _divisors(n: int) -> tuple[int, ...]:
    return tuple(q for q in range(1, n + 1) if n % q == 0)
