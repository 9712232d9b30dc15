"""The health of an installation made readable for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jpegtrace.doctor.health import Health
from jpegtrace.doctor.requirements import Extra
from jpegtrace.networks import Check, State


def health_text(health: Health) -> RenderableType:
    """Everything, what is missing last."""
    machine = {
        "cores": str(health.cores),
        "memory": "not told by the system" if health.memory is None else f"{health.memory / 2**30:.1f} GiB",
        "compiled kernels": health.kernels or "not kept, no folder can be written: every process compiles them anew",
        "weights of your own": health.weights_folder or "no home folder; name one in JPEGTRACE_WEIGHTS",
    }
    return Group(
        *_section("Versions", health.versions.items()),
        *_section("Formats that are read", ((c.format, c.fault or f"ok, by {c.by}") for c in health.codecs)),
        *_section("Weights", ((check.id, _told(check)) for check in health.weights)),
        *_section("Optional parts", ((extra.name, _parts(extra)) for extra in health.extras)),
        *_section("Machine", machine.items()),
        *(_faults(health) if health.faults else [Text("The default installation is whole.", style="green")]),
    )


def _told(check: Check) -> str:
    return "ok" if check.state is State.OK else f"{check.state}: {check.told}"


def _parts(extra: Extra) -> str:
    there = ", ".join(f"{name} {version}" for name, version in extra.present.items())
    if not extra.missing:
        return f"ok: {there}"
    has = f"; there: {there}" if there else ""
    return f"missing: {', '.join(extra.missing)}{has}; {extra.install}"


def _faults(health: Health) -> Iterator[Text]:
    yield Text("The default installation is not whole:", style="bold red")
    for fault in health.faults:
        yield Text(f"  {fault}", style="red")


def _section(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(Text(name, style="cyan"), Text(value))
    if grid.row_count:
        yield Text(title, style="bold")
        yield Padding(grid, (0, 0, 0, 2), expand=False)
