"""A picture as it lies in its file: bytes in, facts, coefficients, planes and pixels out, nothing altered.

`Picture.open` reads only the structure; coefficients and pixels are decoded when they are first asked for.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import CorruptInput, InputError, UnreadableInput, UnsupportedFormat, UsageError
from jpegtrace.jpeg import Coefficients, Damage, JpegStructure, plane, read_coefficients, read_structure
from jpegtrace.limits import DEFAULT_LIMITS, Limits
from jpegtrace.metadata import JpegMetadata, read_metadata
from jpegtrace.raster import Format, Raster, read_raster, read_size, sniff

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in its file.

    Attributes:
        data: the bytes of the file, never changed.
        source: where they came from, for messages.
        format: from the content, never from the name.
        width, height: in pixels, as stored (an orientation tag is reported, never applied).
        jpeg: the segments of a JPEG; None for other formats.
        limits: bounds that every later step keeps.
    """

    data: bytes = field(repr=False)
    source: str
    format: Format
    width: int
    height: int
    jpeg: JpegStructure | None = field(repr=False)
    limits: Limits = field(repr=False, default=DEFAULT_LIMITS)

    @classmethod
    def open(cls, source: Source, *, limits: Limits = DEFAULT_LIMITS, name: str | None = None) -> Picture:
        """Open a picture from a path, from bytes or from a binary file object.

        Args:
            source: a path, the bytes themselves, or an object with ``read``.
            limits: bounds on size and pixels.
            name: what to call the input in messages; by default its path.

        Raises:
            InputError: any subclass; the message names the input and the byte offset.
        """
        label = name or _name_of(source)
        try:
            data = read_source(source, limits)
            form = sniff(data)
            if form is Format.JPEG:
                structure = read_structure(data, limits)
                return cls(data, label, form, structure.frame.width, structure.frame.height, structure, limits)
            width, height = read_size(data, form, limits)
            return cls(data, label, form, width, height, None, limits)
        except InputError as error:
            raise error.named(label) from error.__cause__

    @cached_property
    def sha256(self) -> str:
        """Hash of the file's bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def metadata(self) -> JpegMetadata | None:
        """EXIF and application segments of a JPEG; None for other formats."""
        return None if self.jpeg is None else read_metadata(self.data, self.jpeg)

    @cached_property
    def partial_coefficients(self) -> Coefficients:
        """Coefficients with the word of each block on whether it can be trusted.

        Raises:
            UnsupportedFormat: the picture is no JPEG.
        """
        if self.jpeg is None:
            raise UnsupportedFormat(f"a {self.format} has no JPEG coefficients", source=self.source)
        return read_coefficients(self.data, self.jpeg)

    @property
    def coefficients(self) -> Coefficients:
        """Coefficients, all of them trustworthy.

        Raises:
            UnsupportedFormat: the picture is no JPEG.
            CorruptInput: some blocks cannot be trusted; `partial_coefficients` tells which, and has the others.
        """
        found = self.partial_coefficients
        if not found.whole:
            first = next(iter(self.damage), None)
            why = "" if first is None else f": {first.what}"
            raise CorruptInput(
                f"only {found.whole_share:.1%} of the blocks can be trusted{why}",
                offset=None if first is None else first.offset,
                source=self.source,
            )
        return found

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Every departure from the rules of JPEG, in segments and in coded data, in order of offset."""
        if self.jpeg is None:
            return ()
        return tuple(sorted(self.jpeg.damage + self.partial_coefficients.damage, key=lambda d: d.offset))

    def planes(self) -> tuple[NDArray[np.float32], ...]:
        """Unrounded samples of every component at its own resolution, whole blocks.

        Raises:
            UnsupportedFormat: the picture is no JPEG.
            CorruptInput: some blocks cannot be trusted, or a table is missing.
        """
        components = self.coefficients.components
        for index, component in enumerate(components):
            if component.table is None:
                raise CorruptInput(
                    f"component {index} has no quantization table",
                    offset=self.jpeg.frame.offset if self.jpeg else None,
                    source=self.source,
                )
        return tuple(plane(component) for component in components)

    @cached_property
    def raster(self) -> Raster:
        """Decoded pixels, exact, 8 or 16 bit.

        Raises:
            CorruptInput: the content is damaged; nothing is filled in.
            UnsupportedFormat: a variant that cannot be decoded exactly.
        """
        try:
            if self.jpeg is not None:
                _ = self.coefficients
            return read_raster(self.data, self.format, self.limits)
        except InputError as error:
            raise error.named(self.source) from error.__cause__


def _name_of(source: Source) -> str:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "<bytes>"
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        return path if path.isprintable() else repr(path)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<file object>"


def read_source(source: Source, limits: Limits) -> bytes:
    """All bytes of a path, of bytes or of a binary file object.

    Raises:
        InputError: it cannot be read, or is larger than `limits` allow.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        limits.check("bytes", memoryview(source).nbytes)
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        path = Path(os.fsdecode(source))
        try:
            if path.is_dir():
                raise UnreadableInput("this is a folder, not a picture")
            if path.exists() and not path.is_file():
                raise UnreadableInput("this is a device or a pipe; read it and pass the bytes")
            with path.open("rb") as file:
                limits.check("bytes", os.fstat(file.fileno()).st_size)
                return _read_file(file, limits)
        except UnreadableInput:
            raise
        except OSError as error:
            raise UnreadableInput(error.strerror or str(error)) from error
        except ValueError as error:  # a path with a null byte
            raise UnreadableInput(str(error)) from error
    if callable(getattr(source, "read", None)):
        return _read_file(source, limits)
    raise UsageError(f"a picture is opened from a path, bytes or a binary file object, not {type(source).__name__}")


def _read_file(file: BinaryIO, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size <= limits.bytes:
        # Pipes and sockets give less than they are asked for.
        try:
            part = file.read(limits.bytes + 1 - size)
        except UnicodeDecodeError as error:
            raise UsageError("the file object gives text; open it in binary mode") from error
        except (OSError, ValueError) as error:
            raise UnreadableInput(str(error)) from error
        if not isinstance(part, bytes):
            kind = "text" if isinstance(part, str) else type(part).__name__
            raise UsageError(f"the file object gives {kind}, not bytes; open it in binary mode")
        if not part:
            break
        parts.append(part)
        size += len(part)
    limits.check("bytes", size)
    return b"".join(parts)
