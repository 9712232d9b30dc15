"""What the server allows, and how long it remembers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from jpegtrace.errors import UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits

MIB = 1 << 20
WEB_LIMITS = DEFAULT_LIMITS.raised(bytes=64 * MIB, pixels=50_000_000)


@dataclass(frozen=True, slots=True)
class Settings:
    """Bounds of the server; those of a picture are in `limits`.

    Attributes:
        limits: bounds of one picture, tighter than those of the command.
        workers: pictures that are examined at once, each in a process of its own.
        seconds: that one picture may take.
        memory: bytes that a worker may take, where the system tells.
        growth: bytes that a worker may keep beyond what it had when it was warm; one that keeps more is replaced.
        pictures: in one request.
        upload_seconds: that one request may take to arrive.
        idle_seconds: without a single byte, after which an upload is given up.
        held_bytes: of all uploads that arrive or wait.
        waiting: pictures that may wait.
        keep_minutes: that a result is remembered.
        keep_results: remembered at most; the oldest go first.
        keep_bytes: of all results that are remembered.
        hosts: names by which the server may be called, beside those of this machine itself.
        open_to_others: whether it listens to more than this machine; then any address in digits may be its name.
    """

    limits: Limits = WEB_LIMITS
    workers: int = 2
    seconds: float = 300.0
    memory: int = 6144 * MIB
    growth: int = 192 * MIB
    pictures: int = 20
    upload_seconds: float = 120.0
    idle_seconds: float = 20.0
    held_bytes: int = 512 * MIB
    waiting: int = 500
    keep_minutes: float = 30.0
    keep_results: int = 200
    keep_bytes: int = 128 * MIB
    hosts: tuple[str, ...] = ()
    open_to_others: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and not value > 0:
                raise UsageError(f"{field.name} must be more than 0, not {value!r}")
