"""Which camera made it: the same scenes, developed by six simulated cameras.

A scene goes through a colour filter mosaic with noise, a demosaicing algorithm, denoising, a tone curve, sharpening,
and the camera's own JPEG, with tables that real cameras write. Every camera sees every scene, so the picture's content
says nothing about the camera: only its trace can tell. What this is not: an optic, a sensor's own pattern, or a mosaic
of linear light (the scenes are finished 8-bit pictures).
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.errors import MissingExtra
from jpegtrace.tables import named_table
from jpegtrace_training.study.dataset import Dataset, Sample, checked
from jpegtrace_training.study.tasks.scenes import read_scenes
from jpegtrace_training.study.tasks.task import Asked

Pixels = NDArray[np.uint8]
NOISE = 1.0  # standard deviation of a sensor's noise, grey levels
STREAM = 106  # of the seeds
BORDER = 16  # mirrored around a scene while it is developed, so that no algorithm meets an edge; even: the mosaic stays


@dataclass(frozen=True)
class Camera:
    """One simulated camera.

    Attributes:
        name: the label.
        mosaic: colours of the upper left 2x2 pixels of the filter, row by row.
        demosaicing: "bilinear", "vng" (variable number of gradients) or "edge-aware".
        denoising: grey levels that a bilateral filter evens out; 0 for none.
        contrast: of the tone curve; 0 leaves it straight.
        sharpening: share of the detail that is added again.
        tables: of its JPEG, a name of `jpegtrace.tables.named_table`.
        subsampling: of its JPEG, for Pillow.
    """

    name: str
    mosaic: str
    demosaicing: str
    denoising: float
    contrast: float
    sharpening: float
    tables: str
    subsampling: str


# Neighbours share most of their settings, as models of one maker do.
CAMERAS = (
    Camera("camera-a", "RGGB", "bilinear", 0.0, 0.00, 0.4, "canon:0", "4:2:2"),
    Camera("camera-b", "RGGB", "bilinear", 0.0, 0.00, 0.4, "olympus:4", "4:2:2"),
    Camera("camera-c", "GRBG", "edge-aware", 0.0, 0.04, 0.8, "sony:2", "4:2:2"),
    Camera("camera-d", "GRBG", "edge-aware", 0.0, 0.04, 0.8, "kodak:2", "4:2:0"),
    Camera("camera-e", "BGGR", "vng", 8.0, 0.08, 0.3, "apple:2", "4:2:0"),
    Camera("camera-f", "BGGR", "vng", 8.0, 0.08, 0.3, "samsung:2", "4:2:0"),
)


def pipelines(asked: Asked) -> Dataset:
    """Every scene, developed by every camera."""
    samples = []
    for number, scene in enumerate(read_scenes(asked, least=max(asked.least, 32), most_side=asked.side)):
        for label, camera in enumerate(CAMERAS):
            pixels, _ = develop(scene.pixels, camera, np.random.default_rng([STREAM, number, label]))
            samples.append(Sample(scene.name, label, pixels))
    told = f"{len(samples) // len(CAMERAS):,} scenes of {asked.folder.name}, developed by {len(CAMERAS)} cameras"
    return checked([camera.name for camera in CAMERAS], samples, told, Counter())


def develop(scene: Pixels, camera: Camera, rng: np.random.Generator) -> tuple[Pixels, bytes]:
    """A scene as the camera would have it: decoded pixels, and the bytes of its JPEG.

    Args:
        scene: uint8 RGB.
        camera: what to do.
        rng: of the noise.
    """
    cv2 = _cv2()
    rows, cols = ((BORDER, BORDER + n % 2) for n in scene.shape[:2])
    wide = np.pad(scene, (rows, cols, (0, 0)), "reflect")
    raw = _mosaic(wide, camera.mosaic) + rng.normal(0, NOISE, wide.shape[:2])
    raw = np.clip(np.rint(raw), 0, 255).astype(np.uint8)
    suffix = {"bilinear": "", "vng": "_VNG", "edge-aware": "_EA"}[camera.demosaicing]
    colour = cv2.cvtColor(raw, getattr(cv2, f"COLOR_Bayer{camera.mosaic}2RGB{suffix}"))
    if camera.denoising:
        colour = cv2.bilateralFilter(colour, 5, camera.denoising, 1.5)
    light = colour.astype(np.float32) / 255
    light += camera.contrast * np.sin(2 * np.pi * (light - 0.5)).astype(np.float32) / 2
    light += camera.sharpening * (light - cv2.GaussianBlur(light, (0, 0), 1.0))
    finished = np.clip(np.rint(255 * light), 0, 255).astype(np.uint8)
    height, width = scene.shape[:2]
    cut = np.ascontiguousarray(finished[BORDER : BORDER + height, BORDER : BORDER + width])
    out = io.BytesIO()
    tables = [table.ravel().tolist() for table in named_table(camera.tables)]
    Image.fromarray(cut).save(out, "JPEG", qtables=tables[:2], subsampling=camera.subsampling)
    return np.asarray(Image.open(out).convert("RGB")), out.getvalue()


def _mosaic(pixels: Pixels, colours: str) -> NDArray[np.float64]:
    """What a sensor behind a colour filter sees."""
    raw = np.empty(pixels.shape[:2])
    for index, colour in enumerate(colours):
        rows, cols = slice(index // 2, None, 2), slice(index % 2, None, 2)
        raw[rows, cols] = pixels[rows, cols, "RGB".index(colour)]
    return raw


def _cv2() -> Any:
    try:
        import cv2
    except ImportError:
        raise MissingExtra("train", "developing scenes as a camera does") from None
    return cv2
