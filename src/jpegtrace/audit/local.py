"""Rows made on all cores of this machine.

Workers are started and watched here rather than by `concurrent.futures`: when a process dies there, nobody can tell
which picture it had, and the work of all others is lost with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from jpegtrace._workers import start_process
from jpegtrace.analyses import limit_threads
from jpegtrace.audit.rows import Row, Task
from jpegtrace.errors import UsageError

Work = Callable[[Task], Row]
WORKER_DIED = "WorkerDied"


def run_local(tasks: Sequence[Task], work: Work, *, processes: int) -> Iterator[tuple[Task, Row]]:
    """Each task with its row, in the order in which they are ready.

    A picture whose worker dies is tried once more at the end, when nothing else runs; if that one dies, too, its row
    says so.

    Args:
        tasks: what to do.
        work: makes the row of a task; importable by its name, as it goes to other processes.
        processes: how many at once.

    Raises:
        UsageError: processes cannot be started.
    """
    suspects: list[Task] = []
    yield from _run(tasks, work, processes, suspects)
    lost: list[Task] = []
    yield from _run(suspects, work, 1, lost)
    for task in lost:
        yield task, Row.failed(task, WORKER_DIED, "the process that read it died, and once more when it was alone")


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    task: Task | None = None

    @classmethod
    def start(cls, work: Work) -> _Worker:
        return cls(*start_process(_serve, work))

    def give(self, task: Task) -> None:
        self.task = task
        with suppress(OSError):  # it died meanwhile; whoever receives from it will see
            self.pipe.send(task)

    def stop(self) -> None:
        """End the process: at once if it is at work, else as soon as it sees that nobody asks any more."""
        self.pipe.close()
        if self.task is not None or not self.ready:
            self.process.terminate()
        self.process.join()
        self.process.close()


def _run(tasks: Sequence[Task], work: Work, processes: int, died: list[Task]) -> Iterator[tuple[Task, Row]]:
    waiting = list(reversed(tasks))
    crew: dict[Connection, _Worker] = {}
    try:
        while waiting or crew:
            while len(crew) < processes and sum(not worker.ready for worker in crew.values()) < len(waiting):
                worker = _Worker.start(work)
                crew[worker.pipe] = worker
            for pipe in wait(list(crew)):
                worker = crew[pipe]  # type: ignore[index] # all that we wait for are connections
                done = worker.task
                try:
                    row = worker.pipe.recv()
                except (EOFError, OSError):
                    _note_death(crew, worker, died)
                    continue
                worker.ready, worker.task = True, None
                if waiting:
                    worker.give(waiting.pop())
                else:
                    del crew[worker.pipe]
                    worker.stop()
                if done is not None:
                    yield done, row
    finally:
        for worker in crew.values():
            worker.stop()


def _note_death(crew: dict[Connection, _Worker], worker: _Worker, died: list[Task]) -> None:
    del crew[worker.pipe]
    task, ready = worker.task, worker.ready
    worker.stop()
    if not ready or task is None:
        raise UsageError(
            "a worker process ended before it had begun; in a script, call audit() below: if __name__ == '__main__':"
        )
    died.append(task)


def _serve(pipe: Connection, work: Work) -> None:
    """What a worker does: rows for tasks, until nobody asks any more."""
    limit_threads(1)  # one picture a core; its analyses need no more
    message: Row | None = None
    while True:
        try:
            pipe.send(message)
            task = pipe.recv()
        except (EOFError, OSError):
            return
        message = work(task)
