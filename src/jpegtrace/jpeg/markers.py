"""The segments of a JPEG file: markers in order with byte offsets, and what those that matter say.

ITU-T T.81, Annex B. Nothing is decoded here, and nothing is silently repaired: every departure from the rules
becomes a `Damage` with its byte offset, or, where no picture is left to speak of, a `CorruptInput`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import CorruptInput, UnsupportedFormat
from jpegtrace.jpeg.huffman import HuffmanTable
from jpegtrace.limits import Limits
from jpegtrace.tables import ZIGZAG

SOI, EOI, SOS, DQT, DHT, DRI, DNL, COM, APP0 = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xDC, 0xFE, 0xE0

_FRAME_KINDS = {0xC0: "baseline", 0xC1: "extended sequential", 0xC2: "progressive"}
_UNDECODED_FRAMES = {
    0xC3: "lossless JPEG",
    0xC5: "hierarchical JPEG (differential sequential)",
    0xC6: "hierarchical JPEG (differential progressive)",
    0xC7: "hierarchical JPEG (differential lossless)",
    0xC9: "arithmetic-coded JPEG",
    0xCA: "arithmetic-coded progressive JPEG",
    0xCB: "arithmetic-coded lossless JPEG",
    0xCD: "arithmetic-coded hierarchical JPEG",
    0xCE: "arithmetic-coded hierarchical JPEG",
    0xCF: "arithmetic-coded hierarchical JPEG",
    0xF7: "JPEG-LS",
}
_NAMES = {
    SOI: "SOI", EOI: "EOI", SOS: "SOS", DQT: "DQT", DHT: "DHT", DRI: "DRI", DNL: "DNL", COM: "COM",
    0xCC: "DAC", 0xC8: "JPG", 0xDE: "DHP", 0xDF: "EXP", 0x01: "TEM",
    **{0xC0 + n: f"SOF{n}" for n in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)},
    **{0xD0 + n: f"RST{n}" for n in range(8)},
    **{APP0 + n: f"APP{n}" for n in range(16)},
}  # fmt: skip


MAX_DAMAGE = 1000  # entries; a file full of nonsense must not fill the memory with complaints


@dataclass(frozen=True, slots=True)
class Marker:
    """One marker: its code, where it begins and how many bytes its segment takes, marker included."""

    code: int
    offset: int
    length: int

    @property
    def name(self) -> str:
        """The marker's name in T.81, such as ``DQT``; ``0xF0`` for one without a name."""
        return _NAMES.get(self.code, f"0x{self.code:02X}")


@dataclass(frozen=True, slots=True)
class Damage:
    """A departure from the rules of the format."""

    what: str
    offset: int


@dataclass(frozen=True, slots=True)
class QuantizationTable:
    """A quantization table as stored, in row-major order."""

    slot: int
    bits: int  # 8 or 16
    table: NDArray[np.uint16]
    offset: int


@dataclass(frozen=True, slots=True)
class FrameComponent:
    """What the frame header says of one component."""

    id: int
    h: int
    v: int
    table_slot: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame header (T.81, B.2.2)."""

    kind: str
    code: int
    precision: int
    height: int
    width: int
    components: tuple[FrameComponent, ...]
    offset: int

    @property
    def sampling(self) -> str:
        """Sampling factors as ``2x2-1x1-1x1``: horizontal x vertical for each component."""
        return "-".join(f"{c.h}x{c.v}" for c in self.components)

    @property
    def mcu_grid(self) -> tuple[int, int]:
        """Rows and columns of minimum coded units of an interleaved scan."""
        v, h = self._max_factors
        return -(-self.height // (8 * v)), -(-self.width // (8 * h))

    def block_grid(self, index: int) -> tuple[int, int]:
        """Rows and columns of blocks that hold samples of component `index` (T.81, A.1.1)."""
        v, h = self._max_factors
        component = self.components[index]
        rows, cols = -(-self.height * component.v // v), -(-self.width * component.h // h)
        return -(-rows // 8), -(-cols // 8)

    @property
    def _max_factors(self) -> tuple[int, int]:
        return max(c.v for c in self.components), max(c.h for c in self.components)


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: its header, where its entropy-coded data lie, and the tables in force."""

    offset: int
    components: tuple[int, ...]  # index into Frame.components
    dc_slots: tuple[int, ...]
    ac_slots: tuple[int, ...]
    begin: int
    last: int
    high: int
    low: int
    data_start: int
    data_end: int
    restarts: NDArray[np.int64]  # offsets of restart markers in the data
    restart_numbers: NDArray[np.int64]  # 0 to 7, one for each of them
    restart_interval: int
    huffman: Mapping[tuple[str, int], HuffmanTable]
    quantization: Mapping[int, QuantizationTable]
    cut_off: bool  # the input ends inside the data


@dataclass(frozen=True, slots=True)
class Segment:
    """An application or comment segment: the payload behind the length field."""

    code: int
    offset: int  # of the payload
    payload: bytes


@dataclass(frozen=True, slots=True)
class JpegStructure:
    """Everything that the segments of a JPEG file say, in file order."""

    markers: tuple[Marker, ...]
    frame: Frame
    scans: tuple[Scan, ...]
    quantization_tables: tuple[QuantizationTable, ...]
    huffman_tables: tuple[HuffmanTable, ...]
    segments: tuple[Segment, ...]
    damage: tuple[Damage, ...]
    end: int  # behind EOI, or where reading stopped

    def application(self, number: int, prefix: bytes = b"") -> Iterator[Segment]:
        """Payloads of ``APPnumber`` that begin with `prefix`, in file order."""
        return (s for s in self.segments if s.code == APP0 + number and s.payload.startswith(prefix))

    @property
    def comments(self) -> tuple[bytes, ...]:
        """Payloads of the comment segments."""
        return tuple(s.payload for s in self.segments if s.code == COM)

    @property
    def restart_interval(self) -> int:
        """Largest restart interval in force in any scan, in MCUs; 0 without restart markers."""
        return max((scan.restart_interval for scan in self.scans), default=0)

    @property
    def optimised_huffman(self) -> bool | None:
        """Whether the Huffman tables were made for this picture; None when there are none."""
        if not self.huffman_tables:
            return None
        return not all(table.is_standard for table in self.huffman_tables)

    @property
    def interleaved(self) -> bool:
        """Whether the first scan holds all components."""
        return bool(self.scans) and len(self.scans[0].components) == len(self.frame.components)

    def table_of(self, component: int) -> QuantizationTable | None:
        """The quantization table in force for a component, when its first scan began."""
        slot = self.frame.components[component].table_slot
        for scan in self.scans:
            if component in scan.components:
                return scan.quantization.get(slot)
        return next((table for table in self.quantization_tables if table.slot == slot), None)

    @property
    def component_tables(self) -> tuple[NDArray[np.uint16], ...]:
        """Distinct quantization tables in order of the components that use them; row-major, 8x8."""
        found: dict[int, NDArray[np.uint16]] = {}
        for index, component in enumerate(self.frame.components):
            table = self.table_of(index)
            if table is not None:
                found.setdefault(component.table_slot, table.table)
        return tuple(found.values())


def read_structure(data: bytes, limits: Limits) -> JpegStructure:
    """Read the segments of a JPEG file from its bytes.

    Raises:
        CorruptInput: no start marker, or no frame header that can be used.
        UnsupportedFormat: 12-bit, arithmetic-coded, lossless or hierarchical JPEG.
        LimitExceeded: too many pixels, markers or scans.
    """
    return _Reader(data, limits).read()


@dataclass
class _Reader:
    data: bytes
    limits: Limits
    markers: list[Marker] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    quantization_tables: list[QuantizationTable] = field(default_factory=list)
    huffman_tables: list[HuffmanTable] = field(default_factory=list)
    quantization: dict[int, QuantizationTable] = field(default_factory=dict)
    huffman: dict[tuple[str, int], HuffmanTable] = field(default_factory=dict)
    restart_interval: int = 0
    frame: Frame | None = None
    coded_blocks: int = 0

    def __post_init__(self) -> None:
        # Whatever looks like a marker is found once: thousands of scans must not mean thousands of passes.
        # Masks of one byte an element first: stuffing is no marker, and indices of all of it would be large.
        array = np.frombuffer(self.data, np.uint8)
        following = array[1:]
        is_marker = (array[:-1] == 0xFF) & (following != 0x00) & (following != 0xFF)
        self.limits.check("restarts", int(np.count_nonzero(is_marker & (following >> 3 == 0xD0 >> 3))))
        found = np.flatnonzero(is_marker)
        codes = following[found]
        is_restart = (codes >= 0xD0) & (codes <= 0xD7)
        self._all_markers = found
        self._restarts, self._restart_codes = found[is_restart], codes[is_restart]
        self._others = found[~is_restart]

    def read(self) -> JpegStructure:
        data = self.data
        if data[:2] != b"\xff\xd8":
            raise CorruptInput("a JPEG begins with the bytes FF D8, this does not", offset=0)
        self.markers.append(Marker(SOI, 0, 2))
        end = self._read_markers(2)
        if self.frame is None:
            raise CorruptInput("there is no frame header (SOF marker), so there is no picture", offset=end)
        return JpegStructure(
            markers=tuple(self.markers),
            frame=self.frame,
            scans=tuple(self.scans),
            quantization_tables=tuple(self.quantization_tables),
            huffman_tables=tuple(self.huffman_tables),
            segments=tuple(self.segments),
            damage=tuple(self.damage),
            end=end,
        )

    def _read_markers(self, pos: int) -> int:
        data = self.data
        while True:
            here = self._next_marker(pos)
            if here is None:
                self._note("the file ends without an end marker (EOI)", len(data))
                return len(data)
            # FF FF D9: the extra FF is legal fill (B.1.1.2), not a stray byte.
            if data[pos:here].strip(b"\xff"):
                self._note(f"{here - pos:,} bytes belong to no segment", pos)
            code = data[here + 1]
            if code == EOI:
                self._mark(code, here, 2)
                return here + 2
            if code in (SOI, 0x01) or 0xD0 <= code <= 0xD7:
                self._mark(code, here, 2)
                if code != 0x01:
                    self._note(f"marker {self.markers[-1].name} has no business here", here)
                pos = here + 2
                continue
            length = int.from_bytes(data[here + 2 : here + 4], "big")
            if here + 4 > len(data) or length < 2 or here + 2 + length > len(data):
                self._note(f"segment {Marker(code, here, 0).name} reaches beyond the end of the file", here)
                return len(data)
            self._mark(code, here, 2 + length)
            pos = here + 2 + length
            try:
                pos = self._read_segment(code, here + 4, pos)
            except CorruptInput as error:
                self._note(error.what, here if error.offset is None else error.offset)

    def _next_marker(self, pos: int) -> int | None:
        """Offset of the next FF that a marker code follows; fill bytes before it are skipped."""
        i = int(np.searchsorted(self._all_markers, pos))
        return int(self._all_markers[i]) if i < len(self._all_markers) else None

    def _mark(self, code: int, offset: int, length: int) -> None:
        self.limits.check("markers", len(self.markers) + 1, offset=offset)
        self.markers.append(Marker(code, offset, length))

    def _note(self, what: str, offset: int) -> None:
        if len(self.damage) < MAX_DAMAGE:
            self.damage.append(Damage(what, offset))
        elif len(self.damage) == MAX_DAMAGE:
            self.damage.append(Damage("more departures from the format follow; they are not listed", offset))

    def _read_segment(self, code: int, start: int, end: int) -> int:
        """Read one segment; returns where the next marker is looked for."""
        payload = self.data[start:end]
        if code == DQT:
            self._read_quantization(payload, start)
        elif code == DHT:
            self._read_huffman(payload, start)
        elif code == DRI:
            if len(payload) != 2:
                raise CorruptInput("the restart interval segment must hold 2 bytes", offset=start)
            self.restart_interval = int.from_bytes(payload, "big")
        elif code in _FRAME_KINDS or code in _UNDECODED_FRAMES:
            if self.frame is not None:
                raise CorruptInput("a second frame header is ignored", offset=start)
            self.frame = self._read_frame(code, payload, start)
        elif code == SOS:
            return self._read_scan(payload, start, end)
        elif code == DNL:
            self._note("the number of lines is given late (DNL); the frame header's is used", start)
        elif code >= APP0:
            self.segments.append(Segment(code, start, payload))
        return end

    def _read_quantization(self, payload: bytes, start: int) -> None:
        pos = 0
        while pos < len(payload):
            precision, slot = payload[pos] >> 4, payload[pos] & 15
            if precision > 1 or slot > 3:
                raise CorruptInput(f"quantization table header {payload[pos]:#04x} is not valid", offset=start + pos)
            size = 64 * (precision + 1)
            values = np.frombuffer(payload[pos + 1 : pos + 1 + size], ">u2" if precision else "u1")
            if len(values) < 64:
                raise CorruptInput("a quantization table is cut off", offset=start + pos)
            if not values.all():
                raise CorruptInput(f"quantization table {slot} has an entry of 0", offset=start + pos)
            table = np.empty(64, np.uint16)
            table[ZIGZAG] = values
            table.flags.writeable = False
            found = QuantizationTable(slot, 8 * (precision + 1), table.reshape(8, 8), start + pos)
            self.quantization[slot] = found
            self.limits.check("markers", len(self.quantization_tables) + 1, offset=start + pos)
            self.quantization_tables.append(found)
            pos += 1 + size

    def _read_huffman(self, payload: bytes, start: int) -> None:
        pos = 0
        while pos < len(payload):
            kind, slot = payload[pos] >> 4, payload[pos] & 15
            counts = payload[pos + 1 : pos + 17]
            total = sum(counts)
            if kind > 1 or slot > 3:
                raise CorruptInput(f"Huffman table header {payload[pos]:#04x} is not valid", offset=start + pos)
            if len(counts) < 16 or total > 256 or pos + 17 + total > len(payload):
                raise CorruptInput("a Huffman table is cut off", offset=start + pos)
            name = "ac" if kind else "dc"
            symbols = payload[pos + 17 : pos + 17 + total]
            table = HuffmanTable(name, slot, tuple(counts), symbols, start + pos)
            self.huffman[name, slot] = table
            self.limits.check("markers", len(self.huffman_tables) + 1, offset=start + pos)
            self.huffman_tables.append(table)
            pos += 17 + total

    def _read_frame(self, code: int, payload: bytes, start: int) -> Frame:
        if len(payload) < 6:
            raise CorruptInput("the frame header is cut off", offset=start)
        precision, count = payload[0], payload[5]
        height, width = int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big")
        if code in _UNDECODED_FRAMES:
            kind = _UNDECODED_FRAMES[code]
            raise UnsupportedFormat(f"{kind} ({width}x{height}, {precision} bits) is not decoded", offset=start)
        if precision != 8:
            raise UnsupportedFormat(f"{precision}-bit JPEG ({width}x{height}) is not decoded", offset=start)
        if height == 0 or width == 0:
            raise CorruptInput(f"the frame header says {width}x{height} pixels", offset=start)
        if not 1 <= count <= 4 or len(payload) != 6 + 3 * count:
            raise CorruptInput(f"the frame header has {count} components in {len(payload)} bytes", offset=start)
        components = tuple(
            FrameComponent(payload[i], payload[i + 1] >> 4, payload[i + 1] & 15, payload[i + 2])
            for i in range(6, len(payload), 3)
        )
        if any(not (1 <= c.h <= 4 and 1 <= c.v <= 4 and c.table_slot <= 3) for c in components):
            raise CorruptInput("the frame header has a sampling factor or table slot out of range", offset=start)
        if len({c.id for c in components}) < count:
            raise CorruptInput("two components of the frame header have the same name", offset=start)
        if count == 1:
            # A lone component has no one to be sampled against (A.2.2); encoders do write 2x2 here.
            components = (FrameComponent(components[0].id, 1, 1, components[0].table_slot),)
        self.limits.check("pixels", height * width, offset=start)
        return Frame(_FRAME_KINDS[code], code, precision, height, width, components, start)

    def _read_scan(self, payload: bytes, start: int, data_start: int) -> int:
        if self.frame is None:
            raise CorruptInput("a scan comes before the frame header", offset=start)
        self.limits.check("scans", len(self.scans) + 1, offset=start)
        stop = int(np.searchsorted(self._others, data_start))
        cut_off = stop == len(self._others)
        data_end = len(self.data) if cut_off else int(self._others[stop])
        lo, hi = (int(i) for i in np.searchsorted(self._restarts, (data_start, data_end)))
        # Whatever the header turns out to be, reading goes on behind the data.
        try:
            header = self._read_scan_header(payload, start)
        except CorruptInput as error:
            self._note(error.what, start)
            return data_end
        components, dc_slots, ac_slots, begin, last, high, low = header
        for index in components:
            rows, cols = self.frame.block_grid(index)
            self.coded_blocks += rows * cols
        self.limits.check("coded_blocks", self.coded_blocks, offset=start)
        self.scans.append(
            Scan(
                offset=start - 4,
                components=components,
                dc_slots=dc_slots,
                ac_slots=ac_slots,
                begin=begin,
                last=last,
                high=high,
                low=low,
                data_start=data_start,
                data_end=data_end,
                restarts=self._restarts[lo:hi],
                restart_numbers=self._restart_codes[lo:hi].astype(np.int64) - 0xD0,
                restart_interval=self.restart_interval,
                huffman=dict(self.huffman),
                quantization=dict(self.quantization),
                cut_off=cut_off,
            )
        )
        return data_end

    def _read_scan_header(
        self, payload: bytes, start: int
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int, int, int, int]:
        assert self.frame is not None  # noqa: S101 - checked by the caller
        count = payload[0] if payload else 0
        if not 1 <= count <= len(self.frame.components) or len(payload) != 4 + 2 * count:
            raise CorruptInput("the scan header does not fit the frame header", offset=start)
        ids = [component.id for component in self.frame.components]
        chosen = [payload[1 + 2 * i] for i in range(count)]
        if any(c not in ids for c in chosen) or len(set(chosen)) < count:
            raise CorruptInput("the scan header names a component that the frame does not have", offset=start)
        slots = [payload[2 + 2 * i] for i in range(count)]
        begin, last, high, low = payload[-3], payload[-2], payload[-1] >> 4, payload[-1] & 15
        if self.frame.kind == "progressive":
            valid = (begin == last == 0 or (0 < begin <= last <= 63 and count == 1)) and low <= 13
            if not valid or (high not in (0, low + 1)):
                raise CorruptInput(
                    f"the scan header asks for coefficients {begin} to {last}, bits {high} to {low}", offset=start
                )
        else:
            # Sequential files carry 0, 63, 0, 0; a few encoders write something else and every decoder ignores it.
            begin, last, high, low = 0, 63, 0, 0
        mcu_blocks = sum(self.frame.components[ids.index(c)].h * self.frame.components[ids.index(c)].v for c in chosen)
        if count > 1 and mcu_blocks > 10:
            raise CorruptInput(f"an MCU of {mcu_blocks} blocks breaks the limit of 10", offset=start)
        return (
            tuple(ids.index(c) for c in chosen),
            tuple(slot >> 4 for slot in slots),
            tuple(slot & 15 for slot in slots),
            begin,
            last,
            high,
            low,
        )
