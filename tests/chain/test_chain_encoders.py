"""Every encoder writes the tables and the sampling that were asked for; what it cannot do, it says."""

import dataclasses
import io
import sys
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from jpegtrace.chain import codec, encoders
from jpegtrace.chain.encoders import Settings
from jpegtrace.chain.sampling import FACTORS, SUBSAMPLINGS
from jpegtrace.errors import ChainError, MissingExtra

pytest.importorskip("jpeglib")

ALL = encoders.names()
LUMA = np.arange(3, 67, dtype=np.uint16).reshape(8, 8)
CHROMA = np.arange(80, 16, -1, dtype=np.uint16).reshape(8, 8)


def independent_header(data):
    """Tables by component, sampling and progressive flag, as Pillow reads them."""
    image = Image.open(io.BytesIO(data))
    tables = [np.array(image.quantization[component[3]]).reshape(8, 8) for component in image.layer]
    return tables, [component[1:3] for component in image.layer], bool(image.info.get("progressive"))


@pytest.mark.parametrize("name", ALL)
def test_custom_tables_are_in_the_file(name, picture):
    data, written = encoders.encode(picture(37, 53), name, Settings(tables=(LUMA, CHROMA)))
    tables, _, _ = independent_header(data)
    np.testing.assert_array_equal(tables[0], LUMA)
    np.testing.assert_array_equal(tables[1], CHROMA)
    np.testing.assert_array_equal(tables[2], CHROMA)
    np.testing.assert_array_equal(written.luma_table, LUMA)
    assert (written.rows, written.cols) == (37, 53)


@pytest.mark.parametrize("name", ALL)
def test_component_ids_are_the_usual_ones(name, picture):
    for settings in (Settings(tables=(LUMA, CHROMA)), Settings(tables=(LUMA, CHROMA), progressive=True), Settings()):
        data, _ = encoders.encode(picture(24, 24), name, settings)
        assert [component[0] for component in Image.open(io.BytesIO(data)).layer] == [1, 2, 3]
        Image.open(io.BytesIO(data)).load()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_sampling_is_in_the_file(name, subsampling, picture):
    settings = Settings(quality=80, subsampling=subsampling)
    if subsampling not in encoders.find(name).subsamplings:
        with pytest.raises(ChainError, match=f"does not write subsampling {subsampling}; these do: turbo-210"):
            encoders.encode(picture(40, 40), name, settings)
        return
    data, written = encoders.encode(picture(40, 40), name, settings)
    assert written.subsampling == subsampling
    _, sampling, _ = independent_header(data)
    grey = subsampling == "grey"
    assert sampling == ([(1, 1)] if grey else [FACTORS[subsampling], (1, 1), (1, 1)])


@pytest.mark.parametrize("name", ALL)
def test_grey_pictures(name, picture):
    data, written = encoders.encode(np.ascontiguousarray(picture(40, 33)[..., 0]), name, Settings(quality=70))
    assert Image.open(io.BytesIO(data)).mode == "L"
    assert written.chroma_table is None


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 3), (2, 2)], ids=str)
def test_tiny_pictures(name, size, picture):
    for subsampling in encoders.find(name).subsamplings:
        for settings in (
            Settings(quality=50, subsampling=subsampling),
            Settings(subsampling=subsampling, progressive=True),
        ):
            data, written = encoders.encode(picture(*size), name, settings)
            assert (written.rows, written.cols) == size
            assert Image.open(io.BytesIO(data)).size == size[::-1]
            Image.open(io.BytesIO(data)).load()


# mozjpeg is always progressive and optimized, and its trellis depends on the scans.
@pytest.mark.parametrize("name", [name for name in ALL if name != "mozjpeg"])
def test_progressive_and_optimized_keep_the_coefficients(name, picture, coefficients):
    plain, _ = encoders.encode(picture(40, 40), name, Settings(quality=80))
    progressive, written = encoders.encode(picture(40, 40), name, Settings(quality=80, progressive=True))
    optimized, _ = encoders.encode(picture(40, 40), name, Settings(quality=80, optimize=True))
    assert written.progressive
    assert independent_header(progressive)[2]
    assert len(optimized) < len(plain)
    for other in (progressive, optimized):
        for found, expected in zip(coefficients(other), coefficients(plain), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ALL)
def test_low_qualities_stay_baseline(name, picture):
    _, written = encoders.encode(picture(16, 16), name, Settings(quality=3))
    assert written.luma_table.max() == 255


@pytest.mark.parametrize("name", ["libjpeg-turbo", "pillow", "opencv"])
def test_restart_markers(name, picture):
    data, written = encoders.encode(picture(64, 64), name, Settings(restart=2))
    assert written.restart == 2
    assert b"\xff\xd0" in data


def test_defaults_of_pillow_byte_for_byte(picture):
    for pixels in (picture(37, 53), np.ascontiguousarray(picture(37, 53)[..., 0])):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG")
        assert encoders.encode(pixels, "pillow")[0] == stream.getvalue()
        assert encoders.encode(pixels, "libjpeg-turbo")[0] == stream.getvalue()


@pytest.mark.parametrize("options", [[], [cv2.IMWRITE_JPEG_QUALITY, 60]], ids=["defaults", "quality 60"])
def test_opencv_byte_for_byte(options, picture):
    settings = Settings(quality=60) if options else Settings()
    for pixels in (picture(37, 53), np.ascontiguousarray(picture(64, 64)[..., 0])):
        reversed_channels = np.ascontiguousarray(pixels[..., ::-1]) if pixels.ndim == 3 else pixels
        expected = cv2.imencode(".jpg", reversed_channels, options)[1].tobytes()
        assert encoders.encode(pixels, "opencv", settings)[0] == expected


def test_which_encoders_agree_and_which_do_not(picture, coefficients):
    """6b and libjpeg-turbo share the arithmetic; 7 to 9 shrink chroma by DCT; mozjpeg chooses other coefficients."""
    pixels = picture(64, 64)
    settings = Settings(tables=(LUMA, CHROMA), subsampling="420")
    read = {name: coefficients(encoders.encode(pixels, name, settings)[0]) for name in ALL}
    ours = codec.compress(pixels, LUMA, CHROMA, "420")
    for name in ("libjpeg-turbo", "pillow", "opencv", "turbo-210", "libjpeg-6b"):
        assert all(np.array_equal(*pair) for pair in zip(read[name], ours, strict=True)), name
    for name in ("libjpeg-7", "libjpeg-8", "libjpeg-9"):
        assert np.array_equal(read[name][0], ours.luma), name
        assert not np.array_equal(read[name][1], ours.blue), name
    assert not np.array_equal(read["mozjpeg"][0], ours.luma)


def test_mozjpeg_brings_its_own_tables_and_scans(picture):
    _, moz = encoders.encode(picture(64, 64), "mozjpeg", Settings(quality=75))
    _, turbo = encoders.encode(picture(64, 64), "libjpeg-turbo", Settings(quality=75))
    assert moz.progressive
    assert not np.array_equal(moz.luma_table, turbo.luma_table)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mozjpeg", Settings(restart=3), "does not write restart markers"),
        ("libjpeg-turbo", Settings(tables=(LUMA + 300, CHROMA)), r"table entries 1..255, not 366"),
        ("libjpeg-6b", Settings(tables=(LUMA * 0, CHROMA)), r"1..8191, not 0"),
        ("libjpeg-9", Settings(quality=5, tables=(LUMA, CHROMA)), "a quality or tables"),
        ("libjpeg-9", Settings(quality=101), "1..100"),
        ("jpegli", Settings(), "no encoder 'jpegli'"),
    ],
)
def test_impossible_wishes_are_refused(name, settings, message, picture):
    with pytest.raises(ChainError, match=message):
        encoders.encode(picture(16, 16), name, settings)


def patched(data, at, *values):
    changed = bytearray(data)
    changed[at : at + len(values)] = bytes(values)
    return bytes(changed)


@pytest.fixture
def lying(monkeypatch):
    """Let an encoder write what `change` makes of its file."""

    def install(change, name="libjpeg-turbo"):
        honest = encoders.find(name)

        def encode(pixels, settings):
            return change(honest.encode(pixels, settings))

        monkeypatch.setitem(encoders._REGISTRY, name, dataclasses.replace(honest, encode=encode))

    return install


def without_tables(data):
    while (at := data.find(b"\xff\xdb")) >= 0:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    return data


def frame(data):
    """Where the content of a baseline frame header begins: precision, size, count, components."""
    return data.index(b"\xff\xc0") + 4


def with_restart_interval(data):
    return data[: frame(data) - 4] + b"\xff\xdd\x00\x04\x00\x09" + data[frame(data) - 4 :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: patched(data, frame(data) + 7, 0x21), "subsampling 422 instead of 420"),
        (lambda data: patched(data, frame(data) + 7, 0x41), "subsampling 411 instead of 420"),
        (lambda data: patched(data, frame(data) + 7, 0x31), "sampling factors 3x1-1x1-1x1"),
        (lambda data: patched(data, frame(data) + 10, 0x12), "sampling factors 2x2-1x2-1x1"),
        (lambda data: patched(data, frame(data) + 14, 0), "different tables for the two chroma components"),
        (lambda data: patched(data, frame(data) + 8, 3), "component without a table"),
        (without_tables, "component without a table"),
        (lambda data: patched(data, data.index(b"\xff\xdb") + 5, 99), "other tables than asked for"),
        (with_restart_interval, "restart interval 9 instead of 0"),
        (lambda data: data[: frame(data)], "cannot be read back"),
        (lambda data: data[:-2], "damaged file: the file ends without an end marker"),
        (lambda data: b"", "cannot be read back"),
    ],
)
def test_a_file_that_differs_from_what_was_asked_is_refused(change, message, picture, lying):
    lying(change)
    with pytest.raises(ChainError, match=message):
        encoders.encode(picture(24, 24), "libjpeg-turbo", Settings(tables=(LUMA, CHROMA)))


def test_a_progressive_file_that_nobody_asked_for_is_refused(picture, lying):
    progressive, _ = encoders.encode(picture(24, 24), "libjpeg-turbo", Settings(progressive=True))
    lying(lambda _: progressive)
    with pytest.raises(ChainError, match="another kind of frame"):
        encoders.encode(picture(24, 24), "libjpeg-turbo")


def test_wide_tables(picture):
    wide = (LUMA * 20, CHROMA)
    _, written = encoders.encode(picture(16, 16), "libjpeg-6b", Settings(tables=wide))
    np.testing.assert_array_equal(written.luma_table, wide[0])


def test_the_codec_of_jpeglib_is_restored_even_from_threads(picture):
    import jpeglib

    before = jpeglib.version.get()
    expected = {name: encoders.encode(picture(32, 32), name)[0] for name in ("libjpeg-6b", "libjpeg-9", "mozjpeg")}
    wrong = []

    def work(name):
        wrong.extend(name for _ in range(5) if encoders.encode(picture(32, 32), name)[0] != expected[name])

    threads = [threading.Thread(target=work, args=(name,)) for name in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert jpeglib.version.get() == before


def test_without_memory_files_a_temporary_file_serves(picture, monkeypatch):
    expected, _ = encoders.encode(picture(32, 32), "libjpeg-9")
    monkeypatch.delattr("os.memfd_create")
    assert encoders.encode(picture(32, 32), "libjpeg-9")[0] == expected


def test_without_jpeglib_the_error_says_what_to_install(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "jpeglib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'jpegtrace\[encoders\]'"):
        encoders.encode(picture(16, 16), "mozjpeg")
    encoders.encode(picture(16, 16), "libjpeg-turbo")


def test_a_name_is_taken_once():
    with pytest.raises(ChainError, match="already an encoder"):
        encoders.register(encoders.find("pillow"))


def test_every_encoder_names_its_version():
    assert "Pillow" in encoders.find("libjpeg-turbo").version()
    assert encoders.find("mozjpeg").version().startswith("mozjpeg403 (jpeglib ")
