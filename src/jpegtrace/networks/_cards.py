"""Cards of weight files: what they are, how they came about, and how to know them."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from jpegtrace.errors import ResourceError, UsageError
from jpegtrace.networks.trainable import trainable, way_to_weights

STATUSES = ("trained", "under-trained")
PRECISIONS = ("fp32", "fp16")
TYPES = ("float32", "float16", "float64", "int64", "int32", "uint8", "bool")


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a network.

    Attributes:
        name: as in the ONNX file.
        shape: one string per axis: a number is that size, a word any size, the same wherever the word stands.
        meaning: what the numbers are.
        type: of the numbers, as NumPy calls it.
    """

    name: str
    shape: tuple[str, ...]
    meaning: str
    type: str = "float32"


@dataclass(frozen=True, slots=True)
class Card:
    """What there is to know about one weight file.

    Attributes:
        id: name of the weights, and of their files.
        version: raised with every new training.
        network: architecture and variant.
        title: what it is for, in a line.
        sha256: of the ONNX file; another hash is refused.
        bytes: its size.
        samples: windows, patches or pictures seen in training, repetitions counted.
        status: "trained", or "under-trained" where more compute would help.
        data: pictures and histories that it was trained on.
        seeds: of the training; another run of the same command repeats it.
        steps: of the optimiser.
        code_version: version of jpegtrace that trained it.
        precision: of the weights in the file, "fp32" or "fp16".
        inputs: what `run` takes.
        outputs: what `run` gives, in this order.
        parity: largest absolute difference between the exported and the trained network.
        licence: of the weights.
        paper: reference of the architecture.
        figures: measured figures, as names and values.
        figures_on: what they were measured on, or the file of results.
        paper_figures: the paper's own figures, in its words.
        notes: whatever else a user should know.
        ships: whether the file is part of the package; others are fetched.
    """

    id: str
    version: int
    network: str
    title: str
    sha256: str
    bytes: int
    samples: int
    status: str
    data: str
    seeds: tuple[int, ...]
    steps: int
    code_version: str
    precision: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    parity: float
    licence: str
    paper: str
    figures: Mapping[str, float]
    figures_on: str
    paper_figures: Mapping[str, str]
    notes: str = ""
    ships: bool = True

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], place: str) -> Card:
        """A card from plain values, as TOML or JSON hold them; `place` names it in messages.

        Raises:
            ResourceError: a field is missing, unknown, or not what it must be.
        """
        known = _checked(cls, given, _CARD_RULES, place, "")
        for side in ("inputs", "outputs"):
            known[side] = _ports(known[side], place, side)
        return cls(
            **known
            | {
                "seeds": tuple(known["seeds"]),
                "parity": float(known["parity"]),
                "figures": {name: float(value) for name, value in known["figures"].items()},
                "paper_figures": dict(known["paper_figures"]),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON; `from_fields` takes them back."""
        found = asdict(self)
        for side in ("inputs", "outputs"):
            found[side] = [port | {"shape": list(port["shape"])} for port in found[side]]
        return found | {"seeds": list(found["seeds"])}


def _ports(tables: list[Any], place: str, side: str) -> tuple[Port, ...]:
    found = []
    for number, table in enumerate(tables, 1):
        where = f"{side}[{number}]."
        if not isinstance(table, Mapping):
            raise _damaged(place, f"{where[:-1]} must be a table, not {table!r}")
        values = _checked(Port, table, _PORT_RULES, place, where)
        found.append(Port(**values | {"shape": tuple(values["shape"])}))
    if len({port.name for port in found}) < len(found):
        raise _damaged(place, f"{side} must have different names")
    return tuple(found)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_table(value: Any, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(_is_text(name) and of(item) for name, item in value.items())


def _is_list(value: Any, of: Callable[[Any], bool], least: int = 0) -> bool:
    return isinstance(value, list | tuple) and len(value) >= least and all(of(item) for item in value)


_Rule = tuple[Callable[[Any], bool], str]
_TEXT: _Rule = (_is_text, "a text")
_COUNT: _Rule = (_is_count, "a whole number")
_POSITIVE: _Rule = (lambda v: _is_count(v) and v > 0, "a whole number above 0")
_PORTS: _Rule = (lambda v: _is_list(v, lambda _: True, 1), "a list of tables with name, shape and meaning")
_CARD_RULES: dict[str, _Rule] = {
    "id": (
        lambda v: isinstance(v, str) and bool(re.fullmatch("[a-z0-9][a-z0-9.-]*", v)),
        "a name of small letters, digits, hyphens and full stops",
    ),
    "version": _POSITIVE,
    "network": _TEXT,
    "title": _TEXT,
    "sha256": (lambda v: isinstance(v, str) and bool(re.fullmatch("[0-9a-f]{64}", v)), "64 digits of 0-9 and a-f"),
    "bytes": _POSITIVE,
    "samples": _COUNT,
    "status": (lambda v: v in STATUSES, " or ".join(f'"{s}"' for s in STATUSES)),
    "data": _TEXT,
    "seeds": (lambda v: _is_list(v, _is_count), "a list of whole numbers"),
    "steps": _COUNT,
    "code_version": _TEXT,
    "precision": (lambda v: v in PRECISIONS, " or ".join(f'"{p}"' for p in PRECISIONS)),
    "inputs": _PORTS,
    "outputs": _PORTS,
    "parity": (lambda v: _is_number(v) and v >= 0, "a number, 0 or above"),
    "licence": _TEXT,
    "paper": _TEXT,
    "figures": (lambda v: _is_table(v, _is_number), "a table of names and numbers"),
    "figures_on": _TEXT,
    "paper_figures": (lambda v: _is_table(v, _is_text), "a table of names and texts"),
    "notes": (lambda v: isinstance(v, str), "a text"),
    "ships": (lambda v: isinstance(v, bool), "true or false"),
}
_PORT_RULES: dict[str, _Rule] = {
    "name": _TEXT,
    "shape": (lambda v: _is_list(v, _is_text), "a list of texts, one per axis"),
    "meaning": _TEXT,
    "type": (lambda v: v in TYPES, f"one of {', '.join(TYPES)}"),
}


def _checked(kind: Any, given: Mapping[str, Any], rules: Mapping[str, _Rule], place: str, where: str) -> dict[str, Any]:
    """The fields of `kind`, each of which follows its rule."""
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    if missing := [name for name in needed if name not in given]:
        raise _damaged(place, f"{where}{missing[0]} is missing")
    if unknown := [name for name in given if name not in rules]:
        raise _damaged(place, f"{where}{unknown[0]} is no field of a card")
    for name, value in given.items():
        holds, wanted = rules[name]
        if not holds(value):
            raise _damaged(place, f"{where}{name} must be {wanted}, not {value!r}")
    return dict(given)


def _damaged(place: str, what: str) -> ResourceError:
    return ResourceError(f"the card {place} is damaged: {what}; install jpegtrace again")


def _folder() -> Traversable:
    return resources.files("jpegtrace.networks").joinpath("cards")


@cache
def card_ids() -> tuple[str, ...]:
    """Names of all weights that there are cards of."""
    return tuple(sorted(e.name.removesuffix(".toml") for e in _folder().iterdir() if e.name.endswith(".toml")))


@cache
def card(name: str) -> Card:
    """The card of this name.

    Raises:
        UsageError: there is none.
        ResourceError: it is damaged.
    """
    if name not in card_ids():
        raise _unknown(name)
    place = f"{name}.toml"
    try:
        given = tomllib.loads(_folder().joinpath(place).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _damaged(place, str(error)) from error
    found = Card.from_fields(given, place)
    if found.id != name:
        raise _damaged(place, f"id must be the name of the file, not {found.id!r}")
    return found


def _unknown(name: str) -> UsageError:
    if name in trainable():
        return UsageError(f"there are no weights called {name!r} yet; {way_to_weights(name)}")
    near = difflib.get_close_matches(name, (*card_ids(), *trainable()), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(card_ids()) or 'none'}"
    return UsageError(f"there are no weights called {name!r}; {hint}")


def cards() -> tuple[Card, ...]:
    """All cards.

    Raises:
        ResourceError: one is damaged.
    """
    return tuple(card(name) for name in card_ids())
