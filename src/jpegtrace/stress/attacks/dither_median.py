"""`dither-median`: `dither`, then a median filter and Gaussian noise against the borders of blocks.

M. C. Stamm, K. J. R. Liu, "Anti-forensics of digital image compression", IEEE TIFS 6(3), 2011: v = med_s(u) + n, where
u is the picture after the dither, med_s the median over s x s pixels, and n Gaussian noise of variance sigma^2. The
paper chooses s and sigma^2 by the quality of the JPEG; its values could not be looked up, so that one choice of this
project stands for all qualities: s = 3, the smallest window, and sigma^2 = 2.
"""

from __future__ import annotations

import numpy as np

from jpegtrace._median import median_of
from jpegtrace.chain.filters import to_bytes
from jpegtrace.stress.attacks import dither
from jpegtrace.stress.attacks._method import Blocks, Floats, Method, Operation, Table

SIZE = 3
VARIANCE = 2.0


def dither_median(blocks: Blocks, table: Table, seed: int, *, size: int = SIZE, variance: float = VARIANCE) -> Floats:
    """The plane after dither, median and noise; it is rounded and clipped before the median, as a picture is."""
    plane = median_of(to_bytes(dither.dither(blocks, table, seed)), size)
    return plane + np.random.default_rng((seed, 1)).normal(0, np.sqrt(variance), plane.shape)


def operations(table: Table) -> tuple[Operation, ...]:
    """What `dither_median` does."""
    return (
        *dither.operations(table),
        Operation("round-and-clip", {}),
        Operation("median", {"size": SIZE}),
        Operation("noise", {"kind": "gaussian", "variance": VARIANCE}),
    )


METHOD = Method("dither-median", "dither, median filter and noise", dither.REFERENCE, dither_median, operations)
