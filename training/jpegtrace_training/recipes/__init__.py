"""One file per training; whatever is here can be trained, the command and the tests read this list."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from jpegtrace.errors import UsageError
from jpegtrace_training.recipe import Recipe


def recipes() -> dict[str, Recipe]:
    """All recipes by name: `RECIPE` or `RECIPES` of every file beside this one."""
    found: list[Recipe] = []
    for module in sorted(iter_modules(__path__), key=lambda entry: entry.name):
        loaded = import_module(f"{__name__}.{module.name}")
        found += getattr(loaded, "RECIPES", ()) or (loaded.RECIPE,)
    return {recipe.id: recipe for recipe in found}


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        UsageError: there is none.
    """
    known = recipes()
    if name not in known:
        raise UsageError(f"there is no recipe {name!r}; there are: {', '.join(known)}")
    return known[name]
