"""Samples for telling which manipulation happened between two compressions, and with what parameter.

The chains of MPeR-Net (`jpegtrace_training.networks.manip_mper`), section IV.A of its paper: a piece of a picture is
compressed as cameras do, manipulated with one parameter of Table III or left alone, compressed again, and its middle is
kept as luminance. Every step works on RGB bytes; both compressions are libjpeg-turbo's with 4:2:0.

Where the paper is silent:

* Interpolation, blur and median are OpenCV's: no antialiasing when a picture shrinks, Gaussian kernels with the sigma
  that follows from their size. The factor is exact, as in `cv2.resize(..., fx=factor, fy=factor)`, and so are the
  weights, which OpenCV rounds to 11 bits.
* The variance of noise is that of samples in 0..1, clipped to this range ("unit"). At 0.1 the deviation is 81 grey
  levels, at 1.8 the picture is almost binary. In grey levels, the other reading ("grey"), 0.1 survives rounding in one
  sample of nine.
* The middle is cut where it falls. The 8x8 grid of the last compression then lies elsewhere for every scaling factor,
  and a network may read the factor from the grid alone: the middle of a piece of 512 begins 0, 1, 3, 5, 6 pixels into a
  block for .5 to .9, and 0, 1, 3, 5, 6, 0 for 1.0 to 1.5. `aligned=True` keeps it at 0.

Only what reaches the middle is computed; the result is that of whole pieces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from jpegtrace.chain import filters
from jpegtrace.chain.codec import compress, decompress
from jpegtrace.errors import ChainError, UsageError
from jpegtrace.tables import ijg_table

Pixels = NDArray[np.uint8]
NoiseScale = Literal["unit", "grey"]

PIECE = 512
SIDE = 256
FIRST_QUALITIES = (95, 97)
LAST_QUALITIES = (50, 90)
SUBSAMPLING = "420"
UNIT = 16  # pixels that such a compression treats together
CHROMA_REACH = 2  # pixels around a unit whose colour enters through upsampling


@dataclass(frozen=True, slots=True)
class Task:
    """One manipulation whose parameter is asked for.

    Attributes:
        name: what it is called.
        kind: "scale", "noise", "median" or "gaussian".
        values: parameter of each class, ascending.
        neutral: the value that changes nothing; its class is the unaltered one.
        method: of interpolation.
    """

    name: str
    kind: Literal["scale", "noise", "median", "gaussian"]
    values: tuple[float, ...]
    neutral: float
    method: Literal["bilinear", "bicubic"] = "bilinear"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of labels; "none" is the unaltered one."""
        return tuple("none" if value == self.neutral else f"{value:g}" for value in self.values)

    @property
    def sizes(self) -> bool:
        """Whether the parameter is the size of a kernel: odd."""
        return self.kind in ("median", "gaussian")

    def nearest(self, value: float) -> int:
        """The class whose parameter is closest; of two, the smaller."""
        return int(np.argmin(np.abs(np.array(self.values) - value)))

    def extent(self, extent: int, value: float) -> int:
        """Rows or columns after the manipulation."""
        return round(extent * value) if self.kind == "scale" else extent

    def needed(self, side: int, value: float) -> int:
        """Fewest rows or columns of a picture that leave `side` of them."""
        if self.sizes:
            return max(side, int(value) // 2 + 1)  # the border mirrors half a kernel
        return math.ceil(side / value) if self.kind == "scale" else side

    def check(self, value: float) -> None:
        """Refuse a parameter that cannot be.

        Raises:
            UsageError: it cannot.
        """
        if self.sizes:
            good, wanted = value >= 1 and value % 2 == 1, "odd"
        elif self.kind == "noise":
            good, wanted = value >= 0, "0 or more"
        else:
            good, wanted = value > 0, "more than 0"
        if not (good and math.isfinite(value)):
            raise UsageError(f"the parameter of {self.name} must be {wanted}, not {value:g}")


FACTORS = tuple(tenths / 10 for tenths in range(5, 16))
VARIANCES = (0.0, 0.1, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8)

TASKS = {
    task.name: task
    for task in (
        Task("scale-bilinear", "scale", FACTORS, 1.0, "bilinear"),
        Task("scale-bicubic", "scale", FACTORS, 1.0, "bicubic"),
        Task("noise", "noise", VARIANCES, 0.0),
        Task("median", "median", tuple(map(float, range(1, 16, 2))), 1.0),
        Task("gaussian", "gaussian", (1.0, 3.0, 7.0, 11.0, 15.0), 1.0),
    )
}


class _Span(NamedTuple):
    """Rows or columns from `start` to before `stop`, counted in the piece."""

    start: int
    stop: int


def task_named(name: str | Task) -> Task:
    """A task by name; a task is given back.

    Raises:
        UsageError: there is none of that name.
    """
    if isinstance(name, Task):
        return name
    if name not in TASKS:
        raise UsageError(f"there is no task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name]


def make(
    picture: Pixels,
    task: str | Task,
    class_index: int | None,
    rng: np.random.Generator,
    *,
    last_quality: int,
    first_quality: int,
    value: float | None = None,
    piece: int = PIECE,
    side: int = SIDE,
    noise_scale: NoiseScale = "unit",
    aligned: bool = False,
) -> Pixels:
    """One sample of a class, or of any value of the parameter.

    Args:
        picture: uint8 (rows, columns, 3), never compressed before.
        task: by name or itself.
        class_index: the class, or None where `value` is given.
        rng: draws the place of the piece, and noise.
        last_quality: IJG quality of the last compression.
        first_quality: IJG quality of the first compression.
        value: the parameter, instead of a class.
        piece: side of the piece; smaller pictures are used whole, and more is taken where too little would be left.
        side: of the middle that is kept.
        noise_scale: what the variance of noise counts; "unit" for samples in 0..1, "grey" for grey levels.
        aligned: keep the middle on the grid of the last compression.

    Returns:
        Luminance, uint8 (side, side).

    Raises:
        UsageError: the task, the class, the value or the scale does not exist.
        ChainError: the picture is none, or too small to leave `side` pixels.
    """
    task = task_named(task)
    value = _value(task, class_index, value)
    needed = _checked(picture, task, value, side)
    extents = [min(extent, max(piece, needed)) for extent in picture.shape[:2]]
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(picture.shape[:2], extents, strict=True))

    after = [task.extent(extent, value) for extent in extents]
    kept = [_middle(extent, side, aligned) for extent in after]
    made = [_compressed_with(span, extent) for span, extent in zip(kept, after, strict=True)]
    read = [_reads(task, value, extent, span) for extent, span in zip(extents, made, strict=True)]
    first = [_compressed_with(span, extent) for span, extent in zip(read, extents, strict=True)]

    pixels = picture[top : top + extents[0], left : left + extents[1]]
    pixels = _recompressed(_cut(pixels, first, [_Span(0, 0), _Span(0, 0)]), first_quality)
    pixels = _manipulated(_cut(pixels, read, first), task, value, rng, noise_scale, extents, made)
    pixels = _recompressed(pixels, last_quality)
    return filters.luma_of(_cut(pixels, kept, made))


def manipulate(
    pixels: Pixels,
    task: str | Task,
    value: float,
    rng: np.random.Generator | None = None,
    *,
    noise_scale: NoiseScale = "unit",
) -> Pixels:
    """The manipulation alone, on a whole picture.

    Args:
        pixels: uint8 (rows, columns, 3).
        task: by name or itself.
        value: the parameter.
        rng: draws noise; nothing else needs it.
        noise_scale: as for `make`.

    Raises:
        UsageError: the task, the value or the scale does not exist.
        ChainError: the picture is none, or too small.
    """
    task = task_named(task)
    task.check(value)
    _checked(pixels, task, value, 1)
    extents = pixels.shape[:2]
    whole = [_Span(0, task.extent(extent, value)) for extent in extents]
    return _manipulated(pixels, task, value, rng, noise_scale, extents, whole)


def draw(
    pictures: Sequence[Pixels],
    task: str | Task,
    count: int,
    rng: np.random.Generator,
    *,
    last_quality: tuple[int, int] = LAST_QUALITIES,
    first_quality: tuple[int, int] = FIRST_QUALITIES,
    values: tuple[float, float] | None = None,
    piece: int = PIECE,
    side: int = SIDE,
    noise_scale: NoiseScale = "unit",
    aligned: bool = False,
) -> tuple[Pixels, NDArray[np.int64], dict[str, NDArray[Any]]]:
    """Samples of all classes, equally many of each but for the rest of the division, in random order.

    Only pictures that are large enough for every class (or value) are used: otherwise what the small ones show would
    tell the class.

    Args:
        pictures: uint8 (rows, columns, 3), never compressed before.
        task: by name or itself.
        count: of samples.
        rng: draws everything; the same generator gives the same samples.
        last_quality: lowest and highest of the last compression.
        first_quality: lowest and highest of the first compression.
        values: draw the parameter uniformly between these two (odd sizes for kernels) instead of a class.
        piece: as for `make`.
        side: as for `make`.
        noise_scale: as for `make`.
        aligned: as for `make`.

    Returns:
        Luminance, uint8 (count, 1, side, side); labels, int64 (count,), with `values` the nearest class; and
        the truth by name, (count,) each: "value" of the parameter, "first_quality", "last_quality", and "picture", the
        index into `pictures`.

    Raises:
        UsageError: the task, the values or the scale does not exist.
        ChainError: no picture is large enough.
    """
    task = task_named(task)
    low, high = values or (task.values[0], task.values[-1])
    task.check(low)
    task.check(high)
    if low > high:
        raise UsageError(f"values go from the lower to the higher one, not from {low:g} to {high:g}")
    needed = task.needed(side, low if task.kind == "scale" else high)
    usable = [index for index, picture in enumerate(pictures) if min(picture.shape[:2]) >= needed]
    if not usable:
        raise ChainError(f"no picture has the {needed}x{needed} pixels that {task.name} needs to leave {side}x{side}")

    if values is None:
        labels = rng.permutation(np.arange(count) % len(task.values))
        parameter = np.array(task.values)[labels]
    else:
        parameter = rng.choice(np.arange(low, high + 1, 2), count) if task.sizes else rng.uniform(low, high, count)
        labels = np.array([task.nearest(each) for each in parameter], np.int64)
    truth = {
        "value": parameter,
        "first_quality": rng.integers(*first_quality, count, endpoint=True),
        "last_quality": rng.integers(*last_quality, count, endpoint=True),
        "picture": rng.choice(np.array(usable), count),
    }
    samples = np.empty((count, 1, side, side), np.uint8)
    for index in range(count):
        samples[index, 0] = make(
            pictures[truth["picture"][index]],
            task,
            None,
            rng,
            value=float(parameter[index]),
            last_quality=int(truth["last_quality"][index]),
            first_quality=int(truth["first_quality"][index]),
            piece=piece,
            side=side,
            noise_scale=noise_scale,
            aligned=aligned,
        )
    return samples, labels, truth


def _value(task: Task, class_index: int | None, value: float | None) -> float:
    """The parameter asked for, checked."""
    if value is not None and class_index is None:
        task.check(value)
        return value
    if value is not None or class_index is None:
        raise UsageError("give either a class or a value")
    if not 0 <= class_index < len(task.values):
        raise UsageError(f"{task.name} has classes 0 to {len(task.values) - 1}, not {class_index}")
    return task.values[class_index]


def _checked(picture: Pixels, task: Task, value: float, side: int) -> int:
    """Fewest rows and columns that will do; the picture has them."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ChainError(f"a picture must be uint8 (rows, columns, 3), not {picture.dtype} {picture.shape}")
    rows, cols = picture.shape[:2]
    needed = task.needed(side, value)
    if min(rows, cols) < needed:
        raise ChainError(
            f"{task.name} {value:g} needs a picture of {needed}x{needed} to leave {side}x{side}; this is {cols}x{rows}"
        )
    return needed


def _middle(extent: int, side: int, aligned: bool) -> _Span:
    start = (extent - side) // 2
    if aligned:
        start -= start % UNIT
    return _Span(start, start + side)


def _compressed_with(span: _Span, extent: int) -> _Span:
    """What must be compressed, out of `extent`, for `span` to come out as if everything were."""
    start, stop = span.start - CHROMA_REACH, span.stop + CHROMA_REACH
    return _Span(max(0, start // UNIT * UNIT), min(extent, -(-stop // UNIT) * UNIT))


def _recompressed(pixels: Pixels, quality: int) -> Pixels:
    tables = ijg_table(quality), ijg_table(quality, "chroma")
    rows, cols = pixels.shape[:2]
    return decompress(compress(pixels, *tables, SUBSAMPLING), tables, SUBSAMPLING, rows, cols)


def _cut(pixels: Pixels, spans: Sequence[_Span], origins: Sequence[_Span]) -> Pixels:
    """The spans, of pixels that begin where the origins do."""
    rows, cols = (slice(s.start - o.start, s.stop - o.start) for s, o in zip(spans, origins, strict=True))
    return pixels[rows, cols]


def _reads(task: Task, value: float, extent: int, made: _Span) -> _Span:
    """The samples that the manipulation needs for `made`."""
    if value == task.neutral or task.kind == "noise":
        return made
    if task.kind == "median":
        reach = int(value) // 2
        return _Span(max(0, made.start - reach), min(extent, made.stop + reach))
    sources, _ = _taps(task, value, extent, made)
    return _Span(int(sources.min()), int(sources.max()) + 1)


def _manipulated(
    pixels: Pixels,
    task: Task,
    value: float,
    rng: np.random.Generator | None,
    noise_scale: str,
    extents: Sequence[int],
    made: Sequence[_Span],
) -> Pixels:
    """The part `made` of the manipulated piece, from the part of it that `_reads` names."""
    if noise_scale not in ("unit", "grey"):
        raise UsageError(f"noise is in units or grey levels ('unit', 'grey'), not {noise_scale!r}")
    if value == task.neutral:
        return pixels
    if task.kind == "noise":
        if rng is None:
            raise UsageError("noise needs a generator")
        return filters.noise(pixels, math.sqrt(value) * (255 if noise_scale == "unit" else 1), rng)
    if task.kind == "median":
        read = [_reads(task, value, extent, span) for extent, span in zip(extents, made, strict=True)]
        return _cut(filters.median(pixels, int(value)), made, read)
    values: NDArray[np.float64] = pixels.astype(np.float64)
    for extent, span in zip(extents, made, strict=True):
        values = _along_first(values, *_taps(task, value, extent, span)).swapaxes(0, 1)
    return filters.to_bytes(values)


def _along_first(
    values: NDArray[np.float64], sources: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted sums along the first axis, which begins at the first of the sources."""
    made, taps = sources.shape
    indices, starts = (sources - sources.min()).ravel(), np.arange(0, made * taps + 1, taps)
    matrix = csr_array((np.broadcast_to(weights, sources.shape).ravel(), indices, starts), (made, len(values)))
    summed: NDArray[np.float64] = matrix @ values.reshape(len(values), -1)
    return summed.reshape(made, *values.shape[1:])


def _taps(task: Task, value: float, extent: int, made: _Span) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each sample made the samples it is summed of, (made, taps), and their weights."""
    places = np.arange(made.start, made.stop)
    if task.kind == "gaussian":
        kernel = filters.gaussian_kernel(int(value), None) / 256
        sources = places[:, None] + np.arange(len(kernel)) - len(kernel) // 2
        mirrored = np.abs(sources)
        return np.minimum(mirrored, 2 * (extent - 1) - mirrored), kernel
    position = (places + 0.5) / value - 0.5
    base = np.floor(position).astype(np.int64)
    t = position - base
    weights = [1 - t, t] if task.method == "bilinear" else _cubic(t)
    first = 1 - len(weights) // 2
    sources = base[:, None] + np.arange(first, first + len(weights))
    return np.clip(sources, 0, extent - 1), np.stack(weights, 1)


def _cubic(t: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Keys' cubic convolution (1981) with OpenCV's constant, at distances 1 + t, t, 1 - t and 2 - t."""
    a = filters.CUBIC_A

    def near(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return a * (((x - 5) * x + 8) * x - 4)

    return [far(1 + t), near(t), near(1 - t), far(2 - t)]
