"""Parts of written pages that are made: between ``<!-- NAME: begin ... -->`` and ``<!-- NAME: end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable

from jpegtrace.analyses import all_analyses
from jpegtrace.networks import cards
from pages import study
from pages.results import environment, picked, rows, table

BEGIN = "<!-- {}: begin, made by scripts/update_docs.py -->\n"
END = "<!-- {}: end -->"


def weights() -> str:
    """What each weight file is, under which licence, trained on what."""
    body = [[f"`{c.id}`", c.licence, f"{c.status}, {c.samples:,} samples", c.data, c.paper] for c in cards()]
    return table(["weights", "licence", "how far", "trained on", "architecture of"], body)


def alarms() -> str:
    """False alarms that each analysis may raise."""
    body = [[f"[`{a.id}`](analyses/{a.id}.md)", f"{a.false_alarm_rate:.0%}"] for a in all_analyses()]
    return table(["analysis", "untouched pictures with an alarm, at most"], body)


def entries() -> str:
    """Calibration of the entries of the first table."""
    found = rows("primary_table") + rows("primary_table_more")
    body = [
        [r["row"], r["pictures"], r["patches"], r["ECE"], f"{float(r['told']):.0%}", f"{float(r['told_acc']):.1%}"]
        for r in found
    ]
    head = ["histories", "pictures", "windows", "calibration error", "entries told", "right of those told"]
    return f"{environment(found, 'primary_table')}\n\n{table(head, body)}"


def counts() -> str:
    """What is said of pictures whose number of compressions is known."""
    found = rows("compression_count")
    columns = {
        "last table": "last table",
        "QF2": "last quality",
        "truth": "truth",
        "windows": "windows",
        "called_twice": "called twice",
        "called_once": "called once",
        "cannot_tell": "cannot tell",
    }
    return f"{environment(found, 'compression_count')}\n\n{picked(found, columns)}"


def intervals() -> str:
    """How often 90 % intervals of factors hold the truth."""
    found = rows("manipulation_between")
    body = [
        [r["task"], r["parameter"], r["QF2"], r["pieces"], f"{float(r['covered']):.1%}", r["interval"]] for r in found
    ]
    head = ["manipulation", "factor", "last quality", "pieces", "truth inside", "95 % interval of that"]
    return f"{environment(found, 'manipulation_between')}\n\n{table(head, body)}"


SECTIONS: dict[str, dict[str, Callable[[], str]]] = {
    "licences.md": {"weights": weights},
    "probabilities.md": {"alarms": alarms, "entries": entries, "counts": counts, "intervals": intervals},
    "study.md": {
        "audit": study.audit,
        "losses": study.losses,
        "grid": study.grid,
        "quality": study.quality,
        "compute": study.compute,
    },
}


def filled(text: str, made: dict[str, Callable[[], str]]) -> str:
    """A page with its parts made anew.

    Raises:
        ValueError: a part has no place in it.
    """
    for name, make in made.items():
        pattern = re.compile(re.escape(BEGIN.format(name)) + ".*?" + re.escape(END.format(name)), re.S)
        if not pattern.search(text):
            raise ValueError(f"there is no place for {name!r}: {BEGIN.format(name).strip()}")
        put = f"{BEGIN.format(name)}\n{make()}\n\n{END.format(name)}"
        text = pattern.sub(lambda _, put=put: put, text)
    return text
