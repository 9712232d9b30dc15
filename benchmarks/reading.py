"""Coefficients against an independent reader, planes against a float64 reference.

Run ``python benchmarks/reading.py [FOLDER ...]``; it writes ``results/reading.csv``. Pictures are made; lossless
pictures and JPEG files of the folders named are added. The independent reader is libjpeg through `jpeglib`
(extra ``[encoders]``), the reference `scipy.fft.idctn` in float64.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jpeglib
import numpy as np
from PIL import Image
from scipy.fft import idctn

from common import made_picture, write_results
from jpegtrace.errors import JpegtraceError
from jpegtrace.picture import Picture
from jpegtrace.raster import Format

SEED = 0
SIZES = ((1, 1), (1, 40), (40, 1), (7, 9), (64, 64), (131, 77), (480, 640))
VARIANTS: dict[str, dict[str, object]] = {
    "baseline 4:4:4": {"subsampling": 0},
    "baseline 4:2:2": {"subsampling": 1},
    "baseline 4:2:0": {"subsampling": 2},
    "baseline 4:2:0, restart markers": {"subsampling": 2, "restart_marker_blocks": 3},
    "baseline 4:2:0, optimised": {"subsampling": 2, "optimize": True},
    "RGB stored": {"keep_rgb": True},
    "progressive 4:4:4": {"subsampling": 0, "progressive": True},
    "progressive 4:2:2": {"subsampling": 1, "progressive": True},
    "progressive 4:2:0": {"subsampling": 2, "progressive": True},
    "progressive 4:2:0, restart markers": {"subsampling": 2, "progressive": True, "restart_marker_blocks": 2},
}
MODES: dict[str, tuple[str, dict[str, object]]] = {
    "grey": ("L", {}),
    "grey, progressive": ("L", {"progressive": True}),
    "CMYK": ("CMYK", {}),
    "CMYK, progressive": ("CMYK", {"progressive": True}),
}
TURNED = {"4:4:0": (1, 2), "4:1:1": (4, 1)}


def sources(folders: list[str]) -> Iterator[tuple[np.ndarray, str]]:
    """RGB pictures to encode."""
    for seed, (height, width) in enumerate(SIZES):
        yield made_picture(height, width, SEED + seed), f"made {height}x{width}"
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                try:
                    picture = Picture.open(path)
                    if picture.format is not Format.JPEG and picture.raster.mode == "rgb":
                        yield picture.raster.pixels[:600, :600], path.name
                except JpegtraceError:
                    continue


def stored(folders: list[str]) -> Iterator[Path]:
    """JPEG files as they are."""
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and path.read_bytes()[:2] == b"\xff\xd8":
                yield path


def encode(pixels: np.ndarray, path: Path) -> Iterator[str]:
    """Write the picture in every variant to `path`; yields the name of each."""
    for quality in (30, 92):
        for name, options in VARIANTS.items():
            Image.fromarray(pixels).save(path, "JPEG", quality=quality, **options)
            yield name
        for name, (mode, options) in MODES.items():
            Image.fromarray(pixels).convert(mode).save(path, "JPEG", quality=quality, **options)
            yield name
        for name, (h, v) in TURNED.items():
            picture = jpeglib.from_spatial(np.ascontiguousarray(pixels))
            picture.samp_factor = ((h, v), (1, 1), (1, 1))
            picture.write_spatial(str(path), qt=quality)
            yield name


def compare(path: Path) -> tuple[int, int, float]:
    """Coefficients compared, coefficients that differ, largest error of a plane."""
    reference = jpeglib.read_dct(str(path))
    picture = Picture.open(path)
    components = picture.coefficients.components
    theirs = [part for part in (reference.Y, reference.Cb, reference.Cr, reference.K) if part is not None]
    if len(theirs) != len(components):
        raise SystemExit(f"{path}: {len(components)} components, the independent reader has {len(theirs)}")
    compared = differing = 0
    worst = 0.0
    for ours, other, plane in zip(components, theirs, picture.planes(), strict=True):
        compared += ours.blocks.size
        differing += int((ours.blocks != other).sum()) if ours.blocks.shape == other.shape else ours.blocks.size
        exact = idctn(ours.blocks.astype(np.float64) * ours.table, axes=(2, 3), norm="ortho") + 128
        rows, cols = ours.blocks.shape[:2]
        worst = max(worst, float(np.abs(plane - exact.transpose(0, 2, 1, 3).reshape(rows * 8, cols * 8)).max()))
    return compared, differing, worst


def main() -> None:
    """Compare and write the table."""
    folders = sys.argv[1:]
    totals: dict[str, list[float]] = {}

    def add(name: str, result: tuple[int, int, float]) -> None:
        files, compared, differing, worst = totals.setdefault(name, [0, 0, 0, 0.0])
        totals[name] = [files + 1, compared + result[0], differing + result[1], max(worst, result[2])]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jpg"
        for pixels, _ in sources(folders):
            for name in encode(pixels, path):
                add(name, compare(path))
    for file in stored(folders):
        add("files as found", compare(file))
    pictures = "made" + (f", and {len(folders)} folders" if folders else "")
    rows = [
        {
            "variant": name,
            "files": files,
            "coefficients": compared,
            "differing": differing,
            "worst_plane_error": f"{worst:.2e}",
            "plane_error_target": 1e-3,
            "pictures": pictures,
        }
        for name, (files, compared, differing, worst) in totals.items()
    ]
    write_results("reading", rows, seed=SEED)


if __name__ == "__main__":
    main()
