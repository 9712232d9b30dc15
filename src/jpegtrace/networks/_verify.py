"""Whether weight files are there, intact, and do what their cards say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jpegtrace.errors import ResourceError
from jpegtrace.networks._cards import Card, Port, card
from jpegtrace.networks._session import load
from jpegtrace.networks._weights import difference_of, remedy, stored

# As ONNX Runtime calls them; the other types have the same name there.
_ONNX_TYPES = {"float32": "float", "float16": "float16", "float64": "double"}


class State(StrEnum):
    """What was found of a weight file."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"
    UNUSABLE = "unusable"  # the right file, but it does not load, or its inputs and outputs are not those of the card
    NOT_INSTALLED = "not installed"  # it does not ship and was not fetched


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one weight file.

    Attributes:
        id: name of the weights.
        state: what was found.
        told: why, and what to do about it; nothing where all is well.
    """

    id: str
    state: State
    told: str = ""

    @property
    def failed(self) -> bool:
        """Whether something is wrong; weights that are merely not installed are not."""
        return self.state not in (State.OK, State.NOT_INSTALLED)


def verify(name: str) -> Check:
    """Compare a weight file with its card, load it, and compare its inputs and outputs, too.

    Raises:
        UsageError: there are no weights of this name.
    """
    try:
        described = card(name)
        data = stored(described)
    except ResourceError as error:
        return Check(name, State.ALTERED, str(error))
    if data is None:
        return Check(name, State.MISSING if described.ships else State.NOT_INSTALLED, remedy(described))
    if differs := difference_of(described, data):
        return Check(name, State.ALTERED, f"{differs}; {remedy(described)}")
    try:
        differs = contract_difference(described, load(name, data))
    except ResourceError as error:
        return Check(name, State.UNUSABLE, str(error))
    return Check(name, State.UNUSABLE if differs else State.OK, differs)


def contract_difference(described: Card, session: Any) -> str:
    """What tells inputs and outputs of a session from those of the card; nothing where they agree."""
    return _difference("inputs", described.inputs, session.get_inputs()) or _difference(
        "outputs", described.outputs, session.get_outputs()
    )


def _difference(side: str, ports: Sequence[Port], found: Sequence[Any]) -> str:
    wanted_names, names = [port.name for port in ports], [node.name for node in found]
    if names != wanted_names:
        return f"the {side} are {', '.join(names)}; the card says {', '.join(wanted_names)}"
    for port, node in zip(ports, found, strict=True):
        wanted = f"tensor({_ONNX_TYPES.get(port.type, port.type)})"
        # A size that the file leaves open may be a number on the card, but not the other way round.
        fits = len(node.shape) == len(port.shape) and all(
            str(size) == axis for size, axis in zip(node.shape, port.shape, strict=True) if isinstance(size, int)
        )
        if node.type != wanted or not fits:
            shape = ", ".join(str(size) for size in node.shape)
            return (
                f"{port.name} is {node.type} of shape ({shape}); the card says {wanted} of shape "
                f"({', '.join(port.shape)})"
            )
    return ""
