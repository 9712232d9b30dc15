"""Encoders by name: the one that Pillow brings, and old and unusual ones from the optional package `jpeglib`.

=================  ===================================================================================================
name               what it is
=================  ===================================================================================================
libjpeg-turbo      Pillow's libjpeg-turbo; quality 75, 4:2:0 unless told otherwise
pillow             the same under the name of the program: `Image.save` without options gives these very bytes
opencv             the same codec with the defaults of `cv2.imencode`, byte for byte: quality 95, 4:2:0
turbo-210          libjpeg-turbo 2.1.0
mozjpeg            mozjpeg 4.0.3: own tables, trellis quantization, always progressive
libjpeg-6b         the codec of the nineties; same arithmetic as libjpeg-turbo
libjpeg-7, -8, -9  IJG 7, 8d and 9f: chroma is shrunk and enlarged by scaled DCTs instead of averaging
=================  ===================================================================================================

The codec version of `jpeglib` is global to the process. It is changed under a lock and restored, so threads are safe
but wait for each other: use processes for speed, and do not use `jpeglib` yourself in another thread meanwhile.

After every call the tables, the sampling and the kind of file are read back from what was written and compared.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.chain.filters import luma_of, to_image
from jpegtrace.chain.sampling import FACTORS, MAX_SIDE, SUBSAMPLINGS
from jpegtrace.errors import ChainError, InputError, MissingExtra
from jpegtrace.limits import DEFAULT_LIMITS

Pixels = NDArray[np.uint8]
Table = NDArray[np.uint16]


@dataclass(frozen=True)
class Settings:
    """What to ask of an encoder; None means its own default.

    Attributes:
        quality: 1..100 on the encoder's own scale.
        tables: luma and chroma table, row-major; excludes a quality.
        subsampling: a name of `jpegtrace.chain.sampling`.
        progressive: spectral selection and successive approximation.
        optimize: Huffman tables made for the picture.
        restart: restart interval in MCUs, 0 for none.
    """

    quality: int | None = None
    tables: tuple[Table, Table] | None = None
    subsampling: str | None = None
    progressive: bool = False
    optimize: bool = False
    restart: int = 0


@dataclass(frozen=True)
class Written:
    """What the header of a JPEG says.

    Attributes:
        luma_table: row-major (8, 8).
        chroma_table: the table of Cb and Cr; None for one component.
        subsampling: a name of `jpegtrace.chain.sampling`.
        progressive: whether the frame is progressive.
        restart: restart interval in MCUs.
        rows: height in pixels.
        cols: width in pixels.
    """

    luma_table: Table
    chroma_table: Table | None
    subsampling: str
    progressive: bool
    restart: int
    rows: int
    cols: int


@dataclass(frozen=True)
class Encoder:
    """One entry of the registry.

    Attributes:
        name: what a chain calls it.
        doc: one line.
        quality: its default quality.
        subsamplings: which it can write.
        largest_step: largest entry of a custom table.
        encode: pixels and complete settings to bytes.
        version: of the codec, for the truth record.
        sequential: it can write files that are not progressive.
        restarts: it can write restart markers.
    """

    name: str
    doc: str
    quality: int
    subsamplings: tuple[str, ...]
    largest_step: int
    encode: Callable[[Pixels, Settings], bytes]
    version: Callable[[], str]
    sequential: bool = True
    restarts: bool = True


_REGISTRY: dict[str, Encoder] = {}


def register(encoder: Encoder) -> Encoder:
    """Add an encoder; a name that is taken is an error."""
    if encoder.name in _REGISTRY:
        raise ChainError(f"there is already an encoder called {encoder.name!r}")
    _REGISTRY[encoder.name] = encoder
    return encoder


def names() -> tuple[str, ...]:
    """The names of all encoders."""
    return tuple(_REGISTRY)


def find(name: str) -> Encoder:
    """The encoder of this name."""
    try:
        return _REGISTRY[name]
    except KeyError:
        raise ChainError(f"there is no encoder {name!r}; there are {', '.join(_REGISTRY)}") from None


def encode(pixels: Pixels, encoder: str = "libjpeg-turbo", settings: Settings | None = None) -> tuple[bytes, Written]:
    """Compress, and read back what was written.

    Args:
        pixels: uint8 (rows, columns, 3) or (rows, columns).
        encoder: a registered name.
        settings: what to ask for.

    Raises:
        ChainError: the encoder cannot do what is asked, or did something else.
        MissingExtra: the encoder needs `jpeglib`.
    """
    chosen = find(encoder)
    wanted = _completed(chosen, settings or Settings(), pixels)
    if wanted.subsampling == "grey":
        pixels = luma_of(pixels)
    data = chosen.encode(pixels, wanted)
    written = read_header(data)
    _check_written(chosen, wanted, written)
    return data, written


def _completed(encoder: Encoder, settings: Settings, pixels: Pixels) -> Settings:
    """Defaults filled in, impossible wishes refused."""
    if max(pixels.shape[:2]) > MAX_SIDE or 0 in pixels.shape:
        raise ChainError(f"a JPEG has 1 to {MAX_SIDE} pixels a side, not {pixels.shape[1]}x{pixels.shape[0]}")
    subsampling = "grey" if pixels.ndim == 2 else settings.subsampling or "420"
    if subsampling not in encoder.subsamplings:
        able = [name for name in _REGISTRY if subsampling in _REGISTRY[name].subsamplings]
        hint = f"; these do: {', '.join(able)}" if able else ""
        raise ChainError(f"encoder {encoder.name} does not write subsampling {subsampling}{hint}")
    if settings.restart and not encoder.restarts:
        raise ChainError(f"encoder {encoder.name} does not write restart markers; libjpeg-turbo does")
    if settings.tables is not None:
        if settings.quality is not None:
            raise ChainError("a JPEG step takes a quality or tables, not both")
        largest = max(int(table.max()) for table in settings.tables)
        smallest = min(int(table.min()) for table in settings.tables)
        if smallest < 1 or largest > encoder.largest_step:
            wrong = largest if largest > encoder.largest_step else smallest
            raise ChainError(f"encoder {encoder.name} writes table entries 1..{encoder.largest_step}, not {wrong}")
        return replace(settings, subsampling=subsampling)
    quality = encoder.quality if settings.quality is None else settings.quality
    if not 1 <= quality <= 100:
        raise ChainError(f"quality must lie in 1..100, not {quality}")
    return replace(settings, subsampling=subsampling, quality=quality)


def _check_written(encoder: Encoder, wanted: Settings, written: Written) -> None:
    """A history whose record differs from its file would poison everything built on it."""
    problems = []
    if written.subsampling != wanted.subsampling:
        problems.append(f"subsampling {written.subsampling} instead of {wanted.subsampling}")
    if encoder.sequential and written.progressive != wanted.progressive:
        problems.append("another kind of frame")
    if written.restart != wanted.restart:
        problems.append(f"restart interval {written.restart} instead of {wanted.restart}")
    if wanted.tables is not None:
        pairs = zip((written.luma_table, written.chroma_table), wanted.tables, strict=True)
        if any(found is not None and not np.array_equal(found, table) for found, table in pairs):
            problems.append("other tables than asked for")
    if problems:
        raise ChainError(f"encoder {encoder.name} wrote {', '.join(problems)}")


# --- reading headers back -----------------------------------------------------------------------------------------


def read_header(data: bytes) -> Written:
    """Tables, sampling and frame of a JPEG that one of these encoders wrote.

    Raises:
        ChainError: it breaks the rules of JPEG, or is no three-component or grey picture with a sampling of ours.
    """
    from jpegtrace.jpeg import read_structure  # numba: only where something was compressed

    try:
        structure = read_structure(data, DEFAULT_LIMITS)
    except InputError as error:
        raise ChainError(f"the encoder wrote a file that cannot be read back: {error}") from None
    for damage in structure.damage:
        raise ChainError(f"the encoder wrote a damaged file: {damage.what} (at byte {damage.offset})")
    frame = structure.frame
    used = [table.table for table in map(structure.table_of, range(len(frame.components))) if table is not None]
    if len(used) < len(frame.components):
        raise ChainError("the encoder wrote a component without a table")
    luma, *chroma = used
    if any(not np.array_equal(table, chroma[0]) for table in chroma):
        raise ChainError("the encoder wrote different tables for the two chroma components")
    return Written(
        luma_table=luma,
        chroma_table=chroma[0] if chroma else None,
        subsampling=_subsampling([(component.h, component.v) for component in frame.components]),
        progressive=frame.kind == "progressive",
        restart=structure.restart_interval,
        rows=frame.height,
        cols=frame.width,
    )


def _subsampling(sampling: list[tuple[int, int]]) -> str:
    """The name of the sampling factors of a frame."""
    for name in SUBSAMPLINGS:
        expected = [(1, 1)] if name == "grey" else [FACTORS[name], (1, 1), (1, 1)]
        if sampling == expected:
            return name
    raise ChainError(f"the encoder wrote sampling factors {'-'.join(f'{h}x{v}' for h, v in sampling)}")


# --- Pillow -------------------------------------------------------------------------------------------------------

PILLOW_SUBSAMPLING = {"444": 0, "422": 1, "420": 2, "grey": -1}


def _encode_pillow(pixels: Pixels, settings: Settings) -> bytes:
    options: dict[str, Any] = {"subsampling": PILLOW_SUBSAMPLING[settings.subsampling or "420"]}
    if settings.tables is not None:
        options["qtables"] = [table.ravel().tolist() for table in settings.tables[: 1 if pixels.ndim == 2 else 2]]
    else:
        options["quality"] = settings.quality
    if settings.restart:
        options["restart_marker_blocks"] = settings.restart
    stream = io.BytesIO()
    image = to_image(pixels)
    image.save(stream, "JPEG", progressive=settings.progressive, optimize=settings.optimize, **options)
    return stream.getvalue()


def _pillow_version() -> str:
    import PIL
    from PIL import features

    return f"libjpeg-turbo {features.version('libjpeg_turbo')} (Pillow {PIL.__version__})"


for _name, _doc, _quality in (
    ("libjpeg-turbo", "Pillow's libjpeg-turbo", 75),
    ("pillow", "what Image.save writes without options", 75),
    ("opencv", "what cv2.imwrite writes without options, byte for byte", 95),
):
    register(
        Encoder(
            name=_name,
            doc=_doc,
            quality=_quality,
            subsamplings=tuple(PILLOW_SUBSAMPLING),
            largest_step=255,
            encode=_encode_pillow,
            version=_pillow_version,
        )
    )


# --- jpeglib ------------------------------------------------------------------------------------------------------

_JPEGLIB_LOCK = threading.Lock()


def _fresh_lock() -> None:
    """A process that is forked while another thread holds the lock would wait for it forever."""
    global _JPEGLIB_LOCK
    _JPEGLIB_LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_lock)


def _jpeglib() -> ModuleType:
    try:
        import jpeglib
    except ImportError as error:
        raise MissingExtra("encoders", "this encoder") from error
    module: ModuleType = jpeglib
    return module


@contextmanager
def _codec(version: str) -> Iterator[ModuleType]:
    """`jpeglib` switched to a codec, alone in the process, and switched back whatever happens."""
    module = _jpeglib()
    with _JPEGLIB_LOCK:
        before = module.version.get()
        module.version.set(version)
        try:
            yield module
        finally:
            if before is not None:
                module.version.set(before)


@contextmanager
def _path_without_file() -> Iterator[Path]:
    """A path that can be written and read: memory where the system offers it, else a temporary file."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("jpegtrace")
        try:
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "chain.jpg"


def _encode_jpeglib(codec: str, pixels: Pixels, settings: Settings) -> bytes:
    rows, cols = pixels.shape[:2]
    # Every application writes 8-bit tables for low qualities; libjpeg by itself would write 16-bit ones.
    flags = ["+FORCE_BASELINE"]
    if settings.progressive:
        flags.append("+PROGRESSIVE_MODE")
    if settings.optimize:
        flags.append("+OPTIMIZE_CODING")
    quality: int | NDArray[np.uint16] | None = settings.quality
    if settings.tables is not None:
        quality = np.stack(settings.tables[: 1 if pixels.ndim == 2 else 2]).astype(np.uint16)
    with _codec(codec) as module, _path_without_file() as path:
        picture = module.from_spatial(np.ascontiguousarray(pixels.reshape(rows, cols, -1)))
        if settings.subsampling != "grey":
            across, down = FACTORS[settings.subsampling or "420"]
            picture.samp_factor = np.array([[down, across], [1, 1], [1, 1]])
        picture.write_spatial(str(path), qt=quality, flags=flags)
        return _usual_component_ids(path.read_bytes())


def _usual_component_ids(data: bytes) -> bytes:
    """Name the components 1, 2, 3; with custom tables `jpeglib` counts from 0, which its codecs never do."""
    from jpegtrace.jpeg import read_structure  # numba: only where something was compressed
    from jpegtrace.jpeg.markers import SOS

    structure = read_structure(data, DEFAULT_LIMITS)
    if structure.frame.components[0].id != 0:
        return data
    content = bytearray(data)
    for marker in structure.markers:
        # Behind marker and length: precision, size and count before the components of a frame, the count in a scan.
        start = marker.offset + 4
        if marker.code == structure.frame.code:
            first, count, width = start + 6, data[start + 5], 3
        elif marker.code == SOS:
            first, count, width = start + 1, data[start], 2
        else:
            continue
        for component in range(count):
            content[first + width * component] += 1
    return bytes(content)


def _register_jpeglib(name: str, codec: str, doc: str, *, sequential: bool = True) -> None:
    def encode_with(pixels: Pixels, settings: Settings) -> bytes:
        return _encode_jpeglib(codec, pixels, settings)

    def version() -> str:
        from importlib.metadata import version as package_version

        _jpeglib()
        return f"{codec} (jpeglib {package_version('jpeglib')})"

    register(
        Encoder(
            name=name,
            doc=doc,
            quality=75,
            subsamplings=SUBSAMPLINGS,
            # 8 times the entry must fit the 16 bits of libjpeg-turbo's divisors.
            largest_step=8191,
            encode=encode_with,
            version=version,
            sequential=sequential,
            restarts=False,
        )
    )


_register_jpeglib("turbo-210", "turbo210", "libjpeg-turbo 2.1.0")
_register_jpeglib(
    "mozjpeg", "mozjpeg403", "mozjpeg 4.0.3 with its defaults; always progressive and optimized", sequential=False
)
_register_jpeglib("libjpeg-6b", "6b", "IJG libjpeg 6b")
_register_jpeglib("libjpeg-7", "7", "IJG libjpeg 7, chroma scaled by DCT")
_register_jpeglib("libjpeg-8", "8d", "IJG libjpeg 8d, chroma scaled by DCT")
_register_jpeglib("libjpeg-9", "9f", "IJG libjpeg 9f, chroma scaled by DCT")
