"""Bounds on what an input may cost, each named in the error that it raises."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from jpegtrace.errors import LimitExceeded, UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that every reader keeps.

    Attributes:
        bytes: size of the input.
        pixels: width times height; 16-bit coefficients of a three-component picture take 6 bytes a pixel at most.
        markers: segments, quantization and Huffman tables of a JPEG, chunks of a PNG or WebP, entries of a TIFF
            directory.
        restarts: restart markers of one JPEG; a picture at the bound of pixels has fewer.
        scans: scans of one JPEG; a normal progressive file has about 10.
        coded_blocks: blocks that all scans of one JPEG visit together; bounds the time that decoding takes.
    """

    bytes: int = 1 << 30
    pixels: int = 300_000_000
    markers: int = 100_000
    restarts: int = 5_000_000
    scans: int = 256
    coded_blocks: int = 100_000_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"limit {field.name} must be a whole number from 1, not {value!r}")

    def check(self, limit: str, found: int, *, offset: int | None = None) -> None:
        """Raise `LimitExceeded` when `found` passes the bound called `limit`."""
        allowed: int = getattr(self, limit)
        if found > allowed:
            raise LimitExceeded(limit, allowed, found, offset=offset)

    def raised(self, /, **changes: int) -> Limits:
        """A copy with some bounds changed; names and values are checked."""
        names = [field.name for field in fields(self)]
        for name in changes:
            if name not in names:
                raise UsageError(f"there is no limit called {name!r}; the limits are {', '.join(names)}")
        return replace(self, **changes)


DEFAULT_LIMITS = Limits()
