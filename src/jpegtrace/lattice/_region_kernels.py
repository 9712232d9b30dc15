"""Kernels on maps of labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel


@kernel
def absorb_small(labels: NDArray[np.int8], smallest: int, smallest_other: int) -> int:
    """Give connected parts of few cells to the label that most of their neighbours have; in place.

    `smallest_other` is the bound for label 0, which stands for none of the pasts. Parts are taken row by
    row; what was given away before is not counted again, so that more passes may be needed. Returns how many were
    given.
    """
    rows, cols = labels.shape
    given_away = 0
    seen = np.zeros((rows, cols), np.bool_)
    queue = np.empty(rows * cols, np.int32)
    for top in range(rows):
        for left in range(cols):
            if seen[top, left]:
                continue
            own = labels[top, left]
            votes = np.zeros(129, np.int64)  # by label, from -1 on
            queue[0] = top * cols + left
            seen[top, left] = True
            read, end = 0, 1
            while read < end:
                i, j = queue[read] // cols, queue[read] % cols
                read += 1
                for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                    if a < 0 or b < 0 or a >= rows or b >= cols:
                        continue
                    if labels[a, b] != own:
                        votes[labels[a, b] + 1] += 1
                    elif not seen[a, b]:
                        seen[a, b] = True
                        queue[end] = a * cols + b
                        end += 1
            if end < (smallest_other if own == 0 else smallest) and votes.sum() > 0:
                given = votes.argmax() - 1
                given_away += 1
                for k in range(end):
                    labels[queue[k] // cols, queue[k] % cols] = given
    return given_away
