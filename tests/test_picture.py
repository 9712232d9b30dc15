"""Opening a picture: sources, names in messages, bytes left alone."""

import io
import os
import socket
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegtrace.errors import CorruptInput, LimitExceeded, UnknownFormat, UnreadableInput, UnsupportedFormat, UsageError
from jpegtrace.limits import Limits
from jpegtrace.picture import Picture
from jpegtrace.raster import Format
from support.jpegs import pillow_jpeg
from support.pictures import deep_scene, scene
from support.rasters import pillow, png16

JPEG = pillow_jpeg()


class Slow:
    """A source that gives less than it is asked for, as sockets and pipes do."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def read(self, count: int) -> bytes:
        return self.file.read(min(count, 700))


def test_every_source_gives_the_same(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(JPEG)
    with path.open("rb") as file:
        sources = {
            "path": path, "text": str(path), "bytes": JPEG, "bytearray": bytearray(JPEG), "memory": memoryview(JPEG),
            "words": memoryview(JPEG + b"\0" * (-len(JPEG) % 2)).cast("H") if len(JPEG) % 2 == 0 else JPEG,
            "file": file, "stream": io.BytesIO(JPEG), "slow": Slow(JPEG),
        }  # fmt: skip
        pictures = {name: Picture.open(source) for name, source in sources.items()}
    for name, picture in pictures.items():
        assert picture.data == JPEG, name
        assert picture.sha256 == pictures["bytes"].sha256
        np.testing.assert_array_equal(
            picture.coefficients.components[0].blocks, pictures["bytes"].coefficients.components[0].blocks
        )
    assert pictures["path"].source == pictures["text"].source == pictures["file"].source == str(path)
    assert pictures["bytes"].source == "<bytes>"
    assert pictures["stream"].source == "<file object>"
    assert Picture.open(JPEG, name="evidence 7").source == "evidence 7"


def test_input_bytes_are_never_changed(tmp_path):
    for data in (JPEG, pillow_jpeg(progressive=True), png16(deep_scene()), pillow(Image.fromarray(scene()), "TIFF")):
        path = tmp_path / "file"
        path.write_bytes(data)
        array = bytearray(data)
        picture = Picture.open(array)
        for source in (picture, Picture.open(path)):
            _ = source.metadata, source.damage, source.raster, source.sha256
            if source.jpeg:
                _ = source.planes()
        assert array == data
        assert picture.data == data
        assert path.read_bytes() == data
        array[:4] = b"\0\0\0\0"  # and the picture does not follow its source
        assert picture.data == data


def test_a_picture_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Picture.open(JPEG).data = b""


@pytest.mark.parametrize("name", ["picture.jpg", "picture.png", "picture", "picture.txt"])
def test_the_format_comes_from_the_content(tmp_path, name):
    for form, data in ((Format.PNG, png16(deep_scene())), (Format.JPEG, JPEG)):
        path = tmp_path / name
        path.write_bytes(data)
        assert Picture.open(path).format is form


def test_paths_that_cannot_be_read(tmp_path):
    with pytest.raises(UnreadableInput, match="folder") as caught:
        Picture.open(tmp_path)
    assert caught.value.source == str(tmp_path)
    with pytest.raises(UnreadableInput, match="No such file"):
        Picture.open(tmp_path / "missing.jpg")
    with pytest.raises(UnreadableInput, match="null byte"):
        Picture.open("a\0b.jpg")
    with pytest.raises(UnreadableInput, match="name too long"):
        Picture.open("x" * 5000)
    with pytest.raises(UnreadableInput, match="folder"):
        Picture.open("")


def test_devices_and_pipes_are_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableInput, match="device or a pipe"):
        Picture.open(pipe)
    with pytest.raises(UnreadableInput, match="device or a pipe"):
        Picture.open("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "secret.jpg"
    path.write_bytes(JPEG)
    path.chmod(0)
    with pytest.raises(UnreadableInput, match="Permission"):
        Picture.open(path)


def test_a_socket_is_read_to_its_end():
    left, right = socket.socketpair()
    sender = threading.Thread(target=lambda: (left.sendall(JPEG), left.close()))
    sender.start()
    with right, right.makefile("rb", buffering=0) as file:
        assert Picture.open(file).data == JPEG
    sender.join()


def test_objects_that_are_no_source(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(JPEG)
    with path.open(encoding="utf-8") as file, pytest.raises(UsageError, match="binary mode"):
        Picture.open(file)
    with pytest.raises(UsageError, match="binary mode"):
        Picture.open(io.StringIO("text"))
    for thing in (None, 7, 1.5, ["a"], object()):
        with pytest.raises(UsageError, match=type(thing).__name__):
            Picture.open(thing)
    with path.open("rb") as file:
        file.close()
        with pytest.raises(UnreadableInput, match="closed"):
            Picture.open(file)


def test_messages_name_the_input_once(tmp_path):
    path = tmp_path / "note.jpg"
    path.write_text("only text")
    with pytest.raises(UnknownFormat) as caught:
        Picture.open(path)
    assert str(caught.value).startswith(f"{path}: the content is no picture format")
    assert str(caught.value).count(str(path)) == 1
    with pytest.raises(LimitExceeded) as caught:
        Picture.open(path, limits=Limits(bytes=3))
    assert caught.value.source == str(path)
    path.write_bytes(JPEG[:-300])
    picture = Picture.open(path)
    for ask in (lambda: picture.coefficients, picture.planes, lambda: picture.raster):
        with pytest.raises(CorruptInput) as caught:
            ask()
        assert str(caught.value).startswith(f"{path}: ")


def test_what_only_jpegs_have():
    picture = Picture.open(png16(deep_scene()))
    assert (picture.jpeg, picture.metadata, picture.damage) == (None, None, ())
    for ask in (lambda: picture.coefficients, lambda: picture.partial_coefficients, picture.planes):
        with pytest.raises(UnsupportedFormat, match="a PNG has no JPEG coefficients"):
            ask()


def test_names_beyond_ascii(tmp_path):
    path = Path(tmp_path) / "Bäume 木 \U0001f333.jpg"
    path.write_bytes(JPEG)
    assert Picture.open(path).source == str(path)
