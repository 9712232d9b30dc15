"""A published attack applied to a JPEG file, and the result with a label that says what was done.

The attack takes the place of the inverse DCT: every plane of stored coefficients becomes a plane of samples, and from
there on all is as in libjpeg's decoder, rounding, upsampling and colours.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jpegtrace import __version__
from jpegtrace._files import replacing
from jpegtrace.chain import _kernels
from jpegtrace.chain.filters import to_bytes
from jpegtrace.errors import CorruptInput, UnsupportedFormat, UsageError
from jpegtrace.jpeg import ComponentCoefficients
from jpegtrace.metadata import colour_space
from jpegtrace.picture import Picture
from jpegtrace.stress.attacks import ATTACKS, Method, Operation
from jpegtrace.stress.quality import psnr

CHUNK = "jpegtrace-operations"
PURPOSE = "made by jpegtrace to test forensic verdicts; not an original"

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Attacked:
    """An attacked picture.

    Attributes:
        pixels: (height, width) of a grey JPEG, (height, width, 3) of one in colour.
        attack: name of the attack.
        seed: that was given.
        operations: what was done, in order.
        psnr: in dB against what a decoder makes of the JPEG; None where both are the same.
        sha256: of the JPEG.
    """

    pixels: Pixels
    attack: str
    seed: int
    operations: tuple[Operation, ...]
    psnr: float | None
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """The label: all but the pixels, as JSON has it."""
        return {
            "purpose": PURPOSE,
            "jpegtrace": __version__,
            "attack": self.attack,
            "reference": ATTACKS[self.attack].reference,
            "seed": self.seed,
            "input-sha256": self.sha256,
            "psnr": self.psnr,
            "operations": [operation.to_dict() for operation in self.operations],
        }


def attack(picture: Picture, name: str, *, seed: int = 0) -> Attacked:
    """Attack a JPEG.

    Args:
        picture: a grey JPEG, or one in YCbCr, of any size and sampling.
        name: of `ATTACKS`.
        seed: not negative; of everything that is drawn.

    Raises:
        UsageError: there is no such attack, or the seed is negative.
        UnsupportedFormat: the picture is no JPEG, or has other components.
        CorruptInput: some blocks cannot be trusted, or a table is missing.
        ResourceError: the attack needs weights that are not there.
    """
    method = method_of(name)
    if seed < 0:
        raise UsageError(f"a seed is not negative, and not {seed}")
    components = _components(picture)
    shape = picture.height, picture.width
    most_down, most_across = max(c.v for c in components), max(c.h for c in components)
    operations = [Operation("decode", {"coefficients": "as stored"})]
    full = np.empty((len(components), *shape), np.uint8)
    for index, component in enumerate(components):
        table = _table(component, picture)
        if index == 0 or method.chroma:
            # Planes with a common seed would get the same noise.
            own_seed = int(np.random.SeedSequence((seed, index)).generate_state(1)[0])
            plane = to_bytes(method.run(component.blocks, table, own_seed))
            operations += _steps(method, table, index)
        else:
            plane = _decoded(component, table)
        _kernels.expand(plane, most_across // component.h, most_down // component.v, *shape, full[index])
    pixels = np.empty((*shape, len(components)), np.uint8)
    _kernels.join_colours(full, *shape, pixels)
    if len(components) == 3:
        operations.append(Operation("ycbcr-to-rgb", {"upsampling": "libjpeg"}))
    found = pixels if len(components) == 3 else pixels[..., 0]
    nearness = psnr(found, picture.raster.pixels.astype(np.uint8, copy=False))
    told = nearness if math.isfinite(nearness) else None
    return Attacked(found, name, seed, tuple(operations), told, picture.sha256)


def write_attacked(attacked: Attacked, path: str | os.PathLike[str]) -> Path:
    """Write an attacked picture as PNG with its label in a text chunk, and the label beside it as JSON.

    Args:
        attacked: what `attack` gave.
        path: `*.png`; the label goes to `*.json`. A picture and a label of these names are replaced.

    Returns:
        Where the label lies.

    Raises:
        UsageError: the name has another suffix, something else has the label's name, or the files cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise UsageError(f"an attacked picture is a PNG; call it *.png, not {target.name}")
    label = attacked.to_dict()
    chunks, buffer = PngInfo(), io.BytesIO()
    chunks.add_text(CHUNK, json.dumps(label, allow_nan=False))
    Image.fromarray(attacked.pixels).save(buffer, "PNG", pnginfo=chunks)
    png = buffer.getvalue()
    sidecar = target.with_suffix(".json")
    if sidecar.is_file() and not _is_label(sidecar):
        raise UsageError(f"the label would replace {sidecar}, which is something else; give the picture another name")
    beside = {"file": target.name, "sha256": hashlib.sha256(png).hexdigest(), **label}
    with replacing([sidecar, target]) as (draft_of_label, draft):
        draft_of_label.write_text(json.dumps(beside, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        draft.write_bytes(png)
    return sidecar


def _is_label(path: Path) -> bool:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("purpose") == PURPOSE


def method_of(name: str, besides: Iterable[str] = ()) -> Method:
    """The attack of this name.

    Args:
        name: of `ATTACKS`.
        besides: other names that would be right where this one is asked for, for the hint.

    Raises:
        UsageError: there is none.
    """
    if name in ATTACKS:
        return ATTACKS[name]
    names = [*besides, *ATTACKS]
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names)}"
    raise UsageError(f"there is no attack called {name!r}{hint}")


def _components(picture: Picture) -> tuple[ComponentCoefficients, ...]:
    """Components whose samples are Y, or Y, Cb and Cr."""
    components = picture.coefficients.components
    if len(components) == 1:
        return components
    if len(components) != 3 or _is_rgb(picture):
        raise UnsupportedFormat("only grey and YCbCr JPEG files are attacked", source=picture.source)
    most_down, most_across = max(c.v for c in components), max(c.h for c in components)
    if any(most_down % c.v or most_across % c.h for c in components):
        raise UnsupportedFormat("only whole numbers of pixels a sample are upsampled", source=picture.source)
    return components


def _table(component: ComponentCoefficients, picture: Picture) -> NDArray[np.uint16]:
    if component.table is None:
        raise CorruptInput("a component has no quantization table", source=picture.source)
    return component.table


def _is_rgb(picture: Picture) -> bool:
    """Whether decoders take three components for R, G and B."""
    if picture.jpeg is None or picture.metadata is None:
        return False
    return colour_space(picture.jpeg.frame, picture.metadata) == "RGB"


def _steps(method: Method, table: NDArray[np.uint16], index: int) -> list[Operation]:
    """What is done to one plane."""
    which = {"component": index}
    done = [Operation(step.name, {**which, **step.parameters}) for step in method.operations(table)]
    return [*done, Operation("round-and-clip", which)]


def _decoded(component: ComponentCoefficients, table: NDArray[np.uint16]) -> Pixels:
    """Whole blocks as the decoder has them."""
    rows, cols = component.blocks.shape[:2]
    plane = np.empty((8 * rows, 8 * cols), np.uint8)
    _kernels.inverse(component.blocks.copy(), table.astype(np.int32), plane)
    return plane
