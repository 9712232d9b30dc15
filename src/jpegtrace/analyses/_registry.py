"""The list of analyses: every module of this package that registers a function, and nothing else."""

from __future__ import annotations

import difflib
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from typing import Any, TypeVar

from jpegtrace import __version__, networks
from jpegtrace._progress import Progress
from jpegtrace.errors import InputError, JpegtraceError, UnsupportedFormat, UsageError
from jpegtrace.findings import Finding, Json, Level, Map, Outcome, Provenance, Remark, Status
from jpegtrace.picture import Picture

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Analysis:
    """One question that can be asked of a picture.

    Attributes:
        id: name in commands and reports, ``words-like-this``.
        version: raised when the same input may get another answer.
        place: where it stands in a report; from what the file says (100) to what the pixels tell (500).
        title: heading in a report.
        question: what it answers, in one sentence with a question mark.
        needs_jpeg: not applicable to other formats.
        cannot_show: what must not be read into the answer.
        reference: paper or standard.
        false_alarm_rate: highest share of untouched pictures that raise an alarm; checked by the contract tests.
        parameters: frozen dataclass with a default for every field.
        run: the function.
        map: computes values over the whole picture, which `run` leaves out where they would take long; takes the
            picture, the parameters, the distance between values in pixels, and whom to tell the share that is done.
            None where the question has no map.
        weights: names of the cards of all networks that it may ask; their hashes go into the provenance of its answers.
    """

    id: str
    version: int
    place: int
    title: str
    question: str
    needs_jpeg: bool
    cannot_show: tuple[str, ...]
    reference: str
    false_alarm_rate: float
    parameters: type[Any]
    run: Callable[[Picture, Any], Outcome]
    map: Callable[[Picture, Any, int, Progress | None], tuple[Map, ...]] | None = None
    weights: tuple[str, ...] = ()

    def __call__(self, picture: Picture, params: object | None = None) -> Finding:
        """Ask the question; failures become a finding of status ``failed``, never an exception.

        Raises:
            UsageError: `params` are not of this analysis.
        """
        params = self._settings(params)
        if self.needs_jpeg and picture.jpeg is None:
            why = f"This asks about a JPEG file; this is a {picture.format}."
            return self._finding(picture, params, Outcome(Status.NOT_APPLICABLE, why))
        try:
            finding = self._finding(picture, params, self.run(picture, params))
            _check_answer(finding)
        except JpegtraceError as error:
            return self._failed(picture, params, str(error))
        except Exception as error:  # one defect must not take the other answers with it
            return self._failed(picture, params, f"internal error, please report it: {type(error).__name__}: {error}")
        return finding

    def maps_of(
        self, picture: Picture, params: object | None = None, *, stride: int = 8, progress: Progress | None = None
    ) -> tuple[Map, ...]:
        """Answer the question for every place of the picture.

        Args:
            picture: the picture.
            params: settings of the analysis; by default its own.
            stride: distance between two values in pixels.
            progress: called with the share that is done, 0..1.

        Raises:
            UsageError: the analysis has no map, the settings are another's, or the stride is not positive.
            InputError: the picture cannot answer; `UnsupportedFormat` where a JPEG is needed and it is none.
        """
        if self.map is None:
            raise UsageError(f"analysis {self.id!r} has no map; {_list_mapped()}")
        params = self._settings(params)
        if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
            raise UsageError(f"the stride of a map is a whole number of pixels from 1, not {stride!r}")
        if stride > max(picture.height, picture.width):
            raise UsageError(
                f"a stride of {stride} pixels leaves no map of a picture of {picture.width} x {picture.height}"
            )
        if self.needs_jpeg and picture.jpeg is None:
            raise UnsupportedFormat(
                f"{self.id} asks about a JPEG file; this is a {picture.format}", source=picture.source
            )
        try:
            return self.map(picture, params, stride, progress)
        except InputError as error:
            raise error.named(picture.source) from error.__cause__

    def to_dict(self) -> dict[str, Json]:
        """What is asked and what cannot be answered, as JSON."""
        return {
            "id": self.id,
            "version": self.version,
            "title": self.title,
            "question": self.question,
            "needs_jpeg": self.needs_jpeg,
            "has_map": self.map is not None,
            "cannot_show": list(self.cannot_show),
            "reference": self.reference,
            "false_alarm_rate": self.false_alarm_rate,
        }

    def _settings(self, params: object | None) -> object:
        params = self.parameters() if params is None else params
        if not isinstance(params, self.parameters):
            raise UsageError(f"analysis {self.id!r} takes {self.parameters.__name__}, not {type(params).__name__}")
        return params

    def _failed(self, picture: Picture, params: object, why: str) -> Finding:
        remark = Remark(Level.NOTICE, why)
        return self._finding(picture, params, Outcome(Status.FAILED, f"Could not look: {why}", remarks=(remark,)))

    def _finding(self, picture: Picture, params: object, outcome: Outcome) -> Finding:
        settings: Mapping[str, Any] = asdict(params) if is_dataclass(params) and not isinstance(params, type) else {}
        answered = outcome.status in (Status.OK, Status.INCONCLUSIVE)
        weights = {name: networks.card(name).sha256 for name in self.weights} if answered else {}
        return Finding(
            analysis=self.id,
            analysis_version=self.version,
            status=outcome.status,
            summary=outcome.summary,
            provenance=Provenance(picture.sha256, __version__, settings, weights),
            values=outcome.values,
            probability=outcome.probability,
            cannot_show=self.cannot_show if answered else (),
            remarks=outcome.remarks,
            maps=outcome.maps,
            plots=outcome.plots,
            matrices=outcome.matrices,
            comparisons=outcome.comparisons,
            claims=outcome.claims,
            probability_of=outcome.probability_of,
        )


def _check_answer(finding: Finding) -> None:
    """An answer that JSON cannot hold, or that says more than its status allows, is a defect of its analysis."""
    json.dumps(finding.to_dict(), allow_nan=False)
    if finding.probability is not None and not 0 <= finding.probability <= 1:
        raise ValueError(f"the probability is {finding.probability}")
    for claim in finding.claims:
        if claim.probability is not None and not 0 <= claim.probability <= 1:
            raise ValueError(f"the probability of a claim is {claim.probability}")
    if finding.status is Status.NOT_APPLICABLE and (
        finding.values or finding.probability is not None or finding.claims
    ):
        raise ValueError("an answer that does not apply has values or claims")
    shadowing = sorted(set(finding.values) & set(Finding.__dataclass_fields__))
    if shadowing:
        raise ValueError(f"values are called like fields of a finding: {', '.join(shadowing)}")


_REGISTERED: dict[str, Analysis] = {}


def analysis(
    id: str,  # noqa: A002 - the field's name everywhere else
    *,
    version: int,
    place: int,
    title: str,
    question: str,
    parameters: type[P],
    cannot_show: tuple[str, ...],
    reference: str,
    false_alarm_rate: float,
    needs_jpeg: bool = False,
    map: Callable[[Picture, P, int, Progress | None], tuple[Map, ...]] | None = None,  # noqa: A002
    weights: tuple[str, ...] = (),
) -> Callable[[Callable[[Picture, P], Outcome]], Analysis]:
    """Register a function as an analysis; see `Analysis` for the arguments.

    Raises:
        UsageError: the id is taken.
    """

    def register(function: Callable[[Picture, P], Outcome]) -> Analysis:
        if id in _REGISTERED:
            raise UsageError(f"two analyses are called {id!r}")
        _REGISTERED[id] = Analysis(
            id=id,
            version=version,
            place=place,
            title=title,
            question=question,
            needs_jpeg=needs_jpeg,
            cannot_show=cannot_show,
            reference=reference,
            false_alarm_rate=false_alarm_rate,
            parameters=parameters,
            run=function,
            map=map,
            weights=weights,
        )
        return _REGISTERED[id]

    return register


@cache
def all_analyses() -> tuple[Analysis, ...]:
    """Every analysis, in the order in which a report tells them."""
    package = importlib.import_module("jpegtrace.analyses")
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            importlib.import_module(f"jpegtrace.analyses.{info.name}")
    return tuple(sorted(_REGISTERED.values(), key=lambda a: (a.place, a.id)))


def find_analysis(name: str) -> Analysis:
    """The analysis with this id.

    Raises:
        UsageError: there is none; names the nearest.
    """
    known = {a.id: a for a in all_analyses()}
    if name in known:
        return known[name]
    hint = _nearest(name, known) or f"there are: {', '.join(known)}"
    raise UsageError(f"there is no analysis called {name!r}; {hint}")


def find_mapped(name: str | None) -> Analysis:
    """The analysis with this id, which has a map.

    Raises:
        UsageError: there is none, or it has no map, or no name was given; lists those that have one.
    """
    mapped = {a.id: a for a in all_analyses() if a.map is not None}
    if name in mapped:
        return mapped[name]
    if name is None:
        raise UsageError(f"a map answers one question; {_list_mapped()}")
    if any(a.id == name for a in all_analyses()):
        raise UsageError(f"analysis {name!r} has no map; {_list_mapped()}")
    hint = _nearest(name, mapped)
    raise UsageError(f"there is no analysis called {name!r}; {f'{hint} ' if hint else ''}{_list_mapped()}")


def _list_mapped() -> str:
    return f"with a map there are: {', '.join(a.id for a in all_analyses() if a.map is not None) or 'none so far'}"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else ""
