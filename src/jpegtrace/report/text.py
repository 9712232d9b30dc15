"""Reports as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jpegtrace.findings import Finding, Json, Level, Matrix, Plot, Status, Topic
from jpegtrace.report.document import Report
from jpegtrace.report.names import title_of
from jpegtrace.report.stability import Stability, Verdict
from jpegtrace.report.verdict import FOUND, HEADINGS, Sentence, in_percent
from jpegtrace.report.verdict import Verdict as Conclusion

_STATUS_STYLE = {
    Status.OK: "green",
    Status.NOT_APPLICABLE: "dim",
    Status.INCONCLUSIVE: "yellow",
    Status.FAILED: "red",
}
_LEVEL_STYLE = {Level.INFO: "dim", Level.NOTICE: "yellow", Level.ALARM: "bold red"}
_VERDICT_STYLE = {
    Verdict.HOLDS: "green",
    Verdict.LIMITED: "default",
    Verdict.UNSURE: "bold yellow",
    Verdict.NO_CLAIM: "dim",
}
_ENDURES = {
    Verdict.HOLDS: "hold after all that was tried",
    Verdict.LIMITED: "hold after some of it",
    Verdict.UNSURE: "change after next to nothing",
}
_MOST_TOLD = 3  # sentences of the verdict in brief
_LEVEL_SIGN = {Level.INFO: "·", Level.NOTICE: "!", Level.ALARM: "!!"}
_TOPIC_STYLE = {
    Topic.DAMAGE: "bold red",
    Topic.CONTRADICTION: "bold red",
    Topic.EDIT: "bold",
    Topic.HISTORY: "bold",
    Topic.DISAGREEMENT: "bold yellow",
    Topic.NOTHING: "default",
    Topic.OPEN: "yellow",
    Topic.NOT_LOOKED: "red",
}
_SILENT = {
    Topic.NOTHING: "looked for and not found",
    Topic.OPEN: "cannot tell",
}
_NO_NEWS = {"file-facts"}  # which looks for damage, and is no news where there is none
# What lists of numbers are that stand for a place; every analysis names them so.
_ORIGIN, _BOX = "grid_origin", ("box", "window")


def render_text(report: Report) -> RenderableType:
    """One report as a rich renderable."""
    head = Text(printable(report.input.source), style="bold")
    if report.error is not None:
        place = "" if report.error.offset is None else f" (at byte {report.error.offset:,})"
        return Group(
            head, Text(f"  {report.error.kind}: {printable(report.error.message)}{place}", style="red"), Text()
        )
    parts: list[RenderableType] = [head, *_verdict(report)]
    for finding in report.findings:
        parts += _finding(finding)
        if report.stability is not None:
            parts += _endurance(finding, report.stability)
    if report.stability is not None:
        parts.append(Padding(Text(report.stability.looked_at, style="dim"), (0, 0, 0, 2), expand=False))
    return Group(*parts, Text())


def render_brief(report: Report) -> Text:
    """The verdict in up to three sentences, and below it a line for each finding that adds to them."""
    text = Text(printable(report.input.source), style="bold")
    if report.error is not None:
        return text.append(f": {report.error.kind}: {printable(report.error.message)}", style="red")
    verdict = report.verdict
    lead = _lead(verdict)
    text.append(":", style="not bold")
    for sentence in lead:
        _append(text, sentence)
    if not lead:
        text.append(f" {printable(verdict.text)}", style="not bold")
    for finding in report.findings:
        more = [s for s in verdict.about(*FOUND) if s not in lead and s.analyses[:1] == (finding.analysis,)]
        notices = [r.text for r in finding.remarks if r.level is Level.NOTICE and r.text in verdict.unusual]
        if more or notices:
            text.append(f"\n  {finding.analysis}:", style="not bold")
            for sentence in more:
                _append(text, sentence)
            for notice in notices:
                text.append(f" ! {printable(notice)}.", style="not bold yellow")
    for sentence in verdict.about(Topic.DISAGREEMENT):
        text.append(f"\n  ! {printable(sentence.text)}", style=_TOPIC_STYLE[Topic.DISAGREEMENT])
    _append_silent(text, verdict, lead)
    if report.stability is not None:
        _append_stability(text, report.stability)
    return text


def _lead(verdict: Conclusion) -> tuple[Sentence, ...]:
    """What is told first: a sentence of each analysis, what was found before what was not, in reading order."""
    chosen: list[Sentence] = []
    asked: set[str] = set()
    for sentence in verdict.about(*FOUND, Topic.NOTHING):
        if len(chosen) < _MOST_TOLD and not asked.intersection(sentence.analyses):
            chosen.append(sentence)
            asked.update(sentence.analyses)
    return tuple(chosen)


def _append(text: Text, sentence: Sentence) -> None:
    sign = "!! " if sentence.topic in (Topic.DAMAGE, Topic.CONTRADICTION) else ""
    text.append(f" {sign}{printable(sentence.text)}", style=f"not bold {_TOPIC_STYLE[sentence.topic]}")


def _append_silent(text: Text, verdict: Conclusion, lead: Sequence[Sentence]) -> None:
    """Who found nothing at all and who cannot tell, by name; who could not look, and why."""
    told = {name for sentence in (*verdict.about(*FOUND), *lead) for name in sentence.analyses}
    for topic, words in _SILENT.items():
        names = dict.fromkeys(name for sentence in verdict.about(topic) for name in sentence.analyses)
        left = [name for name in names if topic is not Topic.NOTHING or name not in told | _NO_NEWS]
        if left:
            text.append(f"\n  {words}: {', '.join(left)}", style=f"not bold {_TOPIC_STYLE[topic]}")
    for sentence in verdict.about(Topic.NOT_LOOKED):
        why = f"{', '.join(sentence.analyses)}: {sentence.text}"
        text.append(f"\n  {printable(why)}", style=f"not bold {_TOPIC_STYLE[Topic.NOT_LOOKED]}")


def _append_stability(text: Text, stability: Stability) -> None:
    """Whose claims hold when the picture is mildly disturbed, by name."""
    if stability.not_done is not None:
        text.append(f"\n  stability: not asked, {printable(stability.not_done)}", style="not bold")
        return
    parts = []
    for verdict, words in _ENDURES.items():
        if names := [found.analysis for found in stability.verdicts if found.verdict is verdict]:
            parts.append(f"{words}: {', '.join(names)}")
    text.append(f"\n  stability: {'; '.join(parts) or 'nothing was claimed that could be lost'}", style="not bold")


def _asked(sentence: Sentence) -> str:
    """A sentence, with the question where it does not answer any."""
    if sentence.topic not in (Topic.OPEN, Topic.NOT_LOOKED):
        return sentence.text
    # Their headings say this already.
    why = sentence.text.removeprefix("Cannot tell: ").removeprefix("Could not look: ").rstrip(".")
    return f"{'; '.join(title_of(name) for name in sentence.analyses)} ({why})."


def _verdict(report: Report) -> Iterator[RenderableType]:
    """The verdict on top: its sentences with how sure each is, and what they do not mean."""
    verdict = report.verdict
    if not verdict.sentences:
        return
    yield Text("  Verdict", style="bold")
    for sentence in verdict.sentences:
        heading = "" if sentence.topic in FOUND else f"{HEADINGS[sentence.topic]}: "
        line = Text(f"{heading}{printable(_asked(sentence))}", style=_TOPIC_STYLE[sentence.topic])
        if sentence.confidence:
            line.append(f" ({printable(sentence.confidence)})", style="not bold dim")
        yield Padding(line, (0, 0, 0, 4), expand=False)
    sure = f"Confidence: {verdict.confidence.value}. {verdict.why}"
    yield Padding(Text(sure), (0, 0, 0, 4), expand=False)
    yield Padding(Text(f"Does not mean: {' '.join(verdict.not_mean)}", style="dim"), (0, 0, 0, 4), expand=False)


def _finding(finding: Finding) -> Iterator[RenderableType]:
    title = title_of(finding.analysis)
    # The name that --only takes.
    own = "" if title == finding.analysis else f" [dim]{escape(f'[{finding.analysis}]')}[/dim]"
    style = "bold red" if finding.alarm else _STATUS_STYLE[finding.status]
    told = probability_of(finding)
    sure = f" [dim]({escape(printable(told))})[/dim]" if told else ""
    label = "" if finding.status is Status.OK else f" [{style}]({finding.status.value.replace('_', ' ')})[/{style}]"
    yield Text.from_markup(f"  [{style}]■[/{style}] [bold]{escape(title)}[/bold]{own}{label}")
    yield Padding(Text.from_markup(escape(printable(finding.summary)) + sure), (0, 0, 0, 4), expand=False)
    for remark in finding.remarks:
        style = _LEVEL_STYLE[remark.level]
        because = f" [dim]({escape(printable(remark.evidence))})[/dim]" if remark.evidence else ""
        yield Padding(
            Text.from_markup(
                f"[{style}]{_LEVEL_SIGN[remark.level]} {escape(printable(remark.text))}[/{style}]{because}"
            ),
            (0, 0, 0, 4),
            expand=False,
        )
    for plot in finding.plots:
        if plot.marks:
            told = printable(f"{plot.name}: {marks_of(plot)}")
            yield Padding(Text(told), (0, 0, 0, 4), expand=False)
    details = list(_details(finding.values))
    if details:
        grid = Table.grid(padding=(0, 2))
        for name, value in details:
            grid.add_row(Text(name, style="cyan"), Text(printable(value)))
        yield Padding(grid, (0, 0, 0, 4), expand=False)
    if finding.cannot_show:
        limits = "; ".join(finding.cannot_show)
        yield Padding(Text(f"cannot show: {limits}", style="dim"), (0, 0, 0, 4), expand=False)


def _endurance(finding: Finding, stability: Stability) -> Iterator[RenderableType]:
    """Whether its claim holds; what was claimed of the part that was looked at, where that is something else."""
    found = stability.find(finding.analysis)
    if found is None or not found.trials:
        return
    claim = f' (of "{found.claim}")' if found.claim != finding.summary else ""
    told = Text(printable(f"stability: {found.summary}{claim}"), style=_VERDICT_STYLE[found.verdict])
    yield Padding(told, (0, 0, 0, 4), expand=False)


def probability_of(finding: Finding) -> str:
    """The probability of a finding in words, and of what it is; empty where there is none."""
    if finding.probability is None:
        return ""
    what = f" {finding.probability_of}" if finding.probability_of else ""
    return f"probability{what}: {in_percent(finding.probability)}"


def cells_of(matrix: Matrix) -> str:
    """The marked cells of a matrix in words; empty where there are none."""
    told = [
        f"{matrix.row_label} {row}, {matrix.column_label} {col}{f' ({text})' if text else ''}"
        for row, col, text in matrix.marks
    ]
    return f"marked {', '.join(told)}" if told else ""


def marks_of(plot: Plot) -> str:
    """The marked places of a plot in words; empty where there are none."""
    told = [f"{place:.4g} ({text})" if text else f"{place:.4g}" for place, text in plot.marks]
    return f"marked {', '.join(told)}" if told else ""


def printable(text: str) -> str:
    """Foreign text without what a terminal would obey: control characters and changes of writing direction."""
    return "".join(c if c.isprintable() or c == " " else f"\\x{ord(c):02x}" for c in text)


def _details(values: dict[str, Json] | object) -> Iterator[tuple[str, str]]:
    """Short values in reading order; long lists are left to JSON and HTML."""
    if not isinstance(values, dict):
        return
    for name, value in values.items():
        shown = shorten(value, name=name)
        if shown is not None:
            yield name.replace("_", " "), shown


def shorten(value: Json, limit: int = 400, name: str = "") -> str | None:
    """A value on one line, or None where it says nothing or is too long for one.

    Args:
        value: the value.
        limit: of the characters.
        name: of the value; places say which number is what.
    """
    if value is None or value in ([], {}, ""):
        return None
    if (place := _place(value, name)) is not None:
        return place
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        text = " ".join(value.split())
    elif isinstance(value, list):
        # A hole is shown, or what follows would seem to stand in its place.
        parts = ["-" if item is None else shorten(item, limit) for item in value if not isinstance(item, (list, dict))]
        text = ", ".join(part for part in parts if part)
    else:
        pairs = [(key, shorten(item, limit, key)) for key, item in value.items()]
        text = ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in pairs if item)
    if not text:
        return None
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _place(value: Json, name: str) -> str | None:
    """A place in words, rows counted from above and columns from the left; None of other values."""
    if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
        return None
    if name == _ORIGIN and len(value) == 2:
        return f"row {value[0]}, column {value[1]}"
    if name in _BOX and len(value) == 4:
        left, top, width, height = value
        return f"{width} x {height} pixels from row {top}, column {left}"
    return None
