import re

from rich.console import Console

from checks.pictures import as_file, camera_file, scene
from jpegtrace.inspection import inspect, inspect_or_explain
from jpegtrace.report.html import render_html
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
    assert "Who wrote it (not applicable)" in text


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
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;.jpg" in page


def test_html_holds_every_finding_and_table():
    page = render_html([inspect(as_file(scene(1), quality=60))])
    assert page.count("<section>") == len(re.findall(r'class="question"', page)) >= 2
    assert page.count("<caption>Quantization table") == 2
    assert "What this cannot show" in page
    assert "Worth a look" not in page


def test_html_puts_alarms_first():
    page = render_html([inspect(camera_file(1, NIKON, "Canon", "Canon EOS 5D"))])
    places = [page.index(text) for text in ("Worth a look", "EXIF says Canon, the tables", 'class="question"')]
    assert places == sorted(places)


def test_html_of_many_lists_them():
    reports = [inspect(as_file(scene(1)), name="one.jpg"), inspect_or_explain(b"", name="two.jpg")]
    page = render_html(reports)
    assert '<a href="#input-1">one.jpg</a>' in page
    assert "could not be read" in page


def test_shorten():
    assert shorten(None) is None
    assert shorten([]) is None
    assert shorten(True) == "yes"
    assert shorten(1234567) == "1,234,567"
    assert shorten([1, 2]) == "1, 2"
    assert shorten({"a_b": 1, "c": None}) == "a b 1"
    assert shorten("x" * 300, limit=10) == "x" * 9 + "…"
