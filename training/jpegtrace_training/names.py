"""Things that are asked for by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from jpegtrace.errors import UsageError

Named = TypeVar("Named")


def find_named(kind: str, name: str, known: Mapping[str, Named]) -> Named:
    """The one of this name.

    Raises:
        UsageError: there is none; the others are told.
    """
    if name not in known:
        raise UsageError(f"there is no {kind} {name!r}; there are: {', '.join(known)}")
    return known[name]
