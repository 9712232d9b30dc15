"""The published networks by name: arrays in, answers out, with the weights that are installed.

Each is what its paper describes, trained here; `networks.card(id)` says for how long, and on what. Second opinions and
baselines: the analyses do not ask them.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress
from jpegtrace.errors import UsageError
from jpegtrace.networks import _session
from jpegtrace.networks._cards import card
from jpegtrace.tables import ZIGZAG, ijg_table

Floats = NDArray[np.float32]

REACH = 16  # pixels to each side that an output of qf-pixel depends on: the sum of its dilations
TILE = 512
ENTRIES = 15
LARGEST = tuple(int(step) for step in ijg_table(50).ravel()[ZIGZAG[:ENTRIES]])  # largest step told of each
BATCH = 32
THREADS = os.cpu_count() or 1


class QualityMaps(NamedTuple):
    """Answer of `qf_pixel`, for every pixel.

    Attributes:
        quality: 0..100; 100 for never compressed, too.
        flag: 0..1, the nearer to 1 the surer that it was compressed.
    """

    quality: Floats
    flag: Floats

    @property
    def picture_quality(self) -> float:
        """Mean over the picture, as the paper reads it."""
        return float(self.quality.mean())

    @property
    def ever_jpeg(self) -> bool:
        """Whether the mean of the flags exceeds one half, as the paper reads it."""
        return float(self.flag.mean()) > 0.5


def qf_pixel(pixels: NDArray[np.uint8], *, tile: int = TILE, progress: Progress | None = None) -> QualityMaps:
    """Quality and flag of every pixel (Uchida 2019); the same for any size of the tiles that it is done in.

    Args:
        pixels: uint8 (rows, columns, 3).
        tile: side of the part that is looked at together; bounds the memory.
        progress: told the share that is done.
    """
    rows, cols = _rgb(pixels).shape[:2]
    maps = np.empty((2, rows, cols), np.float32)
    planes = pixels.transpose(2, 0, 1)
    corners = [(row, col) for row in range(0, rows, tile) for col in range(0, cols, tile)]
    for index, (row, col) in enumerate(corners):
        top, left = max(row - REACH, 0), max(col - REACH, 0)
        bottom, right = min(row + tile, rows), min(col + tile, cols)
        seen = planes[:, top : bottom + REACH, left : right + REACH].astype(np.float32)
        found = _asked("qf-pixel", {"pixels": seen[None]})[0]
        maps[:, row:bottom, col:right] = found[:, row - top : bottom - top, col - left : right - left]
        if progress:
            progress((index + 1) / len(corners))
    maps = maps.clip(0, 1)
    return QualityMaps(100 * (1 - maps[0]), maps[1])


class FirstEntries(NamedTuple):
    """Answer of `q1_dense`.

    Attributes:
        value: int64 (n, 15), the likeliest step of the first entries in zigzag order.
        probability: (n, 15), of these steps according to the network; not calibrated.
    """

    value: NDArray[np.int64]
    probability: Floats


def q1_dense(patches: NDArray[np.uint8], name: str = "q1-dense") -> FirstEntries:
    """First quantization table of patches whose last quality the network was trained for (Tondi 2021).

    Args:
        patches: uint8 (n, 64, 64, 3), decoded.
        name: of the weights.
    """
    log_f = np.concatenate(_batches(name, _patches(patches)))
    value = np.empty((len(patches), ENTRIES), np.int64)
    probability = np.empty((len(patches), ENTRIES), np.float32)
    for entry, block in enumerate(np.split(log_f, np.cumsum(LARGEST)[:-1], axis=1)):
        value[:, entry] = block.argmax(1) + 1
        probability[:, entry] = np.exp(block.max(1))
    return FirstEntries(value, probability)


def q1_dense_reg(patches: NDArray[np.uint8], name: str = "q1-dense-reg") -> NDArray[np.int64]:
    """The same by regression (Niu 2019): each entry rounded by itself, int64 (n, 15)."""
    return np.rint(np.concatenate(_batches(name, _patches(patches)))).astype(np.int64)


def djpeg_hist(luma: NDArray[np.uint8], table: NDArray[Any], name: str = "djpeg-hist") -> float:
    """Probability that a picture was compressed twice (Park 2018), according to the network; not calibrated.

    Args:
        luma: decoded Y plane, uint8, the grid at its corner; what does not fill a block is left out.
        table: last quantization table, 8x8, in rows.
        name: of the weights.
    """
    steps = np.asarray(table, np.float32).reshape(1, 64)
    return _twice(_asked(name, {"pixels": _plane(luma), "table": steps}))


def djpeg_srnet(luma: NDArray[np.uint8], name: str = "djpeg-srnet") -> float:
    """The same from pixels alone (SRNet, as in Kim 2021)."""
    return _twice(_asked(name, {"pixels": _plane(luma)}))


def af_edsr(pixels: NDArray[np.floating[Any]], table: NDArray[Any], quality: int) -> Floats:
    """A grey JPEG without its traces (Kim 2021), neither rounded nor truncated.

    Args:
        pixels: the plane as decoded, neither rounded nor truncated, both sides multiples of 8.
        table: its quantization table, 8x8, in rows.
        quality: which of the networks; the one nearest to the JPEG's own serves best.
    """
    if pixels.ndim != 2 or pixels.shape[0] % 8 or pixels.shape[1] % 8:
        raise UsageError(f"a plane must be grey with sides in multiples of 8, not {pixels.shape}")
    steps = np.asarray(table, np.float32).reshape(1, 8, 8)
    found = _asked(f"af-edsr-{quality}", {"pixels": pixels[None, None].astype(np.float32), "table": steps})
    plane: Floats = found[0, 0]
    return plane


def manip_mper(luma: NDArray[np.uint8], task: str) -> Floats:
    """Probability of each parameter of a manipulation (MPeR-Net), by ascending parameter.

    Args:
        luma: uint8; 256x256 as published, others work.
        task: "scale-bilinear", "scale-bicubic", "noise", "median" or "gaussian".
    """
    found: Floats = _softmax(_asked(f"manip-mper-{task}", {"pixels": _plane(luma, multiple=1)}))[0]
    return found


def _asked(name: str, inputs: dict[str, NDArray[Any]]) -> Floats:
    found: Floats = _session.run(name, inputs, THREADS)[0]
    return found


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise UsageError(f"a picture must be uint8 RGB, not {pixels.dtype} {pixels.shape}")
    return pixels


def _patches(patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if patches.dtype != np.uint8 or patches.ndim != 4 or patches.shape[1:] != (64, 64, 3) or not len(patches):
        raise UsageError(f"patches must be uint8 (n, 64, 64, 3), not {patches.dtype} {patches.shape}")
    return patches


def _batches(name: str, patches: NDArray[np.uint8]) -> list[Floats]:
    grey = card(name).inputs[0].shape[1] == "1"
    found = []
    for start in range(0, len(patches), BATCH):
        part = patches[start : start + BATCH]
        planes: NDArray[Any] = _luma(part)[:, None] if grey else part.transpose(0, 3, 1, 2)
        found.append(_asked(name, {"pixels": np.ascontiguousarray(planes, np.float32)}))
    return found


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Y as the training has it: rounded as in libjpeg and Pillow."""
    luma: NDArray[np.int64] = (pixels.astype(np.int64) @ np.array([19595, 38470, 7471]) + 32768) >> 16
    return luma


def _plane(luma: NDArray[np.uint8], multiple: int = 8) -> Floats:
    if luma.dtype != np.uint8 or luma.ndim != 2 or min(luma.shape) < 16:
        raise UsageError(f"a plane must be uint8 with at least 16x16 pixels, not {luma.dtype} {luma.shape}")
    rows, cols = (extent // multiple * multiple for extent in luma.shape)
    return luma[None, None, :rows, :cols].astype(np.float32)


def _twice(logits: Floats) -> float:
    return float(_softmax(logits)[0, 1])


def _softmax(logits: Floats) -> Floats:
    powers: Floats = np.exp(logits - logits.max(-1, keepdims=True))
    powers /= powers.sum(-1, keepdims=True)
    return powers
