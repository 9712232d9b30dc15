"""One page for each analysis, made from the registry, the docstring of its file, and `benchmarks/results`."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from pathlib import Path

from jpegtrace.analyses import Analysis, all_analyses
from pages.measured import chart_of, tables_of
from pages.results import table

MADE = "<!-- made by scripts/update_docs.py from the registry and benchmarks/results; do not edit -->\n\n"
ABOUT = """# The analyses

Each answers one question about one picture, in the order in which a report tells them. `jpegtrace analyses` prints this
list, `--only ID` asks one of them, `jpegtrace map --what ID` those that have a map. How an answer is built stands in
[Findings and reports](../findings.md), how to read its probability in [Reading probabilities](../probabilities.md)."""
DOCS = Path(__file__).parents[2] / "docs"
_PAGE = re.compile(r"docs/([a-z-]+)\.md")
_ATTRIBUTE = re.compile(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", re.S | re.M)


def pages() -> dict[str, str]:
    """Path below ``docs`` to content: the index, a page and a chart for each analysis."""
    found = {"analyses/index.md": _index()}
    for analysis in all_analyses():
        found[f"analyses/{analysis.id}.md"] = _page(analysis)
        if drawn := chart_of(analysis.id):
            found[f"analyses/{analysis.id}.svg"] = drawn[1]
    return found


def _index() -> str:
    body = []
    for a in all_analyses():
        asked = "JPEG files" if a.needs_jpeg else "any picture"
        body.append([f"[`{a.id}`]({a.id}.md)", a.question, asked, "yes" if a.map else "no"])
    return f"{MADE}{ABOUT}\n\n{table(['analysis', 'question', 'asked of', 'map'], body)}\n"


def _page(a: Analysis) -> str:
    parts = [f"{MADE}# {a.title}", f"`{a.id}`, version {a.version}. **{a.question}**", _asked(a)]
    parts += ["## What it rests on", markdown(_story(a))]
    parts += [f"Reference: {_linked(a.reference)}."]
    parts += ["## What it cannot show", "\n".join(f"- {limit}" for limit in a.cannot_show)]
    parts += ["## False alarms", _alarms(a)]
    if drawn := chart_of(a.id):
        parts += ["## Measured", f"![{drawn[0]}]({a.id}.svg)", f"*{drawn[0]}.*"]
    measured = tables_of(a.id)
    if measured:
        parts += [*([] if drawn else ["## Measured"]), *measured]
    else:
        parts += ["## Measured", "There is no benchmark of this analysis."]
    parts += ["## Settings", _settings(a)]
    return "\n\n".join(parts) + "\n"


def _asked(a: Analysis) -> str:
    asked = "It is asked of JPEG files only." if a.needs_jpeg else "It is asked of pictures of every format."
    mapped = f" `jpegtrace map FILE --what {a.id} -o OUT.png` answers it for every place." if a.map else ""
    networks = ", ".join(f"`{name}`" for name in a.weights)
    told = f" It asks the [weights](../models.md) {networks}." if networks else ""
    return asked + mapped + told


def _alarms(a: Analysis) -> str:
    told = f"At most {a.false_alarm_rate:.0%} of untouched pictures" if a.false_alarm_rate else "No untouched picture"
    return (
        f"{told} may raise an alarm here; the contract tests hold it to that. A notice, which may be innocent, is none."
    )


def _settings(a: Analysis) -> str:
    described = dict(_ATTRIBUTE.findall(inspect.cleandoc(a.parameters.__doc__ or "").partition("Attributes:\n")[2]))
    body = [
        [f"`{field.name}`", f"`{field.default}`", " ".join(described[field.name].split())]
        for field in dataclasses.fields(a.parameters)
    ]
    module = a.run.__module__
    return (
        f"{table(['setting', 'by default', 'meaning'], body)}\n\n"
        f"From Python: `{module}.{a.parameters.__name__}`, given to `find_analysis({a.id!r})(picture, params)`."
    )


def _story(a: Analysis) -> str:
    """The docstring of the file of an analysis, without its first line, which says what the question says.

    Raises:
        ValueError: there is nothing else in it.
    """
    told = inspect.cleandoc(sys.modules[a.run.__module__].__doc__ or "").partition("\n")[2].strip()
    if not told:
        raise ValueError(f"the docstring of {a.run.__module__} does not say what {a.id!r} rests on")
    return told


def markdown(text: str) -> str:
    """A docstring as Markdown: what is indented stays as it is, paragraphs flow."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        if block.startswith("    "):
            found.append(f"```text\n{inspect.cleandoc(block)}\n```")
        else:
            found.append(_linked(block.replace("``", "`").replace("::", ":")))
    return "\n\n".join(found)


def _linked(text: str) -> str:
    """Names of pages as links with their titles."""
    return _PAGE.sub(lambda m: f"[{_title(m[1])}](../{m[1]}.md)", text)


def _title(page: str) -> str:
    return (DOCS / f"{page}.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
