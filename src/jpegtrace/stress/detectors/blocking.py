"""Steps at the borders of blocks: K_F of Fan and de Queiroz, K_U^1 and K_U^2 of Ullerich and Westfeld.

Both compare what lies at borders of the 8x8 grid with what lies 4 pixels away from them, where only the scene is.
Indices count from 0; index 8 is the first pixel of the next block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace.stress.detectors._plane import Plane, whole_blocks


def k_f(plane: Plane) -> float:
    """Blocking signature K_F, 0..2; larger is more JPEG-like.

    In every block but those of the last row and column

        Z1 = |x(3,3) - x(3,4) - x(4,3) + x(4,4)|,    Z2 = |x(7,7) - x(7,8) - x(8,7) + x(8,8)|,

    and with H1, H2 their histograms over whole numbers, each summing to 1,

        K_F = sum over n of |H1(n) - H2(n)|.

    Z. Fan and R. L. de Queiroz, "Identification of bitmap compression history: JPEG detection and quantizer
    estimation", IEEE Trans. Image Process. 12(2), 2003; in the form that Fan 2014 measured (table V).
    That the last blocks are skipped is of the authors' code. The histograms of small pictures are ragged, and K_F is
    large for them whatever their history: compare pictures of one size.

    Args:
        plane: uint8 (height, width), cropped to multiples of 8; the grid begins at its corner.

    Raises:
        UsageError: it is no such plane or smaller than 24 x 24.
    """
    values = whole_blocks(plane).astype(np.int16)
    # The four corners of a cross difference, at the centre of a block and where four blocks meet.
    within = values[3:-8:8, 3:-8:8] - values[3:-8:8, 4:-8:8] - values[4:-8:8, 3:-8:8] + values[4:-8:8, 4:-8:8]
    across = values[7:-8:8, 7:-8:8] - values[7:-8:8, 8::8] - values[8::8, 7:-8:8] + values[8::8, 8::8]
    bins = 2 * 255 + 1
    first, second = (np.bincount(np.abs(z).ravel(), minlength=bins) / z.size for z in (within, across))
    return float(np.abs(first - second).sum())


def k_u1(plane: Plane) -> float:
    """Gradient-aware blockiness with p = 1, see `k_u`; larger is more JPEG-like."""
    return k_u(plane, 1)


def k_u2(plane: Plane) -> float:
    """Gradient-aware blockiness with p = 2, see `k_u`; larger is more JPEG-like."""
    return k_u(plane, 2)


def k_u(plane: Plane, power: int) -> float:
    """Gradient-aware blockiness K_U^p, calibrated; larger is more JPEG-like.

    With B the mean over all places along inner 8-borders, those between rows and those between columns, of
    |x6 - 3 x7 + 3 x8 - x9|^p across the border (divided by W r + H c, r = floor((H - 2) / 8) borders between rows and
    c = floor((W - 2) / 8) between columns),

        K_U^p = |B(I) - B(J)|,    J = I without its first four rows and columns.

    C. Ullerich and A. Westfeld, "Weaknesses of MB2", IWDW 2007, as a feature of W. Fan, K. Wang, F. Cayre and Z. Xiong,
    "A variational approach to JPEG anti-forensics", ICASSP 2013, and of Fan 2014 (table V).
    The difference is taken without sign, so a picture smoother at borders than elsewhere scores as well: a forgery that
    overdoes its deblocking is caught, but the direction is lost. J keeps its last rows: it is 4 pixels shorter than I,
    no multiple of 8, unlike the J of K_L.

    Args:
        plane: uint8 (height, width), cropped to multiples of 8; the grid begins at its corner.
        power: p, from 1 on; 1 and 2 were published.

    Raises:
        UsageError: it is no such plane or smaller than 24 x 24.
    """
    values = whole_blocks(plane).astype(np.int64)
    return abs(_blockiness(values, power) - _blockiness(values[4:, 4:], power))


def _blockiness(values: NDArray[np.int64], power: int) -> float:
    total, places = 0, 0
    for lines in (values, values.T):
        borders = (lines.shape[0] - 2) // 8
        x6, x7, x8, x9 = (lines[6 + i : 8 * borders + i : 8] for i in range(4))
        total += int((np.abs(x6 - 3 * x7 + 3 * x8 - x9) ** power).sum())
        places += borders * lines.shape[1]
    return total / places
