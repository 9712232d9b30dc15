"""Statistics of pieces against loops, transforms and medians written a second time, and against cases by hand."""

import itertools
import math

import numpy as np
import pytest
import scipy.ndimage

from checks.pictures import scene
from jpegtrace._median import median_of
from jpegtrace.chain import filters
from jpegtrace.errors import UsageError
from jpegtrace.jpeg import dct_matrix
from jpegtrace.manipulation import _kernels
from jpegtrace.manipulation.features import (
    MOST_PHASE,
    OTHERS,
    PARTS,
    SIGNALS,
    Features,
    count_of,
    describe,
    describe_parts,
    lines_of,
    part_of,
    parts_of,
    signals_of,
)
from jpegtrace.manipulation.layout import (
    BUSY,
    DISTANCES,
    ECHO_LAGS,
    ECHOES,
    FEWEST,
    FILTERS,
    FREQUENCIES,
    GREYS,
    LAGS,
    MOST_GREYS,
    MOST_RELATIVE,
    PAIR,
    STRENGTHS,
    TRIPLE,
    WINDOWS,
)
from jpegtrace.tables import ijg_table

RELATIVE, OF_BUSY, LOGARITHM, IN_GREYS = range(STRENGTHS)
TABLE = ijg_table(90)
# Steps that nothing reaches at the frequencies whose coefficients are whole eighths: half a step occurs there, and the
# last bit of the arithmetic then decides.
UNTIED = TABLE.copy()
UNTIED[::4, ::4] = 2049
UPPER_ENDS = (0, 1, 2, 4, 8, 16, 32, 64, math.inf)  # of the bins of magnitudes


def piece(seed, height, width, **options):
    return filters.luma_of(scene(seed, height, width, **options))


def transposed(array):
    return np.ascontiguousarray(array.T)


def random_values(seed, height, width, top=256):
    return np.random.default_rng(seed).integers(0, top, (height, width)).astype(np.int32)


def bin_of(magnitude):
    return next(index for index, end in enumerate(UPPER_ENDS) if magnitude <= end)


def shares_of(magnitudes):
    counts = np.bincount([bin_of(value) for value in np.ravel(magnitudes)], minlength=DISTANCES)
    return counts / np.size(magnitudes)


def residuals(values):
    found = np.full((FILTERS, *values.shape), -1, np.int32)
    _kernels.residuals(values, found)
    return found


def signals(sizes, coefficients):
    found = np.full((SIGNALS, sizes.shape[2]), np.nan, np.float32)
    _kernels.signals(sizes, coefficients, found)
    return found.reshape(FILTERS, STRENGTHS, -1)


def distances(values):
    first, second = np.full((2, len(LAGS), DISTANCES), np.nan, np.float32)
    _kernels.distances(values, first, second)
    return first, second


def runs(values):
    pairs = np.full((2 * PAIR + 1,) * 2, np.nan, np.float32)
    triples = np.full((2 * TRIPLE + 1,) * 3, np.nan, np.float32)
    _kernels.runs(values, pairs, triples)
    return pairs, triples


def runs_by_loop(values):
    pairs, triples = np.zeros((2 * PAIR + 1,) * 2), np.zeros((2 * TRIPLE + 1,) * 3)
    for line in (*values.tolist(), *values.T.tolist()):
        steps = [after - before for before, after in itertools.pairwise(line)]
        for run in itertools.pairwise(steps):
            pairs[tuple(PAIR + max(-PAIR, min(PAIR, step)) for step in run)] += 1
        for run in zip(steps, steps[1:], steps[2:], strict=False):
            triples[tuple(TRIPLE + max(-TRIPLE, min(TRIPLE, step)) for step in run)] += 1
    return pairs / pairs.sum(), triples / triples.sum()


def apart(values, others):
    shares = np.full(DISTANCES, np.nan, np.float32)
    _kernels.apart(values, others, shares)
    return shares


class TestResiduals:
    SECOND = np.array([0, 1, -2, 1, 0])
    WEIGHTS = (
        np.outer([0, 0, 1, 0, 0], SECOND),
        np.outer([0, 0, 1, 0, 0], [0, -1, 3, -3, 1]),
        np.outer([0, 0, 1, 0, 0], [1, -4, 6, -4, 1]),
        np.outer([0, 1, 2, 1, 0], SECOND),
        np.outer([0, 0, 1, 0, 0], SECOND) + np.outer(SECOND, [0, 0, 1, 0, 0]),
        np.outer(SECOND, SECOND),
    )

    def test_each_is_the_magnitude_of_its_filter_and_0_at_the_border(self):
        values = random_values(1, 11, 14)
        found = residuals(values)
        assert len(self.WEIGHTS) == FILTERS
        for filtered, weights in zip(found, self.WEIGHTS, strict=True):
            wanted = np.zeros_like(values)
            for y, x in np.ndindex(7, 10):
                wanted[y + 2, x + 2] = abs((values[y : y + 5, x : x + 5] * weights).sum())
            np.testing.assert_array_equal(filtered, wanted)

    def test_one_bright_pixel_by_hand(self):
        values = np.zeros((9, 9), np.int32)
        values[4, 4] = 10
        found = residuals(values)[:, 2:7, 2:7]
        none, row = [0] * 5, [0, 10, 20, 10, 0]
        assert found[0].tolist() == [none, none, row, none, none]
        assert found[1].tolist() == [none, none, [10, 30, 30, 10, 0], none, none]
        assert found[2].tolist() == [none, none, [10, 40, 60, 40, 10], none, none]
        assert found[3].tolist() == [none, row, [0, 20, 40, 20, 0], row, none]
        assert found[4].tolist() == [none, [0, 0, 10, 0, 0], [0, 10, 40, 10, 0], [0, 0, 10, 0, 0], none]
        assert found[5].tolist() == [none, row, [0, 20, 40, 20, 0], row, none]

    def test_there_are_none_of_a_plane(self):
        y, x = np.mgrid[0:10, 0:12].astype(np.int32)
        assert not residuals(3 * x + 2 * y).any()

    def test_the_largest_have_a_logarithm_and_a_bin(self):
        largest = max(255 * np.clip(sign * weights, 0, None).sum() for weights in self.WEIGHTS for sign in (1, -1))
        assert largest == 2040
        assert _kernels.LOGARITHMS[largest] == pytest.approx(math.log2(2040.5))
        assert _kernels.BINS[2 * 255] == DISTANCES - 1
        assert len(_kernels.LOGARITHMS) == len(_kernels.BINS) > largest


class TestSignals:
    def by_loop(self, sizes, coefficients):
        """Mean strengths before the border is filled."""
        _, height, width = sizes.shape
        found, busy = np.zeros((FILTERS, STRENGTHS, width)), np.zeros(width)
        for y, x in itertools.product(range(2, height - 2), range(2, width - 2)):
            is_busy = coefficients[y // 8, x // 8] >= BUSY
            busy[x] += is_busy
            for f in range(FILTERS):
                size = int(sizes[f, y, x])
                around = sizes[f, max(0, y - 4) : y + 5, max(0, x - 4) : x + 5].mean()
                relative = min(size / (around + 0.5), MOST_RELATIVE)
                found[f, :, x] += relative, relative * is_busy, math.log2(size + 0.5), min(size, MOST_GREYS)
        told = busy >= FEWEST
        in_all = found[:, OF_BUSY, told].sum(1) / busy[told].sum() if told.any() else np.zeros(FILTERS)
        means = found[:, OF_BUSY] / np.maximum(busy, 1)
        found /= height - 4
        found[:, OF_BUSY] = np.where(told, means, in_all[:, None])
        return found

    @pytest.mark.parametrize("busy_share", [0.0, 0.3, 1.0])
    def test_they_are_means_over_columns(self, busy_share):
        rng = np.random.default_rng(3)
        sizes = np.minimum(rng.geometric(0.1, (FILTERS, 24, 32)) - 1, 2000).astype(np.int32)
        sizes[:, 10, ::3] = 500
        coefficients = np.where(rng.random((3, 4)) < busy_share, BUSY, BUSY - 1)
        found, wanted = signals(sizes, coefficients), self.by_loop(sizes, coefficients)
        np.testing.assert_allclose(found[..., 2:-2], wanted[..., 2:-2], rtol=2e-5, atol=1e-6)

    def test_the_border_repeats_the_nearest_value(self):
        sizes = np.random.default_rng(4).integers(0, 40, (FILTERS, 16, 24)).astype(np.int32)
        found = signals(sizes, np.full((2, 3), BUSY))
        assert np.isfinite(found).all()
        for edge in (0, 1):
            np.testing.assert_array_equal(found[..., edge], found[..., 2])
            np.testing.assert_array_equal(found[..., -1 - edge], found[..., -3])

    @pytest.mark.parametrize(("coefficients", "of_busy"), [(BUSY - 1, 0.0), (BUSY, 3 / 3.5)])
    def test_equal_sizes_by_hand(self, coefficients, of_busy):
        """Three grey levels everywhere: 3 / (3 + 1/2) times their mean."""
        found = signals(np.full((FILTERS, 16, 16), 3, np.int32), np.full((2, 2), coefficients))
        for strength, wanted in enumerate((3 / 3.5, of_busy, math.log2(3.5), 3)):
            np.testing.assert_allclose(found[:, strength], wanted, rtol=1e-6)

    @pytest.mark.parametrize(("y", "x", "pixels"), [(2, 2, 49), (2, 12, 63), (9, 12, 81), (12, 3, 64)])
    def test_sizes_are_compared_with_the_pixels_around(self, y, x, pixels):
        """Of the 9 x 9 around a pixel only those in the piece of 16 x 24 count."""
        sizes = np.zeros((FILTERS, 16, 24), np.int32)
        sizes[:, y, x] = 1
        found = signals(sizes, np.zeros((2, 3), np.int64))
        np.testing.assert_allclose(found[:, RELATIVE, x], 1 / (1 / pixels + 0.5) / 12, rtol=1e-6)
        assert found[:, RELATIVE, 5:10].max() == 0

    def test_what_stands_out_and_what_is_large_is_cut(self):
        sizes = np.zeros((FILTERS, 16, 16), np.int32)
        sizes[:, 8, 9] = 1000
        found = signals(sizes, np.zeros((2, 2), np.int64))
        np.testing.assert_allclose(found[:, RELATIVE, 9], MOST_RELATIVE / 12, rtol=1e-6)
        np.testing.assert_allclose(found[:, IN_GREYS, 9], MOST_GREYS / 12, rtol=1e-6)
        np.testing.assert_allclose(found[:, LOGARITHM, 9], (math.log2(1000.5) - 11) / 12, rtol=1e-5)

    def test_a_column_with_too_few_busy_pixels_takes_the_mean_of_the_others(self):
        """The first block has 6 rows inside the border, the second 8."""
        sizes = np.ones((FILTERS, 24, 24), np.int32)
        sizes[:, 8:16, 8:16] = 5
        busy = np.zeros((3, 3), np.int64)
        busy[0, 0] = busy[1, 1] = BUSY
        found = signals(sizes, busy)
        inside = found[0, OF_BUSY, 8:16]
        assert inside.std() > 0
        np.testing.assert_allclose(found[0, OF_BUSY, [0, 3, 7, 16, 20, 23]], inside.mean(), rtol=1e-6)

    def test_of_a_piece_they_are_those_of_its_residuals(self):
        values = piece(5, 64, 72).astype(np.int32)
        levels = np.zeros((8, 9, 64))
        levels[2:6, :, 1 : 1 + BUSY] = 2
        levels[6:, :, :BUSY] = 1  # the first coefficient is none of those that count
        busy = np.zeros((8, 9), np.int64)
        busy[2:6], busy[6:] = BUSY, BUSY - 1
        found = signals_of(values, levels)
        np.testing.assert_array_equal(found, signals(residuals(values), busy).reshape(SIGNALS, 72))


class TestDistances:
    def test_they_are_shares_of_magnitudes(self):
        values = random_values(6, 40, 47, 90)
        first, second = distances(values)
        for index, lag in enumerate(LAGS):
            places = [(y, x) for y in range(lag, 40 - lag) for x in range(lag, 47 - lag)]
            ones, twos = [], []
            for y, x in places:
                here, right, below = int(values[y, x]), int(values[y, x + lag]), int(values[y + lag, x])
                left, above = int(values[y, x - lag]), int(values[y - lag, x])
                ones += [abs(right - here), abs(below - here)]
                twos += [abs(left - 2 * here + right), abs(above - 2 * here + below)]
            np.testing.assert_allclose(first[index], shares_of(ones), atol=1e-6)
            np.testing.assert_allclose(second[index], shares_of(twos), atol=1e-6)

    def test_a_ramp_by_hand(self):
        """Two grey levels a column and none a row: 2, 4, 6, 8, 12, 16, 24 and 32 across."""
        values = np.ascontiguousarray(np.broadcast_to(2 * np.arange(50, dtype=np.int32), (40, 50)))
        first, second = distances(values)
        for shares, place in zip(first, (2, 3, 4, 4, 5, 5, 6, 6), strict=True):
            assert shares[[0, place]].tolist() == [0.5, 0.5]
            assert shares.sum() == 1
        np.testing.assert_array_equal(second[:, 0], 1)

    def test_direction_does_not_matter(self):
        values = random_values(7, 64, 72)
        for found, turned in zip(distances(values), distances(transposed(values)), strict=True):
            np.testing.assert_array_equal(found, turned)


class TestRuns:
    @pytest.mark.parametrize("top", [3, 9, 256])
    def test_they_are_shares_of_two_and_three_differences(self, top):
        values = random_values(8, 13, 10, top)
        for found, wanted in zip(runs(values), runs_by_loop(values), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-6)

    def test_one_row_by_hand(self):
        """0 1 3 3 1: differences 1, 2, 0, -2."""
        pairs, triples = runs(np.array([[0, 1, 3, 3, 1]], np.int32))
        counted = {tuple(int(place) - PAIR for place in at): float(pairs[tuple(at)]) for at in np.argwhere(pairs)}
        assert counted == pytest.approx({(1, 2): 1 / 3, (2, 0): 1 / 3, (0, -2): 1 / 3})
        assert {tuple(int(place) - TRIPLE for place in at) for at in np.argwhere(triples)} == {(1, 2, 0), (2, 0, -2)}
        assert triples.max() == 0.5

    def test_large_differences_are_cut(self):
        pairs, triples = runs(np.array([[0, 200, 0, 100]], np.int32))
        assert pairs[2 * PAIR, 0] == pairs[0, 2 * PAIR] == 0.5
        assert triples[2 * TRIPLE, 0, 2 * TRIPLE] == 1

    def test_direction_does_not_matter(self):
        values = random_values(9, 20, 31, 6)
        for found, turned in zip(runs(values), runs(transposed(values)), strict=True):
            np.testing.assert_array_equal(found, turned)


class TestApart:
    def test_by_hand(self):
        """Bins end at 0, 1, 2, 4, 8, 16, 32, 64; signs do not matter."""
        differences = np.array([[0, 1, 2, 3, 4], [5, 8, 9, 16, 17], [32, 33, 64, 65, 255]], np.int32)
        values = np.full((3, 5), 255, np.int32)
        wanted = np.array([1, 1, 1, 2, 2, 2, 2, 2, 2]) / 15
        np.testing.assert_allclose(apart(values, values - differences), wanted, rtol=1e-6)
        np.testing.assert_allclose(apart(values - differences, values), wanted, rtol=1e-6)

    def test_they_are_shares_of_magnitudes(self):
        values, others = random_values(10, 17, 23), random_values(11, 17, 23)
        np.testing.assert_allclose(apart(values, others), shares_of(np.abs(values - others)), atol=1e-6)


def lines_by_definition(signal):
    """Of one signal: powers against their surroundings, and its period of 8 in deviations of the rest."""
    signal = signal.astype(np.float64)
    count = len(signal)
    period = signal.reshape(-1, 8).mean(0)
    rest = signal - np.tile(period, count // 8)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, count + 1) / (count + 1))
    powers = np.log(np.abs(np.fft.rfft(rest * window, 256)) ** 2 + 1e-5)
    mirrored = {k: powers[128 - abs(128 - abs(k))] for k in range(-10, 139)}
    lines = [powers[k] - np.mean([mirrored[k + d] for d in range(-10, 11)]) for k in range(129)]
    return lines, (period - signal.mean()) / (rest.std() + 1e-3)


class TestLines:
    @pytest.mark.parametrize("count", [64, 136, 256])
    def test_they_are_powers_against_their_surroundings(self, count):
        given = np.random.default_rng(12).gamma(2, 1, (3, count)).astype(np.float32)
        lines, phases = lines_of(given)
        assert lines.shape == (3, FREQUENCIES)
        assert phases.shape == (3, 8)
        assert lines.dtype == phases.dtype == np.float32
        for signal, line, phase in zip(given, lines, phases, strict=True):
            wanted, period = lines_by_definition(signal)
            np.testing.assert_allclose(line, wanted, atol=2e-3)
            np.testing.assert_allclose(phase, period, atol=1e-4)

    @pytest.mark.parametrize("place", [20, 43, 85, 110])
    def test_a_cosine_has_its_line(self, place):
        chance = np.random.default_rng(place).normal(0, 0.05, (2, 256))
        given = 1 + 0.3 * np.cos(2 * np.pi * place / 256 * np.arange(256) + 1) + chance
        lines, _ = lines_of(given.astype(np.float32))
        assert lines.argmax(1).tolist() == [place] * 2
        assert lines[:, place].min() > 5

    def test_the_frequency_is_the_same_in_a_short_piece(self):
        lines, _ = lines_of(np.cos(2 * np.pi * 43 / 256 * np.arange(96))[None].astype(np.float32))
        assert np.abs(lines.argmax(1) - 43).max() <= 1

    @pytest.mark.parametrize("count", [64, 256])
    def test_what_repeats_every_8_pixels_has_phases_and_no_lines(self, count):
        rng = np.random.default_rng(13)
        period = rng.gamma(2, 1, (5, 8))
        lines, phases = lines_of(np.tile(period, count // 8).astype(np.float32))
        np.testing.assert_allclose(lines, 0, atol=1e-3)
        level = period - period.mean(1, keepdims=True)
        np.testing.assert_array_equal(phases, MOST_PHASE * np.sign(level))
        chance = rng.normal(0, 1, (5, count // 8, 8))
        chance = ((chance - chance.mean(1, keepdims=True)) / chance.std((1, 2), keepdims=True)).reshape(5, -1)
        _, phases = lines_of((np.tile(period, count // 8) + 2 * chance).astype(np.float32))
        np.testing.assert_allclose(phases * chance.std(1)[:, None], level / 2, rtol=0.4, atol=0.1)

    def test_what_does_not_repeat_has_no_phases(self):
        slope = np.cos(2 * np.pi * 20 / 256 * np.arange(256))[None].astype(np.float32)
        _, phases = lines_of(slope)
        assert np.abs(phases).max() < 0.05

    def test_neither_level_nor_strength_matters(self):
        given = np.random.default_rng(14).gamma(2, 1, (2, 128)).astype(np.float32)
        for found, wanted in zip(lines_of(3 + 2 * given), lines_of(given), strict=True):
            np.testing.assert_allclose(found, wanted, atol=5e-3)


def echoes_by_definition(whole):
    """Power of differences and their correlation at distances, every pair of them in turn."""
    views = []
    for values in (whole, whole.T):
        found = []
        for rows, most in ECHOES:
            cut = np.clip(np.diff(values.astype(int), axis=1), -most, most)
            sums = np.lib.stride_tricks.sliding_window_view(cut, rows, axis=0).sum(-1)
            power = np.square(sums).mean() + 1e-4
            found.append([math.log(power)])
            found.append([(sums[:, lag:] * sums[:, :-lag]).mean() / power for lag in range(1, ECHO_LAGS + 1)])
        views.append(np.concatenate(found))
    return np.mean(views, axis=0)


def others_by_definition(luma, table):
    """All statistics that are no lines, in their order."""
    values, parts = luma.astype(np.float64), []
    for lines in (values, values.T):
        count = lines.shape[1]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, count + 1) / (count + 1))
        spectra = np.fft.rfft((lines - lines.mean(1, keepdims=True)) * window, 256, axis=1)
        parts.append(np.log((np.abs(spectra) ** 2).mean(0) / (window**2).sum() + 0.01))
    basis = dct_matrix()
    cut = (values - 128).reshape(luma.shape[0] // 8, 8, luma.shape[1] // 8, 8)
    coefficients = np.einsum("ux,ixjy,vy->ijuv", basis, cut, basis)
    levels = np.abs(np.round(coefficients / table))
    parts.append(np.log((coefficients**2).mean((0, 1)) + 0.01))
    parts += [np.log(part.mean((0, 1)) + 1e-4) for part in (levels == 0, levels == 1, levels)]
    whole = luma.astype(int)
    rows, cols = whole.shape
    for order in (1, 2):
        for lag in LAGS:
            inner = np.s_[lag : rows - lag, lag : cols - lag]
            here = whole[inner]
            after = whole[lag : rows - lag, 2 * lag :], whole[2 * lag :, lag : cols - lag]
            before = whole[lag : rows - lag, : cols - 2 * lag], whole[: rows - 2 * lag, lag : cols - lag]
            found = [a - here if order == 1 else b - 2 * here + a for a, b in zip(after, before, strict=True)]
            parts.append(np.log(shares_of(np.abs(found)) + 1e-4))
    parts += [np.log(shares + 1e-4) for shares in runs_by_loop(whole)]
    medians = [whole, *(scipy.ndimage.median_filter(whole, size, mode="nearest") for size in WINDOWS)]
    parts += [np.log(shares_of(np.abs(whole - smooth)) + 1e-4) for smooth in medians[1:]]
    parts += [np.log(shares_of(np.abs(a - b)) + 1e-4) for a, b in itertools.pairwise(medians)]
    parts += [np.log(np.histogram(whole, GREYS, (0, 256))[0] / whole.size + 1e-4), np.log(table.astype(float))]
    parts.append(echoes_by_definition(whole))
    return np.concatenate([np.ravel(part) for part in parts])


class TestDescribe:
    @pytest.mark.parametrize("shape", [(64, 64), (64, 256), (256, 64), (96, 136), (256, 256)])
    def test_shapes_and_kinds(self, shape):
        found = describe(piece(15, *shape), TABLE)
        assert isinstance(found, Features)
        assert found.lines.shape == (2, SIGNALS, FREQUENCIES)
        assert found.phases.shape == (2, SIGNALS, 8)
        assert found.others.shape == (OTHERS,)
        assert {part.dtype for part in found} == {np.dtype(np.float32)}

    @pytest.mark.parametrize("shape", [(64, 64), (64, 256), (200, 72)])
    @pytest.mark.parametrize("kind", ["black", "white", "flat", "noisy", "stripes", "halves"])
    @pytest.mark.parametrize("quality", [1, 75, 100])
    def test_they_are_finite(self, kind, shape, quality):
        y, x = np.indices(shape)
        luma = {
            "black": np.zeros(shape),
            "white": np.full(shape, 255),
            "flat": np.full(shape, 131),
            "noisy": np.random.default_rng(16).integers(0, 256, shape),
            "stripes": 255 * ((x + y) % 2),
            "halves": 255 * (x > shape[1] // 2 + 3),
        }[kind].astype(np.uint8)
        found = describe(luma, ijg_table(quality))
        for part in found:
            assert np.isfinite(part).all()
            assert np.isfinite(part.astype(np.float16)).all()  # as it is kept
        assert np.abs(found.lines).max() < 50
        assert np.abs(found.others).max() < 50

    def test_a_flat_piece_has_neither_lines_nor_phases(self):
        found = describe(np.full((64, 96), 77, np.uint8), TABLE)
        np.testing.assert_allclose(found.lines, 0, atol=1e-3)
        np.testing.assert_allclose(found.phases, 0, atol=1e-3)

    @pytest.mark.parametrize(
        "shape", [(56, 64), (64, 56), (264, 64), (64, 264), (60, 64), (64, 129), (0, 64), (0, 0), (512, 512)]
    )
    def test_other_sizes_are_refused(self, shape):
        with pytest.raises(UsageError, match=f"sides from 64 to 256, multiples of 8, not {shape[1]} x {shape[0]}$"):
            describe(np.zeros(shape, np.uint8), TABLE)

    @pytest.mark.parametrize("shape", [(64, 88), (96, 64)])
    def test_others_are_what_they_are_called(self, shape):
        luma, table = piece(17, *shape), ijg_table(83)
        table[::4, ::4] = 2049
        np.testing.assert_allclose(describe(luma, table).others, others_by_definition(luma, table), atol=2e-3)

    def test_levels_of_flat_blocks_by_hand(self):
        """8 (v - 128) is 0, 16, 48 and -48: 0, 1, 3 and 3 steps of 16."""
        luma = np.full((64, 64), 128, np.uint8)
        luma[:8, :32], luma[8:16, :48], luma[16:32] = 130, 134, 122
        table = np.full((8, 8), 16, np.uint16)
        power, zeros, ones, size = part_of(describe(luma, table).others, "blocks")
        counts = {0: 64 - 4 - 6 - 16, 16: 4, 48: 6, -48: 16}
        mean_square = sum(count * value**2 for value, count in counts.items()) / 64
        assert power[0] == pytest.approx(math.log(mean_square + 0.01))
        assert zeros[0] == pytest.approx(math.log(38 / 64 + 1e-4))
        assert ones[0] == pytest.approx(math.log(4 / 64 + 1e-4))
        assert size[0] == pytest.approx(math.log((4 + 3 * 22) / 64 + 1e-4))
        np.testing.assert_allclose(power[1:], math.log(0.01), rtol=1e-6)
        np.testing.assert_allclose(zeros[1:], math.log(1 + 1e-4), rtol=1e-3)
        np.testing.assert_allclose([*ones[1:], *size[1:]], math.log(1e-4), rtol=1e-6)

    def test_lines_are_those_of_columns_and_of_rows(self):
        luma = piece(18, 64, 96)
        blocks = (luma.astype(np.float64) - 128).reshape(8, 8, 12, 8).swapaxes(1, 2)
        basis = dct_matrix()
        levels = np.abs(np.round(np.einsum("ux,ijxy,vy->ijuv", basis, blocks, basis) / UNTIED)).reshape(8, 12, 64)
        found = describe(luma, UNTIED)
        across = lines_of(signals_of(luma.astype(np.int32), levels))
        down = lines_of(signals_of(luma.T.astype(np.int32), levels.swapaxes(0, 1)))
        for part, views in zip((found.lines, found.phases), zip(across, down, strict=True), strict=True):
            np.testing.assert_array_equal(part, np.stack(views))

    def test_the_piece_is_not_altered_and_its_layout_does_not_matter(self):
        whole = piece(19, 96, 136)
        copy, inside = whole.copy(), whole[8:72, 16:112]
        found, again = describe(inside, TABLE), describe(np.ascontiguousarray(inside), TABLE)
        np.testing.assert_array_equal(whole, copy)
        for part, same in zip(found, again, strict=True):
            np.testing.assert_array_equal(part, same)

    @pytest.mark.parametrize("shape", [(64, 64), (64, 128), (136, 96)])
    def test_a_transposed_piece_has_rows_for_columns(self, shape):
        luma = piece(20, *shape)
        found, turned = describe(luma, UNTIED), describe(transposed(luma), transposed(UNTIED))
        np.testing.assert_allclose(turned.lines[::-1], found.lines, atol=0.02)
        np.testing.assert_allclose(turned.phases[::-1], found.phases, atol=1e-3)

    @pytest.mark.parametrize("shape", [(64, 64), (64, 128), (136, 96)])
    def test_all_else_of_a_transposed_piece_is_the_same_or_transposed(self, shape):
        luma = piece(21, *shape)
        found, turned = describe(luma, UNTIED).others, describe(transposed(luma), transposed(UNTIED)).others

        def same(part):
            return part

        exchanged = {
            "powers": lambda part: part[::-1],
            "blocks": lambda part: part.reshape(4, 8, 8).swapaxes(1, 2).reshape(4, 64),
            "table": lambda part: part.reshape(8, 8).T.ravel(),
        }
        for name in PARTS:
            wanted = exchanged.get(name, same)(part_of(found, name))
            np.testing.assert_allclose(part_of(turned, name), wanted, atol=1e-4, err_msg=name)


class TestEchoes:
    def test_of_a_moving_mean_turn_where_pixels_leave(self):
        """Differences of a mean of 9 are those of pixels 9 apart: correlated by -1/2 at 9, by 0 elsewhere."""
        noise = np.random.default_rng(23).normal(0, 30, (256, 264))
        means = 128 + np.lib.stride_tricks.sliding_window_view(noise, 9, axis=1).mean(-1)
        rounded = np.clip(np.rint(means), 0, 255).astype(np.uint8)
        values = np.zeros(1 + ECHO_LAGS)
        _kernels.echoes(rounded.astype(np.int32), 1, 100, values)
        correlations = values[1:] / values[0]
        assert correlations[8] == pytest.approx(-0.5, abs=0.02)
        np.testing.assert_allclose(np.delete(correlations, 8), 0, atol=0.03)

    @pytest.mark.parametrize("size", [7, 11, 15])
    def test_of_a_median_fall_until_its_window_is_left(self, size):
        noise = scipy.ndimage.gaussian_filter(np.random.default_rng(size).normal(0, 1, (256, 256)), 0.7)
        smooth = median_of(np.clip(128 + 40 * noise, 0, 255).astype(np.uint8), size)
        found = describe_parts(smooth, TABLE, ("echoes",)).reshape(len(ECHOES), 1 + ECHO_LAGS)[1, 1:]
        bends = np.diff(found, 2)  # around distances 2, 3, ...
        assert np.argmax(bends[1:]) + 3 in (size, size + 1)
        assert found[size - 1] < min(0, found[size + 2])


class TestParts:
    def test_they_are_all_of_the_vector_in_order(self):
        others = np.arange(OTHERS, dtype=np.float32)
        parts = [part_of(others, name) for name in PARTS]
        assert [part.shape for part in parts] == list(PARTS.values())
        np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), others)

    @pytest.mark.parametrize("names", [tuple(PARTS), *((name,) for name in PARTS), ("greys", "blocks")])
    def test_some_of_them_alone_are_the_same(self, names):
        luma = np.ascontiguousarray(scene(4, 96, 72)[..., 1])
        found = describe_parts(luma, TABLE, names)
        np.testing.assert_array_equal(found, parts_of(describe(luma, TABLE).others, names))
        assert found.shape == (count_of(names),)
        assert found.dtype == np.float32

    def test_of_another_name_all_are_told(self):
        with pytest.raises(UsageError, match=f"^there is no part 'grey'; there are {', '.join(PARTS)}$"):
            part_of(np.zeros(OTHERS, np.float32), "grey")


class TestEnlarged:
    """1.2 times: the weights of the interpolation repeat every 6 pixels, as 1 - 1/1.2 says."""

    PLACES = (42, 43)  # 256 / 6 = 42.7

    def lines(self, seed, resized):
        picture = scene(seed, 214, 220)
        if resized:
            picture = filters.resize(picture, 257, 264, "bilinear", antialias=False)
        height = 256 if resized else 208
        return describe(np.ascontiguousarray(filters.luma_of(picture)[:height, :height]), TABLE).lines

    @pytest.mark.parametrize("direction", [0, 1])
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_its_line_stands_out(self, seed, direction):
        found = self.lines(seed, resized=True)[direction]
        near = found[:, 25:60]
        highest = near.argmax(1) + 25
        assert np.isin(highest, self.PLACES).mean() > 0.5
        assert found[:, self.PLACES].max() > 5
        untouched = self.lines(seed, resized=False)[direction]
        assert untouched[:, self.PLACES].max() < found[:, self.PLACES].max() - 2
