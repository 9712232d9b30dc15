"""Numba's decorator with types that a strict checker accepts; kernels are cached on disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first call, release the lock while running.

    The machine code is kept beside the source, or in the user's cache folder; where neither can be written (a
    read-only container), every process compiles anew.
    """
    return _compiled(function)


def fast_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """The same where sums may be taken in any order, which lets several numbers be worked off at a time."""
    return _compiled(function, fastmath={"reassoc", "nsz", "contract"})


def kept_in(compiled: Callable[..., object]) -> Path | None:
    """Folder in which the machine code of a kernel is kept; None where it is not kept, or nothing is compiled."""
    stats = getattr(compiled, "stats", None)  # none where NUMBA_DISABLE_JIT is set
    folder = stats.cache_path if stats is not None else None
    return Path(folder) if folder else None


def _compiled(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return cast("Callable[P, R]", numba.njit(cache=True, **options)(function))
    except RuntimeError:
        return cast("Callable[P, R]", numba.njit(**options)(function))
