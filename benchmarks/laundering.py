"""How often `laundering` flags what nobody hid, and how often it catches what somebody did.

Run ``python benchmarks/laundering.py FOLDER [--whole N] [--attack NAME ...]`` with the extra [train]: its samplers are
used. FOLDER holds lossless RGB pictures that no training has seen. The analysis itself is asked, of files, and
``results/laundering.csv`` written, with ``--attack`` the rows of these attacks alone, among those that are there:

- ``piece``: 256x256 pixels of every picture (of every third one for the attacks that are slow), PNG, any grid origin.
  Honest pasts first, then every attack of every quality. What is "then JPEG Q" is saved once more at quality Q, and
  that file is asked.
- ``whole``: whole pictures; of attacked ones every so many.
- ``speed``: of pictures whose pixels are decoded already.

Pictures that it says nothing about count as not flagged. Intervals are 95 % bootstraps over pictures.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from common import bootstrap_interval, made_picture, results, write_results
from jpegtrace.analyses.laundering import laundering
from jpegtrace.chain import filters
from jpegtrace.findings import Finding, Status
from jpegtrace.picture import Picture
from jpegtrace.stress import ATTACKS
from jpegtrace.tables import ijg_table
from jpegtrace_training.histories import draw_tables
from jpegtrace_training.laundering import PROCESSES, SIDE, SLOW, attacked, compressed, cut_square, resized
from jpegtrace_training.pictures import load_pictures

SEED = 195
PIECE = 256
QUALITIES = (50, 60, 70, 80, 90)
SAVED_AGAIN = (95, 98, 100)
AS_BEFORE_SAVING = 75
SLOW_EVERY = 3  # one picture in so many, of attacks that are slow
SPEED_SIDES = ((1000, 1000), (3000, 4000))
Row = dict[str, object]
Make = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def tables_of(quality: int) -> np.ndarray:
    """Luma and chroma table of IJG."""
    return np.stack([ijg_table(quality), ijg_table(quality, "chroma")])


def jpeg_of(quality: int) -> Make:
    """Compressed once at a quality."""
    return lambda pixels, rng: compressed(pixels, tables_of(quality), rng)


def drawn_jpeg(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compressed once at any quality from 50 to 98."""
    return compressed(pixels, draw_tables(rng, (50, 98)), rng)


def camera_jpeg(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compressed once with a table of the survey."""
    return compressed(pixels, draw_tables(rng, (50, 98), known=1.0), rng)


def attack_of(name: str, quality: int) -> Make:
    """Compressed at a quality, and attacked."""
    return lambda pixels, rng: attacked(pixels, name, tables_of(quality), rng, chroma=name not in SLOW)


HONEST: dict[str, tuple[str, Make]] = {
    "pristine": ("<= .01", lambda pixels, _: pixels),
    **{f"JPEG {quality}": ("<= .01", jpeg_of(quality)) for quality in (50, 75, 90, 98)},
    "JPEG, tables of cameras": ("<= .01", camera_jpeg),
    "double JPEG": ("<= .01", lambda pixels, rng: drawn_jpeg(drawn_jpeg(pixels, rng), rng)),
    "resized": ("<= .01", resized),
    "JPEG, resized": ("<= .01", lambda pixels, rng: resized(drawn_jpeg(pixels, rng), rng)),
    **{name: ("", process) for name, (_, process) in PROCESSES.items()},
}


def cut(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A piece that begins anywhere in the first block."""
    top, left = rng.integers(0, 8, 2)
    return np.ascontiguousarray(pixels[top : top + PIECE, left : left + PIECE])


def row_of(what: str, past: str, hidden: str, found: list[Finding], target: str) -> Row:
    """One line of the results."""
    flagged = np.array([finding.values.get("hidden") is True for finding in found], float)
    return {
        "what": what,
        "past": past,
        "hidden_quality": hidden,
        "pictures": len(found),
        "flagged": f"{flagged.mean():.4f}",
        "interval": bootstrap_interval(flagged, seed=SEED),
        "cannot_tell": f"{np.mean([finding.status is Status.INCONCLUSIVE for finding in found]):.4f}",
        "ms_per_megapixel": "",
        "target": target,
    }


def as_file(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    """Bytes of a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def made_pieces(pictures: list[np.ndarray], make: Make, number: int) -> list[np.ndarray]:
    """A piece of every picture, the same place for every past."""
    found = []
    for index, picture in enumerate(pictures):
        rng = np.random.default_rng([SEED, number, index])
        found.append(cut(make(cut_square(picture, SIDE, np.random.default_rng([SEED, index])), rng), rng))
    return found


def asked(pixels: list[np.ndarray], form: str = "PNG", **options: object) -> list[Finding]:
    """What is said of files of these pixels."""
    return [laundering(Picture.open(as_file(one, form, **options))) for one in pixels]


def pieces(pictures: list[np.ndarray]) -> list[Row]:
    """Pieces with honest pasts, then attacked ones, then both saved again."""
    rows = [
        row_of("piece", past, "", asked(made_pieces(pictures, make, number)), target)
        for number, (past, (target, make)) in enumerate(HONEST.items())
    ]
    rows += attacks(pictures, ATTACKS)
    return rows + saved_again(pictures, {past: ("", HONEST[past][1]) for past in ("pristine", "JPEG 75", "resized")})


def attacks(pictures: list[np.ndarray], names: Iterable[str]) -> list[Row]:
    """Attacked pieces, then the same saved again."""
    rows: list[Row] = []
    for name in names:
        together: list[Finding] = []
        for quality in QUALITIES:
            found = asked(
                made_pieces(pictures[:: SLOW_EVERY if name in SLOW else 1], attack_of(name, quality), 100 + quality)
            )
            together += found
            rows.append(row_of("piece", name, str(quality), found, ""))
        rows.append(row_of("piece", name, f"{QUALITIES[0]}..{QUALITIES[-1]}", together, ">= .80"))
        print(*rows[-1].values(), flush=True)
        rows += saved_again(pictures, {name: (str(AS_BEFORE_SAVING), attack_of(name, AS_BEFORE_SAVING))})
    return rows


def saved_again(pictures: list[np.ndarray], pasts: Mapping[str, tuple[str, Make]]) -> list[Row]:
    """Pieces with these pasts, saved once more."""
    rows: list[Row] = []
    for past, (quality, make) in pasts.items():
        made = made_pieces(pictures[:: SLOW_EVERY if past in SLOW else 1], make, 300)
        rows += [
            row_of("piece", f"{past}, then JPEG {save}", quality, asked(made, "JPEG", quality=save), "")
            for save in SAVED_AGAIN
        ]
    return rows


def whole(pictures: list[np.ndarray], every: int) -> list[Row]:
    """Whole pictures."""
    makes: dict[str, tuple[str, Make]] = {
        "pristine": ("", HONEST["pristine"][1]),
        "JPEG 75": ("", HONEST["JPEG 75"][1]),
        "double JPEG": ("", HONEST["double JPEG"][1]),
        **{name: (str(AS_BEFORE_SAVING), attack_of(name, AS_BEFORE_SAVING)) for name in ATTACKS},
    }
    rows = []
    for number, (past, (quality, make)) in enumerate(makes.items()):
        found = [
            laundering(Picture.open(as_file(make(picture, np.random.default_rng([SEED, number, index])))))
            for index, picture in enumerate(pictures[:: every if quality else 1])
        ]
        rows.append(row_of("whole", past, quality, found, ">= .80" if quality else "<= .01"))
    return rows


def speed() -> list[Row]:
    """Milliseconds for each megapixel."""
    rows = []
    for height, width in SPEED_SIDES:
        data = as_file(filters.noise(made_picture(height, width, SEED), 1.0, np.random.default_rng(SEED)))
        seconds = []
        for _ in range(4):
            picture = Picture.open(data)
            _ = picture.raster
            begun = time.perf_counter()
            found = laundering(picture)
            seconds.append(time.perf_counter() - begun)
        per_megapixel = 1000 * statistics.median(seconds[1:]) / (height * width / 1e6)
        row = row_of("speed", f"{width}x{height}", "", [found], "<= 500")
        rows.append(
            row | {"flagged": "", "interval": "", "cannot_tell": "", "ms_per_megapixel": f"{per_megapixel:.1f}"}
        )
    return rows


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="lossless RGB pictures that no training has seen")
    parser.add_argument("--whole", type=int, default=4, help="one attacked picture in so many is asked whole")
    parser.add_argument("--attack", action="append", choices=tuple(ATTACKS), help="only this, and only pieces")
    options = parser.parse_args()
    pictures = [pixels for _, pixels in load_pictures(options.folder)]
    if options.attack:
        found = results.rows("laundering")
        kept = [r for r in found if r["what"] != "piece" or r["past"].partition(",")[0] not in options.attack]
        rows = attacks(pictures, options.attack)
    else:
        kept, rows = [], pieces(pictures) + whole(pictures, options.whole) + speed()
    write_results("laundering", rows, seed=SEED, kept=kept)


if __name__ == "__main__":
    main()
