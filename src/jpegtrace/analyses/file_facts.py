"""What the file itself says: format, frame, tables, segments, metadata, and what is broken.

ITU-T T.81 (JPEG), T.871 (JFIF), CIPA DC-008 (EXIF), DC-007 (MPO), ICC.1. Everything here is read, nothing inferred;
metadata can be written by anyone.

A decoder of a viewer fills what it cannot read. Here every rule of the entropy-coded data is checked: each code must be
one that a table has, a block has 64 coefficients and no more, restart markers count modulo 8, scans follow each other.
Where a rule is broken, the blocks that the fault may have touched are not trusted; docs/reading.md says which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from jpegtrace.analyses._registry import analysis
from jpegtrace.errors import CorruptInput
from jpegtrace.findings import READ_IN_FILE, Claim, Json, Level, Matrix, Outcome, Remark, Status, Topic
from jpegtrace.jpeg import Frame, JpegStructure
from jpegtrace.metadata import Exif, JpegMetadata, PngText, colour_space, read_png_texts
from jpegtrace.picture import Picture
from jpegtrace.raster import Format, is_lossy_webp, promised_by, suffix_of

_SUBSAMPLING = {
    "1x1-1x1-1x1": "4:4:4",
    "2x1-1x1-1x1": "4:2:2",
    "2x2-1x1-1x1": "4:2:0",
    "1x2-1x1-1x1": "4:4:0",
    "4x1-1x1-1x1": "4:1:1",
    "4x2-1x1-1x1": "4:1:0",
}


LABEL = "jpegtrace-operations"  # keyword of the text in which `jpegtrace stress attack` says what it did
WORN = "That somebody did it on purpose: files are cut off in transfers and worn by failing disks."
LAST_WEBP = Claim(
    Topic.HISTORY,
    "It was last saved with the lossy codec of WebP, which is not JPEG and hides traces of earlier saves.",
    grounds=READ_IN_FILE,
    not_mean="That it was never JPEG, or that all traces are gone: of high quality, WebP leaves some of them.",
)
# Phones hang these behind every picture they take.
_USUAL_TRAILERS = ("padding", "motion photo", "Samsung trailer", "MP4 video")


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `file-facts`.

    Attributes:
        decode: decode the whole picture to tell whether it is whole; without it damage in coded data goes unseen.
    """

    decode: bool = True


@analysis(
    "file-facts",
    version=3,
    place=100,
    title="The file",
    question="What does the file itself say?",
    parameters=Params,
    cannot_show=(
        "who wrote the metadata: anyone can",
        "damage that leaves another valid stream, as a single changed byte often does without restart markers",
    ),
    reference="ITU-T T.81, T.871; CIPA DC-007, DC-008",
    false_alarm_rate=0.0,
)
def file_facts(picture: Picture, params: Params) -> Outcome:
    """State the facts of the file; an alarm means that it breaks the rules of its format."""
    values: dict[str, Json] = {
        "format": picture.format.value,
        "width": picture.width,
        "height": picture.height,
        "bytes": len(picture.data),
    }
    named = tuple(_name_remarks(picture))
    if picture.jpeg is None or picture.metadata is None:
        return _raster_facts(picture, params, values, named)
    values |= _frame_facts(picture.jpeg, picture.metadata)
    values |= _metadata_facts(picture.metadata)
    remarks = [*named, *_metadata_remarks(picture.metadata)]
    damage, share = picture.jpeg.damage, None
    if params.decode:
        damage, share = picture.damage, picture.partial_coefficients.whole_share
    values["whole_share"] = share
    values["damage"] = [{"what": d.what, "offset": d.offset} for d in damage]
    remarks += [Remark(Level.ALARM, d.what, f"at byte {d.offset:,}") for d in damage[:10]]
    if len(damage) > 10:
        remarks.append(Remark(Level.ALARM, f"{len(damage) - 10} more departures from the format"))
    return Outcome(
        Status.OK,
        _sentence(picture.jpeg.frame, values, share, len(damage)),
        values,
        remarks=tuple(remarks),
        matrices=tuple(_matrix(k, t.table) for k, t in enumerate(picture.jpeg.quantization_tables, 1)),
        claims=(_wholeness(share, len(damage)),),
    )


def _matrix(number: int, table: NDArray[np.uint16]) -> Matrix:
    return Matrix(
        f"quantization table {number} of the file",
        table.astype(np.float32),
        "step",
        row_label="vertical frequency",
        column_label="horizontal frequency",
        look_for="How fast the steps grow towards the lower right: the larger a step, the more detail the last save "
        "threw away.",
        not_conclude="Which program wrote it, from the numbers alone: many share a table; “Who wrote it” says which.",
    )


def _wholeness(share: float | None, damage: int) -> Claim:
    """Whether the file is whole; `share` of its blocks can be trusted, None where they were not decoded."""
    if share is not None and share < 1:
        text = f"The file is damaged: {share:.1%} of its blocks can be read, and all that follows is about those."
        return Claim(Topic.DAMAGE, text, grounds=READ_IN_FILE, not_mean=WORN)
    if damage:
        rest = "" if share is None else ", although all of it can be read"
        return Claim(Topic.DAMAGE, f"The file breaks rules of its format{rest}.", grounds=READ_IN_FILE, not_mean=WORN)
    return Claim(
        Topic.NOTHING,
        "No damage was found in the file."
        if share is not None
        else "No damage was found in what was read of the file: its blocks were not decoded.",
        grounds=READ_IN_FILE,
        not_mean="That it is the file that was first saved: a program that saves again leaves no damage.",
    )


def _name_remarks(picture: Picture) -> Iterator[Remark]:
    """What the name says of the format, where the content says something else."""
    promised = promised_by(picture.source)
    if promised and promised != picture.format:
        text = f"the name says {promised}, the content is {picture.format}"
        yield Remark(Level.NOTICE, text, f"the name ends with {suffix_of(picture.source)}")


def _raster_facts(picture: Picture, params: Params, values: dict[str, Json], named: Sequence[Remark]) -> Outcome:
    summary = f"{picture.format}, {picture.width} x {picture.height} pixels"
    texts = read_png_texts(picture.data, picture.limits) if picture.format is Format.PNG else ()
    values["texts"] = [{"keyword": text.keyword, "text": text.text, "offset": text.offset} for text in texts]
    remarks = [*named, *_label_remarks(texts)]
    claims = _label_claims(texts) if any(text.keyword == LABEL for text in texts) else ()
    if picture.format is Format.WEBP:
        lossy = is_lossy_webp(picture.data, picture.limits)
        if lossy is not None:
            values["lossy"] = lossy
        if lossy:
            claims = (*claims, LAST_WEBP)
    if params.decode:
        try:
            raster = picture.raster
        except CorruptInput as error:
            values["whole_share"] = 0.0
            place = "" if error.offset is None else f"at byte {error.offset:,}"
            remarks.append(Remark(Level.ALARM, error.what, place))
            unread = Claim(Topic.DAMAGE, "The pixels of the file cannot be read.", grounds=READ_IN_FILE, not_mean=WORN)
            told = f"{summary}; the pixels cannot be read"
            return Outcome(Status.OK, told, values, remarks=tuple(remarks), claims=(unread, *claims))
        values |= {
            "bits": raster.bits,
            "colour": raster.mode,
            "alpha": raster.alpha is not None,
            "frames": raster.frames,
            "decoder": raster.decoder,
            "whole_share": 1.0,
        }
        summary += f", {raster.bits} bits, {raster.mode}{' with alpha' if raster.alpha is not None else ''}"
        if raster.note:
            remarks.append(Remark(Level.INFO, raster.note))
        if raster.frames > 1:
            remarks.append(Remark(Level.NOTICE, f"{raster.frames} pictures in the file; the first is read"))
    return Outcome(Status.OK, f"{summary}.", values, remarks=tuple(remarks), claims=claims)


def _label_remarks(texts: tuple[PngText, ...]) -> Iterator[Remark]:
    """What jpegtrace itself wrote into a picture that it made to test verdicts."""
    for text in texts:
        if text.keyword == LABEL:
            done = _done_by_label(text.text)
            yield Remark(Level.NOTICE, f"its own label says: {done}", f"PNG text {LABEL!r} at byte {text.offset:,}")


def _label_claims(texts: tuple[PngText, ...]) -> tuple[Claim, ...]:
    done = "; ".join(_done_by_label(text.text) for text in texts if text.keyword == LABEL)
    return (
        Claim(
            Topic.EDIT,
            f"Its own label says: {done}.",
            grounds=READ_IN_FILE,
            not_mean="That the label is true: anyone can write or remove it.",
        ),
    )


def _done_by_label(text: str) -> str:
    try:
        label = json.loads(text)
        names = [str(operation["name"]) for operation in label["operations"]]
        return f"{label['purpose']}; attack {label['attack']} ({', '.join(names)})"
    except (ValueError, TypeError, KeyError, RecursionError):
        return "a label of jpegtrace that cannot be read"


def _frame_facts(jpeg: JpegStructure, metadata: JpegMetadata) -> dict[str, Json]:
    frame = jpeg.frame
    return {
        "frame": frame.kind,
        "bits": frame.precision,
        "colour": colour_space(frame, metadata),
        "sampling": frame.sampling,
        "subsampling": _SUBSAMPLING.get(frame.sampling, frame.sampling) if len(frame.components) > 1 else None,
        "scans": len(jpeg.scans),
        "interleaved": jpeg.interleaved,
        "restart_interval": jpeg.restart_interval,
        "optimised_huffman": jpeg.optimised_huffman,
        "quantization_tables": [table_values(t.table) for t in jpeg.quantization_tables],
        "component_tables": [None if t is None else t.slot for t in map(jpeg.table_of, range(len(frame.components)))],
        "table_bits": max((t.bits for t in jpeg.quantization_tables), default=None),
        "markers": [{"name": m.name, "offset": m.offset, "length": m.length} for m in jpeg.markers],
    }


def _metadata_facts(metadata: JpegMetadata) -> dict[str, Json]:
    def fields(item: object) -> Json:
        return None if item is None else _json(asdict(item))  # type: ignore[call-overload]

    return {
        "jfif": fields(metadata.jfif),
        "adobe": fields(metadata.adobe),
        "icc": fields(metadata.icc),
        "xmp": fields(metadata.xmp),
        "mpo": fields(metadata.mpo),
        "trailing": fields(metadata.trailing),
        "comments": list(metadata.comments),
        "exif": _exif_facts(metadata.exif),
    }


def _exif_facts(exif: Exif | None) -> Json:
    if exif is None:
        return None
    return {
        **{name: _json(value) for name, value in exif.tags.items()},
        "has_gps": exif.has_gps,
        "thumbnail_bytes": None if exif.thumbnail is None else len(exif.thumbnail),
        "problems": list(exif.problems),
    }


def _json(value: object) -> Json:
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_json(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _metadata_remarks(metadata: JpegMetadata) -> list[Remark]:
    remarks: list[Remark] = []
    if metadata.exif is not None:
        remarks += [Remark(Level.NOTICE, f"EXIF: {problem}") for problem in metadata.exif.problems]
    if metadata.icc is not None and not metadata.icc.whole:
        remarks.append(Remark(Level.NOTICE, "the ICC profile is not whole", f"{metadata.icc.size:,} bytes"))
    if metadata.mpo is not None:
        found = metadata.mpo.problem or f"{len(metadata.mpo.pictures)} pictures in the file; the first is read"
        remarks.append(Remark(Level.NOTICE if metadata.mpo.problem else Level.INFO, f"multi-picture index: {found}"))
    if (rest := metadata.trailing) is not None:
        level = Level.INFO if rest.kind in _USUAL_TRAILERS or metadata.mpo is not None else Level.NOTICE
        remarks.append(Remark(level, f"{rest.size:,} bytes behind the end: {rest.kind}", f"at byte {rest.offset:,}"))
    return remarks


def table_values(table: NDArray[np.uint16]) -> list[Json]:
    """The 64 entries of a quantization table, row-major, as JSON numbers."""
    return [int(value) for value in table.ravel()]


def _sentence(frame: Frame, values: dict[str, Json], share: float | None, damage: int) -> str:
    chroma = f" {values['subsampling']}" if values["subsampling"] else ""
    text = f"{frame.kind.capitalize()} JPEG, {frame.width} x {frame.height} pixels, {values['colour']}{chroma}"
    if share is not None and share < 1:
        return f"{text}; damaged: {share:.1%} of the blocks can be trusted."
    if share is None:
        return f"{text}; not decoded."
    if damage:
        return f"{text}; all blocks can be read, but the file breaks rules of its format."
    return f"{text}; no damage found."
