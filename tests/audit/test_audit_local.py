import multiprocessing

import pytest

from jpegtrace.audit.local import WORKER_DIED, run_local
from jpegtrace.audit.rows import Task
from jpegtrace.errors import UsageError
from support import audit_workers


@pytest.fixture
def tasks(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).write_bytes(name.encode())
        return [Task(str(tmp_path), name, str(tmp_path / name)) for name in names]

    return make


def run(tasks, work, processes):
    before = multiprocessing.active_children()  # of other tests
    rows = dict(run_local(tasks, work, processes=processes))
    assert [child for child in multiprocessing.active_children() if child not in before] == []
    return rows


def test_every_task_has_its_row(tasks):
    given = tasks(*(f"{n}" * (n + 1) for n in range(10)))
    rows = run(given, audit_workers.plain, 2)
    assert {task.path: row.bytes for task, row in rows.items()} == {task.path: len(task.path) for task in given}
    assert {row.path for row in rows.values()} == {task.path for task in given}


def test_nothing_to_do_starts_nothing():
    assert list(run_local([], audit_workers.plain, processes=4)) == []


def test_a_worker_that_dies_takes_nothing_with_it(tasks):
    given = tasks("a", "deadly", "b", "deadly-once", "c", "d")
    rows = run(given, audit_workers.deadly, 2)
    assert {task.path: row.status for task, row in rows.items()} == dict.fromkeys("abcd", "ok") | {
        "deadly": "failed",
        "deadly-once": "ok",
    }
    assert rows[given[1]].error_kind == WORKER_DIED
    assert "once more when it was alone" in rows[given[1]].error


def test_the_analyses_of_a_worker_run_in_one_thread(tasks):
    given = tasks("a")
    assert run(given, audit_workers.threads, 3)[given[0]].alarms == 1


def test_stopping_early_ends_the_workers(tasks):
    before = multiprocessing.active_children()
    rows = run_local(tasks(*"abcdefgh"), audit_workers.plain, processes=1)
    next(rows)
    rows.close()
    assert [child for child in multiprocessing.active_children() if child not in before] == []


def test_workers_that_cannot_begin_are_no_fault_of_a_picture(tasks, monkeypatch):
    monkeypatch.setattr("jpegtrace.audit.local._serve", print)  # ends at once
    with pytest.raises(UsageError, match="before it had begun"):
        run(tasks("a"), audit_workers.plain, 1)


def test_processes_that_cannot_be_started_are_told(tasks, monkeypatch):
    def refuse(self):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refuse)
    with pytest.raises(UsageError, match=r"cannot start another process \(Resource"):
        run(tasks("a"), audit_workers.plain, 1)
