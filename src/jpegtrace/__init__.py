"""jpegtrace reads the compression history that JPEG leaves in a picture.

    >>> import jpegtrace as jt
    >>> report = jt.inspect("photo.jpg")            # doctest: +SKIP
    >>> report.encoder.quality                      # doctest: +SKIP
    90

Importing this package loads nothing heavy; names arrive when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from jpegtrace.analyses import all_analyses
    from jpegtrace.chain import Chain, Truth, simulate
    from jpegtrace.errors import InputError, JpegtraceError, UsageError
    from jpegtrace.findings import Finding, Status
    from jpegtrace.inspection import inspect
    from jpegtrace.limits import Limits
    from jpegtrace.picture import Picture
    from jpegtrace.report import Report

_HOME = {
    "Chain": "jpegtrace.chain",
    "Finding": "jpegtrace.findings",
    "InputError": "jpegtrace.errors",
    "JpegtraceError": "jpegtrace.errors",
    "Limits": "jpegtrace.limits",
    "Picture": "jpegtrace.picture",
    "Report": "jpegtrace.report",
    "Status": "jpegtrace.findings",
    "Truth": "jpegtrace.chain",
    "UsageError": "jpegtrace.errors",
    "all_analyses": "jpegtrace.analyses",
    "inspect": "jpegtrace.inspection",
    "simulate": "jpegtrace.chain",
}

__all__ = [
    "Chain",
    "Finding",
    "InputError",
    "JpegtraceError",
    "Limits",
    "Picture",
    "Report",
    "Status",
    "Truth",
    "UsageError",
    "all_analyses",
    "inspect",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'jpegtrace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
