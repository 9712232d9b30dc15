"""Blocks with clipped luma or colours, in samples worked out by hand."""

import numpy as np
import pytest
from scipy.fft import dctn

from checks.pictures import as_file, scene
from jpegtrace.jpeg import ComponentCoefficients, clipped_blocks
from jpegtrace.picture import Picture


def component(samples, h=1, v=1):
    """A component with steps of 1."""
    rows, cols = (n // 8 for n in samples.shape)
    blocks = dctn(samples.reshape(rows, 8, cols, 8) - 128.0, axes=(1, 3), norm="ortho").swapaxes(1, 2)
    return ComponentCoefficients(
        np.rint(blocks).astype(np.int16), np.ones((rows, cols), bool), np.ones((8, 8), np.uint16), h, v
    )


def flat(value, rows=1, cols=1):
    return np.full((8 * rows, 8 * cols), float(value))


@pytest.mark.parametrize(
    ("y", "blue", "red", "luma", "colours"),
    [
        (128, 128, 128, False, False),
        (255, 128, 128, True, True),
        (0, 128, 128, True, True),
        (76, 85, 255, False, True),  # red
        (128, 128, 40, False, False),  # R 5, G 191, B 128
        (128, 128, 36, False, True),  # R -1: three tenths of each of 64 pixels
        (128, 200, 128, False, True),  # B 256: a tenth of each
    ],
)
def test_blocks_of_one_colour(y, blue, red, luma, colours):
    found = clipped_blocks(component(flat(y)), (component(flat(blue)), component(flat(red))))
    assert (found.luma.tolist(), found.colours.tolist()) == ([[luma]], [[colours]])


@pytest.mark.parametrize(("pixels", "expected"), [(5, False), (6, True)])
def test_a_few_pixels_are_let_pass(pixels, expected):
    y = flat(128)
    y.ravel()[:pixels] = 20  # with Cr 98: R -22, G 41, B 20
    found = clipped_blocks(component(y), (component(flat(128)), component(flat(98))))
    assert not found.luma.any()
    assert found.colours.tolist() == [[expected]]


def test_without_chroma_luma_is_asked_alone():
    found = clipped_blocks(component(np.hstack([flat(128), flat(255)])), None)
    assert found.luma.tolist() == [[False, True]]
    assert not found.colours.any()


def test_bands_of_subsampled_chroma_lie_where_their_luma_does():
    y, blue, red = flat(128, 261, 3), flat(128, 131, 2), flat(128, 131, 2)
    red[8 * 100 : 8 * 101, :8] = 250  # rows 200 and 201 of luma's blocks, columns 0 and 1
    found = clipped_blocks(component(y, 2, 2), (component(blue), component(red)))
    assert np.argwhere(found.colours).tolist() == [[200, 0], [200, 1], [201, 0], [201, 1]]


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (1, 2), (4, 1), (2, 2)])
def test_odd_sizes_in_many_bands(across, down, monkeypatch):
    monkeypatch.setattr("jpegtrace.jpeg.clipping.BLOCKS_AT_ONCE", 6)
    rows, cols = 13, 7
    y, red = flat(128, rows, cols), flat(128, -(-rows // down), -(-cols // across))
    red[-8:] = 250  # the last row of chroma's blocks
    found = clipped_blocks(component(y, across, down), (component(red * 0 + 128), component(red)))
    assert found.colours.shape == (rows, cols)
    assert np.flatnonzero(found.colours.all(1)).tolist() == list(range((-(-rows // down) - 1) * down, rows))
    assert not found.colours[: -(-rows // down) * down - down].any()


def test_where_chroma_is_damaged_colours_are_not_known():
    blue, red = component(flat(128, 2, 2)), component(flat(128, 2, 2))
    red.whole[1, 0] = False
    found = clipped_blocks(component(flat(128, 4, 3), 2, 2), (blue, red))
    assert np.argwhere(found.colours).tolist() == [[2, 0], [2, 1], [3, 0], [3, 1]]
    assert not found.luma.any()


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_it_agrees_with_decoded_pixels(sampling):
    pixels = scene(3, 96, 120, colour=60)
    picture = Picture.open(as_file(pixels, quality=95, subsampling=sampling))
    luma, *chroma = picture.partial_coefficients.components
    found = clipped_blocks(luma, tuple(chroma)).colours
    lost = (np.isin(picture.raster.pixels, (0, 255)) @ np.array([3, 6, 1])).reshape(12, 8, 15, 8).sum((1, 3))
    assert 0.1 < (lost > 16).mean() < 0.9
    clear = (lost < 8) | (lost > 32)
    assert clear.mean() > 0.5
    assert (found == (lost > 16))[clear].mean() > 0.97
