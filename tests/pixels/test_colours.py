"""Reduced colours are told from the few that small, hazy, grey and tinted pictures have by themselves."""

import io

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace.picture import Picture
from jpegtrace.pixels.colours import MOST, distinct_colours, reduced_to
from jpegtrace.raster import Raster
from support.rasters import png16


def rgb(pixels):
    return Raster(pixels, None, "rgb", "none")


def reduced(pixels, colours=256):
    """The pixels after a GIF of so many colours."""
    return np.asarray(Image.fromarray(pixels).quantize(colours).convert("RGB"))


def of(data):
    return reduced_to(Picture.open(data).raster)


@pytest.mark.parametrize("count", [1, 2, 100, MOST])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_are_those_that_occur(count, dtype):
    rng = np.random.default_rng(count)
    colours = np.unique(rng.integers(0, np.iinfo(dtype).max, (count, 3), endpoint=True).astype(dtype), axis=0)
    places = np.concatenate([np.arange(len(colours)), rng.integers(0, len(colours), 60 * 70 - len(colours))])
    pixels = colours[rng.permutation(places)].reshape(60, 70, 3)
    found = distinct_colours(pixels)
    np.testing.assert_array_equal(np.unique(found, axis=0), colours)
    assert len(found) == len(colours)


def test_one_colour_too_many():
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels.reshape(-1, 3)[:MOST, 1] = np.arange(MOST)
    assert len(distinct_colours(pixels)) == MOST
    pixels[-1, -1] = 1
    assert distinct_colours(pixels) is None


@pytest.mark.parametrize("colours", [16, 64, 256])
def test_a_palette_shows_without_its_file(colours):
    assert reduced_to(rgb(reduced(scene(1, 144, 160), colours))) == colours


def test_sixteen_bits_of_a_palette():
    pixels = reduced(scene(1, 144, 160))
    assert of(png16(pixels.astype(np.uint16) * 257)) == 256


def test_a_part_that_lies_in_a_larger_array():
    pixels = reduced(scene(1, 144, 160), 64)
    assert reduced_to(rgb(pixels[3:133, 5:145])) == 64


@pytest.mark.parametrize(("form", "options"), [("GIF", {}), ("PNG", {}), ("BMP", {}), ("TIFF", {})])
@pytest.mark.parametrize("side", [24, 96])
def test_a_file_with_a_palette_of_any_size(form, options, side):
    out = io.BytesIO()
    Image.fromarray(scene(2, side, side)).quantize(32).save(out, form, **options)
    assert of(out.getvalue()) == 32


@pytest.mark.parametrize("chain", [None, 5, 30, 90])
def test_photographs_are_not_reduced(chain):
    pixels = scene(3, 96, 96)
    if chain is not None:
        pixels = np.asarray(Image.open(io.BytesIO(as_file(pixels, quality=chain))))
    assert reduced_to(rgb(pixels)) == 0


def test_small_pictures_have_few_colours():
    assert reduced_to(rgb(scene(3, 16, 16))) == 0


def test_hazy_pictures_have_few_colours_that_are_neighbours():
    rng = np.random.default_rng(1)
    pixels = (200 + np.linspace(0, 12, 200)[:, None, None] + rng.normal(0, 0.7, (200, 200, 3))).astype(np.uint8)
    pixels[..., 1:] = pixels[..., :1] + (pixels[..., 1:] & 1)
    assert distinct_colours(pixels) is not None
    assert reduced_to(rgb(pixels)) == 0


class TestGrey:
    GREY = np.asarray(Image.fromarray(scene(4, 144, 160)).convert("L"))

    def test_one_channel_and_three(self):
        assert of(as_file(self.GREY, "PNG")) == 0
        assert of(as_file(np.dstack([self.GREY] * 3), "PNG")) == 0

    def test_a_palette_of_grey_levels(self):
        image = Image.fromarray(np.dstack([self.GREY] * 3)).quantize(256)
        out = io.BytesIO()
        image.save(out, "PNG")
        assert Picture.open(out.getvalue()).raster.palette
        assert of(out.getvalue()) == 0

    def test_tinted(self):
        sepia = np.stack([np.minimum(255, self.GREY * share) for share in (1.1, 0.95, 0.75)], axis=-1).astype(np.uint8)
        assert distinct_colours(sepia) is not None
        assert reduced_to(rgb(sepia)) == 0

    def test_flat(self):
        assert reduced_to(rgb(np.full((128, 128, 3), (10, 200, 30), np.uint8))) == 0
