"""Files of folders and of object stores: which there are, and their bytes.

What `pictures` does for one machine, without opening a single file: whether it is a picture is seen by the worker that
reads it. So a listing is as long as a dataset and never in memory as a whole. Addresses like ``s3://bucket/folder`` are
read through fsspec, whose drivers are packages of their own.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jpegtrace.audit.rows import Task, printable
from jpegtrace.errors import InputError, MissingExtra, UnreadableInput, UsageError
from jpegtrace.inspection import SNIFFED, begins_like_picture, is_called_picture, is_picture, walk
from jpegtrace.limits import Limits
from jpegtrace.picture import read_source

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_GLOB = re.compile(r"[*?\[]")
# Where the drivers of fsspec say that a file changed, the surest first.
_CHANGES = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be a picture.

    Attributes:
        task: what to ask if it is one; its file is an absolute path or an address.
        named: whether it was named itself, so that it has a row whatever it is.
        size: in bytes, where the listing tells.
        stamp: another one says that the file changed; None where even its size cannot be had.
    """

    task: Task
    named: bool
    size: int | None
    stamp: str | None


def is_url(name: str) -> bool:
    """Whether something is named by an address of fsspec."""
    return _URL.match(name) is not None


def candidates(arguments: Iterable[str | os.PathLike[str]]) -> Iterator[Candidate]:
    """The files in folders, each once, in a stable order; a file that is named itself stands in its folder.

    Raises:
        UsageError: a folder or file that does not exist, a glob that matches nothing, or a store that cannot be asked.
    """
    folders: list[str] = []
    singles: set[str] = set()
    names = [os.fspath(argument) for argument in arguments]
    # All of them are found before the first is listed: what is wrong is said at once.
    for folder, found in [_in_store(name) if is_url(name) else _on_disk(name) for name in names]:
        for candidate in found:
            file = candidate.task.file
            if file in singles:
                continue
            if any(_lists(other, file) for other in folders) and (not candidate.named or _is_picture(candidate)):
                continue
            if candidate.named:
                singles.add(file)
            yield candidate
        if folder is not None:
            folders.append(folder)


def fetch(candidate: Candidate, limits: Limits) -> bytes | None:
    """The bytes of a file; None where it is no picture and nobody named it.

    Raises:
        InputError: it cannot be read.
    """
    file = candidate.task.file
    wanted = candidate.named or is_called_picture(candidate.task.path)
    if is_url(file):
        data = _read_store(file, candidate.size, limits)
        return data if wanted or begins_like_picture(data[:SNIFFED]) else None
    return read_source(file, limits) if wanted or is_picture(Path(file)) else None


def _is_picture(candidate: Candidate) -> bool:
    """Whether a file has a row although nobody named it."""
    file = candidate.task.file
    if is_called_picture(candidate.task.path):
        return True
    if not is_url(file):
        return is_picture(Path(file))
    store, path = _store(file)
    try:
        return begins_like_picture(bytes(store.cat_file(path, 0, SNIFFED)))
    except Exception:  # told when it is read
        return True


def _lists(folder: str, file: str) -> bool:
    """Whether a file has been found below a folder; hidden ones have not."""
    return file.startswith(folder) and not any(part.startswith(".") for part in file[len(folder) :].split("/"))


def _on_disk(name: str) -> tuple[str | None, Iterator[Candidate]]:
    path = Path(name)
    if path.is_dir():
        found = (_disk_candidate(path, file.relative_to(path).as_posix(), file, named=False) for file in walk(path))
        return f"{path.absolute()}/", found
    if path.exists():
        return None, iter([_disk_candidate(path.parent, path.name, path, named=True)])
    if not _GLOB.search(name):
        raise UsageError(f"there is no file or folder {name!r}")
    matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]  # noqa: PTH207 - may be absolute
    if not matches:
        raise UsageError(f"nothing matches {name!r}")
    files = (match for match in matches if not match.is_dir())
    return None, (_disk_candidate(file.parent, file.name, file, named=True) for file in files)


def _disk_candidate(root: Path, path: str, file: Path, *, named: bool) -> Candidate:
    size = stamp = None
    try:
        found = file.stat()
        size, stamp = found.st_size, f"{found.st_size} {found.st_mtime_ns}"
    except (OSError, ValueError):
        pass  # whoever reads it will say so
    return Candidate(Task(printable(str(root)), printable(path), str(file.absolute())), named, size, stamp)


def _in_store(url: str) -> tuple[str | None, Iterator[Candidate]]:
    store, path = _store(url)
    try:
        if store.isdir(path):
            root = url.rstrip("/") if path.strip("/") else url
            return store.unstrip_protocol(path).rstrip("/") + "/", _below(store, root, path)
        if store.exists(path):
            info = store.info(path)
            return None, iter([_store_candidate(store, _parent(store, info["name"]), info, named=True)])
        matches = store.glob(path, detail=True) if _GLOB.search(path) else None
    except Exception as error:  # what a driver raises is its own affair
        raise UsageError(f"cannot list {url}: {_what(error)}") from error
    if matches is None:
        raise UsageError(f"there is no file or folder {url!r}")
    if not matches:
        raise UsageError(f"nothing matches {url!r}")
    named = [matches[name] for name in sorted(matches) if matches[name]["type"] != "directory"]
    if "/." not in path:  # as a shell, `*` does not mean hidden files
        named = [info for info in named if "/." not in str(info["name"])]
    return None, (_store_candidate(store, _parent(store, info["name"]), info, named=True) for info in named)


def _parent(store: Any, name: str) -> str:
    return str(store.unstrip_protocol(name)).rpartition("/")[0]


def _below(store: Any, root: str, top: str) -> Iterator[Candidate]:
    """Files below a folder of a store, but for hidden ones; a folder that cannot be listed stands for itself."""
    waiting: list[Mapping[str, Any]] = [{"name": top, "type": "directory"}]
    while waiting:
        info = waiting.pop()
        name = str(info["name"]).rstrip("/")
        below = name[len(top.rstrip("/")) :].strip("/")
        if info["type"] != "directory":
            yield _store_candidate(store, root, info, named=False, path=below)
            continue
        try:
            inside = store.ls(info["name"], detail=True)
        except Exception:  # told when it is read
            yield _store_candidate(store, root, info, named=True, path=below)
            continue
        entries = [item for item in inside if str(item["name"]).rstrip("/") != name]
        entries.sort(key=lambda item: str(item["name"]), reverse=True)
        waiting.extend(item for item in entries if not str(item["name"]).rstrip("/").rpartition("/")[2].startswith("."))


def _store_candidate(
    store: Any, root: str, info: Mapping[str, Any], *, named: bool, path: str | None = None
) -> Candidate:
    name = str(info["name"])
    size = info.get("size") if info["type"] != "directory" else None
    changed = next((info[key] for key in _CHANGES if info.get(key) is not None), None)
    if isinstance(changed, datetime):  # as some drivers say it in one listing and not in the other
        changed = changed.timestamp()
    below = name.rpartition("/")[2] if path is None else path
    task = Task(printable(root), printable(below), str(store.unstrip_protocol(name)))
    return Candidate(task, named, size if isinstance(size, int) else None, f"{size} {changed}")


def _read_store(url: str, size: int | None, limits: Limits) -> bytes:
    if size is not None:
        limits.check("bytes", size)
    try:
        store, path = _store(url)
        if size is not None:
            return bytes(store.cat_file(path))  # one request
        with store.open(path, "rb") as file:
            return read_source(file, limits)
    except InputError:
        raise
    except Exception as error:  # what a driver raises is its own affair
        raise UnreadableInput(_what(error)) from error


def _store(url: str) -> tuple[Any, str]:
    """The file system of an address, and its path there.

    Raises:
        MissingExtra: fsspec is not installed.
        UsageError: nobody knows this kind of address, or its driver is not installed.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtra("ray", f"reading {url}") from None
    try:
        store, path = url_to_fs(url)
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None)
        if missing is None:
            raise UsageError(f"cannot read {url}: {error}") from error
        raise UsageError(f"reading {url} needs the package {missing}: pip install {missing}") from error
    except Exception as error:  # an unknown protocol, credentials, an address that does not parse
        raise UsageError(f"cannot read {url}: {_what(error)}") from error
    return store, path


def _what(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "No such file or directory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
