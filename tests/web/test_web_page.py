"""The page in a real Chromium: what a person does, with mouse and keyboard, and what axe says of it."""

import json
from pathlib import Path

import pytest

from jpegtrace.web.settings import WEB_LIMITS
from support import web_workers
from support.accessible import assert_accessible
from support.chromium import open_chromium

sync_api = pytest.importorskip("playwright.sync_api", reason="NOT TESTED: the web page needs playwright, of [dev]")
expect = sync_api.expect
expect.set_options(timeout=30_000)

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 60_000  # thousandths


@pytest.fixture(scope="module")
def browser():
    with open_chromium() as chromium:
        yield chromium


@pytest.fixture
def open_page(browser):
    """Opens the page of a server; in the end nothing has gone elsewhere, and the browser has nothing to complain of."""
    contexts, complaints, elsewhere = [], [], []

    def opened(client, **options):
        base = str(client.base_url)
        contexts.append(browser.new_context(base_url=base, reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(SECONDS)
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((base, "data:", "blob:")) else elsewhere.append(r.url))
        page.goto("/")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert elsewhere == []
    # A refused upload is an error in the eyes of a browser.
    assert [text for text in complaints if "the server responded with a status of 4" not in text] == []


@pytest.fixture
def page(open_page, cheap):
    return open_page(cheap)


def choose(page, *files):
    """Choose files given as paths, or as (name, bytes)."""
    given = [
        file if isinstance(file, Path) else {"name": file[0], "mimeType": "image/png", "buffer": file[1]}
        for file in files
    ]
    page.get_by_label("Drop pictures here").set_input_files(given)


def test_from_a_picture_to_a_verdict_and_what_the_map_says(open_page, real):
    page = open_page(real, viewport={"width": 1400, "height": 1000})
    expect(page.locator("#bounds")).to_contain_text("forgotten 30 minutes after")
    assert_accessible(page)
    # Three clicks: on the zone, on the file, on "open"; the report then comes by itself.
    with page.expect_file_chooser() as chooser:
        page.get_by_text("choose files").click()
    chooser.value.set_files(EXAMPLES / "harbour.jpg")
    verdict = page.locator(".verdict .lead")
    expect(verdict).to_be_visible(timeout=SECONDS)
    report = real.get(page.get_by_role("link", name="Download JSON").get_attribute("href")).json()
    expect(verdict).to_have_text(report["verdict"]["text"])
    expect(page.locator(".verdict .alarm").first).to_contain_text("EXIF says Canon")
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("EXIF says Canon")
    # The map of parts, with how sure it is.
    job = page.locator(".job")
    expect(job).to_have_attribute("data-state", "done", timeout=SECONDS)
    expect(page.locator("#map-choice option:checked")).to_have_text("source")
    stack = page.locator(".stack")
    stack.scroll_into_view_if_needed()
    box = stack.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.15)
    readout = page.locator(".readout")
    expect(readout).to_contain_text("IJG 75, grid shifted by 5 rows and 5 columns")
    expect(readout).to_contain_text("probability ")
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download JSON").click()
    assert download.value.suggested_filename == "harbour.report.json"
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8")) == report
    with page.expect_download() as download:
        page.get_by_role("link", name="Download HTML").click()
    assert download.value.suggested_filename == "harbour.report.html"


def test_with_the_keyboard_alone(page):
    choose(page, ("a.png", web_workers.picture()))
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.locator(".stack")).to_be_visible()  # the map follows the report
    page.locator(".stack").focus()
    readout = page.locator(".readout")
    expect(readout).to_contain_text("column 8, row 8")
    expect(readout).to_contain_text("one <b>past</b>")
    page.keyboard.press("ArrowUp")
    expect(readout).to_contain_text("column 8, row 0")
    expect(readout).to_contain_text("another")
    expect(readout).to_contain_text("probability 0.50")
    expect(page.locator("#announcer")).to_contain_text("source / part: another; certainty: probability 0.50")
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("cannot tell")
    page.keyboard.press("Shift+ArrowLeft")
    expect(readout).to_contain_text("column 0, row 0")
    page.keyboard.press("End")
    expect(readout).to_contain_text("column 16, row 8")
    page.get_by_role("button", name="Show a.png").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "result-title"


def test_two_pictures_side_by_side(page):
    choose(page, ("small.png", web_workers.picture()), ("wide.png", web_workers.picture(width=48)))
    expect(page.get_by_role("button", name="Compare two")).to_be_disabled()
    for name in ("small.png", "wide.png"):
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("button", name="Compare two").click()
    section = page.locator("#comparison")
    expect(section.get_by_role("heading", level=2)).to_have_text("small.png and wide.png")
    row = section.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("≠ differs")
    expect(section).to_contain_text("1 answer of 1 differs.")
    assert_accessible(page)
    # The same picture twice.
    page.get_by_label("Compare wide.png").uncheck()
    choose(page, ("twin.png", web_workers.picture()))
    page.get_by_label("Compare twin.png").check()
    page.get_by_role("button", name="Compare two").click()
    expect(row).to_contain_text("= same")
    expect(section).to_contain_text("All 1 answers are the same.")


def test_what_is_refused_is_said(page):
    choose(page, ("notes.txt", b"just words"), ("<b>bold</b>.png", b""), ("good.png", web_workers.picture()))
    refusals = page.locator("#refusals li")
    expect(refusals).to_have_count(2)
    expect(page.locator("#refusals")).to_contain_text("notes.txt: the content is no picture format that is read")
    expect(page.locator("#refusals")).to_contain_text("<b>bold</b>.png: the input is empty")
    expect(page.locator(".job")).to_have_count(1)
    assert_accessible(page)


def test_a_file_that_is_too_large_is_not_even_sent(page, tmp_path):
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(WEB_LIMITS.bytes + 1)
    choose(page, large)
    expect(page.locator("#refusals")).to_contain_text("large.png: it has 64 MiB; 64 MiB are allowed")
    expect(page.locator(".job")).to_have_count(0)


def test_a_picture_that_fails_says_why(page):
    choose(page, ("deadly.png", web_workers.picture("die")))
    expect(page.locator(".job .state")).to_contain_text("Failed: the process that examined it died", timeout=SECONDS)
    assert_accessible(page)


def test_a_name_is_only_ever_text(page):
    name = "<img src=x onerror=document.title='gone'>.png"
    choose(page, (name, web_workers.picture()))
    expect(page.locator("#result-title")).to_have_text(name)
    assert page.title() == "jpegtrace"
    assert page.locator("main img[src='x']").count() == 0


def test_forgotten_is_forgotten(page, cheap):
    choose(page, ("a.png", web_workers.picture()))
    expect(page.locator(".verdict")).to_be_visible()
    address = page.get_by_role("link", name="Download JSON").get_attribute("href")
    page.get_by_role("button", name="Forget a.png").click()
    expect(page.locator(".job")).to_have_count(0)
    expect(page.locator("#result")).to_be_hidden()
    assert cheap.get(address).status_code == 404


def test_a_reload_loses_nothing(page):
    choose(page, ("a.png", web_workers.picture()))
    expect(page.locator(".verdict")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Show a.png")).to_be_visible()


def test_dropped_pictures_are_taken(page):
    transfer = page.evaluate_handle(
        """data => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], "dropped.png", {type: "image/png"}));
            return transfer;
        }""",
        list(web_workers.picture()),
    )
    page.locator("#drop").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator("#result-title")).to_have_text("dropped.png")


@pytest.mark.parametrize("options", [{"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 800}}], ids=str)
def test_in_the_dark_and_on_a_phone(open_page, cheap, options):
    page = open_page(cheap, **options)
    choose(page, ("a.png", web_workers.picture()))
    expect(page.locator(".verdict")).to_be_visible()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_page_about_the_api(page):
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The API")
    assert_accessible(page)
