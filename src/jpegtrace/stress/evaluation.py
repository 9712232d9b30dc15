"""How detectors fare against attacks: P_e, ROC, nearness to the original, and detection of double compression.

The protocol is that of D. Kim, W. Ahn, H.-K. Lee, "End-to-end anti-forensics network of single and double JPEG
detection", IEEE Access 2021, with grey pictures:

* A JPEG, and what an attack makes of it, against the original: P_e of every detector, PSNR and SSIM.
* The same pictures compressed once more, on the same grid and on a shifted one, against the original compressed once:
  how many are called compressed twice, and P_e. Where the grid is shifted, both are cut at the same place before the
  last compression; the paper cuts the one that is compressed once along the grid.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.chain import Planes, compress, decompress
from jpegtrace.chain.filters import to_bytes
from jpegtrace.errors import JpegtraceError, UsageError
from jpegtrace.networks import published
from jpegtrace.stress.attacking import method_of
from jpegtrace.stress.attacks import ATTACKS
from jpegtrace.stress.detectors import DETECTORS
from jpegtrace.stress.doubles import GRIDS, DoubleDetector, installed_doubles
from jpegtrace.stress.quality import psnr, ssim
from jpegtrace.stress.results import NONE, ONCE, Cell, DoubleCell, Evaluation, LeftOut, Nearness
from jpegtrace.stress.roc import Roc, least_error, roc
from jpegtrace.tables import ijg_table

Plane = NDArray[np.uint8]
Blocks = NDArray[np.int16]
Floats = NDArray[np.float64]
Scorer = Callable[[Plane], float]
Case = tuple[str, int]  # attack and quality

QUALITIES = (50, 60, 70, 80, 90)
LAST_QUALITIES = (75, 85, 95)
SMALLEST = 32  # shifted pictures lose eight pixels, and detectors need 24


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is done to every picture."""

    cases: tuple[Case, ...]
    detectors: Mapping[str, Scorer]
    last_qualities: tuple[int, ...]
    doubles: tuple[DoubleDetector, ...]
    seed: int


@dataclass(slots=True)
class _Answers:
    """What was found of one picture."""

    originals: dict[str, float] = field(default_factory=dict)
    scores: dict[tuple[str, str, int], float] = field(default_factory=dict)
    nearness: dict[Case, tuple[float, float]] = field(default_factory=dict)
    once: dict[tuple[str, bool, int], float] = field(default_factory=dict)
    twice: dict[tuple[str, bool, int, str, int], float] = field(default_factory=dict)


def evaluate(
    planes: Sequence[Plane],
    *,
    qualities: Sequence[int] = QUALITIES,
    attacks: Sequence[str] = (NONE, *ATTACKS),
    detectors: Mapping[str, Scorer] | None = None,
    last_qualities: Sequence[int] = LAST_QUALITIES,
    doubles: Sequence[DoubleDetector] | None = None,
    seed: int = 0,
    processes: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Put detectors and attacks against each other on pictures that were never compressed.

    Attacks and networks that need weights which are not installed are left out and named in the result. One picture
    after the other is done, so memory does not grow with their number but by their scores. All is the same for the
    same seed and the same order of pictures, with any number of processes.

    Args:
        planes: originals, uint8 (height, width), all of one size, sides in multiples of 8 and at least 32.
        qualities: of the JPEG files, by IJG.
        attacks: names of `ATTACKS`; "none" is the JPEG itself.
        detectors: by name, a function from a plane to a number that is larger for a JPEG; the six of Kim 2021 by
            default, none where it is empty.
        last_qualities: of the second compression; there is none where it is empty. A quality that is among `qualities`,
            too, means the same table twice, which nobody can see on one grid.
        doubles: detectors of double compression; by default the engine and the networks that are installed.
        seed: not negative; of noise in attacks, and of shifts.
        processes: how many work at once. With more than one, detectors must be functions that can be imported.
        progress: told the share that is done.

    Raises:
        UsageError: the pictures, names or numbers are not usable, or a detector does not give numbers.
    """
    planes = list(planes)
    _check_planes(planes)
    for name, found, low, high in (
        ("a quality", qualities, 1, 100),
        ("a last quality", last_qualities, 1, 100),
        ("a seed", [seed], 0, math.inf),
        ("the number of processes", [processes], 1, math.inf),
    ):
        for number in found:
            if not low <= number <= high:
                raise UsageError(f"{name} is {low} or more{f', to {high}' if high == 100 else ''}, and not {number}")
    if not attacks or not qualities:
        raise UsageError("an evaluation needs at least one attack, which may be 'none', and one quality")
    cases, left_out = _usable_cases(dict.fromkeys(attacks), tuple(dict.fromkeys(qualities)))
    if doubles is None and last_qualities:
        doubles, missing = installed_doubles()
        left_out += [LeftOut(name, (), why) for name, why in missing.items()]
    names = [detector.name for detector in doubles or ()]
    if len(set(names)) < len(names):
        raise UsageError(f"detectors of double compression have names of their own, unlike: {', '.join(names)}")
    plan = _Plan(
        cases=tuple(cases),
        detectors=dict(DETECTORS if detectors is None else detectors),
        last_qualities=tuple(dict.fromkeys(last_qualities)),
        doubles=tuple(doubles or ()),
        seed=seed,
    )
    answers = []
    for answer in _answers(plan, planes, processes):
        answers.append(answer)
        if progress is not None:
            progress(len(answers) / len(planes))
    originals = {name: np.array([one.originals[name] for one in answers]) for name in plan.detectors}
    return Evaluation(
        pictures=len(planes),
        size=(planes[0].shape[0], planes[0].shape[1]),
        seed=seed,
        detectors=tuple(plan.detectors),
        originals=originals,
        cells=tuple(_cells(plan, answers, originals)),
        nearness=tuple(_nearness(plan, answers)),
        doubles=tuple(_doubles(plan, answers)),
        left_out=tuple(left_out),
    )


def _check_planes(planes: list[Plane]) -> None:
    if not planes:
        raise UsageError("there is no picture to evaluate with")
    for index, plane in enumerate(planes):
        if not isinstance(plane, np.ndarray) or plane.dtype != np.uint8 or plane.ndim != 2:
            found = f"{plane.dtype} {plane.shape}" if isinstance(plane, np.ndarray) else type(plane).__name__
            raise UsageError(f"originals are grey planes, uint8 (height, width); number {index} is {found}")
        if plane.shape != planes[0].shape:
            raise UsageError(f"originals are of one size; number {index} is {plane.shape}, not {planes[0].shape}")
    if min(planes[0].shape) < SMALLEST or any(extent % 8 for extent in planes[0].shape):
        raise UsageError(f"the sides of originals are multiples of 8 from {SMALLEST} on, and not {planes[0].shape}")


def _usable_cases(attacks: Iterable[str], qualities: tuple[int, ...]) -> tuple[list[Case], list[LeftOut]]:
    """Attacks and qualities, and those that cannot be had here: each is tried on a few empty blocks."""
    cases: list[Case] = []
    left_out: list[LeftOut] = []
    blocks = np.zeros((3, 3, 8, 8), np.int16)
    for name in attacks:
        failed: dict[int, str] = {}
        method = None if name == NONE else method_of(name, (NONE,))
        for quality in qualities:
            try:
                if method is not None:
                    method.run(blocks, ijg_table(quality), 0)
                cases.append((name, quality))
            except JpegtraceError as error:
                failed[quality] = str(error)
        if failed:
            which = () if len(failed) == len(qualities) else tuple(failed)
            left_out.append(LeftOut(name, which, next(iter(failed.values()))))
    return cases, left_out


def _answers(plan: _Plan, planes: list[Plane], processes: int) -> Iterator[_Answers]:
    if processes == 1 or len(planes) == 1:
        yield from (_answer(plan, index, plane) for index, plane in enumerate(planes))
        return
    try:
        pickle.dumps(plan)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(f"several processes need detectors that can be imported by name: {error}") from error
    # Threads of a network do not survive a fork, so workers begin anew.
    pool = ProcessPoolExecutor(min(processes, len(planes)), mp_context=get_context("spawn"), initializer=_one_thread)
    with pool:
        yield from pool.map(_answer, [plan] * len(planes), range(len(planes)), planes)


def _one_thread() -> None:
    published.THREADS = 1


def _answer(plan: _Plan, index: int, original: Plane) -> _Answers:
    """Everything of one picture."""
    found = _Answers(originals={name: _score(ask(original), name) for name, ask in plan.detectors.items()})
    rng = np.random.default_rng((plan.seed, index))
    shift = divmod(int(rng.integers(1, 64)), 8)
    for key, score in _asked_twice(plan, original, shift):
        found.once[key] = score
    for attack, quality in plan.cases:
        plane = _reconstruction(original, attack, quality, (plan.seed, index, quality))
        found.nearness[attack, quality] = psnr(plane, original), ssim(plane, original)
        for name, ask in plan.detectors.items():
            found.scores[name, attack, quality] = _score(ask(plane), name)
        for key, score in _asked_twice(plan, plane, shift):
            found.twice[*key, attack, quality] = score
    return found


def _reconstruction(original: Plane, attack: str, quality: int, seed: tuple[int, int, int]) -> Plane:
    """What an attack, or the decoder, makes of the JPEG."""
    table = ijg_table(quality)
    planes = compress(original, table, subsampling="grey")
    if attack == NONE:
        return decompress(planes, (table,), "grey", *original.shape)
    drawn = int(np.random.SeedSequence(seed).generate_state(1)[0])
    return to_bytes(method_of(attack).run(planes.luma, table, drawn))


def _asked_twice(plan: _Plan, plane: Plane, shift: tuple[int, int]) -> Iterator[tuple[tuple[str, bool, int], float]]:
    """Answers of the detectors of double compression after a last compression."""
    for aligned in GRIDS if plan.doubles else ():
        row, col = (0, 0) if aligned else shift
        cut = 0 if aligned else 8
        window = plane[row : row + plane.shape[0] - cut, col : col + plane.shape[1] - cut]
        for quality in plan.last_qualities:
            table = ijg_table(quality)
            planes: Planes = compress(window, table, subsampling="grey")
            decoded = decompress(planes, (table,), "grey", *window.shape)
            for detector in plan.doubles:
                if detector.serves(aligned):
                    answer = _score(detector.ask(planes.luma, table, decoded), detector.name)
                    yield (detector.name, aligned, quality), answer


def _score(answer: Any, name: str) -> float:
    try:
        score = float(answer)
    except (TypeError, ValueError):
        raise UsageError(f"the detector {name!r} answers with {type(answer).__name__}, not with a number") from None
    if math.isnan(score):
        raise UsageError(f"the detector {name!r} answers with NaN, which is no score")
    return score


def _groups(cases: Sequence[Case]) -> Iterator[tuple[str, int | None, list[int]]]:
    """Each attack at each quality, and at all of them together."""
    for attack in dict.fromkeys(attack for attack, _ in cases):
        own = [quality for name, quality in cases if name == attack]
        yield from ((attack, quality, [quality]) for quality in own)
        yield attack, None, own


def _cells(plan: _Plan, answers: list[_Answers], originals: Mapping[str, Floats]) -> Iterator[Cell]:
    for attack, quality, own in _groups(plan.cases):
        for name in plan.detectors:
            scores = np.array([one.scores[name, attack, q] for q in own for one in answers])
            curve, error, area = _apart(scores, originals[name])
            yield Cell(name, attack, quality, scores, curve, error, area)


def _nearness(plan: _Plan, answers: list[_Answers]) -> Iterator[Nearness]:
    for attack, quality, own in _groups(plan.cases):
        found = np.array([one.nearness[attack, q] for q in own for one in answers])
        yield Nearness(attack, quality, found[:, 0], found[:, 1])


def _doubles(plan: _Plan, answers: list[_Answers]) -> Iterator[DoubleCell]:
    for detector in plan.doubles:
        for aligned in GRIDS:
            if not detector.serves(aligned):
                continue
            for last in plan.last_qualities:
                where = detector.name, aligned, last
                once = np.array([one.once[where] for one in answers])
                least = detector.threshold
                yield DoubleCell(*where, ONCE, None, once, least, _share(once, least), None, None)
                for attack, quality, own in _groups(plan.cases):
                    scores = np.array([one.twice[*where, attack, q] for q in own for one in answers])
                    _, error, area = _apart(scores, once)
                    called = _share(scores, least)
                    yield DoubleCell(*where, attack, quality, scores, least, called, error, area)


def _apart(positives: Floats, negatives: Floats) -> tuple[Roc, float, float]:
    curve = roc(positives, negatives)
    return curve, least_error(positives, negatives), float(np.trapezoid(curve.hits, curve.false_alarms))


def _share(scores: Floats, least: float) -> float:
    return float((scores >= least).mean())
