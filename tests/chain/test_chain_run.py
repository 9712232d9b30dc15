"""Plant a history, carry it out, and find it again in the pixels and in the file."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpegtrace.chain import Chain, Truth, simulate, splice
from jpegtrace.chain.filters import luma_of
from jpegtrace.errors import ChainError, MissingExtra

COARSE = "/".join(str(10 + 2 * (k // 8) + k % 8) for k in range(64))
UNEVEN = "/".join(str(8 + 6 * (k // 8)) for k in range(64))  # not its own transpose

GEOMETRY = {
    "nothing": "",
    "crop": "crop:3,5",
    "crop to a size": "crop:9,2,91,77",
    "flip h": "flip:h",
    "flip v": "flip:v",
    "rotate 90": "rotate:90",
    "rotate 180": "rotate:180",
    "rotate 270": "rotate:270",
    "several": "crop:3,5 | flip:h | crop:1,1 | rotate:90 | crop:2,7,60,50 | flip:v",
    "resize to the same size": "resize:101x95",
}


def best_origin(off_lattice, pixels, table):
    """The origin among 64 whose blocks lie closest to the table's lattice."""
    luma = luma_of(pixels)
    distances = {(r, c): off_lattice(luma, table, (r, c)) for r in range(8) for c in range(8)}
    return min(distances, key=distances.get), distances


@pytest.mark.parametrize("steps", GEOMETRY.values(), ids=GEOMETRY.keys())
def test_the_stated_origin_is_where_the_lattice_is(steps, picture, off_lattice):
    chain = f"jpeg:grey,table={UNEVEN}" + (f" | {steps}" if steps else "")
    result = simulate(picture(95, 101, grain=25), chain)
    (compression,) = result.truth.compressions
    table = compression.luma_table
    if compression.transposed:
        table = table.T
    found, distances = best_origin(off_lattice, result.pixels, table)
    assert found == compression.origin
    assert distances[found] < 0.05
    assert sorted(distances.values())[1] > 0.15
    assert off_lattice(luma_of(result.pixels), table.T, compression.origin) > 0.1


@pytest.mark.parametrize("steps", ["crop:3,5", "flip:h", "rotate:90 | crop:11,6", "rotate:270 | flip:v"])
def test_the_stated_chroma_origin_is_where_chroma_is_constant_in_pairs(steps, picture):
    """A nearest-neighbour check: blue is flat over each 16x16 chroma block when its table keeps only DC."""
    only_dc = "/".join(["8"] * 64 + ["1"] + ["255"] * 63)
    result = simulate(picture(112, 96), f"jpeg:422,table={only_dc} | {steps}")
    (compression,) = result.truth.compressions
    chroma = np.asarray(Image.fromarray(result.pixels).convert("YCbCr"))[..., 1].astype(float)
    rows, cols = (8, 16) if not compression.transposed else (16, 8)

    def jumps(axis, period):
        steps_along = np.abs(np.diff(chroma, axis=axis)).mean(axis=1 - axis)
        # Upsampling spreads a jump over the two pixels around an edge between pixels p - 1 and p.
        return max(
            range(period),
            key=lambda edge: sum(steps_along[edge - 1 :: period]) if edge else sum(steps_along[period - 1 :: period]),
        )

    assert compression.chroma_origin == (jumps(0, rows), jumps(1, cols))


def test_origin_convention():
    pixels = np.zeros((64, 64, 3), np.uint8)
    (compression,) = simulate(pixels, "jpeg:75 | crop:3,13").truth.compressions
    assert compression.origin == (3, 5)  # ((-13) mod 8, (-3) mod 8)
    assert compression.chroma_origin == (3, 13)  # modulo 16


@pytest.mark.parametrize("step", ["resize:0.5", "resize:100x40,nearest"])
def test_resizing_destroys_the_grid(step, picture):
    (compression,) = simulate(picture(64, 64), f"jpeg:75 | {step}").truth.compressions
    assert compression.origin is None
    assert compression.chroma_origin is None


def test_two_compressions_leave_both_lattices_in_the_record(picture, off_lattice):
    result = simulate(picture(96, 96), f"jpeg:grey,table={COARSE} | crop:3,5 | jpeg:99")
    first, last = result.truth.compressions
    assert (first.origin, last.origin) == ((3, 5), (0, 0))
    found, _ = best_origin(off_lattice, result.pixels, first.luma_table)
    assert found == first.origin
    assert [step.name for step in result.truth.manipulations] == ["crop"]
    assert (first.step, last.step) == (0, 2)
    assert last.quality == 99
    assert first.quality is None


def test_data_is_the_file_of_the_last_step(picture):
    result = simulate(picture(40, 50), "crop:1,1 | jpeg:80,422")
    image = Image.open(io.BytesIO(result.data))
    np.testing.assert_array_equal(np.asarray(image), result.pixels)
    (compression,) = result.truth.compressions
    np.testing.assert_array_equal(np.array(image.quantization[0]).reshape(8, 8), compression.luma_table)
    np.testing.assert_array_equal(np.array(image.quantization[1]).reshape(8, 8), compression.chroma_table)
    assert image.layer[0][1:3] == (2, 1)
    assert result.truth.output_size == (39, 49)
    assert simulate(picture(40, 50), "jpeg:80 | crop:1,1").data is None


def test_the_empty_chain_changes_nothing(picture):
    result = simulate(picture(20, 30), "")
    np.testing.assert_array_equal(result.pixels, picture(20, 30))
    assert result.data is None
    assert result.truth.compressions == ()


def test_results_are_writable_and_share_nothing_with_the_input(picture):
    pixels = picture(20, 30)
    for chain in ("", "jpeg:75", "resize:0.5", "sharpen", "flip:h", "crop:0,0"):
        result = simulate(pixels, chain)
        assert result.pixels.flags.writeable
        assert not np.shares_memory(result.pixels, pixels)
    np.testing.assert_array_equal(pixels, picture(20, 30))


def test_noise_depends_on_the_seed_and_its_place_only(picture):
    chain = "noise:2 | noise:2"
    first, again, other = (simulate(picture(40, 40), chain, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert (first.pixels != other.pixels).any()
    flat = np.full((64, 64), 128, np.uint8)
    once, twice = (simulate(flat, text, seed=1).pixels.astype(float) - 128 for text in ("noise:2", chain))
    assert twice.var() == pytest.approx(2 * once.var(), rel=0.1)


def test_resolved_parameters_are_recorded(picture):
    truth = simulate(picture(40, 50), "resize:0.5 | blur:gauss,5 | noise:var=4 | jpeg:opencv").truth
    assert truth.steps[0].parameters == {
        "size": 0.5, "method": "bicubic", "antialias": True, "width": 25, "height": 20,
    }  # fmt: skip
    assert truth.steps[1].parameters["sigma"] == pytest.approx(1.1)
    assert truth.steps[2].parameters["sigma"] == 2
    assert truth.steps[3].parameters["quality"] == 95


def test_named_tables_reach_the_file(picture):
    from jpegtrace.tables import named_table

    result = simulate(picture(24, 24), "jpeg:table=canon")
    luma, chroma = named_table("canon")[:2]
    np.testing.assert_array_equal(result.truth.compressions[0].luma_table, luma)
    np.testing.assert_array_equal(result.truth.compressions[0].chroma_table, chroma)


# --- splices ------------------------------------------------------------------------------------------------------


def test_a_textual_splice_lends_the_region(picture):
    background, donor = picture(80, 96, 1), picture(80, 96, 2)
    chain = "jpeg:90 | splice:rect=16/24/40/32,donor=other,chain=(jpeg:60 | crop:1,2) | crop:3,5"
    result = simulate(background, chain, pictures={"other": donor})
    mask = np.zeros((80, 96), bool)
    mask[24:56, 16:56] = True
    np.testing.assert_array_equal(result.truth.mask, mask[5:, 3:])
    inside = simulate(donor, "jpeg:60 | crop:1,2").pixels
    outside = simulate(background, "jpeg:90").pixels
    expected = outside.copy()
    expected[24:56, 16:56] = inside[24:56, 16:56]
    np.testing.assert_array_equal(result.pixels, expected[5:, 3:])


def test_both_histories_are_told_apart(picture, off_lattice):
    background, donor = picture(96, 96, 1), picture(96, 96, 2)
    mask = np.zeros((96, 96), bool)
    mask[20:84, 8:72] = True
    result = splice(
        background, donor, mask,
        background_chain=f"jpeg:444,table={COARSE}", donor_chain=f"jpeg:444,table={UNEVEN} | crop:5,3,80,80",
        chain="flip:h | crop:1,2 | jpeg:99", at=(8, 11),
    )  # fmt: skip
    truth = result.truth
    assert [part.step for part in truth.compressions] == [0, 4]
    assert [len(truth.history(label)) for label in (0, 1)] == [2, 2]
    lent = truth.history(1)[0]
    rows, cols = np.flatnonzero(truth.mask.any(axis=1)), np.flatnonzero(truth.mask.any(axis=0))
    region = luma_of(result.pixels)[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    found, _ = best_origin(off_lattice, region, lent.luma_table)
    assert ((found[0] + rows[0]) % 8, (found[1] + cols[0]) % 8) == lent.origin
    assert truth.donors[0].steps[1].name == "crop"
    replayed = simulate(background, truth.chain, pictures={"donor": donor, "mask": mask.astype(np.uint8)})
    assert replayed.data == result.data


def test_two_donors_have_two_labels(picture):
    chain = "jpeg:90 | splice:rect=0/0/16/16,chain=(jpeg:50) | jpeg:80 | splice:ellipse=30/30/20/20,chain=(jpeg:60)"
    truth = simulate(picture(64, 64), chain).truth
    assert set(np.unique(truth.regions)) == {0, 1, 2}
    assert [[part.quality for part in truth.history(label)] for label in (0, 1, 2)] == [[90, 80], [50, 80], [60]]
    with pytest.raises(ChainError, match="no donor 3"):
        truth.history(3)


@pytest.mark.parametrize("step", ["crop:3,5,40,30", "flip:h", "flip:v", "rotate:90", "rotate:270", "resize:2,nearest"])
def test_the_mask_goes_with_the_picture(step, picture):
    """The donor is white: the mask is where the final picture is."""
    white = np.full((48, 64), 255, np.uint8)
    black = np.zeros((48, 64), np.uint8)
    chain = f"splice:ellipse=10/8/30/20,donor=white | {step}"
    result = simulate(black, chain, pictures={"white": white})
    np.testing.assert_array_equal(result.truth.mask, result.pixels == 255)


def test_a_donor_may_have_another_number_of_channels(picture):
    grey = np.ascontiguousarray(picture(40, 40)[..., 0])
    for background, donor in ((grey, picture(40, 40, 1)), (picture(40, 40, 1), grey)):
        result = simulate(background, "splice:rect=0/0/8/8,donor=d", pictures={"d": donor})
        assert result.pixels.shape == background.shape


def test_pictures_may_be_files(picture, tmp_path):
    path = tmp_path / "a, donor.png"
    Image.fromarray(picture(40, 40)).save(path)
    result = simulate(path, f'splice:rect=0/0/8/8,donor="{path}" | jpeg:75')
    assert result.truth.donors[0].source == str(path)
    assert result.truth.input_size == (40, 40)


RGBA = np.random.default_rng(0).integers(0, 256, (24, 24, 4)).astype(np.uint8)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.fromarray((RGBA[..., 0].astype(np.uint16) << 8) | RGBA[..., 1]), "is 16-bit grey; a chain takes 8-bit"),
        (Image.fromarray(RGBA), "has an alpha channel"),
        (Image.fromarray(RGBA).convert("LA"), "has an alpha channel"),
        (Image.fromarray(RGBA).quantize(16), "has an alpha channel"),
        (Image.fromarray(RGBA[..., :3]).convert("CMYK"), "is 8-bit CMYK; a chain takes 8-bit"),
    ],
    ids=["16-bit grey", "RGBA", "LA", "palette with alpha", "CMYK"],
)
@pytest.mark.parametrize("role", ["input", "donor", "mask"])
def test_files_that_would_have_to_be_converted_are_refused(image, message, role, picture, tmp_path):
    path = tmp_path / ("a.tif" if image.mode == "CMYK" else "a.png")
    image.save(path)
    chain = {"input": "", "donor": f'splice:rect=0/0/8/8,donor="{path}"', "mask": f'splice:mask="{path}"'}[role]
    with pytest.raises(ChainError, match=message) as caught:
        simulate(path if role == "input" else picture(24, 24), chain)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P"])
def test_files_and_pillow_pictures_are_taken_exactly(mode, picture, tmp_path):
    image = Image.fromarray(picture(24, 40)).convert(mode)
    path = tmp_path / "a.png"
    image.save(path)
    expected = np.asarray(image.convert({"1": "L", "P": "RGB"}.get(mode, mode)))
    for given_as in (path, str(path), image, Image.open(path)):
        np.testing.assert_array_equal(simulate(given_as, "").pixels, expected)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.fromarray(RGBA), "mode RGBA has transparency"),
        (Image.fromarray(RGBA).quantize(16), "mode P has transparency"),
        (Image.fromarray(RGBA).convert("LA"), "mode LA has transparency"),
        (Image.fromarray(RGBA[..., :3]).convert("CMYK"), "not CMYK"),
        (Image.fromarray(RGBA[..., :3]).convert("YCbCr"), "not YCbCr"),
        (Image.fromarray(RGBA[..., 0].astype(np.uint16)), "not I;16"),
        (Image.fromarray(RGBA[..., 0].astype(np.float32)), "not F"),
        (Image.new("RGB", (0, 8)), "no pixels"),
    ],
    ids=["RGBA", "palette with alpha", "LA", "CMYK", "YCbCr", "16 bit", "float", "empty"],
)
def test_pillow_pictures_that_would_have_to_be_converted_are_refused(image, message):
    with pytest.raises(ChainError, match=message):
        simulate(image, "jpeg:75")


def test_damaged_pictures_are_refused(picture, tmp_path):
    stream = io.BytesIO()
    Image.fromarray(picture(64, 64)).save(stream, "PNG")
    path = tmp_path / "cut.png"
    path.write_bytes(stream.getvalue()[:2000])
    with pytest.raises(ChainError, match=r"cut\.png' cannot be read"):
        simulate(path, "")
    with Image.open(path) as image, pytest.raises(ChainError, match="cannot be decoded"):
        simulate(image, "")


def test_the_limit_of_pillow_is_not_ours(picture, tmp_path, monkeypatch):
    """Its error for pictures of many pixels is none of ours; our own readers have bounds of their own."""
    path = tmp_path / "large.png"
    Image.fromarray(picture(40, 40)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert simulate(path, "jpeg:75").pixels.shape == (40, 40, 3)


# --- truth record -------------------------------------------------------------------------------------------------

RECORDED = [
    "",
    "jpeg:75 | crop:3,5 | jpeg:90,422,libjpeg-9",
    "jpeg:60 | rotate:90 | resize:0.7 | noise:1 | jpeg:80,grey",
    "jpeg:90 | splice:ellipse=4/4/20/20,chain=(jpeg:50 | crop:1,2) | flip:h | jpeg:80,restart=3",
]


@pytest.mark.parametrize("chain", RECORDED)
def test_the_record_survives_json(chain, picture):
    pytest.importorskip("jpeglib")
    truth = simulate(picture(48, 40), chain, seed=3).truth
    values = json.loads(json.dumps(truth.to_dict()))
    assert values == truth.to_dict()
    again = Truth.from_dict(values)
    assert again.to_dict() == truth.to_dict()
    assert again.compressions == truth.compressions
    assert Chain.parse(again.chain) == Chain.parse(chain)
    if truth.regions is not None:
        np.testing.assert_array_equal(again.regions, truth.regions)


def test_a_record_of_another_format_is_refused(picture):
    values = simulate(picture(16, 16), "jpeg:75").truth.to_dict() | {"format": 99}
    with pytest.raises(ChainError, match="format 99"):
        Truth.from_dict(values)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["crop:3,5", "flip:h", "flip:v", "rotate:90", "rotate:180", "rotate:270"]), max_size=6))
def test_origins_follow_a_marked_block_corner(steps):
    """Every 8th row and column of a picture is marked; the marks move as the origin says."""
    marked = np.zeros((77, 90), np.uint8)
    marked[::8] = marked[:, ::8] = 255
    result = simulate(marked, " | ".join(["jpeg:100", *steps]))
    (compression,) = result.truth.compressions
    bright = result.pixels > 128
    # A line marks the first pixel of a block; mirrored, it becomes the last one.
    rows = {int(r) % 8 for r in np.flatnonzero(bright.all(axis=1))}
    cols = {int(c) % 8 for c in np.flatnonzero(bright.all(axis=0))}
    r, c = compression.origin
    assert rows <= {r, (r - 1) % 8}
    assert cols <= {c, (c - 1) % 8}


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ("jpeg:75 | crop:60,0,10,10", r"step 2 'crop:60,0,10,10': .* not inside the 64x64 picture"),
        ("crop:64,0", "not inside"),
        ("jpeg:75,440", "does not write subsampling 440"),
        ("jpeg:table=cannon", "table 'cannon'"),
        ("splice:rect=50/50/20/20", "region 20x20 at 50,50 is not inside"),
        ("splice:rect=0/0/20/20,at=5/5", "does not hold the region"),
        ("splice:rect=0/0/20/20,chain=(crop:50,50)", "does not hold the region"),
        ("splice:mask=missing.png", "'missing.png' cannot be read"),
        ("splice:rect=0/0/9/9,chain=(crop:99,0)", "step 1 'crop:99,0'"),
        ("resize:65500x1 | resize:2", "at most 65500 a side"),
    ],
)
def test_errors_name_the_step(chain, message, picture):
    with pytest.raises(ChainError, match=message):
        simulate(picture(64, 64), chain)


def test_masks_must_fit(picture):
    with pytest.raises(ChainError, match="mask is 8x8, the picture 64x64"):
        splice(picture(64, 64), picture(64, 64), np.ones((8, 8), bool))
    with pytest.raises(ChainError, match="region is empty"):
        splice(picture(64, 64), picture(64, 64), np.zeros((64, 64), bool))


@pytest.mark.parametrize("pixels", [np.zeros((8, 8)), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8), np.uint8)])
def test_wrong_pictures_are_refused(pixels):
    with pytest.raises(ChainError, match="a picture must be uint8"):
        simulate(pixels, "jpeg:75")


def test_wrong_seeds_are_refused(picture):
    with pytest.raises(ChainError, match="seed"):
        simulate(picture(8, 8), "", seed=-1)


def test_a_missing_encoder_package_says_what_to_install(picture, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "jpeglib", None)
    with pytest.raises(MissingExtra, match="encoders"):
        simulate(picture(16, 16), "jpeg:75,mozjpeg")
