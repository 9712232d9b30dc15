"""The report in a real Chromium: on a narrow screen, on paper, and what axe says of it."""

import re

import numpy as np
import pytest

from checks.pictures import as_file, scene
from jpegtrace.findings import READ_IN_FILE, Claim, Comparison, Finding, Map, Matrix, Plot, Provenance, Status, Topic
from jpegtrace.report import InputFacts, Report
from jpegtrace.report.html import render_html
from jpegtrace.report.maps import OPACITY
from support.accessible import assert_accessible
from support.chromium import open_chromium

NARROW = {"width": 360, "height": 800}
PAPER = {"width": 680, "height": 1009}  # what the margins leave of A4, in pixels
LONG = "a-name-that-has-no-place-to-break-and-is-longer-than-any-narrow-screen"
MAPS = (
    Map("quality", np.arange(48, dtype=np.float32).reshape(6, 8), (16, 16), "QF", look_for="A part. " * 20),
    Map("source", np.zeros((6, 8), np.float32), (16, 16), labels=("IJG 75, grid shifted by 5 rows and 5 columns",)),
)
MATRICES = (
    Matrix("evidence", np.full((8, 8), 12345, np.float32), "nats", marks=((1, 2, "here"),), not_conclude="That. " * 20),
    Matrix("table", np.full((8, 8), 99, np.float32), "step", np.full((8, 8), 0.999, np.float32), "probability"),
)
PLOTS = (Plot("lattice", np.arange(40, dtype=np.float32), np.arange(40, dtype=np.float32), "value", "times"),) * 2
SIDES = Comparison("parts", ("IJG 75, grid shifted by 5 rows",) * 6, (("share of the picture", ("16.7%",) * 6),))
VALUES = {"markers": [{"name": f"APP{k}", "offset": 20 * k, "length": 20} for k in range(30)], LONG: LONG}


@pytest.fixture(scope="module")
def browser():
    with open_chromium() as chromium:
        yield chromium


def report(findings=3):
    claims = Claim(Topic.HISTORY, "It was saved as JPEG.", grounds=READ_IN_FILE), Claim(Topic.NOTHING, f"No {LONG}.")
    found = tuple(
        Finding(
            f"question-{k}", 1, Status.OK, "It was.", Provenance("0" * 64, "0.1.0"), VALUES,
            maps=MAPS, matrices=MATRICES, plots=PLOTS, comparisons=(SIDES,), claims=claims, cannot_show=(LONG,),
        )
        for k in range(findings)
    )  # fmt: skip
    preview = as_file(scene(1, 480, 440), quality=80)
    return Report(InputFacts(f"{LONG}.jpg", "0" * 64, 1, "jpeg", 128, 96), found, preview=preview)


@pytest.fixture
def opened(browser):
    context = browser.new_context(viewport=NARROW)
    page = context.new_page()
    page.set_content(render_html([report()]))
    yield page
    context.close()


def test_on_a_narrow_screen_nothing_is_wider_than_the_screen(opened):
    opened.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert opened.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    beyond = opened.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter(one => !one.closest(".wide *") && one.getBoundingClientRect().right > innerWidth)
            .map(one => one.outerHTML.slice(0, 100))"""
    )
    assert beyond == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_bars_anyone(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert_accessible(opened)


def test_what_is_wider_than_a_narrow_screen_scrolls_in_its_own_box(opened):
    tables = opened.locator("table")
    assert tables.count() > 0
    assert opened.locator(".wide > table").count() == tables.count()
    box = opened.locator(".comparison .wide").first
    assert box.evaluate("box => box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX === 'auto'")


def test_on_paper_figures_are_whole_and_two_fit_on_a_page(opened):
    opened.set_viewport_size(PAPER)
    opened.emulate_media(media="print")
    kinds = ("map", "matrix", "plot")
    heights = {
        kind: opened.locator(f"figure.{kind}").evaluate_all("all => all.map(one => one.offsetHeight)") for kind in kinds
    }
    assert all(0 < height < PAPER["height"] / 2.5 for of_kind in heights.values() for height in of_kind), heights
    assert opened.evaluate("document.documentElement.scrollWidth") <= PAPER["width"]
    breaks = opened.locator("figure").evaluate_all("all => all.map(one => getComputedStyle(one).breakInside)")
    assert set(breaks) == {"avoid"}


def test_on_paper_there_are_few_pages(opened):
    pages = re.findall(rb"/Type\s*/Page\b", opened.pdf(prefer_css_page_size=True))
    assert 3 <= len(pages) <= 8


def test_on_paper_the_map_lies_over_the_photograph_wherever_slider_and_box_stand(opened):
    slider = opened.locator(".slider input").first
    slider.fill("0")
    layer = opened.locator(".layer").first
    shown = "one => [getComputedStyle(one).opacity, getComputedStyle(one).display]"
    assert layer.evaluate(shown)[0] == "0"
    opened.locator(".peek").first.uncheck()
    opened.emulate_media(media="print", color_scheme="dark")
    opacity, display = layer.evaluate(shown)
    assert float(opacity) == pytest.approx(OPACITY)
    assert display != "none"
    assert not slider.is_visible()
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
