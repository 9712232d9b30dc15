"""Reports as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jpegtrace.analyses import find_analysis
from jpegtrace.errors import UsageError
from jpegtrace.findings import Finding, Json, Level, Plot, Status
from jpegtrace.report.document import Report
from jpegtrace.report.stability import Stability, Verdict

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
_LEVEL_SIGN = {Level.INFO: "·", Level.NOTICE: "!", Level.ALARM: "!!"}


def render_text(report: Report) -> RenderableType:
    """One report as a rich renderable."""
    head = Text(printable(report.input.source), style="bold")
    if report.error is not None:
        place = "" if report.error.offset is None else f" (at byte {report.error.offset:,})"
        return Group(
            head, Text(f"  {report.error.kind}: {printable(report.error.message)}{place}", style="red"), Text()
        )
    parts: list[RenderableType] = [head]
    for finding in report.findings:
        parts += _finding(finding)
        if report.stability is not None:
            parts += _endurance(finding, report.stability)
    if report.stability is not None:
        parts.append(Padding(Text(report.stability.looked_at, style="dim"), (0, 0, 0, 2), expand=False))
    return Group(*parts, Text())


def render_brief(report: Report) -> Text:
    """One report on one line: what it is, every alarm, and which claims do not stand next to nothing."""
    line = Text(printable(report.input.source), style="bold")
    if report.error is not None:
        return line.append(f": {report.error.kind}: {printable(report.error.message)}", style="red")
    alarms = [r.text for f in report.findings for r in f.remarks if r.level is Level.ALARM]
    notices = sum(r.level is Level.NOTICE for f in report.findings for r in f.remarks)
    failures = [f.summary for f in report.findings if f.status is Status.FAILED]
    head = report.findings[0].summary if report.findings else ""
    line.append(f": {printable(head)}", style="not bold")
    for text in (*failures, *alarms):
        line.append(f" !! {printable(text)}.", style="bold red")
    if notices:
        line.append(f" {notices} notice{'s' if notices > 1 else ''}.", style="yellow")
    if report.stability is not None and report.stability.unsure:
        line.append(f" Unsure: {', '.join(report.stability.unsure)}.", style="yellow")
    return line


def _finding(finding: Finding) -> Iterator[RenderableType]:
    title = title_of(finding)
    style = "bold red" if finding.alarm else _STATUS_STYLE[finding.status]
    sure = "" if finding.probability is None else f" [dim](probability {finding.probability:.2f})[/dim]"
    label = "" if finding.status is Status.OK else f" [{style}]({finding.status.value.replace('_', ' ')})[/{style}]"
    yield Text.from_markup(f"  [{style}]■[/{style}] [bold]{escape(title)}[/bold]{label}")
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


def title_of(finding: Finding) -> str:
    """The heading of a finding; its id where this installation does not know the analysis."""
    try:
        return find_analysis(finding.analysis).title
    except UsageError:
        return finding.analysis


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
        shown = shorten(value)
        if shown is not None:
            yield name.replace("_", " "), shown


def shorten(value: Json, limit: int = 400) -> str | None:
    """A value on one line, or None where it says nothing or is too long for one."""
    if value is None or value in ([], {}, ""):
        return None
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
        pairs = [(key, shorten(item, limit)) for key, item in value.items()]
        text = ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in pairs if item)
    if not text:
        return None
    return text if len(text) <= limit else text[: limit - 1] + "…"
