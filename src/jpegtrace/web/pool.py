"""Workers: processes that keep the engine warm, each watched by a thread that ends it when it must be ended.

A picture may take too long, take too much memory or kill its worker. Its job then fails with a sentence, another worker
takes the place, and the other jobs never notice.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from jpegtrace._workers import start_process
from jpegtrace.errors import UsageError
from jpegtrace.report import Failure
from jpegtrace.web.jobs import Job, JobStore
from jpegtrace.web.messages import Finished, Message, Ready, Refused, Reply, Task
from jpegtrace.web.settings import MIB, Settings

Work = Callable[[Task, Callable[[Message], None]], None]

LOOK_EVERY = 0.2  # seconds
STARTING_SECONDS = 900.0  # the very first start compiles all kernels
FAILED_STARTS = 3  # in a row, after which nothing waits any more


class Pool:
    """Takes jobs from a store and has them worked on.

    Args:
        store: where jobs come from and answers go to.
        settings: how many workers, and what one may cost.
        work: what a worker does with a picture; importable by its name, as it goes to other processes.
        warm: what a worker does before it is ready, the same way.
    """

    def __init__(
        self,
        store: JobStore,
        settings: Settings,
        work: Work | None = None,
        warm: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._tasks = (work or _examine, warm or _warm)
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # one after the other: the first compiles what the others then load
        self._lock = threading.Lock()
        self._workers: dict[int, _Worker] = {}
        self._failed_starts = 0
        self._threads = [threading.Thread(target=self._attend, name=f"worker {k}") for k in range(settings.workers)]

    def start(self) -> None:
        """Begin; workers are warm a few seconds later."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all workers, at once."""
        self._stopping.set()
        with self._lock:
            workers = list(self._workers.values())
        for worker in workers:
            worker.kill()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    @property
    def ready(self) -> int:
        """Workers that are warm."""
        with self._lock:
            return len(self._workers)

    def pids(self) -> list[int]:
        """Of the workers that are warm."""
        with self._lock:
            return list(self._workers)

    def _attend(self) -> None:
        """What the thread of one worker does."""
        worker: _Worker | None = None
        while not self._stopping.is_set():
            if worker is not None and not worker.process.is_alive():
                self._dismiss(worker)
                worker = None
            if worker is None:
                worker = self._hire()
                continue
            taken = self._store.take(1.0)
            if taken is not None and not self._see_through(worker, *taken):
                self._dismiss(worker)
                worker = None
        if worker is not None:
            self._dismiss(worker)

    def _hire(self) -> _Worker | None:
        """A worker that is warm; None where it did not become warm."""
        with self._starting:
            if self._stopping.is_set():
                return None
            worker, why = _Worker.start(*self._tasks, self._stopping)
        if worker is not None:
            self._failed_starts = 0
            with self._lock:
                self._workers[worker.pid] = worker
            return worker
        self._failed_starts += 1
        if self._failed_starts >= FAILED_STARTS:
            self._store.fail_all_waiting(
                Failure("EngineFailed", f"the engine does not start: {why}; `jpegtrace doctor` may tell more")
            )
        self._stopping.wait(min(2.0**self._failed_starts, 30.0))
        return None

    def _dismiss(self, worker: _Worker) -> None:
        with self._lock:
            self._workers.pop(worker.pid, None)
        worker.end()

    def _see_through(self, worker: _Worker, job: Job, task: Task) -> bool:
        """Have a job done; whether the worker can be kept."""
        deadline = time.monotonic() + self._settings.seconds
        try:
            worker.pipe.send(task)
            del task
            while True:
                if worker.pipe.poll(LOOK_EVERY):
                    reply: Reply = worker.pipe.recv()
                    if isinstance(reply, Finished):
                        self._store.end(job)
                        return worker.growth() <= self._settings.growth
                    if not isinstance(reply, Ready):
                        self._store.note(job, reply)
                if job.forgotten or self._stopping.is_set():
                    return False
                if (failure := self._too_much(worker, deadline)) is not None:
                    self._store.end(job, failure)
                    return False
        except (EOFError, OSError):
            self._store.end(
                job, Failure("WorkerDied", "the process that examined it died; this picture can be tried once more")
            )
            return False

    def _too_much(self, worker: _Worker, deadline: float) -> Failure | None:
        if time.monotonic() > deadline:
            return Failure(
                "TimeLimit",
                f"it took longer than {self._settings.seconds:g} seconds and was stopped; "
                "the server allows more with --seconds",
            )
        taken = worker.memory()
        if taken is not None and taken > self._settings.memory:
            return Failure(
                "MemoryLimit", f"it took more than {self._settings.memory // MIB:,} MiB of memory and was stopped"
            )
        return None


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    pid: int
    warm_memory: int = 0

    @classmethod
    def start(cls, work: Work, warm: Callable[[], None], stopping: threading.Event) -> tuple[_Worker | None, str]:
        """A worker that is warm; or None, and why."""
        try:
            process, pipe = start_process(serve, work, warm)
        except UsageError as error:
            return None, str(error)
        worker, why = cls(process, pipe, process.pid or 0), "it took too long"
        deadline = time.monotonic() + STARTING_SECONDS
        try:
            while time.monotonic() < deadline and not stopping.is_set():
                if pipe.poll(LOOK_EVERY):
                    reply: Reply = pipe.recv()
                    if isinstance(reply, Ready):
                        worker.warm_memory = worker.memory() or 0
                        return worker, ""
                    if isinstance(reply, Refused):
                        why = reply.failure.message
                        break
        except (EOFError, OSError):
            why = "its process died"
        worker.end()
        return None, why

    def memory(self) -> int | None:
        """Bytes that are resident; None where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError, ValueError):
            return None
        return pages * os.sysconf("SC_PAGE_SIZE")

    def growth(self) -> int:
        """Bytes that it has taken since it was warm; 0 where the system does not tell."""
        return (self.memory() or 0) - self.warm_memory

    def kill(self) -> None:
        """End the process; whoever waits for it will notice."""
        with suppress(ValueError):  # closed already
            self.process.kill()

    def end(self) -> None:
        """End the process and tidy up behind it."""
        self.pipe.close()
        self.process.kill()
        self.process.join()
        self.process.close()


def serve(pipe: Connection, work: Work, warm: Callable[[], None]) -> None:
    """What a worker does: pictures, until nobody asks any more."""
    from jpegtrace.analyses import limit_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_threads(1)  # one picture a core; its analyses need no more
    try:
        warm()
    except Exception as error:
        _send(pipe, Refused(Failure(type(error).__name__, str(error))))
        return
    more = _send(pipe, Ready())
    while more:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        _do(pipe, work, task)
        del task
        more = _send(pipe, Finished())


def _do(pipe: Connection, work: Work, task: Task) -> None:
    def tell(message: Message) -> None:
        _send(pipe, message)

    try:
        work(task, tell)
    except MemoryError:
        _send(pipe, Refused(Failure("OutOfMemory", "it needs more memory than this machine has")))
    except Exception as error:  # one picture must not take the worker with it
        what = f"internal error, please report it: {type(error).__name__}: {error}"
        _send(pipe, Refused(Failure("InternalError", what)))


def _send(pipe: Connection, reply: Reply) -> bool:
    """Whether anybody is there to hear it."""
    try:
        pipe.send(reply)
    except OSError:
        return False
    return True


def _examine(task: Task, tell: Callable[[Message], None]) -> None:
    from jpegtrace.web.examination import examine

    examine(task, tell)


def _warm() -> None:
    from jpegtrace.web.examination import examine, warming_task

    examine(warming_task(), lambda _: None)
