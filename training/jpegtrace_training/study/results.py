"""A study made readable: CSV, heat maps, and a page that says what they mean."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jpegtrace import __version__
from jpegtrace._files import replacing
from jpegtrace.audit.leakage import Leakage
from jpegtrace.errors import UsageError
from jpegtrace_training.study.cells import Cell
from jpegtrace_training.study.conclusion import Conclusion, conclude
from jpegtrace_training.study.dataset import Dataset
from jpegtrace_training.study.experiment import Plan
from jpegtrace_training.study.heatmap import svg
from jpegtrace_training.study.matrices import Matrix
from jpegtrace_training.study.networks.registry import ARCHITECTURES
from jpegtrace_training.study.tasks.task import Task

PAGE = "study.html"
Row = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """All that a study found.

    Attributes:
        task: what was asked.
        dataset: of the pictures.
        plan: which trainings.
        cells: the trainings that are done.
        leakage: what the audit says of the labels; None where it was not asked.
    """

    task: Task
    dataset: Dataset
    plan: Plan
    cells: Sequence[Cell]
    leakage: Leakage | None = None

    @property
    def matrices(self) -> list[Matrix]:
        """One for each experiment and network with cells."""
        classes = len(self.dataset.labels)
        all_ = [Matrix.of(e, n.id, classes, self.cells) for e in self.plan.experiments for n in self.plan.networks]
        return [matrix for matrix in all_ if matrix.cells]

    @property
    def conclusions(self) -> list[tuple[Matrix, list[Conclusion]]]:
        """What each matrix says."""
        return [(matrix, conclude(matrix)) for matrix in self.matrices]


def write_results(results: Results, folder: Path) -> tuple[Path, ...]:
    """Write a CSV and a heat map for each matrix, and the page.

    Raises:
        UsageError: they cannot be written.
    """
    files: dict[str, str] = {}
    for experiment in results.plan.experiments:
        rows = [row for matrix in results.matrices if matrix.experiment == experiment for row in rows_of(matrix)]
        if rows:
            files[f"{experiment.id}.csv"] = _csv(rows)
    for matrix in results.matrices:
        files[f"{matrix.experiment.id}_{matrix.network}.svg"] = svg(matrix, _title(matrix))
    files[PAGE] = page(results)
    paths = [folder / name for name in files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror or error}") from error
    with replacing(paths) as drafts:
        for draft, text in zip(drafts, files.values(), strict=True):
            draft.write_text(text, encoding="utf-8")
    return tuple(paths)


def rows_of(matrix: Matrix) -> list[Row]:
    """A row for each pair of conditions: mean, interval, and the value of each seed."""
    rows = []
    for trained in matrix.trained:
        seeds = matrix.seeds(trained)
        cells = [matrix.cells[trained, seed] for seed in seeds]
        for tested in matrix.experiment.tested:
            figure = matrix.figure(trained, tested)
            rows.append(
                {
                    "network": matrix.network,
                    "trained": trained,
                    "tested": tested,
                    "accuracy": f"{figure.mean:.4f}",
                    "low": "" if math.isinf(figure.low) else f"{figure.low:.4f}",
                    "high": "" if math.isinf(figure.high) else f"{figure.high:.4f}",
                    "seeds": len(seeds),
                    "by_seed": " ".join(f"{value:.4f}" for value in matrix.values(trained, tested, seeds)),
                    "epochs": " ".join(str(cell.epochs) for cell in cells),
                    "stopped_early": sum(cell.early for cell in cells),
                    "patches_seen": sum(cell.seen for cell in cells),
                    "core_seconds": f"{sum(cell.core_seconds for cell in cells):.1f}",
                }
            )
    return rows


def page(results: Results) -> str:
    """The page: the answer first, then what it rests on."""
    environment = Environment(
        loader=PackageLoader("jpegtrace_training.study"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    cells = results.cells
    return environment.get_template("study.html.jinja").render(
        task=results.task,
        dataset=results.dataset,
        plan=results.plan,
        classes=list(zip(results.dataset.labels, results.dataset.counts, strict=True)),
        parts=[
            (_title(matrix), Markup(svg(matrix, _title(matrix))), answers, rows_of(matrix))  # noqa: S704 - escaped there
            for matrix, answers in results.conclusions
        ],
        leakage=results.leakage,
        telling=[leak for leak in results.leakage.traits if leak.tells] if results.leakage else [],
        compute={
            "trainings": len(cells),
            "early": sum(cell.early for cell in cells),
            "seen": sum(cell.seen for cell in cells),
            "core_minutes": sum(cell.core_seconds for cell in cells) / 60,
            "minutes": sum(cell.seconds for cell in cells) / 60,
        },
        version=__version__,
    )


def _title(matrix: Matrix) -> str:
    what = {"grid": "JPEG grid", "quality": "JPEG quality"}[matrix.experiment.id]
    return f"{what}, {ARCHITECTURES[matrix.network].title}"


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
