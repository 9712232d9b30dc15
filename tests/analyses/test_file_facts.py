import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace.analyses.file_facts import Params, file_facts
from jpegtrace.errors import LimitExceeded
from jpegtrace.findings import Level, Status, Topic
from jpegtrace.limits import Limits
from jpegtrace.picture import Picture
from jpegtrace.raster import is_lossy_webp
from jpegtrace.tables import ijg_table


def facts(data: bytes | Path, params: Params | None = None):
    return file_facts(Picture.open(data), params)


def test_baseline():
    finding = facts(as_file(scene(1, 50, 70), quality=77, subsampling=1))
    assert finding.status is Status.OK
    assert finding.summary == "Baseline JPEG, 70 x 50 pixels, YCbCr 4:2:2; no damage found."
    assert finding.quantization_tables == [ijg_table(77).ravel().tolist(), ijg_table(77, "chroma").ravel().tolist()]
    assert finding.component_tables == [0, 1, 1]
    assert (finding.optimised_huffman, finding.restart_interval, finding.scans) == (False, 0, 1)
    assert finding.whole_share == 1.0
    assert finding.remarks == ()
    assert [m["name"] for m in finding.markers][:2] == ["SOI", "APP0"]


def test_progressive_optimised_with_restarts():
    finding = facts(as_file(scene(1), progressive=True, restart_marker_blocks=3))
    assert finding.summary.startswith("Progressive JPEG")
    assert finding.scans > 1
    assert finding.optimised_huffman is True
    assert finding.restart_interval >= 3


@pytest.mark.parametrize(("mode", "expected"), [("L", "grey"), ("RGB", "YCbCr"), ("CMYK", "CMYK")])
def test_colour_space(mode, expected):
    picture = Image.fromarray(scene(2)).convert(mode)
    import io

    out = io.BytesIO()
    picture.save(out, "JPEG")
    assert facts(out.getvalue()).colour == expected


def test_rgb_without_transform():
    data = as_file(scene(2), keep_rgb=True)
    finding = facts(data)
    assert finding.colour == "RGB"
    assert finding.subsampling == "4:4:4"


def test_exif_orientation_is_reported_and_not_applied():
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = 6, "A program"
    finding = facts(as_file(scene(3, 40, 60), exif=exif.tobytes()))
    assert finding.exif["orientation"] == 6
    assert finding.exif["software"] == "A program"
    assert (finding.width, finding.height) == (60, 40)


def test_trailing_data_is_named():
    finding = facts(as_file(scene(3)) + b"PK\x03\x04" + bytes(100))
    assert finding.trailing["kind"] == "ZIP archive"
    assert finding.trailing["size"] == 104
    assert any("ZIP archive" in r.text and r.level is Level.NOTICE for r in finding.remarks)
    assert facts(as_file(scene(3)) + bytes(10)).remarks[0].level is Level.INFO


def test_a_cut_file_says_how_much_is_left():
    data = as_file(scene(4, 256, 256))
    finding = facts(data[: len(data) // 2])
    assert finding.alarm
    assert 0.2 < finding.whole_share < 0.8
    assert f"damaged: {finding.whole_share:.1%}" in finding.summary
    assert all(0 <= d["offset"] <= len(data) // 2 for d in finding.damage)


def test_not_decoding_says_so():
    finding = facts(as_file(scene(4))[:-200], Params(decode=False))
    assert finding.whole_share is None
    assert finding.summary.endswith("not decoded.")


def test_stray_bytes_between_segments_are_damage():
    data = as_file(scene(4))
    finding = facts(data[:20] + b"stray" + data[20:])
    assert finding.damage == [{"what": "5 bytes belong to no segment", "offset": 20}]
    assert finding.whole_share == 1.0
    assert "breaks rules" in finding.summary


def test_sixteen_bit_png():
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + struct.pack(">6H", *range(6)) for _ in range(3))
    header = struct.pack(">IIBBBBB", 2, 3, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    finding = facts(data)
    assert finding.summary == "PNG, 2 x 3 pixels, 16 bits, rgb."
    assert finding.decoder == "jpegtrace"


def test_a_png_that_cannot_be_decoded_is_an_alarm():
    data = as_file(scene(5), "PNG")
    finding = facts(data[: len(data) // 2])
    assert finding.alarm
    assert finding.whole_share == 0.0


class TestName:
    @pytest.mark.parametrize(
        ("name", "form", "told"),
        [
            ("photo.jpg", "PNG", "the name says JPEG, the content is PNG"),
            ("photo.PNG", "JPEG", "the name says PNG, the content is JPEG"),
            ("IMG_1.HEIC", "JPEG", "the name says HEIC, the content is JPEG"),
            ("a.tiff", "BMP", "the name says TIFF, the content is BMP"),
        ],
    )
    def test_another_format_is_a_notice(self, tmp_path, name, form, told):
        (tmp_path / name).write_bytes(as_file(scene(1), form))
        finding = facts(tmp_path / name)
        assert finding.remarks[0].level is Level.NOTICE
        assert finding.remarks[0].text == told
        assert finding.remarks[0].evidence == f"the name ends with {name[name.index('.') :].lower()}"
        assert not finding.alarm

    @pytest.mark.parametrize(
        ("name", "form"), [("a.JPG", "JPEG"), ("a.jfif", "JPEG"), ("a.pgm", "PPM"), ("a.dng", "TIFF"), ("png", "JPEG")]
    )
    def test_the_same_or_no_format_is_none(self, tmp_path, name, form):
        (tmp_path / name).write_bytes(as_file(scene(1), form))
        assert not any("name" in remark.text for remark in facts(tmp_path / name).remarks)

    def test_bytes_have_no_name(self):
        assert not facts(as_file(scene(1), "PNG")).remarks


class TestWebP:
    LOSSY = "lossy codec of WebP, which is not JPEG and hides traces"

    @pytest.mark.parametrize(
        "options",
        [
            {"quality": 80},
            {"quality": 80, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"},
            {"quality": 80, "save_all": True, "append_images": [Image.fromarray(scene(2))]},
        ],
        ids=["simple", "extended", "animated"],
    )
    def test_loss_is_told(self, options):
        finding = facts(as_file(scene(1), "WEBP", **options))
        assert finding.lossy is True
        assert not any(self.LOSSY in remark.text for remark in finding.remarks)  # the claim says it
        (claim,) = finding.claims
        assert claim.topic is Topic.HISTORY
        assert self.LOSSY in claim.text

    def test_transparent_with_loss(self):
        pixels = np.dstack([scene(1), scene(2)[..., 0]])
        finding = facts(as_file(pixels, "WEBP", quality=80))
        assert finding.lossy is True

    @pytest.mark.parametrize(
        "options", [{}, {"save_all": True, "append_images": [Image.fromarray(scene(2))]}], ids=["simple", "animated"]
    )
    def test_without_loss_nothing_is(self, options):
        finding = facts(as_file(scene(1), "WEBP", lossless=True, **options))
        assert finding.lossy is False
        assert not finding.claims
        assert not any(self.LOSSY in remark.text for remark in finding.remarks)

    @staticmethod
    def of_chunks(count):
        """A header that says a size, and chunks that hold nothing."""
        chunks = b"VP8X\x0a\0\0\0" + bytes(10) + b"JUNK\0\0\0\0" * (count - 1)
        return b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WEBP" + chunks

    def test_neither_codec(self, monkeypatch):
        assert is_lossy_webp(self.of_chunks(3)) is None
        monkeypatch.setattr("jpegtrace.analyses.file_facts.is_lossy_webp", lambda *_: None)
        finding = facts(as_file(scene(1), "WEBP", quality=80))
        assert "lossy" not in finding.values
        assert not finding.claims

    def test_chunks_are_bounded(self):
        limits = Limits(markers=10)
        assert is_lossy_webp(self.of_chunks(10), limits) is None
        with pytest.raises(LimitExceeded, match="markers is limited to 10"):
            is_lossy_webp(self.of_chunks(11), limits)
