"""Plots drawn: every value where it belongs, peaks kept, words whole, and nothing obeyed that a file says."""

import dataclasses
import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from checks.pages import check_self_contained
from jpegtrace.findings import Finding, Outcome, Plot, Provenance, Status
from jpegtrace.report import InputFacts, Report
from jpegtrace.report import plots as drawing
from jpegtrace.report.html import render_html
from jpegtrace.report.maps import ticks_of
from jpegtrace.report.plots import Box, describe, drawn, figure_of, path_of, x_scale_of, y_scale_of
from jpegtrace.report.text import marks_of, render_text

NAN = np.nan
EVIL = "<script>alert(\"1\")</script> & 'more'"


def plot(y, x=None, **more):
    x = np.arange(len(y)) if x is None else x
    words = {"name": "spectrum", "x_label": "frequency", "y_label": "strength"} | more
    return Plot(x=np.array(x, np.float32), y=np.array(y, np.float32), **words)


def report(*plots):
    finding = Finding("a-question", 1, Status.OK, "It was.", Provenance("0" * 64, "0.1.0"), plots=plots)
    return Report(InputFacts("a.jpg"), (finding,))


def figures(*plots):
    """The figures of a page, as XML."""
    page = render_html([report(*plots)])
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.S)]  # noqa: S314 - our own


def words(svg):
    return [text.text for text in svg.iter("text")]


def numbers(path):
    return [tuple(float(n) for n in point.split()) for point in re.findall(r"[ML]([-\d. ]+)", path)]


# Axes


@pytest.mark.parametrize(
    ("low", "high", "texts", "places"),
    [
        (0, 0.5, ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"], [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 3.2, ["0", "1", "2", "3"], [0, 0.3125, 0.625, 0.9375]),
        (-20, 20, ["-20", "-10", "0", "10", "20"], [0, 0.25, 0.5, 0.75, 1]),
        (0.07, 0.12, ["0.07", "0.08", "0.09", "0.10", "0.11", "0.12"], [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 1.2e8, ["0", "2e+07", "4e+07", "6e+07", "8e+07", "1e+08", "1.2e+08"], [k / 6 for k in range(7)]),
        (2e7, 2e7 + 4, ["20000000", "20000001", "20000002", "20000003", "20000004"], [0, 0.25, 0.5, 0.75, 1]),
        (1.00001, 1.00003, ["1.00001", "1.000015", "1.00002", "1.000025", "1.00003"], [0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_ticks_are_few_round_and_told_apart(low, high, texts, places):
    ticks = ticks_of(low, high)
    assert [tick.text for tick in ticks] == texts
    assert [tick.place for tick in ticks] == pytest.approx(places, abs=1e-6)


@pytest.mark.parametrize(
    ("p", "scale"),
    [
        (plot([1, 5]), (0, 5)),  # 0 is no further than the curve is high
        (plot([10, 14]), (10, 14)),
        (plot([10, 14], kind="bars"), (0, 14)),
        (plot([-3, -1], kind="bars"), (-3, 0)),
        (plot([100, 101]), (90.4, 110.6)),  # a fifth of 101
        (plot([0, 0]), (0, 1)),
        (plot([NAN, 7]), (6.3, 7.7)),
        (plot([NAN, NAN]), None),
    ],
)
def test_the_vertical_scale_makes_nothing_larger_than_it_is(p, scale):
    found = y_scale_of(p)
    assert found == (None if scale is None else pytest.approx(scale))


def test_the_horizontal_scale_holds_whole_bars_and_every_mark():
    assert x_scale_of(plot([1, 2, 3])) == (0, 2)
    assert x_scale_of(plot([1, 2, 3], x=[0, 1, 3], kind="bars")) == (-0.5, 4)
    assert x_scale_of(plot([1, 2, 3], marks=((-4, ""), (1, "")))) == (-4, 2)


# Thinning


def test_up_to_600_values_all_are_drawn():
    assert (drawn(np.zeros(600)) == np.arange(600)).all()
    assert figure_of(plot(np.zeros(600))).thinned == 0


@pytest.mark.parametrize("count", [601, 1199, 1801, 10_007])
def test_peaks_survive_thinning(count):
    y = np.random.default_rng(0).uniform(0, 1, count)
    peaks = np.arange(5, count, 97)
    y[peaks] = 2 + np.arange(len(peaks))
    y[count // 2 :: 7] = NAN
    kept = drawn(y)
    assert len(kept) <= drawing.MOST
    assert (np.diff(kept) > 0).all()
    assert set(peaks[~np.isnan(y[peaks])]) <= set(kept)


def test_thinning_takes_the_highest_of_each_group_and_says_so():
    y = np.zeros(1201)
    y[[4, 1200]] = -1, 3
    y[:3] = NAN
    assert drawn(y)[:3].tolist() == [0, 3, 6]  # groups of 3; of the first there is no value
    assert drawn(y)[-1] == 1200
    assert figure_of(plot(y)).thinned == 3
    assert "Drawn is the highest of every 3 values." in render_html([report(plot(y))])


# Curve


BOX = Box(100, 20, 200, 120)


def test_a_curve_stands_where_its_values_are():
    p = plot([0, 10, 5], x=[0, 1, 4])
    assert path_of(p, BOX, (0, 4), (0, 10)) == "M100.0 120.0L125.0 20.0L200.0 70.0"


def test_a_curve_is_broken_where_there_is_no_value_and_a_lone_value_is_a_cross():
    p = plot([0, 10, NAN, 5, NAN])
    path = path_of(p, BOX, (0, 4), (0, 10))
    assert path == "M100.0 120.0L125.0 20.0M172.0 70.0h6m-3 -3v6"


def test_bars_stand_on_zero_between_the_middles():
    p = plot([10, NAN, -10], x=[0, 2, 4], kind="bars")
    path = path_of(p, BOX, (-1, 5), (-10, 10))
    assert path == "M100.0 70.0V20.0H133.3V70.0ZM166.7 70.0V120.0H200.0V70.0Z"


def test_thinned_bars_leave_no_hole():
    path = path_of(plot(np.arange(1500), kind="bars"), BOX, (-0.5, 1499.5), (0, 1499))
    bars = re.findall(r"M([\d.]+) [\d.]+V[\d.]+H([\d.]+)V", path)
    assert len(bars) == 500
    assert bars[0][0] == "100.0"
    assert bars[-1][1] == "200.0"
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(bars))


@pytest.mark.parametrize("kind", ["line", "bars"])
@pytest.mark.parametrize(
    ("y", "x"),
    [
        ([NAN, 3], None),
        ([0, 0], None),
        ([7, 7, 7], None),
        ([-3e38, 3e38], None),
        ([1e-45, 0], None),
        ([1, 2], [-3e38, 3e38]),
        ([1, 2], [0, 1e-45]),
        ([1, 2], [2e7, 2e7 + 2]),
        (range(5000), None),
    ],
)
def test_whatever_a_plot_holds_is_drawn_within_its_box(kind, y, x):
    (svg,) = figures(plot(y, x, kind=kind))
    (shape,) = [path for path in svg.iter("path") if path.get("class") == kind]
    width, height = float(svg.get("width")), float(svg.get("height"))
    for across, down in numbers(shape.get("d")):
        assert 0 <= across <= width
        assert 0 <= down <= height


def test_without_a_value_it_says_so():
    (svg,) = figures(plot([NAN, NAN], marks=((0.5, "here"),)))
    assert "no values" in words(svg)
    assert "here" in words(svg)
    assert [path.get("class") for path in svg.iter("path") if path.get("class")] == ["axes"]


# Words


def test_a_figure_is_whole_in_itself():
    p = plot([0, 3, 1], look_for="The peak.", not_conclude="It is no proof.", marks=((1, "period of 1 pixel"),))
    page = render_html([report(p)])
    assert page.count('<figure class="plot">') == 1
    assert "<strong>spectrum</strong>: marked 1 (period of 1 pixel)" in page
    assert "<dt>What to look at</dt><dd>The peak.</dd>" in page
    assert "<dt>What not to conclude</dt><dd>It is no proof.</dd>" in page
    check_self_contained(page)
    (svg,) = figures(p)
    assert {"frequency", "strength", "0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0"} <= set(words(svg))
    told = "spectrum: strength 0 to 3; frequency 0 to 2; highest at 1; marked 1 (period of 1 pixel)"
    assert svg.get("aria-label") == f"Plot of {told}"
    assert svg.get("role") == "img"


def test_what_is_not_said_is_not_headed():
    page = render_html([report(plot([0, 1]))])
    assert "What to look at" not in page
    assert "What not to conclude" not in page
    assert "Drawn is" not in page
    assert ": marked" not in page
    assert '<figure class="plot">' not in render_html([report()])


@pytest.mark.parametrize(
    ("p", "told"),
    [
        (plot([1, 3, NAN]), "spectrum: strength 1 to 3; frequency 0 to 2; highest at 1"),
        (plot([2, 2]), "spectrum: strength 2; frequency 0 to 1"),
        (plot([NAN, 2], x_label="", y_label=""), "spectrum: 2; 0 to 1"),
        (plot([NAN, NAN], marks=((1 / 3, ""),)), "spectrum: no values; marked 0.3333"),
    ],
)
def test_describe(p, told):
    assert describe(p) == told


def test_marks_stand_at_their_places_with_their_words():
    p = plot([0, 3, 1], marks=((1, "here"), (1.5, ""), (0, "beginning")))
    (svg,) = figures(p)
    lines = [line for line in svg.iter("line") if line.get("class") == "mark"]
    box = figure_of(p).box
    assert [float(line.get("x1")) for line in lines] == pytest.approx(
        [box.across(place, (0.0, 2.0)) for place in (1.0, 1.5, 0.0)], abs=0.06
    )
    assert all(line.get("x1") == line.get("x2") and line.get("stroke-dasharray") for line in lines)
    assert words(svg)[-3:] == ["here", "1.5", "beginning"]


@pytest.mark.parametrize("places", [np.linspace(0, 1, 12), [0.5] * 4, [0.97, 0.98, 0.99, 1], [1, 0.4, 0.41, 0]])
def test_words_of_marks_do_not_lie_upon_each_other_or_beyond_the_figure(places):
    p = plot([0, 1], marks=tuple((float(x), f"a place of {x:.2f}") for x in places))
    figure = figure_of(p)
    spans = [(m.top, m.left, m.left + 7 * len(m.text)) for m in figure.marks]
    assert all(left >= 0 and right <= figure.width for _, left, right in spans)
    assert all(24 < top <= figure.box.top for top, _, _ in spans)
    for k, (top, left, right) in enumerate(spans):
        for other_top, other_left, other_right in spans[k + 1 :]:
            assert top != other_top or right < other_left or other_right < left


def test_a_line_runs_beside_the_words_of_marks_further_right():
    figure = figure_of(plot([0, 1], marks=((0.2, "a longer text"), (0.25, "another"), (0.5, "third"))))
    left, middle, right = figure.marks
    assert left.top < middle.top == right.top == figure.box.top
    assert left.place < middle.left


def test_long_words_are_cut_in_the_drawing_and_whole_in_the_caption():
    long = "word " * 60
    p = plot([0, 1], x_label=long, marks=((1, long.strip()),))
    figure = figure_of(p)
    assert len(figure.marks[0].text) <= 91
    assert len(figure.x_label) <= 91
    assert long.strip() in render_html([report(p)])


def test_html_escapes_what_a_plot_says():
    p = plot([0, 1], name=EVIL, x_label=EVIL, y_label=EVIL, look_for=EVIL, not_conclude=EVIL, marks=((0, EVIL),))
    page = render_html([report(p)])
    check_self_contained(page)
    assert '("1")' not in page
    (svg,) = figures(p)
    assert words(svg).count(EVIL) == 3
    assert EVIL in svg.get("aria-label")


# Text report


def printed(*plots):
    with Console(width=120, record=True, quiet=False, file=None) as console:
        with console.capture() as shown:
            console.print(render_text(report(*plots)))
        return shown.get()


def test_text_tells_marks_on_one_line():
    p = plot([0, 1], name="spectrum of residual strength", marks=((0.167, "period of 6.0 pixels"), (0.5, "")))
    assert marks_of(p) == "marked 0.167 (period of 6.0 pixels), 0.5"
    assert "    spectrum of residual strength: marked 0.167 (period of 6.0 pixels), 0.5\n" in printed(p)


def test_text_is_silent_on_plots_without_marks():
    assert "spectrum" not in printed(plot([0, 1]))


def test_text_shows_markup_and_control_characters_of_a_plot():
    text = printed(plot([0, 1], name="[bold]x[/nonsense]", marks=((1, "\x1b[2J"),)))
    assert "[bold]x[/nonsense]: marked 1 (\\x1b[2J)" in text


def test_an_analysis_hands_its_plots_on():
    from checks.pictures import as_file, scene
    from jpegtrace.analyses import find_analysis
    from jpegtrace.picture import Picture

    p = plot([0, NAN], marks=((np.float64(0.5), "here"),))
    bearer = dataclasses.replace(
        find_analysis("file-facts"), run=lambda picture, params: Outcome(Status.OK, "It was.", plots=(p,))
    )
    finding = bearer(Picture.open(as_file(scene(1))))
    assert finding.status is Status.OK
    assert finding.plots == (p,)
