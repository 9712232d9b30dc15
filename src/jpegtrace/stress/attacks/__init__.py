"""Published attacks on JPEG forensics by name, each in a file of its own.

They are here to measure how far a verdict can be trusted; `jpegtrace.stress.attack` applies them to files, and
`write_attacked` labels what it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from jpegtrace.stress.attacks import af_edsr, dither, dither_median, tv
from jpegtrace.stress.attacks._method import Method, Operation

ATTACKS: Mapping[str, Method] = MappingProxyType(
    {method.name: method for method in (dither.METHOD, dither_median.METHOD, tv.METHOD, af_edsr.METHOD)}
)

__all__ = ["ATTACKS", "Method", "Operation"]
