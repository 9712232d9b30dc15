import dataclasses
import io
import json

import jsonschema
import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from checks.pictures import as_file, scene
from jpegtrace.analyses import _registry, all_analyses
from jpegtrace.chain import simulate
from jpegtrace.cli import app
from jpegtrace.errors import UsageError
from jpegtrace.findings import Finding, Level, Outcome, Provenance, Remark, Status
from jpegtrace.inspection import inspect
from jpegtrace.lattice.candidates import FREE_NAME
from jpegtrace.picture import Picture
from jpegtrace.report import InputFacts, Report, report_schema
from jpegtrace.report.html import render_html
from jpegtrace.report.stability import Answer, Endurance, Stability, Trial, Verdict
from jpegtrace.report.text import render_brief, render_text
from jpegtrace.stress import _claims, stability
from jpegtrace.stress._claims import RULES, Answers, Compression, Disturbance, attribute, same_table
from jpegtrace.tables import ijg_table

HELD, LOST, COVERED = Answer.HELD, Answer.LOST, Answer.COVERED
CONTRADICTED, NOT_ASKED = Answer.CONTRADICTED, Answer.NOT_ASKED
PNG = Disturbance("png", "a re-save as PNG", harmless=True)
CROP = Disturbance("crop", "a crop", "crop:5,3", cut=(3, 5), harmless=True)
JPEG_95 = Disturbance("jpeg-95", "a re-save as JPEG 95", "jpeg:95", 95)
JPEG_90 = Disturbance("jpeg-90", "a re-save as JPEG 90", "jpeg:90", 90)
CROP_JPEG = Disturbance("crop-jpeg-95", "that crop and JPEG 95", "crop:5,3 | jpeg:95", 95, (3, 5))
RESIZE = Disturbance("resize-90", "a resize", "resize:0.9", factor=0.9)


def steps(quality):
    return tuple(ijg_table(quality).ravel().tolist())


def stored(quality):
    return Compression((0, 0), f"IJG {quality}", quality, steps(quality))


def finding(analysis, status=Status.OK, summary="It says so.", **values):
    return Finding(analysis, 1, status, summary, Provenance("0" * 64, "0"), values)


def count(n, origin=None, sure=0.9):
    sure = None if origin is None else sure
    if n is None:
        return finding("compression-count", Status.INCONCLUSIVE)
    return finding("compression-count", count=n, grid_origin=origin, grid_origin_probability=sure)


def table(name=None, quality=None, origin=(0, 0), entries=None):
    if name is None and quality is None:
        return finding("primary-table", Status.INCONCLUSIVE)
    entries = list(entries or (steps(quality) if quality else (None,) * 64))
    return finding(
        "primary-table", nearest=name or f"IJG {quality}", quality=quality, grid_origin=list(origin), entries=entries
    )


def pixels(ever, quality=None, origin=(0, 0), parts=1):
    return finding(
        "quality-map", ever_jpeg=ever, quality=quality, grid_origin=list(origin), nearest=quality and f"IJG {quality}",
        table=list(steps(quality)) if quality else None, parts=[{}] * parts,
    )  # fmt: skip


def past(*names, origin=(0, 0)):
    parts = [{"first_table": q and f"IJG {q}", "quality": q, "grid_origin": q and list(origin)} for q in names]
    return finding("regions", sources=len(parts), parts=parts)


def operation(name, factor=None, manipulated=True):
    interval = None if factor is None else {"value": factor, "low": factor * 0.97, "high": factor * 1.03}
    return finding("manipulation", operation=name, manipulated=manipulated, factor=interval)


CLEAN = operation("none", manipulated=False)


def answers(*findings, last=None):
    return Answers({found.analysis: found for found in findings}, last)


def compare(analysis, before, after, d):
    return RULES[analysis].compare(before, after, d).answer


def test_tables_are_the_same_by_name_quality_or_entries():
    def free(entries):
        return Compression(None, FREE_NAME, None, tuple(entries))

    camera = Compression(None, "Canon", None)
    assert same_table(stored(75), stored(77)) is True
    assert same_table(stored(75), stored(78)) is False
    assert same_table(camera, camera) is True
    assert same_table(camera, stored(75)) is None  # nothing to compare
    assert same_table(free(steps(75)), stored(75)) is True
    assert same_table(free(steps(75)), stored(90)) is False
    assert same_table(free((*steps(75)[:7], *(None,) * 57)), stored(75)) is None  # too few are told
    half = [step if k % 3 else 3 * step for k, step in enumerate(steps(75))]
    assert same_table(free(half), stored(75)) is None


def test_what_is_seen_is_attributed_to_the_nearer_compression():
    first, last = stored(89), stored(90)
    assert attribute(stored(88), first, last) == "first"
    assert attribute(stored(91), first, last) == "last"
    assert attribute(Compression((0, 0)), first, last) == "both"
    assert attribute(stored(70), first, last) == "neither"
    assert attribute(stored(89)._replace(origin=(1, 2)), first, last) == "neither"
    assert attribute(stored(89)._replace(origin=None), first, None) == "first"


@pytest.mark.parametrize(
    ("d", "after", "expected"),
    [
        (PNG, count(1), HELD),
        (PNG, count(2, [0, 0]), CONTRADICTED),
        (PNG, count(None), LOST),
        (JPEG_95, count(2, [0, 0]), HELD),  # the one that there was is seen, and nothing before it
        (JPEG_95, count(2, [4, 4]), CONTRADICTED),
        (JPEG_95, count(2, [4, 4], sure=0.2), HELD),  # no grid is claimed
        (JPEG_95, count(1), LOST),
        (CROP_JPEG, count(2, [5, 3]), HELD),
        (CROP_JPEG, count(2, [0, 0]), CONTRADICTED),
        (JPEG_90, count(1), NOT_ASKED),  # the same table on the same grid
    ],
)
def test_once_stays_once_and_its_compression_becomes_an_earlier_one(d, after, expected):
    before = answers(count(1), table(), last=stored(90))
    assert compare("compression-count", before, answers(after, table()), d) is expected


@pytest.mark.parametrize(
    ("d", "after", "expected"),
    [
        (PNG, count(2, [6, 5]), HELD),
        (CROP, count(2, [6, 5]), HELD),  # both grids are moved
        (PNG, count(2, [6, 4]), CONTRADICTED),
        (PNG, count(1), LOST),
        (JPEG_95, count(2, [6, 5]), HELD),
        (JPEG_95, count(2, [0, 0]), COVERED),  # only what was the last
        (JPEG_95, count(2, [1, 1]), CONTRADICTED),
        (JPEG_95, count(1), LOST),
        (CROP_JPEG, count(2, [3, 0]), HELD),
        (CROP_JPEG, count(2, [5, 3]), COVERED),
        (CROP_JPEG, count(2, [6, 5]), CONTRADICTED),
    ],
)
def test_twice_must_be_seen_on_the_first_grid(d, after, expected):
    before = answers(count(2, [6, 5]), table(quality=75, origin=(6, 5)), last=stored(90))
    after = answers(after, table(quality=75, origin=after.values.get("grid_origin") or (0, 0)))
    assert compare("compression-count", before, after, d) is expected


@pytest.mark.parametrize(
    ("d", "seen", "expected"),
    [
        (JPEG_95, table(quality=76), HELD),
        (JPEG_95, table(quality=90), COVERED),
        (JPEG_95, table(quality=83), LOST),  # neither: it cannot be told whose trace it is
        (JPEG_95, table(), LOST),
        (CROP_JPEG, table(quality=76, origin=(5, 3)), HELD),
    ],
)
def test_on_one_grid_the_table_decides_which_compression_is_seen(d, seen, expected):
    before = answers(count(2, [0, 0]), table(quality=75), last=stored(90))
    grid = list(seen.values.get("grid_origin", (0, 0)))
    assert compare("compression-count", before, answers(count(2, grid), seen), d) is expected


@pytest.mark.parametrize(
    ("d", "seen", "expected"),
    [
        (PNG, table(quality=77), HELD),
        (PNG, table(quality=60), CONTRADICTED),
        (PNG, table(), LOST),
        (RESIZE, table(), LOST),
        (JPEG_95, table(quality=75, origin=(6, 5)), HELD),
        (JPEG_95, table(quality=90), COVERED),
        (JPEG_95, table(quality=60, origin=(6, 5)), CONTRADICTED),
        (JPEG_95, table(FREE_NAME, origin=(6, 5), entries=steps(75)), HELD),
        (JPEG_90, table(quality=75, origin=(6, 5)), HELD),
    ],
)
def test_the_first_table_must_be_told_again(d, seen, expected):
    before = answers(table(quality=75, origin=(6, 5)), last=stored(90))
    assert compare("primary-table", before, answers(seen), d) is expected


@pytest.mark.parametrize(
    ("d", "after", "expected"),
    [
        (CROP, [pixels(True, 89, (5, 3))], HELD),
        (CROP, [pixels(True, 89, (0, 0))], CONTRADICTED),
        (PNG, [pixels(True, 80)], CONTRADICTED),
        (PNG, [pixels(False)], LOST),
        (RESIZE, [pixels(False)], LOST),
        (RESIZE, [pixels(True, 90, (2, 7))], HELD),  # no grid to compare
        (RESIZE, [pixels(True, 70, (2, 7))], CONTRADICTED),
        (JPEG_95, [pixels(True, 90), count(1), table()], HELD),  # still seen in the pixels
        (JPEG_95, [pixels(True, 95), count(2, [0, 0]), table(quality=90)], HELD),
        (JPEG_95, [pixels(True, 95), count(1), table()], LOST),
        (JPEG_95, [pixels(True, 95), count(2, [0, 0]), table(quality=70)], CONTRADICTED),
        (JPEG_95, [pixels(True, 95), count(2, [6, 5]), table(quality=75, origin=(6, 5))], LOST),
        (JPEG_90, [pixels(True, 90), count(1), table()], NOT_ASKED),
    ],
)
def test_was_jpeg_must_be_seen_in_the_pixels_or_before_the_new_compression(d, after, expected):
    before = answers(pixels(True, 90), count(2, [6, 5]), table(quality=75, origin=(6, 5)), last=stored(90))
    assert compare("quality-map", before, answers(*after), d) is expected


@pytest.mark.parametrize(
    ("d", "after", "expected"),
    [
        (CROP, [pixels(False)], HELD),
        (CROP, [pixels(True, 90)], CONTRADICTED),
        (JPEG_95, [pixels(True, 95), count(1)], HELD),
        (JPEG_95, [pixels(True, 95), count(2, [0, 0])], CONTRADICTED),
        (JPEG_95, [pixels(True, 95), count(None)], LOST),
    ],
)
def test_never_jpeg_becomes_compressed_once(d, after, expected):
    assert compare("quality-map", answers(pixels(False)), answers(*after), d) is expected


def test_parts_of_pixels_must_be_told_apart_again():
    before = answers(pixels(True, 90, parts=2))
    assert compare("quality-map", before, answers(pixels(True, 90, (5, 3), parts=2)), CROP) is HELD
    assert compare("quality-map", before, answers(pixels(True, 90, (5, 3))), CROP) is LOST
    assert compare("quality-map", before, answers(pixels(True, 95), count(1)), JPEG_95) is NOT_ASKED


@pytest.mark.parametrize(
    ("before", "d", "after", "expected"),
    [
        (past(85, 62), PNG, past(85, 62), HELD),
        (past(85, 62), PNG, past(85), CONTRADICTED),
        (past(85, 62), JPEG_95, past(90), COVERED),  # what covers them all
        (past(85, 62), JPEG_95, past(85), CONTRADICTED),
        (past(85, 62), JPEG_95, finding("regions", Status.INCONCLUSIVE), LOST),
        (finding("regions"), CROP, past(85, 62), HELD),  # several JPEG files, which have no list
        (past(85), PNG, past(84), HELD),
        (past(85), PNG, past(70), CONTRADICTED),
        (past(85), JPEG_95, past(85), HELD),
        (past(75), JPEG_95, past(90), COVERED),
        (past(75), JPEG_95, past(75, 90), LOST),  # in some places what was the last compression covers it
        (past(75), JPEG_95, past(75, 60), CONTRADICTED),
        (past(75), PNG, past(75, 90), CONTRADICTED),
        (past(75), JPEG_95, past(75, None), CONTRADICTED),  # another past, or none
        (past(75), JPEG_95, finding("regions"), CONTRADICTED),
        (past(75, origin=(6, 5)), CROP_JPEG, past(75, origin=(3, 0)), HELD),
        (past(75, origin=(6, 5)), CROP_JPEG, past(75, origin=(6, 5)), CONTRADICTED),
    ],
)
def test_parts_differ_or_have_one_past(before, d, after, expected):
    assert compare("regions", answers(before, last=stored(90)), answers(after), d) is expected


@pytest.mark.parametrize(
    ("before", "d", "after", "expected"),
    [
        (CLEAN, PNG, CLEAN, HELD),
        (CLEAN, JPEG_95, operation("noise"), CONTRADICTED),
        (CLEAN, RESIZE, operation("resized", 0.9), NOT_ASKED),
        (operation("resized", 1.3), JPEG_95, operation("resized", 1.31), HELD),
        (operation("resized", 1.3), JPEG_95, operation("resized", 1.5), CONTRADICTED),
        (operation("resized", 1.3), JPEG_95, operation("resized and blurred", 1.3), HELD),
        (operation("resized", 1.3), JPEG_95, operation("blurred"), CONTRADICTED),
        (operation("resized", 1.3), JPEG_95, CLEAN, LOST),
        (operation("resized", 1.3), RESIZE, operation("resized", 1.17), HELD),
        (operation("resized", 1.3), RESIZE, operation("resized", 0.9), LOST),  # the disturbance itself
        (operation("median"), JPEG_95, operation("median"), HELD),
        (operation("median"), JPEG_95, operation("noise"), CONTRADICTED),
        (operation(None), JPEG_95, operation("median"), HELD),
        (operation("median"), RESIZE, finding("manipulation", Status.NOT_APPLICABLE), LOST),
    ],
)
def test_an_operation_must_be_claimed_again_with_its_factor(before, d, after, expected):
    assert compare("manipulation", answers(before), answers(after), d) is expected


def test_every_analysis_of_pixels_has_a_rule_and_those_of_the_file_have_none():
    ids = {analysis.id for analysis in all_analyses()}
    assert set(RULES) <= ids
    assert ids - set(RULES) == {"file-facts", "encoder", "laundering"}
    assert all(set(rule.needs) <= ids for rule in RULES.values())
    assert set(stability.SETTINGS) <= set(RULES)


def trial(name, answer, says="Something else."):
    d = next(d for d in stability.ladder() if d.id == name)
    return Trial(d.id, d.text, d.harmless, answer, says)


@pytest.mark.parametrize(
    ("answers_by_name", "expected"),
    [
        (
            {"jpeg-98": HELD, "jpeg-95": HELD, "jpeg-90": LOST, "jpeg-85": LOST},
            "Holds down to quality 95, lost at 90 and 85.",
        ),
        ({"jpeg-98": HELD, "jpeg-95": HELD}, "Holds down to quality 95, the lowest tried."),
        ({"jpeg-98": LOST, "jpeg-95": HELD}, "Holds at quality 95, lost at 98."),
        (
            {"jpeg-98": COVERED, "jpeg-95": LOST, "jpeg-90": HELD},
            "Holds at quality 90, lost at 95, covered by what was the last compression at 98.",
        ),
        ({"jpeg-98": COVERED}, "Covered by what was the last compression at quality 98."),
        (
            {"jpeg-98": COVERED, "crop-jpeg-95": COVERED},
            "Covered by what was the last compression at quality 98; covered after that crop and a re-save as JPEG 95.",
        ),
        (
            {"jpeg-98": HELD, "jpeg-90": CONTRADICTED},
            'After a re-save as JPEG 90 it says "Something else"; holds down to quality 98.',
        ),
        (
            {"png": CONTRADICTED, "jpeg-95": CONTRADICTED},
            'Unsure: after a re-save as PNG it says "Something else", and something else than before after 1 more.',
        ),
        ({"resize-99": LOST, "resize-95": LOST, "resize-90": LOST}, "Does not survive a resize to 99 %."),
        ({"resize-99": HELD, "resize-95": LOST}, "Holds down to a resize to 99 %, lost at 95 %."),
        (
            {"png": HELD, "crop": HELD, "crop-jpeg-95": LOST},
            "Holds after a re-save as PNG and a crop by 3 rows and 5 columns; lost after that crop and a re-save as "
            "JPEG 95.",
        ),
        ({"png": NOT_ASKED}, "Nothing that was tried could be compared."),
    ],
)
def test_trials_in_words(answers_by_name, expected):
    trials = [trial(name, answer) for name, answer in answers_by_name.items()]
    assert stability.summarise(stability.verdict_of(trials), trials) == expected


def test_only_what_should_leave_a_claim_alone_makes_it_unsure():
    def verdict(**changes):
        named = {name.replace("_", "-"): answer for name, answer in changes.items()}
        return stability.verdict_of([trial(name, answer) for name, answer in named.items()])

    assert verdict(png=HELD, jpeg_90=NOT_ASKED) is Verdict.HOLDS
    assert verdict(png=HELD, jpeg_90=LOST) is Verdict.LIMITED
    assert verdict(png=HELD, jpeg_90=CONTRADICTED) is Verdict.LIMITED
    assert verdict(png=LOST, jpeg_98=HELD) is Verdict.LIMITED
    for name in ("png", "crop", "jpeg_98"):
        assert verdict(**{name: CONTRADICTED, "jpeg_90": HELD}) is Verdict.UNSURE
    assert verdict(png=NOT_ASKED) is Verdict.NO_CLAIM


SHIFTED = simulate(scene(5, 216, 264), "jpeg:60 | crop:3,2 | jpeg:85").data


@pytest.fixture(scope="module")
def shifted():
    shares = []
    only = ("quality-map", "compression-count", "primary-table")
    found = stability.of(Picture.open(SHIFTED), only, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    return found


def of_trials(found, analysis):
    return {t.disturbance: t.answer for t in found.find(analysis).trials}


def test_a_planted_history_is_followed_through_every_disturbance(shifted):
    counted = of_trials(shifted, "compression-count")
    assert list(counted) == [d.id for d in stability.ladder()]
    assert {counted[name] for name in ("png", "crop", "jpeg-85", "jpeg-80")} == {HELD}  # the shifted grid is still told
    # What was the last compression stands before the new one.
    assert {counted[name] for name in ("jpeg-98", "jpeg-95", "jpeg-90", "crop-jpeg-95")} == {COVERED}
    assert {counted[f"resize-{p}"] for p in (99, 95, 90)} == {LOST}
    assert of_trials(shifted, "primary-table") == counted
    was_jpeg = of_trials(shifted, "quality-map")
    assert {was_jpeg[name] for name in ("png", "crop", "jpeg-98", "jpeg-95", "jpeg-90", "crop-jpeg-95")} == {HELD}
    assert was_jpeg["jpeg-85"] is NOT_ASKED
    assert shifted.find("quality-map").summary == (
        "Holds down to quality 90, lost at 80; does not survive a resize to 99 %; holds after a re-save as PNG, a crop "
        "by 3 rows and 5 columns and that crop and a re-save as JPEG 95."
    )
    assert [found.verdict for found in shifted.verdicts] == [Verdict.LIMITED] * 3
    assert shifted.part is None
    assert shifted.unsure == ()


def test_the_result_goes_through_json_and_fits_the_schema(shifted):
    report = dataclasses.replace(inspect(SHIFTED, only="compression-count"), stability=shifted)
    data = json.loads(report.to_json())
    jsonschema.Draft202012Validator(report_schema()).validate(data)
    assert Report.from_dict(data).to_dict() == report.to_dict()
    assert Report.from_dict(data).stability == shifted
    assert Report.from_dict(data | {"stability": None}).stability is None
    del data["stability"]  # a report of an older version
    jsonschema.Draft202012Validator(report_schema()).validate(data)
    assert Report.from_dict(data).stability is None
    validator = jsonschema.Draft202012Validator(report_schema())
    assert not validator.is_valid(data | {"stability": {"verdicts": []}})
    with pytest.raises(UsageError, match="not the JSON form of a stability"):
        Report.from_dict(data | {"stability": {"verdicts": []}})


def flipping(picture, params):
    """Says one thing of a JPEG file and another of its pixels."""
    name = "none" if picture.jpeg is not None else "noise"
    values = {"operation": name, "manipulated": name != "none", "factor": None}
    return Outcome(Status.OK, f"It was {name}.", values, remarks=(Remark(Level.INFO, "by a fake"),))


@pytest.fixture
def planted(monkeypatch):
    """`manipulation` with another function in its place."""
    real = next(analysis for analysis in all_analyses() if analysis.id == "manipulation")

    def plant(run):
        monkeypatch.setitem(_registry._REGISTERED, real.id, dataclasses.replace(real, run=run))
        all_analyses.cache_clear()

    yield plant
    _registry._REGISTERED[real.id] = real
    all_analyses.cache_clear()


def short_ladder(monkeypatch, *names):
    chosen = tuple(d for d in stability.ladder() if d.id in names)
    monkeypatch.setattr(stability, "ladder", lambda: chosen)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (
            {"quality-map": Verdict.HOLDS, "regions": Verdict.LIMITED, "manipulation": Verdict.HOLDS},
            "hold after all that was tried: quality-map, manipulation; hold after some of it: regions",
        ),
        ({"regions": Verdict.NO_CLAIM}, "nothing was claimed that could be lost"),
    ],
)
def test_in_brief_it_is_said_whose_claims_hold(verdicts, expected):
    told = stability.Stability(tuple(Endurance(name, "It is.", v, "So.") for name, v in verdicts.items()))
    brief = render_brief(Report(InputFacts("a.jpg", "0" * 64, 1, "jpeg", 8, 8), stability=told)).plain
    assert brief.splitlines()[-1] == f"  stability: {expected}"


def test_an_answer_that_flips_is_unsure_and_reports_say_so(planted, monkeypatch):
    planted(flipping)
    short_ladder(monkeypatch, "png", "jpeg-98")
    report = stability.inspect_with_stability(as_file(scene(1), quality=90), only=["manipulation"])
    (found,) = report.stability.verdicts
    assert found.verdict is Verdict.UNSURE
    assert found.summary.startswith('Unsure: after a re-save as PNG it says "It was noise"')
    assert [t.answer for t in found.trials] == [CONTRADICTED, HELD]
    assert render_brief(report).plain.splitlines()[1:] == [
        "  ! “What was done before” says something else after next to nothing was done to the picture.",
        "  stability: change after next to nothing: manipulation",
    ]
    console = Console(width=100, record=True, file=io.StringIO(), highlight=False)
    console.print(render_text(report))
    assert "stability: Unsure: after a re-save as PNG" in console.export_text()
    page = render_html([report])
    assert 'class="unsure">Unsure: after a re-save as PNG' in page
    assert "After each disturbance (2)" in page
    assert '<tr><td>a re-save as PNG</td><td class="contradicted">contradicted</td><td>It was noise.</td></tr>' in page


def test_an_analysis_that_fails_after_a_disturbance_is_not_called_lost(planted, monkeypatch):
    def failing(picture, params):
        if picture.jpeg is None:
            raise ValueError("planted")
        return flipping(picture, params)

    planted(failing)
    short_ladder(monkeypatch, "png", "jpeg-98")
    found = stability.of(Picture.open(as_file(scene(1))), "manipulation").find("manipulation")
    assert [t.answer for t in found.trials] == [NOT_ASKED, HELD]
    assert "planted" in found.trials[0].says


def test_a_claim_about_a_part_is_shown_where_it_differs():
    report = inspect(as_file(scene(1)), only="encoder")
    claim = Endurance("encoder", "Another thing.", Verdict.HOLDS, "Holds.", (trial("png", HELD),))
    report = dataclasses.replace(report, stability=Stability((claim,), (8, 16, 400, 300)))
    console = Console(width=200, record=True, file=io.StringIO(), highlight=False)
    console.print(render_text(report))
    text = console.export_text()
    assert 'stability: Holds. (of "Another thing.")' in text
    assert "400 x 300 pixels from row 16, column 8 were cut out and disturbed, the rest was not looked at" in text
    assert "(of “Another thing.”)" in render_html([report])


def test_large_pictures_are_cut_on_their_grid(monkeypatch):
    monkeypatch.setattr(stability, "MOST_PIXELS", 30_000)
    short_ladder(monkeypatch, "jpeg-98")
    picture = Picture.open(simulate(scene(3, 250, 331), "jpeg:60 | jpeg:85").data)
    left, top, width, height = part = stability._centre(picture)
    assert (left % 16, top % 16, width % 16, height % 16) == (0, 0, 0, 0)
    assert 20_000 < width * height <= 30_000
    cut = stability._cut_out(picture, picture.raster.pixels, part)
    whole, piece = picture.coefficients.components, cut.coefficients.components
    rows, cols = slice(top // 8, (top + height) // 8), slice(left // 8, (left + width) // 8)
    assert (piece[0].blocks == whole[0].blocks[rows, cols]).all()
    rows, cols = slice(top // 16, (top + height) // 16), slice(left // 16, (left + width) // 16)
    assert (piece[1].blocks == whole[1].blocks[rows, cols]).all()
    assert (cut.raster.pixels == picture.raster.pixels[top : top + height, left : left + width]).all()
    found = stability.of(picture, "compression-count")
    assert found.part == part
    assert found.find("compression-count").claim == "Compressed at least twice, before that on the same grid."
    strip = dataclasses.replace(picture, width=10_000, height=64)
    vars(strip)["partial_coefficients"] = picture.partial_coefficients
    assert stability._centre(strip)[3] == 64


def test_all_of_a_small_picture_is_looked_at_to_its_last_block():
    picture = Picture.open(simulate(scene(3, 90, 107), "jpeg:85").data)
    assert stability._centre(picture) == (0, 0, 107, 90)
    cut = stability._cut_out(picture, picture.raster.pixels, (0, 0, 107, 90))
    for whole, piece in zip(picture.coefficients.components, cut.coefficients.components, strict=True):
        assert (piece.blocks == whole.blocks).all()


def cmyk():
    out = io.BytesIO()
    Image.fromarray(np.zeros((80, 80, 4), np.uint8), "CMYK").save(out, "TIFF")
    return out.getvalue()


def deep():
    out = io.BytesIO()
    Image.fromarray(np.zeros((80, 80), np.uint16)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "only", "why"),
    [
        (as_file(scene(1)[:40]), None, "smaller than 64 pixels"),
        (cmyk(), None, "CMYK"),
        (deep(), None, "16 bits"),
        (as_file(scene(1))[:-900], None, "cannot be decoded"),
        (as_file(scene(1)), ["encoder", "file-facts"], "nothing that was asked"),
    ],
    ids=["small", "cmyk", "deep", "damaged", "file"],
)
def test_what_is_not_disturbed_says_why(data, only, why):
    found = stability.of(Picture.open(data), only)
    assert found.verdicts == ()
    assert why in found.not_done
    assert why in found.looked_at
    assert Stability.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_same_pixels_once_more_are_not_tried_and_alpha_is_left_out(monkeypatch):
    short_ladder(monkeypatch, "png", "jpeg-98")
    opaque = np.full((96, 128, 1), 200, np.uint8)
    picture = Picture.open(as_file(np.concatenate([scene(1), opaque], axis=2), "PNG"))
    found = stability.of(picture, "quality-map").find("quality-map")
    assert [t.disturbance for t in found.trials] == ["jpeg-98"]


def test_a_wrong_name_is_wrong_usage():
    with pytest.raises(UsageError, match="did you mean"):
        stability.of(Picture.open(as_file(scene(1))), "region")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "good.jpg").write_bytes(SHIFTED)
    (tmp_path / "text.txt").write_text("words")
    monkeypatch.chdir(tmp_path)
    short_ladder(monkeypatch, "crop", "jpeg-85")
    return tmp_path


def test_the_command_adds_it_to_every_form(folder):
    ask = ["inspect", "good.jpg", "--stability", "--only", "file-facts,compression-count"]
    done = CliRunner().invoke(app, ask)
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    assert "stability: Holds down to quality 85, the lowest tried; holds after a crop by 3 rows and 5 columns." in text
    assert "Whether answers hold: the whole picture was disturbed." in text
    done = CliRunner().invoke(app, [*ask, "--json", "text.txt"])
    assert done.exit_code == 1
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    for item in (first, second):
        jsonschema.Draft202012Validator(report_schema()).validate(item)
    assert [v["verdict"] for v in first["stability"]["verdicts"]] == ["holds"]
    assert second["stability"] is None
    assert second["error"]["kind"] == "UnknownFormat"
    done = CliRunner().invoke(app, [*ask, "--html", "out.html"])
    assert done.exit_code == 0
    assert "After each disturbance (2)" in (folder / "out.html").read_text(encoding="utf-8")
    done = CliRunner().invoke(app, ["inspect", "-", "--stability", "--only", "encoder", "--brief"], input=SHIFTED)
    assert done.exit_code == 0
    assert done.stdout.startswith("<stdin>: It was last saved with the standard tables of quality 85")
    done = CliRunner().invoke(app, ["inspect", "good.jpg", "--only", "encoder", "--json"])
    assert json.loads(done.stdout)["stability"] is None


def test_claims_read_the_last_compression_where_it_is_to_be_had():
    assert _claims.stored_compression(Picture.open(as_file(scene(1), "PNG"))) is None
    assert _claims.stored_compression(Picture.open(as_file(scene(1), quality=90))) == stored(90)
    assert answers(pixels(True, 80, (3, 4))).last == stored(80)._replace(origin=(3, 4))
    assert answers(pixels(False)).last is None
