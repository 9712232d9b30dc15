"""What `jpegtrace train` can train, by name and without PyTorch.

``trainable.toml`` is written by ``scripts/update_docs.py`` from the recipes of `jpegtrace_training`, and the tests
compare both.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from jpegtrace.errors import ResourceError

PLACE = "trainable.toml"


@cache
def trainable() -> Mapping[str, str]:
    """What each recipe learns, by its name, which is that of its weights.

    Raises:
        ResourceError: the list is missing or damaged.
    """
    try:
        text = resources.files("jpegtrace.networks").joinpath(PLACE).read_text(encoding="utf-8")
        return MappingProxyType(tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ResourceError(f"the list {PLACE} is damaged: {error}; install jpegtrace again") from error


def way_to_weights(name: str) -> str:
    """How to get weights of a network that has none yet."""
    return (
        f"jpegtrace train {name} trains the network, and python -m jpegtrace_training.shipping RUN makes weights with "
        "a card of the run"
    )
