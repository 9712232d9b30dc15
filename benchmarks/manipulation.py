"""What was done before the last compression, on the protocol of MPeR-Net (P3), and beyond it.

Run ``python benchmarks/manipulation.py FOLDER [--part NAME ...] [--pieces N]`` with the extra [train]: its samplers are
used. FOLDER holds lossless RGB pictures that no training has seen. All pieces are 256x256, on the grid of the last
compression. Every part writes ``results/manipulation_PART.csv``:

- ``classes``: P3, five manipulations, QF2 = 90 and QF2 drawn from 50..90 (and by tens): accuracy of every class and
  macro average. The answer is the likeliest class of the manipulation, all of them as frequent, as a network for this
  manipulation alone has it from its training: what the posterior says of a class, over what the training says of it
  before any piece is seen, in which "none" is several times as frequent as any other class. "shares of the training"
  leaves it at that. "open" counts an answer right only where the operation is right among all, too.
- ``confusion``: of the same, QF2 = 90.
- ``as_written``: P3 to the letter, QF2 = 90: the middle of a resized piece is cut where it falls, so that the place of
  the last grid in it depends on the factor. What that place alone tells, when the pixel engine reads it, what the trace
  tells without it, and both together.
- ``between``: parameters between the classes: absolute errors, and how often the 90 % interval holds the truth.
- ``stretch`` (only where it is asked for, on the pictures of the training, ``--pieces 220``): what `grid.STRETCH`
  should be.
- ``claims`` (only where it is asked for, on the pictures of the training, ``--pieces 880``): what
  `decision.MANIPULATED_FROM` should be.
- ``origins``: whether pictures that are called resized after one compression had been resized before they came here:
  then quarters of one picture, each asked alone, tell the same factor more often than quarters of two.
- ``histories``: what is said of pieces that were only compressed, once or twice, and of histories that the protocol
  lacks (kernels of other kinds, resized and then blurred), by the quality of the last compression.
- ``speed``: pieces a second on two threads, and of `manip-mper`'s architecture.

Intervals are 95 % bootstraps over pictures, of the plain share of right pieces where accuracy is a macro average.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common import bootstrap_by_picture, write_results
from jpegtrace import networks
from jpegtrace.chain.filters import luma_of
from jpegtrace.manipulation import Posterior, decide, describe, grid, weigh
from jpegtrace.manipulation.decision import MANIPULATED_FROM, NONE
from jpegtrace.networks import published
from jpegtrace.pixels.history import find_pixel_history
from jpegtrace.pixels.luma import WHOLE, Luma
from jpegtrace.tables import ijg_table
from jpegtrace_training import manipulations, operations
from jpegtrace_training.manipulations import TASKS, Task
from jpegtrace_training.pictures import is_held_out
from networks import installed, parallel, paths_of
from quality_map import compressed, load

SEED = 60
SIDE = 256
THREADS = 2
PER_JOB = 44
STRETCHES = tuple(k / 10 for k in range(4, 13))
STRETCH_QUALITIES = ((90, 90), (50, 98))
CLAIMS_QUALITIES = ((50, 98), (90, 90))
THRESHOLDS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
ORIGIN_QUALITY = 98
SAME_FACTOR = 0.02  # in the logarithm
RESIZED = (grid.OPERATIONS.index("resized"), grid.OPERATIONS.index("resized and blurred"))
APART = "mcmaster"  # origin of pictures that probably were resized before they came here, see `origins`
NEAR = 2  # points of a grid from a class that count for it
PRIOR_DRAWS = 100_000
TILES = 24  # that the pixel engine looks at for the grid of a piece
LUMA_VARIANCE = 0.2  # of luma that was made of decoded colours and rounded
Row = dict[str, object]
PUBLISHED = {"scale up": 0.9956, "scale down": 0.9475, "median": 0.9715, "gaussian": 0.9694, "noise": 0.9912}
TARGETS = {"scale up": 0.95, "scale down": 0.80, "median": 0.97, "gaussian": 0.95, "noise": 0.97}


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    folder: Path
    pieces: int
    processes: int
    held_out: bool = False


class Answers(NamedTuple):
    """Pieces of a task, and what was said of them."""

    truth: dict[str, np.ndarray]
    label: np.ndarray
    posterior: Posterior
    network: np.ndarray | None


def joined(posteriors: list[Posterior]) -> Posterior:
    """One of several."""
    return Posterior(*(np.concatenate(parts) for parts in zip(*posteriors, strict=True)))


# Protocol P3


def task_job(
    folder: Path,
    name: str,
    last: tuple[int, int],
    values: tuple[float, float] | None,
    count: int,
    seed: int,
    held_out: bool = False,
) -> Answers:
    """Pieces of one manipulation with the truth and every answer."""
    rng = np.random.default_rng([SEED, seed])
    paths = [path for path in paths_of(folder) if not held_out or is_held_out(path.name)]
    pictures = [load(path) for path in paths]
    pixels, label, truth = manipulations.draw(
        pictures, name, count, rng, last_quality=last, values=values, aligned=True
    )
    found = weigh(
        [describe(piece[0], ijg_table(int(q))) for piece, q in zip(pixels, truth["last_quality"], strict=True)]
    )
    weights = f"manip-mper-{name}"
    network = published.manip_mper(pixels[:, 0], weights) if installed(weights) else None
    return Answers(truth, label, found, network)


@cache
def asked(options: Options, name: str, last: tuple[int, int], values: tuple[float, float] | None = None) -> Answers:
    """All pieces of one manipulation."""
    jobs = [
        (options.folder, name, last, values, PER_JOB, 1000 * last[0] + 100 * (values is not None) + k, options.held_out)
        for k in range(-(-options.pieces // PER_JOB))
    ]
    parts: list[Answers] = parallel(task_job, jobs, options.processes)
    truth = {key: np.concatenate([part.truth[key] for part in parts]) for key in parts[0].truth}
    network = None if parts[0].network is None else np.concatenate([part.network for part in parts])
    return Answers(truth, np.concatenate([p.label for p in parts]), joined([p.posterior for p in parts]), network)


def effective(task: Task, values: np.ndarray) -> np.ndarray:
    """Parameters as the grid counts them: standard deviations of kernels in pixels, of noise in grey levels."""
    if task.kind == "noise":
        return 255 * np.sqrt(values)
    if task.kind == "gaussian":
        return np.array([operations.width_of(int(value), None) for value in values])
    return values


def head_of(task: Task) -> str:
    """The parameter of a task, as the grid calls it."""
    return {"scale": "factor", "gaussian": "sigma", "median": "size", "noise": "noise"}[task.kind]


def happened(task: Task, found: Posterior) -> np.ndarray:
    """Probability of the manipulation of a task."""
    return found.operation[:, grid.CARRIED_BY[head_of(task)]].sum(1)


@cache
def before(head: str) -> np.ndarray:
    """How often the training draws each value of a parameter, among all its pieces."""
    drawn = operations.shares_of(head, PRIOR_DRAWS, np.random.default_rng(SEED))
    return drawn * sum(operations.SHARES[carrier] for carrier in grid.CARRIED_BY[head])


def members_of(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Which class of a task each point of the grid is nearest to, (points, classes); how many points it is away."""
    points = np.log(grid.PARAMETERS[head_of(task)])
    places = np.log(np.maximum(effective(task, np.array(task.values)), 1e-9))
    nearest = np.abs(points[:, None] - places).argmin(1)
    steps = np.abs(np.arange(len(points))[:, None] - np.interp(places, points, np.arange(len(points))))
    return np.eye(len(places))[nearest], steps


def likelihoods(task: Task, found: Posterior) -> np.ndarray:
    """How likely pieces are under each class of a task, up to a factor per piece.

    Posterior over prior, both of the points of the grid at a class.
    """
    head, none = head_of(task), task.values.index(task.neutral)
    members, steps = members_of(task)
    members = members * (steps <= NEAR)
    joint = happened(task, found)[:, None] * getattr(found, head)
    others = np.arange(len(task.values)) != none
    result = np.empty((len(joint), len(task.values)))
    result[:, others] = joint @ members[:, others] / (before(head) @ members[:, others])
    result[:, none] = found.operation[:, 0] / operations.SHARES[0]
    return result


def shares(task: Task, found: Posterior) -> np.ndarray:
    """Probability of each class where they are as frequent as in the training; every point counts for the nearest."""
    result = np.asarray(happened(task, found)[:, None] * getattr(found, head_of(task)) @ members_of(task)[0])
    result[:, task.values.index(task.neutral)] += found.operation[:, 0]
    return result


def open_right(task: Task, answers: Answers) -> np.ndarray:
    """Whether the operation is right among all, and the class as well."""
    of_task = happened(task, answers.posterior)
    unaltered = answers.label == task.values.index(task.neutral)
    said_none = answers.posterior.operation.argmax(1) == 0
    rest = 1 - of_task - answers.posterior.operation[:, 0]
    manipulated = of_task > np.maximum(answers.posterior.operation[:, 0], rest)
    right = likelihoods(task, answers.posterior).argmax(1) == answers.label
    return np.where(unaltered, said_none, manipulated & right)


def groups_of(task: Task) -> Iterator[tuple[str, np.ndarray]]:
    """Names of averages, and which classes they are over."""
    values = np.array(task.values)
    if task.kind == "scale":
        yield "scale up", values > 1
        yield "scale down", values < 1
        yield "scale all", values > 0
    else:
        yield task.kind, values >= 0


def classes(options: Options) -> list[Row]:
    """P3."""
    rows: list[Row] = []
    kept: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for name, task in TASKS.items():
        for quality, last in (("90", (90, 90)), ("50..90", (50, 90))):
            answers = asked(options, name, last)
            picture, qualities = answers.truth["picture"], answers.truth["last_quality"]
            given = {
                "jpegtrace": likelihoods(task, answers.posterior).argmax(1) == answers.label,
                "jpegtrace, shares of the training": shares(task, answers.posterior).argmax(1) == answers.label,
                "jpegtrace, open": open_right(task, answers),
            }
            if answers.network is not None:
                given[f"manip-mper ({networks.card(f'manip-mper-{name}').samples:,} samples)"] = (
                    answers.network.argmax(1) == answers.label
                )
            bins = [(quality, qualities > 0)]
            if quality != "90":
                bins += [(f"{q}..{q + 9}", (qualities >= q) & (qualities < q + 10)) for q in range(50, 90, 10)]
            for by, right in given.items():
                for shown, chosen in bins:
                    for title, members in groups_of(task):
                        accuracy = [right[chosen & (answers.label == k)].mean() for k in np.flatnonzero(members)]
                        inside = chosen & members[answers.label]
                        counted = float(np.mean(accuracy)), int(inside.sum())
                        kept.setdefault((title, f"{by}/{shown}"), []).append(counted)
                        rows.append(
                            row_of(name, title, shown, by, int(inside.sum()), float(np.mean(accuracy)))
                            | {
                                "interval": bootstrap_by_picture(
                                    right[inside].astype(float), picture[inside], seed=SEED
                                )
                            }
                        )
                    if shown == quality:
                        for index, title in enumerate(task.classes):
                            inside = chosen & (answers.label == index)
                            rows.append(
                                row_of(
                                    name, f"class {title}", shown, by, int(inside.sum()), float(right[inside].mean())
                                )
                                | {"interval": ""}
                            )
    for (title, by), values in kept.items():
        if title.startswith("scale") and len(values) == 2:
            who, shown = by.split("/")
            accuracies, pieces = zip(*values, strict=True)
            rows.append(
                row_of("both kernels", title, shown, who, sum(pieces), float(np.mean(accuracies))) | {"interval": ""}
            )
    return rows


def row_of(task: str, group: str, quality: str, by: str, pieces: int, accuracy: float) -> Row:
    """One line of P3."""
    at_90 = quality == "90"
    return {
        "task": task,
        "group": group,
        "QF2": quality,
        "by": by,
        "pieces": pieces,
        "accuracy": f"{accuracy:.4f}",
        "published": PUBLISHED.get(group, "") if at_90 else "",
        "target": TARGETS.get(group, "") if at_90 else "",
    }


def confusion(options: Options) -> list[Row]:
    """Of every class, how often each is the answer."""
    rows: list[Row] = []
    for name, task in TASKS.items():
        answers = asked(options, name, (90, 90))
        said = likelihoods(task, answers.posterior).argmax(1)
        for index, title in enumerate(task.classes):
            counts = np.bincount(said[answers.label == index], minlength=len(task.values))
            told = ", ".join(f"{task.classes[k]}: {counts[k] / counts.sum():.3f}" for k in np.flatnonzero(counts))
            rows.append({"task": name, "class": title, "pieces": int(counts.sum()), "answers": told})
    return rows


# The protocol to the letter


class Written(NamedTuple):
    """Pieces cut where they fall."""

    picture: np.ndarray
    label: np.ndarray
    scores: np.ndarray
    consistent: np.ndarray


def written_job(folder: Path, name: str, count: int, seed: int) -> Written:
    """Pieces, what the trace says of each class, and which classes the place of the last grid allows."""
    rng = np.random.default_rng([SEED, seed])
    loaded = [load(path) for path in paths_of(folder)]
    # Of a smaller picture the whole is the piece, whose middle lies elsewhere.
    pictures = [pixels for pixels in loaded if min(pixels.shape[:2]) >= manipulations.PIECE]
    pixels, label, truth = manipulations.draw(pictures, name, count, rng, last_quality=(90, 90))
    task = TASKS[name]
    places = np.array([-((task.extent(manipulations.PIECE, v) - SIDE) // 2) % 8 for v in task.values])
    found, consistent = [], []
    for piece in pixels[:, 0]:
        clipped = ((piece == 0) | (piece == 255)) * WHOLE
        history = find_pixel_history(Luma(piece.astype(np.float32), clipped, LUMA_VARIANCE), most_tiles=TILES)
        top, left = history.sources[0].origin if history.sources else (0, 0)
        rows, cols = ((SIDE - start) // 8 * 8 for start in (top, left))
        on_grid = np.ascontiguousarray(piece[top : top + rows, left : left + cols])
        found.append(likelihoods(task, weigh([describe(on_grid, ijg_table(90))]))[0])
        allowed = (places == top) & (places == left)
        consistent.append(allowed if allowed.any() else np.ones(len(places), bool))
    return Written(truth["picture"], label, np.stack(found), np.stack(consistent))


def as_written(options: Options) -> list[Row]:
    """P3 to the letter, where the grid gives the factor away."""
    rows: list[Row] = []
    for name in ("scale-bilinear", "scale-bicubic"):
        task = TASKS[name]
        jobs = [(options.folder, name, PER_JOB, 7000 + k) for k in range(-(-options.pieces // PER_JOB))]
        parts: list[Written] = parallel(written_job, jobs, options.processes)
        all_of = Written(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        hit = np.arange(len(task.values)) == all_of.label[:, None]
        given = {
            "place of the grid alone": (hit & all_of.consistent).sum(1) / all_of.consistent.sum(1),
            "trace alone": (all_of.scores.argmax(1) == all_of.label).astype(float),
            "both": ((all_of.scores * all_of.consistent).argmax(1) == all_of.label).astype(float),
        }
        for by, right in given.items():
            for title, members in groups_of(task):
                inside = members[all_of.label]
                accuracy = float(np.mean([right[all_of.label == k].mean() for k in np.flatnonzero(members)]))
                rows.append(
                    row_of(name, title, "90", by, int(inside.sum()), accuracy)
                    | {"interval": bootstrap_by_picture(right[inside], all_of.picture[inside], seed=SEED)}
                )
    return rows


# Beyond the classes

BETWEEN = {
    "scale-bilinear": (0.5, 1.5),
    "scale-bicubic": (0.5, 1.5),
    "noise": (0.0001, 1.8),
    "gaussian": (3, 15),
    "median": (3, 15),
}


def intervals(head: str, found: Posterior, stretched: float | None = None) -> np.ndarray:
    """Low ends, middles and high ends of a parameter, (3, pieces)."""
    return np.stack([grid.interval(head, one, stretched) for one in getattr(found, head)], 1)


def stretch(options: Options) -> list[Row]:
    """How many pieces intervals hold, by how far they are stretched.

    FOLDER is that of the training: only its held-out pictures are used.
    """
    rows: list[Row] = []
    held_out = replace(options, held_out=True)
    for head in grid.PARAMETERS:
        names = [name for name in BETWEEN if head_of(TASKS[name]) == head]
        parts = [asked(held_out, name, last, BETWEEN[name]) for name in names for last in STRETCH_QUALITIES]
        true = np.concatenate([effective(TASKS[names[0]], part.truth["value"]) for part in parts])
        found = joined([part.posterior for part in parts])
        told = np.abs(true - 1) > 0.05 if head == "factor" else true > 0  # as in `between`
        ends = np.stack([grid.quantiles(one, grid.PARAMETERS[head], grid.LEVELS) for one in getattr(found, head)])
        narrow = np.array([grid.is_narrow(head, low, high) for low, _, high in ends])
        for title, inside in (("narrow", narrow & told), ("wide", ~narrow & told)):
            for stretched in STRETCHES:
                low, _, high = intervals(head, found, stretched)
                covered = ((low <= true) & (true <= high))[inside]
                rows.append(
                    {
                        "parameter": head,
                        "quantiles": title,
                        "pieces": len(covered),
                        "stretch": stretched,
                        "covered": f"{covered.mean():.4f}" if len(covered) else "",
                        "chosen": "yes" if stretched == getattr(grid.STRETCH[head], title) else "",
                    }
                )
    return rows


def between(options: Options) -> list[Row]:
    """Parameters between the classes."""
    rows: list[Row] = []
    for name, values in BETWEEN.items():
        task = TASKS[name]
        for quality, last in (("90", (90, 90)), ("80..98", (80, 98)), ("50..90", (50, 90))):
            answers = asked(options, name, last, values)
            head = head_of(task)
            true = effective(task, answers.truth["value"])
            low, middle, high = intervals(head, answers.posterior)
            error = np.abs(middle - true)
            parts = {"all": true > 0}
            if task.kind == "scale":
                parts = {"> 1.05": true > 1.05, "< 0.95": true < 0.95}
            for title, inside in parts.items():
                covered = ((low <= true) & (true <= high))[inside]
                rows.append(
                    {
                        "task": name,
                        "parameter": title,
                        "QF2": quality,
                        "pieces": int(inside.sum()),
                        "median_error": f"{np.median(error[inside]):.4f}",
                        "median_relative_error": f"{np.median(error[inside] / true[inside]):.4f}",
                        "mean_error": f"{error[inside].mean():.4f}",
                        "covered": f"{covered.mean():.4f}",
                        "interval": bootstrap_by_picture(
                            covered.astype(float), answers.truth["picture"][inside], seed=SEED
                        ),
                        "median_width": f"{np.median((high - low)[inside]):.4f}",
                        "target": "median error <= .01" if title == "> 1.05" and quality == "80..98" else "",
                    }
                )
    return rows


def claims_job(folder: Path, last: tuple[int, int], count: int, seed: int) -> tuple[Posterior, np.ndarray]:
    """What is said of pieces of held-out pictures, and what happened to them: nothing, to half of them."""
    rng = np.random.default_rng([SEED, seed, *last])
    pictures = [load(path) for path in paths_of(folder) if is_held_out(path.name)]
    found, happened = [], []
    for among in ([NONE], range(1, len(grid.OPERATIONS))):
        samples, pasts = operations.draw(pictures, count // 2, rng, SIDE, among, last, known=0.0)
        found.append(weigh([describe(sample.luma, sample.table) for sample in samples]))
        happened += [past.operation for past in pasts]
    return joined(found), np.array(happened)


def claims(options: Options) -> list[Row]:
    """How many pieces are called manipulated, by the probability that is asked for.

    Taken is the one with which about 1 % of "none" are called, half of what is allowed, for weights were chosen by
    these pictures. FOLDER is that of the training: only its held-out pictures are used.
    """
    rows: list[Row] = []
    for last in CLAIMS_QUALITIES:
        jobs = [(options.folder, last, PER_JOB, k) for k in range(-(-options.pieces // PER_JOB))]
        parts: list[tuple[Posterior, np.ndarray]] = parallel(claims_job, jobs, options.processes)
        any_of_them = 1 - np.concatenate([part[0].operation[:, NONE] for part in parts])
        manipulated = np.concatenate([part[1] for part in parts]) != NONE
        for threshold in THRESHOLDS:
            called = any_of_them >= threshold
            rows.append(
                {
                    "QF2": last[0] if last[0] == last[1] else f"{last[0]}..{last[1]}",
                    "threshold": threshold,
                    "pieces": len(called),
                    "none_called": f"{called[~manipulated].mean():.4f}",
                    "manipulated_called": f"{called[manipulated].mean():.4f}",
                    "chosen": "yes" if threshold == MANIPULATED_FROM else "",
                }
            )
    return rows


def quarters_job(path: Path) -> Posterior:
    """What is said of the quarters of a picture that was compressed once."""
    luma = luma_of(compressed(load(path), ORIGIN_QUALITY))
    side = [min(SIDE, extent // 2 // 8 * 8) for extent in luma.shape]
    corners = [(top, left) for top in (0, side[0]) for left in (0, side[1])]
    pieces = [np.ascontiguousarray(luma[top : top + side[0], left : left + side[1]]) for top, left in corners]
    return weigh([describe(piece, ijg_table(ORIGIN_QUALITY)) for piece in pieces])


def origins(options: Options) -> list[Row]:
    """How often quarters of a picture that are called resized tell the same factor, by the origin of the pictures."""
    paths = paths_of(options.folder)
    parts = parallel(quarters_job, [(path,) for path in paths], options.processes)
    found = joined(parts)
    picture = np.repeat(np.arange(len(paths)), [len(part.operation) for part in parts])
    origin = np.array([origin_of(path) for path in paths])[picture]
    called = np.array([decide(one).operation in RESIZED for one in found.operation])
    factor = np.log(grid.FACTORS[found.factor.argmax(1)])
    one, other = np.triu_indices(len(picture), 1)
    both = called[one] & called[other]
    same = np.abs(factor[one] - factor[other]) <= SAME_FACTOR
    rows: list[Row] = []
    for name in ("all", *sorted(set(origin))):
        inside = (origin == name) | (name == "all")
        within = both & inside[one] & (picture[one] == picture[other])
        across = both & inside[one] & (picture[one] != picture[other])
        rows.append(
            {
                "origin": name,
                "QF2": ORIGIN_QUALITY,
                "pictures": len(set(picture[inside])),
                "quarters": int(inside.sum()),
                "called_resized": f"{called[inside].mean():.4f}",
                "pairs_of_one_picture": int(within.sum()),
                "same_factor": f"{same[within].mean():.3f}" if within.any() else "",
                "pairs_of_two_pictures": int(across.sum()),
                "same_factor_of_two": f"{same[across].mean():.3f}" if across.any() else "",
            }
        )
    return rows


def origin_of(path: Path) -> str:
    """Origin of a picture, the first word of its name."""
    return path.stem.split("_")[0]


QUALITIES = (50, 60, 70, 80, 90, 98)


def history_job(folder: Path, kind: str, last: int, count: int, seed: int) -> tuple[np.ndarray, list[Any], Posterior]:
    """Pieces with one history: the picture of each, its past, what was said."""
    rng = np.random.default_rng([SEED, seed, last])
    pictures = [load(path) for path in paths_of(folder)]
    chosen = rng.integers(len(pictures), size=count)
    made = [operations.make(pictures[k], HISTORIES[kind], (last, last), rng, SIDE) for k in chosen]
    found = weigh([describe(sample.luma, sample.table) for sample, _ in made])
    return chosen, [past for _, past in made], found


HISTORIES = {
    "never compressed before": operations.Plan("none", first=None),
    "compressed before at 95..97": operations.Plan("none", first=(95, 97)),
    "compressed before at 60..90": operations.Plan("none", first=(60, 90)),
    "resized, bilinear": operations.Plan("resized", kernel="bilinear"),
    "resized, bicubic": operations.Plan("resized", kernel="bicubic"),
    "resized, other kernel": operations.Plan("resized", kernel="other"),
    "resized and blurred": operations.Plan("resized and blurred"),
    "blurred": operations.Plan("blurred"),
    "median": operations.Plan("median"),
    "noise": operations.Plan("noise"),
}


def histories(options: Options) -> list[Row]:
    """What is said of every history, by the quality of the last compression; false alarms first."""
    rows: list[Row] = []
    of_apart = np.array([origin_of(path) == APART for path in paths_of(options.folder)])
    for kind in HISTORIES:
        for last in QUALITIES:
            jobs = [(options.folder, kind, last, PER_JOB, k) for k in range(-(-options.pieces // PER_JOB))]
            parts = parallel(history_job, jobs, options.processes)
            picture = np.concatenate([part[0] for part in parts])
            pasts = [past for part in parts for past in part[1]]
            found = joined([part[2] for part in parts])
            verdicts = [decide(found.operation[k]) for k in range(len(picture))]
            called = np.array([verdict.manipulated for verdict in verdicts])
            unsure = np.array([verdict.operation is None for verdict in verdicts])
            apart = of_apart[picture]
            row: Row = {
                "history": kind,
                "QF2": last,
                "pieces": len(picture),
                "called_manipulated": f"{called.mean():.4f}",
                "interval": bootstrap_by_picture(called.astype(float), picture, seed=SEED),
                f"called_{APART}": f"{called[apart].mean():.4f}" if apart.any() else "",
                "called_others": "" if apart.all() else f"{called[~apart].mean():.4f}",
                "abstained": f"{unsure.mean():.4f}",
            }
            said = np.array([-1 if verdict.operation is None else verdict.operation for verdict in verdicts])
            row |= {f"said {name}": f"{(said == k).mean():.3f}" for k, name in enumerate(grid.OPERATIONS)}
            factors = np.array([past.factor for past in pasts])
            known = called & ~np.isnan(factors)
            middle = np.array([grid.quantiles(one, grid.FACTORS, (0.5,))[0] for one in found.factor])
            row["factor_median_error"] = f"{np.median(np.abs(middle - factors)[known]):.4f}" if known.any() else ""
            kernel = found.kernel.argmax(1)
            row |= {
                f"kernel {name}": f"{(kernel[known] == k).mean():.3f}" if known.any() else ""
                for k, name in enumerate(grid.KERNELS)
            }
            row["target"] = "called manipulated <= .02" if kind.startswith(("never", "compressed")) else ""
            rows.append(row)
    return rows


def speed(_: Options) -> list[Row]:
    """Pieces a second, everything included, and `manip-mper`'s network on random weights beside it."""
    import tempfile
    from concurrent.futures import ThreadPoolExecutor

    import onnxruntime

    from jpegtrace_training.networks import NETWORKS
    from jpegtrace_training.networks.export import to_onnx

    rng = np.random.default_rng(SEED)
    count = 32
    pieces = rng.integers(0, 256, (count, SIDE // 8, SIDE // 8)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    pieces = (pieces // 2 + rng.integers(0, 128, pieces.shape)).astype(np.uint8)
    table = ijg_table(90)

    def ours(piece: np.ndarray) -> None:
        weigh([describe(piece, table)])

    model = NETWORKS["manip-mper-median"]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        to_onnx(model, model.example(count=1), path, model.outputs)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = 1, 1
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])

    def theirs(piece: np.ndarray) -> None:
        session.run(None, {"pixels": piece[None, None].astype(np.float32)})

    rows: list[Row] = []
    rates: dict[str, float] = {}
    for name, job in (("jpegtrace", ours), ("one network of manip-mper", theirs)):
        job(pieces[0])
        seconds = []
        for _repeat in range(3):
            begun = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(job, pieces))
            seconds.append(time.perf_counter() - begun)
        rates[name] = count / statistics.median(seconds)
        rows.append(
            {
                "by": name,
                "side": SIDE,
                "threads": THREADS,
                "pieces_per_second": f"{rates[name]:.1f}",
                "ratio": f"{rates[name] / rates['jpegtrace']:.3f}",
                "target": ">= 20" if name == "jpegtrace" else "",
            }
        )
    return rows


PARTS: dict[str, Callable[[Options], list[Row]]] = {
    "classes": classes,
    "confusion": confusion,
    "as_written": as_written,
    "between": between,
    "origins": origins,
    "histories": histories,
    "speed": speed,
}
ASKED_FOR = {"stretch": stretch, "claims": claims}  # only where it is named


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="lossless RGB pictures that no training has seen")
    parser.add_argument("--part", action="append", choices=(*PARTS, *ASKED_FOR), help="only this; may be repeated")
    parser.add_argument("--pieces", type=int, default=880, help="of a row")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    options = Options(given.folder, given.pieces, given.processes)
    for name in given.part or PARTS:
        write_results(f"manipulation_{name}", (PARTS | ASKED_FOR)[name](options), seed=SEED)


if __name__ == "__main__":
    main()
