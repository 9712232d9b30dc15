"""What was measured of an analysis: tables and charts from `benchmarks/results`, by the id of the analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pages.charts import Curve, chart
from pages.results import Row, environment, picked, rows, table


@dataclass(frozen=True, slots=True)
class Table:
    """Some rows and columns of a results file.

    Attributes:
        analysis: id of the analysis that they are about.
        results: name of the file.
        told: what they are, in words.
        columns: names in the file, and headings.
        keep: which rows.
    """

    analysis: str
    results: str
    told: str
    columns: dict[str, str]
    keep: Callable[[Row], bool] = lambda _: True


def _originals(analysis: str) -> Table:
    """Of pictures as cameras wrote them."""
    return Table(
        analysis,
        "originals",
        "Pieces of 512x512 pixels of pictures as cameras wrote them, cut without decoding. A past that is claimed is "
        "false, or the camera's own doing.",
        {"camera": "camera", "pictures": "pictures", "past_claimed": "past claimed", "answered_none": "answers, none",
         "cannot_tell": "cannot tell", "not_asked": "not asked", "claims": "claims"},
        lambda row: row["analysis"] == analysis,
    )  # fmt: skip


TABLES = (
    Table(
        "file-facts", "mutations", "Mutated files: what came of them.",
        {"format": "kind of file", "files": "files", "damaged but read": "damaged but read", "crashes": "crashes",
         "slowest s": "slowest, s"},
    ),
    Table(
        "file-facts", "reading", "Coefficients and planes against libjpeg.",
        {"variant": "variant", "files": "files", "coefficients": "coefficients", "differing": "differing",
         "worst_plane_error": "largest error of a plane, grey levels"},
    ),
    Table(
        "quality-map", "quality_map_flag", "Windows of 64x64 pixels, each asked alone.",
        {"QF": "quality", "windows": "windows", "called_jpeg": "called JPEG", "called_never": "called never JPEG",
         "cannot_tell": "cannot tell"},
    ),
    Table(
        "quality-map", "quality_map_windows", "Quality of windows, over all qualities.",
        {"windows": "windows", "mode": "asked", "n": "number", "MAE": "mean error", "exact_of_told": "exact of told",
         "abstained": "abstained"},
        lambda row: row["QF"] == "all",
    ),
    Table(
        "quality-map", "quality_map_collage", "Collages, over all qualities.",
        {"compressed": "compressed", "collages": "collages", "F1": "F1", "F1_interval": "interval", "IoU": "IoU"},
        lambda row: row["QF"] == "all",
    ),
    Table(
        "laundering", "laundering", "How often pieces of 256x256 pixels, and whole pictures, are flagged.",
        {"what": "asked", "past": "past", "hidden_quality": "hidden quality", "pictures": "pictures",
         "flagged": "flagged", "interval": "interval", "cannot_tell": "cannot tell"},
        lambda row: row["what"] in ("piece", "whole"),
    ),
    Table(
        "compression-count", "compression_count", "Windows of 256x256 pixels with a known history.",
        {"last table": "last table", "QF2": "last quality", "truth": "truth", "windows": "windows",
         "called_twice": "called twice", "called_twice_by_the_lattice_alone": "by the lattice alone",
         "called_once": "called once", "cannot_tell": "cannot tell"},
    ),
    Table(
        "primary-table", "primary_table",
        "Windows of 64x64 pixels, first 15 entries. Published are the figures of Tondi 2021, on other pictures.",
        {"row": "histories", "pictures": "pictures", "patches": "windows", "AvgAcc": "accuracy",
         "AvgAcc_interval": "interval", "AvgMSE": "squared error", "published": "published", "told": "entries told",
         "told_acc": "right of told"},
    ),
    Table(
        "primary-table", "primary_table_more", "Other tables, qualities and sizes.",
        {"row": "histories", "patches": "windows", "AvgAcc": "accuracy", "AvgMSE": "squared error",
         "told": "entries told", "told_acc": "right of told", "called_single": "called single"},
    ),
    Table(
        "regions", "regions", "Pictures put together from others, and pictures that were not.",
        {"row": "pictures", "splices": "number", "F1": "F1", "F1_interval": "interval", "IoU": "IoU",
         "sources": "sources right", "claimed": "parts claimed", "claimed_interval": "interval",
         "divided": "divided in the map"},
    ),
    Table(
        "manipulation", "manipulation_classes", "The right parameter, where the manipulation is known.",
        {"task": "manipulation", "group": "group", "QF2": "last quality", "by": "by", "pieces": "pieces",
         "accuracy": "accuracy", "interval": "interval", "published": "published"},
        lambda row: bool(row["published"]) and row["by"] == "jpegtrace",
    ),
    Table(
        "manipulation", "manipulation_between", "Factors between the classes.",
        {"task": "manipulation", "parameter": "factor", "QF2": "last quality", "pieces": "pieces",
         "median_error": "median error", "covered": "in the 90 % interval", "interval": "interval"},
    ),
    Table(
        "manipulation", "manipulation_histories",
        "What is claimed when nothing is known beforehand; McMaster's pictures probably were resized before they were "
        "given out, see below.",
        {"history": "history", "QF2": "last quality", "pieces": "pieces", "called_manipulated": "called manipulated",
         "interval": "interval", "called_others": "called without McMaster", "abstained": "abstained"},
    ),
    Table(
        "manipulation", "manipulation_origins",
        "Called resized though nobody resized them here, by origin: whether quarters of a picture, each asked alone, "
        "tell the same factor within 2 %.",
        {"origin": "origin", "QF2": "quality", "pictures": "pictures", "quarters": "quarters",
         "called_resized": "called resized", "pairs_of_one_picture": "pairs in a picture", "same_factor": "same factor",
         "pairs_of_two_pictures": "pairs across pictures", "same_factor_of_two": "same factor across"},
        lambda row: row["origin"] == "all" or int(row["pictures"]) >= 6,
    ),
    *(_originals(name) for name in dict.fromkeys(row["analysis"] for row in rows("originals"))),
)  # fmt: skip


COUNTED = "compression_count"
SHOWN_HISTORIES = (
    "resized, bilinear",
    "blurred",
    "median",
    "noise",
    "never compressed before",
    "compressed before at 60..90",
)


def _count_curves() -> tuple[str, str, list[Curve]]:
    found = [r | {"QF2": r["QF2"] if "QF2" in r else r["last table"].removeprefix("QF2 ")} for r in rows(COUNTED)]
    found = [r for r in found if r["QF2"].isdigit()]
    curves = [
        Curve(f"compressed {truth}", *_points([r for r in found if r["truth"] == truth], "QF2", "called_twice"))
        for truth in ("twice", "once")
    ]
    return "Called twice, by the quality of the last compression", "last quality", curves


def _table_curves() -> tuple[str, str, list[Curve]]:
    found = [r for r in rows("primary_table_by_quality") if r["pictures"] == "all"]
    curves = []
    for name in ("QF2 90, aligned", "QF2 90, mixed", "QF2 80, aligned", "QF2 80, mixed"):
        some = [r | {"QF1": str(_middle(r["QF1"]))} for r in found if r["row"] == name]
        if some:
            curves.append(Curve(name, *_points(some, "QF1", "AvgAcc")))
    return "Share of the first 15 entries that are right, by the first quality", "first quality", curves


def _flag_curves() -> tuple[str, str, list[Curve]]:
    found = [r for r in rows("quality_map_flag") if r["QF"].isdigit()]
    curves = [
        Curve(told, *_points(found, "QF", column))
        for told, column in (("called JPEG", "called_jpeg"), ("cannot tell", "cannot_tell"))
    ]
    return "Windows of 64x64 pixels that were JPEG and are not flat", "quality", curves


def _hidden_curves() -> tuple[str, str, list[Curve]]:
    found = [r for r in rows("laundering") if r["what"] == "piece" and r["hidden_quality"].isdigit()]
    curves = []
    for attack in dict.fromkeys(r["past"] for r in found):
        some = [r for r in found if r["past"] == attack]
        if len(some) > 1:
            curves.append(Curve(attack, *_points(some, "hidden_quality", "flagged")))
    return "Pieces whose JPEG past was hidden, flagged", "quality of the JPEG that was hidden", curves


def _history_curves() -> tuple[str, str, list[Curve]]:
    found = [r for r in rows("manipulation_histories") if r["QF2"].isdigit()]
    by_history = {name: [r for r in found if r["history"] == name] for name in SHOWN_HISTORIES}
    curves = [Curve(name, *_points(some, "QF2", "called_manipulated")) for name, some in by_history.items() if some]
    return "Called manipulated, by the quality of the last compression", "last quality", curves


CHARTS: dict[str, Callable[[], tuple[str, str, list[Curve]]]] = {
    "compression-count": _count_curves,
    "primary-table": _table_curves,
    "quality-map": _flag_curves,
    "laundering": _hidden_curves,
    "manipulation": _history_curves,
}


def chart_of(analysis: str) -> tuple[str, str] | None:
    """Title and SVG of the chart of an analysis; None where there is none."""
    if analysis not in CHARTS:
        return None
    title, x_label, curves = CHARTS[analysis]()
    return (title, chart(title, x_label, curves)) if curves else None


def tables_of(analysis: str) -> list[str]:
    """Everything measured of an analysis, as Markdown."""
    found = []
    for one in TABLES:
        if one.analysis != analysis:
            continue
        some = [row for row in rows(one.results) if one.keep(row)]
        if some:
            told = f"{one.told} {environment(some, one.results)}"
            found.append(f"{told}\n\n{picked(some, one.columns)}")
    return found + endurance_of(analysis)


def endurance_of(analysis: str) -> list[str]:
    """What mild disturbances do to its claims, over all histories of the benchmark."""
    found = [r for r in rows("stability") if r["row"] == "disturbance" and r["analysis"] == analysis]
    found = [r for r in found if int(r["claims"] or 0)]
    if not found:
        return []
    body = []
    for name in dict.fromkeys(r["disturbance"] for r in found):
        some = [r for r in found if r["disturbance"] == name]
        claims = sum(int(r["claims"]) for r in some)
        shares = (
            sum(int(r["claims"]) * float(r[column]) for r in some) / claims
            for column in ("held", "covered", "lost", "contradicted", "not_asked")
        )
        body.append([name, str(claims), *(f"{share:.2f}" for share in shares)])
    told = f"Claims after a mild disturbance, over all histories asked. {environment(found, 'stability')}"
    head = ("disturbance", "claims", "held", "covered", "lost", "contradicted", "not asked any more")
    return [f"{told}\n\n{table(head, body)}"]


def _points(found: Sequence[Row], x: str, y: str) -> tuple[list[float], list[float]]:
    pairs = sorted((float(row[x]), float(row[y])) for row in found)
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _middle(span: str) -> float:
    low, _, high = span.partition("-")
    return (float(low) + float(high or low)) / 2
