"""Processes that work for this one: begun afresh, spoken to through a pipe, deaf to Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Concatenate, ParamSpec

from jpegtrace.errors import UsageError

P = ParamSpec("P")

_SPAWN = get_context("spawn")


def cores() -> int:
    """How many processes may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_process(
    serve: Callable[Concatenate[Connection, P], None], /, *arguments: P.args, **named: P.kwargs
) -> tuple[SpawnProcess, Connection]:
    """Run ``serve(pipe, ...)`` in a process of its own; gives the process and our end of its pipe.

    Args:
        serve: importable by its name, as it goes to another process.
        *arguments: what else it takes.
        **named: the same.

    Raises:
        UsageError: no further process can be started.
    """
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=serve, args=(theirs, *arguments), kwargs=named, daemon=True)
    try:
        with theirs, _without_interrupt():
            process.start()
    except OSError as error:
        ours.close()
        raise UsageError(f"cannot start another process ({error.strerror}); ask for fewer") from error
    return process, ours


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Processes that begin here ignore Ctrl-C, from their first moment: the one who started them ends them."""
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
    elif hasattr(signal, "pthread_sigmask"):
        # Only the main thread may change what a signal does; what a thread does not hear its processes do not, either.
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    else:
        yield
