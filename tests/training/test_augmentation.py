"""The history told is the history that the pixels have: planted by the augmentation, recovered without it."""

import io
import math
import pickle
from collections import Counter
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from checks.pictures import scene
from jpegtrace.chain.codec import compress, decompress
from jpegtrace.chain.encoders import Settings, encode
from jpegtrace.chain.sampling import FACTORS
from jpegtrace.errors import ChainError
from jpegtrace.tables import identify, ijg_table, named_table
from jpegtrace_training import augmentation as module
from jpegtrace_training.augmentation import Compression, History, JpegAugmentation

PICTURE = scene(1, 200, 220)
ONCE, TWICE = (0, 1), (0, 0, 1)
COLOURED = ("444", "422", "420", "440", "411")
BEFORE, BEHIND = 32, 64  # of a larger picture around a piece; the former a multiple of all blocks


def samples(augmentation, count, picture=PICTURE, seed=0):
    return [augmentation(picture, np.random.default_rng([seed, index])) for index in range(count)]


def off_lattice(patch, table, origin):
    """Mean distance of the luma DCT coefficients that do not round to 0 from multiples of the table, in steps."""
    luma = patch.astype(float) @ (0.299, 0.587, 0.114) - 128
    rows, cols = ((n - o) // 8 for n, o in zip(luma.shape, origin, strict=True))
    luma = luma[origin[0] : origin[0] + 8 * rows, origin[1] : origin[1] + 8 * cols]
    blocks = luma.reshape(rows, 8, cols, 8).swapaxes(1, 2)
    levels = dctn(blocks, axes=(2, 3), norm="ortho") / table
    counted = (np.abs(levels) >= 0.5) & (table >= 8)
    return float(np.abs(levels - np.round(levels))[counted].mean())


def lattices(patch, table):
    """By origin."""
    return {origin: off_lattice(patch, table, origin) for origin in product(range(8), repeat=2)}


def through(pixels, compression):
    """Compressed from the corner and decoded."""
    c = compression
    if c.encoder != "libjpeg-turbo":
        data, _ = encode(pixels, c.encoder, Settings(quality=c.quality, subsampling=c.subsampling))
        return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    planes = compress(pixels, c.luma, c.chroma, c.subsampling)
    return decompress(planes, (c.luma, c.chroma), c.subsampling, *pixels.shape[:2])


def places(whole, patch):
    """Rows and columns at which a patch stands in a picture, bit for bit."""
    side = len(patch)
    if min(whole.shape[:2]) < side:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(whole, (side, side), axis=(0, 1))
    near = (windows[..., 0, 0] == patch[0, 0]).all(2) & (windows[..., -1, -1] == patch[-1, -1]).all(2)
    return [(int(y), int(x)) for y, x in np.argwhere(near) if np.array_equal(whole[y : y + side, x : x + side], patch)]


def traced(whole, patch, compressions):
    """Where the patch is found when the whole picture goes through what is told: [] for nowhere.

    The grid of the first compression begins at the picture's corner, the next ones where the told origins say; these
    are known modulo 8, chroma blocks may be larger, so that several places are tried.

    Returns:
        Of each grid but the first its place on the one before, modulo its own largest block; of the patch on the last.
    """
    first, *others = compressions
    decoded = through(whole, first)
    if not others:
        return [place for place in places(decoded, patch) if tuple(-n % 8 for n in place) == first.origin][:1]
    across, down = FACTORS[others[0].subsampling]
    shift = [(others[0].origin[axis] - first.origin[axis]) % 8 for axis in (0, 1)]
    for y, x in product(range(shift[0], 8 * down, 8), range(shift[1], 8 * across, 8)):
        if found := traced(decoded[y:, x:], patch, others):
            return [(y, x), *found]
    return []


def check_against_a_larger_picture(augmentation, count, compressions):
    """A patch is the same as one cut from a far larger picture: no border of the piece shows in it.

    Returns:
        Where they were found, as `traced` says, all modulo the largest block.
    """
    piece = augmentation.piece
    whole = scene(7, BEFORE + piece + BEHIND, BEFORE + piece + BEHIND)
    taken = slice(BEFORE, BEFORE + piece)
    steps = []
    for patch, history in samples(augmentation, count, whole[taken, taken]):
        assert len(history) == compressions
        found = traced(whole, patch, history.compressions)
        assert found, history
        place = np.sum(found, axis=0)
        assert place.min() > BEFORE
        assert place.max() + len(patch) < BEFORE + piece
        across, down = FACTORS[history.compressions[-1].subsampling]
        steps.append([*found[:-1], (found[-1][0] % (8 * down), found[-1][1] % (8 * across))])
    return steps


def likely(count, trials, share):
    """Within five standard deviations."""
    return abs(count - trials * share) <= 5 * math.sqrt(trials * share * (1 - share)) + 1e-9


class TestGrid:
    def test_the_luma_of_a_patch_lies_on_the_told_lattice_there_and_nowhere_else(self):
        for patch, history in samples(JpegAugmentation(96, ONCE, (30, 30)), 12):
            (told,) = history.compressions
            np.testing.assert_array_equal(told.luma, ijg_table(30))
            found = lattices(patch, told.luma)
            assert min(found, key=found.get) == told.origin
            assert found.pop(told.origin) < 0.05
            assert min(found.values()) > 0.12

    def test_another_table_does_not_fit(self):
        for patch, history in samples(JpegAugmentation(64, ONCE, {30: 1, 45: 1}), 12):
            (told,) = history.compressions
            other = ijg_table(75 - told.quality)
            assert off_lattice(patch, told.luma, told.origin) < 0.05 < 0.15 < off_lattice(patch, other, told.origin)

    @pytest.mark.parametrize("aligned_before", [0.0, 1.0])
    def test_both_lattices_of_a_double_compression(self, aligned_before):
        """Quality 20 first, on which quality 100 leaves its mark within half a grey level."""
        augmentation = JpegAugmentation(96, TWICE, {20: 1, 100: 1}, aligned_before=aligned_before)
        kept = [s for s in samples(augmentation, 32) if [c.quality for c in s[1].compressions] == [20, 100]]
        assert len(kept) > 3
        for patch, history in kept:
            first, last = history.compressions
            found = lattices(patch, first.luma)
            assert min(found, key=found.get) == first.origin
            assert found[first.origin] < 0.08
            assert (first.origin == last.origin) or not aligned_before

    def test_every_origin_is_drawn(self):
        """A chi-squared statistic of 63 degrees of freedom: 63 +- 11."""
        drawn = samples(JpegAugmentation(8, ONCE, (75, 75)), 1280)
        counts = Counter(history.compressions[0].origin for _, history in drawn)
        assert set(counts) == set(product(range(8), repeat=2))
        assert sum((n - 20) ** 2 / 20 for n in counts.values()) < 63 + 5 * 11.3

    @pytest.mark.parametrize("subsampling", ["420", "411"])
    @pytest.mark.parametrize("times", [ONCE, (0, 1, 0), TWICE])
    def test_aligned_puts_the_last_grid_at_the_corner(self, times, subsampling):
        """That of chroma, too: what is compressed again from the corner with the same tables hardly changes."""
        augmentation = JpegAugmentation(64, times, (40, 40), subsamplings=(subsampling,), grid="aligned")
        for patch, history in samples(augmentation, 8):
            last = history.compressions[-1]
            assert last.origin == (0, 0)
            assert off_lattice(patch, last.luma, (0, 0)) < 0.05
            again, shifted = through(patch, last), through(patch[8:, 8:], last)
            inner = slice(8, -8)  # chroma at the border of the patch sees no neighbours
            assert (again[inner, inner] == patch[inner, inner]).mean() > 0.97
            assert (shifted[inner, inner] == patch[8:, 8:][inner, inner]).mean() < 0.9

    @pytest.mark.parametrize("grid", ["random", "aligned"])
    def test_how_often_grids_coincide(self, grid):
        augmentation = JpegAugmentation(8, TWICE, (75, 75), aligned_before=0.4, grid=grid)
        drawn = [history.compressions for _, history in samples(augmentation, 600)]
        assert likely(sum(first.origin == last.origin for first, last in drawn), 600, 0.4 + 0.6 / 64)
        if grid == "aligned":
            assert {last.origin for _, last in drawn} == {(0, 0)}
        assert len({first.origin for first, _ in drawn}) > 56


class TestBorders:
    """Bit for bit what a picture gives that reaches far beyond the piece."""

    @pytest.mark.parametrize("side", [8, 55, 60, 64])
    @pytest.mark.parametrize("subsampling", COLOURED)
    def test_one_compression(self, side, subsampling):
        augmentation = JpegAugmentation(side, ONCE, (30, 80), subsamplings=(subsampling,), flips=False)
        check_against_a_larger_picture(augmentation, 20, 1)

    @pytest.mark.parametrize("aligned_before", [0.0, 1.0])
    @pytest.mark.parametrize("grid", ["random", "aligned"])
    @pytest.mark.parametrize("subsamplings", [("420",), COLOURED])
    def test_two_compressions(self, subsamplings, grid, aligned_before):
        augmentation = JpegAugmentation(
            40, TWICE, (30, 80), subsamplings=subsamplings, grid=grid, aligned_before=aligned_before, flips=False
        )
        steps = check_against_a_larger_picture(augmentation, 12, 2)
        # The grids of chroma, too.
        assert all(between == (0, 0) for between, _ in steps) == (aligned_before == 1)
        assert all(behind == (0, 0) for _, behind in steps) == (grid == "aligned")

    def test_three_compressions(self):
        check_against_a_larger_picture(JpegAugmentation(20, (0, 0, 0, 1), (30, 80), flips=False), 8, 3)

    def test_fewer_compressions_than_there_might_be(self):
        check_against_a_larger_picture(JpegAugmentation(40, (0, 1, 0, 0), (30, 80), flips=False), 20, 1)

    @pytest.mark.parametrize("encoder", ["pillow", "turbo-210", "libjpeg-6b", "libjpeg-9"])
    def test_other_encoders(self, encoder):
        pytest.importorskip("jpeglib")
        augmentation = JpegAugmentation(30, TWICE, (30, 80), encoders=(encoder,), flips=False)
        check_against_a_larger_picture(augmentation, 4, 2)

    def test_what_the_tests_above_can_see(self):
        """The border does reach in: a patch that begins at the piece's corner is found nowhere."""
        whole = scene(7, 200, 200)
        told = Compression(ijg_table(40), ijg_table(40, "chroma"), 40, "ijg", "420", "libjpeg-turbo", (0, 0))
        piece = through(whole[32:112, 32:112], told)
        assert traced(whole, piece[:32, :32], (told,)) == []
        assert traced(whole, piece[-32:, -32:], (told,)) == []
        assert traced(whole, piece[8:40, 8:40], (told,)) == [(40, 40)]


class TestPristine:
    def test_without_flips_an_exact_cut(self):
        for patch, history in samples(JpegAugmentation(24, (1.0,), flips=False), 10):
            assert history == History(())
            assert places(PICTURE, patch)

    @pytest.mark.parametrize("times", [(1.0,), (1, 0, 0)])
    def test_with_flips_one_of_eight(self, times):
        augmentation = JpegAugmentation(24, times)
        for patch, _ in samples(augmentation, 10):
            ways = [way for one in (patch, patch[::-1]) for way in (one, one[:, ::-1])]
            assert any(places(PICTURE, way) for one in ways for way in (one, one.swapaxes(0, 1)))

    def test_all_eight_are_drawn(self):
        picture = scene(3, 16, 16)
        laid = [way for one in (picture, picture[::-1]) for way in (one, one[:, ::-1])]
        laid = [way.tobytes() for one in laid for way in (one, one.swapaxes(0, 1))]
        counts = Counter(laid.index(patch.tobytes()) for patch, _ in samples(JpegAugmentation(16, (1,)), 800, picture))
        assert len(counts) == 8
        assert all(likely(n, 800, 1 / 8) for n in counts.values())

    def test_every_place_is_drawn(self):
        picture = scene(3, 10, 11)
        found = [places(picture, p) for p, _ in samples(JpegAugmentation(8, (1,), flips=False), 600, picture)]
        counts = Counter(place for (place,) in found)
        assert set(counts) == set(product(range(3), range(4)))
        assert all(likely(n, 600, 1 / 12) for n in counts.values())

    def test_flips_come_before_compression(self):
        """Transposed afterwards, the lattice of a table that is not symmetric would be another."""
        table = named_table("unattributed:204")[0]
        assert not np.array_equal(table, table.T)
        augmentation = JpegAugmentation(96, ONCE, families=("unattributed:204",))
        for patch, history in samples(augmentation, 10):
            origin = history.compressions[0].origin
            assert off_lattice(patch, table, origin) < 0.6 * off_lattice(patch, table.T, origin)


class TestDistributions:
    def test_shares_follow_the_parameters(self):
        count = 800
        augmentation = JpegAugmentation(
            8, (0.2, 0.5, 0.3), {60: 1, 80: 3, 95: 0}, ("ijg", "smooth", "canon"), ("444", "420"), aligned_before=0.5
        )
        histories = [history for _, history in samples(augmentation, count)]
        lengths = Counter(map(len, histories))
        assert all(likely(lengths[n], count, share) for n, share in enumerate((0.2, 0.5, 0.3)))
        each = [one for history in histories for one in history.compressions]
        families = Counter(one.family for one in each)
        assert set(families) == {"ijg", "smooth", "canon"}
        assert all(likely(n, len(each), 1 / 3) for n in families.values())
        assert likely(sum(one.subsampling == "444" for one in each), len(each), 1 / 2)
        qualities = Counter(one.quality for one in each if one.family == "ijg")
        assert set(qualities) == {60, 80}
        assert likely(qualities[80], families["ijg"], 0.75)
        assert {one.quality for one in each if one.family != "ijg"} == {0}
        assert {one.encoder for one in each} == {"libjpeg-turbo"}

    def test_choices_are_independent(self):
        """Pairs of choices in one compression, and the same choice in both, come as often as the product says."""
        augmentation = JpegAugmentation(8, TWICE, {60: 1, 80: 1}, subsamplings=("444", "420"))
        drawn = [history.compressions for _, history in samples(augmentation, 800)]
        pairs = [
            Counter((first.quality, first.subsampling) for first, _ in drawn),
            Counter((first.quality, last.quality) for first, last in drawn),
            Counter((first.subsampling, last.subsampling) for first, last in drawn),
            Counter((last.quality, last.origin[0] < 4) for _, last in drawn),
            Counter((first.origin[0] < 4, last.origin[0] < 4) for first, last in drawn),
        ]
        assert all(len(counts) == 4 and all(likely(n, 800, 1 / 4) for n in counts.values()) for counts in pairs)

    def test_a_range_is_uniform_with_both_ends(self):
        drawn = samples(JpegAugmentation(8, ONCE, (91, 100)), 800)
        counts = Counter(history.last_quality for _, history in drawn)
        assert set(counts) == set(range(91, 101))
        assert all(likely(n, 800, 1 / 10) for n in counts.values())

    def test_tables_are_those_of_the_family(self):
        augmentation = JpegAugmentation(8, TWICE, (40, 90), ("ijg", "smooth", "canon", "fujifilm"))
        seen = set()
        for _, history in samples(augmentation, 60):
            for one in history.compressions:
                seen.add(one.family)
                tables = (one.luma, one.chroma)
                assert all(table.shape == (8, 8) and table.dtype == np.uint16 for table in tables)
                if one.family == "ijg":
                    wanted = ijg_table(one.quality), ijg_table(one.quality, "chroma")
                elif one.family == "smooth":
                    assert identify(tables).kind == "nearest"
                    wanted = tables
                else:
                    wanted = named_table(one.family)[:2]
                np.testing.assert_array_equal(np.stack(tables), np.stack(wanted))
        assert len(seen) == 4

    def test_equal_weights_are_a_range(self):
        ways = [JpegAugmentation(8, ONCE, given) for given in ((70, 72), {70: 2, 71: 2, 72: 2})]
        one, other = (samples(way, 20) for way in ways)
        assert [history for _, history in one] == [history for _, history in other]

    def test_times_need_not_sum_to_one(self):
        one, other = (samples(JpegAugmentation(8, times), 20) for times in ((1, 3), (0.25, 0.75)))
        assert [history for _, history in one] == [history for _, history in other]


class TestContract:
    AUGMENTATION = JpegAugmentation(
        20, (0.2, 0.4, 0.4), (30, 100), ("ijg", "smooth"), COLOURED, aligned_before=0.3, encoders=("libjpeg-turbo",)
    )

    def test_a_sample_is_a_function_of_picture_parameters_and_seed(self):
        again = pickle.loads(pickle.dumps(self.AUGMENTATION))  # noqa: S301
        assert again == self.AUGMENTATION
        for one, other in zip(samples(self.AUGMENTATION, 20), samples(again, 20), strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            assert one[1] == other[1]
        assert any((a != b).any() for a, b in pairwise(patch for patch, _ in samples(self.AUGMENTATION, 20)))

    def test_the_generator_is_left_in_the_same_state(self):
        states = []
        for _ in range(2):
            rng = np.random.default_rng(4)
            self.AUGMENTATION(PICTURE, rng)
            states.append(rng.integers(1 << 60))
        assert states[0] == states[1]

    def test_patches_are_contiguous_bytes_of_the_right_shape(self):
        for patch, history in samples(self.AUGMENTATION, 20):
            assert patch.shape == (20, 20, 3)
            assert patch.dtype == np.uint8
            assert patch.flags.c_contiguous
            assert patch.flags.writeable
            assert all(0 <= n < 8 and type(n) is int for one in history.compressions for n in one.origin)

    @pytest.mark.parametrize("times", [(1.0,), ONCE])
    def test_the_picture_is_left_alone(self, times):
        """Also by whoever alters the patch, be it the whole picture."""
        augmentation = JpegAugmentation(24, times, flips=False)
        picture = scene(2, augmentation.piece, augmentation.piece)
        before = picture.copy()
        patch, _ = augmentation(picture, np.random.default_rng(0))
        assert not np.shares_memory(patch, picture)
        patch[:] = 0
        np.testing.assert_array_equal(picture, before)
        picture.flags.writeable = False
        assert augmentation(picture, np.random.default_rng(0))[0].flags.writeable

    def test_any_layout_in_memory(self):
        turned = np.asfortranarray(PICTURE)[::-1]
        for seed in range(5):
            one, other = (self.AUGMENTATION(p, np.random.default_rng(seed))[0] for p in (turned, turned.copy("C")))
            np.testing.assert_array_equal(one, other)

    def test_the_tables_of_a_history_are_nobody_elses(self):
        """Cached tables cannot be altered; those that can be are new."""
        augmentation = JpegAugmentation(8, ONCE, (75, 75), ("ijg", "canon", "smooth"))
        for _, history in samples(augmentation, 12):
            for table in (history.compressions[0].luma, history.compressions[0].chroma):
                if table.flags.writeable:
                    table[:] = 1
        for _, history in samples(augmentation, 12, seed=1):
            assert history.compressions[0].luma.max() > 1

    def test_a_picture_that_just_suffices(self):
        for augmentation in (self.AUGMENTATION, JpegAugmentation(60, ONCE), JpegAugmentation(9, (0, 0, 0, 0, 1))):
            picture = scene(5, augmentation.piece, augmentation.piece)
            assert {patch.shape[0] for patch, _ in samples(augmentation, 10, picture)} == {augmentation.side}

    def test_the_piece(self):
        """Whole blocks of 16 at least 36 larger for each compression; one of 60 pixels needs no more than 96."""
        assert JpegAugmentation(60).piece == 96
        assert JpegAugmentation(64).piece == 112
        assert JpegAugmentation(64, (1,)).piece == 64
        assert JpegAugmentation(64, TWICE).piece == 160
        assert JpegAugmentation(64, subsamplings=("444", "411")).piece == 128

    def test_what_a_history_says_of_itself(self):
        one = Compression(ijg_table(70), ijg_table(70, "chroma"), 70, "ijg", "420", "libjpeg-turbo", (1, 2))
        same = replace(one, luma=one.luma.copy())
        other = replace(one, luma=ijg_table(71))
        assert one == same
        assert one != other
        assert one != 70
        assert len({one, same, other}) == 2
        assert History((other, one)).last_quality == 70
        assert History((one, replace(one, quality=0))).last_quality == 0
        assert (History(()).last_quality, len(History(())), len(History((one, one)))) == (100, 0, 2)


@pytest.mark.parametrize("encoder", ["mozjpeg", "libjpeg-6b", "libjpeg-9", "turbo-210", "pillow", "opencv"])
def test_other_encoders_tell_the_tables_that_they_wrote(encoder, monkeypatch):
    """As Pillow reads them; mozjpeg has tables of its own."""
    pytest.importorskip("jpeglib")
    files = []

    def spied(*arguments):
        data, written = encode(*arguments)
        files.append(data)
        return data, written

    monkeypatch.setattr(module, "encode", spied)
    augmentation = JpegAugmentation(64, ONCE, (30, 40), ("ijg", "smooth", "canon:9"), encoders=(encoder,))
    families, drawn = set(), samples(augmentation, 8)
    for (patch, history), data in zip(drawn, files, strict=True):
        (told,) = history.compressions
        families.add(told.family)
        written = Image.open(io.BytesIO(data)).quantization
        np.testing.assert_array_equal(told.luma.ravel(), written[0])
        np.testing.assert_array_equal(told.chroma.ravel(), written[1])
        assert told.encoder == encoder
        assert (told.quality > 0) == (told.family == "ijg")
        if told.family == "ijg":
            assert np.array_equal(told.luma, ijg_table(told.quality)) == (encoder != "mozjpeg")
            assert off_lattice(patch, told.luma, told.origin) < 0.06
    assert len(families) == 3


def test_encoders_are_mixed():
    pytest.importorskip("jpeglib")
    augmentation = JpegAugmentation(8, ONCE, encoders=("libjpeg-turbo", "mozjpeg"))
    told = Counter(history.compressions[0].encoder for _, history in samples(augmentation, 100))
    assert likely(told["mozjpeg"], 100, 0.5)
    assert set(told) == {"libjpeg-turbo", "mozjpeg"}


def test_an_encoder_agrees_with_the_arrays():
    """The fast way and Pillow's files, at the same draws."""
    ways = [JpegAugmentation(24, TWICE, (30, 90), encoders=(name,)) for name in ("libjpeg-turbo", "pillow")]
    for one, other in zip(*(samples(way, 6) for way in ways), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        assert [c.origin for c in one[1].compressions] == [c.origin for c in other[1].compressions]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"side": 7}, "side must be at least 8"),
        ({"times": ()}, r"times are relative frequencies of 0, 1, 2, \.\.\. compressions, not \(\)"),
        ({"times": (0, 0)}, r"times are .* not \(0, 0\)"),
        ({"times": (1, -0.5)}, "times are relative frequencies"),
        ({"times": (math.nan, 1)}, "times are relative frequencies"),
        ({"times": (math.inf, 1)}, "times are relative frequencies"),
        ({"qualities": (0, 50)}, r"lowest and highest of 1\.\.100, .* not \(0, 50\)"),
        ({"qualities": (50, 101)}, r"lowest and highest of 1\.\.100"),
        ({"qualities": (60, 50)}, "lowest and highest"),
        ({"qualities": (75, 90, 95)}, "lowest and highest"),
        ({"qualities": (75,)}, "lowest and highest"),
        ({"qualities": (50.5, 90)}, "lowest and highest"),
        ({"qualities": ("50", "90")}, "lowest and highest"),
        ({"qualities": 75}, "lowest and highest"),
        ({"qualities": {}}, "or some of them with their weights, not {}"),
        ({"qualities": {75: 0.0}}, "with their weights"),
        ({"qualities": {75: -1, 80: 2}}, "with their weights"),
        ({"qualities": {75: math.nan}}, "with their weights"),
        ({"qualities": {75.5: 1}}, "with their weights"),
        ({"qualities": {101: 1}}, "with their weights"),
        ({"families": ()}, "families, subsamplings and encoders must not be empty"),
        ({"families": ("ijg", "cannon")}, "unknown table family 'cannon'; did you mean 'Canon'.*or ijg, smooth"),
        ({"families": "ijg"}, "unknown table family 'i'"),
        ({"subsamplings": ()}, "must not be empty"),
        ({"subsamplings": ("421",)}, "'421' is not a subsampling of colour pictures"),
        ({"subsamplings": ("grey",)}, "'grey' is not a subsampling of colour pictures"),
        ({"encoders": ()}, "must not be empty"),
        ({"encoders": ("jpegli",)}, "there is no encoder 'jpegli'; there are libjpeg-turbo"),
        ({"encoders": ("pillow",), "subsamplings": ("420", "411")}, "encoder pillow does not write all of 420, 411"),
        ({"grid": "shifted"}, "the grid is random or aligned, not 'shifted'"),
        ({"aligned_before": 1.5}, "aligned_before is a share between 0 and 1"),
        ({"aligned_before": -0.1}, "aligned_before is a share"),
        ({"aligned_before": math.nan}, "aligned_before is a share"),
    ],
)
def test_wrong_parameters(wrong, said):
    with pytest.raises(ChainError, match=said):
        JpegAugmentation(**wrong)


@pytest.mark.parametrize(
    "picture", [PICTURE[..., 0], PICTURE[..., :2], PICTURE.astype(np.float32), PICTURE.astype(np.uint16), PICTURE[None]]
)
def test_not_a_picture(picture):
    with pytest.raises(ChainError, match="a picture must be uint8 RGB, not"):
        JpegAugmentation()(picture, np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(111, 200), (200, 111), (2, 200), (0, 0)])
def test_too_small(shape):
    said = rf"{shape[1]}x{shape[0]} is too small: patches of 64 pixels with 1 compressions are made from 112x112"
    with pytest.raises(ChainError, match=said):
        JpegAugmentation()(PICTURE[: shape[0], : shape[1]], np.random.default_rng(0))
