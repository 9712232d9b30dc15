"""`jpegtrace audit` as a whole: what it writes, what it says, and how it goes on."""

import csv
import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from checks.pictures import as_file, scene
from jpegtrace import cli
from jpegtrace.audit import audit
from jpegtrace.audit.progress import LINE_EVERY, lines, watching
from jpegtrace.errors import UsageError

DIES_AFTER = """
import os, signal, sys
from jpegtrace.audit import audit

def watch(done, total):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

audit(["set"], sys.argv[1], processes=2, label_from="folder", watch=watch)
"""
INTERRUPTED_AFTER = """
import os, signal, sys
from jpegtrace import cli
from jpegtrace.audit import run

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
whole = run.run_local

def interrupted(*given, **more):
    for number, item in enumerate(whole(*given, **more)):
        yield item
        if number == 2:
            os.killpg(0, signal.SIGINT)

run.run_local = interrupted
sys.argv = ["jpegtrace", "audit", "set", "-o", "a.parquet", "--processes", "2"]
cli.main()
"""


def command(*arguments, cwd):
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120,
        check=False, start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def run(dataset, monkeypatch, capsys):
    """Runs `jpegtrace audit` beside the data set; tells its exit code and its lines on stderr."""
    monkeypatch.chdir(dataset)
    monkeypatch.setenv("COLUMNS", "200")

    def start(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "audit", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        assert told.out == ""
        return left.value.code, told.err.splitlines()

    return start


def test_what_is_written_and_said(dataset, run):
    (dataset / "labels.csv").write_text("path,label\ndogs/00.png,d\ndogs/02.jpg,d\ncats/01.jpg,c\ngone.png,c\n")
    given = ("set", "-o", "a.parquet", "--label-from", "labels.csv", "--processes", 2)
    code, told = run(*given)
    assert code == 1  # empty.jpg is no picture
    reason = told.pop(-4)
    assert reason.startswith("  dogs/empty.jpg: ")
    assert len(reason) > 25
    assert told[-7:] == [
        "left out, for they are no pictures: 1",
        "pictures without a label: 10",
        "labelled, but no picture here: 1 (gone.png)",
        "13 pictures; 1 failed",
        "wrote a.parquet",
        "wrote a.csv",
        "wrote a.html",
    ]
    table = pq.read_table(dataset / "a.parquet").to_pylist()
    assert [row["path"] for row in table] == sorted(row["path"] for row in table)
    assert [row["path"] for row in table if row["status"] == "failed"] == ["dogs/empty.jpg"]
    assert {row["path"]: row["label"] for row in table if row["label"]} == {
        "cats/01.jpg": "c", "dogs/00.png": "d", "dogs/02.jpg": "d",
    }  # fmt: skip
    assert "Audit of 13 pictures" in (dataset / "a.html").read_text(encoding="utf-8")
    assert sorted(p.name for p in dataset.iterdir()) == [
        "a.csv", "a.html", "a.parquet", "a.parquet.journal", "labels.csv", "set"
    ]  # fmt: skip

    (dataset / "set" / "dogs" / "empty.jpg").write_bytes(as_file(scene(1, 16, 16)))
    code, told = run(*given, "--processes", 1)
    assert code == 0
    assert "13 pictures, 12 of them by an earlier run; 0 failed" in told


@pytest.fixture
def whole(dataset, monkeypatch):
    """The bytes of an uninterrupted audit's CSV."""
    monkeypatch.chdir(dataset)
    audit(["set"], "whole.parquet", processes=1, label_from="folder")
    return (dataset / "whole.csv").read_bytes()


def test_killed_and_started_again_it_ends_with_the_same_rows(dataset, whole):
    done = command("-c", DIES_AFTER, "killed.parquet", cwd=dataset)
    assert done.returncode == -9
    journal = dataset / "killed.parquet.journal"
    assert not (dataset / "killed.parquet").exists()
    kept = journal.read_bytes()
    assert kept.count(b"\n") == 6  # what it is, and five rows
    journal.write_bytes(kept + b'{"stamp": [12, 34], "row": {"root": "se')
    result = audit(["set"], "killed.parquet", processes=2, label_from="folder")
    assert result.resumed == 5
    assert (dataset / "killed.csv").read_bytes() == whole
    rows = [json.loads(line)["row"]["path"] for line in journal.read_text().splitlines()[1:]]
    assert sorted(rows) == [row["path"] for row in csv.DictReader(whole.decode().splitlines())]


def test_stopped_by_hand_it_says_how_to_go_on(dataset):
    done = command("-c", INTERRUPTED_AFTER, cwd=dataset)
    assert done.returncode == 130
    assert "stopped; what is done is kept in a.parquet.journal, and the same command goes on from there" in done.stderr
    assert "Traceback" not in done.stderr
    assert (dataset / "a.parquet.journal").read_bytes().count(b"\n") == 4
    assert not (dataset / "a.parquet").exists()


def test_a_file_that_changed_or_went_is_followed(dataset, monkeypatch):
    monkeypatch.chdir(dataset)
    before = {row.path: row for row in audit(["set"], "a.parquet", processes=1).rows}
    changed = dataset / "set" / "dogs" / "02.jpg"
    changed.write_bytes(as_file(scene(2, 14, 22), quality=33))
    (dataset / "set" / "dogs" / "00.png").unlink()
    result = audit(["set"], "a.parquet", processes=1)
    after = {row.path: row for row in result.rows}
    assert result.resumed == 11
    assert (before["dogs/02.jpg"].quality, after["dogs/02.jpg"].quality) == (70, 33)
    assert set(before) - set(after) == {"dogs/00.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["set"], "Missing option"),
        (["-o", "a.parquet"], "Missing argument"),
        (["set", "-o", "a.csv"], "an audit writes *.parquet"),
        (["set", "-o", "none/a.parquet"], "there is no folder none"),
        (["set", "-o", "a.parquet", "--processes", "0"], "--processes"),
        (["set", "-o", "a.parquet", "--label-from", "classes"], "labels come from 'folder'"),
        (["set", "-o", "a.parquet", "--limit", "time=3"], "no limit called 'time'"),
        (["set/notes.txt.d", "-o", "a.parquet", "--label-from", "none.csv"], "cannot read none.csv"),
        (["empty", "-o", "a.parquet"], "there is no picture in what was named"),
    ],
)
def test_wrong_usage_leaves_with_2_and_writes_nothing(dataset, run, arguments, message):
    (dataset / "empty").mkdir()
    code, told = run(*arguments)
    assert code == 2
    assert message in " ".join(told)
    assert sorted(p.name for p in dataset.iterdir()) == ["empty", "set"]


def test_nothing_is_written_over_an_input(dataset, monkeypatch):
    monkeypatch.chdir(dataset)
    data = as_file(scene(1, 16, 16), "PNG")
    (dataset / "set" / "a.csv").write_bytes(data)
    (dataset / "labels.csv").write_text("path,label\n")
    with pytest.raises(UsageError, match="is one of the inputs"):
        audit(["set"], "set/a.parquet")
    with pytest.raises(UsageError, match="is one of the inputs"):
        audit(["set"], "labels.parquet", label_from="labels.csv")
    assert (dataset / "set" / "a.csv").read_bytes() == data
    (dataset / "b.html").mkdir()
    with pytest.raises(UsageError, match=r"b\.html: this is a folder"):
        audit(["set"], "b.parquet")
    with pytest.raises(UsageError, match="at least one process"):
        audit(["set"], "c.parquet", processes=0)


def test_another_audit_of_the_same_output_is_refused(dataset, run):
    (dataset / "a.parquet.journal").write_text('{"jpegtrace_audit": 1, "version": "0.0"}\n')
    code, told = run("set/cats", "-o", "a.parquet")
    assert code == 2
    assert "belongs to an audit with other version, columns" in " ".join(told)
    assert run("set/cats", "-o", "a.parquet", "--fresh", "--quiet", "--processes", 1) == (0, [])


def test_asking_for_help_loads_nothing_heavy(dataset):
    script = "import sys; from jpegtrace import cli; cli.app(['audit', '--help'], standalone_mode=False)"
    done = command("-c", f"{script}; print(*sys.modules)", cwd=dataset)
    assert "--label-from" in done.stdout
    assert not {"numpy", "pyarrow", "jpegtrace.audit"} & set(done.stdout.split())
    done = command("-c", "import sys, jpegtrace.audit; print(*sys.modules)", cwd=dataset)
    assert "pyarrow" not in done.stdout.split()


def test_a_log_gets_a_line_now_and_then():
    now, written = [0.0], []
    watch = lines(written.append, lambda: now[0])
    watch(100, 1000)  # of an earlier run
    for second in range(1, 25):
        now[0] = float(second)
        watch(100 + 10 * second, 1000)
    assert written == [
        "200 of 1,000 pictures, 10.0 a second, 1.3 minutes left",
        "300 of 1,000 pictures, 10.0 a second, 1.2 minutes left",
    ]
    assert LINE_EVERY == 10


def test_a_terminal_gets_a_bar_and_quiet_nothing(capsys):
    console = Console(file=sys.stdout, force_terminal=True, width=80)
    with watching(console, quiet=False) as watch:
        watch(2, 8)
        watch(4, 8)
    assert "4/8" in capsys.readouterr().out
    with watching(console, quiet=True) as watch:
        assert watch is None
