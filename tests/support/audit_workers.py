"""Work for the workers of an audit that other processes can import: cheap, slow on purpose, or deadly."""

import os
import signal
from pathlib import Path

from jpegtrace import analyses
from jpegtrace.audit.rows import Row


def plain(task):
    return Row(root=task.root, path=task.path, status="ok", bytes=Path(task.file).stat().st_size)


def deadly(task):
    """Dies of every file whose name says so; of one that says so with `once`, only the first time."""
    name = Path(task.file).name
    met = Path(task.file).with_suffix(".met")
    if name.startswith("deadly") and not ("once" in name and met.exists()):
        met.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(task)


def threads(task):
    """Tells in how many threads an analysis would run."""
    return Row(root=task.root, path=task.path, status="ok", alarms=analyses.threads())


def deadly_bytes(task, data, limits):
    """As `deadly`, of a file that somebody else has read."""
    assert data == Path(task.file).read_bytes()
    return deadly(task)
