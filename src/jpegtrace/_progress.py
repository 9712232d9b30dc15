"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]  # takes the share that is done, 0..1


def part(progress: Progress | None, low: float, high: float) -> Progress | None:
    """For a part of the work that begins at one share of the whole and ends at another."""
    return None if progress is None else lambda share: progress(low + (high - low) * share)
