"""EXIF: the tags that say who wrote a picture, when and how it is to be turned, and its thumbnail.

CIPA DC-008 (EXIF 2.32) in a TIFF 6.0 structure. "No EXIF" is ``None``; EXIF that breaks the rules is an `Exif` whose
`problems` say what and where: the two never look alike.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_ENTRIES = 2000
MAX_VALUE_BYTES = 1 << 20

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}

_TAGS = {
    0x0100: "width",
    0x0101: "height",
    0x010F: "make",
    0x0110: "model",
    0x0112: "orientation",
    0x0131: "software",
    0x0132: "modified",
    0x013B: "artist",
    0x8298: "copyright",
    0x9003: "taken",
    0x9004: "digitised",
    0xA002: "pixel_width",
    0xA003: "pixel_height",
    0xA433: "lens_make",
    0xA434: "lens_model",
}
_EXIF_POINTER, _GPS_POINTER = 0x8769, 0x8825
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202

Value = str | int | float | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Exif:
    """What the EXIF data say.

    Attributes:
        tags: named values: make, model, software, orientation, modified, taken, digitised, width, ...
        has_gps: a GPS directory is present (its content is not read out).
        thumbnail: bytes of the embedded JPEG, or None.
        offset: of the TIFF header in the file.
        problems: rules that the data break, with byte offsets in the file.
    """

    tags: Mapping[str, Value] = field(default_factory=dict)
    has_gps: bool = False
    thumbnail: bytes | None = None
    offset: int = 0
    problems: tuple[str, ...] = ()

    def text(self, name: str) -> str | None:
        """A textual tag, stripped; None when absent, empty or not text."""
        value = self.tags.get(name)
        return value or None if isinstance(value, str) else None

    def number(self, name: str) -> int | None:
        """A numeric tag; None when absent or not a whole number."""
        value = self.tags.get(name)
        return value if isinstance(value, int) else None


def read_exif(tiff: bytes, offset: int = 0) -> Exif:
    """Read EXIF data from the bytes of their TIFF structure; `offset` is where they lie in the file."""
    return _Reader(tiff, offset).read()


class _Reader:
    def __init__(self, tiff: bytes, offset: int) -> None:
        self.tiff = tiff
        self.offset = offset
        self.order = ">"
        self.problems: list[str] = []
        self.entries_left = MAX_ENTRIES

    def read(self) -> Exif:
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(self.tiff[:4])
        if order is None or len(self.tiff) < 8:
            self._problem("EXIF does not begin with a TIFF header", 0)
            return Exif(offset=self.offset, problems=tuple(self.problems))
        self.order = order
        first, next_offset = self._directory(self._uint(4))
        tags = dict(first)
        if isinstance(pointer := first.get(_EXIF_POINTER), int):
            tags.update(self._directory(pointer)[0])
        thumbnail = self._thumbnail(next_offset) if next_offset else None
        return Exif(
            tags={name: tags[tag] for tag, name in _TAGS.items() if tag in tags},
            has_gps=_GPS_POINTER in first,
            thumbnail=thumbnail,
            offset=self.offset,
            problems=tuple(self.problems),
        )

    def _thumbnail(self, directory: int) -> bytes | None:
        tags, _ = self._directory(directory)
        start, length = tags.get(_THUMBNAIL_OFFSET), tags.get(_THUMBNAIL_LENGTH)
        if not isinstance(start, int) or not isinstance(length, int) or length == 0:
            return None
        if start < 0 or length < 0:
            self._problem("the thumbnail has a negative offset or length", directory)
            return None
        data = self.tiff[start : start + length]
        if len(data) < length:
            self._problem(f"the thumbnail of {length:,} bytes reaches beyond the EXIF data", start)
        return data or None

    def _directory(self, start: int) -> tuple[dict[int, Value], int]:
        """One image file directory: tag to value, and the offset of the next directory (0: none)."""
        count = self._uint(start, 2)
        end = start + 2 + 12 * count
        if end > len(self.tiff):
            self._problem(f"a directory of {count} entries reaches beyond the EXIF data", start)
            count = max(0, (len(self.tiff) - start - 2) // 12)
        if count > self.entries_left:
            self._problem(f"more than {MAX_ENTRIES} entries", start)
            count = self.entries_left
        self.entries_left -= count
        values: dict[int, Value] = {}
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            value = self._value(entry)
            if value is not None:
                values[self._uint(entry, 2)] = value
        return values, self._uint(end, quiet=True)

    def _value(self, entry: int) -> Value | None:
        tag, kind, count = self._uint(entry, 2), self._uint(entry + 2, 2), self._uint(entry + 4)
        wanted = tag in _TAGS or tag in (_EXIF_POINTER, _GPS_POINTER, _THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH)
        if not wanted:
            return None
        size = _SIZES.get(kind, 0) * count
        if size == 0:
            if count:
                self._problem(f"tag {tag:#06x} has unknown type {kind}", entry)
            return None
        start = entry + 8 if size <= 4 else self._uint(entry + 8)
        raw = self.tiff[start : start + min(size, MAX_VALUE_BYTES)]
        if len(raw) < size:
            self._problem(f"tag {tag:#06x} claims {size:,} bytes, {len(raw):,} are there", entry)
        if kind == 2 or (kind in (1, 7) and count > 4):
            return raw.split(b"\0")[0].decode("utf-8", "replace").strip()
        if kind in (5, 10):
            numbers = [n for (n,) in struct.iter_unpack(self.order + "iI"[kind == 5], raw[: len(raw) // 8 * 8])]
            ratios = tuple(a / b if b else 0.0 for a, b in zip(numbers[::2], numbers[1::2], strict=True))
            return ratios or None
        form = _FORMATS.get(kind)
        if form is None:
            return None
        item = _SIZES[kind]
        numbers = [n for (n,) in struct.iter_unpack(self.order + form, raw[: len(raw) // item * item])]
        if not numbers:
            return None
        return numbers[0] if len(numbers) == 1 else tuple(numbers)

    def _uint(self, start: int, size: int = 4, *, quiet: bool = False) -> int:
        raw = self.tiff[start : start + size] if start >= 0 else b""
        if len(raw) < size:
            if not quiet:
                self._problem("a number reaches beyond the EXIF data", start)
            return 0
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def _problem(self, what: str, start: int) -> None:
        if len(self.problems) < 20:
            self.problems.append(f"{what} (at byte {self.offset + start})")
