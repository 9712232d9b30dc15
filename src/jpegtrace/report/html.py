"""Reports as one self-contained HTML file: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jpegtrace import __version__
from jpegtrace.findings import Finding
from jpegtrace.report.document import SCHEMA_VERSION, Report
from jpegtrace.report.figures import figures_of
from jpegtrace.report.images import data_uri
from jpegtrace.report.maps import CONTRAST, OPACITY
from jpegtrace.report.matrices import comparison_figures_of, matrix_figures_of
from jpegtrace.report.names import question_of, title_of
from jpegtrace.report.plots import plot_figures_of
from jpegtrace.report.text import probability_of, shorten
from jpegtrace.report.verdict import FOUND, HEADINGS


def render_html(reports: Sequence[Report]) -> str:
    """All reports in one page, with a list of inputs where there are several."""
    environment = Environment(
        loader=PackageLoader("jpegtrace.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"shorten": shorten, "data_uri": data_uri}
    environment.globals |= {
        "title_of": title_of,
        "question_of": question_of,
        "probability_of": probability_of,
        "plain": _plain,
        "figures_of": figures_of,
        "plot_figures_of": plot_figures_of,
        "matrix_figures_of": matrix_figures_of,
        "comparison_figures_of": comparison_figures_of,
        "headings": HEADINGS,
        "found_topics": FOUND,
        "contrast": CONTRAST,
        "opacity": OPACITY,
        "schema_version": SCHEMA_VERSION,
    }
    script = _asset("report.js")
    # The page allows itself nothing but what it carries: no fetch, no other script.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("report.html.jinja").render(
        reports=reports,
        version=__version__,
        style=Markup(_asset("report.css")),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=digest,
    )


def _asset(name: str) -> str:
    return resources.files("jpegtrace.report").joinpath("templates", name).read_text(encoding="utf-8")


def _plain(finding: Finding) -> list[tuple[str, str]]:
    """Values that fit on a line."""
    shown = [(name.replace("_", " "), shorten(value, 2000, name)) for name, value in finding.values.items()]
    return [(name, value) for name, value in shown if value]
