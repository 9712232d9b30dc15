"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jpegtrace.errors import UsageError


@contextmanager
def replacing(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Names to write to; the files take the place of `paths` when all of them are written.

    Raises:
        UsageError: a file cannot be written.
    """
    drafts = [path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in paths]
    try:
        yield drafts
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
    except OSError as error:
        meant = {str(draft): path for draft, path in zip(drafts, paths, strict=True)}
        failed = meant.get(str(error.filename), error.filename or paths[0])
        raise UsageError(f"cannot write {failed}: {error.strerror or error}") from error
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
