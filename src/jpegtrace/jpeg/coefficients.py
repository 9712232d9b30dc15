"""Quantized coefficients as stored, with a word for every block on whether it can be trusted.

A viewer's decoder fills what it cannot read and says nothing; an analysis of such blocks would read the filler.
Here damage is found (codes that no table has, data that end early or late, restart markers out of order, scans
that never came), the blocks that it may have touched are marked, and asking for whole coefficients raises.
What cannot be found by any reader is a change that yields another valid stream of the same length.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kept_in
from jpegtrace.errors import CorruptInput
from jpegtrace.jpeg import _entropy_kernels as kernels
from jpegtrace.jpeg.markers import Damage, Frame, JpegStructure, Scan
from jpegtrace.tables import ZIGZAG

REASONS = (
    "",
    "a code that is in no Huffman table",
    "the data end too early",
    "more than 64 coefficients in a block",
    "a coefficient out of range",
    "data left over behind the last block",
)

SUSPECT = kernels.SUSPECT_DC | kernels.SUSPECT_AC
# More departures than this from the order of restart markers, and nothing behind the first is placed.
MAX_DISORDER = 1000


@dataclass(frozen=True, slots=True, eq=False)
class ComponentCoefficients:
    """Coefficients of one component.

    Attributes:
        blocks: int16 (rows, columns, 8, 8), quantized, row-major frequencies; only blocks that hold samples.
        whole: bool (rows, columns): False where a block cannot be trusted.
        table: uint16 (8, 8) quantization table, or None when the file has none for this component.
        h, v: sampling factors.
    """

    blocks: NDArray[np.int16]
    whole: NDArray[np.bool_]
    table: NDArray[np.uint16] | None
    h: int
    v: int


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """Coefficients of all components, and what was wrong on the way."""

    components: tuple[ComponentCoefficients, ...]
    damage: tuple[Damage, ...]

    @property
    def whole(self) -> bool:
        """Whether every block of every component can be trusted."""
        return all(bool(component.whole.all()) for component in self.components)

    @property
    def whole_share(self) -> float:
        """Share of blocks that can be trusted."""
        total = sum(component.whole.size for component in self.components)
        return sum(int(component.whole.sum()) for component in self.components) / total


def kernel_folder() -> Path | None:
    """Folder that the compiled entropy decoder is kept in; None where every process compiles it anew."""
    return kept_in(kernels.decode_sequential)


def read_coefficients(data: bytes, structure: JpegStructure) -> Coefficients:
    """Decode every scan; damaged parts are marked, never dropped or filled in silently."""
    frame = structure.frame
    store = _BlockStore.empty(frame)
    damage: list[Damage] = []
    pending = np.full((len(frame.components), 64), -1, np.int64)  # lowest bit sent so far, -1: nothing yet
    for scan in structure.scans:
        _decode_scan(data, frame, scan, store, pending, damage)
    for index in range(len(frame.components)):
        if (pending[index] != 0).any():
            missing = int((pending[index] != 0).sum())
            damage.append(
                Damage(f"component {index}: {missing} of 64 coefficients were never sent in full", structure.end)
            )
            store.suspect[store.slice_of(index)] = SUSPECT
    return Coefficients(
        tuple(store.component(index, structure) for index in range(len(frame.components))), tuple(damage)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _BlockStore:
    """All blocks of all components in one flat array, each component padded to whole MCUs."""

    frame: Frame
    geometry: NDArray[np.int64]  # (components, 2): first block, blocks per row
    rows: tuple[int, ...]
    blocks: NDArray[np.int16]
    suspect: NDArray[np.uint8]  # 0: trustworthy

    @classmethod
    def empty(cls, frame: Frame) -> _BlockStore:
        mcu_rows, mcu_cols = frame.mcu_grid
        geometry = np.zeros((len(frame.components), 2), np.int64)
        rows, total = [], 0
        for index, component in enumerate(frame.components):
            geometry[index] = total, mcu_cols * component.h
            rows.append(mcu_rows * component.v)
            total += rows[-1] * mcu_cols * component.h
        # np.zeros takes memory only where it is written, so a tiny file that claims a huge picture stays cheap.
        return cls(frame, geometry, tuple(rows), np.zeros((total, 64), np.int16), np.zeros(total, np.uint8))

    def slice_of(self, index: int) -> slice:
        first, per_row = (int(v) for v in self.geometry[index])
        return slice(first, first + self.rows[index] * per_row)

    def component(self, index: int, structure: JpegStructure) -> ComponentCoefficients:
        rows, cols = self.frame.block_grid(index)
        per_row = int(self.geometry[index, 1])
        part = self.slice_of(index)
        blocks = self.blocks[part].reshape(self.rows[index], per_row, 8, 8)[:rows, :cols]
        whole = (self.suspect[part] == 0).reshape(self.rows[index], per_row)[:rows, :cols]
        blocks.flags.writeable = False
        whole.flags.writeable = False
        table = structure.table_of(index)
        component = self.frame.components[index]
        return ComponentCoefficients(blocks, whole, None if table is None else table.table, component.h, component.v)


def _decode_scan(
    data: bytes,
    frame: Frame,
    scan: Scan,
    store: _BlockStore,
    pending: NDArray[np.int64],
    damage: list[Damage],
) -> None:
    layout, mcus_per_row, mcus = _scan_layout(frame, scan)
    try:
        _check_progression(scan, pending)
        lookup, tables = _scan_tables(frame, scan)
    except CorruptInput as error:
        damage.append(Damage(f"scan skipped: {error.what}", scan.offset))
        for index in scan.components:
            store.suspect[store.slice_of(index)] = SUSPECT
        return
    segments = _restart_segments(scan, mcus, damage)
    clean, dropped = _destuff(np.frombuffer(data, np.uint8)[scan.data_start : scan.data_end], scan)
    bounds = segments.copy()
    bounds[:, :2] -= scan.data_start
    bounds[:, :2] -= np.searchsorted(dropped, bounds[:, :2])
    # Good blocks lie before the end of a file that ends too early, unless it ends in a segment that was left out.
    truncated = scan.cut_off and len(segments) > 0 and int(segments[-1, 1]) == scan.data_end
    if truncated:
        bounds[-1, 1] = _end_of_content(clean, int(bounds[-1, 0]), int(bounds[-1, 1]))
    outcome = np.zeros((len(bounds), 3), np.int64)
    arguments = (
        clean, bounds, truncated, mcus_per_row, layout, store.geometry, lookup, tables,
        ZIGZAG, store.blocks, store.suspect, outcome,
    )  # fmt: skip
    if frame.kind == "progressive":
        band = np.array([scan.begin, scan.last, scan.high, scan.low], np.int64)
        kernels.decode_progressive(*arguments, band)
    else:
        kernels.decode_sequential(*arguments)
    pending[np.array(scan.components), scan.begin : scan.last + 1] = scan.low
    _mark_missing(bounds, mcus, mcus_per_row, layout, store)
    for failed in np.flatnonzero(outcome[:, 0])[:100]:
        reason, mcu, pos = (int(v) for v in outcome[failed])
        offset = scan.data_start + pos + int(np.searchsorted(dropped - np.arange(len(dropped)), pos, "right"))
        damage.append(Damage(f"{REASONS[reason]}, in MCU {mcu:,} of {mcus:,}", offset))


def _scan_layout(frame: Frame, scan: Scan) -> tuple[NDArray[np.int64], int, int]:
    """Blocks of one MCU (see `decode_sequential`), MCUs per row, and MCUs in the scan (T.81, A.2)."""
    if len(scan.components) == 1:
        index = scan.components[0]
        rows, cols = frame.block_grid(index)
        return np.array([[index, 0, 0, 1, 1]], np.int64), cols, rows * cols
    rows, cols = frame.mcu_grid
    layout = [
        (index, y, x, frame.components[index].v, frame.components[index].h)
        for index in scan.components
        for y in range(frame.components[index].v)
        for x in range(frame.components[index].h)
    ]
    return np.array(layout, np.int64), cols, rows * cols


def _check_progression(scan: Scan, pending: NDArray[np.int64]) -> None:
    """Each bit of a coefficient is sent once, from high to low (T.81, G.1.1.1)."""
    sent = pending[np.array(scan.components), scan.begin : scan.last + 1]
    expected = -1 if scan.high == 0 else scan.high
    if (sent != expected).any():
        raise CorruptInput(f"coefficients {scan.begin} to {scan.last} come out of order")


def _scan_tables(frame: Frame, scan: Scan) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Lookup tables of the scan, and for each component of the frame which to use."""
    rows: list[NDArray[np.uint16]] = []
    known: dict[tuple[str, int], int] = {}
    tables = np.zeros((len(frame.components), 2), np.int64)
    for index, dc, ac in zip(scan.components, scan.dc_slots, scan.ac_slots, strict=True):
        needed = [("dc", dc)] if scan.begin == 0 and scan.high == 0 else []
        needed += [("ac", ac)] if scan.last > 0 else []
        for key in needed:
            if key not in known:
                if key not in scan.huffman:
                    raise CorruptInput(f"Huffman table {key[0]} {key[1]} is used but not defined")
                known[key] = len(rows)
                rows.append(scan.huffman[key].lookup)
            tables[index, 0 if key[0] == "dc" else 1] = known[key]
    return (np.stack(rows) if rows else np.zeros((1, 1 << 16), np.uint16)), tables


def _restart_segments(scan: Scan, mcus: int, damage: list[Damage]) -> NDArray[np.int64]:
    """Byte range (in the file) and MCU range of each restart segment whose place is certain: (n, 4)."""
    starts = np.concatenate(([scan.data_start], scan.restarts + 2))
    ends = np.concatenate((scan.restarts, [scan.data_end]))
    interval = scan.restart_interval or mcus
    places = _places(scan, -(-mcus // interval), starts, damage)
    kept = places >= 0
    begin = places * interval
    segments = np.stack([starts, ends, begin, np.minimum(begin + interval, mcus)], axis=1)
    return np.ascontiguousarray(segments[kept], np.int64)


def _places(scan: Scan, expected: int, starts: NDArray[np.int64], damage: list[Damage]) -> NDArray[np.int64]:
    """Which restart segment of the picture each one of the file is; -1 where that is uncertain.

    Restart markers count 0 to 7 and around (T.81, E.1.4). Numbers that fall out of step tell lost, repeated,
    exchanged and misnumbered segments apart, and a reading is believed only if it ends where the picture ends.
    """
    numbers = scan.restart_numbers
    count = len(starts)
    places = np.arange(count)
    lag = (numbers - np.arange(count - 1)) % 8  # constant as long as the markers count on
    runs = np.flatnonzero(np.diff(lag, prepend=0))
    for i in runs[:100]:
        due = (numbers[i - 1] + 1) % 8 if i else 0
        damage.append(Damage(f"restart marker {numbers[i]} where {due} was due", int(scan.restarts[i])))
    shift = 0
    certain = len(runs) <= MAX_DISORDER
    for j, i in enumerate(runs if certain else ()):
        run, following = int(lag[i]), int(lag[runs[j + 1]]) if j + 1 < len(runs) else -1
        end = int(runs[j + 1]) if j + 1 < len(runs) else count - 1
        length, drop = end - int(i), False
        if run == (shift - 1) % 8:
            # The number came before: a repeated segment. Seven lost ones look alike until the end is known.
            drop, certain = True, certain and not scan.cut_off
            shift -= 1
        elif length == 1 and following == shift % 8:
            drop = True  # misnumbered: the count goes on as if it had the right one
        elif length == 1 and following == (shift - 1) % 8:
            drop = True  # put in between: the number that was due comes next
            shift -= 1
        else:
            shift += (run - shift) % 8  # so many segments are lost
            drop = length == 1 and following >= 0  # or else it is another one that belongs nowhere near
        places[i + 1 : end + 1] = np.arange(i + 1, end + 1) + shift
        if drop:
            places[i + 1] = -1
    last = count - 1 + shift
    if len(runs) and not (certain and (scan.cut_off or last == expected - 1)):
        places[runs[0] + 1 :] = -1
        damage.append(Damage("restart segments from here on cannot be placed", int(scan.restarts[runs[0]])))
    elif not scan.cut_off and last != expected - 1 and (last - expected + 1) % 8 == 0:
        places[:] = -1
        damage.append(
            Damage(
                f"{count:,} restart segments where {expected:,} were due; which are right is unknown", int(starts[0])
            )
        )
    elif not scan.cut_off and last < expected - 1:
        damage.append(Damage(f"the last {expected - 1 - last:,} restart segments are missing", scan.data_end))
    beyond = places >= expected
    if beyond.any():
        damage.append(Damage(f"{int(beyond.sum())} restart segments too many", int(starts[beyond][0])))
        places[beyond] = -1
    return places


def _end_of_content(data: NDArray[np.uint8], begin: int, end: int) -> int:
    """Where the data of a file that ends too early really end: recovered files are filled up with one byte."""
    if end <= begin:
        return end
    fill = data[end - 1]
    others = np.flatnonzero(data[begin:end] != fill)
    content = begin + int(others[-1]) + 1 if len(others) else begin
    return content if fill == 0 or end - content >= 16 else end


def _destuff(stuffed: NDArray[np.uint8], scan: Scan) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Drop stuffing, fill bytes and restart markers; returns what is left, and which positions went."""
    keep = np.ones(len(stuffed), np.bool_)
    ff = np.flatnonzero(stuffed == 0xFF)
    inner = ff[ff < len(stuffed) - 1]
    after = stuffed[inner + 1]
    keep[inner[after == 0x00] + 1] = False
    keep[inner[after == 0xFF]] = False
    if len(ff) and ff[-1] == len(stuffed) - 1:
        keep[-1] = False  # a fill byte before the marker that follows, or half a stuffed byte at the end
    restarts = scan.restarts - scan.data_start
    keep[restarts] = False
    keep[restarts + 1] = False
    return stuffed[keep], np.flatnonzero(~keep)


def _mark_missing(
    segments: NDArray[np.int64], mcus: int, mcus_per_row: int, layout: NDArray[np.int64], store: _BlockStore
) -> None:
    """Mark blocks of MCUs that no restart segment covers."""
    if (segments[:, 3] - segments[:, 2]).sum() == mcus:
        return
    covered = np.zeros(mcus + 1, np.int64)
    np.add.at(covered, segments[:, 2], 1)
    np.add.at(covered, segments[:, 3], -1)
    missing = np.flatnonzero(np.cumsum(covered)[:mcus] == 0)
    for comp, dy, dx, v, h in layout:
        first, per_row = store.geometry[comp]
        rows, cols = missing // mcus_per_row * v + dy, missing % mcus_per_row * h + dx
        store.suspect[first + rows * per_row + cols] = SUSPECT
