"""What every analysis promises, whoever wrote it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence

import jsonschema

from jpegtrace.analyses import Analysis
from jpegtrace.errors import InputError
from jpegtrace.findings import Finding, Status
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


def check_not_applicable(analysis: Analysis, other: bytes) -> None:
    """What needs a JPEG says so on other formats, without a value or a probability."""
    finding = analysis(Picture.open(other))
    if analysis.needs_jpeg:
        assert finding.status is Status.NOT_APPLICABLE, "it answered a question that does not arise"
        assert not finding.values
        assert finding.probability is None
    else:
        assert finding.status is not Status.FAILED, finding.summary
        assert finding.status is not Status.NOT_APPLICABLE, "it says that it needs no JPEG"


def check_false_alarms(analysis: Analysis, pristine: Sequence[bytes]) -> None:
    """Untouched pictures raise no more alarms than declared."""
    alarms = sum(analysis(Picture.open(data)).alarm for data in pristine)
    assert alarms <= analysis.false_alarm_rate * len(pristine), f"{alarms} alarms in {len(pristine)} pristine pictures"


Check = Callable[[Analysis, bytes], None]
PER_PICTURE: tuple[Check, ...] = (check_deterministic, check_round_trip, check_input_untouched)
