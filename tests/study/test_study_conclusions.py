import math
import re
from typing import ClassVar

import numpy as np
import pytest

from jpegtrace_training.study.cells import Cell, Key
from jpegtrace_training.study.conclusion import conclude, judge
from jpegtrace_training.study.conditions import AUGMENTED, GRID, QUALITY
from jpegtrace_training.study.heatmap import squares, svg
from jpegtrace_training.study.matrices import Figure, Matrix


def matrix(experiment, rows, seeds=3, spread=0.01, classes=4):
    """Accuracies by training condition, one for each test or one for all; seeds lie around them."""
    around = np.linspace(-spread, spread, seeds) if seeds > 1 else [0.0]
    cells = []
    for trained, values in rows.items():
        values = values if isinstance(values, tuple) else (values,) * len(experiment.tested)
        for seed in range(seeds):
            tests = {
                name: (value + around[seed],) * classes for name, value in zip(experiment.tested, values, strict=True)
            }
            cells.append(Cell(Key(experiment.id, "small", trained, seed), tests, 5, 3, True, 100, 1.0, 1.0))
    return Matrix.of(experiment, "small", classes, cells)


class TestFigures:
    def test_the_interval_is_students(self):
        figure = Figure.of([0.8, 0.82, 0.9])
        half = 4.302653 * np.std([0.8, 0.82, 0.9], ddof=1) / math.sqrt(3)  # quantile .975 at two degrees, from a table
        assert (figure.low, figure.high) == pytest.approx((0.84 - half, 0.84 + half))
        assert str(figure) == f"0.840 ({0.84 - half:.3f} to {0.84 + half:.3f})"

    def test_one_seed_has_none(self):
        assert str(Figure.of([0.5])) == "0.500 (one seed, no interval)"

    def test_an_accuracy_lies_between_0_and_1_and_a_difference_need_not(self):
        found = matrix(GRID, {"aligned": 0.02, "random": 0.98}, spread=0.02)
        assert (found.figure("aligned", "random").low, found.figure("random", "random").high) == (0, 1)
        apart = matrix(GRID, {"aligned": (0.9, 0.9), "random": (0.9, 0.1)})
        assert apart.difference(("random", ["random"]), ("aligned", ["random"])).low < 0

    def test_differences_are_taken_seed_by_seed(self):
        loss = matrix(GRID, {"aligned": (0.9, 0.6), "random": 0.8}, spread=0.1)
        found = loss.difference(("random", ["random"]), ("aligned", ["random"]))
        assert (found.mean, found.high - found.low) == pytest.approx((0.2, 0))

    def test_missing_seeds_count_on_neither_side(self):
        found = matrix(GRID, {"aligned": 0.5, "random": 0.9})
        cells = {key: cell for key, cell in found.cells.items() if key != ("random", 2)}
        fewer = Matrix(GRID, "small", 4, cells)
        assert fewer.seeds("aligned", "random") == [0, 1]
        assert fewer.difference(("random", ["random"]), ("aligned", ["random"])).seeds == 2


@pytest.mark.parametrize(
    ("mean", "half", "verdict"),
    [
        (0.25, 0.05, "yes"),
        (0.25, 0.30, "open"),
        (0.06, 0.02, "somewhat"),
        (0.01, 0.015, "no"),
        (0.02, 0.005, "no"),
        (0.01, 0.05, "open"),
        (-0.02, 0.03, "no"),
        (-0.30, 0.05, "reversed"),
        (-0.30, 0.35, "open"),
        (0.30, math.inf, "open"),
    ],
)
def test_verdicts_follow_the_interval(mean, half, verdict):
    assert judge(Figure(mean, mean - half, mean + half, 3)) == verdict


class TestGrid:
    def test_a_loss_is_said_with_its_figures(self):
        answer, *rest = conclude(matrix(GRID, {"aligned": (0.95, 0.55), "random": (0.9, 0.9)}))
        assert (answer.verdict, rest) == ("yes", [])
        assert answer.told.startswith("It learns the grid: cut your training patches anywhere")
        assert "right in 0.550 (0.525 to 0.575)" in answer.told
        assert "a loss of 0.350 (0.350 to 0.350)" in answer.told

    def test_no_loss(self):
        answer = conclude(matrix(GRID, {"aligned": 0.8, "random": 0.805}))[0]
        assert answer.verdict == "no"
        assert answer.told.startswith("The grid does not matter to it.")

    def test_too_few_seeds(self):
        answer = conclude(matrix(GRID, {"aligned": 0.5, "random": 0.8}, seeds=1))[0]
        assert answer.verdict == "open"
        assert answer.told.startswith("One seed cannot tell")

    @pytest.mark.parametrize(
        ("accuracy", "spread", "verdict"), [(0.27, 0.01, "unlearnt"), (0.30, 0.20, "unlearnt"), (0.40, 0.20, "open")]
    )
    def test_what_is_not_learnt_allows_no_conclusion(self, accuracy, spread, verdict):
        answer = conclude(matrix(GRID, {"aligned": 0.25, "random": accuracy}, spread=spread))[0]
        assert answer.verdict == verdict
        assert answer.told.startswith("Nothing can be concluded")
        assert "where guessing gives 0.250" in answer.told

    @pytest.mark.parametrize(
        ("row", "verdict", "told"),
        [
            ((0.82, 0.84), "yes", "Yes. Trained with"),
            ((0.61, 0.60), "somewhat", "It is flat, but not as high."),
            ((0.98, 0.80), "somewhat", "It is as high, but not flat."),
            ((0.60, 0.30), "no", "No. Trained with"),
        ],
    )
    def test_augmentation(self, row, verdict, told):
        answer = conclude(matrix(GRID, {"aligned": (0.95, 0.55), "random": 0.8, AUGMENTED: row}))[-1]
        assert answer.question == "Is it flat and high with JPEG-aware augmentation?"
        assert answer.verdict == verdict
        assert answer.told.startswith(told)
        assert f"lies between {min(row):.3f} and {max(row):.3f} over all tests" in answer.told
        assert f"that is a difference of {row[1] - 0.8:.3f}" in answer.told

    def test_half_a_matrix_says_nothing(self):
        assert conclude(matrix(GRID, {"aligned": 0.9})) == []


class TestQuality:
    ROWS: ClassVar = {"none": (0.9, 0.85, 0.5, 0.4, 0.35, 0.3, 0.3), "99": 0.6, "50": 0.8}

    def test_losses_and_what_helps(self):
        answers = conclude(matrix(QUALITY, self.ROWS))
        assert [answer.verdict for answer in answers] == ["yes", "yes"]
        assert answers[0].told.startswith("It fails: train with the qualities that you will meet.")
        assert "It is worst at 60: 0.300" in answers[0].told or "It is worst at 50: 0.300" in answers[0].told
        assert "quality 50 is best on average over the tests: right in 0.800" in answers[1].told

    def test_training_with_a_quality_that_harms(self):
        answers = conclude(matrix(QUALITY, {"none": 0.7, "99": 0.4, "50": 0.5}))
        assert answers[1].verdict == "reversed"
        assert answers[1].told.startswith("No, it harms. Of those trained")

    def test_no_loss(self):
        answers = conclude(matrix(QUALITY, {"none": 0.7, "99": 0.7, "50": 0.69}))
        assert [answer.verdict for answer in answers] == ["no", "no"]
        assert answers[1].told.startswith("No. Of those trained")


def test_no_words_about_figures_that_are_not_there():
    assert conclude(matrix(QUALITY, {"90": 0.5})) == []


def test_the_heat_map_has_every_figure():
    rows = {"aligned": (0.95, 0.55), "random": (0.9, 0.91)}
    found = matrix(GRID, rows)
    assert [square.text for square in squares(found)] == ["0.950", "0.550", "0.900", "0.910"]
    assert len({square.colour for square in squares(found)}) == 4
    picture = svg(found, 'grid & "network"')
    assert re.findall(r">(0\.\d{3})<", picture) == ["0.950", "0.550", "0.900", "0.910"]
    assert "grid &amp; " in picture
