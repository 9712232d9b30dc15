"""`--engine ray`: the rows of the local engine, on Ray Data; nothing lost when workers die."""

import sys
from dataclasses import replace

import pytest

from checks.pictures import as_file, scene
from jpegtrace.audit import audit, on_ray, parts
from jpegtrace.audit.files import Candidate
from jpegtrace.audit.local import WORKER_DIED
from jpegtrace.audit.rows import Task
from jpegtrace.audit.tables import from_arrow
from jpegtrace.errors import UsageError
from jpegtrace.limits import DEFAULT_LIMITS
from support import audit_workers

for package in ("ray", "pandas", "fsspec"):
    pytest.importorskip(package, reason=f"an audit on Ray needs {package}: pip install 'jpegtrace[ray]'")

TABLES = ("csv", "html", "parquet")


@pytest.fixture(scope="module")
def ray_here():
    """Ray on this machine with two workers; every audit below finds it."""
    with on_ray.cluster("local", 2) as started:
        sys.modules["ray"].cloudpickle.register_pickle_by_value(audit_workers)  # workers cannot import the tests
        yield started


@pytest.fixture
def pictures(dataset, monkeypatch):
    """The data set of the other tests, with a text called .jpg and a file that cannot be followed."""
    (dataset / "set" / "cats" / "words.jpg").write_text("no picture")
    (dataset / "set" / "cats" / "gone.png").symlink_to("nowhere")
    monkeypatch.chdir(dataset)
    return dataset


def same_tables(folder, one, other):
    return [(folder / f"{one}.{kind}").read_bytes() == (folder / f"{other}.{kind}").read_bytes() for kind in TABLES]


def test_the_tables_are_those_of_the_local_engine_bit_for_bit(pictures, ray_here, capfd):
    local = audit(["set"], "local.parquet", label_from="folder", processes=2)
    told = []
    on = audit(["set"], "ray.parquet", label_from="folder", engine="ray", watch=lambda *now: told.append(now))
    assert same_tables(pictures, "local", "ray") == [True] * 3
    assert on.rows == local.rows
    assert (on.pictures, on.failed, on.skipped, on.resumed) == (15, 3, 1, 0)
    assert (told[0], told[-1]) == ((0, 16), (16, 16))
    assert [row.path for row in on.failures] == ["cats/gone.png", "cats/words.jpg", "dogs/empty.jpg"]

    # Pictures came and went: only the new one is read, and the one that could not be opened.
    (pictures / "set" / "dogs" / "00.png").unlink()
    (pictures / "set" / "dogs" / "new.jpg").write_bytes(as_file(scene(77, 14, 22)))
    again = audit(["set"], "ray.parquet", label_from="folder", engine="ray")
    assert again.resumed == 16 - 2
    assert again.skipped == 1
    audit(["set"], "local.parquet", label_from="folder", processes=2)
    assert same_tables(pictures, "local", "ray") == [True] * 3
    assert capfd.readouterr() == ("", "")  # what Ray has to say is not among what we say


def test_an_interrupted_audit_of_addresses_goes_on(pictures, ray_here, monkeypatch):
    monkeypatch.setattr(parts, "PART_SECONDS", 0)
    url = f"file://{pictures}/set"
    local = audit(["set"], "local.parquet", processes=2).rows

    def stop(done, total):
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit([url], "ray.parquet", engine="ray", watch=stop)
    kept = pictures / "ray.parquet.parts"
    assert not (pictures / "ray.parquet").exists()
    (kept / "part-00000099.tmp").write_bytes(b"torn when the driver was killed")
    before = sorted(kept.glob("part-*.parquet"))
    contents = [part.read_bytes() for part in before]
    on = audit([url], "ray.parquet", engine="ray")
    assert 3 <= on.resumed < 16
    assert on.rows == tuple(replace(row, root=url) for row in local)
    assert [part.read_bytes() for part in before] == contents
    assert not list(kept.glob("*.tmp"))


def test_workers_that_die_take_nothing_with_them(tmp_path, ray_here, monkeypatch):
    monkeypatch.setattr(on_ray, "BLOCKS_EACH", 1)  # so that a block holds several
    names = ["a.jpg", "deadly.jpg", "b.jpg", "deadly-once.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"]
    asked = []
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
        asked.append(Candidate(Task(str(tmp_path), name, str(tmp_path / name)), True, len(name), "1"))
    found = ray_here.rows(asked, DEFAULT_LIMITS, audit_workers.deadly_bytes)
    rows = {row.path: row for table in found for row in from_arrow(table)}
    assert {name: row.status for name, row in rows.items()} == dict.fromkeys(names, "ok") | {"deadly.jpg": "failed"}
    assert {name: rows[name].bytes for name in names if name != "deadly.jpg"} == {
        name: len(name) for name in names if name != "deadly.jpg"
    }
    assert rows["deadly.jpg"].error_kind == WORKER_DIED
    assert "died, and once more" in rows["deadly.jpg"].error


def test_a_cluster_that_is_not_there_is_told(monkeypatch):
    def refuse(**more):
        raise ConnectionError("log of many lines\n\nno GCS at 10.0.0.9:6379\n")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", refuse)
    monkeypatch.setattr("ray.shutdown", lambda: None)
    with (
        pytest.raises(UsageError, match=r"cannot reach Ray at 10\.0\.0\.9:6379: no GCS"),
        on_ray.cluster("10.0.0.9:6379", None),
    ):
        pass


def test_the_ledger_tells_who_killed_whom():
    ledger = on_ray.Ledger()
    assert ledger.open("block") == {}
    ledger.begin("block", "a")
    ledger.begin("block", "b")
    assert ledger.open("block") == {"b": 1}  # whoever had it died
    ledger.begin("block", "b")
    ledger.begin("other", "c")
    assert ledger.open("block") == {"b": 2}
    ledger.close("block")
    assert ledger.open("block") == {}
