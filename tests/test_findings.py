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
    maps=(Map("quality", np.array([[1, np.nan], [3, 4]], np.float32), (8, 16), "QF"),),
)


def test_json_round_trip_keeps_everything():
    text = json.dumps(FINDING.to_dict(), allow_nan=False)
    back = Finding.from_dict(json.loads(text))
    assert back.to_dict() == FINDING.to_dict()
    np.testing.assert_array_equal(back.maps[0].values, FINDING.maps[0].values)
    assert back.maps[0].cell == (8, 16)


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
