"""From one 8x8 grid to another: T_r = C S_r blockdiag(C', C'), 8 by 16, for each of the eight shifts."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from jpegtrace.jpeg import dct_matrix


@cache
def shift_matrices() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """T_r for r = 0..7, (8, 8, 16), and its entries squared, which carry variances."""
    basis = dct_matrix()
    back = np.zeros((16, 16))
    back[:8, :8] = back[8:, 8:] = basis.T
    matrices = np.zeros((8, 8, 16))
    for shift in range(8):
        select = np.zeros((8, 16))
        select[np.arange(8), np.arange(8) + shift] = 1
        matrices[shift] = basis @ select @ back
    return matrices.astype(np.float32), (matrices**2).astype(np.float32)


def by_frequency(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, columns, 8, 8) as (8, 8, blocks), as the kernels take them."""
    return np.ascontiguousarray(blocks.transpose(2, 3, 0, 1)).reshape(8, 8, -1)
