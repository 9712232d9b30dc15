"""The reference of the public names, made from their signatures and docstrings."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from collections.abc import Iterator
from typing import Any

import jpegtrace

HEAD = """<!-- made by scripts/update_docs.py from the docstrings; do not edit -->

# From Python

These are the names of `import jpegtrace as jt`. Importing loads nothing heavy; names arrive when they are first used.
Other modules may be imported, too, and change more freely between versions.
"""
_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields|Example|Examples):$")
_ITEM = re.compile(r"^(\*{0,2}\w[\w., ]*): (.*)$")


def page() -> str:
    """Functions first, then classes, then errors."""
    names = sorted(jpegtrace.__all__, key=lambda name: (_rank(getattr(jpegtrace, name)), name))
    return "\n\n".join([HEAD.rstrip(), *(part for name in names for part in _entry(name))]) + "\n"


def _rank(item: Any) -> int:
    if not inspect.isclass(item):
        return 0
    return 2 if issubclass(item, BaseException) else 1


def _entry(name: str) -> Iterator[str]:
    item = getattr(jpegtrace, name)
    yield f"## {name}"
    if not inspect.isclass(item):
        yield f"```text\n{signature(name, item)}\n```"
        yield from documented(item)
        return
    if issubclass(item, BaseException):
        bases = ", ".join(f"`{base.__name__}`" for base in item.__bases__)
        yield f"An error, of {bases}."
    yield from documented(item)
    if issubclass(item, enum.Enum):
        yield "\n".join(f"- `{member.name}`: `{member.value!r}`" for member in item)
    for member, value in vars(item).items():
        if member.startswith("_") or (dataclasses.is_dataclass(item) and member in item.__dataclass_fields__):
            continue
        yield from _member(name, member, value)


def _member(owner: str, name: str, value: Any) -> Iterator[str]:
    """A method or a property, where it has a docstring."""
    kind = "property" if isinstance(value, property) or type(value).__name__ == "cached_property" else ""
    function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
    if kind:
        function = getattr(value, "fget", None) or value.func
    if not inspect.isfunction(function) or not function.__doc__:
        return
    yield f"### {owner}.{name}"
    shown = f"{owner}.{name}: {_type(function)}" if kind else signature(f"{owner}.{name}", function)
    yield f"```text\n{shown}\n```"
    yield from documented(function)


def _type(function: Any) -> str:
    return str(inspect.signature(function).return_annotation)


def signature(name: str, function: Any) -> str:
    """A signature as it is written; without self and cls."""
    found = inspect.signature(function)
    kept = [_shortened(p) for p in found.parameters.values() if p.name not in ("self", "cls")]
    text = str(found.replace(parameters=kept)).replace("'", "")
    shown = f"{name}{text}"
    if len(shown) <= 100:
        return shown
    ends = f") -> {found.return_annotation}" if found.return_annotation is not found.empty else ")"
    star = next((i for i, p in enumerate(kept) if p.kind is p.KEYWORD_ONLY), None)
    lines = [f"    {str(p).replace(chr(39), '')}," for p in kept]
    if star is not None:
        lines.insert(star, "    *,")
    return "\n".join([f"{name}(", *lines, ends])


def _shortened(parameter: inspect.Parameter) -> inspect.Parameter:
    """Where the default is an object with its own defaults, say no more than that."""
    default = parameter.default
    if dataclasses.is_dataclass(default) and not isinstance(default, type) and default == type(default)():
        return parameter.replace(default=_Written(f"{type(default).__name__}()"))
    return parameter


class _Written(str):
    """A text that is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def documented(item: Any) -> Iterator[str]:
    """A docstring in Google's style as Markdown."""
    text = inspect.getdoc(item) or ""
    prose: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        heading = _SECTION.match(lines[at])
        if heading is None:
            prose.append(lines[at])
            at += 1
            continue
        yield from _prose(prose)
        prose = []
        body = []
        at += 1
        while at < len(lines) and (not lines[at].strip() or lines[at].startswith("    ")):
            body.append(lines[at][4:])
            at += 1
        yield f"*{heading[1]}*"
        yield _items(body)
    yield from _prose(prose)


def _prose(lines: list[str]) -> Iterator[str]:
    text = "\n".join(lines).strip()
    if not text:
        return
    for block in re.split(r"\n\s*\n", text):
        if block.startswith(("    ", ">>>")):
            yield f"```text\n{inspect.cleandoc(block)}\n```"
        else:
            yield block.replace("``", "`").removesuffix("::")


def _items(lines: list[str]) -> str:
    found: list[str] = []
    for line in lines:
        item = _ITEM.match(line)
        if item:
            found.append(f"- `{item[1]}`: {item[2]}")
        elif line.strip() and found:
            found[-1] += f" {line.strip()}"
        elif line.strip():
            found.append(line.strip())
    return "\n".join(found).replace("``", "`")
