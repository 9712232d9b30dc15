"""Matrices and comparisons: every number readable, nothing by colour alone, parts where they are."""

import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from jpegtrace.errors import UsageError
from jpegtrace.findings import Comparison, Finding, Map, Matrix, Provenance, Status
from jpegtrace.report import InputFacts, Report
from jpegtrace.report.html import render_html
from jpegtrace.report.maps import spotlight
from jpegtrace.report.matrices import STRONGEST, grounds_of, matrix_figure

NAN = np.nan
TABLE = Matrix(
    "first table",
    np.array([[16, 11], [NAN, 1234]], np.float32),
    "step",
    np.array([[0.999, 0.5], [0.3, NAN]], np.float32),
    "probability of the entry",
    "vertical frequency",
    "horizontal frequency",
    marks=((0, 1, "here"),),
    look_for="Strong cells.",
    not_conclude="Faint ones are no sign.",
)
ORIGINS = Matrix("origins", np.array([[0, 0.25], [0.75, 1]], np.float32), "probability")
SIDES = Comparison(
    "parts",
    ("rest", "boat"),
    (("share", ("75%", "25%")), ("grid", ("row 0", "row 5"))),
    map="source",
    look_for="What differs.",
    not_conclude="Why.",
)
SOURCES = Map("source", np.array([[0, 0], [0, 1]], np.float32), (8, 8), labels=("rest", "boat"))


def page(**evidence):
    finding = Finding("a-question", 1, Status.OK, "It was.", Provenance("0" * 64, "0.1.0"), **evidence)
    return render_html([Report(InputFacts("a.png", width=16, height=16), (finding,))])


class Tables(HTMLParser):
    """Cells of all tables: tag, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.cells = []
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("td", "th"):
            self.inside = [tag, dict(attrs), ""]
            self.cells.append(self.inside)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.inside = None

    def handle_data(self, data):
        if self.inside is not None:
            self.inside[2] += data


@pytest.mark.parametrize("matrix", [TABLE, ORIGINS], ids=lambda m: m.name)
def test_matrices_go_through_json_without_loss(matrix):
    back = Matrix.from_dict(json.loads(json.dumps(matrix.to_dict(), allow_nan=False)))
    for field in dataclasses.fields(Matrix):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(matrix, field.name))


def test_comparisons_go_through_json_without_loss():
    assert Comparison.from_dict(json.loads(json.dumps(SIDES.to_dict()))) == SIDES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((2, 2))}, "float64"),
        ({"values": np.zeros(4, np.float32)}, "shape"),
        ({"values": np.zeros((0, 2), np.float32)}, "shape"),
        ({"values": np.full((2, 2), np.inf, np.float32)}, "infinite"),
        ({"shares": np.full((2, 2), 1.5, np.float32)}, "no share"),
        ({"shares": np.zeros((1, 2), np.float32)}, "no share"),
        ({"marks": ((2, 0, "here"),)}, "nowhere"),
        ({"unit": None}, "no text"),
    ],
)
def test_a_matrix_that_cannot_be_shown_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TABLE, **changes)


def test_a_comparison_says_the_same_of_all():
    with pytest.raises(ValueError, match="does not say the same of all its 2 things"):
        dataclasses.replace(SIDES, rows=(("share", ("75%",)),))


@pytest.mark.parametrize("changes", [{"values": 3}, {"values": [[1], [1, 2]]}, {"marks": [[0, 0, ""]]}, {"unit": ...}])
def test_what_is_no_matrix_is_refused(changes):
    data = {k: v for k, v in (TABLE.to_dict() | changes).items() if v is not ...}
    with pytest.raises(UsageError, match="not the JSON form of a matrix"):
        Matrix.from_dict(data)


@pytest.mark.parametrize("changes", [{"columns": None}, {"rows": [["share", []]]}, {"map": 3}, {"name": ...}])
def test_what_is_no_comparison_is_refused(changes):
    data = {k: v for k, v in (SIDES.to_dict() | changes).items() if v is not ...}
    with pytest.raises(UsageError, match="not the JSON form of a comparison"):
        Comparison.from_dict(data)


def test_every_number_is_written_with_its_probability():
    cells = Tables(page(matrices=(TABLE,))).cells
    values = [(attributes["class"], text) for tag, attributes, text in cells if tag == "td" and "class" in attributes]
    assert values[:4] == [
        ("told", "16over 99%"), ("told marked", "1150% (here)"), ("untold", "–not told30%"), ("told", "1,234")
    ]  # fmt: skip


def test_rows_and_columns_have_heads_that_say_what_they_are():
    heads = [(a["scope"], text) for tag, a, text in Tables(page(matrices=(TABLE,))).cells if tag == "th"]
    assert heads[:2] == [("col", "horizontal frequency 0"), ("col", "horizontal frequency 1")]
    assert ("row", "vertical frequency 1") in heads


def test_grounds_grow_with_the_share_and_leave_the_numbers_readable():
    assert grounds_of(TABLE) is TABLE.shares
    assert grounds_of(ORIGINS).tolist() == [[0, 0.25], [0.75, 1]]
    evidence = dataclasses.replace(ORIGINS, values=np.array([[-50, 150], [50, NAN]], np.float32), unit="nats")
    assert grounds_of(evidence)[0].tolist() == [0, 1]
    assert grounds_of(evidence)[1, 0] == 0.5
    assert matrix_figure(ORIGINS).rows[1][1].opacity == STRONGEST


def luminance(colour):
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colours_of(block):
    found = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6}|\d+ \d+ \d+);", block))
    read = {}
    for name, value in found.items():
        if value.startswith("#"):
            digits = value[1:] if len(value) == 7 else "".join(2 * c for c in value[1:])
            read[name] = tuple(bytes.fromhex(digits)) if len(digits) == 6 else None
        else:
            read[name] = tuple(int(part) for part in value.split())
    return {name: value for name, value in read.items() if value}


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_all_text_has_enough_contrast(scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    blocks = re.findall(r":root \{([^}]*--paper[^}]*)\}", page(matrices=(TABLE,)))
    colours = colours_of(blocks[{"light": 0, "dark": 1, "print": 2}[scheme]])
    for ground in ("paper", "soft"):
        for ink in ("ink", "quiet", "alarm", "notice"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    strongest = [
        round(STRONGEST * g + (1 - STRONGEST) * p) for g, p in zip(colours["ground"], colours["paper"], strict=True)
    ]
    assert contrast(colours["ink"], strongest) >= 4.5


def test_both_lines_stand_below_each_picture():
    text = page(matrices=(TABLE,), comparisons=(SIDES,), maps=(dataclasses.replace(SOURCES, look_for="The border."),))
    assert text.count("<dt>What to look at</dt>") == 3
    assert "<dt>What not to conclude</dt><dd>Faint ones are no sign.</dd>" in text
    assert "<dt>What to look at</dt><dd>The border.</dd>" in text


def test_the_marked_cell_is_named():
    assert "<strong>first table (step)</strong>: marked vertical frequency 0, horizontal frequency 1 (here)" in page(
        matrices=(TABLE,)
    )


def test_parts_are_shown_side_by_side_where_they_are():
    text = page(comparisons=(SIDES,), maps=(SOURCES,))
    found = re.findall(r'<td><img src="data:image/png;base64,([^"]+)" alt="The photograph', text)
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]
    assert len(pictures) == 2
    for picture, where in zip(pictures, (SOURCES.values == 0, SOURCES.values == 1), strict=True):
        half = picture.shape[0] // 2
        quarters = [[picture[r : r + half, c : c + half].mean() for c in (0, half)] for r in (0, half)]
        assert ((np.array(quarters) < 128) == where).all()  # the part is dark, the rest faded


def test_parts_of_one_name_are_taken_in_turn_and_without_a_map_there_are_no_pictures():
    twice = dataclasses.replace(SIDES, columns=("boat", "boat"))
    both = dataclasses.replace(SOURCES, labels=("boat", "boat"))
    assert page(comparisons=(twice,), maps=(both,)).count("<td><img") == 2
    assert page(comparisons=(twice,), maps=(SOURCES,)).count("<td><img") == 0
    assert page(comparisons=(SIDES,)).count("<td><img") == 0


def test_a_spotlight_leaves_the_part_as_it_is():
    photograph = np.full((16, 16), 100, np.uint8)
    lit = spotlight(photograph, SOURCES, 1, (16, 16))
    assert (lit[8:, 8:] == 100).all()
    assert (lit[:8] >= 200).all()
