"""Matrices of the study of JPEG in training, for docs/study.md."""

from __future__ import annotations

from collections.abc import Sequence

from jpegtrace_training.study.conclusion import judge
from jpegtrace_training.study.matrices import Figure
from pages.results import Row, environment, rows, table


def grid() -> str:
    """Accuracy by training and test, with the interval over seeds."""
    found = rows("study_grid")
    if not found:
        return "Not measured yet."
    body = [
        [r["task"], r["kind"], r["network"], r["trained"], r["tested"], r["accuracy"], _interval(r), r["seeds"]]
        for r in found
    ]
    head = ["task", "kind", "network", "trained on", "tested on", "accuracy", "95 % interval", "seeds"]
    return f"{environment(found, 'study_grid')}\n\n{table(head, body)}"


def losses() -> str:
    """What aligned training costs on patches cut anywhere, seed by seed, and what is said of it."""
    found = rows("study_grid")
    values = {(r["task"], r["network"], r["trained"], r["tested"]): _values(r) for r in found}
    body = []
    for task, network, kind in dict.fromkeys((r["task"], r["network"], r["kind"]) for r in found):
        sides = [values.get((task, network, trained, "random"), []) for trained in ("random", "aligned")]
        if len(sides[0]) == len(sides[1]) > 1:
            loss = Figure.of([first - second for first, second in zip(*sides, strict=True)])
            body.append([task, kind, network, str(loss), judge(loss), str(loss.seeds)])
    if not body:
        return "Not measured yet."
    return table(["task", "kind", "network", "loss and its interval", "does the grid matter?", "seeds"], body)


def quality() -> str:
    """A matrix for each task: a row for each training condition."""
    found = rows("study_quality")
    if not found:
        return "Not measured yet."
    parts = [environment(found, "study_quality")]
    for task, network in dict.fromkeys((r["task"], r["network"]) for r in found):
        own = [r for r in found if (r["task"], r["network"]) == (task, network)]
        seeds = sorted({r["seeds"] for r in own})
        parts.append(f"`{task}`, {network}, {' or '.join(seeds)} seeds:\n\n{_matrix(own)}")
    return "\n\n".join(parts)


def audit() -> str:
    """What the compression of the pictures says of their labels."""
    found = rows("study_audit")
    if not found:
        return "Not measured yet."
    body = [
        [r["task"], r["pictures"], r["trait"], f"{float(r['share']):.0%}", f"{float(r['by_chance']):.0%}", r["p"],
         "yes" if r["predicts"] == "True" else "no"]
        for r in found
    ]  # fmt: skip
    head = ["task", "pictures asked", "trait", "uncertainty removed", "by chance", "p", "predicts the label"]
    return f"{environment(found, 'study_audit')}\n\n{table(head, body)}"


def compute() -> str:
    """What both experiments cost."""
    found = [(name, r) for name in ("study_grid", "study_quality") for r in rows(name)]
    if not found:
        return "Not measured yet."
    body = []
    for name, task in dict.fromkeys((name, r["task"]) for name, r in found):
        own = {r["network"] + r["trained"]: r for n, r in found if (n, r["task"]) == (name, task)}.values()
        trainings = sum(int(r["seeds"]) for r in own)
        early = sum(int(r["stopped_early"]) for r in own)
        minutes = sum(float(r["core_seconds"]) for r in own) / 60
        seen = sum(int(r["patches_seen"]) for r in own)
        body.append([name.removeprefix("study_"), task, str(trainings), str(early), f"{seen:,}", f"{minutes:.1f}"])
    total = sum(float(line[-1]) for line in body)
    head = ["experiment", "task", "trainings", "ended by early stopping", "patches seen", "core minutes"]
    return f"{table(head, body)}\n\n{total:.0f} core minutes in all, tests included."


def _matrix(own: Sequence[Row]) -> str:
    tested = list(dict.fromkeys(r["tested"] for r in own))
    values = {(r["trained"], r["tested"]): r["accuracy"][:5] for r in own}
    trained = list(dict.fromkeys(r["trained"] for r in own))
    body = [[name, *(values[name, test] for test in tested)] for name in trained]
    return table(["trained on, tested on:", *tested], body)


def _values(row: Row) -> list[float]:
    return [float(value) for value in row["by_seed"].split()]


def _interval(row: Row) -> str:
    return f"{row['low']} to {row['high']}" if row["low"] else "-"
