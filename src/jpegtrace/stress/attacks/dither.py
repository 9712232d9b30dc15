"""`dither`: noise in the DCT coefficients until their histograms are those of a picture that was never quantized.

M. C. Stamm, K. J. R. Liu, "Anti-forensics of digital image compression", IEEE TIFS 6(3), 2011. A coefficient X before
quantization is Laplacian with the rate l of its frequency, p(x) = l / 2 exp(-l |x|). Of the stored values k with step q

    P(k = 0) = 1 - t,    P(k) = t^(2 |k|) (1 / t - t) / 2,    t = exp(-l q / 2),

and the likelihood of N of them, N1 not zero, N0 zero, S the sum of all |k|, is largest where

    (N + 2 S) t^2 + N0 t - (2 S - N1) = 0,    l = -2 / q ln t

(J. R. Price, M. Rabbani, "Biased reconstruction for JPEG decoding", IEEE Signal Processing Letters 6(12), 1999; their
sum is that of |k| q). The dither D has the density of X - k q within the bin of k:

    k = 0:    p(d) = l exp(-l |d|) / (2 (1 - t)),                              |d| <= q / 2
    k != 0:   p(d) = l exp(-l (sign(k) d + q / 2)) / (1 - exp(-l q)),          |d| <= q / 2

DC is dithered uniformly within its bin. A frequency that is zero in every block has no rate and is left as it is; the
rounding of the pixels gives its coefficients some noise. Neither paper was at hand: the equations were derived anew
from the model and the estimator that they are known for.
"""

from __future__ import annotations

import numpy as np

from jpegtrace.stress.attacks._blocks import plane_of, samples_of
from jpegtrace.stress.attacks._method import Blocks, Floats, Method, Operation, Table

REFERENCE = "Stamm, Liu, Anti-forensics of digital image compression, IEEE TIFS 2011"


def dither(blocks: Blocks, table: Table, seed: int) -> Floats:
    """The plane with dithered coefficients."""
    rates = laplacian_rates(blocks, table)
    rates[0, 0] = 0
    return samples_of(plane_of(dithered(blocks, table, rates, np.random.default_rng(seed))))


def laplacian_rates(blocks: Blocks, table: Table) -> Floats:
    """Most likely l of every frequency, (8, 8); infinite where all coefficients are zero."""
    magnitudes = np.abs(blocks.astype(np.int64)).reshape(-1, 8, 8)
    count, total = len(magnitudes), magnitudes.sum(0)
    busy = (magnitudes != 0).sum(0)
    idle = count - busy
    t = (np.sqrt(idle**2 + 4.0 * (count + 2 * total) * (2 * total - busy)) - idle) / (2 * (count + 2 * total))
    with np.errstate(divide="ignore"):
        rates: Floats = -2 / table.astype(np.float64) * np.log(t)
    return rates


def dithered(stored: Blocks, steps: Table | int, rates: Floats, rng: np.random.Generator) -> Floats:
    """Coefficients drawn from the Laplacian within the bin of each stored value.

    Args:
        stored: quantized coefficients of any shape.
        steps: of the quantization; this and `rates` are broadcast.
        rates: l of the Laplacian; 0 makes it uniform, infinity puts the coefficients of bin 0 to 0.
        rng: two numbers are drawn for each coefficient.
    """
    sides = np.where(stored == 0, 2 * rng.integers(0, 2, stored.shape) - 1, np.sign(stored))
    scale = np.asarray(steps, np.float64)
    # From where the density of a bin is largest: its edge next to zero, or zero itself.
    begin, width = scale * np.maximum(np.abs(stored) - 0.5, 0), scale * np.where(stored == 0, 0.5, 1.0)
    chance = rng.random(stored.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = np.where(rates > 0, -np.log1p(chance * np.expm1(-rates * width)) / rates, chance * width)
    found: Floats = sides * (begin + depth)
    return found


def operations(table: Table) -> tuple[Operation, ...]:  # noqa: ARG001
    """What `dither` does."""
    return (Operation("dither", {"ac": "laplacian, maximum likelihood", "dc": "uniform", "zero-bands": "left"}),)


METHOD = Method("dither", "dither of DCT coefficients", REFERENCE, dither, operations)
