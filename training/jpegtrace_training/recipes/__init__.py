"""One file per training; whatever is here can be trained, the command and the tests read this list."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from jpegtrace_training.names import find_named
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
    return find_named("recipe", name, recipes())
