"""Parts with different pasts (protocol P7): splices with one and two donors, and pictures without any.

Run ``python benchmarks/regions.py FOLDER [--splices N]``; it writes ``results/regions.csv``. FOLDER holds lossless RGB
pictures that no training has seen. The background is compressed at QF1 and cut by a shift drawn from all 64; every
donor is compressed at a QF1 of its own, at least 10 from the background's, cut by a shift of its own, and a piece of
it with a wavy outline, 96 to 256 pixels across, is put into the background; the result is compressed at QF2. OpenCV
encodes (4:2:0). Donor is what the largest source of `regions` is not; where it cannot tell counts as background. F1,
IoU and AUC are per pixel, means over splices, with 95 % bootstraps over splices; AUC ranks pixels by the probability
that the largest source is not theirs. "Sources right": as many parts as there are. Rows without donors give the share
of pictures that are falsely divided, also of those that were compressed twice, on shifted grids, before the last time.
"Claimed": what `regions` says, which does not claim parts where a past may only have faded in them. Pictures "on one
grid" are not cut between their compressions; to those "edited" one of EDITS, drawn evenly, is done before the last
compression; in those "of vivid colours" every difference of a colour from its grey is doubled before the first one, so
that decoders cut colours off.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from common import bootstrap_interval, write_results
from jpegtrace.analyses._past import history_of, sources_of
from jpegtrace.analyses.regions import Params, regions
from jpegtrace.chain import simulate
from jpegtrace.findings import Status
from jpegtrace.lattice.regions import past_probabilities
from jpegtrace.picture import Picture
from jpegtrace.pixels.luma import WEIGHTS

SEED = 70
ACROSS = (96, 256)
EDITS = (
    "brightness:12", "contrast:1.1", "contrast:0.9", "gamma:0.9", "gamma:1.15", "sharpen:1,30", "sharpen:2,100",
    "blur:gauss,3", "median:3", "noise:2",
)  # fmt: skip
QF1 = (60, 89)
APART = 10
MIDDLE = (75, 97)  # quality of a compression between the first and the last
PER_JOB = 10


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: of the row.
        donors: how many.
        last: quality of the last compression.
        single: whether nothing was compressed before.
        again: whether the background was compressed once more, at a quality of MIDDLE, before the last compression.
        clean: whether donors were never compressed before.
        cut: whether the grid of the background is shifted after each compression.
        vivid: whether colours are made vivid first.
        edited: whether something is done to the whole background before the last compression.
        target: what is asked for.
    """

    name: str
    donors: int
    last: int
    single: bool = False
    again: bool = False
    clean: bool = False
    cut: bool = True
    vivid: bool = False
    edited: bool = False
    target: str = ""


ROWS = (
    Row("one donor, QF2 90", 1, 90, target="F1 >= .85, sources >= .80"),
    Row("two donors, QF2 90", 2, 90, target="F1 >= .85, sources >= .80"),
    Row("one donor, QF2 80", 1, 80),
    Row("two donors, QF2 80", 2, 80),
    Row("no donor, QF2 90", 0, 90),
    Row("one donor, never compressed, QF2 90", 1, 90, clean=True),
    Row("no donor, compressed three times, QF3 90", 0, 90, again=True),
    Row("no donor, compressed three times, QF3 80", 0, 80, again=True),
    Row("no donor, compressed once, QF 90", 0, 90, single=True),
    Row("no donor, compressed once, QF 75", 0, 75, single=True),
    Row("no donor, on one grid, QF2 90", 0, 90, cut=False),
    Row("one donor, never compressed, on one grid, QF2 90", 1, 90, clean=True, cut=False),
    Row("no donor, edited, QF2 90", 0, 90, edited=True),
    Row("no donor, edited, on one grid, QF2 90", 0, 90, cut=False, edited=True),
    Row("no donor, of vivid colours, QF2 90", 0, 90, vivid=True),
    Row("no donor, of vivid colours, on one grid, QF2 90", 0, 90, cut=False, vivid=True),
    Row("one donor, of vivid colours, QF2 90", 1, 90, vivid=True),
)


@cache
def load(folder: Path) -> list[np.ndarray]:
    """RGB pictures."""
    return [Picture.open(path).raster.pixels for path in sorted(folder.iterdir()) if path.suffix in (".webp", ".png")]


def encode(pixels: np.ndarray, quality: int) -> bytes:
    """An OpenCV JPEG."""
    return cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def vivid(pixels: np.ndarray) -> np.ndarray:
    """Differences from grey doubled."""
    grey = (pixels @ WEIGHTS)[..., None]
    return np.clip(np.rint(grey + 2 * (pixels - grey)), 0, 255).astype(np.uint8)


def compressed(pixels: np.ndarray, quality: int, rng: np.random.Generator, *, cut: bool = True) -> np.ndarray:
    """Compressed at a quality, decoded, and cut by a random shift."""
    decoded = cv2.imdecode(np.frombuffer(encode(pixels, quality), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    row, col = rng.integers(0, 8, 2) if cut else (0, 0)
    return decoded[row:, col:].copy()


def outline(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A wavy disc inside a picture."""
    across = rng.uniform(*ACROSS)
    y, x = np.mgrid[: shape[0], : shape[1]]
    row, col = (rng.uniform(0.6 * across, max(n - 0.6 * across, 0.6 * across + 1)) for n in shape)
    angle = np.arctan2(y - row, x - col)
    waves = 1 + 0.2 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.15 * np.sin(3 * angle + rng.uniform(0, 6))
    return np.hypot(y - row, x - col) < across / 2 * waves


def splice(row: Row, pictures: list[np.ndarray], rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
    """A file and where its donors are (0: background)."""
    chosen = [pictures[k] for k in rng.choice(len(pictures), 1 + row.donors, replace=False)]
    if row.vivid:
        chosen = [vivid(pixels) for pixels in chosen]
    if row.single:
        return encode(chosen[0], row.last), np.zeros(chosen[0].shape[:2], int)
    background = int(rng.integers(QF1[0], QF1[1] + 1))
    others = [q for q in range(QF1[0], QF1[1] + 1) if abs(q - background) >= APART]
    out = compressed(chosen[0], background, rng, cut=row.cut)
    if row.again:
        out = compressed(out, int(rng.integers(MIDDLE[0], MIDDLE[1] + 1)), rng, cut=row.cut)
    if row.edited:
        out = simulate(out, str(rng.choice(EDITS)), seed=int(rng.integers(1 << 31))).pixels
    label = np.zeros(out.shape[:2], int)
    for k, donor in enumerate(chosen[1:]):
        source = donor if row.clean else compressed(donor, int(rng.choice(others)), rng)
        while (label[mask := outline(out.shape[:2], rng)] > 0).any():
            pass  # donors lie side by side
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        mask = mask[box]
        height, width = min(mask.shape[0], source.shape[0]), min(mask.shape[1], source.shape[1])
        top, left = (int(rng.integers(n - m + 1)) for n, m in zip(source.shape, (height, width), strict=False))
        mask = mask[:height, :width]
        out[box][:height, :width][mask] = source[top : top + height, left : left + width][mask]
        label[box][:height, :width][mask] = k + 1
    return encode(out, row.last), label


def measure(data: bytes, label: np.ndarray) -> dict[str, float]:
    """Scores of one file."""
    picture = Picture.open(data)
    history = history_of(picture, Params().most_windows)
    if isinstance(history, str):
        raise SystemExit(history)
    found = sources_of(picture, history)
    enlarged = np.kron(found.labels, np.ones((8, 8), np.int8))[: label.shape[0], : label.shape[1]]
    areas = [(enlarged == k).sum() for k in range(len(found.pasts) + 1)]
    parts = sum(area > 0 for area in areas)
    main = int(np.argmax(areas))
    claim = regions(picture)
    claimed = {"claimed": float(claim.status is Status.OK and claim.sources > 1)}
    if not label.any():
        return {"divided": float(parts > 1), **claimed}
    said, true = (enlarged != main) & (enlarged >= 0), label > 0
    both = (said & true).sum()
    here = past_probabilities(history.sums.windows(64, 8)[list(found.chosen)])
    other = 1 - here[main]
    score = np.kron(other, np.ones((8, 8)))[: label.shape[0], : label.shape[1]]
    return {
        "F1": 2 * both / max(said.sum() + true.sum(), 1),
        "IoU": both / max((said | true).sum(), 1),
        "AUC": area_under_curve(score[true], score[~true]),
        "sources": float(parts == label.max() + 1),
        **claimed,
    }


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive ranks above a negative, ties counting half."""
    values, place = np.unique(np.concatenate([positive, negative]), return_inverse=True)
    hits = np.bincount(place[: len(positive)], minlength=len(values)).astype(float)
    misses = np.bincount(place[len(positive) :], minlength=len(values)).astype(float)
    below = np.cumsum(misses) - misses
    return float((hits * (below + misses / 2)).sum() / (len(positive) * len(negative)))


def job(arguments: tuple[Path, Row, int, int]) -> list[dict[str, float]]:
    """Scores of several splices."""
    folder, row, count, seed = arguments
    rng = np.random.default_rng(seed)
    return [measure(*splice(row, load(folder), rng)) for _ in range(count)]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--splices", type=int, default=200)
    parser.add_argument("--rows", nargs="*", help="only rows whose name begins so")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--name", default="regions")
    options = parser.parse_args()
    table = []
    with ProcessPoolExecutor(options.processes) as pool:
        for row in ROWS:
            if options.rows and not any(row.name.startswith(name) for name in options.rows):
                continue
            jobs = [(options.folder, row, PER_JOB, SEED + at) for at in range(0, options.splices, PER_JOB)]
            results = [one for part in pool.map(job, jobs) for one in part]
            line: dict[str, object] = {"row": row.name, "pictures": len(load(options.folder)), "splices": len(results)}
            for name in ("F1", "IoU", "AUC", "sources", "divided", "claimed"):
                values = np.array([one[name] for one in results if name in one])
                line[name] = f"{values.mean():.3f}" if len(values) else ""
                line[f"{name}_interval"] = bootstrap_interval(values, seed=SEED) if len(values) else ""
            line["F1_median"] = f"{np.median([one['F1'] for one in results]):.3f}" if row.donors else ""
            table.append(line | {"target": row.target})
            print({k: v for k, v in table[-1].items() if v != ""}, flush=True)
    write_results(options.name, table, seed=SEED)


if __name__ == "__main__":
    main()
