"""Rows made by Ray Data: on the cores of this machine, or on those of a cluster.

Two stages: tasks that read files and ship their bytes, and a pool of actors that keep the engine warm and make rows of
them. When an actor dies, Ray starts another and gives it the same pictures; to keep one deadly picture from going
round for ever, every actor writes down which picture it begins. One that killed twice gets a row that says so.

Nothing here is loaded before an audit asks for Ray.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from jpegtrace import __version__
from jpegtrace._workers import cores
from jpegtrace.analyses import limit_threads
from jpegtrace.audit.files import Candidate, fetch, is_url
from jpegtrace.audit.local import WORKER_DIED
from jpegtrace.audit.parts import LEFT_OUT, part_schema
from jpegtrace.audit.rows import Row, Task
from jpegtrace.audit.tables import to_arrow
from jpegtrace.audit.work import row_of_bytes, row_of_unread, size_of
from jpegtrace.errors import MissingExtra, UsageError
from jpegtrace.limits import Limits

Work = Callable[[Task, bytes, Limits], Row]

LOCAL = "local"
MOST_IN_BLOCK = 16  # pictures that travel together, and that a killed actor may have to make again
BLOCKS_EACH = 4  # that every actor should get at least, so that all end at about the same time
STARTS = 3  # tries to start Ray on this machine: it gives up after 30 seconds, which are too few where much else runs
DEATHS = 2  # from so many on, a picture is not tried again
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # Ray's own talk would stand among ours
}


def check_ray() -> None:
    """Make sure that Ray Data is installed.

    Raises:
        MissingExtra: it is not.
    """
    if any(find_spec(name) is None for name in ("ray", "pandas", "fsspec")):
        raise MissingExtra("ray", "an audit on Ray")


def check_reachable(arguments: Sequence[str]) -> None:
    """Make sure that other processes can read what was named.

    Raises:
        UsageError: they cannot.
    """
    for name in arguments:
        if is_url(name) and name.partition("://")[0] == "memory":
            raise UsageError(f"{name} lies in the memory of this process, which workers cannot read")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Ray, connected.

    Attributes:
        workers: how many actors make rows.
    """

    workers: int

    def rows(
        self, candidates: Sequence[Candidate], limits: Limits, work: Work = row_of_bytes
    ) -> Generator[Any, None, None]:
        """The rows of some files as Arrow tables of the form `part_schema`, as they are ready.

        Args:
            candidates: the files.
            limits: bounds on each picture.
            work: makes a row of a picture; importable by its name, as it goes to other processes.

        Raises:
            UsageError: Ray gave up.
        """
        import ray
        from ray.data import ActorPoolStrategy, TaskPoolStrategy

        if not candidates:
            return
        each = max(1, min(MOST_IN_BLOCK, len(candidates) // (self.workers * BLOCKS_EACH)))
        blocks = [_block(candidates[k : k + each]) for k in range(0, len(candidates), each)]
        workers = min(self.workers, len(blocks))
        ledger = ray.remote(num_cpus=0)(Ledger).remote()
        try:
            with _quiet():
                found = ray.data.from_arrow(blocks)
                found = found.map_batches(
                    _read, batch_size=None, batch_format="pyarrow", fn_kwargs={"limits": limits},
                    num_cpus=0, compute=TaskPoolStrategy(max(1, workers // 2)),  # actors have all cores
                )  # fmt: skip
                found = found.map_batches(
                    Engine, batch_size=None, batch_format="pyarrow",
                    fn_constructor_args=(ledger, limits, work, __version__),
                    num_cpus=1, compute=ActorPoolStrategy(size=workers),
                )  # fmt: skip
                tables = iter(found.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
            yield from tables
        except ray.exceptions.RayError as error:
            raise UsageError(f"Ray gave up: {_reason(error)}") from error
        finally:
            ray.kill(ledger)


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[Cluster]:
    """Ray on this machine, or the cluster at an address; what was started here ends here.

    Args:
        address: of a cluster; by default RAY_ADDRESS, or Ray is started on this machine.
        workers: how many pictures to ask at once; by default one for each core.

    Raises:
        MissingExtra: Ray Data is not installed.
        UsageError: there is no cluster at this address, or Ray cannot be started.
    """
    check_ray()
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    ours = False
    try:
        with _quiet():
            import ray
            import ray.data

            if not ray.is_initialized():
                _connect(address or os.environ.get("RAY_ADDRESS") or LOCAL, workers)
                ours = True
            _hush()
        there = int(ray.cluster_resources().get("CPU", 0))
        if workers is None and there < 1:
            raise UsageError("the Ray cluster has no core; start Ray on its machines, or say how many with --processes")
        yield Cluster(workers or there)
    finally:
        if ours:
            import ray

            ray.shutdown()
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)


def _connect(address: str, workers: int | None) -> None:
    import ray

    here: dict[str, Any] = {}
    if address == LOCAL:
        here = {"num_cpus": workers or cores(), "include_dashboard": False}
    for tries_left in range(STARTS if here else 1)[::-1]:
        try:
            with _stderr_shut():
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **here)
            return
        except Exception as error:  # a busy machine gives a plain `Exception`
            _end_what_began(error)
            if not tries_left:
                what = "cannot start Ray on this machine" if here else f"cannot reach Ray at {address}"
                raise UsageError(f"{what}: {_reason(error)}") from error


def _end_what_began(error: BaseException) -> None:
    """End the processes of a Ray that did not start in time; only the frames of its error still know them."""
    import ray

    trace = error.__traceback__
    while trace is not None:
        node = trace.tb_frame.f_locals.get("self")
        if node is not None and hasattr(node, "kill_all_processes"):
            node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        trace = trace.tb_next
    ray.shutdown()


class Ledger:
    """Which picture each block is at, kept outside the workers, so that it is known of which one a worker died."""

    def __init__(self) -> None:
        self._at: dict[str, str] = {}
        self._deaths: dict[str, dict[str, int]] = {}

    def open(self, block: str) -> dict[str, int]:
        """Begin a block; says which of its pictures killed their worker how often when it was begun before."""
        deaths = self._deaths.setdefault(block, {})
        last = self._at.pop(block, None)
        if last is not None:
            deaths[last] = deaths.get(last, 0) + 1
        return deaths

    def begin(self, block: str, picture: str) -> None:
        """Note which picture comes next."""
        self._at[block] = picture

    def close(self, block: str) -> None:
        """Forget a block that is done."""
        self._at.pop(block, None)
        self._deaths.pop(block, None)


class Engine:
    """What an actor of the pool does: rows for the bytes of pictures."""

    def __init__(self, ledger: Any, limits: Limits, work: Work, version: str) -> None:
        if version != __version__:
            raise RuntimeError(f"a worker has jpegtrace {__version__}, and who asks has {version}")
        limit_threads(1)  # one picture a core; its analyses need no more
        self._ledger, self._limits, self._work = ledger, limits, work

    def __call__(self, batch: Any) -> Any:
        """The rows of a block that `_read` made."""
        import ray

        names = [f"{item['root']}\0{item['path']}" for item in batch.select(["root", "path"]).to_pylist()]
        block = names[0]
        deaths = ray.get(self._ledger.open.remote(block))
        rows = []
        for k, name in enumerate(names):
            picture = {column: batch.column(column)[k].as_py() for column in batch.column_names}
            ray.get(self._ledger.begin.remote(block, name))
            rows.append(self._row(picture, deaths.get(name, 0)))
        self._ledger.close.remote(block)
        return _with_stamps(rows, batch.column("stamp"))

    def _row(self, picture: dict[str, Any], deaths: int) -> Row:
        if picture["row"] is not None:
            return Row.from_dict(json.loads(picture["row"]))
        task = Task(picture["root"], picture["path"], os.fsdecode(picture["file"]))
        if deaths >= DEATHS:
            return Row.failed(task, WORKER_DIED, "the process that read it died, and once more when it was tried again")
        return self._work(task, picture["data"], self._limits)


def _read(batch: Any, limits: Limits) -> Iterator[Any]:
    """Files with their bytes, or with their row where there is nothing more to look at."""
    import pyarrow as pa

    form = _listing_schema().append(pa.field("data", pa.large_binary())).append(pa.field("row", pa.string()))
    for item in batch.to_pylist():
        task = Task(item["root"], item["path"], os.fsdecode(item["file"]))
        data, row = None, None
        try:
            data = fetch(Candidate(task, item["named"], item["size"], item["stamp"]), limits)
            if data is None:
                row = Row(task.root, task.path, LEFT_OUT)
        except Exception as error:  # one file must not stop the others, whatever its store raises
            size = item["size"] or None  # of a link that leads nowhere, a listing says 0
            row = row_of_unread(task, error, size if is_url(task.file) else size_of(task))
        told = None if row is None else json.dumps(row.to_dict())
        yield pa.Table.from_pylist([{**item, "data": data, "row": told}], form)


def _listing_schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("root", pa.string()), ("path", pa.string()), ("file", pa.binary()), ("named", pa.bool_()),
            ("size", pa.int64()), ("stamp", pa.string()),
        ]
    )  # fmt: skip


def _block(candidates: Sequence[Candidate]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(
        [
            {
                "root": c.task.root, "path": c.task.path, "file": os.fsencode(c.task.file), "named": c.named,
                "size": c.size, "stamp": c.stamp,
            }
            for c in candidates
        ],
        _listing_schema(),
    )  # fmt: skip


def _with_stamps(rows: Sequence[Row], stamps: Any) -> Any:
    import pyarrow as pa

    table = to_arrow(rows)
    return pa.Table.from_arrays([*table.columns, stamps], schema=part_schema())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that Ray's modules give each other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"ray\.")
        warnings.filterwarnings("ignore", message=".*(Ray|ray)", category=DeprecationWarning)
        yield


@contextmanager
def _stderr_shut() -> Iterator[None]:
    """Without what native code writes to stderr, as Ray does to say that it will say nothing."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _hush() -> None:
    """Keep Ray off our stdout and stderr: what it has to say stands in its own log files."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL + 1)
    worker = sys.modules.get("ray._private.worker")
    if worker is not None:  # messages of the cluster are printed to stdout unless this is off; there is no other switch
        worker.__dict__["_worker_logs_enabled"] = False


def _reason(error: BaseException) -> str:
    """The last line that says something: Ray's errors quote whole tracebacks."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
