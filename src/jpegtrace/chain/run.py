"""Carry out a history and write down what happened."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from jpegtrace.chain import encoders, filters, language
from jpegtrace.chain.language import Chain, Step
from jpegtrace.chain.sampling import LARGEST_BLOCK, MAX_SIDE, factors
from jpegtrace.chain.truth import Compression, Donor, Executed, Truth
from jpegtrace.errors import ChainError, InputError

Pixels = NDArray[np.uint8]
Picture: TypeAlias = "Pixels | Image.Image | str | os.PathLike[str]"

GRID_PERIOD = LARGEST_BLOCK  # one remainder serves luma and chroma
MAX_DONORS = 255


@dataclass(frozen=True)
class Simulated:
    """A picture with a known history.

    Attributes:
        data: the file that the last step wrote; None when the last step is not a compression.
        pixels: uint8 (rows, columns, 3) or (rows, columns), what Pillow decodes from the file.
        truth: what happened.
    """

    data: bytes | None
    pixels: Pixels
    truth: Truth


@dataclass(frozen=True)
class _Track:
    """A compression on its way through later steps: where its grid is now."""

    compression: Compression
    edge: tuple[int, int] | None = (0, 0)
    transposed: bool = False

    def finished(self) -> Compression:
        """The compression with its grid in the current picture."""
        across, down = factors(self.compression.subsampling)
        if self.transposed:
            across, down = down, across
        origin = chroma = None
        if self.edge is not None:
            origin = self.edge[0] % 8, self.edge[1] % 8
            if self.compression.chroma_steps:
                chroma = self.edge[0] % (8 * down), self.edge[1] % (8 * across)
        return replace(self.compression, origin=origin, chroma_origin=chroma, transposed=self.transposed)


@dataclass(frozen=True)
class _DonorTrack:
    donor: Donor
    tracks: tuple[_Track, ...]


@dataclass(frozen=True)
class _State:
    """A picture in the middle of its history."""

    pixels: Pixels
    data: bytes | None = None
    tracks: tuple[_Track, ...] = ()
    donors: tuple[_DonorTrack, ...] = ()
    regions: NDArray[np.uint8] | None = None
    steps: tuple[Executed, ...] = ()


@dataclass(frozen=True)
class _Context:
    """What steps may look at besides the picture."""

    input: Pixels
    pictures: Mapping[str, Any]
    seed: int
    path: tuple[int, ...] = field(default=())

    def generator(self) -> np.random.Generator:
        """Chance of one step: independent of how much the steps before it drew."""
        return np.random.default_rng([self.seed, *self.path])

    def find(self, name: str) -> Pixels:
        """A picture by the name given to `simulate`, or from a file."""
        return _as_pixels(self.pictures.get(name, name))


def simulate(
    picture: Picture, chain: str | Chain, seed: int = 0, *, pictures: Mapping[str, Picture] | None = None
) -> Simulated:
    """Carry out a chain on a picture.

    Args:
        picture: uint8 array (rows, columns[, 3]), a Pillow picture or a path; pixels as stored, not oriented, and
            nothing converted: alpha, CMYK and 16 bits are refused.
        chain: text or `Chain`.
        seed: of all noise; the same seed gives the same bytes with the same versions of the codecs.
        pictures: donors and masks that the chain names; names that are not here are paths.

    Raises:
        ChainError: the chain does not parse or cannot be carried out on this picture.
        MissingExtra: an encoder needs a package that is not installed.
    """
    parsed = Chain.parse(chain) if isinstance(chain, str) else chain
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ChainError(f"the seed must be a whole number from 0, not {seed!r}")
    pixels = _as_pixels(picture)
    context = _Context(input=pixels, pictures=pictures or {}, seed=seed)
    state = _run(_State(pixels), parsed, context)
    truth = Truth(
        chain=str(parsed),
        seed=seed,
        input_size=_size(pixels),
        input_sha256=_digest(pixels),
        output_size=_size(state.pixels),
        decoder=encoders.find("libjpeg-turbo").version(),
        steps=state.steps,
        compressions=tuple(track.finished() for track in state.tracks),
        donors=tuple(
            replace(part.donor, compressions=tuple(track.finished() for track in part.tracks)) for part in state.donors
        ),
        regions=state.regions,
    )
    return Simulated(data=state.data, pixels=state.pixels, truth=truth)


def splice(
    background: Picture,
    donor: Picture,
    mask: NDArray[Any],
    *,
    background_chain: str | Chain = "",
    donor_chain: str | Chain = "",
    chain: str | Chain = "",
    at: tuple[int, int] = (0, 0),
    seed: int = 0,
) -> Simulated:
    """Put a region of a donor, with a history of its own, into a picture, and go on with `chain`.

    The chain in the truth record names the donor "donor" and the mask "mask"; `simulate` carries it out again with
    `pictures={"donor": ..., "mask": ...}`.

    Args:
        background: the picture.
        donor: the other picture.
        mask: (rows, columns) of the background after its chain; not 0 is inside.
        background_chain: history of the picture before.
        donor_chain: history of the donor before.
        chain: what happens to both afterwards.
        at: column and row of the picture where the donor's top-left corner comes to lie.
        seed: as in `simulate`.
    """
    before, inside, after = (
        Chain.parse(part) if isinstance(part, str) else part for part in (background_chain, donor_chain, chain)
    )
    step = language.Splice(mask="mask", donor="donor", at=at, chain=inside)
    pictures: dict[str, Any] = {"donor": donor, "mask": (np.asarray(mask) != 0).astype(np.uint8)}
    return simulate(background, before + Chain((step,)) + after, seed, pictures=pictures)


def _run(state: _State, chain: Chain, context: _Context) -> _State:
    for index, step in enumerate(chain):
        handler = _HANDLERS[type(step)]
        try:
            state, led_to = handler(replace(state, data=None), step, replace(context, path=(*context.path, index)))
        except ChainError as error:
            raise ChainError(f"step {index + 1} {language.brief(str(step))}: {error}") from None
        parameters = {key: _recorded(value) for key, value in (step.parameters() | led_to).items()}
        state = replace(state, steps=(*state.steps, Executed(step.name, parameters)))
    return state


def _recorded(value: Any) -> Any:
    if isinstance(value, Chain):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


# --- pictures -----------------------------------------------------------------------------------------------------


def _as_pixels(picture: Any) -> Pixels:
    if isinstance(picture, str | os.PathLike):
        return _from_file(picture)
    if isinstance(picture, Image.Image):
        return _from_pillow(picture)
    array = np.asarray(picture)
    colour = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != np.uint8 or not (array.ndim == 2 or colour) or array.size == 0:
        raise ChainError(f"a picture must be uint8 (rows, columns[, 3]), not {array.dtype} {array.shape}")
    return np.array(array, order="C")  # a copy: the result must not share memory with the input


def _from_file(path: str | os.PathLike[str]) -> Pixels:
    """The exact pixels of a file; what is not 8-bit grey or RGB is refused, never converted."""
    from jpegtrace.picture import Picture as File  # numba: only where a file is named

    shown = language.brief(os.fsdecode(path))
    try:
        raster = File.open(path).raster
    except InputError as error:
        reason = str(error).removeprefix(f"{error.source}: ")
        raise ChainError(f"the picture {shown} cannot be read: {reason}") from None
    if raster.alpha is not None:
        raise ChainError(f"the picture {shown} has an alpha channel, which a chain would lose; save it without")
    if raster.bits != 8 or raster.mode not in ("grey", "rgb"):
        kind = f"{raster.bits}-bit {'CMYK' if raster.mode == 'cmyk' else raster.mode}"
        raise ChainError(f"the picture {shown} is {kind}; a chain takes 8-bit grey or RGB")
    return np.array(raster.pixels, np.uint8, order="C")


def _from_pillow(image: Image.Image) -> Pixels:
    """Pixels of a Pillow picture where that is exact: grey and RGB as they are, bilevel and palettes resolved."""
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or image.has_transparency_data:
        raise ChainError(f"the Pillow picture of mode {image.mode} has transparency, which a chain would lose")
    if image.mode not in ("1", "L", "P", "RGB"):
        raise ChainError(f"a Pillow picture must have mode L, RGB, 1 or P, not {image.mode}; convert it first")
    if 0 in image.size:
        raise ChainError("the Pillow picture has no pixels")
    exact = {"1": "L", "P": "RGB"}.get(image.mode, image.mode)
    try:
        return np.array(image if exact == image.mode else image.convert(exact))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow decodes a file only now
        raise ChainError(f"the Pillow picture cannot be decoded: {error}") from None


def _size(pixels: NDArray[Any]) -> tuple[int, int]:
    return int(pixels.shape[0]), int(pixels.shape[1])


def _digest(pixels: Pixels) -> str:
    return hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def _decode(data: bytes) -> Pixels:
    # By name: Image.open would refuse large pictures, by a limit that is not ours.
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
        return np.array(image)


# --- steps --------------------------------------------------------------------------------------------------------

_Outcome = tuple[_State, dict[str, Any]]


def _jpeg(state: _State, step: language.Jpeg, context: _Context) -> _Outcome:
    encoder = encoders.find(step.encoder)
    settings = encoders.Settings(
        quality=step.quality,
        tables=_tables(step),
        subsampling=step.subsampling,
        progressive=step.progressive,
        optimize=step.optimize,
        restart=step.restart,
    )
    data, written = encoders.encode(state.pixels, step.encoder, settings)
    quality = None if settings.tables is not None else (step.quality or encoder.quality)
    compression = Compression(
        step=context.path[-1],
        encoder=step.encoder,
        version=encoder.version(),
        quality=quality,
        luma_steps=tuple(written.luma_table.ravel().tolist()),
        chroma_steps=() if written.chroma_table is None else tuple(written.chroma_table.ravel().tolist()),
        subsampling=written.subsampling,
        progressive=written.progressive,
        restart=written.restart,
        origin=None,
        chroma_origin=None,
        transposed=False,
    )
    after = replace(state, pixels=_decode(data), data=data, tracks=(*state.tracks, _Track(compression)))
    return after, {"quality": quality, "subsampling": written.subsampling, "progressive": written.progressive}


def _tables(step: language.Jpeg) -> tuple[NDArray[np.uint16], NDArray[np.uint16]] | None:
    """Luma and chroma table of a step; one table serves for both."""
    if step.table is None:
        return None
    literal = step.literal_tables()
    if literal is not None:
        found = [np.array(numbers, np.uint16).reshape(8, 8) for numbers in literal]
    else:
        from jpegtrace.tables import named_table

        try:
            found = [np.asarray(table, np.uint16) for table in named_table(step.table)]
        except (KeyError, ValueError) as error:
            raise ChainError(f"table {language.brief(step.table)}: {error}") from None
    return found[0], found[min(1, len(found) - 1)]


_Move = Callable[[tuple[int, int]], tuple[int, int]]


def _moved(state: _State, move: _Move | None, *, transpose: bool = False) -> _State:
    """All grids moved along with the picture; None when the step destroys them."""

    def moved(track: _Track) -> _Track:
        edge = None
        if move is not None and track.edge is not None:
            row, col = move(track.edge)
            edge = row % GRID_PERIOD, col % GRID_PERIOD
        return replace(track, edge=edge, transposed=track.transposed != transpose)

    return replace(
        state,
        tracks=tuple(map(moved, state.tracks)),
        donors=tuple(replace(part, tracks=tuple(map(moved, part.tracks))) for part in state.donors),
    )


def _crop(state: _State, step: language.Crop, _: _Context) -> _Outcome:
    rows, cols = _size(state.pixels)
    height = rows - step.dy if step.height is None else step.height
    width = cols - step.dx if step.width is None else step.width
    if height < 1 or width < 1 or step.dy + height > rows or step.dx + width > cols:
        raise ChainError(f"the piece {width}x{height} at {step.dx},{step.dy} is not inside the {cols}x{rows} picture")
    cut = np.s_[step.dy : step.dy + height, step.dx : step.dx + width]
    moved = _moved(state, lambda edge: (edge[0] - step.dy, edge[1] - step.dx))
    regions = None if state.regions is None else np.ascontiguousarray(state.regions[cut])
    after = replace(moved, pixels=np.ascontiguousarray(state.pixels[cut]), regions=regions)
    return after, {"width": width, "height": height}


def _flip(state: _State, step: language.Flip, _: _Context) -> _Outcome:
    rows, cols = _size(state.pixels)
    # An edge between pixels at x comes to lie at width - x.
    if step.direction == "h":
        moved = _moved(state, lambda edge: (edge[0], cols - edge[1]))
    else:
        moved = _moved(state, lambda edge: (rows - edge[0], edge[1]))
    regions = None if state.regions is None else filters.flipped(state.regions, step.direction)
    return replace(moved, pixels=filters.flipped(state.pixels, step.direction), regions=regions), {}


def _rotate(state: _State, step: language.Rotate, _: _Context) -> _Outcome:
    rows, cols = _size(state.pixels)
    degrees = int(step.degrees)
    moves: dict[int, _Move] = {
        90: lambda edge: (cols - edge[1], edge[0]),
        180: lambda edge: (rows - edge[0], cols - edge[1]),
        270: lambda edge: (edge[1], rows - edge[0]),
    }
    moved = _moved(state, moves[degrees], transpose=degrees != 180)
    regions = None if state.regions is None else filters.turned(state.regions, degrees)
    return replace(moved, pixels=filters.turned(state.pixels, degrees), regions=regions), {}


def _resize(state: _State, step: language.Resize, _: _Context) -> _Outcome:
    rows, cols = _size(state.pixels)
    if isinstance(step.size, tuple):
        width, height = step.size
    else:
        width, height = max(1, round(cols * step.size)), max(1, round(rows * step.size))
    if max(width, height) > MAX_SIDE:
        raise ChainError(f"the result would be {width}x{height}; at most {MAX_SIDE} a side")
    led_to = {"width": width, "height": height}
    if (height, width) == (rows, cols):
        return state, led_to
    regions = state.regions
    if regions is not None:
        regions = filters.resize(regions, height, width, "nearest", antialias=True)
    pixels = filters.resize(state.pixels, height, width, step.method, step.antialias)
    return replace(_moved(state, None), pixels=pixels, regions=regions), led_to


def _splice(state: _State, step: language.Splice, context: _Context) -> _Outcome:
    if len(state.donors) >= MAX_DONORS:
        raise ChainError(f"a picture can have at most {MAX_DONORS} donors")
    source = context.input if step.donor is None else context.find(step.donor)
    inner = _run(_State(source), step.chain, context)
    rows, cols = _size(state.pixels)
    mask = _region(step, rows, cols, context)
    dx, dy = step.at
    top, left, bottom, right = _bounds(mask)
    if top < dy or left < dx or bottom > dy + inner.pixels.shape[0] or right > dx + inner.pixels.shape[1]:
        raise ChainError(
            f"the donor covers {inner.pixels.shape[1]}x{inner.pixels.shape[0]} from {dx},{dy}, which does not hold the "
            f"region {right - left}x{bottom - top} at {left},{top}"
        )
    lent = _matching(inner.pixels, state.pixels)
    pixels = state.pixels.copy()
    inside = mask[top:bottom, left:right]
    pixels[top:bottom, left:right][inside] = lent[top - dy : bottom - dy, left - dx : right - dx][inside]
    label = len(state.donors) + 1
    regions = np.zeros((rows, cols), np.uint8) if state.regions is None else state.regions.copy()
    regions[mask] = label
    donor = Donor(
        label=label,
        step=context.path[-1],
        source="input" if step.donor is None else step.donor,
        input_size=_size(source),
        input_sha256=_digest(source),
        chain=str(step.chain),
        steps=inner.steps,
        compressions=(),
    )
    tracks = _moved(inner, lambda edge: (edge[0] + dy, edge[1] + dx)).tracks
    after = replace(state, pixels=pixels, regions=regions, donors=(*state.donors, _DonorTrack(donor, tracks)))
    return after, {"label": label, "pixels": int(mask.sum())}


def _region(step: language.Splice, rows: int, cols: int, context: _Context) -> NDArray[np.bool_]:
    if step.mask is not None:
        picture = context.find(step.mask)
        mask = picture.any(axis=2) if picture.ndim == 3 else picture != 0
        if mask.shape != (rows, cols):
            raise ChainError(f"the mask is {mask.shape[1]}x{mask.shape[0]}, the picture {cols}x{rows}")
    else:
        x, y, width, height = step.rect or step.ellipse or (0, 0, 0, 0)
        if x + width > cols or y + height > rows:
            raise ChainError(f"the region {width}x{height} at {x},{y} is not inside the {cols}x{rows} picture")
        shape = filters.rectangle if step.rect is not None else filters.ellipse
        mask = shape(rows, cols, x, y, width, height)
    if not mask.any():
        raise ChainError("the region is empty")
    return np.asarray(mask)


def _bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of the smallest rectangle around a mask."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1


def _matching(donor: Pixels, background: Pixels) -> Pixels:
    """The donor in the background's number of channels."""
    if background.ndim == 2:
        return filters.luma_of(donor)
    return np.stack([donor] * 3, axis=2) if donor.ndim == 2 else donor


def _filtered(state: _State, pixels: Pixels, **led_to: Any) -> _Outcome:
    """A step that leaves every pixel in its place, and so every grid."""
    return replace(state, pixels=pixels), led_to


def _blur(state: _State, step: language.Blur, _: _Context) -> _Outcome:
    sigma = step.sigma if step.sigma is not None or step.kind == "box" else filters.default_sigma(step.size)
    return _filtered(state, filters.blur(state.pixels, step.kind, step.size, step.sigma), sigma=sigma)


def _noise(state: _State, step: language.Noise, context: _Context) -> _Outcome:
    deviation = step.deviation
    pixels = filters.noise(state.pixels, deviation, context.generator())
    return _filtered(state, pixels, sigma=deviation, var=deviation**2 if step.var is None else step.var)


_HANDLERS: dict[type[Step], Callable[[_State, Any, _Context], _Outcome]] = {
    language.Jpeg: _jpeg,
    language.Crop: _crop,
    language.Flip: _flip,
    language.Rotate: _rotate,
    language.Resize: _resize,
    language.Splice: _splice,
    language.Blur: _blur,
    language.Noise: _noise,
    language.Median: lambda state, step, _: _filtered(state, filters.median(state.pixels, step.size)),
    language.Brightness: lambda state, step, _: _filtered(state, filters.brightness(state.pixels, step.delta)),
    language.Contrast: lambda state, step, _: _filtered(state, filters.contrast(state.pixels, step.factor)),
    language.Gamma: lambda state, step, _: _filtered(state, filters.gamma(state.pixels, step.exponent)),
    language.Sharpen: lambda state, step, _: _filtered(state, filters.sharpen(state.pixels, step.radius, step.percent)),
    language.Grey: lambda state, *_: _filtered(state, filters.luma_of(state.pixels)),
    language.ColourRoundtrip: lambda state, *_: _filtered(state, filters.colour_roundtrip(state.pixels)),
}
