"""Pictures as they arrive: read piece by piece into memory, never onto disk, within bounds of size and time.

Nothing is believed about an upload but its bytes: the length that a client announces, the type that it states and the
name that it gives decide nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from jpegtrace.errors import InputError
from jpegtrace.raster import sniff
from jpegtrace.web.errors import ApiError, BadUpload, Busy, TooLarge, TooSlow, refusal
from jpegtrace.web.jobs import JobStore
from jpegtrace.web.settings import MIB, Settings

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a broken form is answered, and no news

PICTURE, MAPS = "picture", "maps"
EVERYWHERE, REPORT = "everywhere", "report"
LONGEST_NAME = 200
LONGEST_VALUE = 64  # of a field that is no picture
BESIDE = 64 * 1024  # bytes of boundaries and headers for each picture
LINGER = 64 * MIB  # read and dropped after a refusal, so that the client has sent all and reads the answer


@dataclass(slots=True, eq=False)
class Upload:
    """One file of a form.

    Attributes:
        name: for people; made harmless, and never used as a path.
        data: its bytes; counted in the store.
        refused: why it is not wanted; then there are no bytes.
    """

    name: str
    data: bytes = field(default=b"", repr=False)
    refused: ApiError | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What a request brought."""

    uploads: tuple[Upload, ...]
    everywhere: bool


async def receive(request: Request, settings: Settings, store: JobStore) -> Form:
    """Read a form of pictures; the bytes of those that are not refused are counted in the store.

    Raises:
        ApiError: the form as a whole is refused; nothing of it is counted any more.
        ClientDisconnect: nobody is there to hear the answer; the same.
    """
    reader = _Reader(request.headers.get("content-type", ""), settings, store)
    try:
        async with asyncio.timeout(settings.upload_seconds):
            async for piece in _pieces(request, settings.idle_seconds):
                if not reader.take(piece):
                    break
        return reader.form()
    except TimeoutError:
        why = reader.why_refused()
        reader.drop_all()
        raise why or TooSlow(
            f"the upload took longer than {settings.upload_seconds:g} seconds, or nothing came for"
            f" {settings.idle_seconds:g}; it was given up"
        ) from None
    except (ApiError, ClientDisconnect, asyncio.CancelledError):
        reader.drop_all()
        raise


async def _pieces(request: Request, idle: float) -> AsyncIterator[bytes]:
    pieces = request.stream()
    while True:
        async with asyncio.timeout(idle):
            piece = await anext(pieces, None)
        if piece is None:
            return
        if piece:
            yield piece


def harmless(name: str) -> str:
    """A file name for people: the last part of a path, printable, of bounded length."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in last).strip()
    return shown[:LONGEST_NAME] if shown.strip(".") else "picture"


class _Reader:
    """Takes a multipart form piece by piece; after a refusal it only counts."""

    def __init__(self, content_type: str, settings: Settings, store: JobStore) -> None:
        self._settings = settings
        self._store = store
        self._uploads: list[Upload] = []
        self._values: dict[str, str] = {}
        self.refused: ApiError | None = None
        self._read = 0
        self._after = 0
        self._whole = False
        self._header = bytearray(), bytearray()
        self._disposition = b""
        self._data = bytearray()
        self._held = 0  # bytes of the part that arrives
        self._upload: Upload | None = None
        self._field = ""
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            self.refused = BadUpload("send a form (multipart/form-data) with one or more files called 'picture'")
            return
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._name_of_header,
            "on_header_value": self._value_of_header,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._add,
            "on_part_end": self._close,
            "on_end": self._finish,
        }
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)
        except FormParserError as error:
            self.refused = BadUpload(f"this is no form: {error}")

    def take(self, piece: bytes) -> bool:
        """Read on; whether more is wanted."""
        self._read += len(piece)
        if self.refused is None:
            try:
                self._parser.write(piece)
            except FormParserError as error:
                self.refused = BadUpload(f"this is no form: {error}")
            except ApiError as error:
                self.refused = error
        if self.refused is None and self._read > self._most:
            self.refused = TooLarge(f"one request may bring {self._most // MIB:,} MiB at most")
        if self.refused is None:
            return True
        self.drop_all()
        self._after += len(piece)
        return self._after < LINGER

    def form(self) -> Form:
        """What has arrived.

        Raises:
            ApiError: the form is refused, or not whole.
        """
        if self.refused is not None:
            raise self.refused
        if not self._whole:
            raise BadUpload("the form ends too early")
        if not self._uploads:
            raise BadUpload("the form has no file called 'picture'")
        wanted = self._values.get(MAPS, REPORT)
        if wanted not in (REPORT, EVERYWHERE):
            raise BadUpload(f"maps is {REPORT} or {EVERYWHERE}, not {wanted!r}")
        return Form(tuple(self._uploads), wanted == EVERYWHERE)

    def why_refused(self) -> ApiError | None:
        """Why the form, or a picture of it, is not wanted so far."""
        return self.refused or next((upload.refused for upload in self._uploads if upload.refused), None)

    def drop_all(self) -> None:
        """Give back everything that was counted."""
        self._store.let_go(self._held + sum(len(upload.data) for upload in self._uploads))
        self._held = 0
        self._data.clear()
        self._uploads.clear()

    @property
    def _most(self) -> int:
        return min(self._settings.held_bytes, self._settings.pictures * (self._settings.limits.bytes + BESIDE))

    def _begin(self) -> None:
        self._disposition = b""
        self._upload = None
        self._data = bytearray()
        self._field = ""

    def _name_of_header(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _value_of_header(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _end_header(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])
        self._header = bytearray(), bytearray()

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if self._field not in (PICTURE, MAPS):
            raise BadUpload(f"the form has {PICTURE!r} and {MAPS!r}, not {self._field[:LONGEST_VALUE]!r}")
        if self._field == PICTURE:
            if b"filename" not in options:
                raise BadUpload(f"{PICTURE!r} is a file, with a file name")
            if len(self._uploads) >= self._settings.pictures:
                raise TooLarge(f"one request may bring {self._settings.pictures} pictures at most")
            self._upload = Upload(harmless(options[b"filename"].decode("utf-8", "replace")))
            self._uploads.append(self._upload)

    def _add(self, data: bytes, start: int, end: int) -> None:
        size = end - start
        if self._upload is None:
            if len(self._data) + size > LONGEST_VALUE:
                raise BadUpload(f"{self._field!r} is longer than {LONGEST_VALUE} bytes")
            self._data.extend(data[start:end])
            return
        if self._upload.refused is not None:
            return
        try:
            self._settings.limits.check("bytes", len(self._data) + size)
        except InputError as error:
            self._refuse(refusal(error))
            return
        try:
            self._store.hold(size)
        except Busy as error:
            self._refuse(error)
            return
        self._held += size
        self._data.extend(data[start:end])

    def _refuse(self, why: ApiError) -> None:
        assert self._upload is not None  # noqa: S101 - only called with one
        self._upload.refused = why
        self._store.let_go(self._held)
        self._held = 0
        self._data = bytearray()

    def _close(self) -> None:
        if self._upload is None:
            self._values[self._field] = self._data.decode("utf-8", "replace")
            return
        if self._upload.refused is None:
            try:
                sniff(bytes(self._data[:4096]))
            except InputError as error:
                self._refuse(refusal(error))
                return
        self._upload.data = bytes(self._data)
        self._held = 0
        self._data = bytearray()

    def _finish(self) -> None:
        self._whole = True
