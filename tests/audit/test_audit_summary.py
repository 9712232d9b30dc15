import csv
import html
import re
from html.parser import HTMLParser

import pyarrow.parquet as pq
import pytest

from jpegtrace.audit import Row
from jpegtrace.audit.labels import Labelled
from jpegtrace.audit.leakage import leakage_of
from jpegtrace.audit.rows import columns
from jpegtrace.audit.summary import Share, render_summary, summarise
from jpegtrace.audit.tables import write_csv, write_parquet


def png(name, **more):
    return Row("set", name, "ok", format="PNG", width=9, height=9, **more)


def page_of(rows, **more):
    return render_summary(summarise(rows, **{"pixels_asked": True} | more))


def words(page):
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


class Checker(HTMLParser):
    """Collects what a page is built of, and that its tags fit."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.loose = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.loose.append(tag)


# Wilson 1927, by hand: centre (p + z^2/2n) / (1 + z^2/n) and its half width; the first as in R, prop.test(37, 500,
# correct = FALSE).
@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(37, 500, 0.0542, 0.1003), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (1, 2, 0.0945, 0.9055), (0, 0, 0, 1)],
)
def test_wilson(count, of, low, high):
    assert Share(count, of).interval == pytest.approx((low, high), abs=1e-4)


def test_what_was_jpeg_once_is_said_in_words_first():
    rows = [png(f"{n}.png", ever_jpeg=n < 37, pixel_quality=75 if n < 37 else None) for n in range(500)]
    rows += [png("unknown.png"), Row("set", "w.webp", "ok", format="WebP", ever_jpeg=True)]
    text = words(page_of(rows))
    first = (
        "37 of 500 pictures stored without loss on which it can be told (7.4%, interval 5.4% to 10.0%) were JPEG once."
    )
    assert first in text
    assert "37 were JPEG once, 463 show no trace of it, and for 1 it cannot be told" in text
    assert "75 37 100.0%" in text


def test_nobody_asked_is_not_no():
    assert "was not asked" in words(page_of([png("a.png")], pixels_asked=False))
    assert "JPEG once." not in words(page_of([png("a.png")], pixels_asked=False))


def test_the_surest_come_first():
    rows = [
        png("c.png", ever_jpeg=True, jpeg_probability=0.9),
        png("b.png", ever_jpeg=True, jpeg_probability=0.99, pixel_quality=80, pixel_grid_row=3, pixel_grid_col=5),
        png("a.png", ever_jpeg=True, nfa_log10=-9.0),
        png("no.png", ever_jpeg=False),
    ]
    surest = summarise(rows, pixels_asked=True).surest
    assert [row.path for row in surest] == ["a.png", "b.png", "c.png"]
    assert "set/b.png PNG 80 3, 5 0.9900" in words(page_of(rows))


def test_jpeg_files():
    rows = [
        Row("s", f"{n}.jpg", "ok", format="JPEG", quality=[90, 90, None, 100][n], subsampling=["4:2:0", None][n // 3],
            compressions=[1, 2, None, 2][n]) for n in range(4)
    ]  # fmt: skip
    text = words(page_of(rows))
    assert "2 of 3 JPEG files on which it can be told (66.7%" in text
    assert "90 2 50.0% 100 1 25.0% not a standard table 1 25.0%" in text
    assert "4:2:0 3 75.0% none (grey) 1 25.0%" in text


def test_failures_are_counted_and_the_first_are_listed():
    rows = [Row("s", f"{n}.jpg", "failed", error_kind="CorruptInput", error=f"why {n}") for n in range(70)]
    text = words(page_of(rows))
    assert "70 pictures could not be read" in text
    assert "70 pictures, the first 50" in text
    assert "s/49.jpg CorruptInput why 49" in text
    assert "why 50" not in text


def test_names_are_harmless_and_the_page_needs_nothing():
    bad = "<script>alert(1)</script>&\"'.png"
    rows = [png(bad, ever_jpeg=True), Row("<b>", bad, "failed", error_kind="<i>", error="<img src=x>")]
    rows += [png(f"{n}.png", label="<u>" if n % 2 else "v", ever_jpeg=bool(n % 2)) for n in range(30)]
    labelled = Labelled(tuple(rows), 2, ("<em>.png",))
    page = page_of(rows, labelled=labelled, leakage=leakage_of(rows, permutations=50))
    checker = Checker()
    checker.feed(page)
    assert (checker.open, checker.loose) == ([], [])
    tags = [tag for tag, _ in checker.tags]
    assert not {"script", "b", "i", "img", "u", "em", "link", "iframe"} & set(tags)
    assert not [attributes for _, attributes in checker.tags if {"src", "href"} & set(attributes)]
    assert all("scope" in attributes for tag, attributes in checker.tags if tag == "th")
    assert tags.count("table") == tags.count("caption") == tags.count("thead")
    assert tags.count("h1") == 1
    assert bad in html.unescape(page)


def test_leakage_is_told():
    rows = [png(f"{n}.png", label="xy"[n % 2], pixel_quality=70 + n % 2) for n in range(40)]
    leakage = leakage_of(rows)
    labelled = Labelled(tuple(rows), 3, ("gone.png",))
    text = words(page_of(rows, labelled=labelled, leakage=leakage))
    assert "JPEG quality predicts the label: knowing it removes 100.0% of the uncertainty" in text
    assert "Format is the same for all pictures, so it says nothing." in text
    assert "3 pictures without a label" in text
    assert "1 path of the table of labels is no picture here, first: gone.png" in text
    same = [png("a.png", label="x")] * 3
    text = words(page_of(same, labelled=Labelled(tuple(same), 0, ()), leakage=leakage_of(same)))
    assert "All pictures have the same label" in text
    assert "give the label away" not in words(page_of(rows))


def test_one_cause_in_several_traits_is_told_once():
    rows = [png(f"{n}.png", label="x", pixel_quality=None) for n in range(40)]
    rows += [
        Row(
            "set",
            f"{n}.jpg",
            "ok",
            label="y",
            format="JPEG",
            width=9,
            height=9,
            quality=75 + n % 2,
            subsampling="4:2:0",
        )
        for n in range(40)
    ]
    page = page_of(rows, labelled=Labelled(tuple(rows), 0, ()), leakage=leakage_of(rows))
    text = words(page)
    assert "JPEG quality predicts the label" in text
    assert "One cause or several?" in text
    assert (
        "Format comes first: knowing it removes 100.0% of the uncertainty. Follows from it, and adds nothing that can "
        "be told from chance: colour subsampling, JPEG quality"
    ) in text
    assert "colour subsampling format 0.0000 0.0% 0.0% 1 1" in text
    checker = Checker()
    checker.feed(page)
    assert (checker.open, checker.loose) == ([], [])
    alone = [png(f"{n}.png", label="xy"[n % 2], pixel_quality=70 + n % 2) for n in range(40)]
    assert "One cause" not in words(page_of(alone, labelled=Labelled(tuple(alone), 0, ()), leakage=leakage_of(alone)))


def test_csv_and_parquet_hold_the_same(tmp_path):
    rows = [
        png('odd, "name"\n=1+1.png', ever_jpeg=True, nfa_log10=-30.1, jpeg_probability=1 / 3, progressive=False),
        Row("r", "ü.jpg", "failed", error_kind="CorruptInput", error="x", bytes=1 << 40),
    ]
    write_parquet(rows, tmp_path / "a.parquet")
    write_csv(rows, tmp_path / "a.csv")
    stored = pq.read_table(tmp_path / "a.parquet")
    assert [Row(**values) for values in stored.to_pylist()] == rows
    assert stored.schema.field("quality").metadata == {
        b"doc": next(c.doc for c in columns() if c.name == "quality").encode()
    }
    read = {str: str, int: int, float: float, bool: {"true": True, "false": False}.__getitem__}
    kinds = {c.name: read[c.kind] for c in columns()}
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        told = [{k: kinds[k](v) if v else None for k, v in line.items()} for line in csv.DictReader(file)]
    assert told == stored.to_pylist()
