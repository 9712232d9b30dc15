"""High frequencies on the grid against the same ones off it: K_L of Lai and Böhme."""

from __future__ import annotations

import numpy as np

from jpegtrace.stress.detectors._plane import Floats, Plane, coefficients_of, whole_blocks

HIGH = np.add.outer(np.arange(8), np.arange(8)) >= 8  # the 28 frequencies
NONE = 1e-12  # variance that rounding of floating-point numbers leaves where there is none


def k_l(plane: Plane) -> float:
    """Calibrated variance K_L, from 0 on; larger is more JPEG-like.

    With I the picture without its last eight rows and columns, J the same one without four at every side, I_k and J_k
    their coefficients of frequency k over all blocks, and the variance dividing by their number,

        K_L = 1/28 sum over k of |var(I_k) - var(J_k)| / var(I_k),    k the 28 frequencies r + c >= 8.

    S. Lai and R. Böhme, "Countering counter-forensics: the case of JPEG compression", IH 2011. Kim 2021, eq. 10, prints
    it without the denominator and over histograms: that is a loss for training, this is the feature of Fan 2014
    (table V). Coefficients are not rounded. No paper says what holds where var(I_k) is 0: 0 here where var(J_k) is 0,
    too, as in a picture of one value, and infinity elsewhere, as the quotient has it.

    Args:
        plane: uint8 (height, width), cropped to multiples of 8; the grid begins at its corner.

    Raises:
        UsageError: it is no such plane or smaller than 24 x 24.
    """
    values = whole_blocks(plane)
    own, moved = (_variances(part) for part in (values[:-8, :-8], values[4:-4, 4:-4]))
    gap = np.abs(own - moved)
    terms = np.full(gap.shape, np.inf)
    np.divide(gap, own, out=terms, where=own > 0)
    terms[gap == 0] = 0
    return float(terms.mean())


def _variances(plane: Plane) -> Floats:
    found: Floats = coefficients_of(plane)[:, HIGH].var(axis=0)
    return np.where(found > NONE, found, 0.0)
