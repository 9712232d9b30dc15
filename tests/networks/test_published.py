"""The published networks from Python: shapes, checks of inputs, and that they tell what they were trained for."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegtrace import networks
from jpegtrace.errors import UsageError
from jpegtrace.networks import published
from support.pictures import scene


@pytest.fixture(scope="module")
def pixels():
    return scene(160, 208, seed=3)


def saved(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


class TestQfPixel:
    def test_maps_cover_the_picture_in_range(self, pixels):
        maps = published.qf_pixel(pixels)
        assert maps.quality.shape == maps.flag.shape == pixels.shape[:2]
        assert 0 <= maps.quality.min() <= maps.quality.max() <= 100
        assert 0 <= maps.flag.min() <= maps.flag.max() <= 1

    def test_tiles_do_not_show(self, pixels):
        told = []
        whole = published.qf_pixel(pixels)
        tiled = published.qf_pixel(pixels, tile=64, progress=told.append)
        np.testing.assert_allclose(tiled.quality, whole.quality, atol=1e-2)
        np.testing.assert_allclose(tiled.flag, whole.flag, atol=1e-4)
        assert told == pytest.approx(np.arange(1, 13) / 12)

    def test_the_input_is_left_alone(self, pixels):
        before = pixels.copy()
        published.qf_pixel(pixels)
        assert np.array_equal(pixels, before)

    def test_coarser_compression_is_told_as_such(self, pixels):
        found = [published.qf_pixel(saved(pixels, quality)) for quality in (10, 50, 90)]
        assert [maps.ever_jpeg for maps in found] == [True] * 3
        qualities = [maps.picture_quality for maps in found]
        assert qualities == sorted(qualities)
        assert qualities[0] < 30
        assert qualities[2] > 70

    @pytest.mark.parametrize("wrong", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)])
    def test_other_arrays_are_refused(self, wrong):
        with pytest.raises(UsageError, match="a picture must be uint8 RGB"):
            published.qf_pixel(wrong)


def test_patches_of_another_shape_are_refused():
    for ask in (published.q1_dense, published.q1_dense_reg):
        with pytest.raises(UsageError, match=r"patches must be uint8 \(n, 64, 64, 3\)"):
            ask(np.zeros((2, 64, 32, 3), np.uint8))


def test_planes_of_another_shape_are_refused():
    table = np.ones((8, 8))
    with pytest.raises(UsageError, match="a plane must be uint8"):
        published.djpeg_hist(np.zeros((8, 8, 3), np.uint8), table)
    with pytest.raises(UsageError, match="a plane must be uint8"):
        published.djpeg_srnet(np.zeros((64, 64)))
    with pytest.raises(UsageError, match="sides in multiples of 8"):
        published.af_edsr(np.zeros((12, 16)), table, 70)


def test_the_steps_told_are_those_of_the_network():
    """`LARGEST` is where the blocks of an output end; the card knows how many there are."""
    assert sum(published.LARGEST) == 226
    if "q1-dense" in networks.card_ids():
        assert networks.card("q1-dense").outputs[0].shape == ("batch", "226")


@pytest.mark.skipif("q1-dense" not in networks.card_ids(), reason="weights are not shipped")
def test_entries_and_probabilities_of_patches(pixels):
    patches = np.stack([pixels[:64, k : k + 64] for k in range(40)])
    found = published.q1_dense(patches)
    assert found.value.shape == found.probability.shape == (40, 15)
    assert (found.value >= 1).all()
    assert (found.value <= published.LARGEST).all()
    assert ((found.probability > 0) & (found.probability <= 1)).all()
    np.testing.assert_array_equal(published.q1_dense(patches[33:34]).value, found.value[33:34])


@pytest.mark.skipif("djpeg-hist" not in networks.card_ids(), reason="weights are not shipped")
def test_probability_of_two_compressions(pixels):
    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    assert 0 <= published.djpeg_hist(luma, np.full((8, 8), 7)) <= 1
