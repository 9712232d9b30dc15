"""The one representation of a quantization table, and the zigzag order of the file format."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jpegtrace.errors import UsageError

Table: TypeAlias = NDArray[np.uint16]
"""A quantization table: shape (8, 8), row-major natural order, [vertical frequency, horizontal frequency]."""


def _zigzag() -> NDArray[np.intp]:
    # Along each antidiagonal r + c = d the sequence climbs when d is even and descends when it is odd.
    cells = [(r, c) for r in range(8) for c in range(8)]
    cells.sort(key=lambda rc: (rc[0] + rc[1], rc[0] if (rc[0] + rc[1]) % 2 else rc[1]))
    order = np.array([8 * r + c for r, c in cells], dtype=np.intp)
    order.flags.writeable = False
    return order


ZIGZAG: NDArray[np.intp] = _zigzag()
"""Row-major index of the k-th zigzag coefficient, shape (64,), read-only (ITU-T T.81, figure A.6)."""


def as_table(values: ArrayLike) -> Table:
    """Validate steps in natural order and return them as a new table.

    Args:
        values: 64 integers in 0..65535, shape (8, 8) or (64,), row-major. Zero is not allowed in a file (T.81 B.2.4.1)
            but occurs in broken ones, so it passes here.

    Returns:
        Shape (8, 8), a copy.

    Raises:
        UsageError: another shape, a type that is not integer, or a value out of range.
    """
    return _checked(values).reshape(8, 8)


def to_zigzag(table: ArrayLike) -> Table:
    """Reorder a table from natural order to the order of the DQT segment.

    Args:
        table: (8, 8) or (64,), row-major.

    Returns:
        Shape (64,), a copy.
    """
    return _checked(table)[ZIGZAG]


def from_zigzag(values: ArrayLike) -> Table:
    """Reorder 64 values of a DQT segment to natural order.

    Args:
        values: (64,) or (8, 8), read row by row, in zigzag order.

    Returns:
        Shape (8, 8), a copy.
    """
    table = np.empty(64, dtype=np.uint16)
    table[ZIGZAG] = _checked(values)
    return table.reshape(8, 8)


def _checked(values: ArrayLike) -> Table:
    try:
        array: NDArray[Any] = np.asarray(values)
    except ValueError as error:
        raise UsageError(f"a quantization table has 64 entries: {error}") from error
    if array.shape not in ((8, 8), (64,)):
        raise UsageError(f"a quantization table has shape (8, 8) or (64,), not {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise UsageError(f"a quantization table holds integers, not {array.dtype}")
    if int(array.min()) < 0 or int(array.max()) > 65535:
        raise UsageError(f"quantization steps lie in 0..65535, these in {array.min()}..{array.max()}")
    return array.astype(np.uint16).ravel()
