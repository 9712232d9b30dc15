"""Anti-forensics and detectors (protocol P4, after Kim 2021): the six detectors, double compression, and our engine.

Run ``python benchmarks/stress.py FOLDER [--attack NAME ...] [--pictures N] [--double-pictures N] [--processes N]``.
FOLDER holds lossless pictures that no training has seen; the grey square of 256 pixels in the middle of each is used,
smaller pictures are left out. It writes

- ``results/stress_pe.csv``: P_e against the originals, by attack, quality and detector, its mean over the six, PSNR and
  SSIM. "all" are the pictures of all qualities together, under one threshold.
- ``results/stress_double.csv``: after one more compression, on the same grid and on a shifted one, how many are called
  compressed twice at the detector's own threshold, and P_e against pictures compressed once with the same last quality.
  The networks are those that are installed. ``--double-pictures`` draws fewer pictures for this table.

With ``--attack`` rows of other attacks stay in the tables where they were measured on as many pictures with the
same weights.

Published figures are those of W. Fan, K. Wang, F. Cayre, Z. Xiong, IEEE TIFS 9(8), 2014, table V. They are for other
pictures (UCID-v2, 1,338 of 512x384) and a quality drawn at random from 50 to 95, so they stand beside "all"; their
attacks are the authors' own, of which `dither-median` and `tv` are in the manner. Their SSIM may
be another variant: it is far higher at the same PSNR.

Intervals are 95 % bootstraps over pictures. P_e is chosen at the best threshold of the pictures that it is judged on,
also in every resample, where pictures come up several times: its intervals lie somewhat low.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common import bootstrap_by_picture, results, write_results
from jpegtrace.networks import card, card_ids
from jpegtrace.stress import ATTACKS, Evaluation, evaluate, least_error, read_originals
from jpegtrace.stress.attacking import method_of
from jpegtrace.stress.evaluation import LAST_QUALITIES
from jpegtrace.stress.results import NONE, ONCE, DoubleCell

SEED = 60
SIDE = 256
RESAMPLES = 1000
FAN_COLUMNS = ("K_F", "K_V", "K_L", "K_U1", "K_U2", "PSNR", "SSIM")
FAN = {
    NONE: (".0082", ".0108", ".0374", ".0396", ".1928", "37.01", ".9920"),
    "dither-median": (".4865", ".2321", ".4712", ".4028", ".4753", "30.20", ".9480"),
    "tv": (".4477", ".3756", ".5000", ".4208", ".4701", "35.90", ".9866"),
}
PUBLISHED_FOR = "Fan 2014 table V: UCID-v2, QF at random in 50-95, their own attack"

Row = dict[str, object]
Drawn = np.ndarray  # (resamples, pictures), which picture comes where


def draws(pictures: int) -> Drawn:
    """The resamples, the same for every figure."""
    return np.random.default_rng(SEED).integers(pictures, size=(RESAMPLES, pictures))


def interval(values: list[float] | np.ndarray) -> str:
    """The middle 95 %."""
    low, high = np.quantile(values, (0.025, 0.975))
    return f"{low:.3f}-{high:.3f}"


def errors_of(positives: np.ndarray, negatives: np.ndarray, drawn: Drawn) -> np.ndarray:
    """P_e in every resample; `positives` holds one score or several of each picture, (qualities, pictures)."""
    by_quality = positives.reshape(-1, len(negatives))
    return np.array([least_error(by_quality[:, part].ravel(), negatives[part]) for part in drawn])


def error_rows(found: Evaluation) -> list[Row]:
    """Rows of ``stress_pe.csv``."""
    rows: list[Row] = []
    drawn = draws(found.pictures)
    for near in found.nearness:
        fan = FAN.get(near.attack) if near.quality is None else None
        published = dict(zip(FAN_COLUMNS, fan, strict=True)) if fan else {}

        def add(what: str, value: str, told: str, area: str = "", near=near, published=published) -> None:
            rows.append(
                {
                    "attack": near.attack,
                    "QF": near.quality or "all",
                    "pictures": found.pictures,
                    "what": what,
                    "value": value,
                    "interval": told,
                    "area": area,
                    "published": published.get(what, ""),
                    "published_for": PUBLISHED_FOR if what in published else "",
                }
            )

        resampled = []
        for name in found.detectors:
            cell = found.cell(name, near.attack, near.quality)
            resampled.append(errors_of(cell.scores, found.originals[name], drawn))
            add(name, f"{cell.error:.4f}", interval(resampled[-1]), f"{cell.area:.4f}")
        mean = found.mean_error(near.attack, near.quality)
        add("mean of the six", f"{mean:.4f}", interval(np.mean(resampled, axis=0)))
        picture = np.arange(near.psnr.size) % found.pictures
        for what, values, digits in (("PSNR", near.psnr, 2), ("SSIM", near.ssim, 4)):
            told = bootstrap_by_picture(values, picture, seed=SEED, digits=digits)
            add(what, f"{values.mean():.{digits}f}", told)
    return rows


def double_rows(found: Evaluation) -> list[Row]:
    """Rows of ``stress_double.csv``."""
    once = {(c.detector, c.aligned, c.last_quality): c.scores for c in found.doubles if c.attack == ONCE}
    drawn = draws(found.pictures)
    return [double_row(cell, once[cell.detector, cell.aligned, cell.last_quality], drawn) for cell in found.doubles]


def double_row(cell: DoubleCell, once: np.ndarray, drawn: Drawn) -> Row:
    """One of them."""
    pictures = drawn.shape[1]
    resampled = [] if cell.error is None else errors_of(cell.scores, once, drawn)
    picture = np.arange(cell.scores.size) % pictures
    called = cell.scores >= cell.threshold
    return {
        "by": cell.detector,
        "grid": "aligned" if cell.aligned else "shifted",
        "QF2": cell.last_quality,
        "attack": cell.attack,
        "QF1": "" if cell.attack == ONCE else cell.quality or "all",
        "pictures": pictures,
        "called_twice": f"{cell.called_twice:.4f}",
        "called_twice_interval": bootstrap_by_picture(called.astype(float), picture, seed=SEED),
        "P_e": "" if cell.error is None else f"{cell.error:.4f}",
        "P_e_interval": "" if cell.error is None else interval(resampled),
        "area": "" if cell.area is None else f"{cell.area:.4f}",
        "weights": seen(cell.detector),
    }


def seen(name: str) -> str:
    """How far the weights of a network were trained."""
    return f"{card(name).status}, {card(name).samples:,} samples" if name in card_ids() else ""


def others(name: str, attacks: list[str], pictures: int) -> list[dict[str, str]]:
    """Rows of a table about other attacks, on as many pictures and with the weights that are installed now."""
    return [
        row
        for row in results.rows(name)
        if row["attack"] not in attacks
        and row["pictures"] == str(pictures)
        and row.get("weights", "") == seen(row.get("by", ""))
    ]


def progress(what: str) -> Callable[[float], None]:
    """Share that is done, on stderr."""
    begun = time.monotonic()
    return lambda share: print(f"{what}: {share:.0%}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--attack", action="append", help="may be repeated; all by default, and none at all always")
    parser.add_argument("--pictures", type=int, help="how many, drawn at random; all by default")
    parser.add_argument("--double-pictures", type=int, help="how many of them for double compression")
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    attacks = list(dict.fromkeys([NONE, *(given.attack or ATTACKS)]))
    for name in attacks[1:]:
        method_of(name)
    planes = read_originals(given.folder, given.side, most=given.pictures, seed=SEED).planes
    few = len(planes) if given.double_pictures is None else min(given.double_pictures, len(planes))
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(planes))[:few])
    options = {"attacks": attacks, "seed": SEED, "processes": given.processes}
    at_once = LAST_QUALITIES if few == len(planes) else ()
    found = twice = evaluate(planes, last_qualities=at_once, progress=progress("P_e"), **options)
    write_results("stress_pe", error_rows(found), seed=SEED, kept=others("stress_pe", attacks, found.pictures))
    if 0 < few < len(planes):
        some = [planes[k] for k in chosen]
        twice = evaluate(some, detectors={}, last_qualities=LAST_QUALITIES, progress=progress("double"), **options)
    if twice.doubles:
        kept = others("stress_double", [ONCE, *attacks], twice.pictures)
        write_results("stress_double", double_rows(twice), seed=SEED, kept=kept)
    for missing in twice.left_out:
        print(f"left out: {missing}", file=sys.stderr)


if __name__ == "__main__":
    main()
