"""The pictures that wait, are examined or have been: in memory only, bounded, and forgotten after a while."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from jpegtrace.report import Failure
from jpegtrace.web.errors import Busy, UnknownJob
from jpegtrace.web.messages import Examined, Mapped, Message, Missing, Refused, Step, Task
from jpegtrace.web.settings import Settings


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"  # its report may be there already, and maps follow
    DONE = "done"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self in (State.DONE, State.FAILED)


@dataclass(slots=True, eq=False)
class Job:
    """One picture and what is known about it.

    Attributes:
        id: nobody can guess it; whoever has it may read and forget the job.
        task: the picture; given away when a worker takes it.
        share, doing: how far it is.
        error: why there is no report.
        notes: what is missing beside the report, and why.
        examined: the report.
        maps: by analysis and name.
        begun, ended: on the store's clock.
        forgotten: nobody wants it any more.
    """

    id: str
    name: str
    size: int
    task: Task | None
    state: State = State.QUEUED
    share: float = 0.0
    doing: str = ""
    error: Failure | None = None
    notes: list[str] = field(default_factory=list)
    examined: Examined | None = None
    maps: dict[tuple[str, str], Mapped] = field(default_factory=dict)
    begun: float | None = None
    ended: float | None = None
    forgotten: bool = False

    @property
    def kept_bytes(self) -> int:
        """Bytes of its result, about."""
        found = self.examined
        report = 0 if found is None else len(found.json) + len(found.html) + len(found.preview or b"")
        return report + sum(m.size for m in self.maps.values())


class JobStore:
    """All jobs; safe to use from any thread.

    Args:
        settings: bounds on what is held and kept.
        clock: seconds that only go forward.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._over: deque[Job] = deque()  # in the order in which they ended
        self._kept = 0
        self._held = 0

    def hold(self, size: int) -> None:
        """Count bytes of an upload that arrives.

        Raises:
            Busy: there would be too many.
        """
        with self._changed:
            if self._held + size > self._settings.held_bytes:
                raise Busy("too many uploads arrive or wait at the moment; try again in a while")
            self._held += size

    def let_go(self, size: int) -> None:
        """Bytes that were counted are there no more."""
        with self._changed:
            self._held -= size

    def add(self, task: Task) -> Job:
        """A new job at the end of the queue; its bytes were counted before, and the store lets go of them.

        Raises:
            Busy: too many are waiting.
        """
        with self._changed:
            if len(self._queue) >= self._settings.waiting:
                raise Busy(f"{len(self._queue)} pictures are waiting already; try again in a while")
            job = Job(secrets.token_urlsafe(16), task.name, len(task.data), task)
            self._jobs[job.id] = job
            self._queue.append(job)
            self._changed.notify()
        return job

    def get(self, id: str) -> Job:  # noqa: A002 - its name everywhere else
        """The job with this id.

        Raises:
            UnknownJob: there is none, or none any more.
        """
        with self._changed:
            self._sweep()
            if id not in self._jobs:
                raise UnknownJob(
                    "there is no such job; results are forgotten"
                    f" {self._settings.keep_minutes:g} minutes after they were made, or earlier where there are many"
                )
            return self._jobs[id]

    def forget(self, id: str) -> None:  # noqa: A002
        """Forget a job, its picture and its result at once; whoever works on it is stopped.

        Raises:
            UnknownJob: there is none.
        """
        job = self.get(id)
        with self._changed:
            self._drop(job)

    def take(self, timeout: float) -> tuple[Job, Task] | None:
        """The next job and its picture, for a worker; None where there is none within `timeout` seconds."""
        with self._changed:
            self._sweep()
            if not self._queue:
                self._changed.wait(timeout)
            if not self._queue:
                return None
            job = self._queue.popleft()
            task, job.task = job.task, None
            assert task is not None  # noqa: S101 - a job in the queue has its picture
            self._held -= job.size
            job.state, job.begun = State.RUNNING, self._clock()
            return job, task

    def note(self, job: Job, message: Message) -> None:
        """Write down what a worker tells about a job."""
        with self._changed:
            if job.forgotten:
                return
            match message:
                case Step(share, doing):
                    job.share, job.doing = share, doing
                case Examined():
                    job.examined = message
                case Mapped():
                    job.maps[message.analysis, message.map.name] = message
                case Missing(why):
                    job.notes.append(why)
                case Refused(failure):
                    job.error = failure

    def end(self, job: Job, failure: Failure | None = None) -> None:
        """Nothing more comes about a job; without a report it has failed, with one some maps may be missing."""
        with self._changed:
            if job.forgotten or job.state.over:
                return
            if failure is not None and job.examined is not None:
                job.notes.append(f"not all maps are there: {failure.message}")
            elif failure is not None:
                job.error = failure
            elif job.examined is None and job.error is None:
                job.error = Failure("InternalError", "the worker ended without an answer; please report it")
            job.state = State.DONE if job.examined is not None else State.FAILED
            job.share, job.doing, job.ended = 1.0, "", self._clock()
            self._over.append(job)
            self._kept += job.kept_bytes
            self._sweep()

    def fail_all_waiting(self, failure: Failure) -> None:
        """No worker will ever take what waits."""
        with self._changed:
            waiting = list(self._queue)
            self._queue.clear()
            for job in waiting:
                job.task = None
                self._held -= job.size
        for job in waiting:
            self.end(job, failure)

    def place(self, job: Job) -> int | None:
        """How many are before it and itself; None for a job that does not wait."""
        with self._changed:
            return self._queue.index(job) + 1 if job.state is State.QUEUED and job in self._queue else None

    def seconds(self, job: Job) -> float | None:
        """How long it was or has been worked on."""
        if job.begun is None:
            return None
        return (self._clock() if job.ended is None else job.ended) - job.begun

    def kept_for(self, job: Job) -> float | None:
        """Seconds until it is forgotten; None while it is not over."""
        if job.ended is None:
            return None
        return max(0.0, job.ended + 60 * self._settings.keep_minutes - self._clock())

    def counts(self) -> dict[str, int]:
        """How many jobs wait, are worked on and are remembered, and the bytes of uploads and results."""
        with self._changed:
            self._sweep()
            return {
                "waiting": len(self._queue),
                "running": sum(job.state is State.RUNNING for job in self._jobs.values()),
                "remembered": len(self._over),
                "held_bytes": self._held,
                "kept_bytes": self._kept,
            }

    def _sweep(self) -> None:
        kept, now = self._settings, self._clock()
        while self._over and (
            now - (self._over[0].ended or now) >= 60 * kept.keep_minutes
            or len(self._over) > kept.keep_results
            or (self._kept > kept.keep_bytes and len(self._over) > 1)  # the latest is always there to be read
        ):
            self._drop(self._over[0])

    def _drop(self, job: Job) -> None:
        if self._jobs.pop(job.id, None) is None:
            return
        job.forgotten = True
        if job in self._queue:
            self._queue.remove(job)
            self._held -= job.size
        if job in self._over:
            self._over.remove(job)
            self._kept -= job.kept_bytes
        job.task = job.examined = None
        job.maps.clear()
