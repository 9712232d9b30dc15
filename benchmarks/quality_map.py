"""Quality map and "was it ever JPEG" from pixels alone (protocol P2, after Uchida 2019).

Run ``python benchmarks/quality_map.py FOLDER [--part PART ...]``; every part writes ``results/quality_map_PART.csv``.
FOLDER holds ``photos`` (lossless RGB pictures that no training has seen), ``Set5`` and ``Set14``. OpenCV encodes
(4:2:0) and decodes; the analysis `quality-map` is given the pixels as a PNG. "Cropped" pictures have lost 0 to 7 rows
and columns after decoding, so that the grid begins anywhere. Intervals are 95 % bootstraps over pictures.

- ``paper``: 50 pictures reduced to 10 % of their area (and, as a stress, of their sides), by the mean over areas; the
  quality of the whole picture. The paper's pictures became 493x326, these 142x142 to 243x162 (45 to 77 by the side).
  MAE and exact: of the pictures that are told a quality, and of all. The column of the paper is the authors' own
  network on 50 camera pictures.
- ``windows``: pictures as they are, cropped; the quality of 32x32 and 16x16 windows. "In the picture" is the map with
  a value a window (the engine may look beyond it), "alone" are windows cut out at random places, each a picture of its
  own. A window that is called never compressed is told, and wrong. MAE is that of the windows that are told a quality.
- ``flag``: windows of 64x64 alone. False alarms on all windows side by side of pictures that never were JPEG; misses on
  windows cut out at random places that are not flat.
- ``collage``: the paper's figure 3: a blob of 10 to 40 % of a picture that was never compressed is replaced by another
  picture, which was, and the other way round. F1 and IoU of what was compressed, per pixel; compressed is what the map
  "parts" (stride 8) says so, and where it says nothing it counts as not compressed. Beside: the same by the map "ever
  JPEG" >= .5; without the pixels where "parts" says nothing; and F1 of what was never compressed.
- ``processed``: decoded, cropped (not where it is re-saved on the same grid), and altered; whole pictures as they are.
- ``speed``: a picture of 12 megapixels as PNG: whole processes, wall time and peak memory, medians of 3 after a
  warm-up.
- ``sets``: Set5 and Set14, picture by picture, beside the paper's figures 4 and 5.

A block is flat where its luma spans at most one grey level; a window is called flat where fewer than 30 % of its 8x8
blocks, from its corner on, are neither flat nor hold a sample of 0 or 255.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

import jpegtrace
from common import bootstrap_by_picture, made_picture, measure, write_results
from jpegtrace.analyses import find_analysis, limit_threads
from jpegtrace.findings import Finding, Map, Status
from jpegtrace.picture import Picture

ANALYSIS = "quality-map"
SEED = 40
COMMAND = str(Path(sys.executable).parent / "jpegtrace")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
NOT_FLAT = 0.3  # share of blocks
SHIFTS = 8

Row = dict[str, object]
Pixels = np.ndarray


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    folder: Path
    pictures: int | None
    processes: int
    seed: int
    megapixels: float = 12

    def paths(self, usual: int | None = None) -> list[Path]:
        """Photographs: as many as asked for, or as is usual, drawn at random."""
        found = sorted(path for path in (self.folder / "photos").iterdir() if path.suffix in (".webp", ".png"))
        many = min(self.pictures or usual or len(found), len(found))
        return [found[k] for k in sorted(np.random.default_rng(self.seed).permutation(len(found))[:many])]

    def run(self, job: Callable[..., list[Any]], jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What all jobs found."""
        found: list[Any] = []
        with ProcessPoolExecutor(self.processes, initializer=_one_core) as pool:
            for done, part in enumerate(pool.map(job, *zip(*jobs, strict=True)), 1):
                found += part
                if done * 20 // len(jobs) > (done - 1) * 20 // len(jobs):
                    print(f"{done} of {len(jobs)}", file=sys.stderr, flush=True)
        return found


def _one_core() -> None:
    limit_threads(1)  # each of several processes


def random(*numbers: int) -> np.random.Generator:
    """Reproducible whatever else is run."""
    return np.random.default_rng(numbers)


@cache
def load(path: Path) -> Pixels:
    """RGB."""
    pixels: Pixels = Picture.open(path).raster.pixels
    return pixels


def compressed(pixels: Pixels, quality: int) -> Pixels:
    """Compressed and decoded."""
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def cropped(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, tuple[int, int]]:
    """Without 0 to 7 rows and columns, and where the grid begins then."""
    row, col = (int(n) for n in rng.integers(0, SHIFTS, 2))
    return np.ascontiguousarray(pixels[row:, col:]), ((SHIFTS - row) % SHIFTS, (SHIFTS - col) % SHIFTS)


def png(pixels: Pixels) -> bytes:
    """A file."""
    data: bytes = cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    return data


def ask(pixels: Pixels, name: str) -> Finding:
    """The answer of the analysis; a failure ends the benchmark."""
    finding = jpegtrace.inspect(png(pixels), only=ANALYSIS, name=name).findings[0]
    if finding.status is Status.FAILED:
        raise SystemExit(f"{name}: {finding.summary}")
    return finding


def flag_of(finding: Finding) -> bool | None:
    """Ever JPEG, never, or cannot tell."""
    flag = finding.values.get("ever_jpeg")
    return flag if isinstance(flag, bool) else None


def quality_of(finding: Finding) -> float:
    """NaN where none is told."""
    quality = finding.values.get("quality")
    return float(quality) if flag_of(finding) and isinstance(quality, (int, float)) else np.nan


def origin_of(finding: Finding) -> tuple[object, ...]:
    """Of the grid; empty where none is told."""
    origin = finding.values.get("grid_origin")
    return tuple(origin) if isinstance(origin, list) else ()


def telling_blocks(pixels: Pixels) -> np.ndarray:
    """Blocks of 8x8 that are neither flat nor clipped."""
    rows, cols = (n // 8 for n in pixels.shape[:2])
    pixels = pixels[: rows * 8, : cols * 8]
    luma = (pixels @ LUMA).reshape(rows, 8, cols, 8)
    clipped = ((pixels == 0) | (pixels == 255)).any(2).reshape(rows, 8, cols, 8).any((1, 3))
    telling: np.ndarray = (luma.max((1, 3)) - luma.min((1, 3)) > 1) & ~clipped
    return telling


def is_flat(window: Pixels) -> bool:
    """Fewer than 30 % of its blocks can tell anything."""
    return bool(telling_blocks(window).mean() < NOT_FLAT)


def windows_in(pixels: Pixels, side: int, count: int, rng: np.random.Generator) -> list[Pixels]:
    """Cut out at random places."""
    corners = [[int(rng.integers(n - side + 1)) for n in pixels.shape[:2]] for _ in range(count)]
    return [np.ascontiguousarray(pixels[row : row + side, col : col + side]) for row, col in corners]


class Table:
    """Values found, by name, one of each for every thing looked at; `picture` says in which picture."""

    def __init__(self, records: Sequence[dict[str, Any]], seed: int) -> None:
        self.records = list(records)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.records)

    def where(self, **wanted: object) -> Table:
        """Those with these values; a tuple or range lists several."""
        several = {key: value if isinstance(value, (tuple, range)) else (value,) for key, value in wanted.items()}
        return Table([r for r in self.records if all(r[key] in some for key, some in several.items())], self.seed)

    def column(self, name: str) -> np.ndarray:
        """Values as numbers."""
        return np.array([r[name] for r in self.records], float)

    def mean(
        self, name: str, values: np.ndarray, digits: int = 3, weights: np.ndarray | None = None, interval: bool = True
    ) -> Row:
        """Mean of the values that are not NaN, and its interval; empty where there are none."""
        known = ~np.isnan(values)
        row: Row = dict.fromkeys([name, f"{name}_interval"] if interval else [name], "")
        if known.any():
            weights = np.ones(len(values)) if weights is None else weights
            pictures = self.column("picture")[known]
            row[name] = f"{np.average(values[known], weights=weights[known]):.{digits}f}"
            if interval:
                row[f"{name}_interval"] = bootstrap_by_picture(
                    values[known], pictures, weights[known], seed=self.seed, digits=digits
                )
        return row

    def flags(self, digits: int = 3) -> Row:
        """Shares called JPEG, never JPEG and neither."""
        flag = self.column("flag")  # 1, 0, NaN
        return (
            self.mean("called_jpeg", np.nan_to_num(flag), digits)
            | self.mean("called_never", (flag == 0).astype(float), digits, interval=False)
            | self.mean("cannot_tell", np.isnan(flag).astype(float), digits, interval=False)
        )

    def errors(self) -> np.ndarray:
        """Absolute errors; NaN where no quality is told."""
        truth = np.array([np.nan if q is None else q for q in self.qualities])
        return np.abs(np.subtract(self.column("estimate"), truth))

    @property
    def qualities(self) -> list[int | None]:
        """What was done; None where nothing was."""
        return [r["quality"] for r in self.records]

    def wrong(self, most: int = 10) -> Row:
        """Names of pictures that were never JPEG and are called so, or the other way round."""
        names = [r["name"] for r in self.records if r["flag"] is (r["quality"] is None)]
        return {"wrong_flags": len(names), "where_wrong": "; ".join(dict.fromkeys(names[:most]))}

    def even(self) -> np.ndarray:
        """Weights by which every quality counts alike among those that are told one."""
        told = ~np.isnan(self.column("estimate"))
        names = np.array([-1 if q is None else q for q in self.qualities])
        counts = {q: max(int(told[names == q].sum()), 1) for q in np.unique(names)}
        return np.array([1 / counts[q] for q in names])


# Paper: the whole picture, reduced.

PAPER = 1
PAPER_PICTURES = 50
PAPER_QUALITIES = (*range(5, 100, 5), 97, 98, 99, 100)
REDUCED = {"10 % of the area": 0.1**0.5, "10 % of the side": 0.1}
PUBLISHED = {10: 2.9, 30: 4.5, 50: 5.5, 70: 3.6, 80: 2.8, 90: 2.7, 95: 1.7, 100: 1.4}


def paper_job(path: Path, index: int, reduced: str, crop: bool, seed: int) -> list[dict[str, Any]]:
    """One picture at every quality."""
    pixels = load(path)
    height, width = (round(n * REDUCED[reduced]) for n in pixels.shape[:2])
    pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    found = []
    for quality in (*PAPER_QUALITIES, None):
        decoded = pixels if quality is None else compressed(pixels, quality)
        origin = (0, 0)
        if crop:
            decoded, origin = cropped(decoded, random(seed, PAPER, index, quality or 0))
        finding = ask(decoded, f"{path.name}, {reduced}, cropped {crop}, QF {quality}, origin {origin}")
        found.append(
            {
                "picture": index,
                "name": path.name,
                "reduced": reduced,
                "crop": crop,
                "quality": quality,
                "flag": flag_of(finding),
                "estimate": quality_of(finding),
                "grid": origin_of(finding) == origin,
            }
        )
    return found


def paper(options: Options) -> list[Row]:
    """The paper's experiment."""
    paths = options.paths(PAPER_PICTURES)
    sets = [(reduced, crop) for reduced in REDUCED for crop in (False, True)]
    jobs = [(path, k, *one, options.seed) for one in sets for k, path in enumerate(paths)]
    table = Table(options.run(paper_job, jobs), options.seed)
    rows = []
    for reduced, crop in sets:
        main = table.where(reduced=reduced, crop=crop)
        wanted: list[tuple[str, Any, str]] = [(str(q), q, "") for q in PAPER_QUALITIES]
        wanted += [
            ("never compressed", None, "called_never = 1"),
            ("10-100", tuple(q for q in PAPER_QUALITIES if q >= 10), "MAE <= .5, exact >= .90"),
            ("97-100", (97, 98, 99, 100), "called_jpeg = 1"),
        ]
        rows += [
            {"reduced_to": reduced, "crop": "random" if crop else "none", "QF": name}
            | paper_row(main.where(quality=qualities), name)
            | {"target": target if reduced.endswith("area") else ""}
            | main.where(quality=qualities).wrong()
            for name, qualities, target in wanted
        ]
    return rows


def paper_row(part: Table, name: str) -> Row:
    """Figures of some qualities."""
    errors, estimates = part.errors(), part.column("estimate")
    told = estimates[~np.isnan(estimates)]
    one = name.isdigit()
    published = PUBLISHED.get(int(name)) if one else {"10-100": sum(PUBLISHED.values()) / len(PUBLISHED)}.get(name)
    never = part.qualities[0] is None
    return (
        {
            "pictures": len(set(part.column("picture"))),
            "n": len(part),
            "told": f"{len(told) / len(part):.3f}",
            "mean": f"{told.mean():.2f}" if (one or never) and len(told) else "",
            "sd": f"{told.std():.2f}" if (one or never) and len(told) else "",
        }
        | part.mean("MAE", errors, 2, part.even())
        | part.mean("exact", np.full(len(part), np.nan) if never else (errors == 0).astype(float))
        | part.mean("exact_of_told", np.where(np.isnan(errors), np.nan, errors == 0), interval=False)
        | part.flags()
        | part.mean("grid_right", np.where(np.isnan(estimates), np.nan, part.column("grid")), interval=False)
        | {
            "paper_MAE": "" if published is None else f"{published:.1f}",
            "paper_called_jpeg": "0" if never else "1" if published else "",
        }
    )


# Windows: 32x32 and 16x16.

WINDOWS = 2
WINDOW_QUALITIES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 100)
WINDOW_QUALITIES_EACH = 7  # of a picture
SIDES = (32, 16)
ALONE = 6  # windows of a picture at a quality
MAPPED = 200  # the same, at most, in its map


def windows_job(path: Path, index: int, seed: int) -> list[dict[str, Any]]:
    """One picture at some qualities."""
    found = []
    for k in range(WINDOW_QUALITIES_EACH):
        quality = WINDOW_QUALITIES[(index * WINDOW_QUALITIES_EACH + k) % len(WINDOW_QUALITIES)]
        rng = random(seed, WINDOWS, index, quality)
        decoded, origin = cropped(compressed(load(path), quality), rng)
        name = f"{path.name}, QF {quality}, origin {origin}"
        picture = Picture.open(png(decoded), name=name)
        telling = telling_blocks(decoded)
        for side in SIDES:
            common = {"picture": index, "quality": quality, "side": side}
            maps = {m.name: m for m in find_analysis(ANALYSIS).maps_of(picture, stride=side)}
            rows, cols = (n // side for n in decoded.shape[:2])
            ever = maps["ever JPEG"].values[:rows, :cols]
            estimates = maps["quality"].values[:rows, :cols] if "quality" in maps else np.full_like(ever, np.nan)
            step = side // 8
            share = telling[: rows * step, : cols * step].reshape(rows, step, cols, step).mean((1, 3))
            for at in rng.permutation(ever.size)[:MAPPED]:
                estimate, probability = float(estimates.flat[at]), float(ever.flat[at])
                # Without a source the probability stands for the whole picture, and .5 and more is "cannot tell".
                told = not np.isnan(estimate) or probability < 0.5
                flag = float(not np.isnan(estimate)) if told else np.nan
                flat = bool(share.flat[at] < NOT_FLAT)
                found.append(common | {"mode": "in the picture", "estimate": estimate, "flag": flag, "flat": flat})
            for window in windows_in(decoded, side, ALONE, rng):
                finding = ask(window, f"window {side} of {name}")
                found.append(
                    common
                    | {
                        "mode": "alone",
                        "estimate": quality_of(finding),
                        "flag": flag_of(finding),
                        "flat": is_flat(window),
                    }
                )
    return found


def windows(options: Options) -> list[Row]:
    """Windows of pictures as they are."""
    paths = options.paths()
    table = Table(options.run(windows_job, [(p, k, options.seed) for k, p in enumerate(paths)]), options.seed)
    rows = []
    for mode in ("in the picture", "alone"):
        for side in SIDES:
            main = table.where(mode=mode, side=side)
            known = tuple(q for q in WINDOW_QUALITIES if q in main.qualities)
            target = "MAE <= 1, exact_of_told >= .85, abstained <= .15" if side == 32 else "MAE <= 3"
            for name, qualities in [(str(q), (q,)) for q in known] + [("all", known)]:
                part = main.where(quality=qualities)
                rows.append(
                    {"windows": f"{side}x{side}", "mode": mode, "QF": name}
                    | windows_row(part)
                    | {"target": target if name == "all" and mode == "in the picture" else ""}
                )
    return rows


def windows_row(part: Table) -> Row:
    """Figures of some windows; every window counts alike, and in the MAE every quality."""
    errors, flag, flat = part.errors(), part.column("flag"), part.column("flat")
    abstained = np.isnan(flag)
    return (
        {"pictures": len(set(part.column("picture"))), "n": len(part)}
        | part.mean("MAE", errors, 2, part.even())
        | part.mean("exact_of_told", np.where(abstained, np.nan, errors == 0))
        | part.mean("abstained", abstained.astype(float))
        | part.mean("flat_of_abstained", np.where(abstained, flat, np.nan), interval=False)
        | part.mean("flat", flat, interval=False)
        | part.mean("abstained_of_not_flat", np.where(flat == 1, np.nan, abstained))
        | part.mean("called_never", (flag == 0).astype(float))
    )


# Flag: 64x64 windows.

FLAG = 3
FLAG_QUALITIES = (10, 30, 50, 70, 80, 90, 95, 97, 98, 99, 100)
FLAG_SIDE = 64
FLAG_EACH = 8  # windows of a picture at a quality
TRIES = 50
DEFINITION = "flat: fewer than 30 % of its 8x8 blocks span more than 1 grey level of luma and hold no 0 or 255"


def flag_job(path: Path, index: int, seed: int) -> list[dict[str, Any]]:
    """All windows as they are, and some at every quality."""
    pixels, found = load(path), []

    def look(window: Pixels, quality: int | None, place: str) -> None:
        finding = ask(window, f"64x64 of {path.name}, QF {quality}, {place}")
        found.append(
            {
                "picture": index,
                "quality": quality,
                "flag": flag_of(finding),
                "estimate": quality_of(finding),
                "flat": is_flat(window),
                "place": f"{path.name} {place}: {finding.values.get('nearest')}",
            }
        )

    for row in range(0, pixels.shape[0] - FLAG_SIDE + 1, FLAG_SIDE):
        for col in range(0, pixels.shape[1] - FLAG_SIDE + 1, FLAG_SIDE):
            window = np.ascontiguousarray(pixels[row : row + FLAG_SIDE, col : col + FLAG_SIDE])
            look(window, None, f"at row {row}, column {col}")
    for quality in FLAG_QUALITIES:
        decoded = compressed(pixels, quality)
        drawn = windows_in(decoded, FLAG_SIDE, TRIES, random(seed, FLAG, index, quality))
        for k, window in enumerate([w for w in drawn if not is_flat(w)][:FLAG_EACH]):
            look(window, quality, f"window {k}")
    return found


def flag(options: Options) -> list[Row]:
    """False alarms and misses."""
    paths = options.paths()
    table = Table(options.run(flag_job, [(p, k, options.seed) for k, p in enumerate(paths)]), options.seed)
    pristine = table.where(quality=None)
    rows = [
        flag_row(pristine, "never compressed, all", "called_jpeg <= .001"),
        flag_row(pristine.where(flat=False), "never compressed, not flat", ""),
    ]
    for quality in FLAG_QUALITIES:
        target = "missed <= .01" if quality <= 99 else "missed <= .05"
        rows.append(flag_row(table.where(quality=quality), str(quality), target))
    upto = table.where(quality=tuple(q for q in FLAG_QUALITIES if q <= 99))
    return [*rows, flag_row(upto, f"{FLAG_QUALITIES[0]}-99", "missed <= .01")]


def flag_row(part: Table, name: str, target: str) -> Row:
    """Figures of some windows."""
    answers, flat = part.column("flag"), part.column("flat")
    pristine = part.qualities[0] is None
    alarms = [r["place"] for r in part.records if r["flag"]] if pristine else []
    missed = (
        np.full(len(part), np.nan)
        if pristine
        else np.where(np.isnan(answers), 1, 1 - np.nan_to_num(answers)).astype(float)
    )
    return (
        {"QF": name, "pictures": len(set(part.column("picture"))), "windows": len(part)}
        | {"flat": f"{flat.mean():.3f}", "alarms": len(alarms) if pristine else ""}
        | part.flags(5)
        | {"alarm_rate_at_most": f"{upper_bound(len(alarms), len(part)):.5f}" if pristine else ""}
        | part.mean("missed", missed, 4)
        | {"target": target, "flat_means": DEFINITION, "where_alarms": "; ".join(alarms[:40])}
    )


def upper_bound(hits: int, trials: int) -> float:
    """Clopper and Pearson's one-sided 95 % bound of a share, as if the trials were independent."""
    low, high = hits / trials, 1.0
    k = np.arange(1, hits + 1)
    choices = np.concatenate([[0.0], np.cumsum(np.log((trials - k + 1) / k))])
    for _ in range(60):
        p = (low + high) / 2
        logs = choices + np.arange(hits + 1) * np.log(p) + (trials - np.arange(hits + 1)) * np.log1p(-p)
        low, high = (p, high) if np.exp(logs).sum() > 0.05 else (low, p)
    return high


# Collage: one part was compressed, the other never.

COLLAGE = 4
COLLAGE_QUALITIES = (50, 80, 90, 95)
COLLAGES = 60
AREA = (0.1, 0.4)
STRIDE = 8


def blob(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A smooth part of a picture in one piece."""
    while True:
        noise = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), min(shape) / 8)
        high = (noise > np.quantile(noise, 1 - rng.uniform(*AREA))).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(high)
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        found: np.ndarray = labels == largest
        if AREA[0] <= found.mean() <= AREA[1]:
            return found


def collage_job(index: int, paths: list[Path], quality: int, background: bool, seed: int) -> list[dict[str, Any]]:
    """One collage."""
    rng = random(seed, COLLAGE, index, quality, background)
    one, other = (paths[k] for k in ((index % len(paths)), (index + int(rng.integers(1, len(paths)))) % len(paths)))
    plain, (jpeg, origin) = load(one), cropped(compressed(load(other), quality), rng)
    height, width = (min(a, b) for a, b in zip(plain.shape[:2], jpeg.shape[:2], strict=True))
    plain, jpeg = plain[:height, :width], jpeg[:height, :width]
    region = blob((height, width), rng)
    true = ~region if background else region
    pixels = np.where(true[..., None], jpeg, plain)
    name = f"collage {index}: JPEG {quality} of {other.name}, origin {origin}, {one.name}, background {background}"
    maps = {m.name: m for m in find_analysis(ANALYSIS).maps_of(Picture.open(png(pixels), name=name), stride=STRIDE)}
    ever = enlarged(maps["ever JPEG"], true.shape)
    parts = enlarged(maps["parts"], true.shape) if "parts" in maps else np.where(ever < 0.5, 0, np.nan)
    told = ~np.isnan(parts)
    f1, iou = agreement(true, parts > 0)
    f1_told, iou_told = agreement(true[told], parts[told] > 0)
    return [
        {"picture": index, "quality": quality, "background": background, "F1": f1, "IoU": iou}
        | {"F1_told": f1_told, "IoU_told": iou_told, "untold": 1 - told.mean()}
        | {"F1_ever": agreement(true, ever >= 0.5)[0], "F1_never": agreement(~true, parts == 0)[0]}
        | {"share": true.mean(), "found": float((parts > 0).any()), "name": name}
    ]


def enlarged(m: Map, shape: tuple[int, int]) -> np.ndarray:
    """A map, pixel by pixel."""
    found: np.ndarray = np.kron(m.values, np.ones(m.cell, np.float32))[: shape[0], : shape[1]]
    return found


def agreement(true: np.ndarray, said: np.ndarray) -> tuple[float, float]:
    """F1 and IoU."""
    both = int((true & said).sum())
    return 2 * both / max(int(true.sum() + said.sum()), 1), both / max(int((true | said).sum()), 1)


def collage(options: Options) -> list[Row]:
    """Both ways round."""
    paths, count = replace(options, pictures=None).paths(), options.pictures or COLLAGES
    paths = [paths[k] for k in np.random.default_rng(options.seed).permutation(len(paths))]
    jobs = [(k, paths, q, b, options.seed) for b in (False, True) for q in COLLAGE_QUALITIES for k in range(count)]
    table = Table(options.run(collage_job, jobs), options.seed)
    rows = []
    for background in (False, True):
        main = table.where(background=background)
        for quality in (*COLLAGE_QUALITIES, COLLAGE_QUALITIES):
            part = main.where(quality=quality)
            row: Row = {
                "compressed": "background" if background else "region",
                "QF": quality if isinstance(quality, int) else "all",
                "pictures": len(paths),
                "collages": len(part),
                "compressed_share": f"{part.column('share').mean():.3f}",
            }
            for name in ("F1", "IoU", "F1_told", "IoU_told", "F1_ever", "F1_never"):
                row |= part.mean(name, part.column(name))
            row["F1_median"] = f"{np.median(part.column('F1')):.3f}"
            row |= part.mean("untold", part.column("untold"), interval=False)
            row |= part.mean("found", part.column("found"), interval=False)
            row |= {"target": "" if isinstance(quality, int) else "F1 >= .95"}
            worst = sorted(part.records, key=lambda r: r["F1"])[:3]
            rows.append(row | {"worst": "; ".join(f"{r['F1']:.3f} {r['name']}" for r in worst)})
    return rows


# Processed after decoding.

PROCESSED = 5
PROCESSED_QUALITIES = (30, 40, 50, 60, 70, 80, 90)
PROCESSED_QUALITIES_EACH = 2  # of a picture, for each processing
NEVER_EACH = 2  # processings of a picture that was never compressed
RESAVED = 98
NEAR = 2


def brighter(pixels: Pixels) -> Pixels:
    """By three grey levels."""
    return np.minimum(pixels, 252) + np.uint8(3)


def darkened(pixels: Pixels) -> Pixels:
    """To the power of 1.05."""
    levels = np.rint(255 * (np.arange(256) / 255) ** 1.05).astype(np.uint8)
    found: Pixels = levels[pixels]
    return found


def converted(pixels: Pixels) -> Pixels:
    """To YCbCr and back, rounded both times (JFIF)."""
    there = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    offset = np.array([0, 128, 128])
    between = np.clip(np.rint(pixels @ there.T + offset), 0, 255)
    back = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
    return np.clip(np.rint((between - offset) @ back.T), 0, 255).astype(np.uint8)


PROCESSINGS: dict[str, Callable[[Pixels], Pixels]] = {
    "none": lambda pixels: pixels,
    "brightness +3": brighter,
    "gamma 1.05": darkened,
    "RGB to YCbCr to RGB": converted,
    f"re-saved at QF {RESAVED}": lambda pixels: compressed(pixels, RESAVED),
    f"cropped, re-saved at QF {RESAVED}": lambda pixels: compressed(pixels, RESAVED),
}


def processed_job(path: Path, index: int, seed: int) -> list[dict[str, Any]]:
    """One picture, processed in all ways."""
    found = []
    several: list[tuple[str, int | None]] = []
    for turn, how in enumerate(PROCESSINGS):
        first = index * PROCESSED_QUALITIES_EACH + turn
        chosen = [(first + 3 * k) % len(PROCESSED_QUALITIES) for k in range(PROCESSED_QUALITIES_EACH)]
        several += [(how, PROCESSED_QUALITIES[k]) for k in chosen]
    plain = [how for how in PROCESSINGS if "saved" not in how]  # re-saved, a picture has been JPEG
    several += [(plain[(index + k) % len(plain)], None) for k in range(NEVER_EACH)]
    for how, quality in several:
        pixels, origin = load(path), (0, 0)
        if quality is not None:
            pixels = compressed(pixels, quality)
        if not how.startswith("re-saved"):
            number = list(PROCESSINGS).index(how)
            pixels, origin = cropped(pixels, random(seed, PROCESSED, index, quality or 0, number))
        finding = ask(PROCESSINGS[how](pixels), f"{path.name}, QF {quality}, origin {origin}, {how}")
        found.append(
            {
                "picture": index,
                "name": path.name,
                "how": how,
                "quality": quality,
                "flag": flag_of(finding),
                "estimate": quality_of(finding),
                "grid": origin_of(finding) == origin,
                "processed": bool(finding.values.get("processed")),
            }
        )
    return found


def processed(options: Options) -> list[Row]:
    """By processing and quality."""
    paths = options.paths()
    table = Table(options.run(processed_job, [(p, k, options.seed) for k, p in enumerate(paths)]), options.seed)
    rows = []
    for how in PROCESSINGS:
        main = table.where(how=how)
        cases: list[tuple[str, Any, str]] = [(str(q), q, "") for q in PROCESSED_QUALITIES]
        cases += [("30-90", PROCESSED_QUALITIES, "flag_right >= .90, within_2 >= .80"), ("never compressed", None, "")]
        for name, quality, target in cases:
            if part := main.where(quality=quality):
                rows.append({"processing": how, "QF": name} | processed_row(part) | {"target": target} | part.wrong())
    return rows


def processed_row(part: Table) -> Row:
    """Figures of some pictures; where a picture was never compressed, the right flag is not "JPEG"."""
    never = part.qualities[0] is None
    flag, errors = np.nan_to_num(part.column("flag")), part.errors()
    nothing = np.full(len(part), np.nan)
    last = np.abs(part.column("estimate") - RESAVED) <= 1
    return (
        {"pictures": len(set(part.column("picture"))), "n": len(part)}
        | part.mean("flag_right", 1 - flag if never else flag)
        | part.mean("within_2", nothing if never else (np.nan_to_num(errors, nan=99) <= NEAR).astype(float))
        | part.mean("exact", nothing if never else (errors == 0).astype(float))
        | part.mean("names_98", last.astype(float))
        | part.mean("grid_right", nothing if never else part.column("grid"), interval=False)
        | part.mean("reported_processed", part.column("processed"))
    )


# Speed.

REPEATS = 3
SPEED_QUALITY = 85
TILE = (375, 400)


def speed(options: Options) -> list[Row]:
    """Whole processes."""
    rows: list[Row] = []
    full = options.megapixels == 12
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("mosaic of photographs, JPEG 85", "mosaic of photographs, never compressed", "made, JPEG 85"):
            path = Path(folder) / "picture.png"
            # Written by a process of its own: a child's peak memory begins with what its parent holds.
            arguments = [str(path), str(options.folder), kind, str(options.megapixels)]
            subprocess.run([sys.executable, __file__, *arguments], check=True)
            for what, command in (
                ("inspect", [COMMAND, "inspect", str(path), "--only", ANALYSIS]),
                (f"map, stride {STRIDE}", [COMMAND, "map", str(path), "--what", ANALYSIS, "--name", "ever JPEG"]),
            ):
                if what != "inspect":
                    command += ["--stride", str(STRIDE), "-o", str(Path(folder) / "map.npy")]
                measure(command)
                runs = [measure(command) for _ in range(REPEATS)]
                rows.append(
                    {
                        "what": what,
                        "picture": kind,
                        "megapixels": options.megapixels,
                        "seconds": f"{statistics.median(run[0] for run in runs):.2f}",
                        "seconds_target": 40 if full else "",
                        "peak_mib": f"{max(run[1] for run in runs):.0f}",
                        "peak_mib_target": 1500 if full else "",
                        "repeats": REPEATS,
                    }
                )
                print(rows[-1], file=sys.stderr, flush=True)
    return rows


def write_picture(path: str, folder: str, kind: str, megapixels: str) -> None:
    """Write a picture as PNG, 4 to 3."""
    height, width = (round((float(megapixels) * 1e6 * ratio) ** 0.5) for ratio in (3 / 4, 4 / 3))
    if kind.startswith("mosaic"):
        paths = Options(Path(folder), None, 1, SEED).paths()
        pixels = np.empty((height, width, 3), np.uint8)
        corners = [(y, x) for y in range(0, height, TILE[0]) for x in range(0, width, TILE[1])]
        for k, (y, x) in enumerate(corners):
            tall, wide = min(TILE[0], height - y), min(TILE[1], width - x)
            pixels[y : y + tall, x : x + wide] = load(paths[k % len(paths)])[:tall, :wide]
    else:
        pixels = made_picture(height, width, SEED)
    if kind.endswith(str(SPEED_QUALITY)):
        pixels = compressed(pixels, SPEED_QUALITY)
    Image.fromarray(pixels).save(path, compress_level=1)


# Sets: pictures that others use.

# Mean quality and mean flag in the paper's figures 4 and 5; from .5 on its rule says "ever JPEG". Its text names fewer.
FIGURES_4_AND_5 = {
    "baby": (95.87, 0.98), "bird": (98.29, 0.32), "butterfly": (98.61, 0.57), "head": (99.50, 0.01),
    "woman": (78.07, 1.00), "foreman": (74.51, 0.99), "pepper": (99.69, 0.00), "comic": (99.02, 0.19),
    "coastguard": (84.17, 1.00), "baboon": (99.69, 0.00), "monarch": (99.21, 0.65), "flowers": (99.76, 0.00),
    "face": (99.45, 0.01), "ppt3": (70.96, 0.78), "zebra": (83.09, 1.00), "barbara": (99.29, 0.03),
    "lenna": (99.75, 0.00),
}  # fmt: skip
NAMED = ("baby", "woman", "foreman", "coastguard", "ppt3", "zebra")
VERDICTS = {True: "JPEG", False: "never", None: "cannot tell"}


def sets_job(path: Path) -> list[Row]:
    """One picture, as it lies there."""
    report = jpegtrace.inspect(path, only=ANALYSIS)
    finding = report.findings[0]
    said, values = flag_of(finding), finding.values
    quality, mean_flag = FIGURES_4_AND_5.get(path.stem, ("", ""))
    judged = path.stem in FIGURES_4_AND_5
    named = path.stem in NAMED
    return [
        {
            "set": path.parent.name,
            "picture": path.stem,
            "format": report.input.format,
            "size": f"{report.input.width}x{report.input.height}",
            "verdict": VERDICTS[said],
            "quality": none_as_empty(values.get("quality")),
            "grid": ", ".join(str(n) for n in origin_of(finding)),
            "probability": none_as_empty(values.get("probability_jpeg")),
            "nfa_log10": none_as_empty(values.get("nfa_log10")),
            "nearest": none_as_empty(values.get("nearest")),
            "paper_quality": quality,
            "paper_flag": mean_flag,
            "paper_by_its_rule": VERDICTS[float(mean_flag) > 0.5] if judged else "",
            "paper_verdict": VERDICTS[named] if judged else "left out (grey)",
            "agree": "" if not judged else "yes" if said is named else "no" if said is not None else "cannot tell",
            "evidence": evidence_of(finding),
        }
    ]


def none_as_empty(value: object) -> object:
    """For a cell."""
    return "" if value is None else value


def evidence_of(finding: Finding) -> str:
    """In words, what the engine saw."""
    said, values = [finding.summary], finding.values
    if tiles := values.get("tiles"):
        said.append(f"{tiles} places of 64x64 were looked at on all 64 grids")
    if values.get("ever_jpeg"):
        table = values.get("table")
        if isinstance(table, list):
            steps = [str(v) if v is not None else "-" for v in table[:8]]
            said.append(f"{values.get('entries_told')} of 64 entries read, the first row {' '.join(steps)}")
        said.append(f"10^{values.get('nfa_log10')} such findings expected by chance")
    elif (probability := values.get("probability_jpeg")) is not None:
        said.append(f"no grid stands out: probability of JPEG {probability}")
    said += [f"{remark.text} ({remark.evidence})" if remark.evidence else remark.text for remark in finding.remarks]
    return "; ".join(one.rstrip(".") for one in said)


def sets(options: Options) -> list[Row]:
    """Set5 and Set14."""
    paths = [p for name in ("Set5", "Set14") for p in sorted((options.folder / name).iterdir()) if p.suffix == ".png"]
    return options.run(sets_job, [(path,) for path in paths[: options.pictures]])


PARTS: dict[str, Callable[[Options], list[Row]]] = {
    "paper": paper,
    "windows": windows,
    "flag": flag,
    "collage": collage,
    "processed": processed,
    "speed": speed,
    "sets": sets,
}


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--pictures", type=int, help="how many; collages: of each kind")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--megapixels", type=float, default=12, help="for speed")
    parser.add_argument("--name", default="quality_map", help="what the results are called")
    chosen = parser.parse_args()
    options = Options(chosen.folder, chosen.pictures, chosen.processes, chosen.seed, chosen.megapixels)
    for part in chosen.part:
        write_results(f"{chosen.name}_{part}", PARTS[part](options), seed=options.seed)


if __name__ == "__main__":
    write_picture(*sys.argv[1:]) if sys.argv[1:2] and sys.argv[1].endswith(".png") else main()
