"""Application segments of a JPEG file: JFIF, Adobe, ICC, XMP, MPO, EXIF; and what lies behind its end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from jpegtrace.jpeg import Frame, JpegStructure
from jpegtrace.metadata.exif import Exif, read_exif

_JFIF_UNITS = {0: "aspect ratio", 1: "per inch", 2: "per cm"}
_ADOBE_TRANSFORMS = {0: "none (RGB or CMYK)", 1: "YCbCr", 2: "YCCK"}


@dataclass(frozen=True, slots=True)
class Jfif:
    """The JFIF header (ITU-T T.871)."""

    version: str
    units: str
    density: tuple[int, int]
    thumbnail_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Adobe:
    """The Adobe segment (APP14): version and colour transform."""

    version: int
    transform: int

    @property
    def transform_name(self) -> str:
        """What the transform code means."""
        return _ADOBE_TRANSFORMS.get(self.transform, f"unknown ({self.transform})")


@dataclass(frozen=True, slots=True)
class Icc:
    """An ICC profile, put together from its chunks (ICC.1, B.4)."""

    size: int
    whole: bool
    description: str | None


@dataclass(frozen=True, slots=True)
class Xmp:
    """An XMP packet: its size, the tools it names, and whether it says when the picture was made or changed."""

    size: int
    tools: tuple[str, ...]
    dated: bool = False


@dataclass(frozen=True, slots=True)
class Mpo:
    """A multi-picture index (CIPA DC-007): offsets and sizes of the pictures in the file."""

    pictures: tuple[tuple[int, int], ...]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Trailing:
    """Bytes behind the end marker."""

    offset: int
    size: int
    kind: str


@dataclass(frozen=True, slots=True)
class JpegMetadata:
    """What the application segments say; None where a kind is absent."""

    exif: Exif | None
    jfif: Jfif | None
    adobe: Adobe | None
    icc: Icc | None
    xmp: Xmp | None
    mpo: Mpo | None
    comments: tuple[str, ...]
    trailing: Trailing | None


def read_metadata(data: bytes, structure: JpegStructure) -> JpegMetadata:
    """Read all application segments that we know."""
    return JpegMetadata(
        exif=_exif(structure),
        jfif=_jfif(structure),
        adobe=_adobe(structure),
        icc=_icc(structure),
        xmp=_xmp(structure),
        mpo=_mpo(structure),
        comments=tuple(c.decode("utf-8", "replace").strip("\0 \r\n\t") for c in structure.comments),
        trailing=_trailing(data, structure.end),
    )


def colour_space(frame: Frame, metadata: JpegMetadata) -> str:
    """Colour space by the rules that decoders follow (T.871; Adobe Technical Note 5116)."""
    count = len(frame.components)
    transform = None if metadata.adobe is None else metadata.adobe.transform
    if count == 1:
        return "grey"
    if count == 3:
        ids = bytes(c.id for c in frame.components)
        if metadata.jfif is None and (transform == 0 or (transform is None and ids == b"RGB")):
            return "RGB"
        return "YCbCr"
    if count == 4:
        return "YCCK" if transform == 2 else "CMYK"
    return f"{count} components"


def _exif(structure: JpegStructure) -> Exif | None:
    segment = next(structure.application(1, b"Exif\0"), None)
    return None if segment is None else read_exif(segment.payload[6:], segment.offset + 6)


def _jfif(structure: JpegStructure) -> Jfif | None:
    segment = next(structure.application(0, b"JFIF\0"), None)
    if segment is None or len(segment.payload) < 14:
        return None
    p = segment.payload
    return Jfif(
        version=f"{p[5]}.{p[6]:02d}",
        units=_JFIF_UNITS.get(p[7], f"unknown ({p[7]})"),
        density=(int.from_bytes(p[8:10], "big"), int.from_bytes(p[10:12], "big")),
        thumbnail_size=(p[12], p[13]),
    )


def _adobe(structure: JpegStructure) -> Adobe | None:
    segment = next(structure.application(14, b"Adobe"), None)
    if segment is None or len(segment.payload) < 12:
        return None
    return Adobe(int.from_bytes(segment.payload[5:7], "big"), segment.payload[11])


def _icc(structure: JpegStructure) -> Icc | None:
    chunks: dict[int, bytes] = {}
    expected = 0
    for segment in structure.application(2, b"ICC_PROFILE\0"):
        if len(segment.payload) >= 14:
            chunks.setdefault(segment.payload[12], segment.payload[14:])
            expected = max(expected, segment.payload[13])
    if not chunks:
        return None
    profile = b"".join(chunks[number] for number in sorted(chunks))
    complete = sorted(chunks) == list(range(1, expected + 1))
    return Icc(len(profile), complete and len(profile) == int.from_bytes(profile[:4], "big"), _icc_name(profile))


def _icc_name(profile: bytes) -> str | None:
    """The description tag of a profile (ICC.1, 9.2.41): a `desc` or `mluc` element."""
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        if profile[entry : entry + 4] != b"desc":
            continue
        start, size = (int.from_bytes(profile[entry + i : entry + i + 4], "big") for i in (4, 8))
        element = profile[start : start + size]
        if element[:4] == b"desc":
            length = int.from_bytes(element[8:12], "big")
            return element[12 : 12 + length].split(b"\0")[0].decode("ascii", "replace").strip() or None
        if element[:4] == b"mluc":
            length, at = (int.from_bytes(element[i : i + 4], "big") for i in (20, 24))
            return element[at : at + length].decode("utf-16-be", "replace").strip("\0 ") or None
    return None


def _xmp(structure: JpegStructure) -> Xmp | None:
    packets = list(structure.application(1, b"http://ns.adobe.com/xap/1.0/\0"))
    if not packets:
        return None
    text = b"".join(segment.payload[29:] for segment in packets).decode("utf-8", "replace")
    named = re.findall(r"(?:CreatorTool|softwareAgent|xmptk)(?:>|=[\"'])([^<\"']{1,200})", text)
    dated = re.search(r"(?:CreateDate|ModifyDate|DateCreated|DateTimeOriginal|stEvt:when)(?:>|=[\"'])\s*\d", text)
    size = sum(len(segment.payload) for segment in packets)
    return Xmp(size, tuple(dict.fromkeys(t.strip() for t in named)), dated is not None)


def _mpo(structure: JpegStructure) -> Mpo | None:
    segment = next(structure.application(2, b"MPF\0"), None)
    if segment is None:
        return None
    tiff = segment.payload[4:]
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"

    def number(at: int, size: int) -> int | None:
        return int.from_bytes(tiff[at : at + size], order) if at + size <= len(tiff) else None

    directory = number(4, 4) or 0
    for entry in range(directory + 2, directory + 2 + 12 * min(number(directory, 2) or 0, 100), 12):
        if number(entry, 2) == 0xB002:
            table, count = number(entry + 8, 4), (number(entry + 4, 4) or 0) // 16
            if table is None or count == 0 or table + 16 * count > len(tiff):
                return Mpo((), problem="the index reaches beyond its segment")
            places = [(number(table + 16 * i + 8, 4) or 0, number(table + 16 * i + 4, 4) or 0) for i in range(count)]
            # Offsets count from the TIFF header of this segment, except the first picture's, which is 0.
            base = segment.offset + 4
            return Mpo(tuple((base + start if start else 0, size) for start, size in places))
    return Mpo((), problem="the index names no pictures")


_TRAILERS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x89PNG", "PNG"),
    (b"MotionPhoto_Data", "motion photo"),
    (b"SEFH", "Samsung trailer"),
    (b"RIFF", "RIFF"),
)


def _trailing(data: bytes, end: int) -> Trailing | None:
    rest = data[end:]
    if not rest:
        return None
    head = rest[:4096]
    body = head.lstrip(b"\0\xff")
    if not rest.strip(b"\0\xff"):
        kind = "padding"
    elif b"ftyp" in body[:8]:  # the zeros of the box length before it may be stripped
        kind = "MP4 video"
    else:
        # The first signature counts: a trailer may begin with a maker's block of its own.
        found = sorted((head.find(magic), name) for magic, name in _TRAILERS if magic in head)
        kind = found[0][1] if found else "unknown data"
    return Trailing(end, len(rest), kind)
