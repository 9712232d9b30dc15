"""Statistics of a piece of luminance in which operations show; no learning here.

Signals are the mean strengths of residuals in every column and row. Where a picture was resized, interpolation weights
repeat with the position of a pixel between two old ones, and so does the strength of residuals; for a factor s the
period is 1/|1 - 1/s| (Gallagher 2005; Mahdian and Saic 2008). The phase is the same in all rows, so the mean over rows
adds the signals and not the noise. Their Fourier transforms have lines there. A compression repeats, too, with 8
pixels: its lines are at all multiples of 1/8.

Everything else is one vector:

* power along rows and columns, which falls with a blur and folds back where a picture shrank;
* sizes and shares of zeros of the DCT coefficients of the last compression's blocks, in steps of its table;
* shares of first and second differences at several lags, and of two and three differences in a row;
* how far the piece is from its medians, and they from each other: what went through a median hardly changes in a
  smaller one;
* how differences repeat at other distances: a pixel that enters the window of a median of k pixels leaves it k pixels
  on, where the difference tends to turn;
* grey levels, which the strongest noise drives to the ends;
* the table itself, which says how much of all that can be left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, rfft

from jpegtrace._median import median_of
from jpegtrace.errors import UsageError
from jpegtrace.manipulation import _kernels
from jpegtrace.manipulation.layout import (
    DISTANCES,
    ECHO_LAGS,
    ECHOES,
    FILTERS,
    FREQUENCIES,
    GREYS,
    LAGS,
    LARGEST,
    PAIR,
    SMALLEST,
    STRENGTHS,
    TRIPLE,
    WHITE,
    WINDOWS,
)

Floats = NDArray[np.float32]
Maker = Callable[[], NDArray[np.float64]]

SIGNALS = FILTERS * STRENGTHS
PARTS = {  # of the vector, all of it logarithms but for the correlations of echoes
    "powers": (2, FREQUENCIES),
    "blocks": (4, 64),
    "differences": (2, len(LAGS), DISTANCES),
    "pairs": (2 * PAIR + 1,) * 2,
    "triples": (2 * TRIPLE + 1,) * 3,
    "medians": (2, len(WINDOWS), DISTANCES),
    "greys": (GREYS,),
    "table": (64,),
    "echoes": (len(ECHOES), 1 + ECHO_LAGS),
}
OTHERS = sum(math.prod(shape) for shape in PARTS.values())
MOST_PHASE = 20.0  # standard deviations
EPSILON = 1e-4  # below every share that tells anything


class Features(NamedTuple):
    """What is known of a piece.

    Attributes:
        lines: (2, SIGNALS, FREQUENCIES), powers against those of neighbouring frequencies, as logarithms: of the
            strengths of residuals in columns, and in rows, without what repeats every 8 pixels.
        phases: (2, SIGNALS, 8), what repeats every 8 pixels, in standard deviations of the signal: the grid, and
            interpolation by factors whose period divides 8.
        others: (OTHERS,), everything else; fewer where fewer parts were asked for.
    """

    lines: Floats
    phases: Floats
    others: Floats


def describe(luma: NDArray[np.uint8], table: NDArray[np.uint16], names: Sequence[str] = tuple(PARTS)) -> Features:
    """Features of a piece on the grid of its last compression.

    Args:
        luma: (height, width), multiples of 8 from SMALLEST to LARGEST.
        table: (8, 8), of the last compression.
        names: of the parts that `others` is to hold, in this order.

    Raises:
        UsageError: the piece has another size.
    """
    height, width = luma.shape
    if height % 8 or width % 8 or not (SMALLEST <= min(luma.shape) <= max(luma.shape) <= LARGEST):
        raise UsageError(f"a piece has sides from {SMALLEST} to {LARGEST}, multiples of 8, not {width} x {height}")
    values, steps = luma.astype(np.int32), table.astype(np.float64)
    levels, blocks = _blocks(luma, steps)
    strengths = [signals_of(values, levels), signals_of(values.T, levels.swapaxes(0, 1))]
    makers = _makers(luma, steps, lambda: blocks)
    others = [makers[name]() for name in names]
    lines, phases = (np.stack(views) for views in zip(*map(lines_of, strengths), strict=True))
    return Features(lines, phases, np.concatenate(others).astype(np.float32))


def describe_parts(luma: NDArray[np.uint8], table: NDArray[np.uint16], names: Sequence[str]) -> Floats:
    """What `parts_of` gives of these features, without what the others cost."""
    steps = table.astype(np.float64)
    makers = _makers(luma, steps, lambda: _blocks(luma, steps)[1])
    return np.concatenate([makers[name]() for name in names]).astype(np.float32)


def _makers(luma: NDArray[np.uint8], steps: NDArray[np.float64], blocks: Maker) -> dict[str, Maker]:
    """What makes each of PARTS, in their order."""
    values = luma.astype(np.int32)
    runs = cache(lambda: _runs(values))
    return {
        "powers": lambda: _powers(luma),
        "blocks": blocks,
        "differences": lambda: _differences(values),
        "pairs": lambda: runs()[0],
        "triples": lambda: runs()[1],
        "medians": lambda: _medians(luma),
        "greys": lambda: _greys(luma),
        "table": lambda: np.log(steps.ravel()),
        "echoes": lambda: _echoes(values),
    }


def part_of(others: Floats, name: str) -> Floats:
    """The part of `Features.others` of this name, see `PARTS`."""
    begin = 0
    for part, shape in PARTS.items():
        count = math.prod(shape)
        if part == name:
            return others[begin : begin + count].reshape(shape)
        begin += count
    raise UsageError(f"there is no part {name!r}; there are {', '.join(PARTS)}")


def parts_of(others: Floats, names: Sequence[str]) -> Floats:
    """Several parts of `Features.others`, one behind the other."""
    return np.concatenate([part_of(others, name).ravel() for name in names])


def count_of(names: Sequence[str]) -> int:
    """How many numbers these parts hold."""
    return sum(math.prod(PARTS[name]) for name in names)


def signals_of(values: NDArray[np.int32], levels: NDArray[np.float64]) -> Floats:
    """Mean strength of residuals in columns, (SIGNALS, width).

    Args:
        values: luminance (height, width).
        levels: sizes of its coefficients in steps, (height / 8, width / 8, 64).
    """
    sizes = np.empty((FILTERS, *values.shape), np.int32)
    found = np.empty((SIGNALS, values.shape[1]), np.float32)
    _kernels.residuals(np.ascontiguousarray(values), sizes)
    _kernels.signals(sizes, np.ascontiguousarray(np.count_nonzero(levels[..., 1:], axis=2)), found)
    return found


def lines_of(signals: Floats) -> tuple[Floats, Floats]:
    """Powers against their surroundings, (SIGNALS, FREQUENCIES), in nats; and what repeats, (SIGNALS, 8)."""
    count = signals.shape[1]
    level = signals - signals.mean(1, keepdims=True)
    folded = level.reshape(len(level), count // 8, 8)
    phases = folded.mean(1)
    without_grid = (folded - phases[:, None]).reshape(level.shape)
    powers = np.log(np.square(np.abs(rfft(without_grid * _window(count), 2 * (FREQUENCIES - 1), axis=1))) + 1e-5)
    sums = np.cumsum(np.pad(powers, ((0, 0), (WHITE + 1, WHITE)), mode="reflect"), axis=1)
    around = (sums[:, 2 * WHITE + 1 :] - sums[:, : -2 * WHITE - 1]) / (2 * WHITE + 1)
    scale = without_grid.std(1, keepdims=True) + 1e-3
    bounded = np.clip(phases / scale, -MOST_PHASE, MOST_PHASE)
    return np.asarray(powers - around, np.float32), np.asarray(bounded, np.float32)


def _window(count: int) -> Floats:
    return np.hanning(count + 2)[1:-1].astype(np.float32)


def _powers(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Logarithm of the mean power of rows and of columns."""
    found = []
    for lines in (luma.astype(np.float32), luma.T.astype(np.float32)):
        count = lines.shape[1]
        window = _window(count)
        tapered = (lines - lines.mean(1, keepdims=True)) * window
        power = np.square(np.abs(rfft(tapered, 2 * (FREQUENCIES - 1), axis=1))).mean(0) / np.square(window).sum()
        found.append(np.log(power.astype(np.float64) + 0.01))
    return np.concatenate(found)


def _blocks(luma: NDArray[np.uint8], steps: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sizes of coefficients in steps; and of each frequency: mean square, shares of steps 0 and 1, mean size."""
    height, width = luma.shape
    blocks = luma.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).astype(np.float64) - 128
    coefficients = dctn(blocks, axes=(2, 3), norm="ortho").reshape(height // 8, width // 8, 64)
    coefficients = coefficients.round(6)  # some are whole eighths: a half step must not hang on the last bit
    levels = np.abs(np.rint(coefficients / steps.ravel()))
    shares = [(levels == level).mean((0, 1)) for level in (0, 1)]
    powers = np.log(np.square(coefficients).mean((0, 1)) + 0.01)
    sizes = np.log(levels.mean((0, 1)) + EPSILON)
    return levels, np.concatenate([powers, *(np.log(share + EPSILON) for share in shares), sizes])


def _differences(values: NDArray[np.int32]) -> NDArray[np.float64]:
    first, second = np.empty((2, len(LAGS), DISTANCES), np.float32)
    _kernels.distances(values, first, second)
    return _logarithms(np.concatenate([first.ravel(), second.ravel()]))


def _runs(values: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two and three differences in a row."""
    pairs = np.empty((2 * PAIR + 1,) * 2, np.float32)
    triples = np.empty((2 * TRIPLE + 1,) * 3, np.float32)
    _kernels.runs(values, pairs, triples)
    return _logarithms(pairs.ravel()), _logarithms(triples.ravel())


def _logarithms(shares: Floats) -> NDArray[np.float64]:
    return np.log(shares.astype(np.float64) + EPSILON)


def _medians(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How far the piece is from its medians; and each from the one before, in which less is left of the noise."""
    medians = [luma.astype(np.int32), *(median_of(luma, size).astype(np.int32) for size in WINDOWS)]
    shares = np.empty((2, len(WINDOWS), DISTANCES), np.float32)
    for index in range(len(WINDOWS)):
        _kernels.apart(medians[0], medians[index + 1], shares[0, index])
        _kernels.apart(medians[index], medians[index + 1], shares[1, index])
    return _logarithms(shares.ravel())


def _echoes(values: NDArray[np.int32]) -> NDArray[np.float64]:
    """Of every kind of differences the logarithm of their power, and correlations; means of rows and columns."""
    found = np.empty((2, len(ECHOES), 1 + ECHO_LAGS))
    for view, lines in zip(found, (values, np.ascontiguousarray(values.T)), strict=True):
        for covariance, (rows, most) in zip(view, ECHOES, strict=True):
            _kernels.echoes(lines, rows, most, covariance)
    powers, covariances = found[..., :1] + EPSILON, found[..., 1:]
    return np.asarray(np.concatenate([np.log(powers), covariances / powers], 2).mean(0).ravel())


def _greys(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    counts = np.bincount(luma.ravel() // (256 // GREYS), minlength=GREYS)
    return np.log(counts / luma.size + EPSILON)
