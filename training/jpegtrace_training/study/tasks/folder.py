"""Anyone's labelled pictures: ``DIR/<label>/*``, in any format that is read."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegtrace.audit.pictures import find_pictures
from jpegtrace.errors import InputError, UsageError
from jpegtrace.picture import Picture
from jpegtrace_training.study.dataset import Dataset, Sample, checked
from jpegtrace_training.study.tasks.task import Asked

Pixels = NDArray[np.uint8]
STREAM = 103  # of the seeds
MCU = 16  # largest side of what a JPEG codes together, in the usual subsamplings


def labelled_folder(asked: Asked) -> Dataset:
    """Pictures of the folders below a folder, which are their labels.

    Pictures with the same content share a source; so do those that the table of sources says belong together, as
    pieces of one photograph do.

    Raises:
        UsageError: no such folder, too few labels or pictures, the same content under two labels, or a table of
            sources that does not fit.
    """
    if not asked.folder.is_dir():
        raise UsageError(f"there is no folder {asked.folder}")
    told = {} if asked.sources is None else read_sources(asked.sources)
    found = [task for task in find_pictures([asked.folder]).tasks if "/" in task.path]
    if not found:
        raise UsageError(f"{asked.folder} has no folders with pictures in them; each label has a folder of its own")
    if unknown := sorted(set(told) - {task.path for task in found}):
        raise UsageError(f"{asked.sources} names {unknown[0]!r}, which is no picture of {asked.folder}")
    there = sorted({_label(task.path) for task in found})
    if unknown := [name for name in asked.labels if name not in there]:
        raise UsageError(f"{asked.folder} has no label {unknown[0]!r}; there are: {', '.join(there)}")
    found = [task for task in found if not asked.labels or _label(task.path) in asked.labels]
    if asked.most and asked.most < len(found):
        kept = np.random.default_rng(STREAM).permutation(len(found))[: asked.most]
        found = [found[index] for index in sorted(kept)]
    labels = sorted({_label(task.path) for task in found})
    left_out: Counter[str] = Counter()
    samples: list[Sample] = []
    owners: dict[str, tuple[str, str]] = {}  # content to source and label
    for task in found:
        label = _label(task.path)
        try:
            pixels, content = read_rgb(Path(task.file))
        except InputError as error:
            left_out[f"cannot be read: {error.what}"] += 1
            continue
        if pixels is None:
            left_out["neither grey nor RGB of 8 bits"] += 1
            continue
        if min(pixels.shape[:2]) < asked.least:
            left_out[f"smaller than {asked.least} x {asked.least}"] += 1
            continue
        pixels = middle(pixels, asked.side)
        source, other = owners.setdefault(content, (told.get(task.path, task.path), label))
        if other != label:
            raise UsageError(f"{task.path} is the same file as one under {other!r}: it cannot have both labels")
        samples.append(Sample(source, labels.index(label), pixels, Path(task.file)))
    return checked(labels, samples, f"{len(samples):,} pictures of {asked.folder.name}", left_out)


def middle(pixels: Pixels, most: int) -> Pixels:
    """The middle, at most so large, cut on multiples of 16: a grid at the corner stays there, that of chroma, too."""
    top, left = (max(0, n - most) // 2 // MCU * MCU for n in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + most, left : left + most])


def _label(path: str) -> str:
    return path.partition("/")[0]


def read_rgb(path: Path) -> tuple[Pixels | None, str]:
    """Pixels as RGB, and a hash of the file; no pixels where they are of another kind.

    Raises:
        InputError: it cannot be read.
    """
    picture = Picture.open(path)
    raster = picture.raster
    content = hashlib.sha256(picture.data).hexdigest()
    if raster.bits != 8 or raster.mode not in ("grey", "rgb"):
        return None, content
    pixels = raster.pixels.astype(np.uint8, copy=False)
    return (np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels), content


def read_sources(path: Path) -> Mapping[str, str]:
    """Source by path below the folder, of a CSV table with the columns path and source.

    Raises:
        UsageError: it cannot be read or has another form.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not rows or rows[0] != ["path", "source"]:
        raise UsageError(f"{path} must begin with the line: path,source")
    wrong = [number for number, row in enumerate(rows, 1) if row and (len(row) != 2 or not all(row))]
    if wrong:
        raise UsageError(f"line {wrong[0]} of {path} has not a path and a source")
    return {row[0]: row[1] for row in rows[1:] if row}
