"""A `Report`: what all analyses say about one input, or why it could not be read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jpegtrace import __version__
from jpegtrace.errors import InputError, UsageError
from jpegtrace.findings import Finding, Json, Status
from jpegtrace.report.stability import Stability
from jpegtrace.report.verdict import Verdict, verdict_of

SCHEMA_VERSION = "1.1"


@dataclass(frozen=True, slots=True)
class InputFacts:
    """Which input a report is about."""

    source: str
    sha256: str | None = None
    bytes: int | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input could not be read."""

    kind: str
    message: str
    offset: int | None = None

    @classmethod
    def of(cls, error: InputError) -> Failure:
        """The failure that an error describes."""
        return cls(type(error).__name__, error.what, error.offset)

    def to_dict(self) -> dict[str, Json]:
        """JSON form."""
        return {name: getattr(self, name) for name in Failure.__slots__}


@dataclass(frozen=True, slots=True)
class Report:
    """Findings on one input; ``report.file_facts`` is the finding of the analysis ``file-facts``.

    Attributes:
        input: which input.
        findings: one for each analysis that was asked, in reading order.
        error: why the input could not be read at all; then there are no findings.
        preview: a small JPEG of the picture for the HTML report, not part of the JSON.
        version: of jpegtrace that made the report.
        stability: whether the findings hold when the picture is mildly disturbed; None where that was not asked.
        made_with: decoders and libraries with their versions.
    """

    input: InputFacts
    findings: tuple[Finding, ...] = ()
    error: Failure | None = None
    preview: bytes | None = None
    version: str = __version__
    stability: Stability | None = None
    made_with: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """What all findings say together."""
        return verdict_of(self.findings, self.stability)

    @property
    def failed(self) -> bool:
        """Whether the input, or an analysis of it, failed."""
        return self.error is not None or any(f.status is Status.FAILED for f in self.findings)

    @property
    def alarm(self) -> bool:
        """Whether any finding raises an alarm."""
        return any(finding.alarm for finding in self.findings)

    def finding(self, analysis: str) -> Finding:
        """The finding of one analysis.

        Raises:
            UsageError: that analysis was not asked.
        """
        for found in self.findings:
            if found.analysis == analysis:
                return found
        asked = ", ".join(f.analysis for f in self.findings) or "none"
        raise UsageError(f"the report has no finding of {analysis!r}; it has: {asked}")

    def __getattr__(self, name: str) -> Any:
        try:
            return self.finding(name.replace("_", "-"))
        except UsageError as error:
            raise AttributeError(str(error)) from None

    def to_dict(self) -> dict[str, Json]:
        """JSON form, described by the schema that ships (see `jpegtrace.report.schema`)."""
        return {
            "schema_version": SCHEMA_VERSION,
            "jpegtrace": self.version,
            "input": {name: getattr(self.input, name) for name in InputFacts.__slots__},
            "error": None if self.error is None else self.error.to_dict(),
            "alarm": self.alarm,
            "verdict": None if self.error is not None else self.verdict.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
            "stability": None if self.stability is None else self.stability.to_dict(),
            "made_with": dict(self.made_with),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """Rebuild a report from its JSON form.

        Raises:
            UsageError: another major version, or not the form of a report.
        """
        version = str(data.get("schema_version"))
        if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
            raise UsageError(f"this report has schema version {version}; {SCHEMA_VERSION} is read")
        try:
            error = data["error"]
            stability = data.get("stability")  # older reports have none; the verdict is composed again
            return cls(
                InputFacts(**{name: data["input"][name] for name in InputFacts.__slots__}),
                tuple(Finding.from_dict(finding) for finding in data["findings"]),
                None if error is None else Failure(**{name: error[name] for name in Failure.__slots__}),
                version=data["jpegtrace"],
                stability=None if stability is None else Stability.from_dict(stability),
                made_with=dict(data.get("made_with", {})),
            )
        except (KeyError, TypeError, ValueError) as reason:
            raise UsageError(f"this is not the JSON form of a report: {reason!r}") from reason

    def to_json(self, *, indent: int | None = 2) -> str:
        """The report as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one self-contained HTML file."""
        from jpegtrace.report.html import render_html

        Path(path).write_text(render_html([self]), encoding="utf-8")
