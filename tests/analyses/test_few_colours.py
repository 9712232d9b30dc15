"""What reads decoded pixels says nothing of pictures whose colours were reduced to a palette."""

import io

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace import inspect
from jpegtrace.analyses import find_analysis
from jpegtrace.chain import simulate
from jpegtrace.errors import InputError
from jpegtrace.findings import Status
from jpegtrace.picture import Picture

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


def test_a_jpeg_of_few_colours_is_answered():
    pixels = np.zeros((256, 256, 3), np.uint8) + np.array([40, 90, 200], np.uint8)
    pixels[scene(5, 256, 256)[..., 0] > 125] = 200, 180, 60
    found = find_analysis("quality-map")(Picture.open(as_file(pixels, quality=100)))
    assert "colours" not in found.summary
