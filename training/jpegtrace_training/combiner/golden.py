"""The fixed input whose outputs stand on the combiner's card: export writes them, a test asks for them again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def golden_inputs() -> dict[str, NDArray[Any]]:
    """Inputs of the network by name; always the same."""
    rng = np.random.default_rng(0)
    return {
        "ratio": (rng.normal(size=(1, 8, 30, 28)) * 20).astype(np.float32),
        "promise": (rng.random((1, 8, 30, 28)) * 30).astype(np.float32),
        "kinds": np.repeat([0, 1, 2], 10)[None],
        "origins": np.arange(8, dtype=np.int64)[None],
        "cost": (20 + rng.normal(size=(1, 64))).astype(np.float32),
        "scales": (0.5 + 10 * rng.random((1, 28))).astype(np.float32),
        "zero_share": rng.random((1, 28)).astype(np.float32),
        "last": (1 + 20 * rng.random((1, 28))).astype(np.float32),
        "blocks": np.array([64.0], np.float32),
    }
