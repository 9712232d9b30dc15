"""The reference of the command, made from the declarations of its own options."""

from __future__ import annotations

import argparse
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.models import ArgumentInfo, OptionInfo

from jpegtrace.cli import app
from jpegtrace_training.options import parser
from pages.results import table

HEAD = """<!-- made by scripts/update_docs.py from the command itself; do not edit -->

# The command

Results go to stdout, comments to stderr. Exit codes: 0 done; 1 an input failed, and the others are still reported; 2
wrong usage; 130 an audit was stopped. `-h` or `--help` behind any command prints what stands here.
"""
SHAPES = {str: "TEXT", int: "N", float: "X", Path: "PATH"}


class Command(NamedTuple):
    """A command with everything that leads to it.

    Attributes:
        name: "jpegtrace models list".
        function: what it runs.
    """

    name: str
    function: Callable[..., Any]


class Parameter(NamedTuple):
    """One argument or option, as it is shown."""

    shown: str
    meaning: str
    default: str
    required: bool


def page() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join([HEAD.rstrip(), *(part for command in commands() for part in _entry(command))]) + "\n"


def commands(group: typer.Typer = app, name: str = "jpegtrace") -> Iterator[Command]:
    """All commands, those of groups behind those that stand alone."""
    for one in group.registered_commands:
        assert one.callback is not None  # noqa: S101 - that is how they are registered
        yield Command(f"{name} {one.name or one.callback.__name__}", one.callback)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None  # noqa: S101
        yield from commands(inner.typer_instance, f"{name} {inner.name}")


def _entry(command: Command) -> Iterator[str]:
    if command.name == "jpegtrace train":
        arguments, options = _training()
    else:
        arguments, options = _declared(command.function)
    pieces = [one.shown if one.required else f"[{one.shown}]" for one in arguments]
    yield f"## {command.name}"
    yield f"`{' '.join([command.name, '[OPTIONS]', *pieces])}`"
    told = inspect.cleandoc(command.function.__doc__ or "").split("\n\n")
    yield "\n\n".join(" ".join(block.split()) for block in told)
    if arguments:
        yield table(["argument", "meaning"], [[_code(one.shown), _text(one.meaning)] for one in arguments])
    if options:
        body = [
            [_code(one.shown), _text(one.meaning), "must be given" if one.required else _code(one.default)]
            for one in options
        ]
        yield table(["option", "meaning", "by default"], body)


def _code(text: str) -> str:
    return f"`{text.replace('|', ' or ')}`" if text else ""


def _text(text: str) -> str:
    return text.replace("*", r"\*")


def _declared(function: Callable[..., Any]) -> tuple[list[Parameter], list[Parameter]]:
    """Arguments and options of a Typer command, from its signature."""
    hints = typing.get_type_hints(function, include_extras=True)
    arguments, options = [], []
    for name, one in inspect.signature(function).parameters.items():
        kind, *annotations = typing.get_args(hints[name])
        info = next(a for a in annotations if isinstance(a, OptionInfo | ArgumentInfo))
        required = one.default is inspect.Parameter.empty
        default = "" if required or one.default in (None, False) else str(one.default)
        if isinstance(info, ArgumentInfo):
            many = "..." if typing.get_origin(_plain(kind)) is list else ""
            shown = f"{info.metavar or name.upper()}{many}"
            arguments.append(Parameter(shown, info.help or "", default, required))
        else:
            # In Annotated the first name stands where Typer has the default.
            names = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
            names = names or [f"--{name.replace('_', '-')}"]
            shape = "" if kind is bool else f" {info.metavar or SHAPES[_item(kind)]}"
            options.append(Parameter(f"{', '.join(names)}{shape}", info.help or "", default, required))
    return arguments, options


def _plain(kind: Any) -> Any:
    """A type without None."""
    if isinstance(kind, types.UnionType):
        return next(one for one in typing.get_args(kind) if one is not types.NoneType)
    return kind


def _item(kind: Any) -> Any:
    """What a list is of."""
    plain = _plain(kind)
    return typing.get_args(plain)[0] if typing.get_origin(plain) is list else plain


def _training() -> tuple[list[Parameter], list[Parameter]]:
    """The same from the options of the training package."""
    arguments, options = [], []
    for action in parser()._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        told = action.help or ""
        if not action.option_strings:
            arguments.append(Parameter(action.dest.upper(), told, "", required=False))
            continue
        choices = "|".join(action.choices) if action.choices else ""
        shape = "" if action.nargs == 0 else f" {action.metavar or choices or action.dest.upper()}"
        default = "" if action.nargs == 0 or action.default in (None, []) else str(action.default)
        options.append(Parameter(f"{', '.join(action.option_strings)}{shape}", told, default, required=False))
    return arguments, options
