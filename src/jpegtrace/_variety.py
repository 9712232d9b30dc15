"""Whether blocks repeat, as they do in what was drawn and not photographed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def variety(blocks: NDArray[Any]) -> float:
    """Share of different ones among blocks, (blocks, values); 1 where there are none."""
    return len(np.unique(blocks, axis=0)) / len(blocks) if len(blocks) else 1.0
