import json

import numpy as np
import pytest

from jpegtrace.errors import UsageError
from jpegtrace.findings import Finding, Level, Map, Provenance, Remark, Status

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
