"""Tables by name, for simulated histories and the command line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache

from jpegtrace.errors import UsageError
from jpegtrace.tables._known import IJG, KnownTables, families
from jpegtrace.tables._order import Table
from jpegtrace.tables._standard import ijg_table

_ALIASES = {"photoshop": "Adobe Photoshop", "libjpeg": IJG, "standard": IJG}


def named_table(name: str) -> tuple[Table, ...]:
    """Fetch the tables that a name stands for.

    * ``ijg:75``: the standard tables of a quality of 1..100.
    * ``canon``: the commonest set of a family (see `families`); upper case, spaces and hyphens do not matter.
    * ``canon:0``: a set of a family by its place from fine (0) to coarse. The place is ours, not a number that the
      camera or program shows.
    * ``photoshop:save-as-10``: a set by the program's own setting where that was published; the commonest if the
      program has had several.

    Returns:
        New arrays: luminance, then chrominance as often as the files store it (one table if they are grey).

    Raises:
        UsageError: no such family, place or setting; the message says which there are.
    """
    family, colon, selector = name.strip().partition(":")
    family = _family_name(family)
    if colon and family == IJG:
        quality = _number(selector, f"{name!r}: an IJG quality is an integer in 1..100, as in 'ijg:75'")
        return ijg_table(quality, "luma"), ijg_table(quality, "chroma")
    sets = families()[family]
    known = _select(family, sets, selector, name) if colon else max(sets, key=lambda entry: entry.files)
    return tuple(table.copy() for table in known.tables)


def _select(family: str, sets: tuple[KnownTables, ...], selector: str, name: str) -> KnownTables:
    settings = sorted({_slug(entry.setting) for entry in sets if entry.setting})
    if _slug(selector) in settings:
        return max((entry for entry in sets if _slug(entry.setting) == _slug(selector)), key=lambda entry: entry.files)
    places = f"places 0..{len(sets) - 1}" if len(sets) > 1 else "place 0 only"
    known_settings = f" and the settings {', '.join(settings)}" if settings else ""
    complaint = f"{name!r}: {family} has {places}{known_settings}"
    place = _number(selector, complaint)
    if place >= len(sets):
        raise UsageError(complaint)
    return sets[place]


def _family_name(text: str) -> str:
    names = _family_keys()
    key = _key(text)
    if key not in names:
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
        hint = f"did you mean {names[near[0]]!r}? " if near else ""
        raise UsageError(f"unknown table family {text!r}; {hint}known families: {', '.join(families())}")
    return names[key]


@cache
def _family_keys() -> Mapping[str, str]:
    return {_key(name): name for name in families()} | _ALIASES


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _number(text: str, complaint: str) -> int:
    if not re.fullmatch(r"\s*[0-9]{1,6}\s*", text):
        raise UsageError(complaint)
    return int(text)
