"""Pictures with a known past for the network `manipulation`: compressed or not, one operation or two, compressed.

More is drawn than the chains of `manipulations`, which are the protocol of a paper: interpolation of libraries that
smooth before they shrink, other kernels, factors and widths between the classes, first compressions of any quality and
none, tables of cameras. Every position between the grids of both compressions and the phase of the interpolation
occurs, most often that of whole files: both begin in the corner. What is drawn does not depend on what a picture
allows: pieces of small pictures are mirrored until they suffice, else only large pictures would ever shrink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace.chain import filters
from jpegtrace.chain.codec import compress, decompress
from jpegtrace.manipulation.grid import KERNELS, OPERATIONS, PARAMETERS, spread
from jpegtrace_training.histories import draw_tables
from jpegtrace_training.manipulations import FACTORS, TASKS, VARIANCES

Pixels = NDArray[np.uint8]

BORDER = 16  # pixels around what is kept, for borders and chroma
SHARES = (0.18, 0.44, 0.07, 0.14, 0.12, 0.05)  # of OPERATIONS
KERNEL_SHARES = (0.4, 0.42, 0.18)  # of KERNELS
REDUCED = 0.6  # share of factors below 1, which are harder to tell
AS_CLASSES = 0.5  # share of parameters that are those of the protocol's classes
RANGE_FACTOR, RANGE_SIGMA, RANGE_NOISE = (0.45, 2.2), (0.45, 4.0), (1.0, 80.0)
RANGE_VARIANCE = (0.05, 2.0)  # of samples in 0..1: half of the noise between classes is that strong
NO_FACTOR = 0.01  # factors nearer to 1 are not drawn
FIRST = ((0.65, (95, 97)), (0.2, (60, 98)), (0.15, None))  # share and quality of the compression before
LAST_QUALITY = (50, 98)
WHOLE = 0.7  # share of pieces whose last grid begins in the corner of the manipulated picture, as that of a file does
SMOOTHED = 0.25  # share of reductions by libraries that smooth before they shrink
SHIFTED = 0.5  # share of pieces that begin off the grid of the compression before
CAMERA_TABLES = 0.15  # share of last tables of cameras and programs
SUBSAMPLINGS = (("420", 0.75), ("444", 0.25))


class Past(NamedTuple):
    """What was done; nan where it was not.

    Attributes:
        operation: index into OPERATIONS.
        factor: of the sides.
        kernel: index into KERNELS, or -1.
        sigma: of the Gaussian in pixels.
        size: of the median's window.
        noise: standard deviation in grey levels.
    """

    operation: int
    factor: float = math.nan
    kernel: int = -1
    sigma: float = math.nan
    size: float = math.nan
    noise: float = math.nan


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
        operation: of OPERATIONS.
        first: lowest and highest quality of the compression before, or None for none.
        kernel: of KERNELS where it is resized; None draws one.
    """

    operation: str
    first: tuple[int, int] | None = (95, 97)
    kernel: str | None = None


class Sample(NamedTuple):
    """A piece as it is found.

    Attributes:
        luma: uint8 (side, side), on the grid of the last compression.
        table: (8, 8), of the last compression.
    """

    luma: Pixels
    table: NDArray[np.uint16]


def draw(
    pictures: Sequence[Pixels],
    count: int,
    rng: np.random.Generator,
    side: int,
    among: Sequence[int] = range(len(OPERATIONS)),
    last_quality: tuple[int, int] = LAST_QUALITY,
    known: float = CAMERA_TABLES,
) -> tuple[list[Sample], list[Past]]:
    """Pieces of so many pixels, and what happened to each.

    Args:
        pictures: to cut them from.
        count: how many.
        rng: the only source of chance.
        side: of a piece.
        among: operations, of which one is drawn for each.
        last_quality: lowest and highest of the last compression.
        known: share of last tables of cameras and programs.
    """
    shares = np.array([SHARES[operation] for operation in among])
    shares /= shares.sum()
    drawn = []
    for _ in range(count):
        picture = pictures[int(rng.integers(len(pictures)))]
        operation = OPERATIONS[among[int(rng.choice(len(among), p=shares))]]
        drawn.append(make(picture, Plan(operation, _first(rng)), last_quality, rng, side, known=known))
    return [sample for sample, _ in drawn], [past for _, past in drawn]


def _first(rng: np.random.Generator) -> tuple[int, int] | None:
    return FIRST[int(rng.choice(len(FIRST), p=[share for share, _ in FIRST]))][1]


def make(
    picture: Pixels,
    plan: Plan,
    last_quality: tuple[int, int],
    rng: np.random.Generator,
    side: int,
    *,
    known: float = 0.0,
) -> tuple[Sample, Past]:
    """A piece with a past.

    Args:
        picture: uint8 (rows, columns, 3), never compressed before.
        plan: what is to be done.
        last_quality: lowest and highest of the last compression.
        rng: draws parameters, places and noise.
        side: of the piece, a multiple of 8.
        known: share of last tables of cameras and programs.
    """
    operation = OPERATIONS.index(plan.operation)
    made = side + 2 * BORDER
    if plan.operation.startswith("resized"):
        wanted = _factor(rng)
        piece = _before(picture, math.ceil((made + 8) / wanted), plan.first, rng)
        extent = max(made, round(len(piece) * wanted))
        kernel = plan.kernel or str(rng.choice(KERNELS, p=KERNEL_SHARES))
        past = Past(operation, factor=extent / len(piece), kernel=KERNELS.index(kernel))
        piece = _resized(piece, extent, kernel, rng)
        if plan.operation == "resized and blurred":
            piece, blurred = _filtered(piece, operation, "blurred", rng)
            past = past._replace(sigma=blurred.sigma)
    else:
        piece, past = _filtered(_before(picture, made, plan.first, rng), operation, plan.operation, rng)
    last = draw_tables(rng, last_quality, known=known)
    unit = 8 if rng.random() < WHOLE else 1
    top, left = unit * rng.integers(0, (len(piece) - made) // unit + 1, 2)
    around = piece[top : top + made, left : left + made]
    kept = filters.luma_of(_compressed(around, last, rng))[BORDER : BORDER + side, BORDER : BORDER + side]
    return Sample(kept, last[0]), past


def _before(picture: Pixels, extent: int, quality: tuple[int, int] | None, rng: np.random.Generator) -> Pixels:
    """A square of a picture, mirrored where it is too small, mostly compressed; half of them off its grid."""
    shift = rng.integers(0, 8, 2) if rng.random() < SHIFTED else np.zeros(2, np.int64)
    if rng.random() < 0.5:
        picture = picture.swapaxes(0, 1)
    need = extent + 8
    starts = [int(rng.integers(0, max(1, whole - need + 1))) for whole in picture.shape[:2]]
    piece = picture[starts[0] : starts[0] + need, starts[1] : starts[1] + need]
    missing = [(0, need - have) for have in piece.shape[:2]]
    if any(after for _, after in missing):
        piece = np.pad(piece, [*missing, (0, 0)], mode="symmetric")
    if quality is not None:
        piece = _compressed(piece, draw_tables(rng, quality), rng)
    return np.ascontiguousarray(piece[shift[0] : shift[0] + extent, shift[1] : shift[1] + extent])


def _compressed(pixels: Pixels, tables: NDArray[np.uint16], rng: np.random.Generator) -> Pixels:
    subsampling = str(rng.choice([name for name, _ in SUBSAMPLINGS], p=[share for _, share in SUBSAMPLINGS]))
    rows, cols = pixels.shape[:2]
    pair = tables[0], tables[1]
    return decompress(compress(pixels, *pair, subsampling), pair, subsampling, rows, cols)


def _factor(rng: np.random.Generator) -> float:
    reduced = rng.random() < REDUCED
    if rng.random() < AS_CLASSES:
        return float(rng.choice([factor for factor in FACTORS if factor != 1 and (factor < 1) == reduced]))
    low, high = RANGE_FACTOR
    ends = (low, 1 / (1 + NO_FACTOR)) if reduced else (1 + NO_FACTOR, high)
    return float(np.exp(rng.uniform(*np.log(ends))))


def _resized(piece: Pixels, extent: int, kernel: str, rng: np.random.Generator) -> Pixels:
    if kernel == "other":
        method = str(rng.choice(["lanczos", "area", "nearest"]))
        return filters.resize(piece, extent, extent, method, antialias=method != "nearest")
    return filters.resize(piece, extent, extent, kernel, antialias=bool(rng.random() < SMOOTHED))


def _filtered(piece: Pixels, operation: int, name: str, rng: np.random.Generator) -> tuple[Pixels, Past]:
    if name == "blurred":
        size, sigma = _blur(rng)
        return filters.blur(piece, "gaussian", size, sigma), Past(operation, sigma=width_of(size, sigma))
    if name == "median":
        window = _window(rng)
        return filters.median(piece, window), Past(operation, size=window)
    if name == "noise":
        deviation = _deviation(rng)
        return filters.noise(piece, deviation, rng), Past(operation, noise=deviation)
    return piece, Past(operation)


def _blur(rng: np.random.Generator) -> tuple[int, float | None]:
    """Size of a Gaussian's kernel, and its sigma where that does not follow from the size."""
    if rng.random() < AS_CLASSES:
        return int(rng.choice(TASKS["gaussian"].values[1:])), None
    sigma = float(np.exp(rng.uniform(*np.log(RANGE_SIGMA))))
    return 2 * math.ceil(3 * sigma) + 1, sigma


def _window(rng: np.random.Generator) -> int:
    return int(rng.choice(TASKS["median"].values[1:]))


def _deviation(rng: np.random.Generator) -> float:
    if rng.random() < AS_CLASSES:
        return 255 * math.sqrt(rng.choice(VARIANCES[1:]))
    if rng.random() < 0.5:
        return 255 * math.sqrt(rng.uniform(*RANGE_VARIANCE))
    return float(np.exp(rng.uniform(*np.log(RANGE_NOISE))))


DRAWN: dict[str, Callable[[np.random.Generator], float]] = {
    "factor": _factor,
    "sigma": lambda rng: width_of(*_blur(rng)),
    "size": _window,
    "noise": _deviation,
}


def shares_of(parameter: str, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each value of `grid.PARAMETERS` is drawn, estimated by so many draws."""
    drawn = np.array([DRAWN[parameter](rng) for _ in range(count)])
    return np.asarray(spread(drawn, PARAMETERS[parameter]).mean(0))


def width_of(size: int, sigma: float | None) -> float:
    """Standard deviation of a Gaussian kernel as it is applied: cut at its size, in 1/256."""
    weights = filters.gaussian_kernel(size, sigma)
    places = np.arange(size) - size // 2
    return math.sqrt(float((weights * places**2).sum()) / float(weights.sum()))
