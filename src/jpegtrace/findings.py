"""What an analysis says: one `Finding`, the same shape for every question.

"Nothing found", "could not look" and "looked and cannot tell" never look alike: `Status` keeps them apart, and
what was found is kept apart from how sure it is, what it means, and what it cannot show.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import UsageError

# What reading a foreign JSON form may run into.
_NOT_OUR_FORM = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, zlib.error)
_LARGEST = float(np.finfo(np.float32).max)

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Status(StrEnum):
    """How an analysis ended."""

    OK = "ok"  # looked and can tell
    NOT_APPLICABLE = "not_applicable"  # the question does not arise for this input
    INCONCLUSIVE = "inconclusive"  # looked and cannot tell
    FAILED = "failed"  # could not look


class Level(StrEnum):
    """Weight of a remark."""

    INFO = "info"
    NOTICE = "notice"  # unusual, with innocent explanations
    ALARM = "alarm"  # contradicts something that the file says, or the rules of its format


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing worth saying, with the evidence it rests on."""

    level: Level
    text: str
    evidence: str = ""


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
    """

    name: str
    values: NDArray[np.float32]
    cell: tuple[int, int]
    unit: str = ""
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
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
            return cls(data["name"], values, cell, data["unit"], tuple(str(name) for name in data.get("labels", ())))
        except _NOT_OUR_FORM as error:
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
        if not all(isinstance(word, str) for word in words):
            raise ValueError(f"plot {self.name!r} has words that are no text")
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
        except _NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a plot: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a finding was made from and by."""

    sha256: str
    version: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an analysis returns; the runner adds who asked and on what.

    Attributes:
        status: ok, inconclusive or not applicable (failures are raised).
        summary: what it means, in one sentence.
        values: what was found, as JSON values.
        probability: calibrated, of the statement in `summary`; None where none is claimed.
        remarks: details worth saying.
        maps: values over the picture.
        plots: curves and histograms.
    """

    status: Status
    summary: str
    values: Mapping[str, Json] = field(default_factory=dict)
    probability: float | None = None
    remarks: tuple[Remark, ...] = ()
    maps: tuple[Map, ...] = ()
    plots: tuple[Plot, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one analysis on one picture; values can be read as attributes."""

    analysis: str
    analysis_version: int
    status: Status
    summary: str
    provenance: Provenance
    values: Mapping[str, Json] = field(default_factory=dict)
    probability: float | None = None
    cannot_show: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    maps: tuple[Map, ...] = ()
    plots: tuple[Plot, ...] = ()

    @property
    def alarm(self) -> bool:
        """Whether something contradicts the file's own account or the rules of its format."""
        return any(remark.level is Level.ALARM for remark in self.remarks)

    def __getattr__(self, name: str) -> Any:
        # Only called for names that are no field: `report.encoder.quality` reads `values["quality"]`.
        if not name.startswith("__") and name in self.values:
            return self.values[name]
        known = ", ".join(self.values) or "none"
        raise AttributeError(f"finding {self.analysis!r} has no value {name!r}; it has: {known}")

    def to_dict(self) -> dict[str, Json]:
        """JSON form; `from_dict` takes it back without loss."""
        return {
            "analysis": self.analysis,
            "analysis_version": self.analysis_version,
            "status": self.status.value,
            "alarm": self.alarm,
            "summary": self.summary,
            "probability": self.probability,
            "values": dict(self.values),
            "remarks": [{"level": r.level.value, "text": r.text, "evidence": r.evidence} for r in self.remarks],
            "cannot_show": list(self.cannot_show),
            "maps": [m.to_dict() for m in self.maps],
            "plots": [p.to_dict() for p in self.plots],
            "provenance": {
                "sha256": self.provenance.sha256,
                "jpegtrace": self.provenance.version,
                "parameters": dict(self.provenance.parameters),
                "weights": dict(self.provenance.weights),
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Rebuild a finding from its JSON form.

        Raises:
            UsageError: the form is not that of a finding.
        """
        try:
            made = data["provenance"]
            return cls(
                analysis=data["analysis"],
                analysis_version=data["analysis_version"],
                status=Status(data["status"]),
                summary=data["summary"],
                provenance=Provenance(made["sha256"], made["jpegtrace"], made["parameters"], made["weights"]),
                values=data["values"],
                probability=data["probability"],
                cannot_show=tuple(data["cannot_show"]),
                remarks=tuple(Remark(Level(r["level"]), r["text"], r["evidence"]) for r in data["remarks"]),
                maps=tuple(Map.from_dict(m) for m in data["maps"]),
                plots=tuple(Plot.from_dict(p) for p in data.get("plots", ())),  # older reports have none
            )
        except _NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a finding: {error!r}") from error
