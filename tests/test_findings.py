import dataclasses
import json

import jsonschema
import numpy as np
import pytest

from jpegtrace.errors import UsageError
from jpegtrace.findings import Finding, Level, Map, Plot, Provenance, Remark, Status
from jpegtrace.report import InputFacts, Report, report_schema

SPECTRUM = Plot(
    "spectrum",
    np.array([0, 0.1, 1 / 3], np.float32),
    np.array([1e-30, np.nan, -3e38], np.float32),
    "frequency in cycles per pixel",
    "strength in grey levels",
    marks=((1 / 6, "period of 6.0 pixels"), (0.0, "")),
    look_for="A narrow peak.",
    not_conclude="A peak is no proof.",
)
HISTOGRAM = Plot("residuals", np.arange(2, dtype=np.float32), np.ones(2, np.float32), "grey levels", "pixels", "bars")

FINDING = Finding(
    analysis="some-question",
    analysis_version=3,
    status=Status.OK,
    summary="It was.",
    provenance=Provenance("0" * 64, "0.1.0", {"depth": 4}, {"net": "ab"}),
    values={"quality": 75, "entries": [1, None]},
    probability=0.25,
    cannot_show=("more",),
    remarks=(Remark(Level.NOTICE, "odd", "because"),),
    maps=(
        Map("quality", np.array([[1, np.nan], [3, 4]], np.float32), (8, 16), "QF"),
        Map("region", np.array([[0, np.nan, 1]], np.float32), (32, 32), labels=("rest", "sky")),
    ),
    plots=(SPECTRUM, HISTOGRAM),
)


def test_json_round_trip_keeps_everything():
    text = json.dumps(FINDING.to_dict(), allow_nan=False)
    back = Finding.from_dict(json.loads(text))
    assert back.to_dict() == FINDING.to_dict()
    np.testing.assert_array_equal(back.maps[0].values, FINDING.maps[0].values)
    assert back.maps[0].cell == (8, 16)
    assert [m.labels for m in back.maps] == [(), ("rest", "sky")]


def test_a_map_of_an_old_report_has_no_labels():
    data = FINDING.maps[0].to_dict()
    del data["labels"]
    assert Map.from_dict(data).labels == ()


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (1, 1)])
def test_maps_of_any_size_go_through_json(shape):
    back = Map.from_dict(json.loads(json.dumps(Map("m", np.zeros(shape, np.float32), (8, 8)).to_dict())))
    assert back.values.shape == shape


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [2]},
        {"shape": [2, 3]},
        {"cell": [0, 8]},
        {"cell": [8]},
        {"labels": None},
        {"labels": ["one"]},
        {"zlib_float32": "AAAA"},
        {"unit": ...},
    ],
)
def test_what_is_no_map_is_refused(changes):
    data = {k: v for k, v in (FINDING.maps[0].to_dict() | changes).items() if v is not ...}
    with pytest.raises(UsageError, match="not the JSON form of a map"):
        Map.from_dict(data)


@pytest.mark.parametrize("value", [-1, 2, 0.5, np.inf])
def test_every_value_of_a_map_with_labels_has_one(value):
    with pytest.raises(ValueError, match="without a label"):
        Map("region", np.array([[0, value]], np.float32), (8, 8), labels=("rest", "sky"))


@pytest.mark.parametrize("plot", [SPECTRUM, HISTOGRAM], ids=lambda p: p.name)
def test_plots_go_through_json_without_loss(plot):
    back = Plot.from_dict(json.loads(json.dumps(plot.to_dict(), allow_nan=False)))
    for field in dataclasses.fields(Plot):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(plot, field.name))
    assert back.x.dtype == back.y.dtype == np.float32


def test_a_finding_of_an_old_report_has_no_plots():
    data = FINDING.to_dict()
    del data["plots"]
    assert Finding.from_dict(data).plots == ()
    assert Finding.from_dict(data).maps


def floats(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": floats(0, 1)}, "shape"),
        ({"x": floats(0), "y": floats(0)}, "shape"),
        ({"x": np.zeros((2, 2), np.float32), "y": np.zeros((2, 2), np.float32)}, "shape"),
        ({"x": np.arange(3.0)}, "float64"),
        ({"y": np.arange(3)}, "int64"),
        ({"x": floats(0, 2, 1)}, "do not ascend"),
        ({"x": floats(0, 1, 1)}, "do not ascend"),
        ({"x": floats(0, 1, np.inf)}, "do not ascend"),
        ({"x": floats(0, np.nan, 1)}, "do not ascend"),
        ({"y": floats(0, np.inf, 1)}, "infinite"),
        ({"kind": "pie"}, "'pie'"),
        ({"marks": ((np.nan, "here"),)}, "nowhere"),
        ({"marks": ((1e300, "here"),)}, "nowhere"),
        ({"marks": ((1.0, None),)}, "no text"),
        ({"look_for": None}, "no text"),
    ],
)
def test_a_plot_that_cannot_be_drawn_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SPECTRUM, **changes)


NO_PLOTS = [
    {"x": [0, 1]},
    {"x": [0, 2, 1]},
    {"x": [0, None, 1]},
    {"x": [0, 1, 10**400]},
    {"y": [0, 1e300, 1]},
    {"y": 3},
    {"kind": ["line"]},
    {"marks": [[1, "here"]]},
    {"marks": [{"x": "here", "text": ""}]},
    {"marks": None},
    {"name": 7},
    {"look_for": ...},
]


@pytest.mark.parametrize("changes", NO_PLOTS)
def test_what_is_no_plot_is_refused(changes):
    data = {k: v for k, v in (SPECTRUM.to_dict() | changes).items() if v is not ...}
    with pytest.raises(UsageError, match="not the JSON form of a plot"):
        Plot.from_dict(data)


def test_the_schema_knows_plots():
    validator = jsonschema.Draft202012Validator(report_schema())
    data = json.loads(Report(InputFacts("a"), (FINDING,)).to_json())
    validator.validate(data)
    plot = data["findings"][0]["plots"][0]
    for changes in ({"kind": "pie"}, {"x": [0]}, {"y": [0, "1"]}, {"marks": [{"x": None, "text": ""}]}, {"more": 1}):
        data["findings"][0]["plots"] = [plot | changes]
        assert not validator.is_valid(data), changes
    for name in plot:
        data["findings"][0]["plots"] = [{k: v for k, v in plot.items() if k != name}]
        assert not validator.is_valid(data), name
    del data["findings"][0]["plots"]  # as in reports that were made before
    validator.validate(data)


def test_values_are_attributes():
    assert FINDING.quality == 75
    assert FINDING.entries == [1, None]


def test_an_unknown_attribute_names_what_there_is():
    with pytest.raises(AttributeError, match="no value 'grid'; it has: quality, entries"):
        _ = FINDING.grid


def test_alarm_is_read_off_the_remarks():
    assert not FINDING.alarm
    loud = Finding("q", 1, Status.OK, "s", FINDING.provenance, remarks=(Remark(Level.ALARM, "fire"),))
    assert loud.alarm


@pytest.mark.parametrize("broken", [{}, {"analysis": "a"}, {**FINDING.to_dict(), "status": "perhaps"}])
def test_what_is_no_finding_is_refused(broken):
    with pytest.raises(UsageError, match="not the JSON form of a finding"):
        Finding.from_dict(broken)
