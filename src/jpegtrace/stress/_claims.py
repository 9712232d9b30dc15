"""When an answer about a disturbed picture is still the same: one rule for each analysis, by what it claims.

A claim is about the past of the picture, so what the disturbance itself adds is expected and does not count against
it. After one more JPEG the compression that was the last is an earlier one, a crop moves every grid by what was cut
off, a resize changes factors by its own. The lattice engine tells one compression before the last. Where it tells the
one that was the last until the disturbance, that is true and says nothing about those before it: they are covered by
it, not contradicted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jpegtrace.errors import InputError
from jpegtrace.findings import Finding, Status
from jpegtrace.lattice.candidates import FREE_NAME
from jpegtrace.picture import Picture
from jpegtrace.report.stability import Answer
from jpegtrace.tables import exact_quality, ijg_table

HELD, LOST, COVERED = Answer.HELD, Answer.LOST, Answer.COVERED
CONTRADICTED, NOT_ASKED = Answer.CONTRADICTED, Answer.NOT_ASKED

ALIKE = 2  # difference of IJG qualities up to which two tables count as one
LEAST_COMMON = 8  # entries that two tables must tell in common where they have no quality
SAME_FROM, OTHER_BELOW = 0.8, 0.5  # share of them that must agree; in between it cannot be said
GRID_SURE = 0.5  # probability from which a grid is claimed
OWN_FACTOR = 0.01  # relative; a factor so near to that of the disturbance is taken for it


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something mild that is done to a picture.

    Attributes:
        id: name in JSON, ``words-and-numbers``.
        text: what is done, in words that follow "after".
        chain: the same in the language of `jpegtrace.chain`; empty for a mere re-save without loss.
        quality: of the JPEG that is written; None for PNG.
        cut: rows and columns that are cut off at the top and on the left.
        factor: by which the sides are changed.
        harmless: it should leave every claim alone.
    """

    id: str
    text: str
    chain: str = ""
    quality: int | None = None
    cut: tuple[int, int] = (0, 0)
    factor: float = 1.0
    harmless: bool = False


class Compression(NamedTuple):
    """A compression as far as it is told.

    Attributes:
        origin: row and column of its grid, 0..7.
        name: of its table or the nearest one.
        quality: IJG quality of that.
        entries: 64 steps of its luma table, rows first; None where one is not told.
    """

    origin: tuple[int, int] | None = None
    name: str | None = None
    quality: int | None = None
    entries: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """What is said about one picture.

    Attributes:
        findings: by analysis.
        stored: the last compression as its file has it; None where the picture is no JPEG file.
    """

    findings: Mapping[str, Finding]
    stored: Compression | None = None

    @property
    def last(self) -> Compression | None:
        """The last compression, from the file or from the pixels."""
        return self.stored or last_by_pixels(self.findings.get("quality-map"))


class Compared(NamedTuple):
    """What became of a claim, and the sentence that it is read from."""

    answer: Answer
    says: str


Compare = Callable[[Answers, Answers, Disturbance], Compared]


class Rule(NamedTuple):
    """How the claim of one analysis is followed.

    Attributes:
        compare: what became of it, from the answers before and after.
        needs: other analyses whose answers are looked at.
    """

    compare: Compare
    needs: tuple[str, ...] = ()


def stored_compression(picture: Picture) -> Compression | None:
    """The compression of a JPEG file by its luma table."""
    if picture.jpeg is None:
        return None
    try:
        table = picture.partial_coefficients.components[0].table
    except InputError:
        return None
    if table is None:
        return None
    qualities = exact_quality(table)
    name = f"IJG {qualities[0]}" if qualities else None
    entries = tuple(int(step) for step in table.ravel())
    return Compression((0, 0), name, qualities[0] if qualities else None, entries)


def last_by_pixels(finding: Finding | None) -> Compression | None:
    """The last compression as `quality-map` has it."""
    if finding is None or finding.status is not Status.OK or not finding.values.get("ever_jpeg"):
        return None
    values: Mapping[str, Any] = finding.values
    return _compression(values["grid_origin"], values["nearest"], values["quality"], values["table"])


def first_by_lattice(finding: Finding | None) -> Compression | None:
    """The compression before the last as `primary-table` has it, on the grid of the last."""
    if finding is None or finding.status is not Status.OK:
        return None
    values: Mapping[str, Any] = finding.values
    return _compression(values["grid_origin"], values["nearest"], values["quality"], values["entries"])


def _compression(origin: Any, name: str | None, quality: int | None, entries: Any = None) -> Compression:
    # A standard table is known whole, however much of it was told.
    if name is not None and quality is not None and name == f"IJG {quality}":
        entries = ijg_table(quality).ravel().tolist()
    return Compression(None if origin is None else (origin[0], origin[1]), name, quality, tuple(entries or ()))


def same_table(one: Compression, other: Compression) -> bool | None:
    """Whether two tables count as the same; None where it cannot be said.

    The same name, a quality that differs by `ALIKE` at most, or, where there are no qualities, nearly all entries that
    both tell within one step or a tenth.
    """
    if one.name is not None and one.name == other.name and one.name != FREE_NAME:
        return True
    if one.quality is not None and other.quality is not None:
        return abs(one.quality - other.quality) <= ALIKE
    common = [(a, b) for a, b in zip(one.entries, other.entries, strict=False) if a is not None and b is not None]
    if len(common) < LEAST_COMMON:
        return None
    share = float(np.mean([abs(a - b) <= max(1.0, 0.1 * max(a, b)) for a, b in common]))
    return True if share >= SAME_FROM else (False if share < OTHER_BELOW else None)


def _moved(found: Compression | None, d: Disturbance, base: tuple[int, int] = (0, 0)) -> Compression | None:
    """A compression where its grid lies after a crop; `base` is the grid that its origin is counted from."""
    if found is None or found.origin is None:
        return found
    row, col = ((o + b - c) % 8 for o, b, c in zip(found.origin, base, d.cut, strict=True))
    return found._replace(origin=(row, col))


def _base(answers: Answers) -> tuple[int, int]:
    last = answers.last
    return last.origin if last is not None and last.origin is not None else (0, 0)


FIRST, LAST, BOTH, NEITHER = "first", "last", "both", "neither"
# What becomes of a claim about the first compression, by the one that is seen.
_BY_TRACE = {FIRST: HELD, LAST: COVERED, BOTH: LOST, NEITHER: LOST}


def attribute(seen: Compression, first: Compression | None, last: Compression | None) -> str:
    """Which of the two known compressions it is that is seen before the new last one: `FIRST`, ... `NEITHER`."""
    fits = {name: _fit(seen, found) for name, found in ((FIRST, first), (LAST, last))}
    fitting = [name for name, fit in fits.items() if fit is not None]
    if len(fitting) < 2:
        return fitting[0] if fitting else NEITHER
    (left, right) = (fits[FIRST], fits[LAST])
    if left == right:
        return BOTH
    return FIRST if (left or 0) < (right or 0) else LAST


def _fit(seen: Compression, known: Compression | None) -> float | None:
    """How far apart two compressions are; None where they differ."""
    if known is None or (seen.origin is not None and known.origin is not None and seen.origin != known.origin):
        return None
    same = same_table(seen, known)
    if same is False:
        return None
    if same is None:
        return ALIKE + 1.0
    return 0.0 if None in (seen.quality, known.quality) else float(abs((seen.quality or 0) - (known.quality or 0)))


def _repeats(last: Compression | None, d: Disturbance) -> bool:
    """Whether the JPEG of a disturbance has the table and the grid of the last one, so that it leaves no trace."""
    if last is None or d.quality is None or last.origin != (0, 0):
        return False
    return last.entries == tuple(ijg_table(d.quality).ravel().tolist())


REPEATED = "the same table on the same grid once more leaves no trace to look for"


# --- the rules: what became of a claim, given what is said before and after ---------------------------------------


def quality_map(before: Answers, after: Answers, d: Disturbance) -> Compared:
    """Claims "was JPEG, with this table on this grid" or "never was".

    Without a further JPEG the same must be said of the pixels, on the grid where the crop has moved it; a resize leaves
    no grid to compare. After a further JPEG all pixels are JPEG's: the one that was the last must still be seen in
    them, or as the one before the last.
    """
    claim, found = before.findings["quality-map"], after.findings["quality-map"]
    if d.quality is None:
        return Compared(_pixels_without_jpeg(claim, found, d), found.summary)
    count = after.findings["compression-count"]
    if not claim.ever_jpeg:
        if count.status is not Status.OK:
            return Compared(LOST, count.summary)
        return Compared(HELD if count.count == 1 else CONTRADICTED, count.summary)
    if len(claim.parts) > 1:
        return Compared(NOT_ASKED, "whether parts still differ after one more JPEG is asked by regions")
    last = _moved(before.last, d)
    if _repeats(last, d):
        return Compared(NOT_ASKED, REPEATED)
    now = last_by_pixels(found)
    own = Compression((0, 0), f"IJG {d.quality}", d.quality)
    if last and now and _fit(now, last) is not None and _fit(now, own) is None:
        return Compared(HELD, found.summary)
    table = after.findings["primary-table"]
    seen = first_by_lattice(table)
    if count.status is not Status.OK or count.count != 2 or seen is None:
        return Compared(LOST, count.summary)
    says = f"{count.summary} {table.summary}"
    first = _first(before, d)
    if last and first and seen.origin == first.origin != last.origin:
        return Compared(LOST, says)  # tells of one before, whatever its table
    which = attribute(seen, first, last)
    return Compared({LAST: HELD, BOTH: HELD, FIRST: LOST, NEITHER: CONTRADICTED}[which], says)


def _pixels_without_jpeg(claim: Finding, found: Finding, d: Disturbance) -> Answer:
    if found.status is not Status.OK:
        return LOST
    if not claim.ever_jpeg:
        return CONTRADICTED if found.ever_jpeg else HELD
    if not found.ever_jpeg:
        return LOST
    expected, now = _moved(last_by_pixels(claim), d), last_by_pixels(found)
    if d.factor != 1 and expected is not None:
        expected = expected._replace(origin=None)
    if expected is None or now is None or _fit(now, expected) is None:
        return CONTRADICTED
    return LOST if len(claim.parts) > 1 and len(found.parts) < 2 else HELD


def _first(before: Answers, d: Disturbance) -> Compression | None:
    """The claimed compression before the last, where its grid lies after the disturbance."""
    return _moved(first_by_lattice(before.findings.get("primary-table")), d, _base(before))


def compression_count(before: Answers, after: Answers, d: Disturbance) -> Compared:
    """Claims "nothing before the last compression" or "at least one, on this grid".

    After a further JPEG there must be one before it: on the grid of the one that was the last, or, where two were
    claimed, on that of the first. Where both have the same grid, the table decides which of them is seen.
    """
    claim, found = before.findings["compression-count"], after.findings["compression-count"]
    once = claim.count == 1
    if d.quality is not None and once and _repeats(_moved(before.last, d), d):
        return Compared(NOT_ASKED, REPEATED)
    if found.status is not Status.OK:
        return Compared(LOST, found.summary)
    if d.quality is None:
        if once:
            return Compared(HELD if found.count == 1 else CONTRADICTED, found.summary)
        if found.count == 1:
            return Compared(LOST, found.summary)
        return Compared(CONTRADICTED if _grids_differ(_grid(claim), _grid(found)) else HELD, found.summary)
    if found.count != 2:
        return Compared(LOST, found.summary)
    here, base = _grid(found), _base(before)
    last = _moved(Compression((0, 0)), d, base)
    first = None if once else _moved(Compression(_grid(claim)), d, base)
    assert last is not None  # noqa: S101 - so has `_moved` it
    if once:
        return Compared(CONTRADICTED if _grids_differ(here, last.origin) else HELD, found.summary)
    assert first is not None  # noqa: S101 - so has `_moved` it
    if here is not None and first.origin not in (None, last.origin):
        answer = {first.origin: HELD, last.origin: COVERED}.get(here, CONTRADICTED)
        return Compared(answer, found.summary)
    if _grids_differ(here, last.origin):
        return Compared(CONTRADICTED if first.origin is not None else LOST, found.summary)
    table = after.findings["primary-table"]
    seen = first_by_lattice(table)
    if seen is None:
        return Compared(LOST, found.summary)
    which = attribute(seen, _first(before, d), _moved(before.last, d))
    repeated = which == BOTH and _repeats(_moved(before.last, d), d)
    return Compared(HELD if repeated else _BY_TRACE[which], f"{found.summary} {table.summary}")


def _grid(finding: Finding) -> tuple[int, int] | None:
    """The grid before the last that `compression-count` is sure of."""
    values: Mapping[str, Any] = finding.values
    origin, sure = values["grid_origin"], values["grid_origin_probability"]
    return None if origin is None or sure is None or sure < GRID_SURE else (origin[0], origin[1])


def _grids_differ(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    return one is not None and other is not None and one != other


def primary_table(before: Answers, after: Answers, d: Disturbance) -> Compared:
    """Claims the table of the compression before the last; after a further JPEG that must still be told."""
    claim, table = before.findings["primary-table"], after.findings["primary-table"]
    first, seen = first_by_lattice(claim), first_by_lattice(table)
    if first is None or seen is None:
        return Compared(LOST, table.summary)
    if d.quality is None:
        return Compared({True: HELD, False: CONTRADICTED, None: LOST}[same_table(first, seen)], table.summary)
    return Compared(_of_the_first(seen, first, before, d), table.summary)


def _of_the_first(seen: Compression, first: Compression, before: Answers, d: Disturbance) -> Answer:
    """Whether it is the first compression that is seen before a further JPEG."""
    last = _moved(before.last, d)
    # A repeated last compression is the last one still, and not what is seen before it.
    which = attribute(seen, _moved(first, d, _base(before)), None if _repeats(last, d) else last)
    return CONTRADICTED if which == NEITHER else _BY_TRACE[which]


def regions(before: Answers, after: Answers, d: Disturbance) -> Compared:
    """Claims "parts with different pasts", wherever they are, or "one past throughout", and which.

    "One past throughout" is not that of the parts where it is what was the last compression of them all. Where some
    places show that one and others the one before it, both are known, and no parts.
    """
    claim, found = before.findings["regions"], after.findings["regions"]
    if found.status is not Status.OK:
        return Compared(LOST, found.summary)
    if _several(claim) and _several(found):
        return Compared(HELD, found.summary)
    if _several(found):
        return Compared(LOST if _all_known(found, before, d) else CONTRADICTED, found.summary)
    seen = _only_past(found)
    if _several(claim):
        covered = d.quality is not None and _fit(seen, _moved(before.last, d)) is not None
        return Compared(COVERED if covered else CONTRADICTED, found.summary)
    first = _only_past(claim)
    if d.quality is None:
        return Compared(CONTRADICTED if _fit(seen, first) is None else HELD, found.summary)
    return Compared(_of_the_first(seen, first, before, d), found.summary)


def _several(finding: Finding) -> bool:
    values: Mapping[str, Any] = finding.values
    return bool(values.get("sources", 2) > 1)  # without a list the pixels themselves come from several JPEG files


def _all_known(found: Finding, before: Answers, d: Disturbance) -> bool:
    """Whether all parts show the one claimed past or the compression after it, beneath that of a disturbance."""
    values: Mapping[str, Any] = found.values
    parts = values.get("parts", ())
    if d.quality is None or not parts or any(part["first_table"] is None for part in parts):
        return False
    first = _only_past(before.findings["regions"])
    return all(_of_the_first(_past_of(part), first, before, d) is not CONTRADICTED for part in parts)


def _only_past(finding: Finding) -> Compression:
    return _past_of(finding.parts[0])


def _past_of(part: Mapping[str, Any]) -> Compression:
    return _compression(part["grid_origin"], part["first_table"], part["quality"])


def manipulation(before: Answers, after: Answers, d: Disturbance) -> Compared:
    """Claims an operation, or none.

    The same operation must be claimed; of a resize the factor, too: within the interval of the claim, or the claim
    within its own, times that of the disturbance. A blur besides is left open, for strong compression looks alike.
    Strengths of blur and noise may change: further compression changes them indeed.
    """
    claim, found = before.findings["manipulation"], after.findings["manipulation"]
    if d.factor != 1 and not claim.manipulated:
        return Compared(NOT_ASKED, "a resize is itself what is asked about")
    if found.status is not Status.OK:
        return Compared(LOST, found.summary)
    if not claim.manipulated:
        return Compared(CONTRADICTED if found.manipulated else HELD, found.summary)
    if not found.manipulated:
        return Compared(LOST, found.summary)
    return Compared(_same_operation(claim.values, found.values, d.factor), found.summary)


def _same_operation(claim: Mapping[str, Any], found: Mapping[str, Any], factor: float) -> Answer:
    was, now = claim["factor"], found["factor"]
    if was and now and _agree(was, now, factor):
        return HELD
    if now and factor != 1 and abs(now["value"] / factor - 1) <= OWN_FACTOR:
        return LOST  # tells of the disturbance
    if was and now:
        return CONTRADICTED
    if None in (claim["operation"], found["operation"]):
        return HELD
    return HELD if claim["operation"] == found["operation"] else CONTRADICTED


def _agree(was: Mapping[str, float], now: Mapping[str, float], factor: float) -> bool:
    within = was["low"] * factor <= now["value"] <= was["high"] * factor
    return within or now["low"] <= was["value"] * factor <= now["high"]


# Not disturbed: what speaks of the file and not of its pixels, and `laundering`, whose claim is about the last thing
# that was done to the pixels, which a disturbance replaces.
RULES: dict[str, Rule] = {
    "quality-map": Rule(quality_map, ("compression-count", "primary-table")),
    "compression-count": Rule(compression_count, ("primary-table",)),
    "primary-table": Rule(primary_table),
    "regions": Rule(regions),
    "manipulation": Rule(manipulation),
}
