"""Tables that a file may well have: those of the survey that are not coarse beyond use, and IJG's."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from jpegtrace.tables._known import KnownTables, known_tables
from jpegtrace.tables._order import ZIGZAG
from jpegtrace.tables._standard import ijg_table

COARSEST = 26  # mean step of a luminance table of the survey, about that of IJG 40
COMPARED = 15  # steps that count in it, in zigzag order

Pair = NDArray[np.uint16]  # (2, 8, 8): luma, chroma


@cache
def usual_known_tables() -> tuple[KnownTables, ...]:
    """Tables of cameras and programs that files have, luminance of 8 bits and not coarse beyond use."""
    return tuple(
        table
        for table in known_tables()
        if table.luma.max() < 256 and table.luma.ravel()[ZIGZAG[:COMPARED]].mean() < COARSEST
    )


@cache
def usual_tables(quality: tuple[int, int]) -> NDArray[np.uint16]:
    """Those, and IJG's from one quality to another: each pair once, (tables, 2, 8, 8)."""
    pairs = [pair_of(table) for table in usual_known_tables()]
    pairs += [ijg_pair(each) for each in range(quality[0], quality[1] + 1)]
    found = np.stack(list({pair.tobytes(): pair for pair in pairs}.values()))
    found.setflags(write=False)
    return found


def pair_of(table: KnownTables) -> Pair:
    """Luma and chroma; that of luma twice where there is no other."""
    return np.stack([table.luma, table.luma if table.chroma is None else table.chroma])


def ijg_pair(quality: int) -> Pair:
    """Luma and chroma of a quality."""
    return np.stack([ijg_table(quality), ijg_table(quality, "chroma")])
