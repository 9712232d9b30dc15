"""The hypotheses: operations, and values of their parameters.

Parameters but the windows of medians are laid out in equal ratios, because that is how well they can be told: a factor
of 1.50 from 1.51 as a factor of 0.500 from 0.503.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OPERATIONS = ("none", "resized", "blurred", "median", "noise", "resized and blurred")
KERNELS = ("bilinear", "bicubic", "other")


def _ratios(low: float, high: float, step: float) -> Floats:
    count = int(np.ceil(np.log(high / low) / np.log1p(step)))
    return np.geomspace(low, high, count + 1)


FACTORS = _ratios(0.4, 2.5, 0.01)  # of the sides
SIGMAS = _ratios(0.35, 5.0, 0.05)  # of a Gaussian in pixels
SIZES = np.arange(3.0, 17.0, 2.0)  # of a median's window
NOISES = _ratios(1.0, 400.0, 0.05)  # standard deviation in grey levels of each colour
PARAMETERS = {"factor": FACTORS, "sigma": SIGMAS, "size": SIZES, "noise": NOISES}
CARRIED_BY = {  # operations that have the parameter
    name: tuple(OPERATIONS.index(operation) for operation in carriers)
    for name, carriers in {
        "factor": ("resized", "resized and blurred"),
        "sigma": ("blurred", "resized and blurred"),
        "size": ("median",),
        "noise": ("noise",),
    }.items()
}

LEVELS = (0.05, 0.5, 0.95)
NARROW = 3.0  # steps of a grid: what is known to less is known better than the grid tells


class Stretch(NamedTuple):
    """What intervals are stretched by around their middles, in the logarithm.

    Attributes:
        narrow: where the quantiles are within NARROW steps.
        wide: elsewhere.
    """

    narrow: float
    wide: float


# The least tenth, from .4 on, with which 90 % of pieces of the training's held-out pictures lie in the intervals,
# `benchmarks/manipulation.py --part stretch`.
STRETCH = {
    "factor": Stretch(0.4, 1.0),
    "sigma": Stretch(0.4, 0.8),
    "size": Stretch(0.4, 0.4),
    "noise": Stretch(0.6, 0.5),
}


def spread(values: Floats, points: Floats) -> Floats:
    """Shares of the two grid points around each value, (values, points), rows summing to 1.

    Values beyond the grid go to its ends. Shares are linear in the logarithm, as the grid is.
    """
    place = np.interp(np.log(values), np.log(points), np.arange(len(points)))
    distance = np.abs(place[:, None] - np.arange(len(points)))
    return np.asarray(np.maximum(0.0, 1.0 - distance))


def interval(parameter: str, probabilities: Floats, stretch: float | None = None) -> Floats:
    """Low end, middle and high end of what a parameter is, (3,), with about 90 % between the ends for a single piece.

    Windows of medians are whole: all three are the nearest that there are.

    Args:
        parameter: of `PARAMETERS`.
        probabilities: of its points.
        stretch: instead of that of `STRETCH`.
    """
    points = PARAMETERS[parameter]
    ends = quantiles(probabilities, points, LEVELS)
    narrow = is_narrow(parameter, ends[0], ends[2])
    low, middle, high = np.log(ends)
    factor = stretch if stretch is not None else STRETCH[parameter].narrow if narrow else STRETCH[parameter].wide
    found = np.array([middle - factor * (middle - low), middle, middle + factor * (high - middle)])
    if points is SIZES:
        return np.asarray(points[np.abs(found[:, None] - np.log(points)).argmin(1)])
    return np.asarray(np.exp(found))


def is_narrow(parameter: str, low: float, high: float) -> bool:
    """Whether two quantiles are within NARROW steps."""
    points = np.log(PARAMETERS[parameter])
    place = np.interp(np.log([low, high]), points, np.arange(len(points)))
    return bool(place[1] - place[0] <= NARROW)


def quantiles(probabilities: Floats, points: Floats, levels: tuple[float, ...]) -> Floats:
    """Values below which these shares of a distribution over a grid lie, (levels,).

    Each point's mass is taken to lie between the middles to its neighbours, in the logarithm, that of the first and
    last as far on their other side.
    """
    places = np.log(points)
    middles = [(low + high) / 2 for low, high in pairwise(places)]
    edges = np.array([2 * places[0] - middles[0], *middles, 2 * places[-1] - middles[-1]])
    return np.asarray(np.exp(np.interp(levels, np.concatenate([[0.0], np.cumsum(probabilities)]), edges)))
