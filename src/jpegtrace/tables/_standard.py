"""The standard tables (ITU-T T.81 Annex K) and their scaling by a quality of 1..100 as in libjpeg."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jpegtrace.errors import UsageError
from jpegtrace.tables._order import Table, as_table

Channel: TypeAlias = Literal["luma", "chroma"]


def _constant(text: str) -> Table:
    table = np.array(text.split(), dtype=np.uint16).reshape(8, 8)
    table.flags.writeable = False
    return table


STANDARD_LUMA: Table = _constant("""
    16  11  10  16  24  40  51  61
    12  12  14  19  26  58  60  55
    14  13  16  24  40  57  69  56
    14  17  22  29  51  87  80  62
    18  22  37  56  68 109 103  77
    24  35  55  64  81 104 113  92
    49  64  78  87 103 121 120 101
    72  92  95  98 112 100 103  99
""")
"""Luminance table of ITU-T T.81 Annex K.1, table K.1; read-only."""

STANDARD_CHROMA: Table = _constant("""
    17  18  24  47  99  99  99  99
    18  21  26  66  99  99  99  99
    24  26  56  99  99  99  99  99
    47  66  99  99  99  99  99  99
    99  99  99  99  99  99  99  99
    99  99  99  99  99  99  99  99
    99  99  99  99  99  99  99  99
    99  99  99  99  99  99  99  99
""")
"""Chrominance table of ITU-T T.81 Annex K.1, table K.2; read-only."""


@dataclass(frozen=True, slots=True)
class QualityMatch:
    """The standard table that is nearest to a given one.

    Attributes:
        quality: 1..100; of equally near ones the largest.
        channel: which standard table was scaled, "luma" or "chroma".
        distance: mean absolute difference over the 64 entries.
        exact: the tables are equal (distance 0).
    """

    quality: int
    channel: Channel
    distance: float
    exact: bool


def ijg_table(quality: int, channel: Channel = "luma", *, baseline: bool = True) -> Table:
    """Scale a standard table by a quality, as `jpeg_set_quality` of the IJG's libjpeg.

    Args:
        quality: 1..100. Below 50 the table is scaled by 5000 // quality percent, from there by 200 - 2 quality percent.
        channel: "luma" (table K.1) or "chroma" (table K.2).
        baseline: limit entries to 255, as libjpeg's `force_baseline`; otherwise to 32767.

    Returns:
        A new table.

    Raises:
        UsageError: quality is no integer in 1..100, or the channel is unknown.
    """
    if isinstance(quality, bool) or not isinstance(quality, (int, np.integer)) or not 1 <= quality <= 100:
        raise UsageError(f"IJG quality is an integer in 1..100, not {quality!r}")
    base = _base(channel).astype(np.int64)
    scale = 5000 // int(quality) if quality < 50 else 200 - 2 * int(quality)
    return np.clip((base * scale + 50) // 100, 1, 255 if baseline else 32767).astype(np.uint16)


def nearest_quality(table: ArrayLike, channel: Channel = "luma") -> QualityMatch:
    """Find the baseline IJG quality whose table is nearest, by mean absolute difference over the 64 entries.

    Args:
        table: a quantization table.
        channel: the standard table to compare with.
    """
    distances = _distances(table, channel)
    quality = 100 - int(np.argmin(distances[::-1]))
    distance = float(distances[quality - 1])
    return QualityMatch(quality, channel, distance, distance == 0.0)


def exact_quality(table: ArrayLike, channel: Channel = "luma") -> tuple[int, ...]:
    """List every baseline IJG quality that gives exactly this table, in ascending order; empty if there is none.

    Clipping makes the chrominance tables of qualities 1, 2 and 3 equal; all other tables are distinct.

    Args:
        table: a quantization table.
        channel: the standard table to compare with.
    """
    _base(channel)
    return _qualities_of(channel).get(as_table(table).tobytes(), ())


def set_quality(tables: tuple[Table, ...]) -> int | None:
    """Return the one IJG quality that a whole set of tables (luminance, then chrominance) has, if it has one."""
    common = set(exact_quality(tables[0], "luma"))
    for table in tables[1:]:
        common &= set(exact_quality(table, "chroma"))
    return max(common, default=None)


def _base(channel: str) -> Table:
    if channel == "luma":
        return STANDARD_LUMA
    if channel == "chroma":
        return STANDARD_CHROMA
    raise UsageError(f'a channel is "luma" or "chroma", not {channel!r}')


@cache
def _all_qualities(channel: Channel) -> NDArray[np.int64]:
    return np.stack([ijg_table(q, channel).ravel() for q in range(1, 101)]).astype(np.int64)


@cache
def _qualities_of(channel: Channel) -> dict[bytes, tuple[int, ...]]:
    found: dict[bytes, tuple[int, ...]] = {}
    for quality in range(1, 101):
        key = ijg_table(quality, channel).tobytes()
        found[key] = (*found.get(key, ()), quality)
    return found


def _distances(table: ArrayLike, channel: Channel) -> NDArray[np.float64]:
    _base(channel)
    distances: NDArray[np.float64] = np.abs(_all_qualities(channel) - as_table(table).ravel()).mean(axis=1)
    return distances
