"""`tv`: blocks smoothed away by total variation, DCT histograms made smooth, and blocks once more.

In the manner of W. Fan, K. Wang, F. Cayre, Z. Xiong, "JPEG anti-forensics with improved tradeoff between forensic
undetectability and image quality", IEEE TIFS 9(8), 2014, and their "A variational approach to JPEG anti-forensics",
ICASSP 2013. With the second differences a down and b across of the picture x and e = sqrt(a^2 + b^2), a round of
deblocking lowers

    E(x) = sum e + alpha C(x),    C(x) = |sum of s e|,

s being 1 at the 32 pixels of a block next to its border and -1 at the 32 within, by steps of a projected subgradient
method: x <- P(x - step g(x)), where P puts every DCT coefficient back to within (1/2 + m) q of its stored value times
its step q. The first round has alpha = 1.5, 50 steps 1 / k, m = 0; the second alpha = 0.9, 30 steps 1 / (k + 1), m = 1.
These numbers are those of the authors' demonstration; their code was read for numbers, nothing of it is used.

Between the rounds the coefficients of each frequency and bin get the distribution that local Laplacians give them,
and keep their order: the n-th smallest becomes the n-th smallest of as many values drawn within the bin. The rate of
bin 0 is that of `dither`. That of the bins k and -k, k > 1, follows from the numbers n of coefficients in the bins
beside them, ln(n(k - 1) / n(k + 1)) / 2q, that of the bins 1 and -1 from ln(n(1) / n(2)) / q; where n does not fall,
and for DC, the density is uniform. Frequencies with fewer than two coefficients a grey level in each of the bins 1 and
-1 are left as the first round made them (again the authors' number).

What differs from the paper:

* Of the values drawn, each coefficient gets the one of its rank, which changes the coefficients least in squares. The
  paper moves only those that are too many at their grey level, and assigns them by least loss of structural similarity.
* The paper fits rates to the histogram after the first round, by least squares under conditions at the edges of bins.
* P is the nearest point; the paper draws a point within the bin for whatever left it, and rounds pixels in each step.
* The picture with the least E of a round is kept. The paper keeps that with the least blocking signature of a detector.
* No high frequencies are perturbed in the second round, and its last stage, against a calibrated feature, is missing.
  So no detector is asked on the way.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from jpegtrace.stress.attacks import _kernels
from jpegtrace.stress.attacks._blocks import blocks_of, coefficients_of, plane_of, samples_of
from jpegtrace.stress.attacks._method import Blocks, Floats, Method, Operation, Table
from jpegtrace.stress.attacks.dither import dithered, laplacian_rates

REFERENCE = (
    "Fan, Wang, Cayre, Xiong, JPEG anti-forensics with improved tradeoff between forensic undetectability and image "
    "quality, IEEE TIFS 2014 (in its manner)"
)
FIRST_WEIGHT, FIRST_STEPS, FIRST_MARGIN = 1.5, tuple(1 / k for k in range(1, 51)), 0.0
SECOND_WEIGHT, SECOND_STEPS, SECOND_MARGIN = 0.9, tuple(1 / k for k in range(2, 32)), 1.0
LEAST_PER_LEVEL = 2.0  # coefficients in a bin by its width
# s: 1 at the outermost pixels of a block and at those next to its corners, so that both kinds are as many.
_EDGE = np.array([0, 1, 2, 3, 3, 2, 1, 0])
SIDES = np.where(_EDGE[:, None] * _EDGE <= 1, 1.0, -1.0)


def tv(blocks: Blocks, table: Table, seed: int) -> Floats:
    """The plane after all three stages."""
    first = first_round(blocks, table)
    smooth = smoothed(blocks_of(coefficients_of(first)), blocks, table, np.random.default_rng(seed))
    return deblocked(samples_of(plane_of(smooth)), blocks, table, SECOND_WEIGHT, SECOND_STEPS, SECOND_MARGIN)


def first_round(blocks: Blocks, table: Table) -> Floats:
    """The plane after the first stage: deblocked, its coefficients in their bins."""
    decoded = samples_of(plane_of(blocks * table.astype(np.float64)))
    return deblocked(decoded, blocks, table, FIRST_WEIGHT, FIRST_STEPS, FIRST_MARGIN)


def deblocked(
    samples: Floats, blocks: Blocks, table: Table, weight: float, steps: Iterable[float], margin: float
) -> Floats:
    """The picture with the least E on the way of the projected subgradient method.

    Args:
        samples: to begin with.
        blocks: stored coefficients.
        table: their steps.
        weight: alpha.
        steps: sizes of the steps.
        margin: m, by how many quantization steps a coefficient may leave its bin.
    """
    quantized = table.astype(np.float64)
    lowest = plane_of((blocks - 0.5 - margin) * quantized)
    highest = plane_of((blocks + 0.5 + margin) * quantized)
    best, (least, gradient) = samples, energy(samples, weight)
    for step in steps:
        moved = coefficients_of(samples - step * gradient)
        samples = samples_of(np.clip(moved, lowest, highest, out=moved))
        found, gradient = energy(samples, weight)
        if found < least:
            best, least = samples, found
    return best


def energy(samples: Floats, weight: float) -> tuple[float, Floats]:
    """E and a subgradient of it, that with zeros where e is zero."""
    down, across, gradient = np.empty_like(samples), np.empty_like(samples), np.empty_like(samples)
    total, excess = _kernels.variation(samples, SIDES, weight, down, across)
    _kernels.divergence(down, across, gradient)
    return total + weight * abs(excess), gradient


def border_excess(samples: Floats) -> float:
    """Mean e at pixels next to the borders of blocks less that of the others; what C is the sum of."""
    _, excess = _kernels.variation(samples, SIDES, 0.0, np.empty_like(samples), np.empty_like(samples))
    return 2 * excess / samples.size


def smoothed(coefficients: Floats, blocks: Blocks, table: Table, rng: np.random.Generator) -> Floats:
    """Coefficients with local Laplacian densities in their bins, in each of which they keep their order.

    Args:
        coefficients: (rows, columns, 8, 8), within their bins.
        blocks: stored coefficients.
        table: their steps.
        rng: of the values drawn.
    """
    found = coefficients.reshape(-1, 64).T.copy()
    stored = blocks.reshape(-1, 64).T.astype(np.int64)
    zero_rates = laplacian_rates(blocks, table).ravel()
    for k, (values, bins, step) in enumerate(zip(found, stored, table.ravel().tolist(), strict=True)):
        if k == 0:
            rates = np.zeros(len(bins))
        elif max((bins == 1).sum(), (bins == -1).sum()) >= LEAST_PER_LEVEL * step:
            rates = local_rates(bins, step, zero_rates[k])[np.abs(bins)]
        else:
            continue
        drawn = dithered(bins, step, rates, rng)
        values[np.lexsort((values, bins))] = drawn[np.lexsort((drawn, bins))]
    return found.T.reshape(coefficients.shape)


def local_rates(bins: NDArray[np.int64], step: int, zero_rate: float) -> Floats:
    """Rates of the Laplacians in the bins of one frequency, by the magnitude of the stored values."""
    # Half a coefficient more in each, so that empty bins have a logarithm, too.
    counts = np.log(np.append(np.bincount(np.abs(bins), minlength=2), 0) + 0.5)
    rates = (counts[:-2] - counts[2:]) / 2
    rates[0] = counts[1] - counts[2]
    return np.concatenate(([zero_rate], np.maximum(rates, 0) / step))


def operations(table: Table) -> tuple[Operation, ...]:  # noqa: ARG001
    """What `tv` does."""
    return (
        _round("tv-deblock", FIRST_WEIGHT, FIRST_STEPS, FIRST_MARGIN),
        Operation("smooth-dct-histograms", {"ac": "local laplacians", "dc": "uniform", "order": "kept"}),
        _round("tv-deblock", SECOND_WEIGHT, SECOND_STEPS, SECOND_MARGIN),
    )


def _round(name: str, weight: float, steps: tuple[float, ...], margin: float) -> Operation:
    parameters = {"weight": weight, "steps": len(steps), "first-step": steps[0], "last-step": steps[-1]}
    return Operation(name, {**parameters, "margin": margin})


METHOD = Method("tv", "total variation and smooth histograms", REFERENCE, tv, operations)
