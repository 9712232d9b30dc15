"""Evidence that analyses bring: it shows what the finding says, and nothing where nothing is to be seen."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from checks.pictures import as_file, collage, scene
from jpegtrace.analyses import find_analysis, manipulation
from jpegtrace.analyses._evidence import grid_name, grids_matrix, lattice_plots, most_telling, on_grid
from jpegtrace.chain import simulate
from jpegtrace.findings import Level, Status, Topic
from jpegtrace.jpeg import dct_matrix
from jpegtrace.manipulation import Verdict
from jpegtrace.manipulation.grid import OPERATIONS
from jpegtrace.picture import Picture

TWICE = simulate(scene(5, 256, 256), "jpeg:70 | crop:3,5 | jpeg:92")


def ask(name, data):
    return find_analysis(name)(Picture.open(data))


def quantized(steps, seed=0, blocks=900, noise=0.4):
    """Laplacian coefficients rounded to multiples of the steps that are not 0, with noise."""
    rng = np.random.default_rng(seed)
    values = rng.laplace(0, 12, (blocks, 8, 8))
    known = steps > 0
    values[:, known] = np.round(values[:, known] / steps[known]) * steps[known]
    return values + rng.normal(0, noise, values.shape)


STEPS = np.zeros((8, 8), np.int64)
STEPS[2, 3], STEPS[0, 0] = 9, 9


class TestLattice:
    def test_the_planted_frequency_is_chosen_and_its_multiples_are_marked(self):
        steps = STEPS.copy()
        steps[5, 5] = 7  # known, but the coefficients do not keep to it
        values = quantized(STEPS)
        assert most_telling(values, steps) == (2, 3)
        (plot,) = lattice_plots(values, steps, None, whose="the JPEG", not_conclude="Nothing.")
        places = [place for place, _ in plot.marks]
        assert places == [9 * k for k in range(1, len(places) + 1)]
        assert "vertical frequency 2, horizontal frequency 3" in plot.name
        at_marks = np.abs(plot.x / 9 - np.round(plot.x / 9)) < 0.2
        assert plot.y[at_marks].sum() > 20 * plot.y[~at_marks].sum()

    def test_every_coefficient_that_is_drawn_is_counted_once(self):
        values = quantized(STEPS)
        (plot,) = lattice_plots(values, STEPS, None, whose="the JPEG", not_conclude="Nothing.")
        sizes = np.abs(values[:, 2, 3])
        half = (plot.x[1] - plot.x[0]) / 2
        assert plot.y.sum() == ((sizes > 4.5) & (sizes < plot.x[-1] + half)).sum()

    def test_bars_of_stored_coefficients_stand_on_their_own_multiples(self):
        table = np.full((8, 8), 3, np.uint16)
        (plot,) = lattice_plots(quantized(STEPS, noise=0), STEPS, table, whose="the first", not_conclude="Nothing.")
        assert np.array_equal(plot.x % 3, np.zeros(len(plot.x)))

    @pytest.mark.parametrize("steps", [np.zeros((8, 8), np.int64), np.full((8, 8), 2), np.full((8, 8), 200)])
    def test_where_nothing_can_be_seen_nothing_is_drawn(self, steps):
        assert lattice_plots(quantized(STEPS), steps, None, whose="it", not_conclude="Nothing.") == ()

    @pytest.mark.parametrize("origin", [(0, 0), (3, 5), (7, 0), (0, 1)])
    def test_coefficients_on_another_grid_are_those_of_the_moved_pixels(self, origin):
        rng = np.random.default_rng(1)
        blocks, table = rng.integers(-20, 20, (4, 5, 8, 8)).astype(np.int16), np.full((8, 8), 3, np.uint16)
        basis = dct_matrix()
        pixels = np.block([[basis.T @ (block * 3.0) @ basis for block in row] for row in blocks])
        row, col = origin
        rows, cols = (n - bool(start) for n, start in zip((4, 5), (row + col, row + col), strict=True))
        expected = [
            basis @ pixels[row + 8 * i : row + 8 * i + 8, col + 8 * j : col + 8 * j + 8] @ basis.T
            for i in range(rows) for j in range(cols)
        ]  # fmt: skip
        np.testing.assert_allclose(on_grid(blocks, table, origin), expected, atol=1e-2)


def test_grids_that_were_not_judged_are_not_told():
    evidence = np.arange(64.0)
    evidence[10] = -np.inf
    matrix = grids_matrix("grids", evidence, "nats", (7, 7), corner_means="the corner", not_conclude="Nothing.")
    assert np.isnan(matrix.values[1, 2])
    assert np.isnan(matrix.values).sum() == 1
    assert matrix.marks == ((7, 7, "stands out"),)


class TestHistory:
    def test_the_map_of_grids_shows_the_grid_that_is_claimed(self):
        found = ask("compression-count", TWICE.data)
        (matrix,) = found.matrices
        assert found.count == 2
        assert np.unravel_index(np.nanargmax(matrix.values), (8, 8)) == tuple(found.grid_origin)
        assert matrix.values.sum() == pytest.approx(found.probability_double, abs=1e-3)
        (claim,) = found.claims
        assert claim.text == "The picture was saved as JPEG at least twice, and was cropped or moved in between."

    def test_the_table_is_that_of_the_values_with_its_probabilities(self):
        found = ask("primary-table", TWICE.data)
        (matrix,) = found.matrices
        told = [None if np.isnan(value) else int(value) for value in matrix.values.ravel()]
        assert told == found.entries
        np.testing.assert_allclose(matrix.shares.ravel(), found.probabilities, atol=1e-4)
        (plot,) = found.plots
        row, col = int(plot.name.split("vertical frequency ")[1][0]), int(plot.name[-1])
        assert plot.marks[0][0] == found.entries[8 * row + col]

    def test_pixels_show_grid_and_lattice_of_their_jpeg(self):
        data = as_file(simulate(scene(5, 160, 176), "jpeg:70 | crop:3,5").pixels, "PNG")
        found = ask("quality-map", data)
        (matrix,), (plot,) = found.matrices, found.plots
        assert np.unravel_index(np.nanargmax(matrix.values), (8, 8)) == tuple(found.grid_origin) == (3, 5)
        row, col = int(plot.name.split("vertical frequency ")[1][0]), int(plot.name[-1])
        assert plot.marks[0][0] == found.table[8 * row + col]
        assert found.claims[0].text == "Its pixels were saved as JPEG with quality 70 and cropped or moved afterwards."

    def test_a_jpeg_file_does_not_claim_that_it_was_jpeg(self):
        found = ask("quality-map", TWICE.data)
        assert found.ever_jpeg
        assert found.claims == ()


@pytest.fixture(scope="module")
def joined():
    return collage()[0]


class TestParts:
    def test_histories_stand_side_by_side(self, joined):
        found = ask("regions", joined)
        (comparison,) = found.comparisons
        assert comparison.columns == found.maps[0].labels
        rows = dict(comparison.rows)
        assert rows["table before the last"] == ("IJG 85", "IJG 62")
        assert rows["grid before the last"] == ("row 7, column 6", "row 1, column 3")
        box = found.parts[1]["box"]
        assert rows["begins at"][1] == grid_name(box[1], box[0])
        (claim,) = found.claims
        assert claim.topic is Topic.EDIT
        assert claim.text.startswith("Parts of the picture were compressed differently before they came together (")

    def test_of_a_file_that_is_cut_off_it_speaks_of_what_could_be_read(self):
        found = ask("regions", TWICE.data[: len(TWICE.data) * 3 // 4])
        assert found.status is Status.OK
        assert found.summary.startswith("One past in the part of the picture that could be read: IJG 70")
        assert found.claims[0].text == "No part with another past was found in what could be read."
        whole = ask("regions", TWICE.data)
        assert whole.summary.startswith("One past throughout: IJG 70")


class TestLabel:
    LABEL = json.dumps(
        {
            "purpose": "made by jpegtrace to test forensic verdicts; not an original",
            "attack": "dither",
            "operations": [{"name": "decode", "parameters": {}}, {"name": "dither", "parameters": {}}],
        }
    )

    def file(self, text, keyword="jpegtrace-operations"):
        info, out = PngInfo(), io.BytesIO()
        info.add_text(keyword, text)
        Image.fromarray(scene(1)).save(out, "PNG", pnginfo=info)
        return out.getvalue()

    def test_what_jpegtrace_wrote_into_a_png_is_told(self):
        found = ask("file-facts", self.file(self.LABEL))
        (remark,) = found.remarks
        assert remark.level is Level.NOTICE
        done = "made by jpegtrace to test forensic verdicts; not an original; attack dither (decode, dither)"
        assert remark.text == f"its own label says: {done}"
        assert "PNG text 'jpegtrace-operations' at byte 33" in remark.evidence
        assert [claim.text for claim in found.claims] == [f"Its own label says: {done}."]
        assert found.texts == [{"keyword": "jpegtrace-operations", "text": self.LABEL, "offset": 33}]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"operations": 3}', "[" * 5000])
    def test_a_label_that_cannot_be_read_is_said_to_be_one(self, text):
        found = ask("file-facts", self.file(text))
        assert found.remarks[0].text.endswith("a label of jpegtrace that cannot be read")

    def test_other_texts_are_facts_and_no_remarks(self):
        found = ask("file-facts", self.file("GIMP", "Software"))
        assert found.texts[0]["keyword"] == "Software"
        assert found.remarks == ()
        assert found.claims == ()


@pytest.mark.parametrize(
    ("head", "interval", "told"),
    [
        ("size", (7.0, 7.0, 7.0), "a window of 7 pixels"),
        ("size", (9.0, 9.0, 11.0), "a window of 9 pixels (90 % between 9 and 11)"),
        ("size", (15.0, 15.0, 15.0), "a window of 15 pixels or more"),
        ("sigma", (1.301, 1.357, 1.402), "a Gaussian of 1.36 pixels (90 % between 1.30 and 1.40)"),
        ("factor", (0.7978, 0.80012, 0.803), "its sides 0.8001 times as long (90 % between 0.7978 and 0.803)"),
    ],
)
def test_parameters_in_words(head, interval, told):
    values = dict(zip(("low", "value", "high"), interval, strict=True))
    assert manipulation._words(manipulation.WORDS[head], values) == told


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.48, 0.53, "Before its last compression the picture was resized to about 50% of its sides."),
        (
            0.48,
            1.9,
            "Before its last compression the picture was resized, and it cannot be told whether it was made smaller or "
            "larger.",
        ),
    ],
)
def test_a_factor_that_may_be_either_way_is_told_as_such(low, high, told):
    values = {"factor": {"value": 0.5, "low": low, "high": high}}
    verdict = Verdict(True, OPERATIONS.index("resized"), 0.9991)
    claim = manipulation._claim(values, verdict)
    assert claim.text == told
    assert claim.probability == 0.9991
    assert manipulation._what(verdict) == "that it was resized"
