"""Every analysis of the registry keeps its promises; and the checks find one that does not."""

import dataclasses
import itertools

import numpy as np
import pytest

from checks import contracts
from checks.pictures import as_file, camera_file, scene
from jpegtrace.analyses import Analysis, all_analyses
from jpegtrace.chain import simulate
from jpegtrace.errors import CorruptInput, InputError, UsageError
from jpegtrace.findings import Claim, Level, Map, Matrix, Outcome, Remark, Status, Topic
from jpegtrace.picture import Picture
from jpegtrace.tables import known_tables

ALL = all_analyses()
JPEG = as_file(scene(1), quality=88)
PNG = as_file(scene(2), "PNG")
GREY_PROGRESSIVE = as_file(scene(3)[..., 0], progressive=True, quality=40)
LARGER = as_file(scene(1, 144, 160), quality=88)  # some maps need more than the 96 pixels of the others
LARGER_GREY = as_file(scene(3, 144, 160)[..., 0], progressive=True, quality=40)
DECODED = as_file(simulate(scene(5, 160, 176), "jpeg:70 | crop:3,5 | jpeg:92 | crop:1,2").pixels, "PNG")
PICTURES = {
    "jpeg": JPEG,
    "decoded": DECODED,
    "png": PNG,
    "progressive": GREY_PROGRESSIVE,
    "cut off": JPEG[: len(JPEG) * 2 // 3],
}


def pristine() -> list[bytes]:
    """Pictures nothing was done to: saved once by a program, or as the survey's cameras save them."""
    saved = [
        as_file(scene(seed), quality=quality, subsampling=subsampling, progressive=seed % 3 == 0)
        for seed, (quality, subsampling) in enumerate(itertools.product((30, 60, 75, 90, 95, 100), (0, 1, 2)))
    ]
    cameras = [k for k in known_tables() if k.raw_makers and k.quality is None and not k.raw_software and k.makers]
    taken = []
    for seed, known in enumerate(cameras[:60]):
        make, model = known.raw_makers[0][0].split(" | ")
        taken.append(camera_file(seed, [t.ravel().tolist() for t in known.tables[:2]], make, model))
    return saved + taken


PRISTINE = pristine()


@pytest.mark.parametrize("analysis", ALL, ids=lambda a: a.id)
class TestEveryAnalysis:
    def test_declaration(self, analysis):
        contracts.check_declaration(analysis)

    @pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES.keys())
    @pytest.mark.parametrize("check", contracts.PER_PICTURE, ids=lambda c: c.__name__)
    def test_per_picture(self, analysis, check, data):
        check(analysis, data)

    def test_survives_damage(self, analysis):
        cut = [data[:n] for data in (JPEG, GREY_PROGRESSIVE, PNG) for n in range(2, len(data), len(data) // 40)]
        rng = np.random.default_rng(0)
        flipped = []
        for data in (JPEG, GREY_PROGRESSIVE):
            for _ in range(40):
                array = np.frombuffer(data, np.uint8).copy()
                array[rng.integers(len(array), size=3)] = rng.integers(256, size=3)
                flipped.append(array.tobytes())
        contracts.check_survives(analysis, cut + flipped)

    def test_not_applicable(self, analysis):
        contracts.check_not_applicable(analysis, PNG, DECODED)

    def test_false_alarms(self, analysis):
        assert len(PRISTINE) >= 50
        contracts.check_false_alarms(analysis, PRISTINE)

    def test_maps(self, analysis):
        if analysis.map is None:
            with pytest.raises(UsageError, match=f"{analysis.id!r} has no map"):
                analysis.maps_of(Picture.open(JPEG))
            return
        for data in (LARGER, LARGER_GREY) if analysis.needs_jpeg else (LARGER, LARGER_GREY, DECODED):
            contracts.check_maps(analysis, data)
        contracts.check_maps_refuse(analysis, LARGER, PNG, DECODED)
        cut = [data[:n] for data in (JPEG, GREY_PROGRESSIVE, PNG) for n in range(len(data) // 3, len(data), 700)]
        tiny = [as_file(scene(4)[:height, :width]) for height, width in ((1, 1), (8, 8), (9, 70), (64, 64))]
        contracts.check_maps_survive(analysis, cut + tiny)


def test_ids_are_unique_and_words():
    ids = [a.id for a in ALL]
    assert len(set(ids)) == len(ids)
    assert all(part.isalnum() for name in ids for part in name.split("-"))


# The checks themselves, each against an analysis with one planted fault.


@dataclasses.dataclass(frozen=True, slots=True)
class Nothing:
    """No settings."""


def planted(run, **changes) -> Analysis:
    fields = {
        "id": "planted", "version": 1, "place": 1, "title": "Planted", "question": "Is it wrong?", "needs_jpeg": False,
        "cannot_show": ("anything",), "reference": "none", "false_alarm_rate": 0.0, "parameters": Nothing, "run": run,
    }  # fmt: skip
    return Analysis(**(fields | changes))


def good(picture, params):
    """Says nothing wrong."""
    return Outcome(Status.OK, "fine", {"size": picture.width})


def good_maps(picture, params, stride, progress):
    """Right values, of where they are."""
    rows, cols = -(-picture.height // stride), -(-picture.width // stride)
    values = np.arange(rows * cols, dtype=np.float32).reshape(rows, cols)
    for row in range(rows):
        if progress:
            progress((row + 1) / rows)
    label = np.where(values % 3 == 2, np.nan, values % 3).astype(np.float32)
    cell = (stride, stride)
    lines = "The place.", "Nothing."
    return Map("place", values, cell, "cells", (), *lines), Map("colour", label, cell, "", ("red", "green"), *lines)


def test_checks_pass_what_is_right():
    analysis = planted(good)
    contracts.check_declaration(analysis)
    for check in contracts.PER_PICTURE:
        check(analysis, JPEG)
    contracts.check_survives(analysis, [JPEG])
    contracts.check_not_applicable(analysis, PNG, DECODED)
    contracts.check_false_alarms(analysis, [JPEG])


@pytest.mark.parametrize("needs_jpeg", [True, False])
def test_checks_of_maps_pass_what_is_right(needs_jpeg):
    analysis = planted(good, map=good_maps, needs_jpeg=needs_jpeg)
    contracts.check_declaration(analysis)
    contracts.check_maps(analysis, JPEG)
    contracts.check_maps_refuse(analysis, JPEG, PNG, DECODED)
    contracts.check_maps_survive(analysis, [JPEG[:900], PNG, b"nothing"])


def changed(change):
    """A function of maps that does everything right but for one thing."""

    def maps(picture, params, stride, progress):
        """Wrong in one thing."""
        return change(good_maps(picture, params, stride, progress))

    return maps


COUNTER = itertools.count()


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (changed(lambda maps: ()), "no map"),
        (changed(lambda maps: (dataclasses.replace(maps[0], look_for=""),)), "does not say what to look at"),
        (changed(lambda maps: (maps[0], maps[0])), "tell them apart"),
        (changed(lambda maps: (dataclasses.replace(maps[0], values=maps[0].values.astype(float)),)), "float64"),
        (changed(lambda maps: (dataclasses.replace(maps[0], cell=(32, 32)),)), "leaves the picture"),
        (changed(lambda maps: (dataclasses.replace(maps[0], values=maps[0].values + next(COUNTER)),)), "differ"),
        (lambda picture, params, stride, progress: good_maps(picture, params, 24 - stride, progress), "gives more"),
        (
            lambda picture, params, stride, progress: good_maps(picture, params, stride, lambda share: progress(2)),
            "sha",
        ),
    ],
)
def test_check_maps_finds_what_is_wrong(maps, message):
    with pytest.raises(AssertionError, match=message):
        contracts.check_maps(planted(good, map=maps), JPEG)


def test_check_maps_refuse_finds_an_answer_about_another_format():
    lax = planted(good, map=good_maps)  # it does not say that it needs a JPEG, and gives nothing for others
    silent = dataclasses.replace(lax, map=lambda p, q, s, f: good_maps(p, q, s, f) if p.jpeg else ())
    with pytest.raises(AssertionError, match="needs no JPEG"):
        contracts.check_maps_refuse(silent, JPEG, PNG, DECODED)


def test_check_maps_survive_finds_an_exception():
    def fragile(picture, params, stride, progress):
        raise IndexError("beyond the end")

    with pytest.raises(AssertionError, match="IndexError on damaged input"):
        contracts.check_maps_survive(planted(good, map=fragile), [JPEG])


def test_an_error_of_a_map_names_the_input():
    def refusing(picture, params, stride, progress):
        raise CorruptInput("half a block", offset=7)

    with pytest.raises(InputError, match=r"^a.jpg: half a block \(at byte 7\)$"):
        planted(good, map=refusing).maps_of(Picture.open(JPEG, name="a.jpg"))


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "No question."},
        {"cannot_show": ()},
        {"reference": ""},
        {"parameters": object},
        {"map": lambda *_: ()},
    ],
)
def test_check_declaration_finds_what_is_missing(changes):
    with pytest.raises(AssertionError):
        contracts.check_declaration(planted(good, **changes))


def test_check_deterministic_finds_a_counter():
    counter = itertools.count()
    analysis = planted(lambda picture, params: Outcome(Status.OK, "fine", {"n": next(counter)}))
    with pytest.raises(AssertionError, match="differ"):
        contracts.check_deterministic(analysis, JPEG)


def test_check_round_trip_finds_what_json_cannot_hold():
    analysis = planted(lambda picture, params: Outcome(Status.OK, "fine", {"n": (1, 2)}))
    with pytest.raises(AssertionError, match="loses"):
        contracts.check_round_trip(analysis, JPEG)


MATRIX = Matrix("table", np.ones((2, 2), np.float32), look_for="The numbers.", not_conclude="Anything.")
CLAIM = Claim(Topic.HISTORY, "It was saved.", 0.9, not_mean="Anything.")


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Outcome(Status.OK, "s", matrices=(dataclasses.replace(MATRIX, look_for=""),)), "what to look at"),
        (Outcome(Status.OK, "s", matrices=(dataclasses.replace(MATRIX, not_conclude=""),)), "what not to conclude"),
        (Outcome(Status.OK, "s", claims=(dataclasses.replace(CLAIM, text="saved"),)), "no sentence"),
        (Outcome(Status.OK, "s", claims=(dataclasses.replace(CLAIM, not_mean=""),)), "does not mean"),
        (Outcome(Status.OK, "s", claims=(dataclasses.replace(CLAIM, grounds="a score"),)), "grounds"),
        (Outcome(Status.INCONCLUSIVE, "s", claims=(CLAIM,)), "cannot tell, and claims"),
    ],
)
def test_check_evidence_finds_what_is_wrong(outcome, message):
    contracts.check_evidence(planted(lambda p, q: Outcome(Status.OK, "s", matrices=(MATRIX,), claims=(CLAIM,))), JPEG)
    with pytest.raises(AssertionError, match=message):
        contracts.check_evidence(planted(lambda picture, params: outcome), JPEG)


def test_check_evidence_finds_a_network_that_is_not_declared():
    asking = next(analysis for analysis in ALL if analysis.id == "compression-count")
    contracts.check_evidence(asking, LARGER)
    with pytest.raises(AssertionError, match="it does not declare"):
        contracts.check_evidence(dataclasses.replace(asking, weights=()), LARGER)


def test_check_input_untouched_finds_a_scribbler():
    def scribble(picture, params):
        blocks = picture.partial_coefficients.components[0].blocks
        blocks.flags.writeable = True
        blocks[0, 0, 0, 0] += 1
        return Outcome(Status.OK, "fine")

    with pytest.raises(AssertionError, match="changed"):
        contracts.check_input_untouched(planted(scribble), JPEG)


def test_check_survives_finds_an_exception():
    def fragile(picture, params):
        raise IndexError("beyond the end")

    with pytest.raises(AssertionError, match="internal error"):
        contracts.check_survives(planted(fragile), [JPEG])


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Status.OK, "s", {"n": float("nan")}),
        Outcome(Status.OK, "s", {"n": np.int64(3)}),
        Outcome(Status.OK, "s", probability=1.5),
        Outcome(Status.OK, "s", {"summary": "shadow"}),
        Outcome(Status.NOT_APPLICABLE, "s", {"n": 1}),
        None,
    ],
)
def test_an_answer_that_cannot_be_reported_is_a_defect_of_its_analysis(outcome):
    finding = planted(lambda picture, params: outcome)(contracts.Picture.open(JPEG))
    assert finding.status is Status.FAILED
    assert "internal error" in finding.summary
    finding.to_dict()


def test_a_foreseen_failure_is_a_failed_finding():
    def refusing(picture, params):
        raise CorruptInput("half a block", offset=7)

    finding = planted(refusing)(contracts.Picture.open(JPEG))
    assert finding.status is Status.FAILED
    assert "half a block (at byte 7)" in finding.summary
    contracts.check_survives(planted(refusing), [JPEG])


def test_check_not_applicable_finds_an_answer_that_should_not_be():
    failing = planted(lambda picture, params: Outcome(Status.NOT_APPLICABLE, "no", {"n": 1}))
    with pytest.raises(AssertionError):
        contracts.check_not_applicable(failing, PNG, DECODED)


def test_check_not_applicable_finds_who_never_answers():
    silent = planted(
        lambda picture, params: Outcome(Status.NOT_APPLICABLE if picture.jpeg is None else Status.OK, "no")
    )
    with pytest.raises(AssertionError, match="needs no JPEG"):
        contracts.check_not_applicable(silent, PNG, DECODED)
    asks_for_traces = planted(
        lambda picture, params: Outcome(Status.NOT_APPLICABLE if picture.data == PNG else Status.OK, "no")
    )
    contracts.check_not_applicable(asks_for_traces, PNG, DECODED)


def test_check_false_alarms_finds_an_alarmist():
    remark = Remark(Level.ALARM, "fire")
    alarmist = planted(lambda picture, params: Outcome(Status.OK, "fine", remarks=(remark,)), false_alarm_rate=0.1)
    with pytest.raises(AssertionError, match="alarms"):
        contracts.check_false_alarms(alarmist, [JPEG] * 5)
