import numpy as np
import pyarrow as pa
import pytest

from jpegtrace.audit import Row, parts
from jpegtrace.audit.journal import describe
from jpegtrace.audit.leakage import Sample, leakage_of
from jpegtrace.audit.parts import LEFT_OUT, Known, Parts, digest, digests, part_schema
from jpegtrace.audit.rows import Task
from jpegtrace.audit.tables import to_arrow
from jpegtrace.errors import UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits

HEADER = describe(["set"], DEFAULT_LIMITS)
ROWS = [Row("set", f"{n:03}.png", "ok", bytes=n) for n in range(6)]


def table_of(rows, stamp="1"):
    return pa.Table.from_arrays([*to_arrow(rows).columns, pa.array([stamp] * len(rows))], schema=part_schema())


def known(rows, stamp="1"):
    return Known(digests([digest(row.root, row.path, stamp) for row in rows]))


def rows_of(folder, listed):
    with Parts.open(folder, HEADER) as kept:
        return [row for stretch in kept.rows(listed) for row in stretch]


@pytest.fixture
def folder(tmp_path):
    """Two parts, the later names in the first."""
    path = tmp_path / "a.parquet.parts"
    with Parts.open(path, HEADER) as kept:
        assert len(kept.done) == 0
        for rows in (ROWS[3:], ROWS[:3]):
            kept.add(table_of(rows))
            kept.flush()
    return path


def test_rows_come_back_in_order(folder):
    assert rows_of(folder, known(ROWS)) == ROWS
    with Parts.open(folder, HEADER) as kept:
        asked = digests(
            [digest("set", name, stamp) for name, stamp in (("001.png", "1"), ("001.png", "2"), ("x", "1"))]
        )
        assert kept.done.has(asked).tolist() == [True, False, False]
    assert sorted(path.name for path in folder.iterdir()) == [
        "audit.json", "lock", "part-00000000.parquet", "part-00000001.parquet"
    ]  # fmt: skip


def test_rows_of_files_that_went_or_changed_are_passed_over(folder):
    again = Row("set", "004.png", "ok", bytes=99)
    with Parts.open(folder, HEADER) as kept:
        kept.add(table_of([again], "2"))
        kept.add(table_of([Row("set", "notes.txt", LEFT_OUT)], "2"))
    listed = Known(
        digests(
            [digest("set", f"{n:03}.png", "1") for n in (0, 1)]
            + [digest("set", name, "2") for name in ("004.png", "notes.txt")]
        )
    )
    assert rows_of(folder, listed) == [*ROWS[:2], again]
    with Parts.open(folder, HEADER) as kept:
        assert kept.left_out(listed) == 1
        assert kept.left_out(known(ROWS)) == 0


def test_the_last_row_of_a_picture_counts(folder):
    again = Row("set", "000.png", "ok", bytes=99)
    with Parts.open(folder, HEADER) as kept:
        kept.add(table_of([again]))
    assert rows_of(folder, known(ROWS)) == [again, *ROWS[1:]]


@pytest.mark.parametrize("kind", ["UnreadableInput", "MemoryError", "WorkerDied"])
def test_what_may_pass_is_tried_again_but_counts_until_then(folder, kind):
    failed = [
        Row.failed(Task("set", "8.png", ""), kind, "x"),
        Row.failed(Task("set", "9.png", ""), "CorruptInput", "x"),
    ]
    with Parts.open(folder, HEADER) as kept:
        kept.add(table_of(failed))
    with Parts.open(folder, HEADER) as kept:
        assert kept.done.has(digests([digest("set", name, "1") for name in ("8.png", "9.png")])).tolist() == [
            False,
            True,
        ]
    assert rows_of(folder, known(failed)) == failed


def test_more_rows_than_fit_into_memory_come_in_the_same_order(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_SORTED_AT_ONCE", 100)
    order = np.random.default_rng(1).permutation(1000)
    rows = [Row(f"r{n % 3}", f"ö{n // 7}/{n}.png", "ok", bytes=int(n)) for n in order]
    folder = tmp_path / "a.parts"
    with Parts.open(folder, HEADER) as kept:
        for k in range(0, 1000, 90):
            kept.add(table_of(rows[k : k + 90]))
            kept.flush()
        kept.add(table_of(rows[:5]))
    with Parts.open(folder, HEADER) as kept:
        stretches = list(kept.rows(known(rows)))
    assert [row for stretch in stretches for row in stretch] == sorted(rows, key=lambda row: (row.root, row.path))
    assert 8 <= len(stretches) <= 11
    assert max(map(len, stretches)) < 250
    assert not (folder / "sorting").exists()


def test_a_set_of_digests_holds_what_it_was_given_and_nothing_else():
    values = np.random.default_rng(0).integers(0, 50, (500, 2), np.uint64)  # many equal first halves
    asked = np.array([(a, b) for a in range(50) for b in range(50)], np.uint64)
    there = {(int(a), int(b)) for a, b in values}
    assert Known(values).has(asked).tolist() == [(int(a), int(b)) in there for a, b in asked]
    assert not Known(values[:0]).has(asked).any()


def test_another_audit_is_refused_unless_fresh(folder):
    other = describe(["set"], Limits(pixels=5))
    with pytest.raises(UsageError, match="belongs to an audit with other limits; --fresh starts over"):
        Parts.open(folder, other)
    with Parts.open(folder, other, fresh=True) as kept:
        assert len(kept.done) == 0
    assert not list(folder.glob("part-*"))


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    folder = tmp_path / "a.parts"
    folder.mkdir()
    (folder / "part-0.parquet").write_bytes(b"theirs")
    with pytest.raises(UsageError, match="does not hold the parts of an audit"):
        Parts.open(folder, HEADER, fresh=True)
    assert (folder / "part-0.parquet").read_bytes() == b"theirs"


def test_two_audits_do_not_write_the_same_parts(folder):
    with Parts.open(folder, HEADER), pytest.raises(UsageError, match="another audit is writing"):
        Parts.open(folder, HEADER)


def test_damage_is_told(folder):
    (folder / "part-00000001.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(UsageError, match=r"part-00000001\.parquet is damaged .* remove it"):
        Parts.open(folder, HEADER)


def test_a_part_is_written_in_time(folder, monkeypatch):
    with Parts.open(folder, HEADER) as kept:
        kept.add(table_of(ROWS[:1]))
        assert len(list(folder.glob("part-*"))) == 2
        monkeypatch.setattr(parts, "PART_ROWS", 3)
        kept.add(table_of(ROWS[:2]))
        assert len(list(folder.glob("part-*"))) == 3
        monkeypatch.setattr(parts, "PART_SECONDS", 0)
        kept.add(table_of(ROWS[:1]))
        assert len(list(folder.glob("part-*"))) == 4


def test_of_very_many_labelled_pictures_a_sample_is_tested():
    rows = [Row("r", str(n), "ok", label="ab"[n % 2], format="JPEG", quality=70 + n % 2) for n in range(500)]
    whole = leakage_of(rows, permutations=100)
    assert (whole.pictures, whole.drawn_from) == (500, None)
    drawn = []
    for order in (rows, rows[::-1]):
        sample = Sample(most=60)
        for k in range(0, 500, 50):
            sample.add(order[k : k + 50])
        drawn.append(sample.leakage(permutations=100))
    assert [(found.pictures, found.drawn_from) for found in drawn] == [(60, 500)] * 2
    assert drawn[0].traits[0].information == pytest.approx(drawn[1].traits[0].information)
    assert drawn[0].traits[0].trait == "JPEG quality"
    assert drawn[0].traits[0].tells
