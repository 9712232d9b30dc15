import base64
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from checks.pages import Page, check_accessible, check_self_contained
from checks.pictures import as_file, camera_file, scene
from jpegtrace.findings import Map
from jpegtrace.inspection import inspect, inspect_or_explain
from jpegtrace.report import Report
from jpegtrace.report.html import render_html
from jpegtrace.report.maps import OPACITY, layer
from jpegtrace.report.text import render_text, shorten
from jpegtrace.tables import named_table

NIKON = [t.ravel().tolist() for t in named_table("nikon")[:2]]


def printed(report, width=100):
    console = Console(width=width, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115, PTH123
    with console.file:
        console.print(render_text(report))
        return console.export_text()


def test_text_says_status_summary_and_alarms():
    text = printed(inspect(camera_file(1, NIKON, "Canon", "Canon EOS 5D")))
    assert "The file" in text
    assert "!! EXIF says Canon, the tables are those of Nikon cameras" in text
    assert "cannot show:" in text


def test_text_of_a_picture_that_is_no_jpeg_says_not_applicable():
    text = printed(inspect(as_file(scene(1), "PNG")))
    assert "Who wrote it [encoder] (not applicable)" in text


def test_text_of_a_failure_names_kind_and_place():
    text = printed(inspect_or_explain(b"\xff\xd8\xff\xd9", name="broken.jpg"))
    assert "broken.jpg" in text
    assert "CorruptInput: there is no frame header" in text
    assert "(at byte 4)" in text


def test_markup_in_file_names_and_metadata_is_shown_not_obeyed():
    text = printed(inspect(as_file(scene(1), comment=b"[bold]x[/bold] [/nonsense]"), name="[red]a[/red].jpg"))
    assert "[red]a[/red].jpg" in text
    assert "[bold]x[/bold] [/nonsense]" in text


def test_control_characters_are_shown_not_obeyed():
    text = printed(inspect(as_file(scene(1), comment="\x1b[2J\x9b\u202eevil".encode())))
    assert "\x1b" not in text
    assert "\\x1b[2J\\x9b\\x202eevil" in text


def test_html_escapes_what_the_file_says():
    report = inspect(as_file(scene(1), comment=b"<script>alert(1)</script>"), name="<b>.jpg", preview=True)
    page = render_html([report])
    check_self_contained(page)
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;.jpg" in page


def test_html_holds_every_finding_and_table():
    page = render_html([inspect(as_file(scene(1), quality=60))])
    assert page.count('<section class="finding"') == len(re.findall(r'class="question"', page)) >= 2
    assert len(re.findall(r"<strong>quantization table \d of the file", page)) == 2
    assert "What this cannot show" in page
    assert "Contradiction:" not in page


def test_html_puts_alarms_first():
    page = render_html([inspect(camera_file(1, NIKON, "Canon", "Canon EOS 5D"))])
    places = [page.index(text) for text in ("Contradiction:", "it says Canon, the tables", 'class="question"')]
    assert places == sorted(places)


def test_places_are_rows_and_columns_with_their_names():
    assert shorten([3, 5], name="grid_origin") == "row 3, column 5"
    assert shorten([8, 16, 400, 300], name="window") == "400 x 300 pixels from row 16, column 8"
    assert shorten({"box": [8, 16, 4, 3]}) == "box 4 x 3 pixels from row 16, column 8"
    assert shorten([3, 5], name="makers") == "3, 5"


def test_a_probability_says_what_it_is_of():
    report = with_maps()
    finding = dataclasses.replace(report.findings[0], probability=0.9999, probability_of="that it was resized")
    report = dataclasses.replace(report, findings=(finding,))
    assert "(probability that it was resized: over 99%)" in printed(report, width=400)
    assert "(probability that it was resized: over 99%)" in render_html([report])


def test_html_of_many_lists_them():
    reports = [inspect(as_file(scene(1)), name="one.jpg"), inspect_or_explain(b"", name="two.jpg")]
    page = render_html(reports)
    assert '<a href="#input-1">one.jpg</a>' in page
    assert "could not be read" in page


QUALITY = Map("quality", np.array([[60, np.nan], [75, 90]], np.float32), (32, 32), "QF")
REGION = Map("region", np.array([[0, np.nan, 1]], np.float32), (40, 40), labels=("rest", "<sky>"))


def with_maps(*maps, preview=True):
    report = inspect(as_file(scene(1)), only="encoder", preview=preview)
    return dataclasses.replace(report, findings=(dataclasses.replace(report.findings[0], maps=maps),))


def images(page, kind):
    """The pictures of a class on a page, decoded."""
    found = re.findall(f'<img class="{kind}" src="data:image/[a-z]+;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(text))) for text in found]


def test_html_lays_maps_over_the_photograph():
    page = render_html([with_maps(QUALITY, REGION)])
    assert page.count('<figure class="map">') == 2
    for drawn, m in zip(images(page, "layer"), (QUALITY, REGION), strict=True):
        assert (np.asarray(drawn) == layer(m, (96, 128))).all()
    assert [image.size for image in images(page, "photograph")] == [(128, 96)] * 2
    check_self_contained(page)


def test_html_reduces_maps_as_the_photograph():
    report = inspect(as_file(scene(1, 960, 1280)), only="encoder", preview=True)
    wide = Map("quality", np.arange(12 * 16, dtype=np.float32).reshape(12, 16), (80, 80))
    report = dataclasses.replace(report, findings=(dataclasses.replace(report.findings[0], maps=(wide,)),))
    (drawn,) = images(render_html([report]), "layer")
    assert (np.asarray(drawn) == layer(wide, (480, 640), (960, 1280))).all()


def test_html_says_in_words_what_maps_show():
    page = render_html([with_maps(QUALITY, REGION)])
    assert 'alt="Map of quality: 60 to 90 QF; cannot tell (25.0% of the cells)"' in page
    assert "<figcaption>quality: 60 to 90 QF; cannot tell (25.0% of the cells)\n" in page
    assert "&lt;sky&gt;, 33.3%</li>" in page
    assert "<sky>" not in page
    assert page.count("cannot tell, ") == 2
    assert [tick for tick in ("60", "70", "80", "90") if f">{tick}</span>" in page] == ["60", "70", "80", "90"]


def test_html_hides_maps_by_a_box_of_their_own():
    page = render_html([with_maps(QUALITY, REGION), with_maps(QUALITY)])
    boxes = re.findall(r'<input type="checkbox" class="peek" id="([^"]+)" checked><label for="([^"]+)">', page)
    assert len(boxes) == len(set(boxes)) == 3
    assert all(box == label for box, label in boxes)
    assert ".peek:not(:checked) ~ .stack .layer, .peek:not(:checked) ~ .slider { display: none; }" in page
    assert page.index("display: none; }") < page.index("@media print")  # in print the map is there


def test_every_map_over_a_photograph_has_a_slider_with_a_name_of_its_own():
    text = render_html([with_maps(QUALITY, REGION)])
    page = Page(text)
    sliders = [attributes for attributes in page.all("input") if attributes["type"] == "range"]
    names = {
        attributes["for"]: words for attributes, words in zip(page.all("label"), page.words_of("label"), strict=True)
    }
    assert [names[slider["id"]] for slider in sliders] == [
        "Opacity of the map “quality”", "Opacity of the map “region”"
    ]  # fmt: skip
    assert [(s["min"], s["max"], s["value"]) for s in sliders] == [("0", "100", f"{100 * OPACITY:.0f}")] * 2
    layers = [attributes["id"] for attributes in page.all("img") if attributes.get("class") == "layer"]
    assert [slider["data-layer"] for slider in sliders] == layers
    # What needs the script is not there without it.
    assert text.count('<div class="slider" hidden>') == 2
    assert f"--opacity: {OPACITY};" in text


def test_html_is_accessible_and_needs_nothing_else():
    report = with_maps(QUALITY, REGION)
    several = [inspect(as_file(scene(1)), name="one.jpg"), inspect_or_explain(b"", name="two.jpg"), report]
    for reports in ([report], several):
        text = render_html(reports)
        check_accessible(text)
        check_self_contained(text)


def test_html_works_in_print_in_the_dark_and_by_keyboard():
    text = render_html([with_maps(QUALITY)])
    for rule in ("@media print", "@page", "prefers-color-scheme: dark", ":focus-visible", "break-inside: avoid"):
        assert rule in text
    assert Page(text).elements[[tag for tag, _ in Page(text).elements].index("body") + 1] == (
        "a", {"class": "skip", "href": "#input-1"}
    )  # fmt: skip


def test_every_status_and_level_is_a_word_not_a_colour_alone():
    text = render_html([inspect(camera_file(1, NIKON, "Canon", "Canon EOS 5D"))])
    assert '<span class="status ok">answered</span>' in text
    assert re.search(r'<li class="alarm"><strong>alarm:</strong> ', text)


def test_html_ends_with_the_provenance():
    report = inspect(as_file(scene(1, 160, 176), quality=95), preview=True)
    text = render_html([report])
    provenance = text[text.index('class="provenance"') :]
    assert "<section" not in provenance
    assert report.input.sha256 in provenance
    assert f"jpegtrace {report.version}" in provenance
    assert "Pillow" in provenance
    assert "libjpeg-turbo" in provenance
    hashes = {digest for finding in report.findings for digest in finding.provenance.weights.values()}
    assert len(hashes) >= 3
    assert all(digest in provenance for digest in hashes)
    for finding in report.findings:
        assert f'<th scope="row">{finding.analysis}</th><td>{finding.analysis_version}</td>' in provenance


def test_html_shows_maps_alone_without_a_photograph():
    stored = Report.from_dict(json.loads(with_maps(QUALITY, REGION).to_json()))
    page = render_html([stored])
    assert 'class="peek"' not in page
    assert images(page, "photograph") == []
    for drawn, m in zip(images(page, "layer"), (QUALITY, REGION), strict=True):
        assert drawn.size == (640, 480)
        assert (np.asarray(drawn) == layer(m, (480, 640), (96, 128))).all()


@pytest.mark.parametrize(("width", "height"), [(None, None), (1, 30000)])
def test_html_copes_with_maps_of_odd_pictures(width, height):
    report = with_maps(QUALITY, preview=False)
    report = dataclasses.replace(report, input=dataclasses.replace(report.input, width=width, height=height))
    (drawn,) = images(render_html([report]), "layer")
    assert max(drawn.size) <= 640


def test_html_has_no_figure_without_a_map_or_values():
    empty = Map("nothing", np.zeros((0, 3), np.float32), (8, 8))
    assert '<figure class="map">' not in render_html([with_maps(), with_maps(empty)])


def test_shorten():
    assert shorten(None) is None
    assert shorten([]) is None
    assert shorten(True) == "yes"
    assert shorten(1234567) == "1,234,567"
    assert shorten([1, 2]) == "1, 2"
    assert shorten({"a_b": 1, "c": None}) == "a b 1"
    assert shorten("x" * 300, limit=10) == "x" * 9 + "…"
