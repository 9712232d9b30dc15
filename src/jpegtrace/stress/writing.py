"""An evaluation made readable: three CSV tables, Markdown, and one self-contained page with plots."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from jpegtrace import __version__
from jpegtrace.errors import UsageError
from jpegtrace.findings import Plot
from jpegtrace.report.plots import PlotFigure, figure_of
from jpegtrace.stress.attacks import ATTACKS
from jpegtrace.stress.results import NONE, ONCE, Cell, DoubleCell, Evaluation

ALL = "all"
PAGE = "evaluation.html"
_APART = 1e-7  # between the ends of a vertical step, which a plot could not have otherwise
_LOOK_FOR = "how far the curve stays above the diagonal"
_NOT_CONCLUDE = "that a curve below the diagonal hides the pictures: their scores differ, the other way round"

Row = dict[str, Any]


def write_evaluation(evaluation: Evaluation, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write ``pe.csv``, ``double.csv``, ``roc.csv`` and ``evaluation.html``; files of these names are replaced.

    Args:
        evaluation: what `evaluate` gave. A table without rows is not written, and an older one of its name goes.
        folder: made where it is missing.

    Returns:
        What was written.

    Raises:
        UsageError: it cannot be written.
    """
    target = Path(folder)
    tables = {"pe": pe_rows(evaluation), "double": double_rows(evaluation), "roc": roc_rows(evaluation)}
    files = {f"{name}.csv": _csv(rows) for name, rows in tables.items() if rows}
    files[PAGE] = page(evaluation)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in tables:
            (target / f"{name}.csv").unlink(missing_ok=True)
        for name, text in files.items():
            (target / name).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write into {target}: {error.strerror or error}") from error
    return tuple(target / name for name in files)


def pe_rows(evaluation: Evaluation) -> list[Row]:
    """A row for each attack and quality: P_e of every detector, their mean, PSNR and SSIM, and areas under the ROC."""
    rows = []
    for found in evaluation.nearness:
        cells = [evaluation.cell(name, found.attack, found.quality) for name in evaluation.detectors]
        row: Row = {"attack": found.attack, "quality": _quality(found.quality), "pictures": len(found.psnr)}
        row |= {f"pe_{cell.detector}": _rounded(cell.error) for cell in cells}
        if cells:
            row["pe_mean"] = _rounded(evaluation.mean_error(found.attack, found.quality))
        row |= {"psnr": _rounded(float(found.psnr.mean()), 3), "ssim": _rounded(float(found.ssim.mean()), 5)}
        rows.append(row | {f"area_{cell.detector}": _rounded(cell.area) for cell in cells})
    return rows


def double_rows(evaluation: Evaluation) -> list[Row]:
    """A row for each detector of double compression, grid, last quality, attack and quality."""
    return [
        {
            "detector": cell.detector,
            "grid": _grid(cell),
            "last_quality": cell.last_quality,
            "attack": cell.attack,
            "quality": "" if cell.attack == ONCE else _quality(cell.quality),
            "pictures": len(cell.scores),
            "called_twice": _rounded(cell.called_twice),
            "P_e": "" if cell.error is None else _rounded(cell.error),
            "area": "" if cell.area is None else _rounded(cell.area),
        }
        for cell in evaluation.doubles
    ]


def roc_rows(evaluation: Evaluation) -> list[Row]:
    """A row for each point of each ROC."""
    return [
        {"detector": cell.detector, "attack": cell.attack, "quality": _quality(cell.quality)}
        | {name: f"{value:.6g}" for name, value in zip(("threshold", "false_alarms", "hits"), point, strict=True)}
        for cell in evaluation.cells
        for point in zip(*(values.tolist() for values in cell.roc), strict=True)
    ]


def markdown(evaluation: Evaluation) -> str:
    """Both tables, that of double compression with all first qualities together."""
    head, *lines = _error_table(evaluation)
    parts = [_markdown(head, lines)] if lines else []
    head, *lines = _double_table(evaluation)
    if lines:
        parts.append(_markdown(head, lines))
    return "\n".join(parts)


def page(evaluation: Evaluation) -> str:
    """Tables and ROC plots as one page that needs nothing else."""
    loader = ChoiceLoader([PackageLoader("jpegtrace.stress"), PackageLoader("jpegtrace.report")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    attacks = list(dict.fromkeys(cell.attack for cell in evaluation.cells))
    titles = {attack: ATTACKS[attack].title if attack in ATTACKS else "" for attack in attacks}
    return environment.get_template("evaluation.html.jinja").render(
        evaluation=evaluation,
        version=__version__,
        flattered=0.5 - 0.44 / math.sqrt(evaluation.pictures),
        errors=_error_table(evaluation),
        doubles=_double_table(evaluation),
        details=_double_details(evaluation),
        curves=[(attack, titles[attack], _curves(evaluation, attack)) for attack in attacks],
    )


def roc_plot(cell: Cell) -> Plot:
    """The ROC of one detector and attack."""
    x = cell.roc.false_alarms.astype(np.float32)
    for k in range(1, len(x)):
        x[k] = max(x[k], x[k - 1] + np.float32(_APART))
    return Plot(
        name=f"{cell.detector}: P_e {cell.error:.3f}, area {cell.area:.3f}",
        x=x,
        y=cell.roc.hits.astype(np.float32),
        x_label="false alarms: share of the originals that are called JPEG",
        y_label="hits: share of the others that are",
        look_for=_LOOK_FOR,
        not_conclude=_NOT_CONCLUDE,
    )


def _curves(evaluation: Evaluation, attack: str) -> list[PlotFigure]:
    return [figure_of(roc_plot(evaluation.cell(name, attack))) for name in evaluation.detectors]


def _error_table(evaluation: Evaluation) -> list[list[str]]:
    """Head and lines."""
    names = evaluation.detectors
    lines = [["attack", "QF", *names, *(["mean"] if names else []), "PSNR", "SSIM"]]
    for found in evaluation.nearness:
        errors = [evaluation.cell(name, found.attack, found.quality).error for name in names]
        errors += [evaluation.mean_error(found.attack, found.quality)] if names else []
        near = [f"{found.psnr.mean():.2f}", f"{found.ssim.mean():.4f}"]
        lines.append([_attack(found.attack), str(_quality(found.quality)), *(f"{e:.3f}" for e in errors), *near])
    return lines


def _double_table(evaluation: Evaluation) -> list[list[str]]:
    """Head and lines, all first qualities together."""
    lines = [["detector", "grid", "QF2", "attack", "called twice", "P_e"]]
    return lines + [_double_line(cell) for cell in evaluation.doubles if cell.quality is None]


def _double_details(evaluation: Evaluation) -> list[list[str]]:
    """Head and lines, each first quality by itself."""
    lines = [["detector", "grid", "QF2", "attack", "QF1", "called twice", "P_e"]]
    for cell in evaluation.doubles:
        if cell.quality is not None:
            line = _double_line(cell)
            lines.append([*line[:4], str(cell.quality), *line[4:]])
    return lines


def _double_line(cell: DoubleCell) -> list[str]:
    error = "" if cell.error is None else f"{cell.error:.3f}"
    return [cell.detector, _grid(cell), str(cell.last_quality), _attack(cell.attack), f"{cell.called_twice:.1%}", error]


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    ruler = "|".join("---" for _ in head)
    rows = [" | ".join(text.replace("|", "\\|") for text in line) for line in (head, *lines)]
    return "\n".join([f"| {rows[0]} |", f"|{ruler}|", *(f"| {row} |" for row in rows[1:])]) + "\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _attack(name: str) -> str:
    return "none (JPEG)" if name == NONE else name


def _quality(quality: int | None) -> int | str:
    return ALL if quality is None else quality


def _grid(cell: DoubleCell) -> str:
    return "aligned" if cell.aligned else "shifted"


def _rounded(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}f}"
