"""How many threads an analysis may use."""

from __future__ import annotations

import os

THREADS = min(os.cpu_count() or 1, 8)  # each takes some memory of its own


def threads() -> int:
    """Threads that one analysis may use at once."""
    return THREADS


def limit_threads(most: int) -> None:
    """Let the analyses of this process use so many threads and no more; whoever runs one process a core says 1."""
    global THREADS
    THREADS = most
