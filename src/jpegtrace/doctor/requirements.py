"""What the package needs and what its extras would add, by its own metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import NamedTuple

PACKAGE = "jpegtrace"
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?([^;]*)(?:;(.*))?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_LEAST = re.compile(r">=\s*([0-9][0-9.]*)")


class Requirement(NamedTuple):
    """One requirement of a package, as PEP 508 writes it.

    Attributes:
        name: of the package that is needed.
        extras: of that package.
        bounds: of its version.
        extra: of ours for which it is needed; empty where it always is.
    """

    name: str
    extras: tuple[str, ...]
    bounds: str
    extra: str

    def __str__(self) -> str:
        inner = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{inner}{self.bounds}"

    @property
    def version(self) -> str:
        """The version that is installed; empty where there is none, or one that is too old."""
        try:
            version = metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return ""
        least = _LEAST.search(self.bounds)
        return "" if least and _numbers(version) < _numbers(least[1]) else version


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional part.

    Attributes:
        name: of the extra.
        present: packages that are there, with their versions.
        missing: what is not, as requirements.
        install: the command that installs it.
    """

    name: str
    present: Mapping[str, str]
    missing: tuple[str, ...]
    install: str


def parse(text: str) -> Requirement:
    """A requirement from its text; only what the metadata of this package use is understood."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        return Requirement(text, (), "", "")
    extra = _EXTRA.search(match[4] or "")
    inner = tuple(name.strip() for name in match[2].split(",")) if match[2] else ()
    return Requirement(match[1], inner, match[3].strip(), extra[1] if extra else "")


def declared() -> tuple[Requirement, ...]:
    """All requirements of the package; none where it is not installed as one."""
    try:
        return tuple(parse(text) for text in metadata.requires(PACKAGE) or ())
    except metadata.PackageNotFoundError:
        return ()


def missing(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """What is always needed and not there."""
    return tuple(str(one) for one in requirements if not one.extra and not one.version)


def extras(requirements: Sequence[Requirement]) -> tuple[Extra, ...]:
    """Every extra, with what is there of it."""
    found = []
    for name in sorted({one.extra for one in requirements} - {""}):
        parts = {one.name: one for one in _parts(name, requirements)}
        found.append(
            Extra(
                name,
                {key: one.version for key, one in parts.items() if one.version},
                tuple(str(one) for one in parts.values() if not one.version),
                f"pip install '{PACKAGE}[{name}]'",
            )
        )
    return tuple(found)


def _parts(extra: str, requirements: Sequence[Requirement]) -> Iterator[Requirement]:
    """Requirements of an extra, and of those that it takes in."""
    for one in requirements:
        if one.extra == extra and one.name != PACKAGE:
            yield one
        elif one.extra == extra:
            for other in one.extras:
                yield from _parts(other, requirements)


def _numbers(version: str) -> tuple[int, ...]:
    leading = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(int(part) for part in leading[0].split(".")) if leading else ()
