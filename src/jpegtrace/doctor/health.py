"""What there is to know about an installation.

Nothing is taken on trust: a picture of every format is read, every weight file is compared with its card, and the
compiler is asked where it keeps the kernels.
"""

from __future__ import annotations

import io
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from jpegtrace import __version__
from jpegtrace._workers import cores
from jpegtrace.doctor import requirements
from jpegtrace.doctor.requirements import Extra
from jpegtrace.errors import JpegtraceError
from jpegtrace.jpeg import kernel_folder as decoder_folder
from jpegtrace.networks import Check, card_ids, verify, weights_folder
from jpegtrace.picture import Picture
from jpegtrace.raster import Format
from jpegtrace.raster.pillow import decoder_name

SIDE = 16  # pixels of the pictures that are read
PILLOW_NAMES = {Format.PNM: "PPM"}  # where Pillow calls a format otherwise
PILLOW_PARTS = ("libjpeg_turbo", "zlib", "libtiff", "webp", "avif", "littlecms2")
PACKAGES = ("numpy", "numba", "scipy", "onnxruntime", "pyarrow", "pillow")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class Codec:
    """Whether pictures of a format can be read.

    Attributes:
        format: its name.
        by: what decodes it.
        fault: why it cannot be read; empty where it can.
    """

    format: str
    by: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What was found of an installation.

    Attributes:
        versions: of jpegtrace, Python and everything that decides results.
        codecs: one for each format that is read.
        weights: one for each card.
        extras: optional parts.
        kernels: folder that compiled kernels are kept in; None where every process has to compile them anew.
        weights_folder: the user's folder of weights that do not ship; None where there is no home.
        cores: that this process may use.
        memory: bytes that this process may use; None where the system does not tell.
        faults: what keeps the default installation from being whole, each with what to do about it.
    """

    versions: Mapping[str, str]
    codecs: tuple[Codec, ...]
    weights: tuple[Check, ...]
    extras: tuple[Extra, ...]
    kernels: str | None
    weights_folder: str | None
    cores: int
    memory: int | None
    faults: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether the default installation can do everything that it promises."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {"whole": self.whole, **asdict(self)}


def examine() -> Health:
    """Look at everything; the first time it compiles a kernel, which takes some seconds."""
    needed = requirements.declared()
    codecs = tuple(codec_of(form) for form in Format)
    weights = tuple(verify(name) for name in card_ids())
    faults = [] if needed else ["jpegtrace is not installed as a package; install it with: pip install jpegtrace"]
    faults += [f"{what} is missing; install jpegtrace again" for what in requirements.missing(needed)]
    faults += [f"{one.format} cannot be read ({one.fault}); install pillow again" for one in codecs if one.fault]
    faults += [f"the weights {check.id!r} are {check.state}: {check.told}" for check in weights if check.failed]
    return Health(
        versions=versions(),
        codecs=codecs,
        weights=weights,
        extras=requirements.extras(needed),
        kernels=kernel_folder(),
        weights_folder=_weights_folder(),
        cores=cores(),
        memory=usable_memory(),
        faults=tuple(faults),
    )


def versions() -> dict[str, str]:
    """Of all that decides results."""
    found = {"jpegtrace": __version__, "Python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    for part in PILLOW_PARTS:
        name = f"pillow: {part.replace('_', '-')}"
        found[name] = str(features.version(part)) if features.check(part) else "not there"
    return found


def codec_of(form: Format) -> Codec:
    """Write a picture and read it."""
    by = decoder_name(form)
    try:
        picture = Picture.open(_written(form))
        rows, cols = picture.raster.pixels.shape[:2]
        if picture.jpeg is not None:
            by = f"jpegtrace; decoded pixels by {by}"
            rows, cols = (8 * blocks for blocks in picture.coefficients.components[0].blocks.shape[:2])
    except (JpegtraceError, OSError, KeyError) as error:  # the latter two where Pillow cannot even write the format
        return Codec(form, by, str(error) or type(error).__name__)
    fault = "" if (rows, cols) == (SIDE, SIDE) else f"{cols} x {rows} pixels are read of {SIDE} x {SIDE}"
    return Codec(form, by, fault)


def _written(form: Format) -> bytes:
    ramp = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8) * 8
    out = io.BytesIO()
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp[:, ::-1]], -1)).save(out, PILLOW_NAMES.get(form, form.upper()))
    return out.getvalue()


def kernel_folder() -> str | None:
    """Where compiled kernels are kept; None where they cannot be."""
    folder = decoder_folder()
    return str(folder) if folder and _writable(folder) else None


def _writable(folder: Path) -> bool:
    """Whether files can be written there, or it can be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


def _weights_folder() -> str | None:
    try:
        return str(weights_folder())
    except JpegtraceError:
        return None


def usable_memory() -> int | None:
    """Bytes of memory that this process may use: those of the machine, or the limit of its container."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None
    try:
        return min(total, int(CGROUP_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return total
