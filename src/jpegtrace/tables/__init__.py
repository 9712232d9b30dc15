"""Quantization tables: their order, the standard ones, and the ones that the world writes.

A `Table` is an (8, 8) array of unsigned 16-bit steps in row-major natural order, everywhere in jpegtrace; `to_zigzag`
and `from_zigzag` are the only doors to the order that a file stores.

* Standard tables: `ijg_table`, `nearest_quality`, `exact_quality` (ITU-T T.81 Annex K.1, scaled as libjpeg does).
* Known tables: `identify` says where a set of tables was seen, among 462 distinct sets in 7,215 real files; `families`
  groups these sets by who writes them, `named_table` fetches one by name.
* `usual_tables` are those that a file may well have.
* `random_smooth_table` makes a plausible table that nobody is known to write.

What a table cannot show: a file with a Canon table was not thereby taken by a Canon, and a program that re-saves a
picture keeps the camera's name in the metadata. Every answer carries its counts for that reason.
"""

from jpegtrace.tables._identify import Identification, TableMatch, identify
from jpegtrace.tables._known import KnownTables, families, known_tables
from jpegtrace.tables._named import named_table
from jpegtrace.tables._names import Program, brand_of, program_of
from jpegtrace.tables._order import ZIGZAG, Table, as_table, from_zigzag, to_zigzag
from jpegtrace.tables._random import random_smooth_table
from jpegtrace.tables._standard import (
    STANDARD_CHROMA,
    STANDARD_LUMA,
    Channel,
    QualityMatch,
    exact_quality,
    ijg_table,
    nearest_quality,
)
from jpegtrace.tables._usual import Pair, ijg_pair, pair_of, usual_known_tables, usual_tables

__all__ = [
    "STANDARD_CHROMA",
    "STANDARD_LUMA",
    "ZIGZAG",
    "Channel",
    "Identification",
    "KnownTables",
    "Pair",
    "Program",
    "QualityMatch",
    "Table",
    "TableMatch",
    "as_table",
    "brand_of",
    "exact_quality",
    "families",
    "from_zigzag",
    "identify",
    "ijg_pair",
    "ijg_table",
    "known_tables",
    "named_table",
    "nearest_quality",
    "pair_of",
    "program_of",
    "random_smooth_table",
    "to_zigzag",
    "usual_known_tables",
    "usual_tables",
]
