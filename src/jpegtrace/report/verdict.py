"""The verdict on a picture: what all findings say together, in plain sentences.

Composed from the claims of findings alone (`jpegtrace.findings.Claim`), so that a new analysis has its say without
being named here. Contradictions come first, then edits, then history; "nothing found", "cannot tell" and "could not
look" stay apart. No sentence says more than the finding that it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from jpegtrace.findings import READ_IN_FILE, Claim, Finding, Json, Level, Status, Topic
from jpegtrace.report.names import title_of
from jpegtrace.report.stability import Stability

HIGH, MODERATE = 0.99, 0.9  # probabilities from which confidence is called that
FOUND = (Topic.DAMAGE, Topic.CONTRADICTION, Topic.EDIT, Topic.HISTORY)
NEVER_MEANS = "No sentence says whether what the picture shows is true, who made or changed it, or why."
HEADINGS = {
    Topic.DAMAGE: "Damage",
    Topic.CONTRADICTION: "What contradicts its own account",
    Topic.EDIT: "What was done to it",
    Topic.HISTORY: "How it was saved",
    Topic.DISAGREEMENT: "What answers do not agree on",
    Topic.NOTHING: "Looked for and not found",
    Topic.OPEN: "Looked, and cannot tell",
    Topic.NOT_LOOKED: "Could not look",
}


class Confidence(StrEnum):
    """How sure the verdict is as a whole."""

    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"
    MIXED = "mixed"  # some sentences are much surer than others
    NONE = "none"  # there is nothing to be sure of


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a verdict.

    Attributes:
        topic: what it is about.
        text: the sentence.
        confidence: how sure it is, in a few words; empty where it claims nothing.
        probability: of the sentence; None where none is claimed.
        not_mean: what it does not mean; may be empty.
        analyses: ids of those whose findings it rests on.
    """

    topic: Topic
    text: str
    confidence: str = ""
    probability: float | None = None
    not_mean: str = ""
    analyses: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "topic": self.topic.value,
            "text": self.text,
            "confidence": self.confidence,
            "probability": self.probability,
            "not_mean": self.not_mean,
            "analyses": list(self.analyses),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all findings say together.

    Attributes:
        text: the verdict in a few plain sentences.
        confidence: of what was found; of what was not found where nothing was.
        why: what the confidence rests on, in one sentence.
        sentences: all of them, in the order of `Topic`.
        unusual: remarks that are unusual and have innocent explanations.
        not_asked: titles of questions that do not arise for the input.
    """

    text: str
    confidence: Confidence
    why: str
    sentences: tuple[Sentence, ...] = ()
    unusual: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()

    def about(self, *topics: Topic) -> tuple[Sentence, ...]:
        """Sentences about these topics."""
        return tuple(sentence for sentence in self.sentences if sentence.topic in topics)

    @property
    def not_mean(self) -> tuple[str, ...]:
        """What the verdict does not mean: of every sentence, and in general."""
        told = (s.not_mean for s in self.about(*FOUND) or self.sentences if s.not_mean)
        return *dict.fromkeys(told), NEVER_MEANS

    def to_dict(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "text": self.text,
            "confidence": self.confidence.value,
            "why": self.why,
            "not_mean": list(self.not_mean),
            "sentences": [sentence.to_dict() for sentence in self.sentences],
            "unusual": list(self.unusual),
            "not_asked": list(self.not_asked),
        }


def verdict_of(findings: Sequence[Finding], stability: Stability | None = None) -> Verdict:
    """Compose the verdict from what the findings claim."""
    told = [sentence for finding in findings for sentence in _sentences(finding)]
    if stability is not None:
        told = [_hedged(sentence, stability) for sentence in told]
    told += _disagreements(findings)
    if stability is not None:
        told += _unsure(findings, stability)
    order = list(Topic)
    sentences = tuple(sorted(_merged(told), key=lambda sentence: order.index(sentence.topic)))
    confidence, why = _confidence(sentences)
    return Verdict(
        text=_text(sentences),
        confidence=confidence,
        why=why,
        sentences=sentences,
        unusual=tuple(_unusual(findings, sentences)),
        not_asked=tuple(title_of(finding.analysis) for finding in findings if finding.status is Status.NOT_APPLICABLE),
    )


def in_percent(probability: float) -> str:
    """A probability in words; never certainty, which no measurement gives."""
    if probability > 0.995:
        return "over 99%"
    if probability < 0.005:
        return "under 1%"
    return f"{100 * probability:.0f}%"


def _sentences(finding: Finding) -> Iterator[Sentence]:
    """What one finding adds: its claims; without any, its alarms, and what its status says."""
    own = (finding.analysis,)
    for claim in finding.claims:
        yield Sentence(claim.topic, claim.text, _sure(claim), claim.probability, claim.not_mean, own)
    if not finding.claims:
        for remark in finding.remarks:
            if remark.level is Level.ALARM:
                yield Sentence(Topic.CONTRADICTION, _as_sentence(remark.text), READ_IN_FILE, analyses=own)
    if finding.status is Status.INCONCLUSIVE and not any(claim.topic is Topic.OPEN for claim in finding.claims):
        yield Sentence(Topic.OPEN, finding.summary, analyses=own)
    if finding.status is Status.FAILED:
        yield Sentence(Topic.NOT_LOOKED, finding.summary, analyses=own)


def _sure(claim: Claim) -> str:
    if claim.probability is None:
        return claim.grounds
    return f"probability {in_percent(claim.probability)}"


def _merged(sentences: Sequence[Sentence]) -> Iterator[Sentence]:
    """The same words of several analyses once, as sure as the least sure of them."""
    groups: dict[tuple[Topic, str], list[Sentence]] = {}
    for sentence in sentences:
        groups.setdefault((sentence.topic, sentence.text), []).append(sentence)
    for (topic, text), group in groups.items():
        least = min(group, key=lambda one: 1.0 if one.probability is None else one.probability)
        analyses = tuple(name for one in group for name in one.analyses)
        yield Sentence(topic, text, least.confidence, least.probability, least.not_mean, analyses)


def _disagreements(findings: Sequence[Finding]) -> Iterator[Sentence]:
    """Facts to which claims give different values."""
    facts: dict[str, dict[str, list[str]]] = {}
    for finding in findings:
        for claim in finding.claims:
            for name, value in claim.facts.items():
                facts.setdefault(name, {}).setdefault(value, []).append(finding.analysis)
    for name, values in facts.items():
        if len(values) > 1:
            sides = "; ".join(
                f"“{'”, “'.join(dict.fromkeys(map(title_of, who)))}”: {value}" for value, who in values.items()
            )
            analyses = tuple(dict.fromkeys(one for who in values.values() for one in who))
            yield Sentence(Topic.DISAGREEMENT, f"Analyses do not agree on {name} ({sides}).", analyses=analyses)


def _hedged(sentence: Sentence, stability: Stability) -> Sentence:
    """What is found by an analysis whose answer does not stand is said to be unsure where it is said."""
    shaken = sentence.topic in FOUND and set(sentence.analyses) <= set(stability.unsure)
    return replace(sentence, text=f"Unsure: {sentence.text}") if shaken else sentence


def _unsure(findings: Sequence[Finding], stability: Stability) -> Iterator[Sentence]:
    """Answers that do not stand."""
    asked = {finding.analysis for finding in findings}
    for name in stability.unsure:
        if name in asked:
            text = f"“{title_of(name)}” says something else after next to nothing was done to the picture."
            yield Sentence(Topic.DISAGREEMENT, text, analyses=(name,))


def _confidence(sentences: Sequence[Sentence]) -> tuple[Confidence, str]:
    decisive = [s for s in sentences if s.topic in FOUND] or [s for s in sentences if s.topic is Topic.NOTHING]
    if not decisive:
        return Confidence.NONE, "There is nothing to be sure of."
    if any(s.topic is Topic.DISAGREEMENT for s in sentences):
        return Confidence.LOW, "Answers do not agree with each other."
    told = [s.probability for s in decisive if s.probability is not None]
    read = any(s.confidence == READ_IN_FILE for s in decisive)
    unknown = any(s.probability is None and s.confidence != READ_IN_FILE for s in decisive)
    least, most = min(told, default=1.0), 1.0 if read else max(told, default=0.0)
    parts = ["what was read in the file is sure"] if read else []
    if told:
        span = in_percent(least) if in_percent(least) == in_percent(max(told)) else ""
        parts.append(f"probabilities are {span or f'between {in_percent(least)} and {in_percent(max(told))}'}")
    if unknown:
        parts.append("for some of it no probability is claimed" if parts else "no probability is claimed")
    if least >= HIGH:
        level = Confidence.MODERATE if unknown else Confidence.HIGH
    elif most >= HIGH and least < MODERATE:
        level = Confidence.MIXED
    else:
        level = Confidence.MODERATE if least >= MODERATE else Confidence.LOW
    return level, _as_sentence("; ".join(parts))


def _text(sentences: Sequence[Sentence]) -> str:
    found = [s.text for s in sentences if s.topic in FOUND]
    if found:
        return " ".join(found)
    nothing = [s.text for s in sentences if s.topic is Topic.NOTHING]
    if nothing:
        return " ".join(nothing)
    if any(s.topic is Topic.OPEN for s in sentences):
        return "It was looked at, and nothing can be told."
    if any(s.topic is Topic.NOT_LOOKED for s in sentences):
        return "It could not be looked at."
    return "Nothing was asked that would give a verdict."


def _unusual(findings: Sequence[Finding], sentences: Sequence[Sentence]) -> Iterator[str]:
    """Notices that no sentence holds already."""
    told = " ".join(sentence.text for sentence in sentences).casefold()
    seen: set[str] = set()
    for finding in findings:
        for remark in finding.remarks if finding.status is not Status.FAILED else ():
            text = remark.text
            if remark.level is Level.NOTICE and text.casefold().rstrip(".") not in told and text not in seen:
                seen.add(text)
                yield text


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
