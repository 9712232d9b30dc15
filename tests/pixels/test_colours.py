"""Reduced colours are told from the few that small, hazy, grey and tinted pictures have by themselves."""

import io

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace.picture import Picture
from jpegtrace.pixels import colours as rules
from jpegtrace.pixels.colours import MOST, distinct_colours, reduced_to
from jpegtrace.raster import Raster
from support.rasters import png16


def rgb(pixels):
    return Raster(pixels, None, "rgb", "none")


def reduced(pixels, colours=256):
    """The pixels after a GIF of so many colours."""
    return np.asarray(Image.fromarray(pixels).quantize(colours).convert("RGB"))


def decoded(pixels, quality, **options):
    """The pixels after a JPEG."""
    return np.asarray(Image.open(io.BytesIO(as_file(pixels, quality=quality, **options))))


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

    def test_a_mark_on_it(self):
        marked = np.dstack([np.asarray(Image.fromarray(scene(4, 256, 256)).convert("L"))] * 3)
        marked[:4, :4] = 250, 20, 10
        assert 250 <= len(distinct_colours(marked)) <= MOST
        assert reduced_to(rgb(marked)) == 0

    def test_tinted_and_stretched(self):
        grey = np.asarray(Image.fromarray(scene(4, 256, 256)).convert("L")) // 2 + 40
        sepia = np.stack([np.minimum(255, grey * share) for share in (1.1, 0.95, 0.75)], axis=-1).astype(np.uint8)
        stretched = np.clip(2 * (sepia.astype(int) - 60), 0, 255).astype(np.uint8)
        assert rules._gap(distinct_colours(stretched)) > rules.LEAST_GAP
        assert reduced_to(rgb(stretched)) == 0


class TestFewByAJpeg:
    """Low quality and flat areas leave few colours far from each other, but most neighbours equal."""

    def check(self, pixels):
        colours = distinct_colours(pixels)
        assert pixels.shape[0] * pixels.shape[1] >= 256 * 256
        assert rules._gap(colours) > rules.LEAST_GAP
        assert not rules._one_tint(colours)
        assert reduced_to(rgb(pixels)) == 0

    def test_a_logo_on_white(self):
        logo = np.full((300, 300, 3), 255, np.uint8)
        logo[100:204, 60:240] = 20, 60, 150
        logo[124:180, 84:216] = 240, 200, 40
        self.check(decoded(logo, 75, subsampling=0))

    @pytest.mark.parametrize("quality", [1, 2])
    def test_a_photograph_of_the_lowest_quality(self, quality):
        self.check(decoded(scene(1, 256, 256, slope=1.6, colour=12, noise=1), quality, subsampling=0))


class TestLevels:
    """Grey pictures of few levels that lie far apart."""

    GREY = np.asarray(Image.fromarray(scene(4, 144, 160)).convert("L"))

    @staticmethod
    def grey(pixels):
        return Raster(pixels, None, "grey", "none")

    @pytest.mark.parametrize("most", [1, 3, 15])
    def test_fewer_bits(self, most):
        few = (np.rint(self.GREY / 255 * most) * (255 // most)).astype(np.uint8)
        levels = len(np.unique(few))
        assert reduced_to(self.grey(few)) == levels
        assert reduced_to(rgb(np.dstack([few] * 3))) == levels
        assert reduced_to(self.grey(few.astype(np.uint16) * 257)) == levels

    def test_dithered(self):
        assert of(as_file(np.asarray(Image.fromarray(self.GREY).convert("1")), "PNG")) == 2

    def test_tinted_and_dithered(self):
        few = self.GREY // 16 * 16
        sepia = np.stack([few, few * 0.9, few * 0.7], axis=-1).astype(np.uint8)
        assert reduced_to(rgb(sepia)) == len(np.unique(few))

    @pytest.mark.parametrize(
        "changed",
        [GREY, GREY // 8, GREY // 4 + 90, GREY // 2 * 2, GREY // 3 * 3],
        ids=["as it is", "dark", "low in contrast", "stretched by 2", "stretched by 3"],
    )
    def test_photographs_are_not_reduced(self, changed):
        assert reduced_to(self.grey(changed)) == 0

    def test_too_small_to_tell(self):
        few = self.GREY // 16 * 16
        assert reduced_to(self.grey(few[:64, :64])) == len(np.unique(few[:64, :64]))
        assert reduced_to(self.grey(few[:64, :63])) == 0

    def test_blocks_of_the_lowest_quality(self):
        steps = np.full((256, 256), 90, np.uint8)
        steps[:, 128:] = 200
        steps[96:160] = 150
        pixels = decoded(steps, 1)
        assert 2 <= len(np.unique(pixels)) <= 4
        assert reduced_to(self.grey(pixels)) == 0
