"""Whether answers hold when a picture is mildly disturbed: the shape of that result.

What is disturbed, and when an answer counts as the same, is decided in `jpegtrace.stress.stability`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jpegtrace.errors import UsageError
from jpegtrace.findings import Json


class Answer(StrEnum):
    """What became of a claim after one disturbance."""

    HELD = "held"
    LOST = "lost"  # it abstains, finds nothing any more, or may speak of another compression
    COVERED = "covered"  # it tells of what was the last compression, not of the claimed one
    CONTRADICTED = "contradicted"  # it claims something else
    NOT_ASKED = "not_asked"  # the disturbance leaves nothing to compare


class Verdict(StrEnum):
    """What all disturbances say of a claim."""

    HOLDS = "holds"  # after everything that was tried
    LIMITED = "limited"  # not after everything, see the summary
    UNSURE = "unsure"  # contradicted after a disturbance that should leave it alone
    NO_CLAIM = "no_claim"  # there is nothing to hold


@dataclass(frozen=True, slots=True)
class Trial:
    """One answer after one disturbance.

    Attributes:
        disturbance: its id, such as ``jpeg-95``.
        text: what was done, in words.
        harmless: it should leave every claim alone.
        answer: what became of the claim.
        says: what is said afterwards.
    """

    disturbance: str
    text: str
    harmless: bool
    answer: Answer
    says: str

    def to_dict(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "disturbance": self.disturbance,
            "text": self.text,
            "harmless": self.harmless,
            "answer": self.answer.value,
            "says": self.says,
        }


@dataclass(frozen=True, slots=True)
class Endurance:
    """How well the claim of one analysis holds.

    Attributes:
        analysis: whose claim.
        claim: what it says of the undisturbed picture, asked with the settings of this check.
        verdict: all trials together.
        summary: the same in one sentence.
        trials: one for each disturbance; none where there is no claim.
    """

    analysis: str
    claim: str
    verdict: Verdict
    summary: str
    trials: tuple[Trial, ...] = ()

    def to_dict(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "analysis": self.analysis,
            "claim": self.claim,
            "verdict": self.verdict.value,
            "summary": self.summary,
            "trials": [trial.to_dict() for trial in self.trials],
        }


@dataclass(frozen=True, slots=True)
class Stability:
    """How well the claims about one picture hold.

    Attributes:
        verdicts: one for each analysis that was asked and has a rule.
        part: left, top, width and height of the part that was looked at; None for the whole picture.
        settings: of analyses, by their id, where they are not the usual ones; before and after a disturbance alike.
        not_done: why nothing was tried; None where something was.
    """

    verdicts: tuple[Endurance, ...] = ()
    part: tuple[int, int, int, int] | None = None
    settings: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    not_done: str | None = None

    @property
    def unsure(self) -> tuple[str, ...]:
        """Analyses whose claims are contradicted after next to nothing was done."""
        return tuple(found.analysis for found in self.verdicts if found.verdict is Verdict.UNSURE)

    @property
    def looked_at(self) -> str:
        """What was looked at, and how, in one sentence."""
        if self.not_done is not None:
            return f"Not tried whether answers hold: {self.not_done}."
        if self.part is None:
            where = "the whole picture was disturbed"
        else:
            left, top, width, height = self.part
            where = (
                f"{width} x {height} pixels from row {top}, column {left} were cut out and disturbed, the rest was not "
                "looked at"
            )
        fewer = f"; with fewer places asked than above: {', '.join(self.settings)}" if self.settings else ""
        return f"Whether answers hold: {where}{fewer}."

    def find(self, analysis: str) -> Endurance | None:
        """What was found for one analysis; None where it was not tried."""
        return next((found for found in self.verdicts if found.analysis == analysis), None)

    def to_dict(self) -> dict[str, Json]:
        """JSON form; `from_dict` takes it back without loss."""
        return {
            "not_done": self.not_done,
            "part": None if self.part is None else list(self.part),
            "settings": {name: dict(values) for name, values in self.settings.items()},
            "verdicts": [found.to_dict() for found in self.verdicts],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Stability:
        """Rebuild it from its JSON form.

        Raises:
            UsageError: the form is not that of a stability.
        """
        try:
            part = data["part"]
            return cls(
                tuple(_endurance(found) for found in data["verdicts"]),
                None if part is None else (int(part[0]), int(part[1]), int(part[2]), int(part[3])),
                {name: dict(values) for name, values in data["settings"].items()},
                data["not_done"],
            )
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"this is not the JSON form of a stability: {error!r}") from error


def _endurance(data: Mapping[str, Any]) -> Endurance:
    trials = tuple(
        Trial(t["disturbance"], t["text"], bool(t["harmless"]), Answer(t["answer"]), t["says"]) for t in data["trials"]
    )
    return Endurance(data["analysis"], data["claim"], Verdict(data["verdict"]), data["summary"], trials)
