"""The verdict: contradictions first, nothing louder than its finding, and three kinds of silence told apart."""

import dataclasses
import itertools
import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from jpegtrace.findings import READ_IN_FILE, Claim, Finding, Level, Provenance, Remark, Status, Topic
from jpegtrace.report import InputFacts, Report, report_schema
from jpegtrace.report.html import render_html
from jpegtrace.report.stability import Endurance, Stability
from jpegtrace.report.stability import Verdict as Holds
from jpegtrace.report.text import render_brief, render_text
from jpegtrace.report.verdict import HEADINGS, NEVER_MEANS, Confidence, in_percent, verdict_of

CANON = Claim(
    Topic.CONTRADICTION,
    "Its file says Canon but Photoshop wrote it.",
    grounds=READ_IN_FILE,
    not_mean="That the picture was altered.",
)
PASTED = Claim(Topic.EDIT, "A part of it does not show the past of the rest.", 0.97, facts={"an earlier one": "yes"})
TWICE = Claim(Topic.HISTORY, "It was saved as JPEG at least twice.", 0.9999, facts={"an earlier one": "yes"})
WHOLE = Claim(Topic.NOTHING, "No damage was found.", grounds=READ_IN_FILE)


def finding(analysis, *claims, status=Status.OK, summary="It was looked at.", remarks=()):
    return Finding(analysis, 1, status, summary, Provenance("0" * 64, "0.1.0"), claims=claims, remarks=remarks)


# In the order of a report, which is not that of a verdict.
HARBOUR = (
    finding("file-facts", WHOLE),
    finding("encoder", CANON, remarks=(Remark(Level.NOTICE, "the thumbnail lies across the picture"),)),
    finding("compression-count", TWICE),
    finding("regions", PASTED, remarks=(Remark(Level.NOTICE, "a part of it does not show the past of the rest"),)),
    finding("manipulation", status=Status.INCONCLUSIVE, summary="Cannot tell whether anything was done."),
    finding("laundering", status=Status.FAILED, summary="Could not look: the weights are missing."),
    finding("quality-map", status=Status.NOT_APPLICABLE, summary="This asks about another format."),
)


def printed(renderable):
    console = Console(width=200, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115, PTH123
    with console.file:
        console.print(renderable, soft_wrap=True)
        return console.export_text()


def test_the_golden_sentences():
    assert verdict_of(HARBOUR).text == (
        "Its file says Canon but Photoshop wrote it. A part of it does not show the past of the rest. "
        "It was saved as JPEG at least twice."
    )


def test_contradictions_come_first_then_edits_then_history_then_what_is_open():
    topics = [sentence.topic for sentence in verdict_of(HARBOUR).sentences]
    assert topics == [
        Topic.CONTRADICTION, Topic.EDIT, Topic.HISTORY, Topic.NOTHING, Topic.OPEN, Topic.NOT_LOOKED
    ]  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.islice(itertools.permutations(HARBOUR), 0, None, 700)))
def test_the_order_of_findings_changes_no_sentence(order):
    assert set(verdict_of(order).sentences) == set(verdict_of(HARBOUR).sentences)
    assert verdict_of(order).confidence is verdict_of(HARBOUR).confidence


@pytest.mark.parametrize(
    ("findings", "text", "topic"),
    [
        ((finding("encoder", WHOLE),), "No damage was found.", Topic.NOTHING),
        (HARBOUR[4:5], "It was looked at, and nothing can be told.", Topic.OPEN),
        (HARBOUR[5:6], "It could not be looked at.", Topic.NOT_LOOKED),
    ],
)
def test_nothing_found_cannot_tell_and_could_not_look_never_look_alike(findings, text, topic):
    verdict = verdict_of(findings)
    assert verdict.text == text
    assert [sentence.topic for sentence in verdict.sentences] == [topic]
    others = {Topic.NOTHING, Topic.OPEN, Topic.NOT_LOOKED} - {topic}
    told = printed(render_text(Report(InputFacts("a.jpg"), findings)))
    assert HEADINGS[topic] in told
    assert not any(HEADINGS[other] in told for other in others)


def test_what_does_not_arise_is_named_apart():
    assert verdict_of(HARBOUR).not_asked == ("Ever a JPEG",)
    assert verdict_of(HARBOUR[6:]).text == "Nothing was asked that would give a verdict."


def test_alarms_of_an_analysis_without_claims_are_contradictions():
    alarm = Remark(Level.ALARM, "the tables are another's")
    (sentence,) = verdict_of([finding("new-analysis", remarks=(alarm,))]).sentences
    assert (sentence.topic, sentence.text) == (Topic.CONTRADICTION, "The tables are another's.")


def test_notices_are_told_once():
    assert verdict_of(HARBOUR).unusual == ("the thumbnail lies across the picture",)


def test_the_same_sentence_of_two_analyses_is_told_once_with_both():
    silent = [finding(name, status=Status.INCONCLUSIVE, summary="Cannot tell: it is flat.") for name in ("a", "b")]
    (sentence,) = verdict_of(silent).sentences
    assert sentence.analyses == ("a", "b")


def test_answers_that_do_not_agree_are_said_not_to():
    once = finding("primary-table", Claim(Topic.NOTHING, "There was none.", 0.9, facts={"an earlier one": "no"}))
    verdict = verdict_of((*HARBOUR, once))
    (sentence,) = verdict.about(Topic.DISAGREEMENT)
    assert sentence.text == (
        "Analyses do not agree on an earlier one "
        "(“Compressed how often”, “Parts with different pasts”: yes; “The first quantization table”: no)."
    )
    assert sentence.analyses == ("compression-count", "regions", "primary-table")
    assert verdict.confidence is Confidence.LOW
    assert not verdict_of(HARBOUR).about(Topic.DISAGREEMENT)


def test_an_answer_that_next_to_nothing_changes_lowers_the_confidence():
    shaken = Stability((Endurance("regions", "parts", Holds.UNSURE, "It says something else."),))
    verdict = verdict_of(HARBOUR, shaken)
    assert [sentence.analyses for sentence in verdict.about(Topic.DISAGREEMENT)] == [("regions",)]
    assert verdict.confidence is Confidence.LOW
    before, hedged = ([s.text for s in one.about(Topic.EDIT)] for one in (verdict_of(HARBOUR), verdict))
    assert hedged == [f"Unsure: {text}" for text in before] != []
    assert verdict.about(Topic.HISTORY) == verdict_of(HARBOUR).about(Topic.HISTORY)


def told(probability=None, grounds=""):
    return finding("a", Claim(Topic.HISTORY, f"It was {probability}.", probability, grounds))


@pytest.mark.parametrize(
    ("findings", "confidence"),
    [
        ([told(grounds=READ_IN_FILE)], "high"),
        ([told(0.999)], "high"),
        ([told(0.999), told(0.95)], "moderate"),
        ([told(0.999), told(grounds="a score")], "moderate"),
        ([told(0.999), told(0.6)], "mixed"),
        ([told(grounds=READ_IN_FILE), told(0.6)], "mixed"),
        ([told(0.7)], "low"),
        ([], "none"),
        (HARBOUR[4:], "none"),
    ],
)
def test_confidence(findings, confidence):
    assert verdict_of(findings).confidence == confidence


@pytest.mark.parametrize(
    ("probability", "words"),
    [(1, "over 99%"), (0.996, "over 99%"), (0.99, "99%"), (0.6, "60%"), (0.006, "1%"), (0, "under 1%")],
)
def test_no_probability_is_told_as_certainty(probability, words):
    assert in_percent(probability) == words


def test_it_says_what_it_does_not_mean():
    assert verdict_of(HARBOUR).not_mean == ("That the picture was altered.", NEVER_MEANS)


@pytest.mark.parametrize("word", ["fake", "authentic", "genuine", "forged"])
def test_it_never_calls_a_picture_fake_or_authentic(word):
    page = render_html([Report(InputFacts("a.jpg"), HARBOUR)])
    verdict = page[page.index('class="verdict"') : page.index('class="finding"')]
    assert word not in verdict.casefold()


def test_the_page_begins_with_the_verdict():
    page = render_html([Report(InputFacts("a.jpg"), HARBOUR)])
    places = ("<h1>", ">Verdict</h2>", CANON.text, PASTED.text, TWICE.text, "Confidence: <strong>", 'class="question"')
    found = [page.index(text) for text in places]
    assert found == sorted(found)
    assert "probability 97%" in page
    assert '<a href="#finding-1-regions">Parts with different pasts</a>' in page


def brief(*findings):
    return printed(render_brief(Report(InputFacts("a.jpg"), findings))).splitlines()


def test_brief_tells_the_verdict_and_a_line_for_each_finding_that_adds_to_it():
    assert brief(*HARBOUR) == [
        "a.jpg: !! Its file says Canon but Photoshop wrote it. A part of it does not show the past of the rest. "
        "It was saved as JPEG at least twice.",
        "  encoder: ! the thumbnail lies across the picture.",
        "  cannot tell: manipulation",
        "  laundering: Could not look: the weights are missing.",
    ]


def test_brief_has_a_sentence_of_each_analysis_before_a_second_of_any():
    table = Claim(Topic.HISTORY, "Photoshop's tables are in it.", grounds=READ_IN_FILE)
    earlier = Claim(Topic.HISTORY, "Its first table was another.", 0.99)
    lines = brief(finding("encoder", CANON, table), finding("compression-count", TWICE, earlier), HARBOUR[3])
    assert lines == [
        "a.jpg: !! Its file says Canon but Photoshop wrote it. A part of it does not show the past of the rest. "
        "It was saved as JPEG at least twice.",
        "  encoder: Photoshop's tables are in it.",
        "  compression-count: Its first table was another.",
    ]


def test_brief_fills_the_verdict_with_what_was_not_found():
    once = finding("compression-count", Claim(Topic.NOTHING, "No earlier compression.", 0.99))
    clean = finding("regions", Claim(Topic.NOTHING, "No parts.", 0.99))
    hidden = finding("laundering", Claim(Topic.NOTHING, "Nothing hidden.", 0.99))
    assert brief(HARBOUR[0], once, clean, hidden) == [
        "a.jpg: No damage was found. No earlier compression. No parts.",
        "  looked for and not found: laundering",
    ]


def test_brief_names_those_that_found_nothing_at_all_and_no_other():
    both = finding("encoder", CANON, Claim(Topic.NOTHING, "Nothing else contradicts it.", grounds=READ_IN_FILE))
    hidden = finding("laundering", Claim(Topic.NOTHING, "Nothing hidden.", 0.99))
    (named,) = [line for line in brief(*HARBOUR[:1], both, hidden, HARBOUR[3]) if "not found" in line]
    assert named == "  looked for and not found: laundering"


def test_brief_says_nothing_twice():
    words = "\n".join(brief(*HARBOUR, finding("primary-table", TWICE), finding("quality-map", PASTED)))
    for claim in (CANON, PASTED, TWICE):
        assert words.count(claim.text) == 1


def test_brief_of_answers_that_do_not_agree_says_so():
    once = finding("primary-table", Claim(Topic.NOTHING, "There was none.", 0.9, facts={"an earlier one": "no"}))
    assert any(line.startswith("  ! Analyses do not agree on an earlier one") for line in brief(*HARBOUR, once))


def test_the_id_that_only_takes_stands_beside_each_heading():
    report = Report(InputFacts("a.jpg"), HARBOUR)
    text, page = printed(render_text(report)), render_html([report])
    assert "■ Parts with different pasts [regions]" in text
    assert "■ Ever a JPEG [quality-map] (not applicable)" in text
    for one in HARBOUR:
        heading = page[page.index(f'id="title-1-{one.analysis}"') :].split("</h2>")[0]
        assert f'<code class="id" title="its name for --only">{one.analysis}</code>' in heading


def test_a_sentence_of_a_file_cannot_command_a_terminal_or_a_page():
    evil = finding("encoder", Claim(Topic.CONTRADICTION, "It says <script>\x1b[2J.", grounds="[bold]"))
    report = Report(InputFacts("a.jpg"), (evil,))
    assert "\x1b" not in printed(render_brief(report)) + printed(render_text(report))
    assert "[bold]" in printed(render_text(report))
    assert "&lt;script&gt;" in render_html([report])


def test_reports_carry_the_verdict_and_fit_the_schema():
    report = Report(InputFacts("a.jpg"), HARBOUR)
    data = json.loads(report.to_json())
    jsonschema.Draft202012Validator(report_schema()).validate(data)
    assert data["verdict"] == report.verdict.to_dict()
    assert data["verdict"]["text"].startswith("Its file says Canon")
    assert Report.from_dict(data).to_dict() == report.to_dict()


def test_a_report_of_an_older_version_still_has_a_verdict():
    data = json.loads(Report(InputFacts("a.jpg"), HARBOUR).to_json()) | {"schema_version": "1.0"}
    del data["verdict"], data["made_with"]
    for one in data["findings"]:
        for name in ("claims", "probability_of", "matrices", "comparisons"):
            del one[name]
    jsonschema.Draft202012Validator(report_schema()).validate(data)
    topics = {sentence.topic for sentence in Report.from_dict(data).verdict.sentences}
    assert topics == {Topic.OPEN, Topic.NOT_LOOKED}


WORDS = st.text(min_size=1, max_size=12)
CLAIMS = st.builds(
    Claim,
    st.sampled_from(Topic),
    WORDS,
    st.none() | st.floats(0, 1),
    st.text(max_size=12),
    st.text(max_size=12),
    st.dictionaries(st.sampled_from(("one", "two")), st.sampled_from(("yes", "no")), max_size=2),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(CLAIMS, max_size=3), max_size=4))
def test_any_claims_go_through_json_and_make_a_verdict(several):
    findings = tuple(finding(f"a{k}", *claims) for k, claims in enumerate(several))
    report = Report(InputFacts("a.jpg"), findings)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    jsonschema.Draft202012Validator(report_schema()).validate(data)
    assert Report.from_dict(data).to_dict() == report.to_dict()
    order = list(Topic)
    places = [order.index(sentence.topic) for sentence in report.verdict.sentences]
    assert places == sorted(places)
    assert {c.text for claims in several for c in claims} <= {s.text for s in report.verdict.sentences}


@pytest.mark.parametrize("changes", [{"topic": "gossip"}, {"text": ...}, {"facts": None}])
def test_what_is_no_claim_is_refused(changes):
    from jpegtrace.errors import UsageError

    data = {k: v for k, v in (TWICE.to_dict() | changes).items() if v is not ...}
    with pytest.raises(UsageError, match="not the JSON form of a claim"):
        Claim.from_dict(data)


def test_an_input_that_cannot_be_read_has_no_verdict():
    from jpegtrace.report import Failure

    report = dataclasses.replace(Report(InputFacts("a.jpg")), error=Failure("CorruptInput", "cut off"))
    assert report.to_dict()["verdict"] is None
    assert "Verdict" not in render_html([report])
