"""What the rows of an audit mean, in words first, as one self-contained page: no script, nothing from elsewhere."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from jpegtrace import __version__
from jpegtrace.audit.additions import listed
from jpegtrace.audit.information import TELLS_BELOW
from jpegtrace.audit.labels import Labelled
from jpegtrace.audit.leakage import Leakage
from jpegtrace.audit.rows import FAILED, Row

# Formats that keep pixels as they are. WebP may or may not.
LOSSLESS = ("PNG", "TIFF", "BMP", "PNM", "GIF")
_JPEG = "JPEG"
_LISTED = 50
_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Share:
    """A count of a whole, with its 95 % interval after E. B. Wilson, 1927."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing is 0."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest share that the count agrees with; everything where nothing was counted."""
        n, p = self.of, self.value
        if n == 0:
            return 0.0, 1.0
        middle = p + _Z**2 / (2 * n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        low, high = ((middle + sign * half) / (1 + _Z**2 / n) for sign in (-1, 1))
        return (0.0 if self.count == 0 else max(low, 0.0)), (1.0 if self.count == n else min(high, 1.0))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%}, interval {low:.1%} to {high:.1%}"


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often each value occurs.

    Attributes:
        title: of the table.
        head: heading of the values.
        rows: values with their share.
    """

    title: str
    head: str
    rows: tuple[tuple[str, Share], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the page tells.

    Attributes:
        rows: all rows.
        failed: those that failed, the first of them.
        failures: how many failed.
        formats: share of each format.
        lossless: how many are stored without loss and could be read.
        once_jpeg: which share of those that can be told was JPEG once; None where nobody asked.
        untold: how many stored without loss cannot be told.
        once_jpeg_qualities: of those.
        surest: pictures stored without loss that most surely were JPEG once.
        jpegs: how many are JPEG files.
        jpeg_traits: quality and subsampling of the JPEG files.
        twice: share of JPEG files compressed at least twice, of those that can be told.
        leakage: what the labels are given away by; None without labels.
        labelled: labels of the rows; None without labels.
    """

    rows: int
    failed: tuple[Row, ...]
    failures: int
    formats: Distribution
    lossless: int
    once_jpeg: Share | None
    untold: int
    once_jpeg_qualities: Distribution
    surest: tuple[Row, ...]
    jpegs: int
    jpeg_traits: tuple[Distribution, ...]
    twice: Share
    leakage: Leakage | None
    labelled: Labelled | None


def summarise(
    rows: Sequence[Row], *, pixels_asked: bool, labelled: Labelled | None = None, leakage: Leakage | None = None
) -> Summary:
    """Count what the page tells.

    Args:
        rows: all rows.
        pixels_asked: whether an analysis was asked about the pixels of pictures stored without loss.
        labelled: labels, where there are any.
        leakage: what they are given away by.
    """
    tally = Tally()
    tally.add(rows)
    return tally.summary(pixels_asked=pixels_asked, labelled=labelled, leakage=leakage)


class Tally:
    """What the page tells, counted over one stretch of rows after the other.

    Attributes:
        rows: how many there were.
        failures: how many of them failed.
        failed: the first of these.
    """

    def __init__(self) -> None:
        self.rows = self.failures = 0
        self.failed: list[Row] = []
        self._surest: list[Row] = []
        self._lossless = self._told = self._once = self._jpegs = self._counted = self._twice = 0
        self._formats, self._once_qualities = Counter[str](), Counter[str]()
        self._qualities, self._subsamplings = Counter[str](), Counter[str]()

    def add(self, rows: Sequence[Row]) -> None:
        """Count further rows."""
        failed = [row for row in rows if row.status == FAILED]
        lossless = [row for row in rows if row.format in LOSSLESS and row.status != FAILED]
        once = [row for row in lossless if row.ever_jpeg]
        jpegs = [row for row in rows if row.format == _JPEG]
        self.rows += len(rows)
        self.failures += len(failed)
        self.failed += failed[: _LISTED - len(self.failed)]
        self._surest = heapq.nsmallest(_LISTED, [*self._surest, *once], key=_doubt)
        self._lossless += len(lossless)
        self._once += len(once)
        self._told += sum(row.ever_jpeg is not None for row in lossless)
        self._jpegs += len(jpegs)
        self._counted += sum(row.compressions is not None for row in jpegs)
        self._twice += sum(row.compressions == 2 for row in jpegs)
        self._formats.update(row.format or "could not be read" for row in rows)
        self._once_qualities.update(_quality(row.pixel_quality) for row in once)
        self._qualities.update(_quality(row.quality) for row in jpegs)
        self._subsamplings.update(row.subsampling or "none (grey)" for row in jpegs)

    def summary(
        self, *, pixels_asked: bool, labelled: Labelled | None = None, leakage: Leakage | None = None
    ) -> Summary:
        """What there is to tell now; see `summarise`."""
        return Summary(
            rows=self.rows,
            failed=tuple(self.failed),
            failures=self.failures,
            formats=_distribution("Formats", "Format", self._formats),
            lossless=self._lossless,
            once_jpeg=Share(self._once, self._told) if pixels_asked else None,
            untold=self._lossless - self._told,
            once_jpeg_qualities=_distribution(
                "Quality before they were stored without loss", "Quality", self._once_qualities
            ),
            surest=tuple(self._surest),
            jpegs=self._jpegs,
            jpeg_traits=(
                _distribution("Quality of the JPEG files", "Quality", self._qualities),
                _distribution("Subsampling", "Subsampling", self._subsamplings),
            ),
            twice=Share(self._twice, self._counted),
            leakage=leakage,
            labelled=labelled,
        )


def render_summary(summary: Summary) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("jpegtrace.audit"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"pictures": _pictures, "listed": listed}
    template = environment.get_template("summary.html.jinja")
    return template.render(summary=summary, version=__version__, tells_below=TELLS_BELOW)


def _pictures(count: int) -> str:
    return f"{count:,} picture{'' if count == 1 else 's'}"


def _quality(quality: int | None) -> str:
    return "not a standard table" if quality is None else str(quality)


def _doubt(row: Row) -> tuple[float, float, str]:
    strength = math.inf if row.nfa_log10 is None else row.nfa_log10
    return strength, -(row.jpeg_probability or 0), row.path


def _distribution(title: str, head: str, counts: Counter[str]) -> Distribution:
    """Shares, the commonest first; qualities in their order."""
    by_number = all(value.isdigit() for value in counts if value != _quality(None))

    def place(item: tuple[str, int]) -> tuple[int, str]:
        value, count = item
        return (int(value) if value.isdigit() else 101, "") if by_number else (-count, value)

    found = sorted(counts.items(), key=place)
    return Distribution(title, head, tuple((value, Share(count, counts.total())) for value, count in found))
