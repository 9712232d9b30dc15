import math

import numpy as np
import pytest

from jpegtrace.audit import Row
from jpegtrace.audit.information import holm
from jpegtrace.audit.labels import Labels
from jpegtrace.audit.leakage import TRAITS, leakage_of, measure
from jpegtrace.errors import UsageError


def ask(labels, permutations=200, seed=1, **traits):
    found = measure(labels, traits, permutations=permutations, seed=seed)
    return found, {leak.trait: leak for leak in found.traits}


def test_information_of_a_table_worked_out_by_hand():
    # Counts 3 1 / 1 3: H(label) = 1 bit; information = 2 (3/8 log2 3/2 + 1/8 log2 1/2).
    labels, trait = "aaaabbbb", "xxxyxyyy"
    found, leaks = ask(list(labels), trait=list(trait))
    assert found.entropy == pytest.approx(1)
    assert leaks["trait"].information == pytest.approx(2 * (3 / 8 * math.log2(3 / 2) + 1 / 8 * math.log2(1 / 2)))
    # Of the 70 ways to shuffle, 34 have tables as telling: 2 with 4 0 / 0 4, 32 with 3 1 / 1 3.
    assert ask(list(labels), 4000, trait=list(trait))[1]["trait"].p == pytest.approx(34 / 70, abs=0.03)
    # On average over these: 2/70 * 1 bit + 32/70 * 0.189 bits.
    assert ask(list(labels), 4000, trait=list(trait))[1]["trait"].chance == pytest.approx(0.1149, abs=0.01)


def test_the_least_p_is_never_zero():
    labels = [n % 2 for n in range(40)]
    leak = ask(labels, 99, same=labels)[1]["same"]
    assert leak.p == pytest.approx(1 / 100)
    assert leak.share == pytest.approx(1)


def test_a_planted_trait_is_found_and_an_independent_one_is_not():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 400)
    planted = np.where(rng.random(400) < 0.3, labels, rng.integers(0, 3, 400))
    independent = rng.integers(0, 40, 400)
    found, leaks = ask(labels.tolist(), 1000, planted=planted.tolist(), independent=independent.tolist())
    assert [leak.trait for leak in found.traits] == ["planted", "independent"]
    assert leaks["planted"].p_corrected <= 0.01
    assert leaks["planted"].tells
    assert "Planted predicts the label: knowing it removes" in leaks["planted"].sentence
    assert leaks["independent"].p > 0.05
    assert not leaks["independent"].tells
    assert leaks["independent"].share == pytest.approx(leaks["independent"].chance, rel=0.3)
    assert leaks["independent"].sentence.startswith("No sign that independent predicts the label")


def test_p_is_as_often_below_a_level_as_it_says():
    rng = np.random.default_rng(6)
    p = [
        ask(rng.integers(0, 3, 60).tolist(), 49, trait=rng.integers(0, 8, 60).tolist())[1]["trait"].p
        for _ in range(200)
    ]
    for level in (0.1, 0.5, 0.9):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 200))


def test_values_of_their_own_say_nothing_more_than_chance():
    labels = [n % 2 for n in range(60)]
    leak = ask(labels, own=list(range(60)))[1]["own"]
    assert (leak.share, leak.chance, leak.p) == (pytest.approx(1), pytest.approx(1), 1)


def test_tables_too_large_for_counting_are_sorted(monkeypatch):
    rng = np.random.default_rng(5)
    labels, trait = rng.integers(0, 50, 500).tolist(), rng.integers(0, 100, 500).tolist()
    counted = ask(labels, 20, trait=trait)[1]["trait"]
    monkeypatch.setattr("jpegtrace.audit.information._MOST_CELLS", 0)
    assert 50 * 100 > 4 * 500
    assert ask(labels, 20, trait=trait)[1]["trait"] == counted


def test_what_is_missing_is_a_value_and_what_never_varies_is_told():
    labels = ["a", "b"] * 30
    found, leaks = ask(labels, gaps=[None, 5] * 30, same=[None] * 60)
    assert leaks["gaps"].tells
    assert found.constant == ("same",)


@pytest.mark.parametrize(
    ("labels", "why"),
    [([], "No picture has a label"), (["a"] * 5, "the same label"), (list("abcde"), "a label of its own")],
)
def test_labels_that_cannot_be_asked_about(labels, why):
    found, leaks = ask(labels, trait=[n % 2 for n in range(len(labels))])
    assert why in found.unanswerable
    assert not leaks


def test_the_same_seed_gives_the_same():
    labels, trait = [n % 3 for n in range(50)], [n % 4 for n in range(50)]
    assert ask(labels, seed=7, trait=trait) == ask(labels, seed=7, trait=trait)


def test_holm():
    # 3 x 0.01, then 2 x 0.02 and 1 x 0.03, neither below the one before.
    assert holm(np.array([0.02, 0.01, 0.03])) == pytest.approx([0.04, 0.03, 0.04])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])
    assert holm(np.array([])).size == 0


def test_traits_of_rows():
    def row(n, **more):
        label = "real" if n % 2 else "made"
        return Row("r", f"{n}.jpg", "ok", label=label, format="JPEG", width=8, height=8, **more)

    rows = [row(n, quality=75 + n % 2, luma_table=str(n % 3)) for n in range(60)]
    found = leakage_of([*rows, Row("r", "x", "ok", format="PNG"), Row("r", "y", "failed", label="real")])
    assert found.pictures == 60  # with a label and a format
    assert found.traits[0].trait == "JPEG quality"
    assert "JPEG quality predicts the label: knowing it removes 100.0% of the uncertainty" in found.traits[0].sentence
    assert {leak.trait for leak in found.traits} | set(found.constant) == set(TRAITS)
    assert {leak.trait for leak in found.traits if leak.tells} == {"JPEG quality"}


def test_quality_that_the_pixels_show_counts_where_no_table_does():
    assert TRAITS["JPEG quality"](Row("r", "p", "ok", quality=80, pixel_quality=50)) == 80
    assert TRAITS["JPEG quality"](Row("r", "p", "ok", pixel_quality=50)) == 50


def test_labels_by_folder():
    rows = [Row("set", path, "ok") for path in ("cats/a.png", "cats/deep/b.png", "c.png")]
    found = Labels.read("folder").attach(rows)
    assert [row.label for row in found.rows] == ["cats", "cats", None]
    assert (found.without, found.unknown) == (1, ())


def test_labels_by_table(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text('\ufeffpath,label\n./cats/a.png,cat\nset/b.png,"a, b"\n\ngone.png,x\n', encoding="utf-8")
    rows = [Row("set", path, "ok") for path in ("b.png", "cats/a.png", "c.png")]
    found = Labels.read(str(table)).attach(rows)
    assert [row.label for row in found.rows] == ["a, b", "cat", None]
    assert (found.without, found.unknown) == (1, ("gone.png",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must begin with the line: path,label"),
        (b"file,class\n", "must begin with the line: path,label"),
        (b"path,label\na.png\n", "line 2 of .* has not a path and a label"),
        (b"path,label\na.png,\n", "line 2 of .* has not a path and a label"),
        (b"path,label\na.png,x\n./a.png,y\n", "gives 'a.png' two labels: 'x' and 'y'"),
        (b"path,label\n\xff,x\n", "not a CSV file in UTF-8"),
        (b'path,label\n"a"b,x\n', "not a CSV file in UTF-8"),
    ],
)
def test_tables_of_labels_that_cannot_be_read(tmp_path, content, message):
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        Labels.read(str(tmp_path / "labels.csv"))


def test_sources_of_labels_that_there_are_not(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        Labels.read(str(tmp_path / "none.csv"))
    with pytest.raises(UsageError, match="'folder' or from a"):
        Labels.read("folders")
