"""Reports as one self-contained HTML file: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from jpegtrace import __version__
from jpegtrace.analyses import find_analysis
from jpegtrace.errors import UsageError
from jpegtrace.findings import Finding, Json
from jpegtrace.report.document import Report
from jpegtrace.report.figures import data_uri, figures_of
from jpegtrace.report.maps import CONTRAST
from jpegtrace.report.plots import plot_figures_of
from jpegtrace.report.text import shorten, title_of


def render_html(reports: Sequence[Report]) -> str:
    """All reports in one page, with a list of inputs where there are several."""
    environment = Environment(
        loader=PackageLoader("jpegtrace.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"shorten": shorten, "data_uri": data_uri, "grid": _grid}
    environment.globals |= {"title_of": title_of, "question_of": _question, "plain": _plain, "tables_of": _tables}
    environment.globals |= {
        "figures_of": figures_of,
        "plot_figures_of": plot_figures_of,
        "photograph_contrast": CONTRAST,
    }
    template = environment.get_template("report.html.jinja")
    return template.render(reports=reports, version=__version__)


def _question(finding: Finding) -> str:
    try:
        return find_analysis(finding.analysis).question
    except UsageError:  # a stored report of an installation that knows more
        return ""


def _tables(finding: Finding) -> list[list[Json]]:
    tables = finding.values.get("quantization_tables")
    return [t for t in tables if isinstance(t, list)] if isinstance(tables, list) else []


def _plain(finding: Finding) -> list[tuple[str, str]]:
    """Values that fit on a line."""
    shown = [(name.replace("_", " "), shorten(value, 2000)) for name, value in finding.values.items()]
    return [(name, value) for name, value in shown if value]


def _grid(entries: Sequence[Json]) -> list[Sequence[Json]]:
    return [entries[row : row + 8] for row in range(0, len(entries), 8)]
