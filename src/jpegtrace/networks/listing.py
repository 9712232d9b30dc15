"""Cards made readable for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jpegtrace.networks._cards import Card, Port
from jpegtrace.networks._verify import Check, State
from jpegtrace.networks._weights import weights_path
from jpegtrace.networks.trainable import trainable

_STATE_STYLE = {State.OK: "green", State.NOT_INSTALLED: "dim"}


def cards_table(cards: Iterable[Card]) -> Table:
    """One row per card."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, right in (
        ("id", 0),
        ("version", 1),
        ("for", 0),
        ("status", 0),
        ("samples", 1),
        ("bytes", 1),
        ("file", 0),
    ):
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "for")
    for card in cards:
        numbers = f"{card.samples:,}", f"{card.bytes:,}"
        cells = (card.id, str(card.version), card.title, card.status, *numbers, where(card))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def without_weights(cards: Iterable[Card]) -> RenderableType | None:
    """Networks that can be trained and have no card yet; None where all have one."""
    known = {card.id for card in cards}
    missing = [(name, title) for name, title in trainable().items() if name not in known]
    if not missing:
        return None
    title = "No weights yet; jpegtrace train ID trains them (extra [train])"
    return Group(Text(), *_section(title, missing))


def where(card: Card) -> str:
    """Whether the file of a card is at hand; its content is not looked at."""
    if card.ships:
        return "ships"
    return "installed" if weights_path(card).is_file() else "not installed"


def whole_card(card: Card) -> RenderableType:
    """Everything that a card says."""
    place = "" if card.ships else f" ({weights_path(card)})"
    facts = {
        "for": card.title,
        "network": card.network,
        "paper": card.paper,
        "status": f"{card.status}, {card.samples:,} samples seen, {card.steps:,} steps",
        "data": card.data,
        "seeds": ", ".join(str(seed) for seed in card.seeds) or "none",
        "trained by": f"jpegtrace {card.code_version}",
        "licence": card.licence,
        "file": f"{where(card)}{place}",
        "bytes": f"{card.bytes:,}",
        "SHA-256": card.sha256,
        "precision": card.precision,
        "parity": f"{card.parity:.1e} at most between the file and the trained network",
    }
    if card.notes:
        facts["notes"] = card.notes
    figures = {name: f"{value:.15g}" for name, value in card.figures.items()}
    return Group(
        Text(f"{card.id} {card.version}", style="bold"),
        *_section("", facts.items()),
        *_section("Inputs", map(_port, card.inputs)),
        *_section("Outputs", map(_port, card.outputs)),
        *_section(f"Measured on {card.figures_on}", figures.items()),
        *_section("The paper's own figures", card.paper_figures.items()),
    )


def check_line(check: Check, width: int) -> Text:
    """One line per weight file."""
    line = Text(f"{check.id:{width}}  ").append(check.state, style=_STATE_STYLE.get(check.state, "bold red"))
    return line.append(f": {check.told}") if check.told else line


def _port(port: Port) -> tuple[str, str]:
    return port.name, f"{port.type} ({', '.join(port.shape)}): {port.meaning}"


def _section(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(Text(name, style="cyan"), Text(value))
    if not grid.row_count:
        return
    if title:
        yield Text(f"  {title}")
    yield Padding(grid, (0, 0, 0, 4 if title else 2), expand=False)
