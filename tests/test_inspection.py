import io
import json

import jsonschema
import pytest

import jpegtrace
from checks.pictures import as_file, scene
from jpegtrace.errors import LimitExceeded, UnknownFormat, UsageError
from jpegtrace.inspection import inspect, inspect_or_explain, list_pictures
from jpegtrace.limits import Limits
from jpegtrace.report import Report, report_schema
from jpegtrace.report.html import render_html

JPEG = as_file(scene(5), quality=83)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(JPEG)
    (tmp_path / "no suffix").write_bytes(as_file(scene(6), "PNG"))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.dat").write_bytes(JPEG[:900])
    (tmp_path / ".hidden.jpg").write_bytes(JPEG)
    return tmp_path


def test_path_bytes_and_file_object_give_the_same(folder):
    path = folder / "a.jpg"
    reports = [inspect(path), inspect(str(path)), inspect(JPEG), inspect(io.BytesIO(JPEG))]
    assert len({json.dumps([f.to_dict() for f in r.findings]) for r in reports}) == 1
    assert reports[0].input.source == str(path)


def test_the_public_call_reads_findings_as_attributes(folder):
    report = jpegtrace.inspect(folder / "a.jpg")
    assert report.encoder.quality == 83
    assert report.file_facts.subsampling == "4:2:0"
    with pytest.raises(AttributeError, match="no finding of 'crystal-ball'"):
        _ = report.crystal_ball


def test_report_round_trip_and_schema():
    report = inspect(JPEG)
    data = json.loads(report.to_json())
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.Draft202012Validator(report_schema()).validate(data)
    assert Report.from_dict(data).to_dict() == report.to_dict()


def test_schema_refuses_what_is_not_a_report():
    data = json.loads(inspect(JPEG).to_json())
    validator = jsonschema.Draft202012Validator(report_schema())
    for path, value in (("schema_version", "2.0"), ("findings", None), ("alarm", "no")):
        assert not validator.is_valid(data | {path: value})
    assert not validator.is_valid(data | {"more": 1})


def test_another_major_version_is_refused():
    with pytest.raises(UsageError, match="schema version 9"):
        Report.from_dict({"schema_version": "9.1"})


def test_a_stored_report_keeps_who_made_it_and_skips_what_it_does_not_know():
    data = json.loads(inspect(JPEG).to_json()) | {"jpegtrace": "9.9", "schema_version": "1.7", "more": 1}
    data["input"]["colour"] = "new"
    data["findings"][0]["analysis"] = "from-the-future"
    report = Report.from_dict(data)
    assert report.to_dict()["jpegtrace"] == "9.9"
    assert "from-the-future" in render_html([report])


def test_only_some_analyses():
    assert [f.analysis for f in inspect(JPEG, only="encoder").findings] == ["encoder"]
    assert [f.analysis for f in inspect(JPEG, only=["encoder"]).findings] == ["encoder"]
    with pytest.raises(UsageError, match="did you mean 'encoder'"):
        inspect(JPEG, only=["encodr"])


def test_an_unreadable_input_raises_or_is_explained():
    with pytest.raises(UnknownFormat):
        inspect(b"no picture")
    report = inspect_or_explain(b"no picture", name="x")
    assert report.failed
    assert report.error.kind == "UnknownFormat"
    assert report.input.source == "x"
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(report.to_json()))


def test_limits_reach_the_reader():
    with pytest.raises(LimitExceeded, match="pixels is limited to 100"):
        inspect(JPEG, limits=Limits(pixels=100))


def test_folders_are_read_by_content(folder):
    listing = list_pictures([folder])
    assert [p.name for p in listing.files] == ["a.jpg", "no suffix", "b.dat"]
    assert [p.name for p in listing.skipped] == ["notes.txt"]


def test_named_files_are_kept_and_counted_once(folder):
    listing = list_pictures([folder / "notes.txt", folder / "a.jpg", folder / "missing", folder])
    assert [p.name for p in listing.files] == ["notes.txt", "a.jpg", "missing", "no suffix", "b.dat"]


def test_globs(folder):
    assert [p.name for p in list_pictures([str(folder / "*.jpg")]).files] == ["a.jpg"]
    assert [p.name for p in list_pictures([str(folder / "**" / "*.dat")]).files] == ["b.dat"]
    with pytest.raises(UsageError, match="nothing matches"):
        list_pictures([str(folder / "*.gif")])


@pytest.mark.parametrize(
    "data",
    [JPEG, as_file(scene(7), "PNG"), as_file(scene(7)[..., 0]), as_file(scene(7), "TIFF")],
    ids=["jpeg", "png", "grey", "tiff"],
)
def test_preview_is_a_small_picture(data):
    preview = inspect(data, preview=True).preview
    assert preview.startswith(b"\xff\xd8")
    assert inspect(preview).file_facts.width <= 640


def test_no_preview_of_what_cannot_be_decoded():
    assert inspect(as_file(scene(7), "PNG")[:2000], preview=True, only=["encoder"]).preview is None
