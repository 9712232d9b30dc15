"""Where a set of quantization tables was seen before, and what that says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jpegtrace.errors import UsageError
from jpegtrace.tables._known import IJG, PHOTOSHOP, UNATTRIBUTED, Counts, KnownTables, known_tables, ranked
from jpegtrace.tables._order import Table, as_table
from jpegtrace.tables._standard import QualityMatch, nearest_quality, set_quality

_NEAREST = 3  # how many sets are offered when none is exact

Kind: TypeAlias = Literal["exact", "luma", "nearest"]


@dataclass(frozen=True, slots=True)
class TableMatch:
    """A known set beside the tables that were asked about.

    Attributes:
        known: the known set.
        distance: mean absolute difference over the entries of the luminance table, and of the chrominance table if
            both sides have one.
        exact: all tables are equal: luminance, and chrominance or its absence.
        channels: the channels with equal tables: ("luma", "chroma"), ("luma",), ("chroma",) or ().
        same_slots: both sides store the same number of tables. Some cameras store the chrominance table twice, which
            tells them from others with the same tables.
    """

    known: KnownTables
    distance: float
    exact: bool
    channels: tuple[str, ...]
    same_slots: bool


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """What the survey says about one set of tables.

    Counts are taken over `exact`; over `luma_only` if that is empty.

    Attributes:
        tables: the tables that were asked about.
        exact: known sets that are equal; if one stores as many tables as asked, only that one.
        luma_only: known sets that share the luminance table but not the chrominance, the commonest first.
        transposed: known sets that are equal when the tables asked about are transposed; empty for symmetric tables. A
            quarter turn without re-encoding (as jpegtran does) transposes the tables, and turns 2x1 sampling into 1x2.
        nearest: the sets with the smallest distance if none is exact, nearest first.
        quality: the IJG quality of which these are the standard tables, if they are; also when it was never seen.
        transposed_quality: the same for the transposed tables.
        nearest_quality: the standard luminance table that is nearest.
        files: in how many files of the survey the sets were seen.
        total: how many files the survey has.
        makers: camera brands named in these files, with counts (lower bounds).
        software: programs named in these files, with counts (lower bounds).
    """

    tables: tuple[Table, ...]
    exact: tuple[TableMatch, ...]
    luma_only: tuple[TableMatch, ...]
    transposed: tuple[TableMatch, ...]
    nearest: tuple[TableMatch, ...]
    quality: int | None
    transposed_quality: int | None
    nearest_quality: QualityMatch
    files: int
    total: int
    makers: Counts
    software: Counts

    @property
    def kind(self) -> Kind:
        """Which list the answer rests on: `exact`, `luma_only` or `nearest`."""
        return "exact" if self.exact else "luma" if self.luma_only else "nearest"

    @property
    def sources(self) -> int:
        """How many different camera brands and programs the files name."""
        return len(self.makers) + len(self.software)

    @property
    def shared(self) -> bool:
        """More than one source is named. A program that re-saves a camera's picture counts beside the camera."""
        return self.sources > 1

    @property
    def family(self) -> str:
        """The family of the exact set; "IJG" for standard tables never seen; "unattributed" for all others."""
        if self.quality is not None:
            return IJG
        return self.exact[0].known.family if self.exact else UNATTRIBUTED

    def versions(self, program: str) -> Counts:
        """List the versions of a program that these files name, with counts."""
        return ranked(pair for match in self.exact or self.luma_only for pair in match.known.versions(program))

    def sentence(self) -> str:
        """Say it in a sentence or three, counts included, and no more than the counts allow."""
        return self._verdict() + self._turn_note()

    def _verdict(self) -> str:
        if self.quality is not None:
            return (
                f"Standard IJG tables, quality {self.quality}: written by most software and many cameras, so they say "
                f"little about who wrote the file ({self._seen()})."
            )
        if self.exact:
            return f"{self._attributed(self.exact[0].known)}{self._slots_note()}"
        if self.luma_only:
            other = "there is no chrominance table" if len(self.tables) == 1 else "not the chrominance table"
            owners = list(dict.fromkeys(_owner(match.known) for match in self.luma_only))
            return f"Only the luminance table is known, from {_either(owners)}; {other} ({self._seen()})."
        best = self.nearest[0]
        standard = self.nearest_quality
        return (
            f"Not seen before in {self.total:,} files. The nearest known ones are {_owner(best.known)} (in "
            f"{best.known.files:,}), {best.distance:.2f} away per entry; the nearest standard luminance table is that "
            f"of quality {standard.quality}, {standard.distance:.2f} away."
        )

    def _attributed(self, known: KnownTables) -> str:
        if known.family == UNATTRIBUTED:
            return f"Tables of unknown origin: {self._seen()}."
        setting = f', "{known.setting}"' if known.setting else ""
        basis = "" if known.support else ", as published"
        return f"Tables of {known.family}{setting}{basis}: {self._seen(known)}."

    def _seen(self, attributed: KnownTables | None = None) -> str:
        if not self.files:
            return f"not among the {self.total:,} files of the survey"
        parts = [f"seen in {self.files:,} of {self.total:,} files"]
        if attributed is not None:
            n = attributed.support
            amount = "none" if n == 0 else "all" if n == self.files > 1 else f"{n:,}"
            what = "a program of Adobe's" if attributed.family == PHOTOSHOP else "it"
            parts[0] += f", {amount} of which {'name' if n > 1 else 'names'} {what}"
        if self.software:
            parts.append(f"programs named: {_listing(self.software)}")
        if self.makers:
            kept = ", some of which a program may have kept" if self.software else ""
            parts.append(f"cameras named: {_listing(self.makers)}{kept}")
        if len(parts) == 1 and attributed is None:
            parts.append("none names a camera or a program")
        return "; ".join(parts)

    def _turn_note(self) -> str:
        if self.quality is not None:
            return ""
        if self.transposed_quality is not None:
            owner = f"the standard IJG tables of quality {self.transposed_quality}"
        elif sum(match.known.files for match in self.transposed) > sum(match.known.files for match in self.exact):
            owner = _owner(self.transposed[0].known)
        else:
            return ""
        return f" Transposed, they are {owner}: as after a quarter turn without re-encoding."

    def _slots_note(self) -> str:
        match = self.exact[0]
        if match.same_slots:
            return ""
        return f" Those files store {len(match.known.tables)} tables, this one {len(self.tables)}."


def identify(tables: Sequence[ArrayLike]) -> Identification:
    """Look a set of tables up among the known ones.

    Args:
        tables: as the file's table slots hold them: luminance, then chrominance (one table for a grey picture). Do not
            pass one per component: a chrominance table that is stored once is given once.

    Returns:
        The known sets that are equal, that share the luminance table, or that are nearest; with counts.

    Raises:
        UsageError: not 1 to 4 tables, or one that is no table.
        ResourceError: the installed data file is missing or damaged.
    """
    if not 1 <= len(tables) <= 4:
        raise UsageError(f"a JPEG has 1 to 4 quantization tables, not {len(tables)}")
    asked = tuple(as_table(table) for table in tables)
    turned = tuple(np.ascontiguousarray(table.T) for table in asked)
    symmetric = all(np.array_equal(a, b) for a, b in zip(asked, turned, strict=True))
    exact = _equal(asked)
    luma, chroma = _luma_equal(asked), _chroma_equal(asked)
    luma_only = tuple(_match(asked, k) for k in np.flatnonzero(luma & ~chroma))
    nearest: tuple[TableMatch, ...] = ()
    if not exact:
        order = np.argsort(_distances(asked), kind="stable")[:_NEAREST]
        nearest = tuple(_match(asked, k) for k in order)
    counted = [match.known for match in exact or luma_only]
    return Identification(
        tables=asked,
        exact=exact,
        luma_only=luma_only,
        transposed=() if symmetric else _equal(turned),
        nearest=nearest,
        quality=set_quality(asked),
        transposed_quality=None if symmetric else set_quality(turned),
        nearest_quality=nearest_quality(asked[0]),
        files=sum(known.files for known in counted),
        total=sum(known.files for known in known_tables()),
        makers=ranked(pair for known in counted for pair in known.makers),
        software=ranked(pair for known in counted for pair in known.software),
    )


@cache
def _stacks() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Luminance and chrominance tables of all known sets, (n, 64) each, and which sets have chrominance at all."""
    known = known_tables()
    luma = np.stack([entry.luma.ravel() for entry in known]).astype(np.int64)
    chroma = np.stack([np.zeros(64) if entry.chroma is None else entry.chroma.ravel() for entry in known])
    coloured = np.array([entry.chroma is not None for entry in known])
    return luma, chroma.astype(np.int64), coloured


def _equal(asked: tuple[Table, ...]) -> tuple[TableMatch, ...]:
    """Known sets with equal tables; if one of them stores as many tables, only that one."""
    equal = [_match(asked, k) for k in np.flatnonzero(_luma_equal(asked) & _chroma_equal(asked))]
    return tuple([match for match in equal if match.same_slots] or equal)


def _luma_equal(asked: tuple[Table, ...]) -> NDArray[np.bool_]:
    return np.asarray((_stacks()[0] == asked[0].ravel()).all(axis=1))


def _chroma_equal(asked: tuple[Table, ...]) -> NDArray[np.bool_]:
    # A set that stores one chrominance table twice equals a set that stores it once; no known set has two different.
    _, chroma, coloured = _stacks()
    if len(asked) == 1:
        return ~coloured
    if any(not np.array_equal(table, asked[1]) for table in asked[2:]):
        return np.zeros(coloured.shape, dtype=np.bool_)
    return np.asarray(coloured & (chroma == asked[1].ravel()).all(axis=1))


def _distances(asked: tuple[Table, ...]) -> NDArray[np.float64]:
    luma, chroma, coloured = _stacks()
    distances: NDArray[np.float64] = np.abs(luma - asked[0].ravel()).mean(axis=1)
    if len(asked) > 1:
        of_chroma = np.mean([np.abs(chroma - table.ravel()).mean(axis=1) for table in asked[1:]], axis=0)
        distances = np.where(coloured, (distances + of_chroma) / 2, np.inf)
    return distances


def _match(asked: tuple[Table, ...], k: np.intp) -> TableMatch:
    known = known_tables()[k]
    pairs = [("luma", known.luma, np.stack(asked[:1]))]
    if known.chroma is not None and len(asked) > 1:
        pairs.append(("chroma", known.chroma, np.stack(asked[1:])))
    distances = {name: float(np.abs(a.astype(np.int64) - b).mean()) for name, a, b in pairs}
    return TableMatch(
        known=known,
        distance=sum(distances.values()) / len(distances),
        exact=bool(_luma_equal(asked)[k] and _chroma_equal(asked)[k]),
        channels=tuple(name for name, distance in distances.items() if distance == 0.0),
        same_slots=len(known.tables) == len(asked),
    )


def _owner(known: KnownTables) -> str:
    if known.quality is not None:
        return f"the standard IJG tables of quality {known.quality}"
    if known.family == UNATTRIBUTED:
        return "tables of unknown origin"
    return f"the tables of {known.family}" + (f' "{known.setting}"' if known.setting else "")


def _either(owners: list[str], limit: int = 3) -> str:
    shown = " or ".join(owners[:limit])
    return shown if len(owners) <= limit else f"{shown} or {len(owners) - limit} others"


def _listing(counts: Counts, limit: int = 4) -> str:
    shown = ", ".join(f"{name} {n}" for name, n in counts[:limit])
    return shown if len(counts) <= limit else f"{shown} and {len(counts) - limit} more"
