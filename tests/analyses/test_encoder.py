"""Contradictions are planted and found; what agrees is left in peace."""

import io

import pytest
from PIL import Image

from checks.pictures import as_file, camera_file, scene
from jpegtrace.analyses.encoder import Params, encoder
from jpegtrace.findings import Level, Status
from jpegtrace.picture import Picture
from jpegtrace.tables import ijg_table, named_table

CANON = [t.ravel().tolist() for t in named_table("canon")[:2]]
NIKON = [t.ravel().tolist() for t in named_table("nikon")[:2]]
PHOTOSHOP = [t.ravel().tolist() for t in named_table("photoshop:save-as-10")[:2]]


def exif_of(tags):
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return exif.tobytes()


def ask(data: bytes):
    return encoder(Picture.open(data), Params())


def texts(finding, level):
    return [r.text for r in finding.remarks if r.level is level]


@pytest.mark.parametrize("quality", [10, 50, 75, 92, 100])
def test_ijg_quality_is_read_exactly(quality):
    finding = ask(as_file(scene(1), quality=quality))
    assert (finding.quality, finding.family) == (quality, "IJG")
    assert finding.nearest_chroma_quality == quality
    assert "say little" in finding.summary


def test_scaled_tables_that_nobody_wrote_get_the_nearest():
    table = ijg_table(80).astype(int)
    table[7, 7] += 1
    finding = ask(as_file(scene(1), qtables=[table.ravel().tolist(), ijg_table(80, "chroma").ravel().tolist()]))
    assert finding.quality is None
    assert finding.nearest_quality == 80
    assert finding.nearest_quality_distance == pytest.approx(1 / 64, abs=1e-4)


def test_a_camera_that_writes_its_own_tables_is_left_in_peace():
    finding = ask(camera_file(1, CANON, "Canon", "Canon PowerShot G2"))
    assert finding.family == "Canon"
    assert finding.claimed_brand == "Canon"
    assert finding.remarks == ()


def test_one_camera_by_exif_another_by_tables():
    finding = ask(camera_file(1, NIKON, "Canon", "Canon EOS 5D"))
    assert finding.alarm
    (text,) = texts(finding, Level.ALARM)
    assert "EXIF says Canon, the tables are those of Nikon cameras" in text


@pytest.mark.parametrize(
    "exif", [b"", exif_of({0x0112: 1}), exif_of({0x010F: ""})], ids=["no EXIF", "a turn alone", "an empty make"]
)
def test_a_file_that_gives_no_account_of_itself_is_not_said_to_agree_with_it(exif):
    claims = [claim.text for claim in ask(as_file(scene(1), quality=90, exif=exif)).claims]
    assert claims[0].startswith("No account of itself was found in the file")
    assert not any("contradicts its own account" in text for text in claims)


@pytest.mark.parametrize("tag", [0x010F, 0x0131, 0x0132], ids=["make", "software", "modified"])
def test_an_account_that_nothing_contradicts_is_said_to_stand(tag):
    finding = ask(as_file(scene(1), quality=90, exif=exif_of({tag: "2019:05:17 14:03:22"})))
    assert finding.claims[0].text == "Nothing in the file contradicts its own account."


def segment(marker, payload):
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


XMP = b"http://ns.adobe.com/xap/1.0/\0"
ACCOUNTS = {
    "gd comment": (0xFE, b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n"),
    "Photoshop block": (0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0"),
    "XMP date": (0xE1, XMP + b'<rdf:Description xmp:CreateDate="2019-05-17T14:03:22"/>'),
    "lens": (0xE1, exif_of({0xA434: "EF 50mm"})),
}


@pytest.mark.parametrize(("marker", "payload"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_other_accounts_than_make_and_date_are_accounts(marker, payload):
    data = as_file(scene(1), quality=90)
    finding = ask(data[:2] + segment(marker, payload) + data[2:])
    assert finding.claims[0].text == "Nothing in the file contradicts its own account."


@pytest.mark.parametrize(("marker", "payload"), [(0xFE, b" \0"), (0xE1, XMP + b"<x:xmpmeta/>")])
def test_empty_comments_and_packets_are_none(marker, payload):
    data = as_file(scene(1), quality=90)
    finding = ask(data[:2] + segment(marker, payload) + data[2:])
    assert finding.claims[0].text.startswith("No account of itself was found in the file")


def test_a_camera_by_exif_photoshop_by_tables():
    finding = ask(camera_file(1, PHOTOSHOP, "NIKON CORPORATION", "NIKON D200"))
    (text,) = texts(finding, Level.ALARM)
    assert "EXIF says Nikon and names no program, the tables are those that Adobe Photoshop writes" in text


def test_a_program_that_says_so_is_a_notice():
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "Canon", "Adobe Photoshop CS5 Windows"
    finding = ask(as_file(scene(1), qtables=PHOTOSHOP, subsampling=0, exif=exif.tobytes()))
    assert not finding.alarm
    assert finding.claimed_programs == ["Adobe Photoshop"]
    assert "saved or edited by Adobe Photoshop" in texts(finding, Level.NOTICE)


def test_a_program_whose_tables_these_are_not():
    exif = Image.Exif()
    exif[0x0131] = "GIMP 2.10.28"
    finding = ask(as_file(scene(1), qtables=PHOTOSHOP, subsampling=0, exif=exif.tobytes()))
    assert any("names GIMP, the tables are those of Adobe Photoshop" in t for t in texts(finding, Level.NOTICE))


def exif_with(size=None, orientation=1, thumbnail=None):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Canon", orientation
    if size:
        exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = size
    data = exif.tobytes()
    return data if thumbnail is None else with_thumbnail(data, thumbnail)


def with_thumbnail(exif: bytes, thumbnail: bytes) -> bytes:
    """Hang a second directory with a thumbnail behind the first of a little- or big-endian EXIF block."""
    prefix, tiff = exif[:6], bytearray(exif[6:])
    order = "little" if tiff[:2] == b"II" else "big"
    first = int.from_bytes(tiff[4:8], order)
    link = first + 2 + 12 * int.from_bytes(tiff[first : first + 2], order)
    directory = len(tiff)
    start = directory + 2 + 24 + 4
    tiff[link : link + 4] = directory.to_bytes(4, order)
    tiff += (2).to_bytes(2, order)
    for tag, value in ((0x0201, start), (0x0202, len(thumbnail))):
        tiff += tag.to_bytes(2, order) + (4).to_bytes(2, order) + (1).to_bytes(4, order) + value.to_bytes(4, order)
    return prefix + bytes(tiff) + bytes(4) + thumbnail


def test_cropped_after_exif_was_written():
    finding = ask(as_file(scene(1), qtables=CANON, exif=exif_with(size=(256, 96))))
    (text,) = texts(finding, Level.NOTICE)
    assert "cropped or resized" in text
    assert not finding.alarm  # mailing a smaller copy does that too
    assert "EXIF says 256 x 96, the picture has 128 x 96" in finding.remarks[-1].evidence


def test_turned_but_the_tag_still_asks_for_it():
    finding = ask(as_file(scene(1), qtables=CANON, exif=exif_with(size=(96, 128), orientation=6)))
    assert any("orientation tag still asks" in t for t in texts(finding, Level.NOTICE))
    assert not finding.alarm


def test_thumbnail_by_another_encoder_and_across():
    small = as_file(scene(2, 128, 96), qtables=PHOTOSHOP, subsampling=0)
    finding = ask(as_file(scene(1), qtables=CANON, exif=exif_with(thumbnail=small)))
    assert finding.thumbnail["family"] == "Adobe Photoshop"
    assert any("thumbnail has the tables that Adobe Photoshop writes" in t for t in texts(finding, Level.NOTICE))
    assert any("lies across" in t for t in texts(finding, Level.NOTICE))


def test_thumbnail_that_agrees_is_left_in_peace():
    small = as_file(scene(2, 96, 128), qtables=CANON)
    finding = ask(as_file(scene(1), qtables=CANON, exif=exif_with(thumbnail=small)))
    assert not finding.alarm
    assert (finding.thumbnail["width"], finding.thumbnail["family"]) == (128, "Canon")


def test_thumbnail_that_is_none():
    finding = ask(as_file(scene(1), qtables=CANON, exif=exif_with(thumbnail=b"junk" * 20)))
    assert any("thumbnail cannot be read" in t for t in texts(finding, Level.NOTICE))
    assert "no picture format" in finding.thumbnail["error"]


def test_progressive_from_a_camera():
    finding = ask(camera_file(1, CANON, "Canon", "Canon EOS 5D", progressive=True))
    assert any("progressive" in t for t in texts(finding, Level.NOTICE))


def test_standard_tables_under_a_camera_that_never_wrote_them():
    finding = ask(
        camera_file(1, [ijg_table(77).ravel().tolist(), ijg_table(77, "chroma").ravel().tolist()], "Apple", "x")
    )
    assert not finding.alarm
    assert any("EXIF names Apple and no program" in t for t in texts(finding, Level.NOTICE))


def test_candidates_name_models_and_settings():
    finding = ask(camera_file(1, NIKON, "NIKON", "NIKON D200"))
    assert finding.candidates[0]["family"] == "Nikon"
    assert any("|" in model for model in finding.candidates[0]["models"])
    assert ask(as_file(scene(1), qtables=PHOTOSHOP)).candidates[0]["setting"] == "Save As 10"


def test_stamps_of_the_same_minute_are_no_editing():
    def stamped(modified):
        exif = Image.Exif()
        exif[0x0132] = modified
        exif.get_ifd(0x8769)[0x9003] = "2020:01:01 12:00:00"
        return texts(ask(as_file(scene(1), exif=exif.tobytes())), Level.NOTICE)

    assert stamped("2020:01:01 12:00:05") == []
    assert stamped("0000:00:00 00:00:00") == []
    assert any("modified after it was taken" in t for t in stamped("2020:01:02 12:00:00"))


def test_without_tables_it_cannot_tell():
    data = as_file(scene(1))
    while (at := data.find(b"\xff\xdb")) >= 0:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert ask(data).status is Status.INCONCLUSIVE


def test_other_formats_are_not_applicable():
    out = io.BytesIO()
    Image.fromarray(scene(1)).save(out, "PNG")
    assert ask(out.getvalue()).status is Status.NOT_APPLICABLE
