"""Where weight files lie, and whether one is the file that its card describes."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from jpegtrace.errors import ResourceError
from jpegtrace.networks._cards import Card

VARIABLE = "JPEGTRACE_WEIGHTS"


def weights_folder() -> Path:
    """The user's folder of weights that do not ship: ``$JPEGTRACE_WEIGHTS``, or one below the platform's caches.

    Raises:
        ResourceError: there is neither that variable nor a home.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    try:
        return _caches(sys.platform, os.environ) / "jpegtrace" / "weights"
    except RuntimeError as error:
        raise ResourceError(f"there is no home folder to keep weights in; name a folder in {VARIABLE}") from error


def _caches(platform: str, environment: Mapping[str, str]) -> Path:
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(environment.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"  # relative ones are to be ignored


def weights_path(card: Card) -> Path:
    """Where the file of a card that does not ship belongs; part of its hash is in the name."""
    return weights_folder() / f"{card.id}-{card.sha256[:12]}.onnx"


def place_of(card: Card) -> Traversable | Path:
    """Where the file of a card belongs."""
    return _folder().joinpath(f"{card.id}.onnx") if card.ships else weights_path(card)


def _folder() -> Traversable:
    return resources.files("jpegtrace.networks.weights")


def stored(card: Card) -> bytes | None:
    """What lies there, at most one byte more than there should be; None where there is nothing.

    Raises:
        ResourceError: it cannot be read.
    """
    place = place_of(card)
    try:
        with place.open("rb") as file:
            return file.read(card.bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResourceError(f"the weights {card.id!r} cannot be read ({place}): {error.strerror}") from error


def difference(card: Card, size: int, sha256: str) -> str:
    """What tells a file from that of the card; nothing where they are the same."""
    if size > card.bytes:
        return f"larger than the {card.bytes:,} bytes of its card"
    if size < card.bytes:
        return f"{size:,} instead of {card.bytes:,} bytes"
    return "" if sha256 == card.sha256 else f"SHA-256 {sha256[:12]} instead of {card.sha256[:12]}"


def difference_of(card: Card, data: bytes) -> str:
    """The same, of bytes in memory."""
    return difference(card, len(data), hashlib.sha256(data).hexdigest())


def remedy(card: Card) -> str:
    """What a user does to get the right file."""
    if card.ships:
        return "install jpegtrace again"
    return f"get them with: jpegtrace models fetch {card.id} --from PATH_OR_URL"
