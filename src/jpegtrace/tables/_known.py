"""The tables of the world: 462 distinct sets in 7,215 real files, and who is seen to write each.

How a set gets its family, from the counts alone:

1. All its tables are the standard ones of one quality: "IJG".
2. It is one of the tables published for Photoshop: "Adobe Photoshop" (see `_PHOTOSHOP`).
3. More than half of the files that say something name one program: that program. The files that say something are
   those with a program in the Software tag (one that only copies files does not count), and those that look like a
   camera's original. A camera's original cannot be told apart from a re-saved one that kept the Make tag, so their
   number is taken as the larger of: files with a firmware version as Software, and files with a maker beyond those
   that a program explains. Adobe's programs count as one, for they write the same tables. Each published table of
   theirs is symmetric, so a set that is not was re-saved by somebody else after them: it gets no family from them.
4. Otherwise, if camera originals are at least as many as files with a program, and more than half of the files with a
   maker name one brand: that brand.
5. Otherwise "unattributed".

The survey lists at most the eight commonest makers and software strings of a set: their counts are lower bounds.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from jpegtrace.errors import ResourceError
from jpegtrace.tables._names import brand_of, program_of
from jpegtrace.tables._order import Table, as_table
from jpegtrace.tables._standard import set_quality

IJG = "IJG"
PHOTOSHOP = "Adobe Photoshop"
UNATTRIBUTED = "unattributed"

Counts = tuple[tuple[str, int], ...]
"""Names with counts, the largest count first."""

_COPIERS = frozenset({"Nikon Transfer"})  # programs that pass a file on without re-encoding it

_RESOURCE = "known_tables.json.gz"
_FORMAT = 1

# Sum of the luminance and of the chrominance table -> Adobe's name of the setting. The numbers are Adobe's own, as
# published with checksums of the tables; each set of the survey with these sums has the published checksum: MD5 in
# JPEGsnoop (C. Hass, Signatures.inl, "Adobe Photoshop"), or for 406/722, 962/892 and 1068/941 the 32-bit hash in GIMP
# (R. Quinet, plug-ins/file-jpeg/jpegqual.c, "Adobe Photoshop CS2"). Pillow's JpegPresets agree where they overlap.
# Photoshop has had more than one series of tables, which is why some settings occur twice.
_PHOTOSHOP = {
    (1582, 1108): "Save As 0",
    (1281, 998): "Save As 2",
    (1216, 977): "Save As 3",
    (1068, 941): "Save As 3",
    (962, 892): "Save As 4",
    (1032, 889): "Save As 5",
    (844, 849): "Save As 5",
    (971, 950): "Save As 7",
    (794, 895): "Save As 8",
    (649, 853): "Save As 8",
    (668, 830): "Save As 9",
    (535, 750): "Save As 10",
    (406, 722): "Save As 10",
    (303, 466): "Save As 11",
    (109, 171): "Save As 12",
    (95, 166): "Save As 12",
    (1221, 1348): "Save for Web 50",
    (974, 1769): "Save for Web 60",
    (646, 1149): "Save for Web 70",
    (406, 724): "Save for Web 80",
    (293, 563): "Save for Web 87",
    (234, 445): "Save for Web 90",
    (95, 168): "Save for Web 100",
}


@dataclass(frozen=True, slots=True, eq=False)
class KnownTables:
    """One distinct set of quantization tables, and the files in which it was seen.

    Attributes:
        tables: the set in order of the file's table slots: luminance, chrominance (some cameras store that one twice).
            Read-only arrays. A set of one table is that of a grey picture.
        files: in how many files of the survey.
        sampling: sampling factors of the components ("2x2-1x1-1x1") with counts.
        makers: camera brands named in the files, with counts.
        software: programs named in the files, with counts; firmware versions are left out.
        raw_makers: "Make | Model" as the files spell them, with counts; the eight commonest.
        raw_software: the Software tag as the files spell it, with counts; the eight commonest.
        quality: the IJG quality of which these are the standard tables, if they are.
        setting: the program's own name of the setting that gives these tables, if it was published ("Save As 10").
        family: who writes them: "IJG", a program, a camera brand, or "unattributed"; see the module's rules.
        support: how many files speak for the family; 0 if only a publication does.
    """

    tables: tuple[Table, ...]
    files: int
    sampling: Counts
    makers: Counts
    software: Counts
    raw_makers: Counts
    raw_software: Counts
    quality: int | None
    setting: str
    family: str
    support: int

    @property
    def luma(self) -> Table:
        """The luminance table."""
        return self.tables[0]

    @property
    def chroma(self) -> Table | None:
        """The chrominance table; None for a grey picture."""
        return self.tables[1] if len(self.tables) > 1 else None

    def versions(self, program: str) -> Counts:
        """List the versions of a program named in the files, with counts; a file may name it without a version."""
        found = ((program_of(text), n) for text, n in self.raw_software)
        return ranked((entry.version, n) for entry, n in found if entry is not None and entry.name == program)

    @property
    def mean(self) -> float:
        """Mean entry of the luminance table: the larger, the coarser."""
        return float(self.luma.mean())


@cache
def known_tables() -> tuple[KnownTables, ...]:
    """Read all known sets, the commonest first.

    Raises:
        ResourceError: the installed data file is missing or damaged.
    """
    return parse(_resource_bytes())


@cache
def families() -> Mapping[str, tuple[KnownTables, ...]]:
    """Group the known sets by family, the family with most sets first and "unattributed" last.

    Within a family the sets go from fine to coarse by mean entry of the luminance table. This order is ours: a place in
    it is not the number that a program or a camera shows its user (that, where published, is `KnownTables.setting`).
    """
    groups: dict[str, list[KnownTables]] = {}
    for known in known_tables():
        groups.setdefault(known.family, []).append(known)
    names = sorted(groups, key=lambda name: (name == UNATTRIBUTED, -len(groups[name]), name))
    return MappingProxyType({name: tuple(sorted(groups[name], key=lambda known: known.mean)) for name in names})


def ranked(pairs: Iterable[tuple[str, int]]) -> Counts:
    """Add up counts by name; drop empty names; the largest count first, then by name."""
    total: Counter[str] = Counter()
    for name, n in pairs:
        if name:
            total[name] += n
    return tuple(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))


def parse(data: bytes) -> tuple[KnownTables, ...]:
    """Decode and check the packed resource.

    Raises:
        ResourceError: it is damaged, or of another format.
    """
    try:
        content = json.loads(gzip.decompress(data))
        if content["format"] != _FORMAT:
            raise ResourceError(f"{_RESOURCE} has format {content['format']}, not {_FORMAT}: reinstall jpegtrace")
        pool = [_frozen(values) for values in content["tables"]]
        known = tuple(_known(pool, *entry) for entry in content["sets"])
        if sum(entry.files for entry in known) != content["files"]:
            raise ValueError("its counts do not add up")
    except (OSError, EOFError, zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ResourceError(f"{_RESOURCE} of this installation is damaged ({error}): reinstall jpegtrace") from error
    return known


def _resource_bytes() -> bytes:
    try:
        return resources.files("jpegtrace.data").joinpath(_RESOURCE).read_bytes()
    except (OSError, ModuleNotFoundError) as error:
        raise ResourceError(f"{_RESOURCE} of this installation cannot be read: reinstall jpegtrace") from error


def _frozen(values: list[int]) -> Table:
    table = as_table(values)
    if not table.all():
        raise ValueError("a table has an entry of 0")
    table.flags.writeable = False
    return table


def _known(pool: list[Table], slots: list[int], files: int, sampling: Any, makers: Any, software: Any) -> KnownTables:
    tables = tuple(pool[k] for k in slots)
    brands = ranked((brand_of(*_maker_and_model(text)), n) for text, n in makers.items())
    programs: list[tuple[str, int]] = []
    firmware = 0
    for text, n in software.items():
        program = program_of(text)
        if program is not None:
            programs.append((program.name, n))
        if program is None or program.name in _COPIERS:
            firmware += n
    quality = set_quality(tables)
    setting = _PHOTOSHOP.get((int(tables[0].sum()), int(tables[1].sum())), "") if len(tables) == 2 else ""
    if quality is not None:
        family, support = IJG, files
    else:
        family, support = _family(tables, setting, brands, programs, firmware)
    return KnownTables(
        tables=tables,
        files=files,
        sampling=ranked(sampling.items()),
        makers=brands,
        software=ranked(programs),
        raw_makers=ranked(makers.items()),
        raw_software=ranked(software.items()),
        quality=quality,
        setting=setting,
        family=family,
        support=support,
    )


def _maker_and_model(text: str) -> tuple[str, str]:
    maker, _, model = text.partition(" | ")
    return maker, model


def _family(
    tables: tuple[Table, ...], setting: str, brands: Counts, programs: list[tuple[str, int]], firmware: int
) -> tuple[str, int]:
    """Apply rules 2 to 5 of the module; return the family and the number of files that speak for it."""
    writers = ranked(
        (PHOTOSHOP if name.startswith("Adobe ") else name, n) for name, n in programs if name not in _COPIERS
    )
    if setting:
        return PHOTOSHOP, dict(writers).get(PHOTOSHOP, 0)
    by_program = sum(n for _, n in writers)
    by_maker = sum(n for _, n in brands)
    originals = max(firmware, by_maker - by_program, 0)
    if writers:
        name, n = writers[0]
        resaved = name == PHOTOSHOP and not all(np.array_equal(table, table.T) for table in tables)
        if 2 * n > by_program + originals and not resaved:
            return name, n
    if brands and originals >= max(by_program, 1):
        name, n = brands[0]
        if 2 * n > by_maker:
            return name, n
    return UNATTRIBUTED, 0
