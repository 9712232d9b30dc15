"""Total variation of recompressions: K_V of Valenzise, Tagliasacchi and Tubaro."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace.chain import compress, decompress
from jpegtrace.stress.detectors._plane import Plane, whole_blocks
from jpegtrace.tables import ijg_table

QUALITIES = range(45, 101)


def k_v(plane: Plane) -> float:
    """Largest rise of total variation from one recompression to the next, K_V; larger is more JPEG-like.

        K_V = max over q = 46..100 of TV(q) - TV(q - 1),

    TV(q) being that of the picture recompressed at quality q, see `recompressed_variation`. A dithered forgery, whom it
    was made for, jumps past its own quality. A JPEG itself jumps where new steps fit the old ones, mostly elsewhere:
    one of quality 80 at 60, where steps are twice as large.

    G. Valenzise, M. Tagliasacchi and S. Tubaro, "Revealing the traces of JPEG compression anti-forensics", IEEE Trans.
    Inf. Forensics Security 8(2), 2013; qualities 45..100 and the absolute sum are those of the code of Fan 2014
    (table V). Kim 2021 words it as the difference of two maxima; Fan 2014 takes the maximum of differences. TV is a
    sum over pixels, not a mean: K_V grows with the picture, so compare pictures of one size. That code does not crop,
    the file coder pads instead; here the picture is cropped to multiples of 8 like for the others.

    Args:
        plane: uint8 (height, width), cropped to multiples of 8; the grid begins at its corner.

    Raises:
        UsageError: it is no such plane or smaller than 24 x 24.
    """
    return float(np.diff(recompressed_variation(plane)).max())


def recompressed_variation(plane: Plane) -> NDArray[np.int64]:
    """Total variation of the picture recompressed at each of `QUALITIES`, (56,).

    Recompression is what libjpeg-turbo does with a grey picture and the standard luma table, bit for bit and without
    a file between: integer DCT, division by the table with rounding, inverse DCT, pixels rounded and clipped to uint8.
    TV is the sum over the picture of |x(i+1,j) - x(i,j)| and |x(i,j+1) - x(i,j)|.

    Raises:
        UsageError: it is no uint8 grey plane or smaller than 24 x 24.
    """
    pixels = whole_blocks(plane)
    found = []
    for quality in QUALITIES:
        table = ijg_table(quality)
        planes = compress(pixels, table, subsampling="grey")
        again = decompress(planes, (table,), "grey", *pixels.shape).astype(np.int16)
        found.append(sum(int(np.abs(np.diff(again, axis=axis)).sum(dtype=np.int64)) for axis in (0, 1)))
    return np.array(found, np.int64)
