import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

import jpegtrace
from checks.pictures import as_file, scene
from jpegtrace.audit import Row
from jpegtrace.audit.pictures import find_pictures
from jpegtrace.audit.rows import FAILED, Look, Task, columns, needed_analyses, table_id
from jpegtrace.audit.work import row_of
from jpegtrace.errors import UsageError
from jpegtrace.findings import Finding, Level, Provenance, Remark, Status
from jpegtrace.limits import DEFAULT_LIMITS, Limits
from jpegtrace.report import InputFacts, Report

ROOT = Path(__file__).parents[2]


def made(tmp_path, data, name="a.jpg", limits=DEFAULT_LIMITS):
    (tmp_path / name).write_bytes(data)
    return row_of(Task("set", name, str(tmp_path / name)), limits)


def look(values, analysis="quality-map", **more):
    finding = Finding(analysis, 1, Status.OK, "", Provenance("0", "0"), values=values, **more)
    return Look(Task("r", "p", "f"), 1, Report(InputFacts("p"), (finding,)))


def test_a_jpeg(tmp_path):
    data = as_file(scene(5), quality=83, progressive=True)
    row = made(tmp_path, data)
    table = jpegtrace.Picture.open(data).jpeg.table_of(0).table
    assert row.status == "ok"
    assert (row.root, row.path, row.bytes, row.format) == ("set", "a.jpg", len(data), "JPEG")
    assert (row.width, row.height, row.quality, row.subsampling) == (128, 96, 83, "4:2:0")
    assert row.progressive is True
    assert row.sha256 == hashlib.sha256(data).hexdigest()
    assert row.luma_table == table_id(tuple(table.ravel().tolist()))
    assert row.alarms == 0


def test_a_table_has_one_name_wherever_it_stands(tmp_path):
    coarse, fine = [16] * 64, [3] * 64
    rows = [made(tmp_path, as_file(scene(5), qtables=tables)) for tables in ([coarse, fine], [coarse], [fine, coarse])]
    assert rows[0].luma_table == rows[1].luma_table != rows[2].luma_table
    assert rows[0].quality is None


def test_compressed_twice(tmp_path):
    grown = as_file(scene(8, 192, 256), quality=60)
    again = as_file(np.asarray(jpegtrace.Picture.open(grown).raster.pixels)[3:, 5:], quality=95)
    row = made(tmp_path, again)
    assert row.compressions == 2
    assert row.twice_probability > 0.99
    assert (row.first_grid_row, row.first_grid_col) == (5, 3)


def test_another_format_has_no_facts_of_a_jpeg(tmp_path):
    row = made(tmp_path, as_file(scene(5), "PNG"), "a.png")
    assert (row.format, row.status) == ("PNG", "ok")
    jpeg_only = [column.name for column in columns() if column.doc.startswith("JPEG: ")]
    assert len(jpeg_only) == 8
    assert {getattr(row, name) for name in jpeg_only} == {None}


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", "UnknownFormat"), (b"no picture", "UnknownFormat"), (b"\xff\xd8\xff\xe0\x00", "CorruptInput")],
    ids=["empty", "text", "cut"],
)
def test_what_cannot_be_read_is_a_row(tmp_path, data, kind):
    row = made(tmp_path, data)
    assert (row.status, row.error_kind, row.bytes) == (FAILED, kind, len(data))
    assert row.error


def test_a_bomb_and_a_missing_file_are_rows(tmp_path):
    row = made(tmp_path, as_file(scene(5)), limits=Limits(pixels=100))
    assert (row.status, row.error_kind) == (FAILED, "LimitExceeded")
    row = row_of(Task("r", "gone.jpg", str(tmp_path / "gone.jpg")), DEFAULT_LIMITS)
    assert (row.status, row.error_kind, row.bytes) == (FAILED, "UnreadableInput", None)


@pytest.mark.parametrize("error", [RuntimeError("planted \udcff"), MemoryError(), RecursionError()])
def test_an_unforeseen_error_is_a_row(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("jpegtrace.audit.work.inspect", fail)
    row = made(tmp_path, as_file(scene(5)))
    assert (row.status, row.error_kind) == (FAILED, type(error).__name__)
    assert Row.from_dict(json.loads(json.dumps(row.to_dict()).encode())) == row


def test_an_analysis_that_failed_fails_its_row_but_not_its_facts():
    failed = Finding("encoder", 1, Status.FAILED, "Could not look: x", Provenance("0", "0"))
    facts = InputFacts("p", sha256="00", bytes=1, format="JPEG", width=3, height=4)
    row = Row.of(Look(Task("r", "p", "f"), 1, Report(facts, (failed,))))
    assert (row.status, row.error, row.width) == (FAILED, "encoder: Could not look: x", 3)


def test_columns_of_pixels_are_taken_from_the_quality_map():
    values = {
        "ever_jpeg": True, "probability_jpeg": 1, "quality": 75, "grid_origin": [2, 7],
        "table": [None, *range(1, 64)], "processed": False, "nfa_log10": -30.5,
    }  # fmt: skip
    alarm = Remark(Level.ALARM, "x")
    row = Row.of(look(values, remarks=(alarm, Remark(Level.NOTICE, "y"), alarm)))
    assert (row.ever_jpeg, row.jpeg_probability, row.pixel_quality) == (True, 1.0, 75)
    assert (row.pixel_grid_row, row.pixel_grid_col, row.processed, row.nfa_log10) == (2, 7, False, -30.5)
    assert row.pixel_table.startswith("- 1 2 3 ")
    assert len(row.pixel_table.split()) == 64
    assert row.alarms == 2


def test_a_value_of_another_type_is_refused():
    with pytest.raises(TypeError, match="column 'pixel_quality' holds int, not '75'"):
        Row.of(look({"quality": "75"}))
    with pytest.raises(TypeError, match="column 'ever_jpeg' holds bool, not 1"):
        Row.of(look({"ever_jpeg": 1}))


def test_only_what_columns_need_is_asked():
    wanted = {column.analysis for column in columns()} - {None}
    asked = [analysis.id for analysis in needed_analyses()]
    assert set(asked) <= wanted
    assert {"file-facts", "encoder", "compression-count"} <= set(asked)


def test_rows_survive_json():
    row = Row("r", "p", "ok", alarms=2, width=3, twice_probability=0.25, progressive=False)
    assert Row.from_dict(json.loads(json.dumps(row.to_dict()))) == row
    for wrong in ({"more": 1}, {"width": "3"}):
        with pytest.raises(TypeError):
            Row.from_dict(row.to_dict() | wrong)
    with pytest.raises(TypeError):
        Row.from_dict({"path": "p"})


def test_the_documentation_has_the_list_of_columns():
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    kinds = {str: "text", int: "integer", float: "decimal", bool: "true, false"}
    table = "".join(f"| `{c.name}` | {kinds[c.kind]} | {c.doc} |\n" for c in columns())
    assert table in page, f"docs/audit.md should hold:\n{table}"


def test_pictures_are_found_by_content_once_and_in_order(dataset, monkeypatch):
    monkeypatch.chdir(dataset)
    found = find_pictures(["set", "set/cats", "set/dogs/00.png"])
    assert [task.path for task in found.tasks] == sorted(task.path for task in found.tasks)
    assert {task.root for task in found.tasks} == {"set"}
    assert (len(found.tasks), found.skipped) == (13, 1)
    (alone,) = find_pictures(["set/dogs/00.png"]).tasks
    assert (alone.root, alone.path) == (str(Path("set/dogs")), "00.png")
    with pytest.raises(UsageError, match="nothing matches"):
        find_pictures(["set/*.gif"])


def test_links_in_a_circle_and_into_nothing(dataset):
    (dataset / "set" / "circle").symlink_to(dataset / "set")
    (dataset / "set" / "self.jpg").symlink_to(dataset / "set" / "self.jpg")
    (dataset / "set" / "gone.jpg").symlink_to(dataset / "nothing")
    found = find_pictures([dataset / "set"])
    assert len(found.tasks) == 15
    broken = [row_of(task, DEFAULT_LIMITS) for task in found.tasks if task.path in ("self.jpg", "gone.jpg")]
    assert [row.error_kind for row in broken] == ["UnreadableInput"] * 2


def test_a_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"odd\xff.png")
    (tmp_path / name).write_bytes(as_file(scene(1, 16, 16), "PNG"))
    (task,) = find_pictures([tmp_path]).tasks
    row = row_of(task, DEFAULT_LIMITS)
    assert (row.path, row.status) == ("odd\\udcff.png", "ok")
