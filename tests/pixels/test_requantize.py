"""What a JPEG stored is got back from its pixels."""

import numpy as np
import pytest

from checks.pictures import luma_of_pixels, scene
from jpegtrace.chain import simulate
from jpegtrace.picture import Picture
from jpegtrace.pixels.history import find_pixel_history
from jpegtrace.pixels.requantize import requantize


@pytest.mark.parametrize(("row", "col"), [(0, 0), (5, 3), (2, 12)])
@pytest.mark.parametrize("quality", [50, 75, 85])
def test_blocks_are_those_of_the_file(quality, row, col):
    picture = Picture.open(simulate(scene(30, 208, 256), f"jpeg:{quality}").data)
    stored = picture.coefficients.components[0]
    luma = luma_of_pixels(picture.raster.pixels[row:, col:])
    blocks, table, usable, corner = requantize(luma, find_pixel_history(luma).sources[0])
    np.testing.assert_array_equal(table, stored.table)
    assert blocks.shape[:2] == usable.shape == (-(-(208 - row) // 8), -(-(256 - col) // 8))
    assert all(-4 <= k <= 3 for k in corner)
    assert usable.mean() > 0.8
    top, left = (corner[0] + row) // 8, (corner[1] + col) // 8
    assert ((corner[0] + row) % 8, (corner[1] + col) % 8) == (0, 0)
    places = np.argwhere(usable)
    same = [np.array_equal(blocks[i, j], stored.blocks[top + i, left + j]) for i, j in places]
    assert np.mean(same) >= 0.999


def test_steps_as_small_as_the_noise_lose_single_coefficients():
    """Where a step is 2 the noise carries one coefficient in hundreds across."""
    picture = Picture.open(simulate(scene(30, 208, 256), "jpeg:90").data)
    stored = picture.coefficients.components[0]
    luma = luma_of_pixels(picture.raster.pixels)
    blocks, table, usable, _ = requantize(luma, find_pixel_history(luma).sources[0])
    np.testing.assert_array_equal(table, stored.table)
    off = np.abs(blocks[usable] - stored.blocks[usable])
    assert (off == 0).mean() >= 0.999
    assert off.max() == 1
    assert (off == 0).all(axis=0)[stored.table >= 4].all()


def test_clipped_blocks_are_not_usable():
    pixels = scene(31, 128, 128)
    pixels[40:80, 40:80] = 255
    picture = Picture.open(simulate(pixels, "jpeg:75").data)
    luma = luma_of_pixels(picture.raster.pixels)
    _, _, usable, _ = requantize(luma, find_pixel_history(luma).sources[0])
    assert not usable[5:10, 5:10].any()
    assert usable.mean() > 0.6
