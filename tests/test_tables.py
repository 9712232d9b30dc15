import gzip
import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from jpegtrace.errors import ResourceError, UsageError
from jpegtrace.tables import (
    STANDARD_CHROMA,
    STANDARD_LUMA,
    ZIGZAG,
    Program,
    QualityMatch,
    _known,
    _random,
    as_table,
    brand_of,
    exact_quality,
    families,
    from_zigzag,
    identify,
    ijg_table,
    known_tables,
    named_table,
    nearest_quality,
    program_of,
    random_smooth_table,
    to_zigzag,
)

SCRIPT = Path(__file__).parent.parent / "scripts" / "build_known_tables.py"
TABLES = hnp.arrays(np.uint16, (8, 8), elements=st.integers(1, 255))
ODD = np.arange(1, 65).reshape(8, 8)  # a table that nobody writes


def known(**wanted):
    """The one known set with these attributes."""
    (found,) = [entry for entry in known_tables() if all(getattr(entry, k) == v for k, v in wanted.items())]
    return found


def known_sums(*sums):
    (found,) = [entry for entry in known_tables() if tuple(int(t.sum()) for t in entry.tables) == sums]
    return found


# --- order -----------------------------------------------------------------------------------------------------------


def test_zigzag_is_the_sequence_of_the_standard():
    # ITU-T T.81, figure A.6: the number of each cell.
    figure = """
         0  1  5  6 14 15 27 28
         2  4  7 13 16 26 29 42
         3  8 12 17 25 30 41 43
         9 11 18 24 31 40 44 53
        10 19 23 32 39 45 52 54
        20 22 33 38 46 51 55 60
        21 34 37 47 50 56 59 61
        35 36 48 49 57 58 62 63
    """
    assert np.array(figure.split(), int)[ZIGZAG].tolist() == list(range(64))
    assert not ZIGZAG.flags.writeable


def test_to_zigzag_by_hand():
    assert to_zigzag(np.arange(64).reshape(8, 8)).tolist()[:10] == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert to_zigzag(list(range(64))).tolist()[-3:] == [55, 62, 63]


@settings(deadline=None)
@given(TABLES)
def test_zigzag_round_trip(table):
    there = to_zigzag(table)
    assert there.shape == (64,)
    assert there.dtype == np.uint16
    back = from_zigzag(there)
    assert back.shape == (8, 8)
    assert back.dtype == np.uint16
    assert np.array_equal(back, table)
    assert np.array_equal(to_zigzag(from_zigzag(table)), table.ravel())


@pytest.mark.parametrize("function", [as_table, to_zigzag, from_zigzag, nearest_quality, exact_quality])
@pytest.mark.parametrize(
    "values",
    [np.ones((8, 7), int), np.ones(63, int), np.ones((1, 8, 8), int), np.ones((8, 8)), np.full(64, -1),
     np.full(64, 65536), np.ones(64, bool), [[1, 2], [3]], "x"],
)  # fmt: skip
def test_a_table_is_64_unsigned_16_bit_integers(function, values):
    with pytest.raises(UsageError):
        function(values)


def test_as_table_copies():
    source = np.ones((8, 8), np.uint16)
    table = as_table(source)
    table[0, 0] = 9
    assert source[0, 0] == 1
    assert np.array_equal(as_table([65535] * 64), np.full((8, 8), 65535))


# --- standard tables -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", range(1, 101))
def test_ijg_tables_are_those_of_libjpeg(quality):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
    written = Image.open(file).quantization  # Pillow gives natural order
    assert ijg_table(quality, "luma").ravel().tolist() == list(written[0])
    assert ijg_table(quality, "chroma").ravel().tolist() == list(written[1])


def test_ijg_tables_beyond_baseline():
    # 5000 % of table K.1: libjpeg's sum at "quality 1, not baseline" is 50 times the sum 3688 of the table.
    assert int(ijg_table(1, baseline=False).sum()) == 50 * 3688
    assert int(ijg_table(1, "chroma", baseline=False).sum()) == 50 * 5505
    assert np.array_equal(ijg_table(50, baseline=False), STANDARD_LUMA)
    assert int(ijg_table(1).max()) == 255
    assert ijg_table(1).dtype == np.uint16


def test_standard_tables_cannot_be_changed():
    for table in (STANDARD_LUMA, STANDARD_CHROMA):
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 1
    assert ijg_table(50).flags.writeable


@pytest.mark.parametrize("quality", [0, 101, -1, 50.0, "50", True, None])
def test_ijg_quality_is_1_to_100(quality):
    with pytest.raises(UsageError, match=r"1\.\.100"):
        ijg_table(quality)


def test_unknown_channel():
    for function in (lambda: ijg_table(50, "Cb"), lambda: nearest_quality(STANDARD_LUMA, "Y"),
                     lambda: exact_quality(STANDARD_LUMA, "")):  # fmt: skip
        with pytest.raises(UsageError, match='"luma" or "chroma"'):
            function()


@pytest.mark.parametrize("channel", ["luma", "chroma"])
def test_every_quality_is_found_again(channel):
    for quality in range(1, 101):
        table = ijg_table(quality, channel)
        same = (1, 2, 3) if channel == "chroma" and quality <= 3 else (quality,)
        assert exact_quality(table, channel) == same
        assert nearest_quality(table, channel) == QualityMatch(same[-1], channel, 0.0, True)


def test_nearest_quality_by_hand():
    table = ijg_table(80)
    table[7, 7] += 3
    assert exact_quality(table) == ()
    assert nearest_quality(table) == QualityMatch(80, "luma", 3 / 64, False)
    assert nearest_quality(np.ones((8, 8), int), "chroma").quality == 100


@settings(deadline=None)
@given(TABLES, st.sampled_from(["luma", "chroma"]))
def test_nearest_quality_is_the_nearest(table, channel):
    distances = [np.abs(ijg_table(q, channel).astype(int) - table).mean() for q in range(1, 101)]
    match = nearest_quality(table, channel)
    assert match.distance == pytest.approx(min(distances))
    assert distances[match.quality - 1] == pytest.approx(min(distances))
    assert match.exact == bool(exact_quality(table, channel))


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "model", "brand"),
    [
        ("Canon", "Canon EOS 5D", "Canon"),
        ("NIKON CORPORATION", "", "Nikon"),
        ("NIKON", "E995", "Nikon"),
        ("Eastman Kodak Company", "", "Kodak"),
        ("EASTMAN KODAK COMPANY", "", "Kodak"),
        ("OLYMPUS OPTICAL CO,.LTD.", "", "Olympus"),
        ("Asahi Optical Co.,Ltd", "PENTAX Optio 330", "Pentax"),
        ("Sony Ericsson", "C905c", "Sony Ericsson"),
        ("SONY", "", "Sony"),
        ("KONICA MINOLTA", "", "Konica Minolta"),
        ("Minolta Co., Ltd.", "", "Minolta"),
        ("Hewlett-Packard Company", "", "HP"),
        ("", "Canon EOS 400D DIGITAL", "Canon"),
        ("Trust.\0\0Gemini11\0H", "", "Trust"),
        ("Acme Optics Co., Ltd.", "", "Acme Optics"),
        ("Canonical", "", "Canonical"),
        ("456", "123", ""),
        ("", "", ""),
    ],
)
def test_brands(maker, model, brand):
    assert brand_of(maker, model) == brand


@pytest.mark.parametrize(
    ("software", "program"),
    [
        ("Adobe Photoshop CS5 Windows", Program("Adobe Photoshop", "CS5 Windows")),
        ("Adobe Photoshop CC 2018 (Macintosh)", Program("Adobe Photoshop", "CC 2018 Macintosh")),
        ("Adobe Photoshop Lightroom Classic 7.4 (Windows)", Program("Adobe Lightroom", "Classic 7.4 Windows")),
        ("Adobe Photoshop Lightroom", Program("Adobe Lightroom", "")),
        ("Adobe Photoshop Elements 2.0", Program("Adobe Photoshop Elements", "2.0")),
        ("GIMP 2.10.28", Program("GIMP", "2.10.28")),
        ("Instagram", Program("Instagram", "")),
        ("http://www.example.org/x", Program("example.org", "")),
        ("Shinyedit", Program("Shinyedit", "")),
        ("Ver.1.00", None),
        ("1.0", None),
        ("10.3.2", None),
        ("ILCE-6000 v3.10", None),
        ("Digital Camera FinePix1400Zoom Ver1.00", None),
        ("G935LKLU1APL1", None),
        ("HDR+ 1.0.198487984z", None),
        ("Common_fileformat", None),
        ("", None),
    ],
)
def test_programs(software, program):
    assert program_of(software) == program


# --- the resource ----------------------------------------------------------------------------------------------------


def test_the_resource_is_whole():
    everything = known_tables()
    assert len(everything) == 462
    assert sum(entry.files for entry in everything) == 7215
    assert [entry.files for entry in everything] == sorted((entry.files for entry in everything), reverse=True)
    for entry in everything:
        assert 1 <= len(entry.tables) <= 4
        assert sum(n for _, n in entry.sampling) == entry.files
        assert entry.support <= entry.files
        assert sum(n for _, n in entry.raw_makers) <= entry.files
        for table in entry.tables:
            assert table.shape == (8, 8)
            assert table.dtype == np.uint16
            assert not table.flags.writeable
            assert table.min() >= 1
            assert table.max() <= 255
        # what _chroma_equal of the identification relies on
        assert all(np.array_equal(table, entry.chroma) for table in entry.tables[2:])


def test_every_known_set_identifies_itself():
    for entry in known_tables():
        answer = identify(entry.tables)
        (match,) = answer.exact
        assert match.known is entry
        assert match.exact
        assert match.same_slots
        assert match.distance == 0.0
        assert match.channels == ("luma", "chroma")[: len(entry.tables)]
        assert (answer.kind, answer.family, answer.nearest) == ("exact", entry.family, ())
        assert (answer.files, answer.total) == (entry.files, 7215)
        assert (answer.makers, answer.software) == (entry.makers, entry.software)
        assert answer.shared == (answer.sources > 1)
        assert "7,215" in answer.sentence()


def test_counts_of_known_sets():
    # Read off the survey by hand.
    assert known_sums(324, 682).makers == (("Sony", 62),)
    assert known_sums(324, 682).software == ()  # "ILCE-6000 v3.10" is firmware
    assert known_sums(1032, 889).software == (("Adobe Photoshop", 50),)
    assert known_sums(1032, 889).versions("Adobe Photoshop") == (("CC 2018 Macintosh", 50),)
    assert (known(quality=90, files=2755).family, known(quality=90, files=2755).support) == ("IJG", 2755)


def damaged(change):
    content = json.loads(gzip.decompress(_known._resource_bytes()))
    change(content)
    return gzip.compress(json.dumps(content).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(format=2),
        lambda c: c.pop("sets"),
        lambda c: c.update(files=7214),
        lambda c: c["tables"][0].pop(),
        lambda c: c["tables"][0].__setitem__(5, 0),
        lambda c: c["tables"][0].__setitem__(5, 1 << 16),
        lambda c: c["tables"][0].__setitem__(5, "1"),
        lambda c: c["sets"][3].pop(),
        lambda c: c["sets"][3].__setitem__(0, [100_000]),
        lambda c: c["sets"][3].__setitem__(0, []),
        lambda c: c["sets"][3].__setitem__(3, None),
    ],
)
def test_damaged_content_is_a_resource_error(change):
    with pytest.raises(ResourceError, match="reinstall jpegtrace"):
        _known.parse(damaged(change))


def test_damaged_bytes_are_a_resource_error():
    whole = _known._resource_bytes()
    for data in (b"", b"[]", whole[:-20], whole[:100] + b"\xff" + whole[101:], gzip.compress(b"[]"),
                 gzip.compress(b"\xff")):  # fmt: skip
        with pytest.raises(ResourceError, match="reinstall jpegtrace"):
            _known.parse(data)


def test_a_missing_resource_is_a_resource_error(monkeypatch):
    monkeypatch.setattr(_known, "_RESOURCE", "nowhere.json.gz")
    with pytest.raises(ResourceError, match=r"nowhere\.json\.gz"):
        _known._resource_bytes()


def build(survey, folder, name="out"):
    (folder / "survey.json").write_text(json.dumps(survey))
    output = folder / name
    command = [sys.executable, SCRIPT, folder / "survey.json", "-o", output]
    return subprocess.run(command, capture_output=True, text=True, check=False), output


def item(tables, files=1, makers=None, software=None):
    return {"tables": tables, "files": files, "sampling": {"1x1": files}, "makers": makers or {},
            "software": software or {}}  # fmt: skip


def test_building_the_resource_is_deterministic(tmp_path):
    first = item([[16] * 64, list(range(1, 65))], 3, {"NIKON | E990": 1, "Canon | Canon EOS 5D": 2}, {"GIMP 2.4": 1})
    second = item([[16] * 64], 5)
    outputs = []
    for k, survey in enumerate(([first, second], [second, first])):  # the order of the survey does not matter
        done, output = build(survey, tmp_path, f"out{k}")
        assert done.returncode == 0, done.stderr
        assert "2 sets" in done.stdout
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]
    assert outputs[0][4:8] == bytes(4)  # no time in the header
    grey, colour = _known.parse(outputs[0])
    assert (grey.files, grey.chroma, grey.family) == (5, None, "unattributed")
    assert colour.raw_makers == (("Canon | Canon EOS 5D", 2), ("NIKON | E990", 1))
    assert (colour.family, colour.support) == ("Canon", 2)
    assert colour.tables[1].ravel().tolist() == list(range(1, 65))


@pytest.mark.parametrize(
    "survey",
    [
        [item([[16] * 63])],
        [item([[0] * 64])],
        [item([])],
        [item([[1] * 64], files=0)],
        [item([[1] * 64], makers={"x": 0})],
        [item([[1] * 64]), item([[1] * 64], 2)],
        [{"tables": [[1] * 64]}],
        7,
    ],
)
def test_a_survey_that_breaks_the_rules_is_refused(survey, tmp_path):
    done, output = build(survey, tmp_path)
    assert done.returncode == 1
    assert "survey.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()


# --- families --------------------------------------------------------------------------------------------------------


def test_families_partition_the_known_sets():
    groups = families()
    assert sorted(map(id, (entry for sets in groups.values() for entry in sets))) == sorted(map(id, known_tables()))
    assert next(iter(groups)) == "IJG"
    assert list(groups)[-1] == "unattributed"
    assert {"Adobe Photoshop", "Canon", "Nikon", "Sony", "Apple", "GoPro"} <= set(groups)
    for name, sets in groups.items():
        assert all(entry.family == name for entry in sets)
        assert all(a.mean <= b.mean for a, b in pairwise(sets))
    with pytest.raises(TypeError):
        groups["x"] = ()


def test_the_ijg_family_holds_exactly_the_standard_tables():
    for entry in known_tables():
        standard = [
            q for q in range(1, 101)
            if np.array_equal(entry.luma, ijg_table(q))
            and all(np.array_equal(table, ijg_table(q, "chroma")) for table in entry.tables[1:])
        ]  # fmt: skip
        assert (entry.quality, entry.family == "IJG") == ((standard[0], True) if standard else (None, False))


# Checksum that GIMP publishes (plug-ins/file-jpeg/jpegqual.c of GNOME/gimp, commit 1d0096b) for the tables of a setting
# of Photoshop: h = 11, then h = h * 4177 + step over all entries in natural order, modulo 2**32.
GIMP_CHECKSUMS = {
    0x5A81E2C0: "Save As 12", 0x1E96D5D3: "Save As 12", 0x6771042C: "Save As 11", 0x1A2CFFE0: "Save As 10",
    0x1B141CB3: "Save As 10", 0xD4553F25: "Save As 9", 0xD3B24CB4: "Save As 8", 0x1E822409: "Save As 8",
    0x4AD5990C: "Save As 7", 0xBA0212EC: "Save As 5", 0x1B74E018: "Save As 5", 0xDE39ED89: "Save As 4",
    0xAD0F8E5C: "Save As 3", 0xBDEF8414: "Save As 3", 0xFEDF6432: "Save As 2", 0x4C7D2F7D: "Save As 0",
    0x68E798B2: "Save for Web 100", 0x9F3456F2: "Save for Web 90", 0xDA807DD5: "Save for Web 80",
    0xF70A37CE: "Save for Web 70", 0xF36979D2: "Save for Web 60", 0x4966F484: "Save for Web 50",
}  # fmt: skip


def gimp_checksum(tables):
    value = 11
    for step in np.concatenate([table.ravel() for table in tables]).tolist():
        value = (value * 4177 + step) % 2**32
    return value


def test_photoshop_settings_have_the_published_checksums():
    assert gimp_checksum([ijg_table(90), ijg_table(90, "chroma")]) == 0x17816EB1  # published for IJG quality 90
    found = {gimp_checksum(entry.tables): entry.setting for entry in known_tables() if entry.setting}
    # JPEGsnoop alone publishes this one: MD5 0128FDDB85CB7E37EEC547C9FBD4E8CF in Signatures.inl, Save For Web 087.
    assert found.pop(gimp_checksum(known_sums(293, 563).tables)) == "Save for Web 87"
    assert found == GIMP_CHECKSUMS


def test_photoshop_settings_agree_with_the_presets_of_pillow():
    from PIL.JpegPresets import presets

    expected = {"low": "Save As 3", "medium": "Save As 5", "high": "Save As 8", "maximum": "Save As 10",
                "web_high": "Save for Web 60", "web_very_high": "Save for Web 80",
                "web_maximum": "Save for Web 100"}  # fmt: skip
    for name, setting in expected.items():
        (match,) = identify(presets[name]["quantization"]).exact
        assert (match.known.family, match.known.setting) == ("Adobe Photoshop", setting)


def test_family_rules(monkeypatch):
    def family(tables, makers, software):
        survey = {"format": 1, "files": 9, "tables": tables,
                  "sets": [[list(range(len(tables))), 9, {"1x1": 9}, makers, software]]}  # fmt: skip
        (entry,) = _known.parse(gzip.compress(json.dumps(survey).encode()))
        return entry.family, entry.support

    odd, even = ODD.ravel().tolist(), (ODD + ODD.T).ravel().tolist()
    canon, gimp, lightroom = {"Canon | EOS 5D": 4}, {"GIMP 2.4": 4}, {"Adobe Photoshop Lightroom 6.4 (Windows)": 4}
    assert family([STANDARD_LUMA.ravel().tolist()], canon, gimp) == ("IJG", 9)
    assert family([odd], {}, {}) == ("unattributed", 0)
    assert family([odd], canon, {}) == ("Canon", 4)
    assert family([odd], canon, {"Ver.1.00": 4}) == ("Canon", 4)
    assert family([odd], canon, gimp) == ("GIMP", 4)  # the program explains the makers
    assert family([odd], canon, {"GIMP 2.4": 1}) == ("Canon", 4)  # three originals, one re-saved
    assert family([odd], canon | {"SONY | X": 4}, {}) == ("unattributed", 0)  # no majority
    assert family([odd], canon | {"SONY | X": 1}, gimp) == ("GIMP", 4)
    assert family([odd], {"NIKON | E5000": 2}, {"Nikon Transfer 1.1 W": 2}) == ("Nikon", 2)  # it only copies
    assert family([even], canon, lightroom) == ("Adobe Photoshop", 4)
    assert family([odd], canon, lightroom) == ("unattributed", 0)  # not symmetric: not Adobe's own


# --- identification --------------------------------------------------------------------------------------------------


def test_standard_tables_say_little():
    answer = identify([ijg_table(92), ijg_table(92, "chroma")])
    assert answer.quality == 92
    assert answer.shared
    assert answer.sentence().startswith("Standard IJG tables, quality 92: written by most software")
    assert "say little" in answer.sentence()


def test_standard_tables_that_were_never_seen():
    answer = identify([ijg_table(33), ijg_table(33, "chroma")])
    assert (answer.exact, answer.luma_only, answer.files) == ((), (), 0)
    assert (answer.family, answer.quality, len(answer.nearest)) == ("IJG", 33, 3)
    assert "quality 33" in answer.sentence()
    assert "not among the 7,215 files" in answer.sentence()


def test_attributed_tables():
    sony = identify(known_sums(324, 682).tables)
    assert (sony.family, sony.sources, sony.shared) == ("Sony", 1, False)
    assert sony.sentence() == (
        "Tables of Sony: seen in 62 of 7,215 files, all of which name it; cameras named: Sony 62."
    )
    photoshop = identify(known_sums(109, 171).tables)
    assert photoshop.shared
    assert '"Save As 12": seen in 33 of 7,215 files, 17 of which name a program of Adobe\'s' in photoshop.sentence()
    assert "GIMP 3" in photoshop.sentence()
    assert "a program may have kept" in photoshop.sentence()
    assert dict(photoshop.versions("Adobe Photoshop"))["CS4 Windows"] == 4
    published = identify(known_sums(234, 445).tables)
    assert '"Save for Web 90", as published' in published.sentence()
    assert "none of which names" in published.sentence()


def test_unattributed_tables():
    sentence = identify(known_sums(1272, 1272).tables).sentence()
    assert "unknown origin" in sentence
    assert "none names a camera or a program" in sentence


def test_luminance_alone():
    sony = known_sums(324, 682)
    answer = identify([sony.luma, ODD])
    assert (answer.kind, answer.exact, answer.family) == ("luma", (), "unattributed")
    (match,) = answer.luma_only
    assert match.known is sony
    assert match.channels == ("luma",)
    assert not match.exact
    assert match.distance == pytest.approx(np.abs(sony.chroma.astype(int) - ODD).mean() / 2)
    assert (answer.files, answer.makers) == (62, (("Sony", 62),))
    assert answer.sentence().startswith("Only the luminance table is known, from the tables of Sony; not the chrom")
    grey = identify([sony.luma])
    assert grey.kind == "luma"
    assert "no chrominance table" in grey.sentence()
    assert grey.luma_only[0].distance == 0.0


def test_a_quarter_turn():
    canon = known(family="Canon", files=40)
    answer = identify([table.T for table in canon.tables])
    (match,) = answer.transposed
    assert match.known is canon
    assert answer.exact[0].known.sampling == (("1x2-1x1-1x1", 2),)  # the survey has turned files too
    assert "Transposed, they are the tables of Canon" in answer.sentence()
    assert identify(canon.tables).transposed[0].known is answer.exact[0].known
    assert "Transposed" not in identify(canon.tables).sentence()
    standard = identify([ijg_table(60).T, ijg_table(60, "chroma").T])
    assert (standard.exact, standard.quality, standard.transposed_quality) == ((), None, 60)
    assert standard.sentence().endswith(
        "Transposed, they are the standard IJG tables of quality 60: as after a quarter turn without re-encoding."
    )
    symmetric = identify(known_sums(324, 682).tables)
    assert (symmetric.transposed, symmetric.transposed_quality) == ((), None)


def test_nearest_tables():
    sony = known_sums(324, 682)
    luma = sony.luma.copy()
    luma[3, 3] += 2
    answer = identify([luma, sony.chroma])
    assert (answer.kind, answer.files, answer.makers, answer.shared) == ("nearest", 0, (), False)
    assert answer.nearest[0].known is sony
    assert answer.nearest[0].distance == pytest.approx(1 / 64)
    assert answer.nearest[0].channels == ("chroma",)
    assert [m.distance for m in answer.nearest] == sorted(m.distance for m in answer.nearest)
    assert answer.sentence().startswith("Not seen before in 7,215 files. The nearest known ones are the tables of Sony")
    assert all(match.known.chroma is not None for match in answer.nearest)


@settings(deadline=None)
@given(TABLES)
def test_the_nearest_set_is_the_nearest(table):
    answer = identify([table, ODD])
    if not answer.exact:
        coloured = [entry for entry in known_tables() if entry.chroma is not None]
        best = min(np.abs(e.luma.astype(int) - table).mean() + np.abs(e.chroma.astype(int) - ODD).mean()
                   for e in coloured)  # fmt: skip
        assert answer.nearest[0].distance == pytest.approx(best / 2)


def test_the_number_of_stored_tables_counts():
    twice = [entry for entry in known_tables() if len(entry.tables) == 3]
    once = next(entry for entry in twice if len(identify(entry.tables[:2]).exact[0].known.tables) == 2)
    assert identify(once.tables).exact[0].known is once
    assert identify(once.tables[:2]).exact[0].known is not once
    sony = known_sums(324, 682)
    answer = identify([sony.luma, sony.chroma, sony.chroma])
    (match,) = answer.exact
    assert match.known is sony
    assert match.exact
    assert not match.same_slots
    assert "Those files store 2 tables, this one 3." in answer.sentence()
    mixed = identify([sony.luma, sony.chroma, ODD])
    assert mixed.kind == "luma"
    assert mixed.luma_only[0].channels == ("luma",)


@pytest.mark.parametrize("tables", [[], [ODD] * 5, ODD, [ODD, ODD[0]]])
def test_identify_wants_one_to_four_tables(tables):
    with pytest.raises(UsageError):
        identify(tables)


# --- names and random tables -----------------------------------------------------------------------------------------


def test_named_tables():
    luma, chroma = named_table("ijg:75")
    assert np.array_equal(luma, ijg_table(75))
    assert np.array_equal(chroma, ijg_table(75, "chroma"))
    for name, entry in (
        ("canon", known(family="Canon", files=40)),
        ("Canon", known(family="Canon", files=40)),
        (" nikon:2", families()["Nikon"][2]),
        ("photoshop:0", families()["Adobe Photoshop"][0]),
        ("Adobe Photoshop: 3", families()["Adobe Photoshop"][3]),
        ("konica-minolta", families()["Konica Minolta"][0]),
        ("photoshop:Save As 10", known_sums(535, 750)),
        ("photoshop:save-for-web-60", known_sums(974, 1769)),
        ("libjpeg", known(quality=90, files=2755)),
    ):
        tables = named_table(name)
        assert identify(tables).exact[0].known is entry
        tables[0][0, 0] = 99  # a copy
    assert known(family="Canon", files=40).luma[0, 0] != 99


def test_every_family_has_a_name_and_places():
    for name, sets in families().items():
        assert identify(named_table(name)).exact[0].known in sets
        if name != "IJG":
            for k, entry in enumerate(sets):
                assert identify(named_table(f"{name}:{k}")).exact[0].known is entry


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cannon", "did you mean 'Canon'"),
        ("nikkon:2", "did you mean 'Nikon'"),
        ("photoshp:1", "did you mean 'Adobe Photoshop'"),
        ("zzz", "known families: IJG, "),
        ("", "known families: IJG, "),
        ("ijg:0", r"1\.\.100"),
        ("ijg:x", r"1\.\.100"),
        ("ijg:", r"1\.\.100"),
        ("ijg:75:2", r"1\.\.100"),
        ("canon:", r"places 0\.\.\d"),
        ("canon:-1", r"places 0\.\.\d"),
        ("canon:99", r"places 0\.\.\d"),
        ("photoshop:save-as-6", "the settings save-as-0, "),
        ("gopro:1", "place 0 only"),
        ("canon:²", r"places 0\.\.\d"),
    ],
)
def test_wrong_names(name, message):
    with pytest.raises(UsageError, match=message):
        named_table(name)


@pytest.mark.parametrize("mean_range", [(2.0, 60.0), (1.2, 1.5), (100.0, 180.0), (20.0, 20.0)])
def test_random_tables_are_plausible_and_new(mean_range):
    for seed in range(60):
        table = random_smooth_table(np.random.default_rng(seed), mean_range=mean_range)
        assert table.shape == (8, 8)
        assert table.dtype == np.uint16
        assert 1 <= table.min() <= table.max() <= 255
        assert mean_range[0] - 0.5 <= table.mean() <= mean_range[1] + 0.5
        steps = to_zigzag(table).astype(float)
        assert steps[:16].mean() <= steps[-16:].mean()
        assert not identify([table]).exact
        assert not identify([table]).luma_only
        assert exact_quality(table) == ()


def test_random_tables_are_smooth_and_rise():
    for seed in range(60):
        table = random_smooth_table(np.random.default_rng(seed), mean_range=(40.0, 60.0)).astype(float)
        assert np.corrcoef(np.arange(64), to_zigzag(table.astype(int)))[0, 1] > 0.7
        for axis in (0, 1):
            assert np.abs(np.diff(table, 2, axis=axis)).max() < 0.25 * table.mean()


def test_random_tables_follow_the_generator():
    first, again, other = (random_smooth_table(np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("mean_range", [(0.0, 9.0), (1.0, 9.0), (9.0, 2.0), (5.0, 300.0), (float("nan"), 5.0)])
def test_random_tables_want_a_range(mean_range):
    with pytest.raises(UsageError, match="mean_range"):
        random_smooth_table(np.random.default_rng(0), mean_range=mean_range)


def test_a_range_without_new_tables_is_refused(monkeypatch):
    monkeypatch.setattr(_random, "_is_known", lambda *_: True)
    with pytest.raises(UsageError, match="widen the range"):
        random_smooth_table(np.random.default_rng(0))


# --- the module ------------------------------------------------------------------------------------------------------


def test_import_is_light_and_reads_nothing():
    code = (
        "import sys, numpy; before = set(sys.modules); import jpegtrace.tables as t; "
        "from jpegtrace.tables._known import known_tables; assert known_tables.cache_info().currsize == 0; "
        "print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "jpegtrace" in done.stdout.split()
    assert not {"numba", "PIL", "scipy", "jpeglib", "torch", "rich"} & set(done.stdout.split())
