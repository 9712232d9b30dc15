"""Exact pixels of every format, against arrays that were written and against Pillow."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from jpegtrace.errors import CorruptInput, LimitExceeded, UnknownFormat, UnsupportedFormat
from jpegtrace.limits import DEFAULT_LIMITS
from jpegtrace.picture import Picture
from jpegtrace.raster import Format, read_raster
from support.jpegs import pillow_jpeg
from support.pictures import deep_scene, scene
from support.rasters import hand_tiff, pillow, png16, tiff, tiff_by_hand

CHANNELS = {1: ("grey", False), 2: ("grey", True), 3: ("rgb", False), 4: ("rgb", True)}


def check(data: bytes, form: Format, samples: np.ndarray, *, mode: str = "", alpha: bool | None = None) -> Picture:
    """Pixels and alpha of `data` are `samples`, (height, width[, channels])."""
    picture = Picture.open(data)
    assert picture.format is form
    samples = samples if samples.ndim == 3 else samples[..., None]
    default_mode, default_alpha = CHANNELS[samples.shape[2]]
    has_alpha = default_alpha if alpha is None else alpha
    colour = samples[..., :-1] if has_alpha else samples
    raster = picture.raster
    assert raster.mode == (mode or default_mode)
    assert (picture.height, picture.width) == raster.pixels.shape[:2] == samples.shape[:2]
    assert raster.pixels.dtype == samples.dtype
    assert raster.bits == 8 * samples.dtype.itemsize
    np.testing.assert_array_equal(raster.pixels, colour[..., 0] if raster.mode == "grey" else colour)
    if has_alpha:
        np.testing.assert_array_equal(raster.alpha, samples[..., -1])
    else:
        assert raster.alpha is None
    return picture


# --- PNG ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(24, 37), (1, 1), (1, 5), (5, 1), (3, 2), (9, 8)], ids=str)
def test_png_16(channels, interlaced, size):
    samples = deep_scene(*size, channels=channels).reshape(*size, channels)
    check(png16(samples, interlaced=interlaced, idat=50), Format.PNG, samples)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_16_of_opencv(channels):
    samples = deep_scene(channels=channels)
    done, data = cv2.imencode(".png", samples)
    assert done
    order = {1: slice(None), 3: (2, 1, 0), 4: (2, 1, 0, 3)}[channels]
    check(data.tobytes(), Format.PNG, samples if channels == 1 else samples[..., order])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_png_8(mode):
    image = Image.fromarray(scene(20, 31)).convert("RGBA").convert(mode)
    check(pillow(image, "PNG"), Format.PNG, np.asarray(image))


@pytest.mark.parametrize("transparency", [None, 3])
def test_png_palette(transparency):
    image = Image.fromarray(scene(20, 31)).quantize(16)
    options = {} if transparency is None else {"transparency": transparency}
    expected = np.asarray(image.convert("RGB"))
    if transparency is not None:
        opacity = np.where(np.asarray(image) == transparency, 0, 255).astype(np.uint8)
        expected = np.dstack([expected, opacity])
    picture = check(pillow(image, "PNG", **options), Format.PNG, expected)
    assert picture.raster.note == "the palette was resolved"


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_png_of_few_bits(bits):
    import struct
    import zlib

    from support.rasters import png_chunk

    values = np.random.default_rng(bits).integers(0, 1 << bits, (9, 16)).astype(np.uint8)
    rows = [b"\0" + np.packbits(((row[:, None] >> np.arange(bits)[::-1]) & 1).ravel()).tobytes() for row in values]
    data = (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 9, bits, 0, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + png_chunk(b"IEND", b"")
    )
    check(data, Format.PNG, (values * (255 // ((1 << bits) - 1))).astype(np.uint8))


def test_png_16_that_breaks_the_rules():
    samples = deep_scene(9, 11)
    good = png16(samples)
    at = good.index(b"IDAT")
    with pytest.raises(CorruptInput, match="checksum"):
        _ = Picture.open(good[: at + 9] + bytes([good[at + 9] ^ 1]) + good[at + 10 :]).raster
    with pytest.raises(CorruptInput, match="cut off"):
        _ = Picture.open(good[:-6]).raster
    missing = png16(samples[:5])
    header = good[: good.index(b"IDAT") - 4]
    with pytest.raises(CorruptInput, match=r"holds 335 of 603 bytes"):
        _ = Picture.open(header + missing[missing.index(b"IDAT") - 4 :]).raster
    with pytest.raises(CorruptInput, match="header"):
        read_raster(good[:27], Format.PNG, DEFAULT_LIMITS)


# --- TIFF -----------------------------------------------------------------------------------------------------------

TIFF_OPTIONS = {
    "plain": {},
    "LZW": {"compression": "lzw"},
    "LZW predicted": {"compression": "lzw", "predictor": 2},
    "Deflate": {"compression": "zlib"},
    "Deflate predicted": {"compression": "zlib", "predictor": 2},
    "PackBits": {"compression": "packbits"},
    "strips": {"rowsperstrip": 5},
    "strips LZW": {"rowsperstrip": 5, "compression": "lzw"},
    "tiles": {"tile": (16, 32)},
    "tiles Deflate predicted": {"tile": (16, 16), "compression": "zlib", "predictor": 2},
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", TIFF_OPTIONS.values(), ids=TIFF_OPTIONS)
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba", "planar"])
@pytest.mark.parametrize("depth", [8, 16])
def test_tiff(order, options, kind, depth):
    channels = {"grey": 1, "rgba": 4}.get(kind, 3)
    samples = (deep_scene if depth == 16 else scene)(50, 43, channels=channels)
    settings = {"photometric": "minisblack" if kind == "grey" else "rgb", "byteorder": order, **options}
    if options.get("compression") in ("lzw", "packbits"):
        data = tiff_by_hand(samples, planar=kind == "planar", extrasamples=kind == "rgba", **settings)
        check(data, Format.TIFF, samples)
        return
    stored = samples
    if kind == "rgba":
        settings["extrasamples"] = ["unassalpha"]
    if kind == "planar":
        settings["planarconfig"] = "separate"
        stored = np.ascontiguousarray(samples.transpose(2, 0, 1))
    data = tiff(stored, **settings)
    assert data[:2] == (b"II" if order == "<" else b"MM")
    check(data, Format.TIFF, samples)


@pytest.mark.parametrize("repetition", [1, 40])
def test_tiff_lzw_of_long_strings(repetition):
    # More than 4096 codes, so that the table is cleared; and strings that repeat themselves.
    samples = np.repeat(np.random.default_rng(1).integers(0, 65536, (120, 3, 3)).astype(np.uint16), repetition, axis=1)
    samples = np.tile(samples, (1, 30 // min(repetition, 30), 1))
    data = tiff_by_hand(samples, byteorder="<", photometric="rgb", compression="lzw")
    check(data, Format.TIFF, samples)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1], samples)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("predictor", [1, 2])
def test_tiff_16_of_opencv(compression, predictor):
    samples = deep_scene(150, 143)
    done, data = cv2.imencode(
        ".tiff", samples[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    )
    assert done
    check(data.tobytes(), Format.TIFF, samples)


def test_tiff_of_several_pictures():
    samples = deep_scene(12, 13)
    buffer = tiff(np.stack([samples] * 3), photometric="rgb")
    picture = check(buffer, Format.TIFF, samples)
    assert picture.raster.frames == 3
    shallow = check(tiff(np.stack([scene(12, 13)] * 4), photometric="rgb"), Format.TIFF, scene(12, 13))
    assert shallow.raster.frames == 4


def test_tiff_cmyk():
    samples = scene(21, 22, channels=4)
    check(tiff(samples, photometric="separated"), Format.TIFF, samples, mode="cmyk", alpha=False)
    deep = deep_scene(21, 22, channels=4)
    check(tiff(deep, photometric="separated"), Format.TIFF, deep, mode="cmyk", alpha=False)


def test_tiff_with_palette():
    image = Image.fromarray(scene(20, 31)).quantize(16)
    check(pillow(image, "TIFF"), Format.TIFF, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_tiff_orientation_is_not_applied(orientation, compression):
    samples = scene(20, 31)
    tags = {274: orientation}
    options = {"compression": compression} if compression else {}
    data = pillow(Image.fromarray(samples), "TIFF", tiffinfo=tags, **options)
    picture = check(data, Format.TIFF, samples)
    assert picture.raster.note == f"orientation {orientation} is stored and was not applied"
    assert picture.data == data
    deep = deep_scene(20, 31)
    deep_data = tiff(deep, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    assert f"orientation {orientation}" in check(deep_data, Format.TIFF, deep).raster.note


def test_tiff_extra_channels_are_left_out():
    samples = deep_scene(12, 13, channels=4)
    more = np.concatenate([samples, samples[..., :1]], axis=2)
    data = tiff(more, photometric="rgb", planarconfig="contig", extrasamples=["unspecified", "unspecified"])
    picture = check(data, Format.TIFF, samples[..., :3])
    assert picture.raster.note == "2 extra channels are left out"


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def deep_tiff(**changes: tuple[int, int, bytes]) -> bytes:
    """A 16-bit RGB TIFF of 2x2 pixels made by hand, with some tags changed."""
    tags = {
        256: (3, 1, u32(2)), 257: (3, 1, u32(2)), 258: (3, 3, u32(200)), 259: (3, 1, u32(1)), 262: (3, 1, u32(2)),
        273: (4, 1, u32(206)), 277: (3, 1, u32(3)), 278: (3, 1, u32(2)), 279: (4, 1, u32(24)),
    }  # fmt: skip
    tags.update({int(name[1:]): value for name, value in changes.items()})
    entries = [(tag, *tags[tag]) for tag in sorted(tags) if tags[tag][1]]
    head = hand_tiff(entries)
    assert len(head) <= 200
    return head.ljust(200, b"\0") + b"\x10\0" * 3 + bytes(range(24))


def test_tiff_by_hand():
    samples = np.frombuffer(bytes(range(24)), "<u2").astype(np.uint16).reshape(2, 2, 3)
    check(deep_tiff(), Format.TIFF, samples)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"t256": (3, 0, b"")}, CorruptInput, "0x2"),
        ({"t257": (3, 1, u32(0))}, CorruptInput, "2x0"),
        ({"t259": (3, 1, u32(7))}, UnsupportedFormat, "compression 7"),
        ({"t262": (3, 1, u32(6))}, UnsupportedFormat, "colour space 6"),
        ({"t317": (3, 1, u32(3))}, UnsupportedFormat, "predictor 3"),
        ({"t339": (3, 1, u32(3))}, UnsupportedFormat, "sample format 3"),
        ({"t277": (3, 1, u32(2))}, UnsupportedFormat, "2 samples"),
        ({"t277": (3, 1, u32(60000))}, UnsupportedFormat, "60,000 samples"),
        ({"t278": (3, 1, u32(0))}, CorruptInput, "no size"),
        ({"t273": (3, 0, b"")}, CorruptInput, "0 of 1 pieces"),
        ({"t273": (4, 1, u32(225))}, CorruptInput, "holds 5 of 24"),
        ({"t273": (4, 1, u32(9999))}, CorruptInput, "holds 0 of 24"),
        ({"t279": (4, 1, u32(23))}, CorruptInput, "holds 23 of 24"),
        ({"t259": (3, 1, u32(5))}, CorruptInput, "bytes"),
        ({"t259": (3, 1, u32(8))}, CorruptInput, "damaged"),
        ({"t259": (3, 1, u32(32773))}, CorruptInput, "bytes"),
        ({"t279": (4, 90, u32(8))}, CorruptInput, "beyond the end"),
        ({"t305": (1, 3_000_000_000, u32(8))}, CorruptInput, "more bytes than the file has"),
    ],
)
def test_tiff_that_breaks_the_rules(changes, error, says):
    with pytest.raises(error, match=says) as caught:
        _ = Picture.open(deep_tiff(**changes)).raster
    assert caught.value.offset is not None


def test_tiff_directory_beyond_the_end():
    with pytest.raises(CorruptInput, match="directory lies beyond"):
        Picture.open(b"II*\0\xff\xff\0\0" + bytes(20))


def test_tiff_whose_tags_all_name_one_large_value():
    import struct
    import tracemalloc

    body = b"".join(struct.pack("<HHII", tag, 1, 400_000, 100) for tag in range(300, 60_300))
    data = b"II*\0" + struct.pack("<IH", 8, 60_000) + body + bytes(4)
    tracemalloc.start()
    with pytest.raises(CorruptInput, match="claim more bytes"):
        Picture.open(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_tiff_with_thousands_of_directories():
    import struct

    samples = scene(8, 8)
    data = bytearray(tiff(samples, photometric="rgb"))
    data += bytes(len(data) % 2)
    directory = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[directory : directory + 2], "little")
    link = directory + 2 + 12 * count
    data[link : link + 4] = struct.pack("<I", len(data))
    for i in range(50_000):
        data += struct.pack("<HI", 0, len(data) + 6 if i < 49_999 else 0)
    assert Picture.open(bytes(data)).raster.frames == 10_000  # where counting stops


def test_float_tiff_is_not_read():
    with pytest.raises(UnsupportedFormat, match="mode F"):
        _ = Picture.open(tiff(np.ones((8, 8), np.float32))).raster


# --- the others -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp(mode):
    image = Image.fromarray(scene(20, 31)).convert("RGBA").convert(mode)
    data = pillow(image, "BMP")
    again = Image.open(io.BytesIO(data))
    check(data, Format.BMP, np.asarray(again.convert({"1": "L", "P": "RGB"}.get(mode, again.mode))))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_lossless(mode):
    samples = scene(20, 31, channels=len(mode))
    if mode == "RGBA":
        samples[..., 3] |= 1
    check(pillow(Image.fromarray(samples), "WEBP", lossless=True, exact=True), Format.WEBP, samples)


def test_webp_lossy_and_animated():
    image = Image.fromarray(scene(20, 31))
    data = pillow(image, "WEBP", quality=60)
    check(data, Format.WEBP, np.asarray(Image.open(io.BytesIO(data))))
    frames = [Image.fromarray(scene(20, 31, seed)) for seed in (2, 3)]
    data = pillow(image, "WEBP", save_all=True, append_images=frames, lossless=True)
    assert Picture.open(data).raster.frames == 3
    np.testing.assert_array_equal(Picture.open(data).raster.pixels[..., :3], scene(20, 31))


def test_gif():
    image = Image.fromarray(scene(20, 31)).quantize(64)
    check(pillow(image, "GIF"), Format.GIF, np.asarray(image.convert("RGB")))
    others = [Image.fromarray(scene(20, 31, seed)).quantize(64) for seed in range(2, 6)]
    picture = Picture.open(pillow(image, "GIF", save_all=True, append_images=others, comment=b"hello" * 100))
    assert picture.raster.frames == 5
    np.testing.assert_array_equal(picture.raster.pixels, np.asarray(image.convert("RGB")))


def test_gif_of_very_many_blocks_is_read_in_time():
    image = Image.fromarray(scene(20, 31)).quantize(64)
    data = pillow(image, "GIF")
    frame = b"\x2c" + bytes(4) + b"\1\0\1\0\0" + b"\2\2\x44\1\0"
    assert Picture.open(data[:-1] + frame * 200_000 + b";").raster.frames == 200_001


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("maximum", [65535, 1023, 256])
def test_pnm_16(channels, maximum):
    samples = (deep_scene(7, 9, channels=channels).astype(np.uint32) % (maximum + 1)).astype(np.uint16)
    header = f"P{5 if channels == 1 else 6} # a comment 1 2\n#another\n9\t7\r\n# third\n{maximum}\n".encode()
    picture = check(header + samples.astype(">u2").tobytes(), Format.PNM, samples)
    assert (picture.raster.note is None) == (maximum == 65535)


@pytest.mark.parametrize("kind", ["P5", "P6", "P4"])
def test_pnm_8(kind):
    image = Image.fromarray(scene(20, 31)).convert({"P5": "L", "P6": "RGB", "P4": "1"}[kind])
    data = pillow(image, "PPM")
    assert data.startswith(kind.encode())
    check(data, Format.PNM, np.asarray(image.convert("L") if kind == "P4" else image))


def test_pnm_as_text():
    picture = check(
        b"P2\n# comment\n3 2\n255\n0 1 2\n253 254 255\n", Format.PNM, np.array([[0, 1, 2], [253, 254, 255]], np.uint8)
    )
    assert picture.raster.decoder.startswith("Pillow")
    deep = np.array([[0, 1, 500], [1000, 1022, 1023]], np.uint16)
    check(b"P2\n# comment\n3 2\n1023\n0 1 500 # more\n1000 1022 1023\n", Format.PNM, deep)
    colour = np.arange(0, 60000, 5000, dtype=np.uint16).reshape(2, 2, 3)
    text = " ".join(str(v) for v in colour.ravel()).encode()
    check(b"P3 2 2 65535\n" + text, Format.PNM, colour)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"P5 4 4 65535\n" + bytes(31), "holds 31 of 32"),
        (b"P5 0 4 65535\n" + bytes(32), "."),
        (b"P2 2 2 1000\n1 2 3", "holds 3 of 4"),
        (b"P2 2 2 1000\n1 2 3 4000", "4,?000"),
        (b"P2 2 2 1000\n1 2 3 x", "b'x' is no sample"),
        (b"P5 2 2 1000\n" + bytes([0, 1, 0, 2, 0, 3, 4, 0]), "1,024"),
        (b"P6 4 4 255\n" + bytes(40), "."),
        (b"P6 4 4\n", "."),
    ],
)
def test_pnm_that_breaks_the_rules(data, says):
    with pytest.raises(CorruptInput, match=says):
        _ = Picture.open(data).raster


def test_smaller_than_a_block():
    samples = deep_scene(1, 3)
    check(png16(samples), Format.PNG, samples)
    tiny = scene(2, 3)
    for form in ("PNG", "TIFF", "BMP"):
        check(pillow(Image.fromarray(tiny), form), Format[form], tiny)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "WEBP", "GIF", "PPM", "JPEG"])
def test_cut_off_files_are_refused_not_filled_in(form):
    data = pillow(Image.fromarray(scene(64, 64)), form)
    with pytest.raises(CorruptInput):
        _ = Picture.open(data[: len(data) // 2]).raster


def test_the_decoder_is_named():
    assert Picture.open(pillow_jpeg()).raster.decoder.count(".") >= 2
    assert "libjpeg-turbo" in Picture.open(pillow_jpeg()).raster.decoder
    assert Picture.open(png16(deep_scene(3, 3))).raster.decoder == "jpegtrace"


def retag(data: bytes, tag: int, number: int) -> bytes:
    """A little-endian TIFF with another number in one tag."""
    at = data.index(tag.to_bytes(2, "little"), int.from_bytes(data[4:8], "little") + 2)
    return data[: at + 8] + number.to_bytes(4, "little") + data[at + 12 :]


def test_pixels_that_are_missing_are_not_black():
    # Pillow reads all of these without a word.
    from support.rasters import png_chunk

    png = pillow(Image.fromarray(scene(64, 40)), "PNG")
    taller = png[:20] + (128).to_bytes(4, "big") + png[24:29]
    taller = png[:8] + png_chunk(b"IHDR", taller[16:29]) + png[33:]
    with pytest.raises(CorruptInput, match=r"holds 7,744 of 15,488 bytes of pixels"):
        _ = Picture.open(taller).raster
    strips = tiff_by_hand(scene(64, 40), byteorder="<", photometric="rgb", rowsperstrip=8)
    with pytest.raises(CorruptInput, match="names 8 of 16 pieces"):
        _ = Picture.open(retag(strips, 257, 128)).raster
    tiles = tiff(scene(64, 48), photometric="rgb", tile=(16, 16))
    with pytest.raises(CorruptInput, match="names 12 of 24 pieces"):
        _ = Picture.open(retag(tiles, 257, 128)).raster


def test_png_checksums_matter_where_pixels_do():
    png = pillow(Image.fromarray(scene(64, 40)), "PNG")
    damaged = bytearray(png)
    damaged[png.index(b"IEND") - 6] ^= 1  # the checksum of the pixels
    with pytest.raises(CorruptInput, match="checksum of PNG chunk b'IDAT'"):
        _ = Picture.open(bytes(damaged)).raster
    with pytest.raises(CorruptInput, match="cut off"):
        _ = Picture.open(png[:-8]).raster


# --- sniffing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypavif", "AVIF"), (b"\0\0\0\x18ftypheic", "HEIC"), (b"\0\0\0\x18ftypmif1", "HEIF"),
        (b"\0\0\0\x18ftypisom", "ISO media"), (b"\xff\x0a\x12", "JPEG XL"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"), (b"\xff\x4f\xff\x51", "JPEG 2000"), (b"II+\0", "BigTIFF"),
        (b"MM\0+", "BigTIFF"), (b"8BPS", "Photoshop"), (b"%PDF-1.7", "PDF"), (b"gimp xcf", "GIMP"),
    ],
)  # fmt: skip
def test_formats_known_by_name_only(head, name):
    with pytest.raises(UnsupportedFormat, match=name) as caught:
        Picture.open(head.ljust(64, b"\0"))
    assert caught.value.offset == 0


@pytest.mark.parametrize("data", [b"just some text", b"\0" * 100, b"<svg></svg>", b"P7 1 1", b"BM", b"\xff"])
def test_unknown_content(data):
    with pytest.raises(UnknownFormat, match=r"begins with [0-9a-f ]+ \(at byte 0\)"):
        Picture.open(data)


def test_empty_input():
    with pytest.raises(UnknownFormat, match="empty"):
        Picture.open(b"")


MAGIC = [
    b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"BM" + bytes(24),
    b"P5\n\n\n\n\n\n",
]  # fmt: skip


@pytest.mark.parametrize("head", MAGIC)
@pytest.mark.parametrize("tail", [b"", b"\0", bytes(5), b"\xff" * 40])
def test_a_magic_number_alone_is_corrupt(head, tail):
    with pytest.raises((CorruptInput, LimitExceeded)) as caught:
        _ = Picture.open(head + tail).raster
    assert str(caught.value)


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (10, 20, 30)), ("L", 7), ("1", 0)])
def test_a_colour_that_stands_for_transparency_becomes_alpha(mode, colour):
    picture = Image.new(mode, (5, 4), (255, 255, 255) if mode == "RGB" else 255)
    picture.putpixel((1, 2), colour)
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=colour)
    raster = Picture.open(out.getvalue()).raster
    assert raster.alpha is not None
    assert raster.alpha[2, 1] == 0
    assert (raster.alpha == 0).sum() == 1
