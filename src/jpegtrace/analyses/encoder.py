"""Who wrote the file, by its tables; and what else in it disagrees.

Quantization tables are an encoder's handwriting: H. Farid, "Digital image ballistics from JPEG quantization",
TR2006-583, Dartmouth; E. Kee, M. K. Johnson, H. Farid, "Digital image authentication from JPEG headers", IEEE TIFS
6(3), 2011 (thumbnails and EXIF beside the tables). The survey behind the names is described in `jpegtrace.tables`.

The encoders of the IJG scale two standard tables B by a quality Q from 1 to 100,

    q_f = min(255, max(1, floor((S B_f + 50) / 100))),    S = floor(5000 / Q) below 50, else 200 - 2 Q

so that a table tells its quality, and whether it is one of theirs at all. Cameras and some programs have tables of
their own; these are looked up among those of the survey, which says how many files had them and what these files named.
What EXIF, thumbnail and frame say is then held against that and against each other.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from jpegtrace.analyses._registry import analysis
from jpegtrace.errors import InputError
from jpegtrace.findings import READ_IN_FILE, Claim, Json, Level, Outcome, Remark, Status, Topic
from jpegtrace.jpeg import JpegStructure
from jpegtrace.limits import Limits
from jpegtrace.metadata import Exif, JpegMetadata
from jpegtrace.picture import Picture
from jpegtrace.tables import Identification, TableMatch, brand_of, identify, known_tables, nearest_quality, program_of

# Tags of EXIF that say where a picture comes from.
ACCOUNT = ("make", "model", "lens_make", "lens_model", "software", "modified", "taken", "digitised")
ACCOUNT_SIZES = ("pixel_width", "pixel_height")
MINUTE = 60  # cameras stamp a picture when it was taken and when it was written


@dataclass(frozen=True, slots=True)
class Params:
    """Settings of `encoder`.

    Attributes:
        brand_files: files of a camera brand that the survey must hold before a table it never wrote means anything.
    """

    brand_files: int = 10


@analysis(
    "encoder",
    version=3,
    place=110,
    title="Who wrote it",
    question="Which encoder and quality do the tables belong to, and what in the file contradicts what?",
    parameters=Params,
    cannot_show=(
        "that a picture is authentic: tables and metadata can be copied",
        "the encoder, where many share a table, as all that scale the standard tables do",
        "an earlier compression",
    ),
    reference="Farid 2006 (TR2006-583); Kee, Johnson, Farid, IEEE TIFS 2011",
    false_alarm_rate=0.02,
    needs_jpeg=True,
)
def encoder(picture: Picture, params: Params) -> Outcome:
    """Identify the tables and compare every account that the file gives of itself."""
    jpeg, metadata = picture.jpeg, picture.metadata
    tables = [] if jpeg is None else list(jpeg.component_tables)
    if jpeg is None or metadata is None or not tables:
        return Outcome(Status.INCONCLUSIVE, "The file holds no quantization table that its picture uses.")
    found = identify(tables)
    values: dict[str, Json] = _table_values(found) | _program_values(metadata)
    thumbnail = _thumbnail(metadata.exif, picture.limits)
    values["thumbnail"] = thumbnail.values if thumbnail else None
    remarks = [
        *_claims_against_tables(found, metadata, params),
        *_handling(jpeg, metadata),
        *_dimensions(picture, metadata.exif),
        *_thumbnail_remarks(picture, thumbnail, found, metadata),
    ]
    claims = (*_contradictions(remarks, jpeg, metadata), _writer(found))
    return Outcome(Status.OK, found.sentence(), values, remarks=tuple(remarks), claims=claims)


def _contradictions(remarks: Sequence[Remark], jpeg: JpegStructure, metadata: JpegMetadata) -> Iterator[Claim]:
    """What contradicts the file's own account, that nothing does, or that it gives none."""
    alarms = [remark for remark in remarks if remark.level is Level.ALARM]
    for remark in alarms:
        yield Claim(
            Topic.CONTRADICTION,
            f"Its own account (EXIF) does not hold: {remark.text.replace('EXIF says', 'it says', 1)}.",
            grounds=READ_IN_FILE,
            not_mean="That the picture itself was altered: a program that only crops or saves again may keep the "
            "camera's EXIF, too.",
        )
    if not alarms and not _gives_account(jpeg, metadata):
        yield Claim(
            Topic.NOTHING,
            "No account of itself was found in the file, which names no camera, program or date: there is nothing to "
            "contradict.",
            grounds=READ_IN_FILE,
            not_mean="That something was removed: many programs write no such account, and many sites drop it.",
        )
    elif not alarms:
        yield Claim(
            Topic.NOTHING,
            "Nothing in the file contradicts its own account.",
            grounds=READ_IN_FILE,
            not_mean="That the account is true: tables and metadata can be copied.",
        )


def _gives_account(jpeg: JpegStructure, metadata: JpegMetadata) -> bool:
    """Whether the file says anything that could be contradicted: by what, when or how large it was made."""
    exif, xmp = metadata.exif, metadata.xmp
    by_exif = exif is not None and (
        exif.thumbnail is not None
        or any(exif.text(name) for name in ACCOUNT)
        or any(exif.number(name) for name in ACCOUNT_SIZES)
    )
    by_xmp = xmp is not None and (any(xmp.tools) or xmp.dated)
    photoshop = next(jpeg.application(13, b"Photoshop 3.0"), None) is not None
    return by_exif or by_xmp or photoshop or any(metadata.comments)


def _writer(found: Identification) -> Claim:
    if found.quality is not None:
        told = f"It was last saved with the standard tables of quality {found.quality}, as many programs write them."
    elif found.kind == "exact" and found.family != "unattributed":
        told = f"It was last saved with tables that {found.family} is known to write."
    elif found.kind == "exact":
        told = "It was last saved with tables that were seen in other files, by no single program or camera."
    else:
        told = "It was last saved with tables that were not seen before."
    return Claim(
        Topic.HISTORY,
        told,
        grounds=READ_IN_FILE,
        not_mean="Who saved it: any program can write any table, and many share one.",
    )


def _table_values(found: Identification) -> dict[str, Json]:
    chroma = nearest_quality(found.tables[1], "chroma") if len(found.tables) > 1 else None
    return {
        "quality": found.quality,
        "nearest_quality": found.nearest_quality.quality,
        "nearest_quality_distance": round(found.nearest_quality.distance, 4),
        "nearest_chroma_quality": None if chroma is None else chroma.quality,
        "nearest_chroma_quality_distance": None if chroma is None else round(chroma.distance, 4),
        "family": found.family,
        "match": found.kind,
        "files": found.files,
        "survey_files": found.total,
        "makers": dict(found.makers),
        "software": dict(found.software),
        "candidates": [_candidate(match) for match in (found.exact or found.luma_only or found.nearest)[:5]],
    }


def _candidate(match: TableMatch) -> dict[str, Json]:
    """A known set of tables: who is seen to write it, down to models and versions as the files spell them."""
    known = match.known
    return {
        "family": known.family,
        "setting": known.setting,
        "quality": known.quality,
        "exact": match.exact,
        "distance": round(match.distance, 4),
        "files": known.files,
        "models": dict(known.raw_makers),
        "software": dict(known.raw_software),
    }


def _program_values(metadata: JpegMetadata) -> dict[str, Json]:
    return {"claimed_brand": _claimed_brand(metadata.exif), "claimed_programs": list(_claimed_programs(metadata))}


def _claimed_brand(exif: Exif | None) -> str | None:
    if exif is None:
        return None
    return brand_of(exif.text("make") or "", exif.text("model") or "") or None


def _claimed_programs(metadata: JpegMetadata) -> Iterator[str]:
    """Programs that the file names, once each."""
    texts = [metadata.exif.text("software") or ""] if metadata.exif else []
    # The XMP toolkit is part of every file that an Adobe program has touched, so it is left to `_handling`.
    texts += [tool for tool in metadata.xmp.tools if not tool.startswith("Adobe XMP Core")] if metadata.xmp else []
    seen: set[str] = set()
    for text in texts:
        program = program_of(text) if text else None
        if program is not None and program.name not in seen:
            seen.add(program.name)
            yield program.name


@cache
def _survey_files(name: str) -> int:
    """Files of the survey that name this brand or program."""
    return sum(count for known in known_tables() for source, count in known.makers + known.software if source == name)


def _claims_against_tables(found: Identification, metadata: JpegMetadata, params: Params) -> Iterator[Remark]:
    brand, programs = _claimed_brand(metadata.exif), list(_claimed_programs(metadata))
    if found.quality is not None and brand and not programs and brand not in dict(found.makers):
        if _survey_files(brand) >= params.brand_files:
            yield Remark(
                Level.NOTICE,
                f"EXIF names {brand} and no program, the tables are the standard ones that programs scale",
                f"none of {_survey_files(brand)} {brand} files of the survey has quality {found.quality}",
            )
        return
    if found.kind != "exact" or found.quality is not None:
        unseen = found.kind == "nearest" and found.quality is None
        if unseen and brand and not programs and _survey_files(brand) >= params.brand_files:
            yield Remark(
                Level.INFO,
                f"EXIF names {brand}; these tables are not among the {_survey_files(brand)} files of it in the survey",
                "cameras have more tables than any survey",
            )
        return
    makers, software = dict(found.makers), dict(found.software)
    if programs:
        for program in programs:
            if program not in software and found.family != program and _survey_files(program) >= params.brand_files:
                yield Remark(
                    Level.NOTICE,
                    f"the file names {program}, the tables are those of {found.family}",
                    f"{program} is named in {_survey_files(program)} files of the survey, none with these tables",
                )
        return
    if brand is None:
        return
    seen = f"{found.files} files of the survey have these tables"
    if found.family in software or found.exact[0].known.setting:
        yield Remark(
            Level.ALARM if found.family in software else Level.NOTICE,
            f"EXIF says {brand} and names no program, the tables are those that {found.family} writes",
            f"{seen}; programs named: {', '.join(software) or 'none'}",
        )
    elif found.family in makers and brand not in makers and _survey_files(brand) >= params.brand_files:
        yield Remark(
            Level.ALARM,
            f"EXIF says {brand}, the tables are those of {found.family} cameras",
            f"{seen}, {makers[found.family]} of which name {found.family}; none of {_survey_files(brand)} "
            f"{brand} files has them",
        )


def _handling(jpeg: JpegStructure, metadata: JpegMetadata) -> Iterator[Remark]:
    """Traces of programs that a camera's original does not have."""
    programs = list(_claimed_programs(metadata))
    if programs:
        yield Remark(Level.NOTICE, f"saved or edited by {', '.join(programs)}", "EXIF Software or XMP")
    exif = metadata.exif
    taken, modified = (exif.text("taken"), exif.text("modified")) if exif else (None, None)
    if taken and modified and (_seconds(modified) or 0) > (_seconds(taken) or 0) + MINUTE:
        yield Remark(Level.NOTICE, f"modified after it was taken: {modified} against {taken}", "EXIF dates")
    brand = _claimed_brand(exif)
    if brand is None or programs:
        return
    if next(jpeg.application(13, b"Photoshop 3.0"), None) is not None:
        yield Remark(Level.NOTICE, f"EXIF says {brand}, but there is a Photoshop resource block", "APP13")
    if metadata.jfif is not None and jpeg.markers[1].name == "APP0":
        yield Remark(Level.INFO, f"EXIF says {brand}, but the file begins with JFIF as programs write it", "APP0")
    if jpeg.frame.kind == "progressive":
        yield Remark(Level.NOTICE, f"EXIF says {brand}, but the file is progressive; cameras write baseline", "SOF2")


def _seconds(stamp: str) -> float | None:
    """EXIF's ``YYYY:MM:DD HH:MM:SS`` as seconds; None for anything else."""
    try:
        return datetime.datetime.strptime(stamp, "%Y:%m:%d %H:%M:%S").replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        return None


def _dimensions(picture: Picture, exif: Exif | None) -> Iterator[Remark]:
    if exif is None:
        return
    width, height = exif.number("pixel_width"), exif.number("pixel_height")
    if not width or not height or (width, height) == (picture.width, picture.height):
        return
    size = f"EXIF says {width} x {height}, the picture has {picture.width} x {picture.height}"
    orientation = exif.number("orientation") or 1
    if (height, width) == (picture.width, picture.height):
        if orientation >= 5:
            turned = "the picture may have been turned while its orientation tag still asks for it"
            yield Remark(Level.NOTICE, turned, f"orientation {orientation}; {size}")
        else:
            yield Remark(Level.NOTICE, "the picture was turned after it was taken", size)
    else:
        yield Remark(Level.NOTICE, "the picture was cropped or resized after EXIF was written", size)


@dataclass(frozen=True, slots=True)
class _Thumbnail:
    picture: Picture | None
    tables: Identification | None
    values: dict[str, Json]


def _thumbnail(exif: Exif | None, limits: Limits) -> _Thumbnail | None:
    if exif is None or exif.thumbnail is None:
        return None
    try:
        picture = Picture.open(exif.thumbnail, limits=limits, name="thumbnail")
    except InputError as error:
        return _Thumbnail(None, None, {"error": error.what})
    tables = list(picture.jpeg.component_tables) if picture.jpeg else []
    found = identify(tables) if tables else None
    return _Thumbnail(
        picture,
        found,
        {
            "width": picture.width,
            "height": picture.height,
            "quality": found.quality if found else None,
            "family": found.family if found else None,
            "sentence": found.sentence() if found else None,
        },
    )


def _thumbnail_remarks(
    picture: Picture, thumbnail: _Thumbnail | None, found: Identification, metadata: JpegMetadata
) -> Iterator[Remark]:
    if thumbnail is None:
        return
    if thumbnail.picture is None:
        yield Remark(Level.NOTICE, "the thumbnail cannot be read", str(thumbnail.values["error"]))
        return
    small = thumbnail.picture
    tables = thumbnail.tables
    if tables is not None and tables.kind == "exact" and tables.family not in ("IJG", "unattributed"):
        known = {found.family, _claimed_brand(metadata.exif), *_claimed_programs(metadata)}
        if tables.family not in known:
            other = (
                f"the thumbnail has the tables that {tables.family} writes, the picture was written by another encoder"
            )
            yield Remark(Level.NOTICE, other, tables.sentence())
    # Cameras letterbox thumbnails to 4:3, so only a picture whose thumbnail lies the other way contradicts it.
    if (small.width - small.height) * (picture.width - picture.height) < 0:
        yield Remark(
            Level.NOTICE,
            "the thumbnail lies across the picture: one of them was turned or cropped without the other",
            f"thumbnail {small.width} x {small.height}, picture {picture.width} x {picture.height}",
        )
