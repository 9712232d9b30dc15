"""Weights that do not ship: from a path or an address into the user's folder, by the hash on their card."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException
from itertools import chain
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from jpegtrace import __version__
from jpegtrace.errors import JpegtraceError, ResourceError, UnreadableInput, UsageError
from jpegtrace.networks._cards import card
from jpegtrace.networks._weights import difference, weights_path

SCHEMES = ("http", "https", "file")
TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 16


def fetch(name: str, source: str | os.PathLike[str], progress: Callable[[float], None] | None = None) -> Path:
    """Take the weights of a card from a file or an address; nothing is kept unless it is the file of the card.

    Args:
        name: id of the weights.
        source: a path, or an address with http, https or file. The network is used only for what is named here.
        progress: is told the share that is done.

    Returns:
        Where it lies now.

    Raises:
        UsageError: there are no such weights, they ship, or the folder cannot be written to.
        UnreadableInput: the source cannot be read.
        ResourceError: the source is not the file of the card.
    """
    described = card(name)
    if described.ships:
        raise UsageError(f"the weights {name!r} ship with jpegtrace; there is nothing to fetch")
    address = os.fspath(source)
    scheme = _scheme(address)
    target = weights_path(described)
    with closing(_chunks(address, scheme)) as chunks:
        first = next(chunks, b"")  # so that no folder is made for a source that is not there
        with _beside(target) as part:
            size, digest = 0, hashlib.sha256()
            with part.open("xb") as file:
                for chunk in chain([first], chunks):
                    size += len(chunk)
                    digest.update(chunk)
                    if size > described.bytes:
                        break
                    file.write(chunk)
                    if progress is not None:
                        progress(size / described.bytes)
            if differs := difference(described, size, digest.hexdigest()):
                raise ResourceError(f"{source} is not the file of the weights {name!r}: {differs}; nothing was kept")
            part.replace(target)
    return target


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A name for a file that is to become `target`; whatever is left of it is removed."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
    except JpegtraceError:
        raise  # some of ours are OSErrors, too
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error


def _scheme(source: str) -> str:
    """Scheme of an address, nothing for a path.

    Raises:
        UsageError: it is another one than `SCHEMES`.
    """
    scheme = source.partition(":")[0].lower()
    if scheme in SCHEMES and ":" in source:
        return scheme
    if "://" in source:
        raise UsageError(f"weights are fetched from a path or by {', '.join(SCHEMES)}, not by {scheme!r}")
    return ""


def _chunks(source: str, scheme: str) -> Generator[bytes, None, None]:
    """The content of a source in pieces; whatever goes wrong with it is an `UnreadableInput`."""
    try:
        with _opened(source, scheme) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise UnreadableInput(_reason(error), source=source) from error


def _opened(source: str, scheme: str) -> IO[bytes]:
    if not scheme:
        return Path(source).open("rb")
    request = Request(source, headers={"User-Agent": f"jpegtrace/{__version__}"})  # noqa: S310 (one of SCHEMES)
    stream: IO[bytes] = urlopen(request, timeout=TIMEOUT)  # noqa: S310
    return stream


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, URLError):
        return _reason(error.reason) if isinstance(error.reason, Exception) else str(error.reason)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
