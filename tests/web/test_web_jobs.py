"""The store: what is remembered, for how long, and how much of it."""

import numpy as np
import pytest

from jpegtrace.findings import Map
from jpegtrace.limits import DEFAULT_LIMITS
from jpegtrace.report import Failure
from jpegtrace.report.figures import figures_of
from jpegtrace.web.errors import Busy, UnknownJob
from jpegtrace.web.jobs import JobStore, State
from jpegtrace.web.messages import Examined, Mapped, Missing, Refused, Step, Task
from jpegtrace.web.settings import Settings


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return JobStore(Settings(keep_minutes=2, keep_results=3, keep_bytes=10_000, held_bytes=1000, waiting=2), clock)


def added(store, size=10):
    store.hold(size)
    return store.add(Task("a.png", bytes(size), DEFAULT_LIMITS, everywhere=False))


def examined(size=100):
    return Examined({}, bytes(size), b"", None)


def done(store, size=100):
    added(store)
    job, _ = store.take(0)
    store.note(job, examined(size))
    store.end(job)
    return job


def test_first_in_first_out(store):
    first, second = added(store), added(store)
    assert (store.place(first), store.place(second)) == (1, 2)
    job, task = store.take(0)
    assert job is first
    assert (task.name, len(task.data)) == ("a.png", 10)
    assert (job.state, job.task, store.place(job), store.place(second)) == (State.RUNNING, None, None, 1)
    assert store.take(0)[0] is second
    assert store.take(0) is None


def test_what_a_worker_tells_is_written_down(store, clock):
    added(store)
    job, _ = store.take(0)
    store.note(job, Step(0.5, "Looking"))
    assert (job.share, job.doing) == (0.5, "Looking")
    store.note(job, examined())
    store.note(job, Missing("no map"))
    clock.now += 3
    assert store.seconds(job) == 3
    assert store.kept_for(job) is None
    store.end(job)
    clock.now += 20
    assert (job.state, job.share, job.doing, job.notes) == (State.DONE, 1.0, "", ["no map"])
    assert (store.seconds(job), store.kept_for(job)) == (3, 100)


def test_a_refused_picture_has_failed(store):
    added(store)
    job, _ = store.take(0)
    store.note(job, Refused(Failure("CorruptInput", "it is damaged", 7)))
    store.end(job)
    assert (job.state, job.error) == (State.FAILED, Failure("CorruptInput", "it is damaged", 7))


def test_a_worker_that_says_nothing_is_a_defect(store):
    added(store)
    job, _ = store.take(0)
    store.end(job)
    assert (job.state, job.error.kind) == (State.FAILED, "InternalError")


def test_a_failure_after_the_report_leaves_the_report(store):
    added(store)
    job, _ = store.take(0)
    store.note(job, examined())
    store.end(job, Failure("TimeLimit", "too long"))
    assert (job.state, job.error, job.notes) == (State.DONE, None, ["not all maps are there: too long"])


def test_results_are_forgotten_after_a_while(store, clock):
    first = done(store)
    clock.now += 60
    second = done(store)
    clock.now += 59
    assert store.get(first.id) is first
    clock.now += 1
    with pytest.raises(UnknownJob, match="forgotten 2 minutes after"):
        store.get(first.id)
    assert first.examined is None
    assert store.get(second.id) is second
    assert store.counts()["remembered"] == 1


def test_the_oldest_go_first_when_there_are_many(store):
    jobs = [done(store) for _ in range(5)]
    assert store.counts()["remembered"] == 3
    assert [job.forgotten for job in jobs] == [True, True, False, False, False]


def test_results_are_bounded_in_bytes(store):
    jobs = [done(store, 4000) for _ in range(3)]
    assert [job.forgotten for job in jobs] == [True, False, False]
    assert store.counts()["kept_bytes"] == 8000
    huge = done(store, 50_000)
    assert not huge.forgotten  # somebody waits for it
    assert [job.forgotten for job in jobs] == [True, True, True]
    done(store)
    assert huge.forgotten


def test_maps_count_among_the_bytes(store):
    added(store)
    job, _ = store.take(0)
    store.note(job, examined())
    m = Map("a", np.zeros((10, 10), np.float32), (8, 8))
    store.note(job, Mapped("regions", "Parts", m, _figure(m)))
    assert job.kept_bytes > 100 + 400
    assert list(job.maps) == [("regions", "a")]


def _figure(m):
    from jpegtrace.findings import Finding, Provenance, Status
    from jpegtrace.report import InputFacts, Report

    finding = Finding("regions", 1, Status.OK, "Parts.", Provenance("0" * 64, "0"), maps=(m,))
    return figures_of(finding, Report(InputFacts("a.png", width=80, height=80)))[0]


def test_what_waits_is_bounded(store):
    added(store)
    added(store)
    store.hold(10)
    with pytest.raises(Busy, match="2 pictures are waiting already"):
        store.add(Task("c.png", bytes(10), DEFAULT_LIMITS, everywhere=False))


def test_bytes_that_are_held_are_bounded(store):
    store.hold(600)
    with pytest.raises(Busy, match="too many uploads"):
        store.hold(500)
    store.let_go(600)
    store.hold(1000)


def test_bytes_are_let_go_when_a_worker_takes_them_or_nobody_wants_them(store):
    added(store, 300)
    second = added(store, 400)
    assert store.counts()["held_bytes"] == 700
    store.take(0)
    assert store.counts()["held_bytes"] == 400
    store.forget(second.id)
    assert store.counts() == {"waiting": 0, "running": 1, "remembered": 0, "held_bytes": 0, "kept_bytes": 0}


def test_a_forgotten_job_hears_nothing_any_more(store):
    added(store)
    job, _ = store.take(0)
    store.forget(job.id)
    store.note(job, examined())
    store.end(job)
    assert job.examined is None
    assert store.counts()["remembered"] == 0
    with pytest.raises(UnknownJob):
        store.forget(job.id)


def test_all_that_waits_can_fail_at_once(store):
    jobs = [added(store), added(store)]
    store.fail_all_waiting(Failure("EngineFailed", "it does not start"))
    assert {job.state for job in jobs} == {State.FAILED}
    assert store.counts()["held_bytes"] == 0


def test_ids_cannot_be_guessed(store):
    ids = {added(store).id, added(store).id}
    assert len(ids) == 2
    assert all(len(name) == 22 for name in ids)
