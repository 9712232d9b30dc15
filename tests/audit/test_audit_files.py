import sys

import pytest

from checks.pictures import as_file, scene
from jpegtrace.audit import audit, on_ray
from jpegtrace.audit.files import candidates, fetch
from jpegtrace.audit.pictures import find_pictures
from jpegtrace.errors import LimitExceeded, MissingExtra, UnreadableInput, UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits

PNG = as_file(scene(1, 14, 22), "PNG")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Pictures, what is only called one, what is not, and what is hidden."""
    (tmp_path / "set" / "deep").mkdir(parents=True)
    for name in ("b.png", "deep/a.dat", ".hidden.png"):
        (tmp_path / "set" / name).write_bytes(PNG)
    (tmp_path / "set" / "words.jpg").write_text("no picture")
    (tmp_path / "set" / "README.txt").write_text("words")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(folder):
    """The same in an object store of fsspec."""
    memory = pytest.importorskip("fsspec", reason="addresses need fsspec").filesystem("memory")
    memory.put(str(folder / "set"), "/bucket/set", recursive=True)
    yield memory
    memory.rm("/bucket", recursive=True)


def fetched(arguments):
    found = {c.task.path: fetch(c, DEFAULT_LIMITS) for c in candidates(arguments)}
    return {path for path, data in found.items() if data is not None}, len(found)


def test_files_called_pictures_have_rows_and_others_that_are_none_are_left_out(folder):
    result = audit(["set"], "a.parquet", processes=1)
    assert [(row.path, row.status, row.error_kind) for row in result.rows] == [
        ("b.png", "ok", None),
        ("deep/a.dat", "ok", None),
        ("words.jpg", "failed", "UnknownFormat"),
    ]
    assert result.skipped == 1


@pytest.mark.parametrize(
    "arguments", [["set"], ["set/b.png", "set"], ["set", "set/README.txt"], ["set/*"], ["set/README.txt"]]
)
def test_a_listing_has_the_pictures_of_the_local_engine(folder, arguments):
    tasks = {(task.root, task.path): task.file for task in find_pictures(arguments).tasks}
    found = [c for c in candidates(arguments) if fetch(c, DEFAULT_LIMITS) is not None]
    assert {(c.task.root, c.task.path) for c in found} == set(tasks)
    assert all(c.task.file == str(folder / tasks[c.task.root, c.task.path]) for c in found)


def test_a_file_in_two_arguments_is_one(folder):
    assert len(list(candidates(["set/deep", "set", "set/b.png", "set/b*"]))) == 4


def test_a_hidden_file_that_is_named_is_there(folder):
    assert [c.task.path for c in candidates(["set", "set/.hidden.png"])][-1] == ".hidden.png"


def test_a_store_is_listed_and_read_like_a_folder(folder, store):
    assert fetched(["memory://bucket/set"]) == fetched(["set"]) == ({"b.png", "deep/a.dat", "words.jpg"}, 4)
    one, *more = candidates(["memory://bucket/set/b.png", "memory://bucket/set/*.png"])
    assert (one.task.root, one.task.path, one.size, more) == ("memory:///bucket/set", "b.png", len(PNG), [])
    assert fetch(one, DEFAULT_LIMITS) == PNG
    (again,) = candidates(["memory://bucket/set/b.png"])
    assert again == one
    with store.open("/bucket/set/b.png", "wb") as file:
        file.write(PNG)
    (changed,) = candidates(["memory://bucket/set/b.png"])
    assert changed.stamp != one.stamp


def test_what_a_store_cannot_give_is_told(folder, store):
    (one,) = candidates(["memory://bucket/set/b.png"])
    with pytest.raises(LimitExceeded, match="bytes is limited to 5"):
        fetch(one, Limits(bytes=5))
    store.rm("/bucket/set/b.png")
    with pytest.raises(UnreadableInput, match="No such file or directory"):
        fetch(one, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nothing", "there is no file or folder 'nothing'"),
        ("set/*.gif", "nothing matches 'set/"),
        ("memory://bucket/nothing", "there is no file or folder 'memory:"),
        ("memory://bucket/set/*.gif", "nothing matches 'memory:"),
        ("nowhere://bucket/set", "cannot read nowhere://bucket/set: .*Protocol not known: nowhere"),
    ],
)
def test_what_is_not_there_is_told(folder, store, argument, message):
    with pytest.raises(UsageError, match=message):
        list(candidates([argument]))


def test_a_missing_driver_is_named(folder, store, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as if it were not installed
    with pytest.raises(UsageError, match="reading s3://bucket needs the package s3fs: pip install s3fs"):
        list(candidates(["s3://bucket"]))


def test_engines_that_are_not_there_are_told(folder, monkeypatch):
    with pytest.raises(UsageError, match="there is no engine 'spark'; there are: local, ray"):
        audit(["set"], "a.parquet", engine="spark")
    with pytest.raises(UsageError, match="it goes with --engine ray"):
        audit(["set"], "a.parquet", address="auto")
    with pytest.raises(UsageError, match="addresses like s3://bucket are read by --engine ray"):
        audit(["s3://bucket"], "a.parquet")
    monkeypatch.setattr(on_ray, "find_spec", lambda name: object())
    with pytest.raises(UsageError, match="there is no file or folder 'nothing'"):
        audit(["set", "nothing"], "a.parquet", engine="ray")
    (folder / "set" / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no picture in what was named"):
        audit(["set/empty"], "a.parquet", engine="ray")
    with pytest.raises(UsageError, match="in the memory of this process, which workers cannot read"):
        audit(["memory://bucket"], "a.parquet", engine="ray")
    monkeypatch.setattr(on_ray, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"an audit on Ray needs .*: pip install 'jpegtrace\[ray\]'"):
        audit(["set"], "a.parquet", engine="ray")
    assert sorted(path.name for path in folder.iterdir()) == ["set"]
