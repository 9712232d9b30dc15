"""Cards of weight files: what they are, how they came about, and how to know them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jpegtrace.errors import ResourceError, UsageError

FOLDER = "jpegtrace.networks.weights"


@dataclass(frozen=True, slots=True)
class Card:
    """What there is to know about one weight file.

    Attributes:
        id: name, and that of the file.
        version: raised with every new training.
        sha256: of the ONNX file; another hash is refused.
        bytes: its size.
        samples: windows or patches seen in training.
        status: "trained", or "under-trained" where more compute would help.
        data: pictures and histories that it was trained on.
        contract: inputs and outputs.
        parity: largest difference between the exported and the trained network.
        licence: of the weights.
        reference: paper or description.
        figures: measured figures, as names and values.
    """

    id: str
    version: int
    sha256: str
    bytes: int
    samples: int
    status: str
    data: str
    contract: str
    parity: float
    licence: str
    reference: str
    figures: Mapping[str, float]


@cache
def cards() -> tuple[Card, ...]:
    """All cards that are installed.

    Raises:
        ResourceError: a card is damaged.
    """
    found = []
    for entry in sorted(resources.files(FOLDER).iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            try:
                fields: dict[str, Any] = tomllib.loads(entry.read_text(encoding="utf-8"))
                found.append(Card(**fields))
            except (tomllib.TOMLDecodeError, TypeError) as error:
                raise ResourceError(f"the card {entry.name} is damaged: {error}; install jpegtrace again") from error
    return tuple(found)


def card(name: str) -> Card:
    """The card of this name.

    Raises:
        UsageError: there is none.
    """
    for found in cards():
        if found.id == name:
            return found
    raise UsageError(f"there are no weights called {name!r}; there are: {', '.join(c.id for c in cards()) or 'none'}")
