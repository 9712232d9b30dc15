"""What an analysis says: one `Finding`, the same shape for every question.

"Nothing found", "could not look" and "looked and cannot tell" never look alike: `Status` keeps them apart, and
what was found is kept apart from how sure it is, what it means, and what it cannot show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jpegtrace.errors import UsageError
from jpegtrace.evidence import NOT_OUR_FORM, Comparison, Json, Map, Matrix, Plot

__all__ = [
    "READ_IN_FILE",
    "Claim",
    "Comparison",
    "Finding",
    "Json",
    "Level",
    "Map",
    "Matrix",
    "Outcome",
    "Plot",
    "Provenance",
    "Remark",
    "Status",
    "Topic",
]


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


READ_IN_FILE = "read in the file"  # grounds of a claim that nothing was estimated for


class Topic(StrEnum):
    """What a claim is about; a verdict is told in this order."""

    DAMAGE = "damage"  # part of the file cannot be read
    CONTRADICTION = "contradiction"  # the file's own account does not hold
    EDIT = "edit"  # something was done to the picture, or to a part of it
    HISTORY = "history"  # how it was saved
    DISAGREEMENT = "disagreement"  # answers do not agree
    NOTHING = "nothing"  # looked for and not found
    OPEN = "open"  # looked and cannot tell
    NOT_LOOKED = "not_looked"  # could not look


@dataclass(frozen=True, slots=True)
class Claim:
    """What a finding adds to the verdict on the whole picture.

    Attributes:
        topic: what it is about.
        text: one whole sentence for a reader who never read a paper.
        probability: of that sentence, calibrated; None where none is claimed.
        grounds: what it rests on in a few words, where there is no probability.
        not_mean: what it does not mean, in one sentence; may be empty.
        facts: what it says as names and values; analyses that give one name different values do not agree.
    """

    topic: Topic
    text: str
    probability: float | None = None
    grounds: str = ""
    not_mean: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Json]:
        """JSON form; `from_dict` takes it back without loss."""
        return {
            "topic": self.topic.value,
            "text": self.text,
            "probability": self.probability,
            "grounds": self.grounds,
            "not_mean": self.not_mean,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Claim:
        """Rebuild a claim from its JSON form.

        Raises:
            UsageError: the form is not that of a claim.
        """
        try:
            return cls(
                Topic(data["topic"]),
                data["text"],
                data["probability"],
                data["grounds"],
                data["not_mean"],
                dict(data["facts"]),
            )
        except NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a claim: {error!r}") from error


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
        probability: calibrated, of what `probability_of` says; None where none is claimed.
        remarks: details worth saying.
        maps: values over the picture.
        plots: curves and histograms.
        matrices: numbers in rows and columns.
        comparisons: things side by side.
        claims: what it adds to the verdict on the picture; see `Claim`. An answer that cannot tell adds that by itself.
        probability_of: what the probability is of, to be read after "probability"; empty: of the summary.
    """

    status: Status
    summary: str
    values: Mapping[str, Json] = field(default_factory=dict)
    probability: float | None = None
    remarks: tuple[Remark, ...] = ()
    maps: tuple[Map, ...] = ()
    plots: tuple[Plot, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    claims: tuple[Claim, ...] = ()
    probability_of: str = ""


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
    matrices: tuple[Matrix, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    claims: tuple[Claim, ...] = ()
    probability_of: str = ""

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
            "probability_of": self.probability_of,
            "claims": [claim.to_dict() for claim in self.claims],
            "values": dict(self.values),
            "remarks": [{"level": r.level.value, "text": r.text, "evidence": r.evidence} for r in self.remarks],
            "cannot_show": list(self.cannot_show),
            "maps": [m.to_dict() for m in self.maps],
            "plots": [p.to_dict() for p in self.plots],
            "matrices": [m.to_dict() for m in self.matrices],
            "comparisons": [c.to_dict() for c in self.comparisons],
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
                # Older reports have none of these.
                plots=tuple(Plot.from_dict(p) for p in data.get("plots", ())),
                matrices=tuple(Matrix.from_dict(m) for m in data.get("matrices", ())),
                comparisons=tuple(Comparison.from_dict(c) for c in data.get("comparisons", ())),
                claims=tuple(Claim.from_dict(c) for c in data.get("claims", ())),
                probability_of=data.get("probability_of", ""),
            )
        except NOT_OUR_FORM as error:
            raise UsageError(f"this is not the JSON form of a finding: {error!r}") from error
