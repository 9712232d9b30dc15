"""Pieces with a known past: what is said to have happened happened, by other means where there are any."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

pytest.importorskip("torch")

from jpegtrace.chain import filters
from jpegtrace.chain.codec import compress, decompress
from jpegtrace.jpeg import dct_matrix
from jpegtrace.manipulation import grid
from jpegtrace.manipulation.grid import KERNELS, OPERATIONS
from jpegtrace.tables import ijg_table, usual_known_tables
from jpegtrace_training import operations
from jpegtrace_training.operations import BORDER, KERNEL_SHARES, REDUCED, SHARES, WHOLE, Plan, draw, make, width_of
from jpegtrace_training.pictures import made
from support.pictures import scene

PICTURES = made(2, 160, seed=1).training
PICTURE = scene(210, 230)
BEST = (100, 100)
SIDE = 64
MADE = SIDE + 2 * BORDER
PARAMETERS = {
    "none": set(), "resized": {"factor", "kernel"}, "blurred": {"sigma"}, "median": {"size"}, "noise": {"noise"},
    "resized and blurred": {"factor", "kernel", "sigma"},
}  # fmt: skip


def made_by(seed, operation, picture=PICTURE, side=SIDE, last=BEST, **plan):
    return make(picture, Plan(operation, **plan), last, np.random.default_rng(seed), side)


def place_of(piece, whole):
    """Where a piece lies in a whole, to the bit; None if nowhere."""
    if any(part > extent for part, extent in zip(piece.shape, whole.shape, strict=True)):
        return None
    windows = sliding_window_view(whole, piece.shape)[..., 0, :, :, :]
    found = np.argwhere((windows[..., 0, :, :] == piece[0]).all((-2, -1)))
    return next((tuple(map(int, place)) for place in found if (windows[tuple(place)] == piece).all()), None)


def nearest_place(luma, whole):
    """Largest difference in grey levels at the best place in a whole or in its transpose."""
    best = np.inf
    for turned in (whole, whole.T):
        windows = sliding_window_view(turned.astype(np.int16), luma.shape)
        coarse = np.abs(windows[..., ::9, ::9] - luma[::9, ::9]).max((-2, -1))
        at = np.unravel_index(coarse.argmin(), coarse.shape)
        best = min(best, np.abs(windows[at] - luma).max())
    return best


def given(past):
    """Names of the parameters that are there."""
    return {name for name in past._fields[1:] if name != "kernel" and not math.isnan(getattr(past, name))} | (
        {"kernel"} if past.kernel >= 0 else set()
    )


def stripes(period, side=260):
    """Vertical, 80 grey levels."""
    wave = np.round(128 + 80 * np.sin(np.arange(side) * 2 * np.pi / period)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(wave[None, :, None], (side, side, 3)))


def spectrum(luma):
    """Amplitudes along rows or columns, where stripes change, at multiples of 1/1024."""
    lines = luma if np.diff(luma.astype(int), axis=1).std() > np.diff(luma.astype(int), axis=0).std() else luma.T
    mean = lines.mean(0)
    return np.abs(np.fft.rfft(mean - mean.mean(), 1024)) * 2 / len(mean)


@pytest.fixture
def done(monkeypatch):
    """What was compressed, with which tables and to what, and what filters were given and gave."""
    found = SimpleNamespace(compressed=[], decoded=[], tables=[], subsamplings=[], filtered=[])

    def compressing(pixels, luma_table, chroma_table, subsampling):
        found.compressed.append(np.array(pixels))
        found.tables.append((np.array(luma_table), np.array(chroma_table)))
        found.subsamplings.append(subsampling)
        return compress(pixels, luma_table, chroma_table, subsampling)

    def decompressing(*arguments):
        found.decoded.append(decompress(*arguments))
        return found.decoded[-1]

    def spied(name, real):
        def filtering(pixels, *arguments, **options):
            result = real(pixels, *arguments, **options)
            found.filtered.append((name, np.array(pixels), result, arguments, options))
            return result

        return filtering

    monkeypatch.setattr(operations, "compress", compressing)
    monkeypatch.setattr(operations, "decompress", decompressing)
    for name in ("resize", "blur", "median", "noise"):
        monkeypatch.setattr(filters, name, spied(name, getattr(filters, name)))
    return found


class TestDraw:
    @pytest.mark.parametrize("side", [64, 72, 128])
    def test_pieces_of_the_size_asked_for(self, side):
        samples, pasts = draw(PICTURES, 7, np.random.default_rng(1), side)
        assert len(samples) == len(pasts) == 7
        for luma, table in samples:
            assert (luma.shape, luma.dtype) == ((side, side), np.uint8)
            assert (table.shape, table.dtype) == ((8, 8), np.uint16)
            assert table.min() >= 1

    def test_the_same_generator_gives_the_same(self):
        before = [picture.copy() for picture in PICTURES]
        once, again, other = (draw(PICTURES, 12, np.random.default_rng(seed), SIDE) for seed in (3, 3, 4))
        for sample, same in zip(once[0], again[0], strict=True):
            np.testing.assert_array_equal(sample.luma, same.luma)
            np.testing.assert_array_equal(sample.table, same.table)
        assert str(once[1]) == str(again[1]) != str(other[1])
        for picture, copy in zip(PICTURES, before, strict=True):
            np.testing.assert_array_equal(picture, copy)

    def test_operations_and_parameters_are_drawn_as_declared(self):
        count = 400
        samples, pasts = draw(PICTURES, count, np.random.default_rng(5), SIDE)
        assert sum(SHARES) == pytest.approx(1)
        for index, (name, share) in enumerate(zip(OPERATIONS, SHARES, strict=True)):
            alike = [past for past in pasts if past.operation == index]
            assert abs(len(alike) - count * share) < 4 * math.sqrt(count * share * (1 - share)), name
            assert all(given(past) == PARAMETERS[name] for past in alike)
        assert len({sample.luma.tobytes() for sample in samples}) == count

        def drawn(name):
            return np.array([getattr(past, name) for past in pasts if name in given(past)])

        factors, sigmas, noises = drawn("factor"), drawn("sigma"), drawn("noise")
        assert 0.44 < factors.min() < 0.55
        assert 1.9 < factors.max() < 2.23
        assert np.abs(np.log(factors)).min() > 0.009
        assert abs((factors < 1).mean() - REDUCED) < 4 * math.sqrt(REDUCED * (1 - REDUCED) / len(factors))
        assert grid.SIGMAS[0] < sigmas.min() < 0.8
        assert 3 < sigmas.max() < grid.SIGMAS[-1]
        assert set(drawn("size")) == set(grid.SIZES)
        assert 1 <= noises.min() < 10 < 200 < noises.max() < grid.NOISES[-1]
        kernels = np.bincount(drawn("kernel"), minlength=3) / len(factors)
        assert np.abs(kernels - KERNEL_SHARES).max() < 0.13

    def test_tables_are_of_qualities_and_of_cameras(self):
        samples, _ = draw(PICTURES, 250, np.random.default_rng(6), SIDE)
        by_quality = {ijg_table(quality).tobytes() for quality in range(50, 99)}
        surveyed = {np.asarray(table.luma, np.uint16).tobytes() for table in usual_known_tables()} - by_quality
        tables = [sample.table.tobytes() for sample in samples]
        assert set(tables) <= by_quality | surveyed
        assert 0.03 < np.mean([table in surveyed for table in tables]) < 0.25
        assert len(set(tables)) > 50

    def test_every_kind_of_first_compression_occurs(self, monkeypatch, done):
        plans, real = [], operations.make

        def spied(picture, plan, *arguments, **options):
            plans.append((plan, len(done.compressed)))
            return real(picture, plan, *arguments, **options)

        monkeypatch.setattr(operations, "make", spied)
        draw(PICTURES, 250, np.random.default_rng(7), SIDE)
        kinds = [plan.first for plan, _ in plans]
        for share, kind in operations.FIRST:
            assert abs(kinds.count(kind) - 250 * share) < 4 * math.sqrt(250 * share * (1 - share))
        qualities = {ijg_table(quality).tobytes(): quality for quality in range(50, 99)}
        for plan, start in plans:
            if plan.first is not None:
                assert plan.first[0] <= qualities[done.tables[start][0].tobytes()] <= plan.first[1]
        assert len(done.compressed) == 500 - kinds.count(None)
        assert set(done.subsamplings) == {"420", "444"}
        assert 0.65 < np.mean([name == "420" for name in done.subsamplings]) < 0.85


class TestMake:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_nothing_and_no_compression_before_leave_the_picture(self, seed):
        (luma, _), past = made_by(seed, "none", first=None)
        assert past.operation == 0
        assert given(past) == set()
        assert nearest_place(luma, filters.luma_of(PICTURE)) <= 3

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("side", [64, 104])
    def test_a_piece_is_the_middle_of_what_was_compressed_last(self, done, operation, side):
        (luma, table), past = made_by(4, operation, side=side, last=(70, 70), first=(80, 80))
        assert OPERATIONS[past.operation] == operation
        assert given(past) == PARAMETERS[operation]
        assert len(done.compressed) == 2
        for (found, chroma), quality in zip(done.tables, (80, 70), strict=True):
            np.testing.assert_array_equal(found, ijg_table(quality))
            np.testing.assert_array_equal(chroma, ijg_table(quality, "chroma"))
        np.testing.assert_array_equal(table, ijg_table(70))
        assert done.compressed[1].shape == (side + 2 * BORDER, side + 2 * BORDER, 3)
        whole = filters.luma_of(done.decoded[1])
        np.testing.assert_array_equal(luma, whole[BORDER : BORDER + side, BORDER : BORDER + side])

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("first", [None, (90, 90)])
    def test_the_chain_is_picture_compression_operation_compression(self, done, operation, first):
        for seed in (5, 6):
            for kept in (done.compressed, done.decoded, done.tables, done.filtered):
                kept.clear()
            made_by(seed, operation, first=first)
            assert len(done.compressed) == (1 if first is None else 2)
            source = PICTURE if first is None else done.compressed[0]
            assert any(place_of(source[:96, :96], whole) for whole in (PICTURE, PICTURE.swapaxes(0, 1)))
            here = [PICTURE, PICTURE.swapaxes(0, 1)] if first is None else [done.decoded[0]]
            wanted = {"resized": ["resize"], "blurred": ["blur"], "resized and blurred": ["resize", "blur"], "none": []}
            assert [step[0] for step in done.filtered] == wanted.get(operation, [operation])
            for _, before, after, _, _ in done.filtered:
                places = [place for whole in here if (place := place_of(before, whole))]
                assert places
                if first is not None and here[0] is done.decoded[0]:
                    assert max(places[0]) <= 7
                here = [after]
            assert any(place_of(done.compressed[-1], whole) for whole in here)

    @pytest.mark.parametrize("operation", ["resized", "resized and blurred"])
    def test_the_factor_is_what_the_picture_was_resized_by(self, done, operation):
        kinds = set()
        for seed in range(90):
            done.filtered.clear()
            _, past = made_by(seed, operation)
            _, before, after, arguments, options = done.filtered[0]
            assert before.shape[0] == before.shape[1]
            assert after.shape[0] == after.shape[1] >= MADE
            assert past.factor == after.shape[0] / before.shape[0]
            assert KERNELS[past.kernel] == (arguments[2] if arguments[2] in KERNELS else "other")
            kinds.add((arguments[2], options["antialias"]))
        assert {kind for kind, _ in kinds} == {"bilinear", "bicubic", "lanczos", "area", "nearest"}
        assert {antialias for kind, antialias in kinds if kind in KERNELS} == {False, True}

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize("operation", ["resized", "resized and blurred"])
    def test_the_kernel_asked_for_is_used(self, done, kernel, operation):
        methods = {"other": {"lanczos", "area", "nearest"}}.get(kernel, {kernel})
        for seed in range(12):
            _, past = made_by(seed, operation, kernel=kernel, first=None)
            assert KERNELS[past.kernel] == kernel
        assert {step[3][2] for step in done.filtered if step[0] == "resize"} == methods

    @pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
    def test_stripes_are_as_wide_as_the_factor_says(self, kernel):
        """Ten pixels before."""
        picture, factors = stripes(10, 400), []
        for seed in range(8):
            (luma, _), past = made_by(seed, "resized", picture, 128, kernel=kernel)
            assert spectrum(luma).argmax() / 1024 == pytest.approx(1 / (10 * past.factor), rel=0.02)
            factors.append(past.factor)
        assert max(factors) > 1.3 > 0.8 > min(factors)

    def test_stripes_are_as_weak_as_the_width_says(self):
        """A Gaussian of this width leaves exp(-2 (pi sigma / 24)^2) of stripes 24 pixels wide."""
        sigmas = []
        for seed in range(14):
            (luma, _), past = made_by(seed, "blurred", stripes(24), 96, first=None)
            lines = luma.mean(0) if luma.mean(0).std() > luma.mean(1).std() else luma.mean(1)
            left = np.abs(np.fft.rfft(lines)[4]) * 2 / 96 / 80
            if past.sigma > 0.9:  # weaker ones leave all to rounding
                assert 24 / math.pi * math.sqrt(-math.log(left) / 2) == pytest.approx(past.sigma, rel=0.04)
            sigmas.append(past.sigma)
        assert max(sigmas) > 2

    def test_median_and_blur_are_those_of_the_past(self, done):
        for seed in range(8):
            _, past = made_by(seed, "median", first=None)
            _, before, after, _, _ = done.filtered[-1]
            np.testing.assert_array_equal(after, filters.median(before, int(past.size)))
            _, past = made_by(seed, "blurred", first=None)
            name, _, _, arguments, _ = done.filtered[-1]
            assert (name, arguments[0]) == ("blur", "gaussian")
            assert past.sigma == width_of(*arguments[1:])

    def test_noise_is_as_strong_as_the_past_says(self):
        """Luminance is a weighted sum of three independent samples; what is clipped is not counted here."""
        flat, deviations = np.full((120, 120, 3), 128, np.uint8), []
        for seed in range(40):
            (luma, _), past = made_by(seed, "noise", flat, first=None)
            deviations.append(past.noise)
            if 2 < past.noise < 40:
                variance = past.noise**2 * (0.299**2 + 0.587**2 + 0.114**2)
                assert luma.std() == pytest.approx(math.sqrt(variance + 1 / 6), rel=0.06)
        assert np.less(deviations, 40).sum() > 4

    @pytest.mark.parametrize("operation", ["none", "resized"])
    @pytest.mark.parametrize("quality", [60, 85])
    def test_coefficients_are_multiples_of_the_table_on_the_grid(self, operation, quality):
        (luma, table), _ = made_by(8, operation, last=(quality, quality))
        np.testing.assert_array_equal(table, ijg_table(quality))
        distances = {}
        for shift in (0, 3):
            rows = (SIDE - shift) // 8
            cut = luma[shift : shift + 8 * rows, shift : shift + 8 * rows].astype(float) - 128
            steps = np.einsum("ux,ixjy,vy->ijuv", dct_matrix(), cut.reshape(rows, 8, rows, 8), dct_matrix()) / table
            used = (np.abs(steps) > 0.5) & (table >= 4)
            distances[shift] = np.abs(steps - np.rint(steps))[used].mean()
        assert distances[0] < 0.15 < 0.2 < distances[3]

    def test_last_qualities_are_those_asked_for(self):
        found = {made_by(seed, "none", last=(71, 73), first=None)[0].table.tobytes() for seed in range(30)}
        assert found == {ijg_table(quality).tobytes() for quality in (71, 72, 73)}

    def test_last_tables_of_cameras(self, done):
        surveyed = {np.asarray(table.luma, np.uint16).tobytes() for table in usual_known_tables()}
        for seed in range(10):
            (_, table), _ = make(PICTURE, Plan("none"), BEST, np.random.default_rng(seed), SIDE, known=1.0)
            assert table.tobytes() in surveyed
            np.testing.assert_array_equal(done.tables[-1][0], table)
            assert done.tables[-2][0].tobytes() in {ijg_table(quality).tobytes() for quality in (95, 96, 97)}

    def test_every_second_piece_begins_on_the_grid_before(self, done):
        places = []
        for seed in range(160):
            made_by(seed, "none")
            places.append(place_of(done.compressed[-1], done.decoded[-2]))
        assert max(max(place) for place in places) == 7
        assert 0.37 < np.mean([place == (0, 0) for place in places]) < 0.65
        assert len(set(places)) > 30

    def test_pieces_of_resized_pictures_begin_on_the_grid_of_the_whole_or_anywhere(self, done):
        """On both axes, so that the interpolation has any phase, that of whole files most often."""
        places = []
        for seed in range(80):
            made_by(seed, "resized", first=None)
            places.append(place_of(done.compressed[-1], done.filtered[-1][2]))
        assert None not in places
        whole = np.mean([place[0] % 8 == place[1] % 8 == 0 for place in places])
        assert abs(whole - WHOLE) < 4 * math.sqrt(WHOLE * (1 - WHOLE) / len(places))
        for axis in (0, 1):
            assert len({place[axis] % 8 for place in places}) >= 7


class TestSmallPictures:
    SMALL = scene(40, 57)

    @pytest.mark.parametrize("seed", [1, 2, 3, 4])
    def test_they_are_mirrored(self, seed):
        (luma, _), _ = made_by(seed, "none", self.SMALL, first=None)
        mirrored = np.pad(filters.luma_of(self.SMALL), ((0, 110), (0, 110)), mode="symmetric")
        assert nearest_place(luma, mirrored) <= 3

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("shape", [(1, 1), (8, 300), (40, 57)])
    def test_every_operation_is_done_to_them(self, operation, shape):
        for seed in range(3):
            (luma, _), past = made_by(seed, operation, scene(*shape))
            assert luma.shape == (SIDE, SIDE)
            assert OPERATIONS[past.operation] == operation
            assert given(past) == PARAMETERS[operation]

    def test_what_is_drawn_does_not_depend_on_the_size(self):
        """The same share of pictures shrinks."""
        for picture in (self.SMALL, PICTURE):
            factors = [made_by(seed, "resized", picture, first=None)[1].factor for seed in range(60)]
            assert 0.3 < np.mean(np.less(factors, 1)) < 0.7


class TestWidth:
    @pytest.mark.parametrize("size", [3, 5, 7, 9, 11, 15])
    @pytest.mark.parametrize("sigma", [None, 0.5, 1.3, 3.0])
    def test_it_is_the_deviation_of_the_weights(self, size, sigma):
        total = sum(
            int(weight) * (place - size // 2) ** 2 for place, weight in enumerate(filters.gaussian_kernel(size, sigma))
        )
        assert width_of(size, sigma) == pytest.approx(math.sqrt(total / 256))

    def test_by_hand(self):
        """1 2 1 and 1 4 6 4 1 are two and four steps of a coin."""
        assert width_of(3, None) == pytest.approx(math.sqrt(1 / 2))
        assert width_of(5, None) == 1
        assert width_of(1, None) == 0

    @pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0, 4.0])
    def test_of_a_wide_window_it_is_nearly_sigma(self, sigma):
        assert width_of(2 * math.ceil(3 * sigma) + 1, sigma) == pytest.approx(sigma, rel=0.03)


class TestShares:
    @pytest.mark.parametrize("parameter", grid.PARAMETERS)
    def test_they_are_those_of_what_is_drawn(self, parameter):
        points = grid.PARAMETERS[parameter]
        shares = operations.shares_of(parameter, 6000, np.random.default_rng(1))
        rng = np.random.default_rng(2)
        drawn = np.array([operations.DRAWN[parameter](rng) for _ in range(6000)])
        assert shares.shape == points.shape
        assert shares.sum() == pytest.approx(1)
        np.testing.assert_allclose(shares, grid.spread(drawn, points).mean(0), atol=0.02)

    @pytest.mark.parametrize("parameter", grid.PARAMETERS)
    def test_nothing_is_drawn_that_has_no_share(self, parameter):
        shares = operations.shares_of(parameter, 4000, np.random.default_rng(1))
        _, pasts = draw(PICTURES, 60, np.random.default_rng(3), SIDE, grid.CARRIED_BY[parameter])
        values = np.array([getattr(past, parameter) for past in pasts], float)
        assert (shares @ grid.spread(values, grid.PARAMETERS[parameter]).T).min() > 0

    def test_a_class_has_its_part_of_the_half_that_are_classes(self):
        shares = operations.shares_of("factor", 20_000, np.random.default_rng(1))
        at = {factor: shares[np.abs(np.log(grid.FACTORS / factor)).argsort()[:2]].sum() for factor in (0.7, 1.3)}
        assert at[0.7] == pytest.approx(0.6 * 0.5 / 5, abs=0.015)
        assert at[1.3] == pytest.approx(0.4 * 0.5 / 5, abs=0.015)
