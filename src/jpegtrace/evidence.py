"""Evidence that can be looked at: maps, plots, matrices and things side by side.

Each says what to look at and what not to conclude. All are frozen, and go through JSON without loss.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError

# What reading a foreign JSON form may run into.
NOT_OUR_FORM = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, zlib.error)
_LARGEST = float(np.finfo(np.float32).max)

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Values over the picture.

    Attributes:
        name: what the values are.
        values: (rows, columns) array; NaN where the analysis abstains.
        cell: pixels that one value stands for, vertically and horizontally; the first value's begin at the picture's
            upper left corner, and the last rows and columns of the picture may have no value.
        unit: of the values, for a legend; a ``probability`` is shown on a scale from 0 to 1, others on their own.
        labels: names of the values 0, 1, ...; empty where values are quantities.
        look_for: what to look at, in one sentence; may be empty.
        not_conclude: what not to conclude, in one sentence; may be empty.
    """

    name: str
    values: NDArray[np.float32]
    cell: tuple[int, int]
    unit: str = ""
    labels: tuple[str, ...] = ()
    look_for: str = ""
    not_conclude: str = ""

    def __post_init__(self) -> None:
        _check_words(f"map {self.name!r}", (self.name, self.unit, self.look_for, self.not_conclude, *self.labels))
        if self.values.ndim != 2:
            raise ValueError(f"map {self.name!r} has {self.values.ndim} dimensions; a map has rows and columns")
        if min(self.cell) < 1:
            raise ValueError(f"a cell of map {self.name!r} is {self.cell[0]} x {self.cell[1]} pixels")
        if self.labels:
            told = self.values[~np.isnan(self.values)]
            if not ((told == np.trunc(told)) & (told >= 0) & (told < len(self.labels))).all():
                raise ValueError(f"map {self.name!r} has values without a label; it has {len(self.labels)} labels")

    def to_dict(self) -> dict[str, Json]:
        """JSON form; `from_dict` takes it back without loss."""
        values = np.ascontiguousarray(self.values, "<f4")
        return {
            "name": self.name,
            "shape": list(values.shape),
            "cell": list(self.cell),
            "unit": self.unit,
            "labels": list(self.labels),
            "look_for": self.look_for,
            "not_conclude": self.not_conclude,
            "zlib_float32": base64.b64encode(zlib.compress(values.tobytes(), 6)).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Map:
        """Rebuild a map from its JSON form.

        Raises:
            UsageError: the form is not that of a map.
        """
        try:
            shape = tuple(int(n) for n in data["shape"])
            packed = base64.b64decode(data["zlib_float32"])
            raw = zlib.decompressobj().decompress(packed, max(4 * math.prod(shape), 1))  # 0 would mean no bound
            values = np.frombuffer(raw, "<f4").astype(np.float32).reshape(shape)
            cell = (int(data["cell"][0]), int(data["cell"][1]))
            return cls(
                name=data["name"],
                values=values,
                cell=cell,
                unit=data["unit"],
                # Older reports have none of these.
                labels=tuple(str(name) for name in data.get("labels", ())),
                look_for=data.get("look_for", ""),
                not_conclude=data.get("not_conclude", ""),
            )
        except NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a map: {error!r}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """A curve or a histogram, with the places that matter marked.

    Attributes:
        name: what is drawn.
        x: float32 (n,), n at least 2, ascending; of bars the middle.
        y: float32 (n,), the values at `x`; NaN where there is none.
        x_label: what `x` is, with the unit in words.
        y_label: what `y` is, with the unit in words.
        kind: ``line``, or ``bars`` that stand on 0.
        marks: places on the axis of `x`, each with a few words about it.
        look_for: what to look at, in one sentence; may be empty.
        not_conclude: what not to conclude, in one sentence; may be empty.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    x_label: str
    y_label: str
    kind: Literal["line", "bars"] = "line"
    marks: tuple[tuple[float, str], ...] = ()
    look_for: str = ""
    not_conclude: str = ""

    def __post_init__(self) -> None:
        words = (self.name, self.x_label, self.y_label, self.look_for, self.not_conclude, *(t for _, t in self.marks))
        _check_words(f"plot {self.name!r}", words)
        if self.kind not in ("line", "bars"):
            raise ValueError(f"plot {self.name!r} is of kind {self.kind!r}; there are: line, bars")
        if self.x.dtype != np.float32 or self.y.dtype != np.float32:
            raise ValueError(f"plot {self.name!r} has values of {self.x.dtype} and {self.y.dtype}; they are float32")
        if self.x.ndim != 1 or self.x.shape != self.y.shape or len(self.x) < 2:
            raise ValueError(f"plot {self.name!r} has values of shape {self.x.shape} and {self.y.shape}")
        if not np.isfinite(self.x).all() or not (self.x[1:] > self.x[:-1]).all():
            raise ValueError(f"the places of plot {self.name!r} do not ascend")
        if np.isinf(self.y).any():
            raise ValueError(f"plot {self.name!r} has infinite values")
        if not all(abs(place) <= _LARGEST for place, _ in self.marks):
            raise ValueError(f"plot {self.name!r} has a mark that is nowhere")

    def to_dict(self) -> dict[str, Json]:
        """JSON form; `from_dict` takes it back without loss."""
        return {
            "name": self.name,
            "x": list(self.x.tolist()),
            "y": [None if math.isnan(value) else value for value in self.y.tolist()],
            "x_label": self.x_label,
            "y_label": self.y_label,
            "kind": self.kind,
            "marks": [{"x": float(place), "text": text} for place, text in self.marks],
            "look_for": self.look_for,
            "not_conclude": self.not_conclude,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plot:
        """Rebuild a plot from its JSON form.

        Raises:
            UsageError: the form is not that of a plot.
        """
        try:
            with np.errstate(over="ignore"):  # becomes infinite, which a plot refuses
                x = np.array([float(value) for value in data["x"]]).astype(np.float32)
                y = np.array([math.nan if value is None else float(value) for value in data["y"]]).astype(np.float32)
            return cls(
                name=data["name"],
                x=x,
                y=y,
                x_label=data["x_label"],
                y_label=data["y_label"],
                kind=data["kind"],
                marks=tuple((float(mark["x"]), mark["text"]) for mark in data["marks"]),
                look_for=data["look_for"],
                not_conclude=data["not_conclude"],
            )
        except NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a plot: {error!r}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Numbers in rows and columns, each on a ground that is the stronger the more there is of it.

    Attributes:
        name: what it shows.
        values: float32 (rows, columns), the numbers; NaN where none is told.
        unit: of the numbers; a ``probability`` is told in percent.
        shares: float32 (rows, columns), 0..1, what the ground shows, NaN where nothing; None: the numbers themselves,
            from their lowest to their highest, a ``probability`` from 0 to 1.
        shares_of: what the ground shows, where that are not the numbers.
        row_label: what rows are; they are counted from 0.
        column_label: what columns are; they are counted from 0.
        marks: row and column of cells that matter, each with a few words about it.
        look_for: what to look at, in one sentence; may be empty.
        not_conclude: what not to conclude, in one sentence; may be empty.
    """

    name: str
    values: NDArray[np.float32]
    unit: str = ""
    shares: NDArray[np.float32] | None = None
    shares_of: str = ""
    row_label: str = "row"
    column_label: str = "column"
    marks: tuple[tuple[int, int, str], ...] = ()
    look_for: str = ""
    not_conclude: str = ""

    def __post_init__(self) -> None:
        labels = self.unit, self.shares_of, self.row_label, self.column_label
        words = (self.name, *labels, self.look_for, self.not_conclude, *(text for *_, text in self.marks))
        _check_words(f"matrix {self.name!r}", words)
        for values in (self.values, *(() if self.shares is None else (self.shares,))):
            if values.dtype != np.float32 or values.ndim != 2 or not values.size:
                raise ValueError(f"matrix {self.name!r} has numbers of {values.dtype} and shape {values.shape}")
            if np.isinf(values).any():
                raise ValueError(f"matrix {self.name!r} has infinite numbers")
        if self.shares is not None:
            told = self.shares[~np.isnan(self.shares)]
            if self.shares.shape != self.values.shape or not ((told >= 0) & (told <= 1)).all():
                raise ValueError(f"the grounds of matrix {self.name!r} are no share for each of its numbers")
        rows, cols = self.values.shape
        if not all(0 <= row < rows and 0 <= col < cols for row, col, _ in self.marks):
            raise ValueError(f"matrix {self.name!r} has a mark that is nowhere")

    def to_dict(self) -> dict[str, Json]:
        """JSON form; `from_dict` takes it back without loss."""
        return {
            "name": self.name,
            "values": _rows(self.values),
            "unit": self.unit,
            "shares": None if self.shares is None else _rows(self.shares),
            "shares_of": self.shares_of,
            "row_label": self.row_label,
            "column_label": self.column_label,
            "marks": [{"row": row, "column": col, "text": text} for row, col, text in self.marks],
            "look_for": self.look_for,
            "not_conclude": self.not_conclude,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Matrix:
        """Rebuild a matrix from its JSON form.

        Raises:
            UsageError: the form is not that of a matrix.
        """
        try:
            shares = data["shares"]
            return cls(
                name=data["name"],
                values=_from_rows(data["values"]),
                unit=data["unit"],
                shares=None if shares is None else _from_rows(shares),
                shares_of=data["shares_of"],
                row_label=data["row_label"],
                column_label=data["column_label"],
                marks=tuple((int(mark["row"]), int(mark["column"]), mark["text"]) for mark in data["marks"]),
                look_for=data["look_for"],
                not_conclude=data["not_conclude"],
            )
        except NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a matrix: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Comparison:
    """Things side by side, one in each column.

    Attributes:
        name: what is compared.
        columns: name of each thing.
        rows: what is said of all: its name, and a text for each thing.
        map: name of a map of the same finding whose label k is the thing in column k; empty where there is none.
        look_for: what to look at, in one sentence; may be empty.
        not_conclude: what not to conclude, in one sentence; may be empty.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    map: str = ""
    look_for: str = ""
    not_conclude: str = ""

    def __post_init__(self) -> None:
        words = (self.name, self.map, self.look_for, self.not_conclude, *self.columns, *(name for name, _ in self.rows))
        _check_words(f"comparison {self.name!r}", (*words, *(text for _, row in self.rows for text in row)))
        if not self.columns or not all(len(row) == len(self.columns) for _, row in self.rows):
            raise ValueError(f"comparison {self.name!r} does not say the same of all its {len(self.columns)} things")

    def to_dict(self) -> dict[str, Json]:
        """JSON form; `from_dict` takes it back without loss."""
        return {
            "name": self.name,
            "columns": list(self.columns),
            "rows": [{"name": name, "texts": list(texts)} for name, texts in self.rows],
            "map": self.map,
            "look_for": self.look_for,
            "not_conclude": self.not_conclude,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """Rebuild a comparison from its JSON form.

        Raises:
            UsageError: the form is not that of a comparison.
        """
        try:
            return cls(
                name=data["name"],
                columns=tuple(data["columns"]),
                rows=tuple((row["name"], tuple(row["texts"])) for row in data["rows"]),
                map=data["map"],
                look_for=data["look_for"],
                not_conclude=data["not_conclude"],
            )
        except NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a comparison: {error!r}") from error


def _check_words(what: str, words: tuple[Any, ...]) -> None:
    if not all(isinstance(word, str) for word in words):
        raise ValueError(f"{what} has words that are no text")


def _rows(values: NDArray[np.float32]) -> list[Json]:
    return [[None if math.isnan(value) else value for value in row] for row in values.tolist()]


def _from_rows(rows: Any) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # becomes infinite, which a matrix refuses
        return np.array([[math.nan if value is None else float(value) for value in row] for row in rows]).astype(
            np.float32
        )
