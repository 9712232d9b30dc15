"""Tables that may have been the last: every IJG quality, and those that the world is seen to write."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from jpegtrace.lattice.hypotheses import Library, make_library
from jpegtrace.tables import ZIGZAG, ijg_table, known_tables

FREQUENCIES = 64
QUALITIES = tuple(range(1, 101))
TURNED = ", turned by 90 degrees"


@cache
def standard_library() -> Library:
    """IJG tables of all qualities; those that are the same table are one, under the highest quality."""
    tables = {}
    for quality in QUALITIES:
        table = ijg_table(quality).ravel()[ZIGZAG]
        tables[table.tobytes()] = (table, quality)
    chosen = [tables[key] for key in tables]
    return make_library(
        [table for table, _ in chosen], [q for _, q in chosen], [f"IJG {q}" for _, q in chosen], frequencies=FREQUENCIES
    )


@lru_cache(maxsize=8)
def log_steps(library: Library) -> NDArray[np.float32]:
    """Logarithms of the steps of a library."""
    return np.log(library.steps)


@cache
def world_library() -> Library:
    """The luminance tables of the survey that are not IJG's, and those of IJG turned by 90 degrees, as pictures are."""
    standard = {table.tobytes() for table in standard_library().tables}
    tables: list[NDArray[np.uint16]] = []
    names: list[str] = []
    seen: dict[bytes, int] = {}
    for known in known_tables():
        table = known.luma.ravel()[ZIGZAG]
        key = table.astype(standard_library().tables.dtype).tobytes()
        if table.max() > 255 or key in standard:
            continue
        name = known.family + (f" {known.setting}" if known.setting else "")
        if key not in seen:
            seen[key] = len(tables)
            tables.append(table)
            names.append(name)
        elif name not in names[seen[key]]:
            names[seen[key]] += f" or {name}"
    for quality in QUALITIES:
        turned = ijg_table(quality).T.ravel()[ZIGZAG]
        if turned.tobytes() not in standard:
            tables.append(turned)
            names.append(f"IJG {quality}{TURNED}")
    return make_library(tables, [0] * len(tables), names, frequencies=FREQUENCIES)


@cache
def every_step() -> Library:
    """All steps that a table of 8 bits may have, so that evidence for step q stands at place q - 1."""
    return make_library([standard_library().tables[0]], [0], ["every step"], every_step_to=255, frequencies=FREQUENCIES)
