"""Numba's decorator with types that a strict checker accepts; kernels are cached on disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first call, release the lock while running.

    The machine code is kept beside the source, or in the user's cache folder; where neither can be written (a
    read-only container), every process compiles anew.
    """
    try:
        return cast("Callable[P, R]", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:
        return cast("Callable[P, R]", numba.njit(nogil=True, error_model="numpy")(function))
