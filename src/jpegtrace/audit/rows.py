"""What a row of an audit is: the only list of its columns, with type, meaning and where each value is taken from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from typing import Any, get_args, get_type_hints

from jpegtrace.analyses import Analysis, all_analyses
from jpegtrace.findings import Finding, Json, Level, Status
from jpegtrace.picture import Picture
from jpegtrace.report import Report

OK, FAILED = "ok", "failed"
MOST_TILES = 24  # of 64 pixels in which the pixels of a picture are looked at

Cell = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to ask.

    Attributes:
        root: the folder that was named, as it was named.
        path: of the picture below it, with ``/`` between folders.
        file: where to open it.
    """

    root: str
    path: str
    file: str


@dataclass(frozen=True, slots=True)
class Look:
    """All that a row is made from.

    Attributes:
        task: which picture.
        bytes: size of its file; None where even that cannot be had.
        report: what the analyses say, or why it could not be read.
        picture: the opened picture; None where it could not be read.
    """

    task: Task
    bytes: int | None
    report: Report
    picture: Picture | None = None

    def finding(self, analysis: str) -> Finding | None:
        """What an analysis says; None where it was not asked."""
        return next((found for found in self.report.findings if found.analysis == analysis), None)


Take = Callable[[Look], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: in every table.
        kind: `str`, `int`, `float` or `bool`.
        nullable: whether it may be empty.
        doc: what it means.
        analysis: id of the analysis that it is taken from; None for what needs none.
        take: gets the value.
    """

    name: str
    kind: type[str | int | float | bool]
    nullable: bool
    doc: str
    analysis: str | None
    take: Take

    def checked(self, value: Cell) -> Cell:
        """The value as this column's type.

        Raises:
            TypeError: it has another type.
        """
        if value is None and self.nullable:
            return None
        if self.kind is float and type(value) is int:
            return float(value)
        if type(value) is not self.kind:
            raise TypeError(f"column {self.name!r} holds {self.kind.__name__}, not {value!r}")
        return value


def _column(doc: str, take: Take, *, analysis: str | None = None, default: Any = MISSING) -> Any:
    return field(default=default, metadata={"doc": doc, "take": take, "analysis": analysis})


def _optional(doc: str, take: Take) -> Any:
    return _column(doc, take, default=None)


def _from(analysis: str, doc: str, take: Callable[[Mapping[str, Json]], object]) -> Any:
    """A column that is taken from the values of an analysis; empty where that says nothing."""

    def found(look: Look) -> object:
        finding = look.finding(analysis)
        return None if finding is None or not finding.values else take(finding.values)

    return _column(doc, found, analysis=analysis, default=None)


def _value(analysis: str, name: str, doc: str) -> Any:
    return _from(analysis, doc, lambda values: values.get(name))


def _item(analysis: str, name: str, index: int, doc: str) -> Any:
    def take(values: Mapping[str, Json]) -> object:
        items = values.get(name)
        return items[index] if isinstance(items, list) else None

    return _from(analysis, doc, take)


def _failure(look: Look) -> tuple[str, str] | None:
    """Kind and message of what went wrong: with the file, or with the first analysis that could not look."""
    if look.report.error is not None:
        error = look.report.error
        return error.kind, error.message + ("" if error.offset is None else f" (at byte {error.offset})")
    failed = next((found for found in look.report.findings if found.status is Status.FAILED), None)
    return None if failed is None else ("AnalysisFailed", f"{failed.analysis}: {failed.summary}")


def _failure_kind(look: Look) -> str | None:
    found = _failure(look)
    return None if found is None else found[0]


def _failure_message(look: Look) -> str | None:
    found = _failure(look)
    return None if found is None else printable(found[1])


def _alarms(look: Look) -> int:
    return sum(remark.level is Level.ALARM for found in look.report.findings for remark in found.remarks)


def _label(_: Look) -> None:
    """Labels are attached when all rows are there: they say nothing about one picture alone."""


def _luma_table(look: Look) -> str | None:
    jpeg = None if look.picture is None else look.picture.jpeg
    table = None if jpeg is None else jpeg.table_of(0)
    return None if table is None else table_id(tuple(int(entry) for entry in table.table.ravel()))


def table_id(entries: tuple[int, ...]) -> str:
    """A short name of a quantization table: the same for the same 64 entries, row-major."""
    return hashlib.sha256(" ".join(map(str, entries)).encode()).hexdigest()[:12]


def printable(text: str) -> str:
    """Text that every table can hold: what is no Unicode in a file name is written as its code."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _software(values: Mapping[str, Json]) -> str | None:
    programs = values.get("claimed_programs")
    return ", ".join(map(str, programs)) or None if isinstance(programs, list) else None


def _progressive(values: Mapping[str, Json]) -> bool | None:
    frame = values.get("frame")
    return None if frame is None else frame == "progressive"


def _entries(values: Mapping[str, Json]) -> str | None:
    table = values.get("table")
    return " ".join("-" if entry is None else str(entry) for entry in table) if isinstance(table, list) else None


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of an audit; see `columns` for what each field means."""

    root: str = _column("Folder that was audited, as it was named.", lambda look: look.task.root)
    path: str = _column("Path of the picture below `root`.", lambda look: look.task.path)
    status: str = _column(
        "`ok`, or `failed` where the picture or an analysis of it could not be read.",
        lambda look: FAILED if look.report.failed else OK,
    )
    error_kind: str | None = _optional("What kind of failure.", _failure_kind)
    error: str | None = _optional("What went wrong, in words.", _failure_message)
    label: str | None = _optional("Label by `--label-from`.", _label)
    bytes: int | None = _optional("Size of the file.", lambda look: look.bytes)
    sha256: str | None = _optional(
        "Hash of the file; empty where it could not be read.", lambda look: look.report.input.sha256
    )
    format: str | None = _optional("Format by content, never by name.", lambda look: look.report.input.format)
    width: int | None = _optional("Width in pixels, as stored.", lambda look: look.report.input.width)
    height: int | None = _optional("Height in pixels, as stored.", lambda look: look.report.input.height)
    alarms: int = _column("Number of alarms in all findings.", _alarms, default=0)
    subsampling: str | None = _value("file-facts", "subsampling", "JPEG: subsampling of the colours.")
    progressive: bool | None = _from("file-facts", "JPEG: whether it is progressive.", _progressive)
    luma_table: str | None = _optional("JPEG: short hash of the luminance table.", _luma_table)
    table_family: str | None = _value("encoder", "family", "JPEG: to whom the tables belong, by the survey.")
    quality: int | None = _value("encoder", "quality", "JPEG: quality, where the tables are the standard ones (IJG).")
    nearest_quality: int | None = _value("encoder", "nearest_quality", "JPEG: the IJG quality that is nearest.")
    camera: str | None = _value("encoder", "claimed_brand", "JPEG: camera brand that EXIF names.")
    software: str | None = _from("encoder", "JPEG: programs that the file names.", _software)
    compressions: int | None = _value(
        "compression-count",
        "count",
        "JPEG compressions that show: 1, or 2 for at least two; empty where it cannot be told.",
    )
    twice_probability: float | None = _value(
        "compression-count", "probability_double", "Probability of at least two JPEG compressions, of what was JPEG."
    )
    first_grid_row: int | None = _item(
        "compression-count", "grid_origin", 0, "Row of the grid of the compression before the last."
    )
    first_grid_col: int | None = _item(
        "compression-count", "grid_origin", 1, "Column of the grid of the compression before the last."
    )
    ever_jpeg: bool | None = _value(
        "quality-map", "ever_jpeg", "Whether the pixels were JPEG once; empty where it cannot be told."
    )
    jpeg_probability: float | None = _value(
        "quality-map", "probability_jpeg", "Probability that the pixels were JPEG once."
    )
    pixel_quality: int | None = _value(
        "quality-map", "quality", "IJG quality that the pixels show; the nearest where the table is another."
    )
    pixel_grid_row: int | None = _item("quality-map", "grid_origin", 0, "Row of the grid that the pixels show.")
    pixel_grid_col: int | None = _item("quality-map", "grid_origin", 1, "Column of the grid that the pixels show.")
    pixel_table: str | None = _from(
        "quality-map", "Luminance table that the pixels show, row-major; `-` for entries that cannot be told.", _entries
    )
    processed: bool | None = _value("quality-map", "processed", "Whether the pixels were altered after decompression.")
    nfa_log10: float | None = _value(
        "quality-map", "nfa_log10", "log10 of the number of false alarms to expect from evidence as strong as this."
    )

    @classmethod
    def of(cls, look: Look) -> Row:
        """The row of one picture."""
        values: dict[str, Any] = {column.name: column.checked(column.take(look)) for column in columns()}
        return cls(**values)

    @classmethod
    def failed(cls, task: Task, kind: str, why: str) -> Row:
        """The row of a picture of which nothing else is known."""
        return cls(root=task.root, path=task.path, status=FAILED, error_kind=kind, error=printable(why))

    def to_dict(self) -> dict[str, Cell]:
        """Values by column, without the empty ones; `from_dict` takes them back."""
        values = {column.name: getattr(self, column.name) for column in columns()}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """The row with these values.

        Raises:
            TypeError: a column that there is not, is missing, or holds another type.
        """
        row = cls(**values)
        for column in columns():
            column.checked(getattr(row, column.name))
        return row


@cache
def columns() -> tuple[Column, ...]:
    """The columns, in order."""
    found = []
    hints = get_type_hints(Row)
    for item in fields(Row):
        kinds = [kind for kind in get_args(hints[item.name]) or (hints[item.name],) if kind is not type(None)]
        nullable = type(None) in get_args(hints[item.name])
        found.append(Column(item.name, kinds[0], nullable, **item.metadata))
    return tuple(found)


def needed_analyses() -> tuple[Analysis, ...]:
    """The analyses of this installation that some column is taken from."""
    wanted = {column.analysis for column in columns()}
    return tuple(analysis for analysis in all_analyses() if analysis.id in wanted)


def settings() -> dict[str, Any]:
    """Parameters that each of them is asked with: no maps, which nobody looks at here, and fewer tiles."""
    chosen = {analysis.id: analysis.parameters() for analysis in needed_analyses()}
    chosen["quality-map"] = replace(chosen["quality-map"], most_tiles=MOST_TILES, stride=0)
    return chosen
