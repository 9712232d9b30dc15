"""The fast batch equals the slow way bit for bit, and its truth is where the lattice is."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from jpegtrace.chain import batch, codec, simulate
from jpegtrace.chain.batch import DoubleDistribution, double_compress, random_double
from jpegtrace.chain.filters import luma_of
from jpegtrace.errors import ChainError
from jpegtrace.tables import ijg_table

PAIRS = [("420", "420"), ("444", "420"), ("420", "444"), ("422", "440"), ("411", "411")]


def table_pairs(*qualities):
    return np.stack([np.stack([ijg_table(q, "luma"), ijg_table(q, "chroma")]) for q in qualities])


def sources(count, side, picture):
    return np.stack([picture(side, side, seed) for seed in range(count)])


@pytest.mark.parametrize(("first", "last"), PAIRS)
def test_equals_the_codec_step_by_step(first, last, picture):
    pixels = sources(6, 112, picture)
    first_tables, last_tables = table_pairs(60, 75, 90, 95, 98, 30), table_pairs(90, 80, 75, 92, 60, 100)
    corners = np.array([[32, 32], [37, 41], [0, 0], [47, 47], [48, 48], [3, 44]])
    result = double_compress(pixels, first_tables, last_tables, corners, first_subsampling=first, last_subsampling=last)
    for n, (row, col) in enumerate(corners):
        planes = codec.compress(pixels[n], *first_tables[n], first)
        decoded = codec.decompress(planes, tuple(first_tables[n]), first, 112, 112)
        expected = codec.compress(decoded[row : row + 64, col : col + 64].copy(), *last_tables[n], last)
        for found, wanted in zip((result.luma, result.blue, result.red), expected, strict=True):
            np.testing.assert_array_equal(found[n], wanted)


def test_equals_pillow_on_the_whole_picture(picture, coefficients):
    """The protocol's order: compress a picture, cut, compress, take 64x64 patches."""
    whole = picture(320, 336, 9)
    result = simulate(whole, "jpeg:70,opencv | crop:5,11 | jpeg:90,opencv")
    luma, blue, red = coefficients(result.data)
    # Patches at (64, 128) and (128, 64) of the last picture; sources begin on a multiple of 16 of the first picture.
    for top, left in ((64, 128), (128, 64)):
        start_row, start_col = (top + 11) // 16 * 16 - 16, (left + 5) // 16 * 16 - 16
        source = whole[start_row : start_row + 112, start_col : start_col + 112]
        corner = [top + 11 - start_row, left + 5 - start_col]
        patch = double_compress(source[None], table_pairs(70)[0], table_pairs(90)[0], [corner])
        np.testing.assert_array_equal(patch.luma[0], luma[top // 8 : top // 8 + 8, left // 8 : left // 8 + 8])
        np.testing.assert_array_equal(patch.blue[0], blue[top // 16 : top // 16 + 4, left // 16 : left // 16 + 4])
        np.testing.assert_array_equal(patch.red[0], red[top // 16 : top // 16 + 4, left // 16 : left // 16 + 4])
        assert patch.origin[0].tolist() == list(result.truth.compressions[0].origin)
        assert patch.chroma_origin[0].tolist() == list(result.truth.compressions[0].chroma_origin)


def test_single_compression(picture):
    pixels = sources(3, 80, picture)
    first = table_pairs(60, 60, 60)
    first[1] = 0
    result = double_compress(pixels, first, table_pairs(90)[0], [[8, 8]] * 3)
    assert result.compressed_before.tolist() == [True, False, True]
    assert result.origin.tolist() == [[0, 0], [-1, -1], [0, 0]]
    expected = codec.compress(pixels[1, 8:72, 8:72].copy(), *table_pairs(90)[0], "420")
    np.testing.assert_array_equal(result.luma[1], expected.luma)
    never = double_compress(pixels, None, table_pairs(90)[0], [[8, 8]] * 3)
    np.testing.assert_array_equal(never.luma[1], result.luma[1])
    assert not never.compressed_before.any()


def test_the_origin_is_where_the_lattice_is(picture, off_lattice):
    pixels = sources(4, 112, picture)[..., 1]
    corners = np.array([[32, 32], [33, 38], [39, 35], [44, 47]])
    fine = np.ones((2, 8, 8), np.uint16)
    result = double_compress(pixels, table_pairs(40)[0], fine, corners)
    for n in range(4):
        planes = codec.Planes(result.luma[n], result.blue[n], result.red[n])
        luma = codec.decompress(planes, (fine[0],), "grey", 64, 64)
        distances = {(r, c): off_lattice(luma, table_pairs(40)[0, 0], (r, c)) for r in range(8) for c in range(8)}
        assert min(distances, key=distances.get) == tuple(result.origin[n])
    assert result.blue.shape == (4, 0, 0, 8, 8)
    assert (result.chroma_origin == -1).all()


def test_threads_do_not_change_the_result(picture):
    count = 3 * batch.CHUNK + 5
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 80, 80, 3)).astype(np.uint8)
    corners = rng.integers(0, 16, (count, 2))
    tables = table_pairs(*rng.integers(50, 99, count))
    one, three = (double_compress(pixels, tables, tables[::-1], corners, threads=n) for n in (1, 3))
    for name in ("luma", "blue", "red", "origin"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))


@pytest.mark.parametrize("grey", [False, True])
def test_decoded_patches(grey, picture):
    pixels = sources(3, 80, picture)
    if grey:
        pixels = np.ascontiguousarray(pixels[..., 0])
    result = double_compress(pixels, table_pairs(60)[0], np.ones((2, 8, 8), int), [[8, 9]] * 3)
    decoded = result.pixels()
    # The last table does nothing: what is left of the source is the first compression and chroma averaging.
    expected = pixels[:, 8:72, 9:73].astype(float)
    assert decoded.shape == expected.shape
    assert np.abs(decoded - expected).mean() < 6


def test_other_patch_sizes(picture):
    result = double_compress(sources(2, 80, picture), table_pairs(60)[0], table_pairs(90)[0], [[9, 10]] * 2, patch=24)
    assert result.luma.shape == (2, 3, 3, 8, 8)
    assert result.blue.shape == (2, 2, 2, 8, 8)


def test_random_double_draws_what_it_was_told(picture):
    pictures = [picture(160, 200, seed) for seed in range(3)]
    drawn = DoubleDistribution(
        first_quality=(60, 98),
        last_quality=(90, 90),
        first_families=("ijg", "smooth", "canon"),
        single=0.25,
        aligned=0.3,
        subsamplings=(("420", "420"), ("444", "420")),
        scales=(0.8, 1.25),
    )
    result = random_double(pictures, 300, np.random.default_rng(5), drawn)
    again = random_double(pictures, 300, np.random.default_rng(5), drawn, threads=2)
    np.testing.assert_array_equal(result.luma, again.luma)
    assert len(result) == 300
    assert result.compressed_before.mean() == pytest.approx(0.75, abs=0.08)
    known = result.compressed_before
    assert (result.origin[known] == 0).all(axis=1).mean() == pytest.approx(0.3, abs=0.1)
    assert set(result.labels["first_family"]) == {"none", "ijg", "smooth", "canon"}
    assert ((result.labels["first_family"] == "none") == ~known).all()
    ijg = result.labels["first_family"] == "ijg"
    for n in np.flatnonzero(ijg)[:20]:
        quality = int(result.labels["first_quality"][n])
        np.testing.assert_array_equal(result.first_tables[n], table_pairs(quality)[0])
    assert (result.labels["first_quality"][~ijg] == 0).all()
    assert (result.last_tables == table_pairs(90)[0]).all()


@pytest.mark.parametrize("grey", [False, True])
def test_random_double_says_where_each_piece_came_from(grey, picture):
    """Cut and resized again from the labels alone, every piece gives the same coefficients."""
    pictures = [picture(160, 200, seed) for seed in range(3)]
    drawn = DoubleDistribution(single=0.3, scales=(0.5, 2.0), grey=grey, first_families=("ijg", "smooth"))
    made = random_double(pictures, 60, np.random.default_rng(8), drawn)
    labels = made.labels
    assert labels["scale"].min() >= 0.8  # a piece cannot be larger than the picture: 128 / 160
    assert labels["scale"].max() > 1.7
    side = 128
    for n in range(len(made)):
        top, left = labels["piece_row"][n], labels["piece_col"][n]
        height, width = labels["piece_height"][n], labels["piece_width"][n]
        assert labels["scale"][n] == side / height == side / width
        piece = pictures[labels["picture"][n]][top : top + height, left : left + width]
        source = np.asarray(Image.fromarray(piece).resize((side, side), Image.Resampling.LANCZOS))
        if grey:
            source = luma_of(source)
        again = double_compress(source[None], made.first_tables[n], made.last_tables[n], made.corners[n])
        np.testing.assert_array_equal(again.luma[0], made.luma[n])
        np.testing.assert_array_equal(again.blue[0], made.blue[n])


def test_pieces_without_scaling_have_scale_one(picture):
    labels = random_double([picture(160, 200)], 50, np.random.default_rng(3)).labels
    assert (labels["scale"] == 1).all()
    assert (labels["piece_height"] == 128).all()
    assert len(np.unique(labels["piece_row"])) > 10


def test_the_scale_may_ask_for_less_than_a_pixel(picture):
    drawn = DoubleDistribution(scales=(1000.0, 1001.0))
    made = random_double([picture(160, 200)], 2, np.random.default_rng(3), drawn)
    assert made.labels["piece_width"].tolist() == [1, 1]


@pytest.mark.parametrize("grey", [False, True])
def test_random_double_does_not_depend_on_how_much_it_holds_at_a_time(grey, picture, monkeypatch):
    drawn = DoubleDistribution(single=0.2, scales=(0.8, 1.25), grey=grey)
    made = []
    for size in (1 << 26, 1):
        monkeypatch.setattr(batch, "SOURCE_BYTES", size)
        made.append(random_double([picture(160, 160)], 2 * batch.CHUNK + 5, np.random.default_rng(4), drawn, threads=2))
    whole, parts = made
    for name in ("luma", "blue", "red", "origin", "first_tables"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    for name, values in whole.labels.items():
        np.testing.assert_array_equal(values, parts.labels[name])


def test_random_double_needs_little_memory_beyond_the_result(picture, monkeypatch):
    monkeypatch.setattr(batch, "SOURCE_BYTES", 1 << 20, raising=False)
    pictures = [picture(160, 160)]
    random_double(pictures, 1, np.random.default_rng(0), patch=8)
    tracemalloc.start()
    try:
        made = random_double(pictures, 4000, np.random.default_rng(0), patch=8)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    arrays = [*vars(made).values(), *made.labels.values()]
    result = sum(part.nbytes for part in arrays if isinstance(part, np.ndarray))
    all_sources = 4000 * 3 * 64 * 64
    assert peak - result < all_sources / 8


def test_random_double_covers_all_shifts_and_grey(picture):
    drawn = DoubleDistribution(grey=True)
    result = random_double([picture(150, 150)], 1500, np.random.default_rng(1), drawn, patch=8)
    assert len(np.unique(result.origin, axis=0)) == 64
    assert result.last_subsampling == "grey"
    assert len(random_double([picture(150, 150)], 0, np.random.default_rng(1))) == 0


@pytest.mark.parametrize("patch", [8, 24, 64, 128])
@pytest.mark.parametrize("subsampling", ["420", "440", "411"])
def test_random_double_has_no_borders(patch, subsampling, picture, monkeypatch):
    """What lies outside the source must not matter: a patch from a larger source is the same."""
    seen = {}

    def remember(made, start, sources, threads, fill=batch._fill):
        seen.update(sources=sources.copy(), first=made.first_tables, last=made.last_tables, corners=made.corners)
        fill(made, start, sources, threads)

    monkeypatch.setattr(batch, "_fill", remember)
    drawn = DoubleDistribution(subsamplings=((subsampling, "420"),))
    result = random_double([picture(192, 192)], 40, np.random.default_rng(2), drawn, patch=patch)
    monkeypatch.undo()
    padded = np.pad(seen["sources"], ((0, 0), (32, 32), (32, 32), (0, 0)), constant_values=77)
    larger = double_compress(
        padded, seen["first"], seen["last"], seen["corners"] + 32, first_subsampling=subsampling, patch=patch
    )
    for name in ("luma", "blue", "red"):
        np.testing.assert_array_equal(getattr(result, name), getattr(larger, name))


GOOD = {
    "sources": np.zeros((2, 80, 80, 3), np.uint8),
    "first": np.ones((2, 8, 8), int),
    "last": np.ones((2, 8, 8), int),
    "corners": [[0, 0], [16, 16]],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sources": np.zeros((2, 80, 80, 3))}, "sources must be uint8"),
        ({"corners": [[0, 0], [17, 16]]}, "64x64 patch inside sources of 80x80"),
        ({"corners": [[0, 0], [-1, 16]]}, "corners must leave"),
        ({"last": np.zeros((2, 8, 8), int)}, "last table entries"),
        ({"first": np.pad(np.zeros((2, 7, 8), int), ((0, 0), (1, 0), (0, 0)), constant_values=3)}, "all be 0"),
        ({"first": np.ones((3, 2, 8, 8), int)}, "first tables must be integers"),
        ({"patch": 60}, "multiple of 8"),
        ({"first_subsampling": "grey"}, "cannot be compressed as grey"),
        ({"last_subsampling": "421"}, "no subsampling"),
    ],
)
def test_wrong_batches_are_refused(change, message):
    arguments = GOOD | change
    with pytest.raises(ChainError, match=message):
        double_compress(**arguments)


def test_grey_sampling_of_colour_patches_is_refused(picture):
    drawn = DoubleDistribution(subsamplings=(("420", "grey"),))
    with pytest.raises(ChainError, match="cannot be compressed as grey"):
        random_double([picture(160, 160)], 2, np.random.default_rng(0), drawn)


@pytest.mark.parametrize(
    "options",
    [
        {"first_quality": (80, 60)},
        {"single": 1.5},
        {"first_families": ()},
        {"scales": (0, 1)},
    ],
)
def test_wrong_distributions_are_refused(options):
    with pytest.raises(ChainError):
        DoubleDistribution(**options)


def test_pictures_that_are_too_small_are_refused(picture):
    with pytest.raises(ChainError, match="picture 0 must be RGB and at least 128x128"):
        random_double([picture(100, 200)], 4, np.random.default_rng(0))
    with pytest.raises(ChainError, match="picture 0 must be RGB and at least 128x128, not float64"):
        random_double([np.zeros((200, 200, 3))], 4, np.random.default_rng(0))
    with pytest.raises(ChainError, match="no pictures"):
        random_double([], 4, np.random.default_rng(0))
