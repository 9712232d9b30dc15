"""Writes the cards of weight files, and keeps an eye on how much ships."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import jpegtrace.networks
from jpegtrace.networks import Card, Port

NETWORKS = Path(jpegtrace.networks.__file__).parent
WEIGHTS, CARDS = "weights", "cards"  # folders in it
LARGEST_TOTAL = 60_000_000  # bytes of all weights that ship

_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def write_card(card: Card, path: Path) -> Path:
    """Write a card as TOML that a person can read and edit; fields at their default are left out.

    Args:
        card: any field may hold NumPy numbers.
        path: ``<id>.toml``.

    Returns:
        The path.

    Raises:
        ResourceError: a field of the card is not what it must be; nothing is written.
        ValueError: the file is not called after the card.
    """
    text = card_toml(card)
    read = Card.from_fields(tomllib.loads(text), path.name)
    if read != card or read.id != path.stem:
        raise ValueError(f"the card of {card.id!r} does not survive in {path.name}")
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def card_toml(card: Card) -> str:
    """The card as TOML: plain values, then inputs, outputs and figures."""
    given = card.to_dict()
    defaults = {field.name: field.default for field in fields(Card) if field.default is not MISSING}
    plain = {
        name: value
        for name, value in given.items()
        if not isinstance(getattr(card, name), Mapping)
        and name not in ("inputs", "outputs")
        and (name not in defaults or value != defaults[name])
    }
    parts = [_lines(plain.items())]
    for side in ("inputs", "outputs"):
        parts += [f"[[{side}]]\n{_port(port)}" for port in getattr(card, side)]
    parts += [f"[{name}]\n{_lines(given[name].items())}" for name in ("figures", "paper_figures")]
    return "\n".join(parts)


def file_facts(path: Path) -> dict[str, Any]:
    """The fields of a card that follow from its file: `sha256` and `bytes`."""
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def total_bytes(folder: Path = NETWORKS / WEIGHTS) -> int:
    """Bytes of all weight files in a folder, by default of those that ship."""
    return sum(path.stat().st_size for path in folder.rglob("*.onnx"))


def _port(port: Port) -> str:
    rows = [("name", port.name), ("type", port.type), ("shape", list(port.shape)), ("meaning", port.meaning)]
    return _lines(row for row in rows if row != ("type", "float32"))


def _lines(rows: Iterable[tuple[str, Any]]) -> str:
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in rows)


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _long_text(value) if "\n" in value else _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    number = float(value)
    return str(int(value)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _text(value: str) -> str:
    return f'"{"".join(map(_escaped, value))}"'


def _long_text(value: str) -> str:
    """Lines stay lines; the newline after the opening quotes is not part of the text."""
    lines = ("".join(map(_escaped, line)) for line in value.split("\n"))
    return '"""\n' + "\n".join(lines) + '"""'


def _escaped(sign: str) -> str:
    if sign in _SHORT:
        return _SHORT[sign]
    return f"\\u{ord(sign):04X}" if ord(sign) < 0x20 or ord(sign) == 0x7F else sign
