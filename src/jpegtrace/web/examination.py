"""What a worker does with one picture: asks everything, and tells what it has as soon as it has it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from jpegtrace.analyses import Analysis, all_analyses
from jpegtrace.errors import InputError, JpegtraceError
from jpegtrace.findings import Finding, Json, Map, Status
from jpegtrace.inspection import inspect
from jpegtrace.limits import Limits
from jpegtrace.picture import Picture
from jpegtrace.report import Failure, Report
from jpegtrace.report.figures import figures_of
from jpegtrace.report.html import render_html
from jpegtrace.report.names import question_of, title_of
from jpegtrace.report.text import probability_of
from jpegtrace.web.messages import Examined, Mapped, Message, Missing, Refused, Step, Task

FINEST = 8  # pixels from one value of a map to the next
MOST_CELLS = 1 << 16  # of one map; larger pictures get coarser maps
MAP_WORTH = 2  # questions that the map of one takes as long as, about

Tell = Callable[[Message], None]


def examine(task: Task, tell: Tell) -> None:
    """Ask every question of a picture, then answer those that can be answered everywhere, if that is wanted.

    Told are steps, the report as soon as it is whole, and maps one by one; or that the picture was refused.
    """
    try:
        picture = Picture.open(task.data, limits=task.limits, name=task.name)
    except InputError as error:
        tell(Refused(Failure.of(error)))
        return
    asked = all_analyses()
    mapped = [a for a in asked if a.map is not None] if task.everywhere else []
    steps = _Steps(tell, len(asked) + MAP_WORTH * len(mapped))
    report = _inspect(picture, asked, steps)
    tell(Examined(summary_of(report), report.to_json().encode(), render_html([report]).encode(), report.preview))
    for finding in report.findings:
        for found in drawn(report, finding, finding.maps):
            tell(found)
    for analysis in mapped:
        finding = report.finding(analysis.id)
        if finding.status in (Status.OK, Status.INCONCLUSIVE):
            steps.begin(f"{analysis.title}, everywhere")
            _answer_everywhere(picture, analysis, finding, report, steps)
        steps.end(MAP_WORTH)


def _inspect(picture: Picture, asked: Sequence[Analysis], steps: _Steps) -> Report:
    """The report of `inspect`, with a word after each question."""
    findings = []
    for analysis in asked:
        steps.begin(analysis.title)
        findings.append(analysis(picture))
        steps.end(1)
    steps.begin("Writing the report")
    return replace(inspect(picture, only=[], preview=True), findings=tuple(findings))


def _answer_everywhere(picture: Picture, analysis: Analysis, finding: Finding, report: Report, steps: _Steps) -> None:
    try:
        maps = analysis.maps_of(picture, stride=_stride(picture), progress=steps.within(MAP_WORTH))
    except JpegtraceError as error:
        steps.tell(Missing(f"{analysis.title}: no map, {error}"))
        return
    except Exception as error:  # a map must not take the report with it
        steps.tell(Missing(f"{analysis.title}: no map, internal error, please report it: {error}"))
        return
    for found in drawn(report, finding, maps):
        steps.tell(found)


def _stride(picture: Picture) -> int:
    """Of a map with `MOST_CELLS` values at most."""
    finest = min(FINEST, picture.width, picture.height)
    cells = picture.width * picture.height / finest**2
    return finest * max(1, math.ceil(math.sqrt(cells / MOST_CELLS)))


def drawn(report: Report, finding: Finding, maps: Sequence[Map]) -> Iterator[Mapped]:
    """Maps of a finding with how they are drawn; a map without values is left out."""
    shown = [m for m in maps if m.values.size]
    for m, figure in zip(shown, figures_of(replace(finding, maps=tuple(shown)), report), strict=True):
        # The photograph is there once for all maps.
        yield Mapped(finding.analysis, title_of(finding.analysis), m, replace(figure, photograph=None))


def summary_of(report: Report) -> dict[str, Json]:
    """What the page shows of a report before anybody opens it."""
    return {
        "alarm": report.alarm,
        "failed": report.failed,
        "verdict": report.verdict.to_dict(),
        "format": report.input.format,
        "width": report.input.width,
        "height": report.input.height,
        "sha256": report.input.sha256,
        "findings": [_finding(finding) for finding in report.findings],
    }


def _finding(finding: Finding) -> dict[str, Json]:
    return {
        "analysis": finding.analysis,
        "title": title_of(finding.analysis),
        "question": question_of(finding.analysis),
        "status": finding.status.value,
        "alarm": finding.alarm,
        "summary": finding.summary,
        "probability": finding.probability,
        "sure": probability_of(finding),
        "remarks": [{"level": r.level.value, "text": r.text, "evidence": r.evidence} for r in finding.remarks],
    }


class _Steps:
    """Counts what is done of a number of steps, and tells it."""

    def __init__(self, tell: Tell, total: int) -> None:
        self.tell = tell
        self._total = max(total, 1)
        self._done = 0
        self._doing = ""
        self._told = 0.0

    def begin(self, what: str) -> None:
        self._doing = what
        self._tell(self._done)

    def end(self, steps: int) -> None:
        self._done += steps

    def within(self, steps: int) -> Callable[[float], None]:
        """For whoever knows the share of `steps` that is done."""
        return lambda share: self._tell_if_new(self._done + steps * share)

    def _tell_if_new(self, done: float) -> None:
        if done / self._total >= self._told + 0.01:
            self._tell(done)

    def _tell(self, done: float) -> None:
        self._told = done / self._total
        self.tell(Step(round(self._told, 4), self._doing))


def warming_task() -> Task:
    """A small picture that was saved twice: whoever examines it has loaded and compiled what most pictures need."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
    image = coarse.resize((168, 168), Image.Resampling.BICUBIC)
    for quality in (60, 90):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality, subsampling=0)
        image = Image.open(out).crop((3, 5, image.width, image.height))
    return Task("warming up", out.getvalue(), Limits(), everywhere=True)
