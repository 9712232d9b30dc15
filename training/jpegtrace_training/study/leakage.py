"""Before any training: does the compression of the pictures give their labels away?

The audit asks a sample of the pictures, as they are, for quality, table, grid and so on, and tests each trait against
the labels. What it finds is no fault by itself: a camera's own table is part of its trace. It says what a detector may
learn instead of what is meant.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from jpegtrace.audit import AuditResult, audit
from jpegtrace.errors import UsageError
from jpegtrace_training.study.dataset import Dataset, Sample

STREAM = 107  # of the seeds
FOLDER = "audit"


def audit_dataset(dataset: Dataset, folder: Path, *, most: int, fresh: bool = False) -> AuditResult:
    """Audit so many pictures, drawn at random; tables and page go into ``folder/audit``.

    Pictures that a task made are written there as PNG first.

    Args:
        dataset: to audit.
        folder: of the study.
        most: how many.
        fresh: forget an earlier audit, which may be of other pictures.

    Raises:
        UsageError: it cannot be written.
    """
    target = folder / FOLDER
    chosen = np.sort(np.random.default_rng(STREAM).permutation(len(dataset.samples))[:most])
    try:
        if fresh and target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True, exist_ok=True)
        files = [_file(dataset.samples[index], int(index), target) for index in chosen]
        labels = target / "labels.csv"
        with labels.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("path", "label"))
            writer.writerows(
                (path.as_posix(), dataset.labels[dataset.samples[index].label])
                for path, index in zip(files, chosen, strict=True)
            )
    except OSError as error:
        raise UsageError(f"cannot write into {target}: {error.strerror or error}") from error
    return audit(files, target / "audit.parquet", label_from=str(labels), processes=1)


def _file(sample: Sample, index: int, target: Path) -> Path:
    if sample.file is not None:
        return sample.file
    path = target / "pictures" / f"{index:06d}.png"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(sample.pixels).save(path)
    return path
