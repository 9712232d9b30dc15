"""How many threads an analysis may use; whoever runs many processes sets it to 1."""

from __future__ import annotations

import os

THREADS = min(os.cpu_count() or 1, 8)  # each takes some memory of its own
