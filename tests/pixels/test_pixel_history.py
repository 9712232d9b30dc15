"""Known histories are planted in pixels and recovered; without one none is found."""

import numpy as np
import pytest

from checks.pictures import as_file, luma_of_pixels, scene
from jpegtrace.chain import simulate
from jpegtrace.picture import Picture
from jpegtrace.pixels.history import SURE, find_pixel_history, tiles_to_search
from jpegtrace.tables import ZIGZAG, ijg_table, named_table, random_smooth_table

LOOKALIKES = {49: {49, 50}, 50: {49, 50}}  # that differ in entries which are mostly zero


def history(pixels, **options):
    return find_pixel_history(luma_of_pixels(pixels), **options)


def planted(seed, chain, height=208, width=216):
    return simulate(scene(seed, height, width), chain).pixels


def only_source(pixels):
    found = history(pixels)
    assert len(found.sources) == 1
    assert found.probability == found.sources[0].probability >= SURE
    return found.sources[0]


def share_right(source, table):
    """Of the entries that are told."""
    return float((source.table == table.ravel()[ZIGZAG])[source.told].mean())


class TestWholePicture:
    @pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 97, 100])
    def test_grid_quality_and_table_are_recovered(self, quality):
        row, col = np.random.default_rng(quality).integers(8, size=2)
        source = only_source(planted(quality, f"jpeg:{quality} | crop:{col},{row}"))
        assert source.origin == (-row % 8, -col % 8)
        assert source.quality in LOOKALIKES.get(quality, {quality})
        assert source.standard
        assert source.quality_probability > 0.5
        assert source.name == f"IJG {source.quality}"
        # The evidence of a step of 1 is thin: it takes more than a small picture to tell every entry.
        assert source.told.sum() >= (12 if quality < 100 else 1)
        assert share_right(source, ijg_table(quality)) == 1
        assert not source.processed
        assert source.false_alarms < -30

    @pytest.mark.parametrize("crop", [(0, 1), (3, 0), (6, 7), (8, 16)])
    def test_cropping_moves_the_grid(self, crop):
        pixels = planted(7, "jpeg:70")
        row, col = crop
        assert only_source(pixels).origin == (0, 0)
        assert only_source(pixels[row:, col:]).origin == (-row % 8, -col % 8)

    def test_grey_pictures(self):
        pixels = Picture.open(as_file(scene(9, 208, 208)[..., 0], quality=70)).raster.pixels
        assert pixels.ndim == 2
        source = only_source(pixels[3:, 2:])
        assert (source.origin, source.quality) == ((5, 6), 70)
        assert source.variance == pytest.approx(0.09, rel=0.2)
        three = only_source(np.repeat(pixels[3:, 2:, None], 3, axis=2))
        assert (three.origin, three.quality, three.variance) == (source.origin, 70, source.variance)

    def test_sixteen_bits_say_the_same(self):
        pixels = planted(10, "jpeg:80 | crop:4,2")
        source, deep = only_source(pixels), only_source(pixels.astype(np.uint16) * 257)
        assert (deep.origin, deep.quality) == (source.origin, source.quality) == ((6, 4), 80)
        np.testing.assert_array_equal(deep.table, source.table)

    def test_threads_and_progress_change_nothing(self):
        pixels = planted(7, "jpeg:70 | crop:1,2")
        shares = []
        one, three = history(pixels), history(pixels, threads=3, progress=shares.append)
        assert shares == sorted(shares)
        assert one.tiles == three.tiles
        np.testing.assert_array_equal(one.sources[0].table, three.sources[0].table)
        assert one.sources[0].probability == three.sources[0].probability

    def test_few_tiles_are_enough(self):
        found = history(planted(7, "jpeg:70 | crop:1,2", 328, 336), most_tiles=8)
        assert len(found.tiles) == 8
        assert [(s.origin, s.quality) for s in found.sources] == [((6, 7), 70)]


class TestOtherTables:
    def test_a_camera_table_is_read_and_named(self):
        source = only_source(planted(5, "jpeg:table=kodak | crop:3,5", 256, 256))
        assert source.origin == (3, 5)
        assert not source.standard
        assert source.name == "Kodak"
        assert source.told.sum() >= 40
        assert share_right(source, named_table("kodak")[0]) >= 0.9

    @pytest.mark.parametrize("seed", range(3))
    def test_a_table_that_nobody_writes_is_read_by_its_entries(self, seed):
        table = random_smooth_table(np.random.default_rng(seed))
        literal = "/".join(map(str, table.ravel()))
        source = only_source(planted(5 + seed, f"jpeg:table={literal} | crop:3,5", 256, 256))
        assert source.origin == (3, 5)
        assert not source.standard
        assert source.name.startswith("near ")
        assert source.told.sum() >= 40
        assert share_right(source, table) >= 0.9

    @pytest.mark.parametrize(("seed", "quality"), [(23, 42), (9, 88)])
    def test_a_few_clipped_pixels_do_not_make_it_another_table(self, seed, quality):
        # Scene 23 has 15 % of its blocks clipped in some pixels.
        source = only_source(planted(seed, f"jpeg:{quality} | crop:2,1", 320, 320))
        assert share_right(source, ijg_table(quality)) == 1
        assert (source.name, source.standard) == (f"IJG {quality}", True)


class TestProcessed:
    @pytest.mark.parametrize("quality", [60, 75, 85])
    def test_a_little_brighter(self, quality):
        source = only_source(planted(5, f"jpeg:{quality} | crop:3,5 | brightness:3", 256, 256))
        assert source.origin == (3, 5)
        assert abs(source.quality - quality) <= 2

    @pytest.mark.parametrize("quality", [60, 75, 85])
    def test_saved_again_at_98_the_last_one_is_read(self, quality):
        source = only_source(planted(5, f"jpeg:{quality} | crop:3,5 | jpeg:98 | crop:1,1", 256, 256))
        assert source.origin == (7, 7)
        assert abs(source.quality - 98) <= 2

    @pytest.mark.parametrize("quality", [50, 70])
    def test_noise_blurs_the_lattice_and_is_measured(self, quality):
        source = only_source(planted(5, f"jpeg:{quality} | crop:3,5 | noise:0.7", 256, 256))
        assert source.origin == (3, 5)
        assert abs(source.quality - quality) <= 2
        assert source.processed
        assert source.variance == pytest.approx(0.12 + 0.49 * np.square([0.299, 0.587, 0.114]).sum(), rel=0.2)


class TestNothing:
    @pytest.mark.parametrize(
        ("seed", "noise", "slope"), [(100, 0.5, 1.5), (101, 2, 1.1), (102, 4, 0.9), (103, 1, 1.3), (104, 3, 1.8)]
    )
    def test_a_pristine_picture_has_no_source(self, seed, noise, slope):
        found = history(scene(seed, 192, 192, noise=noise, slope=slope))
        assert found.sources == ()
        assert found.probability < 0.5

    @pytest.mark.parametrize(
        "chain",
        ["jpeg:75 | resize:0.7", "jpeg:75 | resize:1.3", "jpeg:50 | resize:0.9", "jpeg:90 | resize:200x200,bilinear"],
    )
    def test_resizing_leaves_no_grid(self, chain):
        found = history(planted(6, chain, 256, 256))
        assert found.sources == ()
        assert found.probability < 0.5

    def test_flat_pictures_cannot_tell(self):
        for value in (0, 128, 255):
            found = history(np.full((96, 96, 3), value, np.uint8))
            assert (found.sources, found.tiles, found.probability) == ((), (), None)

    def test_clipped_pictures_cannot_tell(self):
        pixels = np.where(scene(1, 128, 128) > 125, 255, 0).astype(np.uint8)
        found = history(pixels)
        assert found.tiles
        assert (found.sources, found.probability) == ((), None)


def test_searched_tiles_are_spread_and_not_flat():
    pixels = scene(3, 512, 512)
    pixels[:256] = 100
    luma = luma_of_pixels(pixels)
    every = tiles_to_search(luma, 1000)
    assert len(every) == 32
    assert min(tile.top for tile in every) >= 32
    some = tiles_to_search(luma, 8)
    assert len(some) == 8
    assert set(some) <= set(every)
    assert {tile.top for tile in some} == {tile.top for tile in every}


class TestWhatOnlyLooksLikeALattice:
    """Pictures that were never compressed and fit a lattice by their own nature."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda y, x: 120 + 60 * np.sin(y / 5) + 0 * x,  # constant along rows
            lambda y, x: y * 0.9 + 0 * x,  # a gradient
            lambda y, x: 200.0 * ((x // 7) % 2) + 20 + 0 * y,  # stripes
            lambda y, x: 128 + 50 * np.sin(y % 16 * 1.7) * np.cos(x % 16 * 0.9),  # a tile of 16 pixels
        ],
    )
    def test_regular_pictures_were_never_jpeg(self, make):
        plane = make(*np.mgrid[0:256, 0:264].astype(float))
        pixels = np.clip(np.stack([plane, plane * 0.9 + 10, plane * 0.8 + 20], -1), 1, 254).astype(np.uint8)
        assert find_pixel_history(luma_of_pixels(pixels)).sources == ()

    @pytest.mark.parametrize("side", [16, 32])
    def test_small_pictures_were_never_jpeg(self, side):
        found = [find_pixel_history(luma_of_pixels(scene(seed, side, side))) for seed in range(20)]
        assert all(one.sources == () for one in found)
