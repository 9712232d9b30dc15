"""JFIF, Adobe, ICC, XMP, MPO, comments and what lies behind the end."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageCms

from jpegtrace.picture import Picture
from support.jpegs import pillow_jpeg, segment, with_segment
from support.pictures import scene

PLAIN = pillow_jpeg()


def metadata(data: bytes):
    return Picture.open(data).metadata


def test_plain():
    found = metadata(PLAIN)
    assert (found.jfif.version, found.jfif.units, found.jfif.density) == ("1.01", "aspect ratio", (1, 1))
    assert found.jfif.thumbnail_size == (0, 0)
    assert (found.exif, found.adobe, found.icc, found.xmp, found.mpo, found.trailing) == (None,) * 6
    assert found.comments == ()


def test_jfif_density():
    jfif = metadata(pillow_jpeg(dpi=(300, 150))).jfif
    assert (jfif.units, jfif.density) == ("per inch", (300, 150))
    assert metadata(PLAIN.replace(b"JFIF\0\1\1\0", b"JFIF\0\1\2\x09")).jfif.units == "unknown (9)"
    without_jfif = PLAIN[:2] + PLAIN[20:]
    assert metadata(without_jfif).jfif is None
    assert metadata(PLAIN[:2] + segment(0xE0, b"JFIF\0\1") + PLAIN[20:]).jfif is None


@pytest.mark.parametrize(("code", "name"), [(0, "none (RGB or CMYK)"), (1, "YCbCr"), (2, "YCCK"), (9, "unknown (9)")])
def test_adobe(code, name):
    adobe = metadata(with_segment(PLAIN, 0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([code]))).adobe
    assert (adobe.version, adobe.transform, adobe.transform_name) == (100, code, name)
    assert metadata(with_segment(PLAIN, 0xEE, b"Adobe\0\x64")).adobe is None


def test_comments():
    data = with_segment(with_segment(PLAIN, 0xFE, b"second\0"), 0xFE, b"first \xff")
    assert metadata(data).comments == ("first \ufffd", "second")


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_icc():
    icc = metadata(pillow_jpeg(icc_profile=profile())).icc
    assert icc.whole
    assert icc.size == len(profile())
    assert "sRGB" in icc.description


def test_icc_in_chunks():
    data = profile()
    parts = [data[i : i + 200] for i in range(0, len(data), 200)]
    chunks = [segment(0xE2, b"ICC_PROFILE\0" + bytes([i + 1, len(parts)]) + part) for i, part in enumerate(parts)]
    for order in (chunks, chunks[::-1]):
        icc = metadata(PLAIN[:2] + b"".join(order) + PLAIN[2:]).icc
        assert (icc.whole, icc.size) == (True, len(data))
    for missing in range(len(chunks)):
        kept = [c for i, c in enumerate(chunks) if i != missing]
        icc = metadata(PLAIN[:2] + b"".join(kept) + PLAIN[2:]).icc
        assert not icc.whole
    cut_short = metadata(with_segment(PLAIN, 0xE2, b"ICC_PROFILE\0\1\1" + data[:150])).icc
    assert not cut_short.whole
    assert metadata(with_segment(PLAIN, 0xE2, b"ICC_PROFILE\0\1")).icc is None


@pytest.mark.parametrize("count", [0, 1, 5, 0xFFFFFFFF])
def test_icc_tag_tables_that_lie(count):
    broken = bytearray(profile())
    broken[128:132] = count.to_bytes(4, "big")
    broken[132:144] = b"desc\xff\xff\xff\xf0\xff\xff\xff\xff"
    icc = metadata(pillow_jpeg(icc_profile=bytes(broken))).icc
    assert icc.size == len(broken)


def test_xmp_tools():
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Core 5.6"><rdf:Description xmp:CreatorTool="Editor 9"/>'
        "<stEvt:softwareAgent>Editor 10 (Win)</stEvt:softwareAgent><xmp:CreatorTool>Editor 9</xmp:CreatorTool>"
    )
    payload = b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()
    xmp = metadata(with_segment(PLAIN, 0xE1, payload)).xmp
    assert xmp.tools == ("Core 5.6", "Editor 9", "Editor 10 (Win)")
    assert xmp.size == len(payload)


def mpo() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene(40, 64)).save(
        buffer, "MPO", save_all=True, append_images=[Image.fromarray(scene(40, 64, seed)) for seed in (2, 3)]
    )
    return buffer.getvalue()


def test_mpo_names_its_pictures():
    data = mpo()
    found = metadata(data)
    assert len(found.mpo.pictures) == 3
    for offset, size in found.mpo.pictures:
        assert Picture.open(data[offset : offset + size]).coefficients.whole
    assert found.trailing.kind == "JPEG"
    assert found.trailing.offset == found.mpo.pictures[1][0]
    assert found.trailing.size == len(data) - found.trailing.offset
    np.testing.assert_array_equal(Picture.open(data).raster.pixels, np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("payload", [b"MPF\0", b"MPF\0II*\0\xff\xff\xff\xff", b"MPF\0MM\0*\0\0\0\x08\0\1\xb0\2"])
def test_mpo_that_breaks_off(payload):
    assert metadata(with_segment(PLAIN, 0xE2, payload)).mpo.pictures == ()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("tail", "kind"),
    [
        (zipped(), "ZIP archive"),
        (b"\0\0\0\x18ftypmp42" + bytes(40), "MP4 video"),
        (b"\0\0\1\x18ftypisom" + bytes(40), "MP4 video"),
        (PLAIN, "JPEG"),
        (bytes(16) + PLAIN, "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"MotionPhoto_Data" + b"\0\0\0\x18ftypmp42", "motion photo"),
        (bytes(100), "padding"),
        (b"\xff" * 7, "padding"),
        (b"nothing known", "unknown data"),
    ],
)
def test_what_lies_behind_the_end(tail, kind):
    picture = Picture.open(PLAIN + tail)
    trailing = picture.metadata.trailing
    assert (trailing.offset, trailing.size, trailing.kind) == (len(PLAIN), len(tail), kind)
    assert picture.damage == ()
    assert picture.coefficients.whole
    np.testing.assert_array_equal(picture.raster.pixels, Picture.open(PLAIN).raster.pixels)


def test_the_thumbnail_has_its_own_tables():
    thumbnail = pillow_jpeg(24, 32, quality=30)
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\x0e\0\0\0\2\0\1\2\4\0\1\0\0\0\x2c\0\0\0\2\2\4\0\1\0\0\0"
    exif += len(thumbnail).to_bytes(4, "little") + bytes(4) + thumbnail
    picture = Picture.open(with_segment(PLAIN, 0xE1, exif))
    found = picture.metadata.exif.thumbnail
    assert found == thumbnail
    inner = Picture.open(found).jpeg.quantization_tables[0].table
    assert not np.array_equal(inner, picture.jpeg.quantization_tables[0].table)
    assert len(picture.jpeg.quantization_tables) == 2  # those of the thumbnail do not count
