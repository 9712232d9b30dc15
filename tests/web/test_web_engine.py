"""The whole way with the real engine: `jpegtrace serve` in a process of its own."""

import io
from pathlib import Path

import numpy as np
import pytest

import jpegtrace as jt
from jpegtrace.report import Report
from support.jpegs import pillow_jpeg

EXAMPLE = Path(__file__).parents[2] / "examples" / "harbour.jpg"
SECONDS = 240


@pytest.fixture(scope="module")
def harbour(real):
    return real.wait(real.start(("harbour.jpg", EXAMPLE.read_bytes()), maps="everywhere"), seconds=SECONDS)


def assert_same(found, wanted, where="report"):
    """The same but for last digits, which may differ between processes: sums are in the order that suits a machine."""
    assert type(found) is type(wanted), where
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), where
        for name, value in wanted.items():
            assert_same(found[name], value, f"{where}.{name}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-6, abs=2e-4), where
    else:
        assert found == wanted, where


def test_the_report_is_that_of_inspect(real, harbour):
    assert (harbour["state"], harbour["error"]) == ("done", None)
    served = real.get(harbour["report"]["json"]).json()
    expected = jt.inspect(EXAMPLE.read_bytes(), name="harbour.jpg").to_dict()
    assert_same(served, expected)
    assert Report.from_dict(served).encoder.family == "Adobe Photoshop"
    assert harbour["report"]["verdict"]["text"] == served["verdict"]["text"]
    assert harbour["report"]["alarm"] is True


def test_every_question_with_a_map_has_maps_with_probabilities(real, harbour):
    units = {(m["analysis"], m["unit"]) for m in harbour["report"]["maps"]}
    for analysis in ("regions", "quality-map", "primary-table"):
        assert (analysis, "probability") in units
    parts = next(m for m in harbour["report"]["maps"] if (m["analysis"], m["name"]) == ("regions", "source"))
    found = real.get(parts["href"]).json()
    assert found["labels"][0] == "IJG 75, grid shifted by 5 rows and 5 columns"
    assert (found["width"], found["height"], found["cell"]) == (440, 496, [8, 8])
    values = np.load(io.BytesIO(real.get(parts["href"], params={"form": "npy"}).content))
    shown = np.array([[np.nan if v is None else v for v in row] for row in found["values"]], np.float32)
    np.testing.assert_array_equal(values, shown)


def test_a_truncated_picture_has_a_report_about_what_is_whole(real):
    data = pillow_jpeg(200, 200)
    job = real.wait(real.start(("cut.jpg", data[: len(data) // 2])), seconds=SECONDS)
    assert job["state"] == "done"
    damage = next(s for s in job["report"]["verdict"]["sentences"] if s["topic"] == "damage")
    assert damage["text"]


def test_a_damaged_picture_says_where(real):
    job = real.wait(real.start(("bad.jpg", b"\xff\xd8\xff\xe0\0\4ab")), seconds=SECONDS)
    assert (job["state"], job["error"]["kind"]) == ("failed", "CorruptInput")
    assert job["error"]["offset"] is not None
