"""What matrices mean, in words, which follow the figures by fixed rules: nothing is said that an interval denies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jpegtrace_training.study.conditions import ALIGNED, AUGMENTED, NONE, RANDOM
from jpegtrace_training.study.matrices import Figure, Matrix

MATTERS = 0.10  # of accuracy: from here on a difference is called large
NOTHING = 0.03  # below: called none
FLAT = 0.05  # between the largest and the smallest of a row that is called flat
LEARNT = 0.10  # above chance: below, a detector has not learnt its task

YES, SOMEWHAT, NO, REVERSED, OPEN, UNLEARNT = "yes", "somewhat", "no", "reversed", "open", "unlearnt"


@dataclass(frozen=True)
class Conclusion:
    """The answer to one question.

    Attributes:
        question: in words.
        verdict: "yes", "somewhat", "no", "reversed" where it is the other way round, "open" where the seeds cannot
            tell, or "unlearnt".
        told: the answer in sentences.
        difference: what it rests on; None where there is none.
    """

    question: str
    verdict: str
    told: str
    difference: Figure | None = None


def judge(loss: Figure) -> str:
    """Whether a loss of accuracy is there: "yes", "somewhat", "no", "reversed" (it is a gain) or "open"."""
    if math.isinf(loss.low):
        return OPEN
    if loss.low > 0:
        return YES if loss.mean >= MATTERS else NO if loss.high < NOTHING else SOMEWHAT
    if loss.high < 0 and loss.mean <= -NOTHING:
        return REVERSED
    return NO if loss.high < NOTHING and loss.low > -MATTERS else OPEN


def conclude(matrix: Matrix) -> list[Conclusion]:
    """All that the matrix answers; nothing where cells are missing."""
    return _grid(matrix) if matrix.experiment.id == "grid" else _quality(matrix)


def _grid(matrix: Matrix) -> list[Conclusion]:
    question = "Does it learn where the JPEG grid lies?"
    if not matrix.seeds(ALIGNED, RANDOM):
        return []
    if unlearnt := _unlearnt(matrix, question, RANDOM, (RANDOM,)):
        return [unlearnt]
    loss = matrix.difference((RANDOM, [RANDOM]), (ALIGNED, [RANDOM]))
    here, there = matrix.figure(ALIGNED, RANDOM), matrix.figure(RANDOM, RANDOM)
    facts = (
        f"Tested on patches cut anywhere, a detector trained on patches cut on multiples of 8 is right in "
        f"{_share(here)}, one trained on patches cut anywhere in {_share(there)}: a loss of {loss}."
    )
    means = {
        YES: "It learns the grid: cut your training patches anywhere, or its accuracy will not hold.",
        SOMEWHAT: "The grid matters to some degree: cut your training patches anywhere.",
        NO: "The grid does not matter to it.",
        REVERSED: "It is better where it was not trained to be, which no grid explains: look for what else differs.",
        OPEN: _open(loss),
    }
    verdict = judge(loss)
    return [Conclusion(question, verdict, f"{means[verdict]} {facts}", loss), *_augmented(matrix, (RANDOM,), RANDOM)]


def _quality(matrix: Matrix) -> list[Conclusion]:
    question = "Does it fail at qualities that it was not trained on?"
    tested = [name for name in matrix.experiment.tested if name != NONE]
    if not matrix.seeds(NONE):
        return []
    if unlearnt := _unlearnt(matrix, question, NONE, (NONE,)):
        return [unlearnt]
    loss = matrix.difference((NONE, [NONE]), (NONE, tested))
    worst = min(tested, key=lambda name: matrix.figure(NONE, name).mean)
    facts = (
        f"Trained on the pictures as they are, it is right in {_share(matrix.figure(NONE, NONE))} of such patches, and "
        f"in {_share(matrix.average(NONE, tested))} on average over qualities {tested[0]} to {tested[-1]}: a loss of "
        f"{loss}. It is worst at {worst}: {_share(matrix.figure(NONE, worst))}."
    )
    means = {
        YES: "It fails: train with the qualities that you will meet.",
        SOMEWHAT: "It loses some accuracy: train with the qualities that you will meet.",
        NO: "Quality does not matter to it.",
        REVERSED: "It is better on compressed patches than on those it was trained on: look for what else differs.",
        OPEN: _open(loss),
    }
    verdict = judge(loss)
    answers = [Conclusion(question, verdict, f"{means[verdict]} {facts}", loss)]
    others = [name for name in matrix.trained if name not in (NONE, AUGMENTED)]
    if others:
        answers.append(_best(matrix, others, tested))
    return [*answers, *_augmented(matrix, tuple(matrix.experiment.tested), NONE)]


def _best(matrix: Matrix, others: list[str], tested: list[str]) -> Conclusion:
    best = max(others, key=lambda name: matrix.average(name, tested).mean)
    gain = matrix.difference((best, tested), (NONE, tested))
    verdict = judge(gain)
    helps = {YES: "Yes", SOMEWHAT: "Somewhat", NO: "No", REVERSED: "No, it harms", OPEN: _open(gain)}[verdict]
    told = (
        f"{helps.rstrip('.')}. Of those trained with half of the patches compressed, quality {best} is best on average "
        f"over the tests: right in {_share(matrix.average(best, tested))}, a gain of {gain}."
    )
    return Conclusion("Does training with one quality help?", verdict, told, gain)


def _augmented(matrix: Matrix, tested: tuple[str, ...], instead: str) -> list[Conclusion]:
    if not matrix.seeds(AUGMENTED, instead):
        return []
    gain = matrix.difference((AUGMENTED, list(tested)), (instead, list(tested)))
    values = [matrix.figure(AUGMENTED, name).mean for name in matrix.experiment.tested]
    flat, high = max(values) - min(values) < FLAT, gain.mean > -NOTHING
    verdict = OPEN if math.isinf(gain.low) else YES if flat and high else NO if not (flat or high) else SOMEWHAT
    means = {
        YES: "Yes.",
        SOMEWHAT: "It is flat, but not as high." if flat else "It is as high, but not flat.",
        NO: "No.",
        OPEN: "One seed cannot tell; take more (--seeds).",
    }
    told = (
        f"{means[verdict]} Trained with grid and quality drawn anew for every patch, its accuracy lies between "
        f"{min(values):.3f} and {max(values):.3f} over all tests. Against training on {instead}, tested on "
        f"{tested[0] if len(tested) == 1 else 'all of them'}, that is a difference of {gain}."
    )
    return [Conclusion("Is it flat and high with JPEG-aware augmentation?", verdict, told, gain)]


def _unlearnt(matrix: Matrix, question: str, trained: str, tested: tuple[str, ...]) -> Conclusion | None:
    """Where the detector has not learnt its task, or the seeds cannot tell whether it has."""
    found = matrix.average(trained, tested)
    chance = 1 / matrix.classes
    learnt = found.mean - chance >= LEARNT
    if learnt and (found.low > chance or math.isinf(found.low)):
        return None
    told = (
        f"Nothing can be concluded: even trained and tested on {trained}, it is right in {_share(found)}, where "
        f"guessing gives {chance:.3f}. "
    )
    if learnt:
        return Conclusion(question, OPEN, f"{told}The seeds differ too much; take more (--seeds), or more pictures.")
    return Conclusion(question, UNLEARNT, f"{told}It has not learnt its task; train longer, or with more pictures.")


def _open(loss: Figure) -> str:
    if math.isinf(loss.low):
        return "One seed cannot tell; take more (--seeds)."
    return "These seeds cannot tell; take more (--seeds), or more pictures."


def _share(figure: Figure) -> str:
    return str(figure)
