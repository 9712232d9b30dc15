"""What every analysis promises, whoever wrote it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import jsonschema
import numpy as np

from jpegtrace.analyses import Analysis
from jpegtrace.errors import InputError, JpegtraceError, UnsupportedFormat, UsageError
from jpegtrace.findings import Finding, Map, Outcome, Status, Topic
from jpegtrace.networks import _session
from jpegtrace.picture import Picture
from jpegtrace.report import InputFacts, Report, report_schema

INTERNAL = "internal error"


def check_declaration(analysis: Analysis) -> None:
    """It says what it is, what it needs and what it cannot show."""
    assert analysis.question.endswith("?"), "the question is no question"
    assert analysis.cannot_show, "it claims to have no limits"
    assert analysis.reference, "it names no source"
    assert 0 <= analysis.false_alarm_rate <= 1
    assert analysis.version >= 1
    params = analysis.parameters()
    assert dataclasses.is_dataclass(params), "parameters are no dataclass"
    assert type(params).__dataclass_params__.frozen, "parameters are not frozen"
    assert analysis.parameters.__doc__, "parameters are not described"
    assert analysis.run.__doc__, "the function is not described"
    assert analysis.map is None or analysis.map.__doc__, "the function of its maps is not described"


def check_deterministic(analysis: Analysis, data: bytes) -> None:
    """The same bytes give the same finding."""
    first, second = (analysis(Picture.open(data)).to_dict() for _ in range(2))
    assert first == second, "two runs on the same bytes differ"


def check_round_trip(analysis: Analysis, data: bytes) -> None:
    """The finding goes through JSON and back, and the schema knows it."""
    finding = analysis(Picture.open(data))
    text = json.dumps(finding.to_dict(), allow_nan=False)
    assert Finding.from_dict(json.loads(text)).to_dict() == finding.to_dict(), "JSON loses something"
    report = Report(InputFacts("a"), (finding,)).to_dict()
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(json.dumps(report)))


def check_evidence(analysis: Analysis, data: bytes) -> None:
    """Evidence says what to look at and what not to conclude, claims are sentences, and networks are declared."""
    with _asked_networks() as asked:
        finding = analysis(Picture.open(data))
    assert asked <= set(analysis.weights), f"it asks networks that it does not declare: {asked - set(analysis.weights)}"
    if finding.status in (Status.OK, Status.INCONCLUSIVE):
        assert set(finding.provenance.weights) == set(analysis.weights), "hashes of weights are missing"
    for one in (*finding.maps, *finding.plots, *finding.matrices, *finding.comparisons):
        _check_lines(one.name, one.look_for, one.not_conclude)
    for comparison in finding.comparisons:
        labels = [m.labels for m in finding.maps if m.name == comparison.map]
        assert not comparison.map or (labels and set(comparison.columns) <= set(labels[0])), "parts are not on the map"
    for claim in finding.claims:
        assert claim.text[0].isupper(), f"a claim is no sentence: {claim.text}"
        assert claim.text.endswith("."), f"a claim is no sentence: {claim.text}"
        assert claim.not_mean, f"a claim does not say what it does not mean: {claim.text}"
        assert (claim.probability is None) == bool(claim.grounds), f"a claim has no grounds, or two: {claim.text}"
    if finding.status is not Status.OK:
        assert all(claim.topic is Topic.OPEN for claim in finding.claims), "it cannot tell, and claims something"


def _check_lines(name: str, look_for: str, not_conclude: str) -> None:
    assert look_for, f"{name} does not say what to look at"
    assert not_conclude, f"{name} does not say what not to conclude"


@contextmanager
def _asked_networks() -> Iterator[set[str]]:
    """Names of the networks that are asked meanwhile."""
    asked: set[str] = set()
    real = _session.session

    def noting(name: str, threads: int = _session.THREADS) -> object:
        asked.add(name)
        return real(name, threads)

    _session.session = noting
    try:
        yield asked
    finally:
        _session.session = real


def check_input_untouched(analysis: Analysis, data: bytes) -> None:
    """Neither the bytes nor the decoded arrays change under the analysis."""
    picture = Picture.open(data)
    before = _snapshot(picture)
    analysis(picture)
    assert picture.data == data, "the input's bytes changed"
    assert _snapshot(picture) == before, "decoded values changed"


def _snapshot(picture: Picture) -> list[bytes]:
    try:
        arrays = [picture.raster.pixels]
    except InputError:
        arrays = []
    if picture.jpeg is not None:
        parts = picture.partial_coefficients.components
        arrays += [part.blocks for part in parts] + [part.whole for part in parts]
    return [array.tobytes() for array in arrays]


def check_survives(analysis: Analysis, inputs: Sequence[bytes]) -> None:
    """Damaged input gives a finding, never an exception and never an internal error."""
    for data in inputs:
        try:
            picture = Picture.open(data)
        except InputError:
            continue
        finding = analysis(picture)
        assert INTERNAL not in finding.summary, finding.summary
        assert finding.summary


def check_not_applicable(analysis: Analysis, other: bytes, decoded: bytes) -> None:
    """What needs a JPEG says so on other formats, without a value or a probability.

    `other` was never JPEG; `decoded` is another format with the pixels of a JPEG. Who needs no JPEG file may ask for
    the traces of one, and then answers the second.
    """
    finding = analysis(Picture.open(other))
    if analysis.needs_jpeg:
        assert finding.status is Status.NOT_APPLICABLE, "it answered a question that does not arise"
    if finding.status is Status.NOT_APPLICABLE:
        assert not finding.values
        assert finding.probability is None
    assert finding.status is not Status.FAILED, finding.summary
    if not analysis.needs_jpeg:
        finding = analysis(Picture.open(decoded))
        assert finding.status is not Status.FAILED, finding.summary
        assert finding.status is not Status.NOT_APPLICABLE, "it says that it needs no JPEG"


def check_false_alarms(analysis: Analysis, pristine: Sequence[bytes]) -> None:
    """Untouched pictures raise no more alarms than declared."""
    alarms = sum(analysis(Picture.open(data)).alarm for data in pristine)
    assert alarms <= analysis.false_alarm_rate * len(pristine), f"{alarms} alarms in {len(pristine)} pristine pictures"


def check_maps(analysis: Analysis, data: bytes) -> None:
    """Maps of a sound picture: the same again, float32, on the picture, whole through JSON, the input untouched."""
    picture = Picture.open(data)
    before = _snapshot(picture)
    shares: list[float] = []
    maps = analysis.maps_of(picture, stride=8, progress=shares.append)
    assert maps, "there is no map"
    assert all(0 <= share <= 1 for share in shares), "progress is no share"
    assert _snapshot(picture) == before, "decoded values changed"
    names = [m.name for m in maps]
    assert len({*names, ""}) == len(names) + 1, "the names of the maps do not tell them apart"
    for m in maps:
        _check_lines(m.name, m.look_for, m.not_conclude)
        assert m.values.dtype == np.float32, f"{m.name} is {m.values.dtype}"
        down, across = ((n - 1) * cell for n, cell in zip(m.values.shape, m.cell, strict=True))
        assert (down < picture.height) & (across < picture.width), f"{m.name} leaves the picture"
    told = [m.to_dict() for m in maps]
    again = analysis.maps_of(Picture.open(data), stride=8)
    assert [m.to_dict() for m in again] == told, "two runs on the same bytes differ"
    finding = Finding.from_dict(json.loads(json.dumps(_with_maps(analysis, picture, maps).to_dict(), allow_nan=False)))
    assert [m.to_dict() for m in finding.maps] == told, "JSON loses something"
    coarse = analysis.maps_of(picture, stride=16)
    assert [m.name for m in coarse] == names
    assert sum(m.values.size for m in coarse) <= sum(m.values.size for m in maps), "a longer stride gives more values"


def _with_maps(analysis: Analysis, picture: Picture, maps: tuple[Map, ...]) -> Finding:
    bearer = dataclasses.replace(analysis, run=lambda picture, params: Outcome(Status.OK, "here", maps=maps))
    finding = bearer(picture)
    jsonschema.Draft202012Validator(report_schema()).validate(Report(InputFacts("a"), (finding,)).to_dict())
    return finding


def check_maps_refuse(analysis: Analysis, data: bytes, other: bytes, decoded: bytes) -> None:
    """Wrong strides, settings of another analysis and other formats are refused, with the right kind of error."""
    picture = Picture.open(data)
    for wrong in (0, -8, 2.5, True):
        _assert_raises(UsageError, lambda wrong=wrong: analysis.maps_of(picture, stride=wrong), f"stride {wrong}")
    _assert_raises(UsageError, lambda: analysis.maps_of(picture, object()), "foreign settings")
    if analysis.needs_jpeg:
        _assert_raises(UnsupportedFormat, lambda: analysis.maps_of(Picture.open(other)), "another format")
    else:
        assert analysis.maps_of(Picture.open(decoded)), "it says that it needs no JPEG"
        if analysis(Picture.open(other)).status is Status.NOT_APPLICABLE:
            _assert_raises(UnsupportedFormat, lambda: analysis.maps_of(Picture.open(other)), "what was never JPEG")


def _assert_raises(kind: type[Exception], call: Callable[[], object], what: str) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{what} is not refused")


def check_maps_survive(analysis: Analysis, inputs: Sequence[bytes]) -> None:
    """Damaged and tiny input gives maps or an error that names the reason, never another exception."""
    for data in inputs:
        try:
            analysis.maps_of(Picture.open(data), stride=32)
        except JpegtraceError:
            continue
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} on damaged input: {error}") from error


Check = Callable[[Analysis, bytes], None]
PER_PICTURE: tuple[Check, ...] = (check_deterministic, check_round_trip, check_evidence, check_input_untouched)
