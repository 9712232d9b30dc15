"""Maps drawn: every pixel where it belongs, every colour told apart, in words as well."""

import io
import itertools
import json

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace.errors import CorruptInput
from jpegtrace.findings import Map
from jpegtrace.picture import Picture
from jpegtrace.report import map_files, maps
from jpegtrace.report.colours import (
    ABSTAINS_BASE,
    ABSTAINS_MARK,
    LABELS,
    QUANTITIES,
    paint_labels,
    paint_shares,
    strokes,
)
from jpegtrace.report.maps import describe, layer, legend_of, overlay, scale_bar, scale_of, subdued, swatch

NAN = np.nan
GREYS = {tuple(ABSTAINS_BASE), tuple(ABSTAINS_MARK)}


def quantity(rows, cell=(8, 8), unit="QF"):
    return Map("quality", np.array(rows, np.float32), cell, unit)


def labelled(rows, labels=("rest", "sky", "sea"), cell=(8, 8)):
    return Map("region", np.array(rows, np.float32), cell, labels=labels)


def lightness(colour):
    """CIE L* of sRGB."""
    linear = np.asarray(colour, float) / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    y = linear @ (0.2126, 0.7152, 0.0722)
    return 116 * np.cbrt(y) - 16


def colours(pixels):
    return {tuple(int(v) for v in pixel) for pixel in pixels.reshape(-1, pixels.shape[-1])}


# Colours


def test_quantities_grow_lighter_in_even_steps():
    steps = np.diff(lightness(paint_shares(np.linspace(0, 1, 16)).base))
    assert steps.min() > 0.8 * steps.mean()
    assert steps.max() < 1.2 * steps.mean()
    assert (paint_shares(np.linspace(0, 1, len(QUANTITIES))).base == QUANTITIES).all()


def test_the_steps_are_even_for_every_value_not_only_where_colours_are_given():
    fine = lightness(paint_shares(np.linspace(0, 1, 256)).base)
    assert (np.diff(fine) > -0.5).all()


def test_labels_differ_in_colour_and_in_pattern():
    paint = paint_labels(np.arange(64.0))
    for a, b in itertools.pairwise(range(64)):
        assert (paint.base[a] != paint.base[b]).any()
        assert paint.pattern[a] != paint.pattern[b]
    assert len({*paint.pattern[: len(LABELS)]}) == len(LABELS)
    assert len({(*paint.base[k], paint.pattern[k]) for k in range(64)}) == 64


def test_patterns_differ_and_show():
    for period in (8, 12, 50):
        tiles = strokes(period)
        assert len({tile.tobytes() for tile in tiles}) == len(tiles)
        assert not tiles[0].any()
        assert all(0.1 < tile.mean() < 0.7 for tile in tiles[1:])


def test_abstaining_is_of_no_colour_and_like_nothing_else():
    for m in (quantity([[NAN, 1], [2, 3]]), labelled([[NAN, 1], [2, 0]])):
        seen = layer(m, (16, 16))[..., :3]
        assert colours(seen[:8, :8]) == GREYS
        assert not colours(seen[8:]) & GREYS
    assert abs(lightness(ABSTAINS_BASE) - lightness(ABSTAINS_MARK)) > 40


# Geometry


def test_every_pixel_shows_its_cell_and_the_rest_is_clear():
    seen = layer(quantity([[0, 15], [5, 10]], cell=(4, 3)), (10, 7))
    assert (seen[8:, :, 3] == 0).all()
    assert (seen[:, 6:, 3] == 0).all()
    assert (seen[:8, :6, 3] == 255).all()
    for row, col, colour in (
        (0, 0, QUANTITIES[0]),
        (0, 1, QUANTITIES[15]),
        (1, 0, QUANTITIES[5]),
        (1, 1, QUANTITIES[10]),
    ):
        assert (seen[4 * row : 4 * row + 4, 3 * col : 3 * col + 3, :3] == colour).all()


def test_a_map_may_reach_beyond_the_picture():
    assert (layer(quantity([[1, 2], [3, 4]], cell=(32, 32)), (40, 33))[..., 3] == 255).all()


@pytest.mark.parametrize("size", [(30, 40), (7, 9), (1, 1), (120, 160), (61, 83)])
def test_reduced_or_enlarged_it_shows_the_cell_of_the_pixels_middle(size):
    rng = np.random.default_rng(0)
    m, picture = quantity(rng.uniform(0, 9, (7, 9)), cell=(8, 8)), (60, 80)
    full = layer(m, picture)
    middle = [((np.arange(n) + 0.5) * whole / n).astype(int) for n, whole in zip(size, picture, strict=True)]
    assert (layer(m, size, picture) == full[np.ix_(*middle)]).all()


def test_strips_make_no_difference(monkeypatch):
    m = labelled(np.random.default_rng(0).integers(0, 3, (90, 5)), cell=(7, 9))
    grey = np.random.default_rng(1).integers(0, 256, (600, 44), dtype=np.uint8)
    alone, over = layer(m, (600, 44)), overlay(grey, m)
    monkeypatch.setattr(maps, "_STRIP", 37)
    assert (layer(m, (600, 44)) == alone).all()
    assert (overlay(grey, m) == over).all()


def test_overlay_mixes_the_map_with_a_subdued_grey_photograph():
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(colour).convert("L"))
    m = quantity([[1, 2], [3, 4]])
    seen = overlay(colour, m)
    assert (seen == overlay(grey, m)).all()
    assert (seen[16:] == subdued(grey)[16:, :, None]).all()
    share = round(255 * maps.OPACITY) / 255
    expected = share * layer(m, (20, 20))[:16, :16, :3] + (1 - share) * subdued(grey)[:16, :16, None]
    assert np.abs(seen[:16, :16] - expected).max() <= 0.51


def test_a_photograph_beneath_changes_values_less_than_a_step_of_the_scale():
    m = quantity(np.linspace(0, 1, 9)[None], cell=(8, 1))
    dark, bright = (lightness(overlay(np.full((8, 9), grey, np.uint8), m)) for grey in (0, 255))
    assert np.abs(bright - dark).max() < 15


# Legend and words


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (57, 91.9, ["60", "70", "80", "90"]),
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-3, 2, ["-3", "-2", "-1", "0", "1", "2"]),
        (0.001, 0.0019, ["0.0010", "0.0012", "0.0014", "0.0016", "0.0018"]),
        (1000, 5.2e6, ["1000000", "2000000", "3000000", "4000000", "5000000"]),
        (0, 3e9, ["0", "5e+08", "1e+09", "1.5e+09", "2e+09", "2.5e+09", "3e+09"]),
        (7, 7, ["6.5", "7.0", "7.5"]),
    ],
)
def test_ticks_are_round_numbers_where_they_belong(low, high, texts):
    ticks = legend_of(quantity([[low, high]])).ticks
    assert [tick.text for tick in ticks] == texts
    for tick in ticks:
        if low < high:
            assert low + tick.place * (high - low) == pytest.approx(float(tick.text), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("m", "words"),
    [
        (quantity([[60, 75], [90.25, NAN]]), "quality: 60 to 90.25 QF; cannot tell (25.0% of the cells)"),
        (quantity([[75, 75]]), "quality: 75 QF"),
        (quantity([[1, 2]], unit=""), "quality: 1 to 2"),
        (quantity([[0.25, 0.5]], unit="probability"), "quality: probability 0.25 to 0.5"),
        (quantity([[NAN, NAN]]), "quality: cannot tell anywhere"),
        (quantity(np.zeros((0, 4))), "quality: no values"),
        (quantity([[1, np.inf]]), "quality: 1 QF"),
        (quantity([[np.inf]]), "quality: no values"),
        (labelled([[0, 0], [2, NAN]]), "region: rest (50.0%); sea (25.0%); cannot tell (25.0% of the cells)"),
        (labelled([[NAN]]), "region: cannot tell anywhere"),
    ],
)
def test_describe(m, words):
    assert describe(m) == words


def test_the_legend_names_what_occurs():
    found = legend_of(labelled([[0, 0], [2, NAN]]))
    assert found.title == "region"
    assert legend_of(Map("probability", np.ones((1, 1), np.float32), (8, 8), "probability")).title == "probability"
    assert [(key.name, key.share) for key in found.keys] == [("rest", 0.5), ("sea", 0.25), ("cannot tell", 0.25)]
    assert found.ticks == ()
    assert legend_of(quantity([[1, 2]])).title == "quality (QF)"
    assert legend_of(quantity([[1, 2]])).keys == ()


def test_the_scale_of_probabilities_is_the_same_everywhere():
    assert scale_of(quantity([[0.2, 0.3]], unit="probability")) == (0, 1)
    assert scale_of(quantity([[2, 3]])) == (2, 3)
    assert scale_of(quantity([[74, 76]])) == pytest.approx((67.4, 82.6))
    assert scale_of(labelled([[1, 2]])) is None
    assert scale_of(quantity([[NAN]])) is None


@pytest.mark.parametrize(
    "m",
    [
        quantity([[NAN, NAN]]),
        quantity(np.zeros((0, 0))),
        quantity([[3, 3]]),
        quantity([[-np.inf, np.inf]]),
        quantity([[-np.inf, 1, 2, np.inf]]),
        labelled([[NAN]]),
        labelled(np.zeros((0, 5))),
    ],
    ids=["abstains", "empty", "constant", "infinite", "half infinite", "label abstains", "no labels"],
)
def test_maps_with_little_in_them_can_be_drawn(m):
    assert layer(m, (9, 9)).shape == (9, 9, 4)
    assert Image.open(io.BytesIO(map_files.map_png(m, (9, 9), np.zeros((9, 9), np.uint8)))).height > 9


def test_infinite_values_are_at_the_ends():
    seen = layer(quantity([[-np.inf, 1, 2, np.inf]]), (8, 32))[0, ::8, :3]
    assert (seen == QUANTITIES[[0, 0, -1, -1]]).all()


@pytest.mark.parametrize("over", [True, False])
def test_swatches_and_scale_look_like_the_map(over):
    def shown(m):
        size = (8 * m.values.shape[0], 8 * m.values.shape[1])
        return overlay(np.full(size, 128, np.uint8), m) if over else layer(m, size)[..., :3]

    m = labelled([[0], [1], [2], [NAN]])
    for row in range(4):
        patch = swatch(m, float(m.values[row, 0]), (8, 8), over_photograph=over)
        assert (patch == shown(m)[8 * row : 8 * row + 8]).all()
    ramp = quantity(np.linspace(3, 5, 64)[None])
    bar = scale_bar(ramp, (8, 64), over_photograph=over)
    assert np.abs(bar[0].astype(int) - shown(ramp)[0, ::8]).max() <= 1


# Files


def opened(data):
    return Image.open(io.BytesIO(data))


def test_the_legend_stands_below_the_picture():
    grey = scene(1)[..., 0]
    m = labelled(np.arange(12 * 16).reshape(12, 16) % 3)
    page = np.asarray(opened(map_files.map_png(m, (96, 128), grey)))
    assert (page[:96, :128] == overlay(grey, m)).all()
    below = page[96:]
    assert below.min() == 0  # words
    for value in range(3):
        assert colours(swatch(m, value, (8, 8), over_photograph=True)) <= colours(below)


@pytest.mark.parametrize("size", [(10, 10), (96, 128), (700, 900)])
@pytest.mark.parametrize(
    "m",
    [
        labelled([[0, 1, 2, NAN]], labels=("a name that is longer than the picture is wide, by far", "b", "c")),
        labelled(np.arange(30)[None], labels=tuple(f"region {k}" for k in range(30))),
        quantity([[0, 1, NAN]]),
    ],
    ids=["long", "many", "quantity"],
)
def test_nothing_of_the_legend_is_cut_off(m, size):
    page = np.asarray(opened(map_files.map_png(m, size, np.zeros(size, np.uint8))))
    below = page[size[0] :]
    assert (below[:, :2] == 255).all()
    assert (below[:, -2:] == 255).all()
    assert (below[-1] == 255).all()


def test_a_map_without_photograph_is_on_white_with_the_full_colours():
    page = opened(map_files.map_png(quantity([[1, 2]]), (20, 20), None))
    assert page.mode == "RGB"
    seen = np.asarray(page)
    assert (seen[0, 0] == QUANTITIES[0]).all()
    assert (seen[15, 15] == 255).all()


def test_plain_is_the_map_and_nothing_else():
    m = quantity([[1, NAN]])
    assert (np.asarray(opened(map_files.plain_png(m, (20, 30)))) == layer(m, (20, 30))).all()


def test_values_go_to_arrays_and_json():
    m = labelled([[0, NAN], [2, 1]])
    np.testing.assert_array_equal(np.load(io.BytesIO(map_files.map_npy(m))), m.values)
    assert Map.from_dict(json.loads(map_files.map_json(m))).to_dict() == m.to_dict()


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        *itertools.product(("PNG", "TIFF", "BMP"), ("L", "RGB", "RGBA")),
        ("TIFF", "CMYK"),
        ("JPEG", "CMYK"),
        ("PNG", "I;16"),
        ("TIFF", "I;16"),
    ],
)
def test_the_photograph_of_any_picture_is_grey(form, mode, monkeypatch):
    monkeypatch.setattr(map_files, "_STRIP", 37)
    pixels = Image.fromarray(scene(3))
    grey = np.asarray(pixels.convert("L"))
    image = Image.fromarray(grey.astype(np.uint16) * 256 + 99) if mode == "I;16" else pixels.convert(mode)
    out = io.BytesIO()
    image.save(out, form, quality=98)
    found = map_files.photograph_of(Picture.open(out.getvalue()))
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - grey).max() <= (12 if form == "JPEG" else 1)


def test_there_is_no_photograph_of_what_cannot_be_decoded():
    with pytest.raises(CorruptInput):
        map_files.photograph_of(Picture.open(as_file(scene(1))[:2000]))
