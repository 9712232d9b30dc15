"""What goes to a worker and comes back from it; light to import, as both sides need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jpegtrace.limits import Limits
from jpegtrace.report import Failure

if TYPE_CHECKING:
    from jpegtrace.findings import Json, Map
    from jpegtrace.report.figures import Figure


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to examine.

    Attributes:
        name: what the person calls it; never a path.
        data: the bytes of its file.
        limits: bounds that every step keeps.
        everywhere: answer, after the report, for every place what can be answered for every place.
    """

    name: str
    data: bytes = field(repr=False)
    limits: Limits
    everywhere: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded everything and waits."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is: the share that is done, 0..1, and what it does now."""

    share: float
    doing: str


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """The report is there.

    Attributes:
        summary: the answers in short.
        json: the report as JSON.
        html: the report as a page.
        preview: a small JPEG of the picture; None where its pixels cannot be had.
    """

    summary: dict[str, Json]
    json: bytes
    html: bytes
    preview: bytes | None


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """One map: its values, and how it is drawn."""

    analysis: str
    title: str
    map: Map
    figure: Figure

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        keys = sum(len(key.swatch) + len(key.text) for key in self.figure.keys)
        return self.map.values.nbytes + len(self.figure.map) + len(self.figure.bar or "") + keys


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that was wanted beside the report is not there; says what and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The picture cannot be examined, and why."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more comes about this picture."""


Message = Step | Examined | Mapped | Missing | Refused
Reply = Message | Ready | Finished
