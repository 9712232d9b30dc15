"""Train `laundering`: ``python -m jpegtrace_training.laundering --pictures FOLDER --work FOLDER [--ship]``.

Pieces with a known past are made from lossless pictures, and described; both are kept in ``WORK/pieces.npz`` and made
anew only where that is missing. Then several small networks are fitted, each without a fifth of the pictures, whose
scores set the thresholds; the network that ships is their mean. ``--ship`` writes it into the package with its card.
Making takes twenty minutes on one core, fitting two.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from jpegtrace import __version__
from jpegtrace.chain import _kernels, filters
from jpegtrace.chain.codec import compress, decompress
from jpegtrace.errors import UsageError
from jpegtrace.laundering.features import describe
from jpegtrace.laundering.layout import LARGEST, SMALLEST
from jpegtrace.networks import Card, Port, published
from jpegtrace.stress.attacks import ATTACKS
from jpegtrace.tables import Pair
from jpegtrace_training.cards import CARDS, NETWORKS, WEIGHTS, file_facts, write_card
from jpegtrace_training.histories import draw_tables
from jpegtrace_training.networks.export import to_onnx
from jpegtrace_training.pictures import load_pictures

Pixels = NDArray[np.uint8]

ATTACKED = ("dither", "dither-median", "tv", "af-edsr")
SLOW = ("tv", "af-edsr")  # of luma alone, in the last scene, and each used twice
HONEST = ("pristine", "jpeg", "double jpeg", "resized", "processed")
KINDS = HONEST + ATTACKED
SIDE = LARGEST + 8  # of what is attacked; a piece begins anywhere in its first block
COUNTS = {"pristine": 1, "jpeg": 1, "double jpeg": 1, "resized": 2, "processed": 3, "dither": 2, "dither-median": 1}
SCENES = 2  # of each picture
HONEST_QUALITY, ATTACKED_QUALITY, RESAVED_QUALITY = (50, 98), (40, 95), (95, 100)
RESAVED = 0.25  # share of pieces that were compressed once more at the end
SMALLER = 0.25  # share of pieces smaller than the largest
CAMERA_TABLES = 0.2
GREY = 0.4  # share of scenes without colour
SUBSAMPLINGS = {"420": 2, "444": 1}  # and how many pixels a side each chroma sample stands for

FOLDS = 5
EPOCHS = 40
BATCH = 128
SEED = 0
FALSE_ALARMS = 0.002  # of every honest kind, at most, where something is flagged
OVERLOOKED = 0.02  # of attacked pieces, at most, where nothing is suspected
GAP = 1.0  # between both thresholds, at least, in logits


class Pieces(NamedTuple):
    """Described pieces.

    Attributes:
        features: (n, features).
        kind: (n,) index into KINDS.
        picture: (n,) which picture each is of.
        quality: (n,) of the compression that was hidden; 0 where none was.
        resaved: (n,) whether it was compressed once more.
    """

    features: NDArray[np.float32]
    kind: NDArray[np.int64]
    picture: NDArray[np.int64]
    quality: NDArray[np.int64]
    resaved: NDArray[np.bool_]


# Pieces


def draw_scene(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """A square of a picture, (SIDE, SIDE, 3) or without colour: as it is, reduced, or enlarged with some grain."""
    scale = 1.0
    if rng.random() < 0.4:
        scale = float(np.exp(rng.uniform(np.log(0.5), np.log(2.0))))
    need = int(np.ceil(SIDE / scale)) + 1
    if need > min(picture.shape[:2]):
        need, scale = SIDE, 1.0
    piece = cut_square(picture, need, rng)
    if scale != 1.0:
        piece = filters.resize(piece, SIDE, SIDE, "bicubic", antialias=True)
        if scale > 1.2 and rng.random() < 0.7:
            piece = filters.noise(piece, float(rng.uniform(0.5, 3)), rng)
    return filters.luma_of(piece) if rng.random() < GREY else piece


def cut_square(picture: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """A square of a picture, mirrored where that is too small."""
    missing = [(0, max(0, side - extent)) for extent in picture.shape[:2]]
    if any(after for _, after in missing):
        picture = np.pad(picture, [*missing, *[(0, 0)] * (picture.ndim - 2)], mode="symmetric")
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def compressed(pixels: Pixels, tables: Pair, rng: np.random.Generator, *, moved: bool = True) -> Pixels:
    """What a decoder makes of a JPEG of these pixels; its grid begins anywhere if `moved`."""
    rows, cols = pixels.shape[:2]
    subsampling = str(rng.choice(list(SUBSAMPLINGS), p=(0.7, 0.3)))
    down, across = (int(n) for n in rng.integers(0, 8, 2)) if moved else (0, 0)
    around = np.pad(pixels, [(down, 0), (across, 0), *[(0, 0)] * (pixels.ndim - 2)], mode="edge")
    pair = tables[0], tables[1]
    planes = compress(around, *pair, subsampling)
    sampling = "grey" if pixels.ndim == 2 else subsampling
    return decompress(planes, pair, sampling, rows + down, cols + across)[down:, across:]


def attacked(pixels: Pixels, name: str, tables: Pair, rng: np.random.Generator, *, chroma: bool = True) -> Pixels:
    """A JPEG of these pixels, attacked.

    Args:
        pixels: (rows, columns, 3) or (rows, columns).
        name: of the attack.
        tables: of the JPEG.
        rng: gives the attack its seed.
        chroma: attack the chroma of colours, too; else it is only decoded.
    """
    seed = int(rng.integers(2**31))
    rows, cols = pixels.shape[:2]
    subsampling = str(rng.choice(list(SUBSAMPLINGS), p=(0.7, 0.3)))
    planes = compress(pixels, tables[0], tables[1], subsampling)
    luma = filters.to_bytes(ATTACKS[name].run(planes.luma, tables[0], seed))[:rows, :cols]
    if pixels.ndim == 2:
        return luma
    full, out = np.empty((3, rows, cols), np.uint8), np.empty((rows, cols, 3), np.uint8)
    if chroma:
        for index, blocks in ((1, planes.blue), (2, planes.red)):
            plane = filters.to_bytes(ATTACKS[name].run(blocks, tables[1], seed + index))
            times = SUBSAMPLINGS[subsampling]
            _kernels.expand(plane, times, times, rows, cols, full[index])
    else:
        decoded = decompress(planes, (tables[0], tables[1]), subsampling, rows, cols)
        _kernels.split_colours(np.ascontiguousarray(decoded), 0, 0, rows, cols, full)
    full[0] = luma
    _kernels.join_colours(full, rows, cols, out)
    return out


def resized(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A picture resized by 0.6 to 1.7, cut or mirrored back to its size."""
    factor = float(np.exp(rng.uniform(np.log(0.6), np.log(1.7))))
    extent = max(SMALLEST, round(len(pixels) * factor))
    method = str(rng.choice(["bilinear", "bicubic", "lanczos", "area"]))
    antialias = method in ("lanczos", "area") or bool(rng.random() < 0.6)
    return cut_square(filters.resize(pixels, extent, extent, method, antialias), SIDE, rng)


def processed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A picture after one of PROCESSES."""
    names = list(PROCESSES)
    name = names[int(rng.choice(len(names), p=[PROCESSES[name][0] for name in names]))]
    return PROCESSES[name][1](pixels, rng)


def through_webp(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """What is left of a picture after lossy WebP, which has filters against blocks of its own."""
    out = io.BytesIO()
    filters.to_image(pixels).save(out, "WEBP", quality=int(rng.integers(50, 96)), method=2)
    decoded = np.array(Image.open(out).convert("RGB"))
    return filters.luma_of(decoded) if pixels.ndim == 2 else decoded


# What honest people do, and which share of processed pieces it has.
PROCESSES: Mapping[str, tuple[float, Callable[[Pixels, np.random.Generator], Pixels]]] = {
    "blurred": (0.16, lambda pixels, rng: filters.blur(pixels, "gaussian", 5, float(rng.uniform(0.4, 1.5)))),
    "median": (0.2, lambda pixels, rng: filters.median(pixels, int(rng.choice([3, 3, 5])))),
    "noise": (0.2, lambda pixels, rng: filters.noise(pixels, float(rng.uniform(0.5, 5)), rng)),
    "sharpened": (
        0.12,
        lambda pixels, rng: filters.sharpen(pixels, float(rng.uniform(0.5, 2)), int(rng.integers(40, 160))),
    ),
    "gamma": (0.06, lambda pixels, rng: filters.gamma(pixels, float(rng.uniform(0.7, 1.4)))),
    "contrast": (0.06, lambda pixels, rng: filters.contrast(pixels, float(rng.uniform(0.75, 1.3)))),
    "webp": (0.2, through_webp),
}


def honest(scene: Pixels, kind: str, rng: np.random.Generator) -> Pixels:
    """A scene with a past of a kind of HONEST."""

    def tables() -> Pair:
        return draw_tables(rng, HONEST_QUALITY, known=CAMERA_TABLES)

    before = compressed(scene, tables(), rng) if rng.random() < 0.5 else scene
    if kind == "pristine":
        return scene
    if kind == "jpeg":
        return compressed(scene, tables(), rng)
    if kind == "double jpeg":
        return compressed(compressed(scene, tables(), rng), tables(), rng)
    made = resized(before, rng) if kind == "resized" else processed(before, rng)
    return compressed(made, tables(), rng) if kind == "processed" and rng.random() < 0.3 else made


def piece_of(pixels: Pixels, rng: np.random.Generator, *, smaller: float = SMALLER) -> Pixels:
    """Luma of a piece that begins in the first block, of the largest size or, a share of them, a smaller one."""
    luma = filters.luma_of(pixels)
    down, across = rng.integers(0, 8, 2)
    rows, cols = rng.integers(SMALLEST, LARGEST, 2) if rng.random() < smaller else (LARGEST, LARGEST)
    return np.ascontiguousarray(luma[down : down + rows, across : across + cols])


def draw(picture: Pixels, rng: np.random.Generator) -> Iterator[tuple[str, int, bool, Pixels]]:
    """Kind, hidden quality, whether compressed once more, and luma of all pieces of a picture."""
    for number in range(SCENES):
        scene = draw_scene(picture, rng)
        last = number == SCENES - 1
        for kind, count in (COUNTS | (dict.fromkeys(SLOW, 1) if last else {})).items():
            for _ in range(count):
                quality = 0
                if kind in HONEST:
                    made = honest(scene, kind, rng)
                else:
                    quality = int(rng.integers(ATTACKED_QUALITY[0], ATTACKED_QUALITY[1] + 1))
                    tables = draw_tables(rng, (quality, quality), known=CAMERA_TABLES)
                    made = attacked(scene, kind, tables, rng, chroma=kind not in SLOW)
                again = rng.random() < RESAVED
                for resaved in (False, True) if kind in SLOW else (again,):
                    pixels = made
                    if resaved:
                        pixels = compressed(made, draw_tables(rng, RESAVED_QUALITY), rng, moved=rng.random() < 0.5)
                    yield kind, quality, resaved, piece_of(pixels, rng)


def described(picture: Pixels, seed: int, number: int) -> list[tuple[NDArray[np.float32], int, int, int, bool]]:
    """A row of `Pieces` for every piece of a picture of this number."""
    rng = np.random.default_rng([seed, number])
    return [
        (describe(luma), KINDS.index(kind), number, quality, resaved)
        for kind, quality, resaved, luma in draw(picture, rng)
    ]


def _one_thread() -> None:
    published.THREADS = 1


def make(pictures: Sequence[Pixels], path: Path, seed: int = SEED, processes: int = 1) -> Pieces:
    """Pieces of all pictures, described; from the file if one of these pictures and this seed is there.

    Raises:
        UsageError: the file holds others.
    """
    made_of = np.array([seed, len(pictures), *(int(picture.sum(dtype=np.int64)) for picture in pictures)], np.int64)
    if path.is_file():
        with np.load(path) as stored:
            if not np.array_equal(stored["made_of"], made_of):
                raise UsageError(f"{path} holds pieces of other pictures or another seed; move it away to begin anew")
            return Pieces(*(stored[name] for name in Pieces._fields))
    rows = []
    with ProcessPoolExecutor(processes, initializer=_one_thread) as pool:
        jobs = pool.map(described, pictures, itertools.repeat(seed), itertools.count())
        for number, some in enumerate(jobs, 1):
            rows += some
            if number % 50 == 0:
                print(f"{number} of {len(pictures)} pictures", flush=True)
    found = Pieces(*(np.stack(column) for column in zip(*rows, strict=True)))
    part = path.with_name(f"part-{path.name}")
    np.savez(part, made_of=made_of, **found._asdict())
    part.replace(path)
    return found


# Networks


class Laundering(nn.Module):
    """Mean of several small networks on standardised statistics; see `forward`."""

    def __init__(self, centre: Tensor, width: Tensor, members: int = FOLDS) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("width", width)
        self.register_buffer("flagged", torch.zeros(()))
        self.register_buffer("gap", torch.ones(()))
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.1),
                nn.Linear(len(centre), 64),
                nn.ReLU(),
                nn.Dropout(0.3),
                nn.Linear(64, 16),
                nn.ReLU(),
                nn.Linear(16, 1),
            )
            for _ in range(members)
        )

    def standardised(self, features: Tensor) -> Tensor:
        """Features in deviations from their mean, bounded."""
        return ((features - self.centre) / self.width).clamp(-5, 5)

    def forward(self, features: Tensor) -> Tensor:
        """Scores (n,): 0 from where something is flagged, -1 where nothing is suspected any more."""
        inputs = self.standardised(features)
        logits = torch.stack([member(inputs)[:, 0] for member in self.members]).mean(0)
        return (logits - self.flagged) / self.gap


def fit(pieces: Pieces, seed: int = SEED, epochs: int = EPOCHS) -> tuple[Laundering, NDArray[np.float64]]:
    """Networks that each leave out a fifth of the pictures, and the scores of the pieces left out by theirs."""
    torch.set_num_threads(1)  # networks this small gain nothing from more
    torch.manual_seed(seed)
    features = torch.from_numpy(pieces.features)
    model = Laundering(features.mean(0), features.std(0) + 1e-3)
    inputs = model.standardised(features)
    truth = torch.from_numpy((pieces.kind >= len(HONEST)).astype(np.float32))
    fold = np.random.default_rng(seed).permutation(int(pieces.picture.max()) + 1)[pieces.picture] % FOLDS
    left_out = np.zeros(len(fold))
    for number, member in enumerate(model.members):
        _fit_member(member, inputs, truth, torch.from_numpy(np.flatnonzero(fold != number)), epochs)
        with torch.no_grad():
            left_out[fold == number] = member.eval()(inputs[torch.from_numpy(fold == number)])[:, 0].numpy()
        print(f"fitted {number + 1} of {FOLDS}", flush=True)
    flagged, clean = thresholds(left_out, pieces)
    model.flagged.fill_(flagged)
    model.gap.fill_(flagged - clean)
    return model.eval(), (left_out - flagged) / (flagged - clean)


def _fit_member(member: nn.Module, inputs: Tensor, truth: Tensor, rows: Tensor, epochs: int) -> None:
    steps = epochs * (len(rows) // BATCH)
    optimiser = torch.optim.AdamW(member.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps + 1)
    member.train()
    for _ in range(epochs):
        order = rows[torch.randperm(len(rows))]
        for batch in order[: len(rows) // BATCH * BATCH].split(BATCH):
            loss = nn.functional.binary_cross_entropy_with_logits(member(inputs[batch])[:, 0], truth[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def thresholds(scores: NDArray[np.float64], pieces: Pieces) -> tuple[float, float]:
    """From where something is flagged, and below where nothing is suspected."""
    flagged = max(
        float(np.quantile(scores[pieces.kind == kind], 1 - FALSE_ALARMS))
        for kind in range(len(HONEST))
        if (pieces.kind == kind).any()
    )
    clean = float(np.quantile(scores[(pieces.kind >= len(HONEST)) & ~pieces.resaved], OVERLOOKED))
    return flagged, min(clean, flagged - GAP)


def figures_of(scores: NDArray[np.float64], pieces: Pieces) -> dict[str, float]:
    """Shares that are flagged of each kind, of pieces whose pictures were left out."""
    found = {}
    for kind, name in enumerate(KINDS):
        for title, chosen in (("", ~pieces.resaved), ("_resaved", pieces.resaved)):
            told = scores[(pieces.kind == kind) & chosen]
            if len(told):
                found[f"flagged_{name.replace(' ', '_')}{title}"] = round(float((told >= 0).mean()), 4)
    return found


def ship(model: Laundering, scores: NDArray[np.float64], pieces: Pieces, to: Path = NETWORKS) -> Card:
    """Write the network and its card into a folder that holds ``weights/`` and ``cards/``."""
    path, beside = to / WEIGHTS / "laundering.onnx", to / CARDS / "laundering.toml"
    count = pieces.features.shape[1]
    parity = to_onnx(model, {"features": torch.from_numpy(pieces.features[:: len(scores) // 16 + 1])}, path, ("score",))
    version = 1 + int(tomllib.loads(beside.read_text(encoding="utf-8"))["version"]) if beside.exists() else 1
    card = Card(
        id="laundering",
        version=version,
        network=f"mean of {FOLDS} dense networks, {sum(p.numel() for p in model.parameters()):,} weights",
        title="From statistics of a piece to whether its JPEG history was hidden",
        **file_facts(path),
        samples=EPOCHS * len(scores) * (FOLDS - 1),
        status="trained",
        data=f"{len(scores):,} pieces of {SMALLEST} to {LARGEST} pixels with drawn histories, of "
        f"{len(np.unique(pieces.picture))} lossless pictures",
        seeds=(SEED,),
        steps=FOLDS * EPOCHS * (len(scores) * (FOLDS - 1) // FOLDS // BATCH),
        code_version=__version__,
        precision="fp32",
        inputs=(Port("features", ("batch", str(count)), "what jpegtrace.laundering.features.describe gives"),),
        outputs=(Port("score", ("batch",), "0 from where a piece is flagged, -1 where nothing is suspected any more"),),
        parity=float(f"{parity:.3g}"),
        licence="Apache-2.0",
        paper="none; docs/laundering.md describes it",
        figures=figures_of(scores, pieces),
        figures_on="pieces of training pictures, each scored by the network that was fitted without its picture; the "
        "thresholds were chosen on them; figures on other pictures: benchmarks/results/laundering.csv",
        paper_figures={},
    )
    write_card(card, beside)
    return card


def main() -> None:
    """Make pieces, fit, and ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of lossless RGB pictures")
    parser.add_argument("--work", type=Path, required=True, help="folder for described pieces")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that make pieces")
    parser.add_argument("--ship", action="store_true", help="write weights and card into the package")
    options = parser.parse_args()
    pictures = [pixels for _, pixels in load_pictures(options.pictures, least=SMALLEST)]
    if len(pictures) < FOLDS:
        raise UsageError(f"{options.pictures} holds {len(pictures)} lossless RGB pictures; {FOLDS} are needed")
    options.work.mkdir(parents=True, exist_ok=True)
    pieces = make(pictures, options.work / "pieces.npz", processes=options.processes)
    model, scores = fit(pieces)
    for name, share in figures_of(scores, pieces).items():
        print(f"{name}: {share:.4f}")
    if options.ship:
        ship(model, scores, pieces)


if __name__ == "__main__":
    main()
