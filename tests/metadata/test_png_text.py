"""Texts of PNG files: all three kinds, in order, and nothing that a damaged or greedy file could do."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jpegtrace.errors import LimitExceeded
from jpegtrace.limits import Limits
from jpegtrace.metadata import read_png_texts
from jpegtrace.metadata.png_text import LONGEST, MOST

PLAIN = np.zeros((2, 2), np.uint8)


def png(*texts):
    info, out = PngInfo(), io.BytesIO()
    for keyword, text, kind in texts:
        if kind == "iTXt":
            info.add_itxt(keyword, text)
        else:
            info.add_text(keyword, text, zip=kind == "zTXt")
    Image.fromarray(PLAIN).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def test_all_kinds_of_text_are_read_in_order():
    data = png(("Software", "GIMP 2.10", "tEXt"), ("Comment", "a" * 500, "zTXt"), ("Title", "été", "iTXt"))
    found = read_png_texts(data, Limits())
    assert [(one.keyword, one.text) for one in found] == [
        ("Software", "GIMP 2.10"), ("Comment", "a" * 500), ("Title", "été")
    ]  # fmt: skip
    assert all(data[one.offset + 4 : one.offset + 8] in (b"tEXt", b"zTXt", b"iTXt") for one in found)


def test_a_file_without_texts_or_of_another_kind_has_none():
    assert read_png_texts(png(), Limits()) == ()
    assert read_png_texts(b"\xff\xd8\xff\xd9", Limits()) == ()


def test_every_cut_and_every_changed_byte_is_survived():
    data = png(("Software", "GIMP", "tEXt"), ("Comment", "a" * 90, "zTXt"), ("Title", "b", "iTXt"))
    for end in range(len(data)):
        read_png_texts(data[:end], Limits())
    for place in range(8, len(data)):
        changed = bytearray(data)
        changed[place] ^= 0xFF
        read_png_texts(bytes(changed), Limits())


def chunk(kind, body):
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def test_a_text_that_unpacks_without_end_is_cut():
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50 * LONGEST)))
    (found,) = read_png_texts(b"\x89PNG\r\n\x1a\n" + bomb, Limits())
    assert len(found.text) == LONGEST


@pytest.mark.parametrize("body", [b"no end of the keyword", b"Comment\0\1packed", b"Comment\0\0no zlib"])
def test_what_is_no_text_is_left_out(body):
    assert read_png_texts(b"\x89PNG\r\n\x1a\n" + chunk(b"zTXt", body), Limits()) == ()


def test_the_number_of_texts_and_chunks_is_bounded():
    many = b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"a\0b") * (MOST + 5)
    assert len(read_png_texts(many, Limits())) == MOST
    with pytest.raises(LimitExceeded):
        read_png_texts(many, Limits(markers=50))
