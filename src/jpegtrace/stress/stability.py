"""Whether the answers about a picture hold when it is mildly disturbed.

The picture is saved without loss, saved as JPEG, cropped and resized, each on its own, and asked again. What counts as
the same answer is decided in `jpegtrace.stress._claims`, by what each analysis claims of the past. An answer that is
contradicted after next to nothing was done is called unsure, whatever probability it came with.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace._progress import Progress
from jpegtrace.analyses import threads
from jpegtrace.chain import simulate
from jpegtrace.errors import InputError
from jpegtrace.findings import Finding, Status
from jpegtrace.inspection import choose_analyses, inspect
from jpegtrace.jpeg import Coefficients
from jpegtrace.limits import DEFAULT_LIMITS, Limits
from jpegtrace.picture import Picture, Source
from jpegtrace.report import Failure, InputFacts, Report
from jpegtrace.report.stability import Answer, Endurance, Stability, Trial, Verdict
from jpegtrace.stress._claims import RULES, Answers, Disturbance, stored_compression

MOST_PIXELS = 1_500_000
SMALLEST = 64  # pixels a side
AT_ONCE = 2  # disturbed pictures; each analysis has threads of its own
QUALITIES = (98, 95, 90, 85, 80)
HARMLESS_FROM = 98
CUT = (3, 5)  # rows and columns
COVERED = "covered by what was the last compression"
PERCENT = (99, 95, 90)
ALONE = ("png", "crop", "crop-jpeg-95")  # what is no step of a ladder
# Fewer places than usual are asked, of the undisturbed picture as well; see benchmarks/stability.py.
SETTINGS: dict[str, dict[str, int]] = {"quality-map": {"most_tiles": 64}, "regions": {"most_windows": 32}}

Pixels = NDArray[np.uint8]


def ladder() -> tuple[Disturbance, ...]:
    """Everything that is tried, in order."""
    rows, cols = CUT
    crop = f"crop:{cols},{rows}"
    return (
        Disturbance("png", "a re-save as PNG", harmless=True),
        Disturbance("crop", f"a crop by {rows} rows and {cols} columns", crop, cut=CUT, harmless=True),
        *(
            Disturbance(f"jpeg-{q}", f"a re-save as JPEG {q}", f"jpeg:{q},420", q, harmless=q >= HARMLESS_FROM)
            for q in QUALITIES
        ),
        Disturbance("crop-jpeg-95", "that crop and a re-save as JPEG 95", f"{crop} | jpeg:95,420", 95, CUT),
        *(
            Disturbance(f"resize-{p}", f"a resize to {p} %", f"resize:{p / 100},bicubic", factor=p / 100)
            for p in PERCENT
        ),
    )


def of(picture: Picture, only: str | Sequence[str] | None = None, progress: Progress | None = None) -> Stability:
    """Disturb a picture, ask again, and say which claims hold.

    Args:
        picture: the picture; of a large one the centre is looked at, see `MOST_PIXELS`.
        only: id or ids of the analyses to ask; by default all. Those without a rule are left out.
        progress: called with the share that is done, from any thread, one at a time.

    Raises:
        UsageError: an analysis that does not exist.
    """
    asked = [analysis.id for analysis in choose_analyses(only) if analysis.id in RULES]
    if not asked:
        return Stability(not_done="nothing that was asked has a rule for what counts as the same answer")
    pixels = _pixels_of(picture)
    if isinstance(pixels, str):
        return Stability(not_done=pixels)
    left, top, width, height = part = _centre(picture)
    whole = (width, height) == (picture.width, picture.height)
    settings = {name: SETTINGS[name] for name in asked if name in SETTINGS}
    undisturbed = _cut_out(picture, pixels, part)
    pixels = np.ascontiguousarray(pixels[top : top + height, left : left + width])
    before = _ask(undisturbed, asked)
    claims = [name for name in asked if before.findings[name].status is Status.OK]
    # A PNG of what was no JPEG file is the same picture again.
    tried = [d for d in ladder() if d.chain or picture.jpeg is not None]
    after = _disturb(pixels, tried if claims else [], claims, progress)
    verdicts = (_judge(name, before, after) for name in asked)
    return Stability(tuple(verdicts), None if whole else part, settings)


def inspect_with_stability(
    source: Source,
    *,
    only: Sequence[str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    preview: bool = False,
    name: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """As `jpegtrace.inspection.inspect_or_explain`, with what `of` says of the answers.

    Raises:
        UsageError: an analysis that does not exist.
    """
    try:
        picture = Picture.open(source, limits=limits, name=name)
        report = inspect(picture, only=only, preview=preview)
        return replace(report, stability=of(picture, only, progress))
    except InputError as error:
        return Report(InputFacts(error.source or name or "<input>"), error=Failure.of(error))


# --- pictures -----------------------------------------------------------------------------------------------------


def _pixels_of(picture: Picture) -> Pixels | str:
    """8-bit grey or RGB pixels, or why the picture is not disturbed."""
    if min(picture.width, picture.height) < SMALLEST:
        return f"the picture is smaller than {SMALLEST} pixels a side"
    try:
        raster = picture.raster
    except InputError as error:
        return f"its pixels cannot be decoded, {error.what}"
    if raster.mode == "cmyk":
        return "its pixels are CMYK"
    if raster.bits != 8:
        return f"its samples have {raster.bits} bits, and those of a JPEG 8"
    return raster.pixels.astype(np.uint8, copy=False)


def _centre(picture: Picture) -> tuple[int, int, int, int]:
    """Left, top, width and height of what is looked at, beginning on the grid of whole MCUs."""
    height, width = picture.height, picture.width
    if height * width <= MOST_PIXELS:
        return 0, 0, width, height
    down, across = _mcu(picture)
    rows = min(height, max(SMALLEST, int(sqrt(MOST_PIXELS * height / width))))
    cols = min(width, max(SMALLEST, MOST_PIXELS // rows))
    (top, rows), (left, cols) = _middle(height, rows, down), _middle(width, cols, across)
    return left, top, cols, rows


def _middle(extent: int, wanted: int, step: int) -> tuple[int, int]:
    """Where the middle part of a side begins, and its length: multiples of `step` unless it is the whole side."""
    if wanted >= extent:
        return 0, extent
    length = wanted // step * step
    return (extent - length) // 2 // step * step, length


def _mcu(picture: Picture) -> tuple[int, int]:
    if picture.jpeg is None:
        return 8, 8
    components = picture.partial_coefficients.components
    return 8 * max(c.v for c in components), 8 * max(c.h for c in components)


def _cut_out(picture: Picture, pixels: Pixels, part: tuple[int, int, int, int]) -> Picture:
    """A part of a picture, or all of it: one that no analysis has seen, with its coefficients as they are stored."""
    left, top, width, height = part
    cut = replace(picture, width=width, height=height)
    known: dict[str, Any] = {
        "raster": replace(picture.raster, pixels=pixels[top : top + height, left : left + width], alpha=None)
    }
    if picture.jpeg is not None:
        known["partial_coefficients"] = _cut_coefficients(picture, part)
    # What a picture would decode from its bytes; files cannot be cut without another compression.
    vars(cut).update(known)
    return cut


def _cut_coefficients(picture: Picture, part: tuple[int, int, int, int]) -> Coefficients:
    left, top, width, height = part
    found = picture.partial_coefficients
    down, across = _mcu(picture)
    components = []
    for c in found.components:
        rows = slice(top * c.v // down, -(-(top + height) * c.v // down))
        cols = slice(left * c.h // across, -(-(left + width) * c.h // across))
        components.append(replace(c, blocks=c.blocks[rows, cols], whole=c.whole[rows, cols]))
    return replace(found, components=tuple(components))


def _disturbed(pixels: Pixels, d: Disturbance) -> Picture:
    made = simulate(pixels, d.chain) if d.chain else None
    if made is not None and made.data is not None:
        return Picture.open(made.data, name=d.text)
    out = io.BytesIO()
    Image.fromarray(pixels if made is None else made.pixels).save(out, "PNG", compress_level=1)
    return Picture.open(out.getvalue(), name=d.text)


# --- answers ------------------------------------------------------------------------------------------------------


def _ask(picture: Picture, claims: Iterable[str]) -> Answers:
    """What the analyses say whose claims are followed, and those that their rules look at."""
    wanted = {name for claim in claims for name in (claim, *RULES[claim].needs)}
    if picture.jpeg is None:
        wanted.add("quality-map")  # finds the last compression, with our settings, for all that ask afterwards
    findings: dict[str, Finding] = {}
    for analysis in choose_analyses(None):
        if analysis.id in wanted:
            findings[analysis.id] = analysis(picture, analysis.parameters(**SETTINGS.get(analysis.id, {})))
    return Answers(findings, stored_compression(picture))


def _disturb(
    pixels: Pixels, tried: Sequence[Disturbance], claims: Sequence[str], progress: Progress | None
) -> dict[Disturbance, Answers]:
    """What is said after each disturbance."""
    lock, done = threading.Lock(), [0]

    def asked(d: Disturbance) -> Answers:
        answers = _ask(_disturbed(pixels, d), claims)
        with lock:
            done[0] += 1
            if progress:
                progress(done[0] / len(tried))
        return answers

    with ThreadPoolExecutor(min(AT_ONCE, threads())) as pool:
        try:
            return dict(zip(tried, pool.map(asked, tried), strict=True))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _judge(name: str, before: Answers, after: Mapping[Disturbance, Answers]) -> Endurance:
    claim = before.findings[name]
    if claim.status is not Status.OK:
        return Endurance(name, claim.summary, Verdict.NO_CLAIM, "It claims nothing that could be lost.")
    trials = tuple(_try(name, before, answers, d) for d, answers in after.items())
    verdict = verdict_of(trials)
    return Endurance(name, claim.summary, verdict, summarise(verdict, trials), trials)


def _try(name: str, before: Answers, after: Answers, d: Disturbance) -> Trial:
    rule = RULES[name]
    failed = [f for f in after.findings.values() if f.status is Status.FAILED and f.analysis in (name, *rule.needs)]
    if failed:
        return Trial(d.id, d.text, d.harmless, Answer.NOT_ASKED, failed[0].summary)
    answer, says = rule.compare(before, after, d)
    return Trial(d.id, d.text, d.harmless, answer, says)


def verdict_of(trials: Iterable[Trial]) -> Verdict:
    """What all trials of a claim say together."""
    asked = [trial for trial in trials if trial.answer is not Answer.NOT_ASKED]
    if any(trial.harmless and trial.answer is Answer.CONTRADICTED for trial in asked):
        return Verdict.UNSURE
    if not asked:
        return Verdict.NO_CLAIM
    return Verdict.HOLDS if all(trial.answer is Answer.HELD for trial in asked) else Verdict.LIMITED


# --- words --------------------------------------------------------------------------------------------------------


def summarise(verdict: Verdict, trials: Sequence[Trial]) -> str:
    """All trials of a claim in one sentence."""
    by_id = {trial.disturbance: trial for trial in trials if trial.answer is not Answer.NOT_ASKED}
    if not by_id:
        return "Nothing that was tried could be compared."
    told = [
        _of_steps([by_id.get(f"jpeg-{q}") for q in QUALITIES], [str(q) for q in QUALITIES], "quality"),
        _of_steps([by_id.get(f"resize-{p}") for p in PERCENT], [f"{p} %" for p in PERCENT], "a resize to"),
    ]
    for answer, word in ((Answer.HELD, "holds"), (Answer.LOST, "lost"), (Answer.COVERED, COVERED)):
        after = [by_id[name].text for name in ALONE if name in by_id and by_id[name].answer is answer]
        told.append(f"{word} after {_listed(after)}" if after else "")
    if wrong := sorted(
        (trial for trial in by_id.values() if trial.answer is Answer.CONTRADICTED), key=lambda trial: not trial.harmless
    ):
        also = f", and something else than before after {len(wrong) - 1} more" if len(wrong) > 1 else ""
        says = wrong[0].says.removesuffix(".")
        flipped = f'after {wrong[0].text} it says "{says}"{also}'
        told.insert(0, f"unsure: {flipped}" if verdict is Verdict.UNSURE else flipped)
    first, covered, rest = "; ".join(part for part in told if part).partition(COVERED)
    text = first + covered + rest.replace(COVERED, "covered")
    return f"{text[0].upper()}{text[1:]}."


def _of_steps(trials: Sequence[Trial | None], names: Sequence[str], what: str) -> str:
    """Trials that grow stronger: down to which a claim holds, and from which on it does not."""
    found = [(name, trial) for name, trial in zip(names, trials, strict=True) if trial is not None]
    held, lost, covered = (
        [name for name, trial in found if trial.answer is answer]
        for answer in (Answer.HELD, Answer.LOST, Answer.COVERED)
    )
    gone = [(word, _listed(at)) for word, at in (("lost", lost), (COVERED, covered)) if at]
    if not held:
        if len(lost) == len(found) > 0:
            return f"does not survive {found[0][1].text}"
        return ", ".join(f"{word} at {what} {at}" for word, at in gone)
    first = [name for name, _ in found[: len(held)]]
    told = f"holds down to {what} {held[-1]}" if held == first else f"holds at {what} {_listed(held)}"
    if len(held) == len(found):
        return f"{told}, the {'lowest' if what == 'quality' else 'strongest'} tried"
    return ", ".join([told, *(f"{word} at {at}" for word, at in gone)])


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + [names[-1]])
