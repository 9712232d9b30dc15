"""Was the picture, or a part of it, ever JPEG: from its pixels alone.

Answers the question of K. Uchida, M. Tanaka, M. Okutomi, "Pixelwise JPEG compression detection and quality factor
estimation based on convolutional neural network", 2019, by lattice evidence on all 64 grids (see `jpegtrace.pixels`).
Flat and clipped places are left out instead of guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace._progress import Progress, part
from jpegtrace.analyses._pixels import MOST_TILES, NEVER_BELOW, pixel_history_of, pixel_map_of
from jpegtrace.analyses._registry import analysis
from jpegtrace.errors import CorruptInput
from jpegtrace.findings import Json, Level, Map, Outcome, Remark, Status
from jpegtrace.picture import Picture
from jpegtrace.pixels.history import PixelSource
from jpegtrace.pixels.hypotheses import TURNED
from jpegtrace.pixels.parts import parts_of
from jpegtrace.tables import ZIGZAG

SEARCH = 0.5  # of the work of a map, about
TILES_OF_JPEG = 32
SMALLEST_PART = 0.01  # of the places that tell anything


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `quality-map`.

    Attributes:
        never_below: probability below which it says "never JPEG"; in between it cannot tell.
        most_tiles: of 64 pixels that are looked at on all grids.
        stride: pixels between two values of the maps in a report; 0 leaves the maps and parts out.
    """

    never_below: float = NEVER_BELOW
    most_tiles: int = MOST_TILES
    stride: int = 16


def map_quality(picture: Picture, params: Params, stride: int, progress: Progress | None) -> tuple[Map, ...]:
    """Maps of the quality, the probability that there was a compression, and the parts with their histories."""
    history = pixel_history_of(picture, params.most_tiles, part(progress, 0, SEARCH))
    if isinstance(history, str):
        raise CorruptInput(history, source=picture.source)
    found = pixel_map_of(picture, history, stride, part(progress, SEARCH, 1))
    if progress:
        progress(1)
    if not history.sources:
        shape = found.quality.shape
        never = np.full(shape, np.nan if history.probability is None else history.probability, np.float32)
        return (Map("ever JPEG", never, (stride, stride), "probability"),)
    parts = parts_of(found, history, stride)
    cell = (stride, stride)
    return (
        Map("quality", found.quality, cell, "QF"),
        Map("ever JPEG", found.compressed, cell, "probability"),
        Map("parts", parts.labels, cell, labels=parts.names),
    )


@analysis(
    "quality-map",
    version=1,
    place=190,
    title="Ever a JPEG",
    question="Was the picture, or a part of it, ever JPEG-compressed: with which quality, on which grid?",
    parameters=Params,
    cannot_show=(
        "a compression before the picture was resized, turned by any other angle than 90 degrees, or filtered",
        "a compression under the traces of lossy WebP, HEIC or video",
        "crops at the right or below, and how many times 8 rows or columns were cut off",
        "anything in flat or clipped areas",
        "who compressed it, or why: many honest workflows pass through JPEG",
    ),
    reference="Uchida et al. 2019; docs/pixels.md",
    false_alarm_rate=0.01,
    map=map_quality,
)
def quality_map(picture: Picture, params: Params) -> Outcome:
    """Look at the pixels on all grids, and read the table on the one that stands out."""
    # All of a JPEG was compressed with the table that stands in the file: a look is enough, and there are no parts.
    own = picture.jpeg is not None
    history = pixel_history_of(picture, min(params.most_tiles, TILES_OF_JPEG) if own else params.most_tiles)
    if isinstance(history, str):
        return Outcome(Status.INCONCLUSIVE, f"Cannot tell: {history}.")
    if history.probability is None:
        return Outcome(Status.INCONCLUSIVE, "Cannot tell: too much of the picture is flat, clipped, or too small.")
    values: dict[str, Json] = {
        "ever_jpeg": None,
        "probability_jpeg": round(history.probability, 4),
        "quality": None,
        "quality_probability": None,
        "grid_origin": None,
        "table": None,
        "entries_told": 0,
        "nearest": None,
        "processed": None,
        "nfa_log10": None,
        "tiles": len(history.tiles),
        "parts": [],
    }
    if not history.sources:
        if history.probability >= params.never_below:
            return Outcome(Status.INCONCLUSIVE, "Cannot tell whether it was ever JPEG.", values)
        return Outcome(
            Status.OK,
            "No trace of a JPEG compression in the pixels.",
            values | {"ever_jpeg": False},
            probability=round(1 - history.probability, 4),
        )
    source = history.sources[0]
    values |= {
        "ever_jpeg": True,
        "quality": source.quality,
        "quality_probability": round(source.quality_probability, 4) if source.standard else None,
        "grid_origin": list(source.origin),
        "table": _entries(source),
        "entries_told": int(source.told.sum()),
        "nearest": source.name,
        "processed": source.processed,
        "nfa_log10": round(source.false_alarms, 1),
    }
    maps: tuple[Map, ...] = ()
    listed: list[tuple[str, float, list[int]]] = []
    if params.stride and not own:
        found = pixel_map_of(picture, history, params.stride)
        parts = parts_of(found, history, params.stride)
        listed = parts.listed(SMALLEST_PART, params.stride, (picture.height, picture.width))
        cell = (params.stride, params.stride)
        maps = Map("quality", found.quality, cell, "QF"), Map("parts", parts.labels, cell, labels=parts.names)
    values["parts"] = [{"history": name, "share": round(share, 4), "box": list(box)} for name, share, box in listed]
    return Outcome(
        Status.OK,
        _sentence(source, several=len(listed) > 1),
        values,
        probability=round(source.probability, 4),
        remarks=tuple(_remarks(source, listed)),
        maps=maps,
    )


def _entries(source: PixelSource) -> list[Json]:
    """Rows of the table; None where the pixels do not tell the entry."""
    order = np.argsort(ZIGZAG)
    table: NDArray[np.uint16] = source.table[order]
    return [int(v) if told else None for v, told in zip(table, source.told[order], strict=True)]


def _sentence(source: PixelSource, *, several: bool) -> str:
    row, col = source.origin
    if source.standard:
        table = f"quality {source.quality}"
    else:
        table = f"a table {source.name}" if source.name.startswith("near ") else f"the table of {source.name}"
    where = "its grid begins at " + ("the corner" if row == col == 0 else f"row {row}, column {col}")
    what = "Parts of the pixels were" if several else "The pixels were"
    return f"{what} JPEG-compressed with {table}; {where}."


def _remarks(source: PixelSource, parts: list[tuple[str, float, list[int]]]) -> list[Remark]:
    remarks = []
    row, col = source.origin
    if row or col:
        cut = f"rows cut off above: {-row % 8}, columns on the left: {-col % 8}, or any multiple of 8 more"
        what = "that part" if len(parts) > 1 else "the picture"
        remarks.append(Remark(Level.INFO, f"{what} was cropped or moved after that compression", cut))
    if source.name.endswith(TURNED):
        remarks.append(Remark(Level.INFO, "it was turned by 90 degrees after that compression", source.name))
    if source.processed:
        noise = f"noise of variance {source.variance:.2f} on the lattice"
        remarks.append(Remark(Level.INFO, "it was processed after decompression, lightly", noise))
    if len(parts) > 1:
        told = "; ".join(f"{share:.0%} {name}" for name, share, _ in parts)
        remarks.append(Remark(Level.NOTICE, "parts of the picture have different histories", told))
    return remarks
