"""What reads decoded pixels says nothing of pictures whose colours were reduced to a palette."""

import io

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace import inspect
from jpegtrace.analyses import find_analysis
from jpegtrace.analyses._pixels import FEW_COLOURS
from jpegtrace.chain import simulate
from jpegtrace.errors import CorruptInput, InputError, UnsupportedFormat
from jpegtrace.findings import Status
from jpegtrace.picture import Picture
from jpegtrace.pixels.colours import reduced_to

PIXELS = simulate(scene(1, 208, 216), "jpeg:70 | crop:3,5 | jpeg:92").pixels
REDUCED = Image.fromarray(PIXELS).quantize(256)
ASKED = ("quality-map", "compression-count", "primary-table", "regions", "laundering", "manipulation")


def saved(image, form):
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


FILES = {
    "GIF": (saved(REDUCED, "GIF"), "256 colours, from a palette"),
    "PNG with a palette": (saved(REDUCED, "PNG"), "256 colours, from a palette"),
    "PNG of a GIF": (saved(REDUCED.convert("RGB"), "PNG"), "256 colours, as if from a palette"),
}


@pytest.mark.parametrize(("data", "told"), FILES.values(), ids=FILES)
class TestReduced:
    @pytest.mark.parametrize("name", ASKED)
    def test_cannot_tell(self, name, data, told):
        found = find_analysis(name)(Picture.open(data))
        assert found.status is Status.INCONCLUSIVE
        assert found.summary == (
            f"Cannot tell: the picture has only {told}, and reducing colours covers traces of JPEG and imitates others."
        )
        assert not found.values
        assert not found.claims

    @pytest.mark.parametrize("name", ["quality-map", "primary-table", "regions", "manipulation"])
    def test_no_map(self, name, data, told):
        with pytest.raises(InputError, match=told):
            find_analysis(name).maps_of(Picture.open(data), stride=32)

    def test_the_verdict_says_so_once(self, data, told):
        verdict = inspect(data).verdict
        assert verdict.text == "It was looked at, and nothing can be told."
        (sentence,) = verdict.sentences
        assert told in sentence.text
        assert sentence.analyses == tuple(sorted(ASKED, key=lambda name: find_analysis(name).place))


def test_the_same_picture_with_all_its_colours_is_answered():
    found = find_analysis("quality-map")(Picture.open(as_file(PIXELS, "PNG")))
    assert (found.status, found.quality) == (Status.OK, 92)


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_grey_pictures_are_answered(form):
    grey = simulate(np.asarray(Image.fromarray(scene(1, 208, 216)).convert("L")), "jpeg:70 | crop:3,5").pixels
    found = find_analysis("quality-map")(Picture.open(saved(Image.fromarray(np.dstack([grey] * 3)), form)))
    assert (found.status, found.quality, found.grid_origin) == (Status.OK, 70, [3, 5])


def test_grey_levels_are_named():
    few = np.asarray(Image.fromarray(PIXELS).convert("L")) // 17 * 17
    found = find_analysis("quality-map")(Picture.open(saved(Image.fromarray(few), "PNG")))
    assert found.status is Status.INCONCLUSIVE
    levels = f"{len(np.unique(few))} grey levels, as if from a palette"
    assert f"only {levels}, and reducing grey levels covers traces of JPEG" in found.summary


@pytest.mark.parametrize("name", ASKED)
def test_each_says_what_it_cannot_show(name):
    assert FEW_COLOURS in find_analysis(name).cannot_show


def test_a_jpeg_of_few_colours_is_answered():
    chequered = np.zeros((256, 256, 3), np.uint8) + np.array([16, 90, 200], np.uint8)
    chequered[np.indices((256, 256)).sum(0) % 2 == 1] = 200, 180, 60
    picture = Picture.open(as_file(chequered, quality=100, subsampling=0))
    assert reduced_to(picture.raster) == 2
    assert "colours" not in find_analysis("quality-map")(picture).summary


@pytest.mark.parametrize("name", ["quality-map", "primary-table", "regions", "manipulation"])
def test_no_map_of_a_picture_that_is_not_damaged_is_no_damage(name):
    cmyk = saved(Image.fromarray(PIXELS).convert("CMYK"), "TIFF")
    for data in (saved(REDUCED, "GIF"), cmyk):
        with pytest.raises(InputError) as caught:
            find_analysis(name).maps_of(Picture.open(data), stride=32)
        assert type(caught.value) is UnsupportedFormat


def test_no_map_of_a_damaged_picture_is_damage():
    data = as_file(PIXELS, quality=90)
    with pytest.raises(CorruptInput):
        find_analysis("quality-map").maps_of(Picture.open(data[: len(data) // 2]), stride=32)
