"""Ask every question of a picture: `inspect` for one input, `inspect_many` for files, folders and globs."""

from __future__ import annotations

import glob
import io
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jpegtrace import __version__
from jpegtrace.analyses import Analysis, all_analyses, find_analysis
from jpegtrace.errors import InputError, UnknownFormat, UnsupportedFormat, UsageError
from jpegtrace.limits import DEFAULT_LIMITS, Limits
from jpegtrace.picture import Picture, Source
from jpegtrace.raster import SUFFIXES, Format, sniff, suffix_of
from jpegtrace.report import Failure, InputFacts, Report

PREVIEW_SIZE = (640, 480)
SNIFFED = 4096  # bytes that tell what a file is
LIBRARIES = ("numpy", "scipy", "numba", "onnxruntime", "pillow")  # that compute or decode


def inspect(
    source: Source | Picture,
    *,
    only: str | Sequence[str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    preview: bool = False,
    name: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> Report:
    """Ask every analysis about one picture.

    Args:
        source: a path, bytes, a binary file object, or an open `Picture`.
        only: id or ids of the analyses to ask; by default all.
        limits: bounds on size and pixels.
        preview: add a small picture for the HTML report.
        name: what to call the input; by default its path.
        settings: parameters of analyses by their id; others have their own.

    Raises:
        InputError: the input cannot be read as a picture.
        UsageError: an analysis that does not exist, or settings of another one.
    """
    chosen = choose_analyses(only)
    settings = settings or {}
    picture = source if isinstance(source, Picture) else Picture.open(source, limits=limits, name=name)
    findings = tuple(analysis(picture, settings.get(analysis.id)) for analysis in chosen)
    made_with = _made_with(picture)
    return Report(
        input=InputFacts(
            source=picture.source,
            sha256=picture.sha256,
            bytes=len(picture.data),
            format=picture.format.value,
            width=picture.width,
            height=picture.height,
        ),
        findings=findings,
        preview=_preview(picture) if preview else None,
        made_with=made_with,
    )


def _made_with(picture: Picture) -> dict[str, str]:
    """What read the picture, and the libraries that the answers rest on."""
    readers = {} if picture.jpeg is None else {"coefficients read by": f"jpegtrace {__version__}"}
    raster = picture.__dict__.get("raster")  # only where an analysis has decoded it
    if raster is not None:
        readers["pixels decoded by"] = raster.decoder
    return readers | {"Python": platform.python_version()} | {name: _version_of(name) for name in LIBRARIES}


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # as in programs that carry their libraries without metadata
        return "unknown"


def choose_analyses(only: str | Sequence[str] | None) -> tuple[Analysis, ...]:
    """The analyses with these ids in the order given; all of them for None.

    Raises:
        UsageError: an analysis that does not exist.
    """
    if only is None:
        return all_analyses()
    return tuple(find_analysis(name) for name in ([only] if isinstance(only, str) else only))


def inspect_or_explain(
    source: Source, *, only: Sequence[str] | None = None, limits: Limits = DEFAULT_LIMITS,
    preview: bool = False, name: str | None = None, settings: Mapping[str, object] | None = None,
) -> Report:  # fmt: skip
    """As `inspect`, but an input that cannot be read becomes a report that says why."""
    try:
        return inspect(source, only=only, limits=limits, preview=preview, name=name, settings=settings)
    except InputError as error:
        return Report(InputFacts(error.source or name or "<input>"), error=Failure.of(error))


@dataclass(frozen=True, slots=True)
class Listing:
    """Files found for a list of arguments.

    Attributes:
        files: pictures of folders, what is only called one, and everything that was named itself; in a stable order.
        skipped: files in folders that neither are pictures nor are called so.
    """

    files: tuple[Path, ...]
    skipped: tuple[Path, ...]


def list_pictures(arguments: Iterable[str | os.PathLike[str]]) -> Listing:
    """Turn files, folders and globs into a list of files; what is in a folder counts by its content.

    A file that is named itself is kept whatever it is, so that it can be reported.

    Raises:
        UsageError: a glob that matches nothing.
    """
    files: dict[Path, None] = {}
    skipped: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            for found in walk(path):
                if is_picture(found) or is_called_picture(found.name):
                    files[found] = None
                else:
                    skipped.append(found)
        elif not path.exists() and any(sign in str(argument) for sign in "*?["):
            matches = sorted(glob.glob(str(argument), recursive=True))  # noqa: PTH207 - patterns may be absolute
            if not matches:
                raise UsageError(f"nothing matches {str(argument)!r}")
            files.update(dict.fromkeys(Path(match) for match in matches if not Path(match).is_dir()))
        else:
            files[path] = None
    return Listing(tuple(files), tuple(skipped))


def is_picture(path: Path) -> bool:
    """Whether the content begins like a picture; a file that cannot be opened counts, so that it is reported."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return False  # opening a pipe would wait for ever
    try:
        with path.open("rb") as file:
            return begins_like_picture(file.read(SNIFFED))
    except OSError:
        return True


def begins_like_picture(head: bytes) -> bool:
    """Whether the first `SNIFFED` bytes of a file are those of a picture, be it one that cannot be decoded."""
    try:
        return bool(sniff(head))
    except UnsupportedFormat:
        return True
    except UnknownFormat:
        return False


def is_called_picture(name: str) -> bool:
    """Whether a file has a name that promises a picture."""
    return suffix_of(name) in SUFFIXES


def walk(folder: Path) -> Iterator[Path]:
    """Files below a folder in a stable order, but for hidden ones; a folder that cannot be read stands for itself."""
    unreadable: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root) / name for name in sorted(names) if not name.startswith("."))
    yield from unreadable


def _preview(picture: Picture) -> bytes | None:
    """A small JPEG of the picture; None where the pixels cannot be had."""
    from PIL import Image

    from jpegtrace.raster.pillow import open_image

    try:
        if picture.format is Format.JPEG:
            image: Image.Image = open_image(picture.data, picture.format, picture.limits)
            # A JPEG is decoded at an eighth of its size where that is enough.
            image.draft("RGB", PREVIEW_SIZE)
            image = image.convert("RGB")
        else:
            raster = picture.raster
            pixels = raster.pixels if raster.bits == 8 else (raster.pixels >> 8).astype("uint8")
            image = Image.fromarray(pixels, "CMYK" if raster.mode == "cmyk" else None).convert("RGB")
        image.thumbnail(PREVIEW_SIZE)
    except MemoryError:
        raise
    except Exception:  # a picture to look at is not worth a failure, whatever Pillow raises
        return None
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
