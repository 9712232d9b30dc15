"""What an attack is: a function of stored coefficients, and words for what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Blocks = NDArray[np.signedinteger[Any]]
Table = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of what was done to a picture.

    Attributes:
        name: of the step.
        parameters: numbers and words, ready for JSON.
    """

    name: str
    parameters: Mapping[str, bool | int | float | str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"name": self.name, "parameters": dict(self.parameters)}


@dataclass(frozen=True, slots=True)
class Method:
    """A published attack.

    Attributes:
        name: by which it is asked for.
        title: in words.
        reference: the paper.
        run: blocks (rows, columns, 8, 8) of a plane as stored, its table (8, 8) in rows, and a seed, to the samples
            (8 rows, 8 columns) in grey levels, neither rounded nor clipped; the same for the same seed.
        operations: what `run` does to a plane with this table.
        chroma: whether chroma planes are attacked, too.
    """

    name: str
    title: str
    reference: str
    run: Callable[[Blocks, Table, int], Floats]
    operations: Callable[[Table], tuple[Operation, ...]]
    chroma: bool = True
