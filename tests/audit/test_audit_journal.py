import json
from pathlib import Path

import pytest

from jpegtrace.audit import Row
from jpegtrace.audit.journal import Journal, describe, stamp_of
from jpegtrace.audit.rows import Task
from jpegtrace.errors import UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits

HEADER = describe(["set"], DEFAULT_LIMITS)
ROWS = [Row("set", f"{n}.png", "ok", bytes=n) for n in range(3)]
STAMP = (10, 20)


@pytest.fixture
def path(tmp_path):
    """A journal of three rows."""
    path = tmp_path / "a.parquet.journal"
    with Journal.open(path, HEADER) as journal:
        assert journal.kept == {}
        for row in ROWS:
            journal.add(row, STAMP)
    return path


def rows_of(path, **options):
    with Journal.open(path, HEADER, **options) as journal:
        return [row for _, row in journal.kept.values()]


def task(name):
    return Task("set", name, f"set/{name}")


def test_rows_come_back(path):
    assert rows_of(path) == ROWS
    with Journal.open(path, HEADER) as journal:
        assert journal.row(task("1.png"), STAMP) == ROWS[1]
        assert journal.row(task("7.png"), STAMP) is None


def test_a_torn_last_line_is_dropped_at_any_place(path):
    data = path.read_bytes()
    last = data[:-1].rfind(b"\n") + 1
    for end in (last + 1, last + 30, len(data) - 1):
        path.write_bytes(data[:end])
        assert rows_of(path) == ROWS[:2]
        with Journal.open(path, HEADER) as journal:
            journal.add(ROWS[2], STAMP)
        assert path.read_bytes() == data


def test_a_torn_first_line_begins_anew(path):
    data = path.read_bytes()
    for end in (0, 1, 10, data.find(b"\n")):
        path.write_bytes(data[:end])
        assert rows_of(path) == []


def test_a_file_that_changed_is_looked_at_again(path):
    with Journal.open(path, HEADER) as journal:
        for stamp in ((11, 20), (10, 21), None):
            assert journal.row(task("1.png"), stamp) is None


def test_later_rows_replace_earlier_ones(path):
    again = Row("set", "1.png", "ok", bytes=99)
    with Journal.open(path, HEADER) as journal:
        journal.add(again, STAMP)
    assert rows_of(path) == [ROWS[0], again, ROWS[2]]


@pytest.mark.parametrize("kind", ["UnreadableInput", "MemoryError", "WorkerDied"])
def test_what_may_pass_is_tried_again(path, kind):
    with Journal.open(path, HEADER) as journal:
        journal.add(Row.failed(task("9.png"), kind, "x"), STAMP)
        journal.add(Row.failed(task("8.png"), "CorruptInput", "x"), STAMP)
    with Journal.open(path, HEADER) as journal:
        assert journal.row(task("9.png"), STAMP) is None
        assert journal.row(task("8.png"), STAMP) is not None


@pytest.mark.parametrize(
    ("header", "other"),
    [
        (describe(["other"], DEFAULT_LIMITS), "roots"),
        (describe(["set"], Limits(pixels=5)), "limits"),
        (HEADER | {"version": "9.9"}, "version"),
        (HEADER | {"analyses": {}}, "analyses"),
        (HEADER | {"analyses": {}, "columns": []}, "columns, analyses"),
    ],
)
def test_another_audit_is_refused_unless_fresh(path, header, other):
    with pytest.raises(UsageError, match=f"belongs to an audit with other {other}; --fresh starts over"):
        Journal.open(path, header)
    with Journal.open(path, header, fresh=True) as journal:
        assert journal.kept == {}
    assert json.loads(path.read_text()) == json.loads(json.dumps(header))


@pytest.mark.parametrize("content", [b"my notes", b"my notes\n", b"[1]\n", b"{}\n"])
def test_what_is_no_journal_is_left_alone(tmp_path, content):
    path = tmp_path / "a.parquet.journal"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not the journal of an audit"):
        Journal.open(path, HEADER)
    assert path.read_bytes() == content


@pytest.mark.parametrize("line", [b"", b"{}", b'{"stamp": [1, 2], "row": {"path": "x"}}', b"\0\0"])
def test_damage_in_the_middle_is_told(path, line):
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]) + b"\n")
    with pytest.raises(UsageError, match="damaged in line 3; --fresh"):
        Journal.open(path, HEADER)


def test_two_audits_do_not_write_one_journal(path):
    with Journal.open(path, HEADER), pytest.raises(UsageError, match="another audit is writing"):
        Journal.open(path, HEADER)
    assert rows_of(path) == ROWS


def test_a_full_disk_is_told():
    with (
        pytest.raises(UsageError, match="cannot write journal: No space left on device; the rows before are kept"),
        Path("/dev/full").open("wb") as full,
        Journal(Path("journal"), {}, full) as journal,
    ):
        journal.add(ROWS[0], STAMP)


def test_a_stamp_is_size_and_time(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    size, changed = stamp_of(Task("r", "a", str(tmp_path / "a")))
    assert (size, changed) == (3, (tmp_path / "a").stat().st_mtime_ns)
    assert stamp_of(Task("r", "b", str(tmp_path / "b"))) is None
    assert stamp_of(Task("r", "b", "a\0b")) is None
