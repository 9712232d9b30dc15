"""`djpeg-hist` (Park 2018) and `djpeg-srnet` (SRNet, as in Kim 2021): compressed once or twice, from the Y plane.

Both tables are IJG's at 50 to 100 or those of real files, half and half, never the same table twice; half of the
samples were compressed once. On one grid, as in Park 2018; the recipes that end in ``-shifted`` draw among the other 63
shifts, as Kim's second pair of detectors does (IV-A1, IV-D).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn, optim

from jpegtrace.chain import Batch as CompressedPatches
from jpegtrace.chain import double_compress
from jpegtrace.errors import ChainError
from jpegtrace_training.histories import MARGIN, QUALITY, decoded_luma, draw_corners, draw_piece, draw_tables
from jpegtrace_training.networks import NETWORKS
from jpegtrace_training.networks.djpeg_hist import DjpegHist, coefficients_of, histogram_of
from jpegtrace_training.networks.djpeg_srnet import DjpegSrnet
from jpegtrace_training.recipe import Arrays, Batch, Recipe

PARK = "Park, Cho, Ahn, Lee, Double JPEG detection in mixed JPEG quality factors, ECCV 2018"
SRNET = (
    "Boroumand, Chen, Fridrich, Deep residual network for steganalysis, TIFS 2019; used on JPEG by Kim, Ahn, Lee 2021"
)
KNOWN = 0.5  # share of tables of real files
RESCALED = 0.5


def compressed(
    pictures: Sequence[NDArray[np.uint8]],
    count: int,
    rng: np.random.Generator,
    side: int,
    *,
    shifted: bool,
    subsamplings: tuple[str, str] = ("420", "420"),
    chroma_shifted: float = 0.0,
) -> tuple[CompressedPatches, NDArray[np.bool_]]:
    """Windows, half of them compressed twice, and which.

    Args:
        pictures: to cut them from.
        count: how many.
        rng: the only source of chance.
        side: of a window in pixels.
        shifted: whether the first grid is another one than the last.
        subsamplings: of the first and the last compression.
        chroma_shifted: share whose grids of chroma may lie apart by 8 pixels where those of luma do not.
    """
    around = side + MARGIN
    usable = [picture for picture in pictures if min(picture.shape[:2]) >= around]
    if not usable:
        raise ChainError(f"no picture has the {around}x{around} pixels that samples of {side}x{side} are cut from")
    sources = np.stack(
        [draw_piece(usable[int(rng.integers(len(usable)))], around, rng, RESCALED) for _ in range(count)]
    )
    first, last = (np.stack([draw_tables(rng, QUALITY, known=KNOWN) for _ in range(count)]) for _ in range(2))
    # The networks see luma alone, where one table twice on one grid leaves nothing to see.
    for index in np.flatnonzero((first[:, 0] == last[:, 0]).all((1, 2))):
        while (first[index, 0] == last[index, 0]).all():
            first[index] = draw_tables(rng, QUALITY, known=KNOWN)
    twice = rng.permutation(count) % 2 == 0
    corners = draw_corners(rng, count, shifted=shifted)
    if chroma_shifted:
        corners += 8 * rng.integers(0, 2, corners.shape) * (rng.random((count, 1)) < chroma_shifted)
    before = np.where(twice[:, None, None, None], first, 0)
    first_subsampling, last_subsampling = subsamplings
    batch = double_compress(
        sources,
        before,
        last,
        corners,
        patch=side,
        first_subsampling=first_subsampling,
        last_subsampling=last_subsampling,
    )
    return batch, twice


def draw(
    pictures: Sequence[NDArray[np.uint8]],
    count: int,
    rng: np.random.Generator,
    side: int,
    *,
    shifted: bool,
    histograms: bool,
) -> Arrays:
    """Y planes, or the histograms of their DCT, with the last table in rows; label 0 once, 1 twice."""
    batch, twice = compressed(pictures, count, rng, side, shifted=shifted)
    planes = np.stack([decoded_luma(*one) for one in zip(batch.luma, batch.last_tables[:, 0], strict=True)])
    found: Arrays = {
        "table": batch.last_tables[:, 0].reshape(count, 64).astype(np.float32),
        "twice": twice.astype(np.int64),
    }
    if histograms:
        return found | {"histogram": histogram_of(coefficients_of(planes))}
    return found | {"pixels": planes[:, None]}


def _logits(model: DjpegHist | DjpegSrnet, batch: Batch) -> Tensor:
    if isinstance(model, DjpegHist):
        return model.forward_histogram(batch["histogram"], batch["table"]).float()
    found: Tensor = model(batch["pixels"].float())
    return found.float()


def loss(model: DjpegHist | DjpegSrnet, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy."""
    return {"loss": nn.functional.cross_entropy(_logits(model, batch), batch["twice"])}


def measure(model: DjpegHist | DjpegSrnet, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy and share of right answers."""
    logits = _logits(model, batch)
    entropy = nn.functional.cross_entropy(logits, batch["twice"], reduction="none")
    return {"loss": entropy, "accuracy": (logits.argmax(1) == batch["twice"]).float()}


def _adamax(parameters: Sequence[nn.Parameter], rate: float) -> optim.Optimizer:
    """As the authors of SRNet: L2 of 2e-4 / 2 on the convolutions only."""
    weights = [parameter for parameter in parameters if parameter.ndim == 4]
    others = [parameter for parameter in parameters if parameter.ndim != 4]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": 2e-4}, {"params": others}]
    return torch.optim.Adamax(groups, rate)


def _hist(name: str, shifted: bool) -> Recipe:
    return Recipe(
        id=f"{name}-shifted" if shifted else name,
        title=f"once or twice, from DCT histograms and the table, {'shifted grids' if shifted else 'one grid'}",
        paper=PARK,
        network=NETWORKS[name],
        draw=partial(draw, shifted=shifted, histograms=True),
        loss=loss,
        measure=measure,
        better=("loss", "lower"),
        side=256,
        batch=32,
        rate=1e-3,
        published=10 * 1_140_430 * 9 // 10,
        least=256 + MARGIN,
        smoke_rate=1e-4,
    )


def _srnet(shifted: bool) -> Recipe:
    return Recipe(
        id="djpeg-srnet-shifted" if shifted else "djpeg-srnet",
        title=f"once or twice, from pixels, {'shifted grids' if shifted else 'one grid'}",
        paper=SRNET,
        network=NETWORKS["djpeg-srnet"],
        draw=partial(draw, shifted=shifted, histograms=False),
        loss=loss,
        measure=measure,
        better=("loss", "lower"),
        side=256,
        batch=32,
        rate=1e-3,
        published=500_000 * 32,
        drop=0.8,
        optimiser=_adamax,
        least=256 + MARGIN,
    )


RECIPES = (
    *(_hist(name, shifted) for name in ("djpeg-hist", "djpeg-hist-2018") for shifted in (False, True)),
    *(_srnet(shifted) for shifted in (False, True)),
)
