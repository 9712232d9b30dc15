"""Each detector against its printed equation, written out here once more as slow loops, and on known histories."""

import io
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from checks.pictures import scene
from jpegtrace.chain import compress, decompress
from jpegtrace.errors import UsageError
from jpegtrace.stress import DETECTORS, estimate_table
from jpegtrace.stress.detectors import SMALLEST
from jpegtrace.stress.detectors.variation import QUALITIES, recompressed_variation
from jpegtrace.tables import ijg_table, random_smooth_table

NAMES = list(DETECTORS)


def grey(seed, height=192, width=192):
    """As smooth as photographs are: busy noise scores like blocks do."""
    return np.ascontiguousarray(scene(seed, height, width, slope=1.6)[..., 0])


def saved(plane, table):
    """Pixels after one compression with this table."""
    return decompress(compress(plane, table, subsampling="grey"), (table,), "grey", *plane.shape)


def jpeg(plane, quality):
    return saved(plane, ijg_table(quality))


def noise(seed, height, width):
    return np.random.default_rng(seed).integers(1, 255, (height, width)).astype(np.uint8)


def awkward():
    """Sides that are no multiples of 8, of a JPEG and of noise."""
    return [grey(3, 45, 62), jpeg(grey(4, 48, 56), 60)[:43, :55], noise(5, 24, 31)]


def cosine(frequency, place):
    return math.cos((2 * place + 1) * frequency * math.pi / 16) / (2 if frequency else math.sqrt(8))


def coefficient(x, top, left, r, c):
    return math.fsum(x[top + i][left + j] * cosine(r, i) * cosine(c, j) for i in range(8) for j in range(8))


def cropped(plane):
    return [[int(v) for v in row[: plane.shape[1] // 8 * 8]] for row in plane[: plane.shape[0] // 8 * 8]]


def slow_k_f(x):
    inner, outer = Counter(), Counter()
    for t in range(0, len(x) - 8, 8):
        for s in range(0, len(x[0]) - 8, 8):
            for counter, k in ((inner, 3), (outer, 7)):
                a, b = x[t + k][s + k], x[t + k][s + k + 1]
                c, d = x[t + k + 1][s + k], x[t + k + 1][s + k + 1]
                counter[abs(a - b - c + d)] += 1
    many = sum(inner.values())
    return sum(abs(inner[n] - outer[n]) / many for n in set(inner) | set(outer))


def slow_k_u(x, p):
    def blockiness(x):
        height, width = len(x), len(x[0])
        r, c = (height - 2) // 8, (width - 2) // 8
        total = 0
        for b in range(1, r + 1):
            for j in range(width):
                total += abs(x[8 * b - 2][j] - 3 * x[8 * b - 1][j] + 3 * x[8 * b][j] - x[8 * b + 1][j]) ** p
        for b in range(1, c + 1):
            for i in range(height):
                total += abs(x[i][8 * b - 2] - 3 * x[i][8 * b - 1] + 3 * x[i][8 * b] - x[i][8 * b + 1]) ** p
        return total / (width * r + height * c)

    return abs(blockiness(x) - blockiness([row[4:] for row in x[4:]]))


def slow_k_l(x):
    def variance(offset, r, c):
        tops, lefts = range(offset, len(x) - 8 + offset, 8), range(offset, len(x[0]) - 8 + offset, 8)
        found = [coefficient(x, t, s, r, c) for t in tops for s in lefts]
        mean = math.fsum(found) / len(found)
        return math.fsum((v - mean) ** 2 for v in found) / len(found)

    total = 0
    for r in range(8):
        for c in range(8):
            if r + c >= 8:
                total += abs(variance(0, r, c) - variance(4, r, c)) / variance(0, r, c)
    return total / 28


def slow_k_v(x):
    variations = []
    for quality in range(45, 101):
        out = io.BytesIO()
        Image.fromarray(np.array(x, np.uint8)).save(out, "JPEG", quality=quality)
        y = np.array(Image.open(out)).tolist()
        down = sum(abs(b - a) for one, other in pairwise(y) for a, b in zip(one, other, strict=True))
        across = sum(abs(b - a) for row in y for a, b in pairwise(row))
        variations.append(down + across)
    return max(b - a for a, b in pairwise(variations))


def slow_table(x):
    """The table of K_F^Q, row by row."""
    corners = [(t, s) for t in range(0, len(x), 8) for s in range(0, len(x[0]), 8)]
    kept = []
    for t, s in corners:
        values = {x[t + i][s + j] for i in range(8) for j in range(8)}
        if len(values) > 1 and not values & {0, 255}:
            kept.append((t, s))
    reach = {0: 2, 4: 2, 2: math.sqrt(2), 6: math.sqrt(2)}
    table = [[0] * 8 for _ in range(8)]
    for r in range(8):
        for c in range(8):
            found = [coefficient(x, t, s, r, c) for t, s in kept]
            y = [int(math.copysign(math.floor(abs(v) + 0.5 + 1e-9), v)) for v in found]
            if y:
                bound = reach.get(r, 2 * math.cos(math.pi / 4) * math.cos(math.pi / 8))
                bound *= reach.get(c, 2 * math.cos(math.pi / 4) * math.cos(math.pi / 8))
                table[r][c] = slow_step(y, bound, r + c == 0)
    return table


def slow_step(y, bound, dc):
    def mode(y):
        return min(y, key=lambda v: (-y.count(v), v))

    if dc:
        centre = mode(y)
        y = [v - centre for v in y]
    centre = mode(y)
    beyond = [v for v in y if v - centre >= math.floor(bound) + 2]
    if not beyond:
        return 0
    guess = mode(beyond) - centre - 1
    tried = [q for q in range(1, guess + 2) if 0 in ((guess - 1) % q, guess % q, (guess + 1) % q)]
    return max(tried, key=lambda q: (slow_score(y, q, bound), -q))


def slow_score(y, q, bound):
    def phi(x):
        return math.erfc(-x / math.sqrt(2)) / 2

    sigma = math.sqrt(1 / 12)
    total = len(y) * math.log(q)
    for i, count in Counter(v - q * round(v / q) for v in y).items():
        mass = 0
        for j in range(-5, 6):
            if abs(i) + abs(j) * q <= bound - 0.5:
                mass += phi((abs(i) + j * q + 0.5) / sigma) - phi((abs(i) + j * q - 0.5) / sigma)
        total += count * (math.log(sigma * math.sqrt(2 * math.pi) * mass) if mass else -100)
    return total


SLOW = {
    "K_F": slow_k_f,
    "K_L": slow_k_l,
    "K_U1": lambda x: slow_k_u(x, 1),
    "K_U2": lambda x: slow_k_u(x, 2),
    "K_V": slow_k_v,
    "K_FQ": lambda x: sum(q > 1 for row in slow_table(x) for q in row),
}


class TestEquations:
    def test_every_detector_is_written_out_here(self):
        assert set(SLOW) == set(NAMES)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("case", range(3))
    def test_term_by_term(self, name, case):
        plane = awkward()[case]
        assert DETECTORS[name](plane) == pytest.approx(SLOW[name](cropped(plane)), rel=1e-9, abs=1e-12)

    @pytest.mark.parametrize("plane", [grey(6, 40, 64), jpeg(grey(6, 64, 64), 75), noise(7, 40, 48)], ids=range(3))
    def test_the_estimated_table_entry_by_entry(self, plane):
        np.testing.assert_array_equal(estimate_table(plane), slow_table(cropped(plane)))


class TestByHand:
    def test_blocking_signature(self):
        # Nine blocks of one value each. Inside Z1 = 0; where four meet Z2 = |a - b - c + d| = 0, 5, 5, 7, so that
        # K_F = |1 - 1/4| + |0 - 1/2| + |0 - 1/4|.
        values = np.array([[100, 100, 100], [100, 100, 105], [100, 105, 103]])
        plane = np.kron(values, np.ones((8, 8))).astype(np.uint8)
        assert DETECTORS["K_F"](plane) == 1.5

    def test_gradients_at_a_step_between_blocks(self):
        # |10 - 30 + 60 - 20| = 20 in 24 rows, at one of two borders in each direction of 24 pixels: 480 / 96 = 5.
        # The moved picture's borders lie elsewhere: 0.
        plane = np.full((24, 24), 20, np.uint8)
        plane[:, :8] = 10
        assert DETECTORS["K_U1"](plane) == DETECTORS["K_U1"](plane.T.copy()) == 5
        assert DETECTORS["K_U2"](plane) == DETECTORS["K_U2"](plane.T.copy()) == 100

    def test_gradients_at_a_step_within_blocks_count_as_much(self):
        # Without a sign: J is 20 x 20 with two borders of 20 each way, and 20 of them hold the step: 400 / 80.
        plane = np.full((24, 24), 20, np.uint8)
        plane[:, :12] = 10
        assert DETECTORS["K_U1"](plane) == 5

    def test_calibrated_variance_of_a_pixel_that_only_one_grid_sees(self):
        # The corner pixel is in a block of I and in none of J: |var - 0| / var for each of the 28.
        plane = np.full((24, 24), 100, np.uint8)
        plane[0, 0] = 200
        assert DETECTORS["K_L"](plane) == pytest.approx(1, abs=1e-12)

    def test_calibrated_variance_of_blocks_of_one_value_is_infinite(self):
        # On their own grid they have no high frequencies, on the other one they have.
        plane = np.kron(noise(2, 4, 4), np.ones((8, 8), np.uint8))
        assert DETECTORS["K_L"](plane) == math.inf

    def test_variation_of_a_step_of_one(self):
        # 104 and 112 are -24 and -16 from 128: DC -192 and -128, which every table restores to within half a step.
        # From 45 to 100 the step of DC is 18 ... 1; at 100 nothing is lost: 24 rows times 8.
        plane = np.full((24, 24), 112, np.uint8)
        plane[:, :8] = 104
        found = recompressed_variation(plane)
        assert found[-1] == 24 * 8
        # At 45: (45 -> 111 %: 18) -192 -> -11 * 18 = -198, -128 -> -7 * 18 = -126; pixels 103.25 and 112.25: 9 apart.
        assert found[0] == 24 * 9
        steps = [int(ijg_table(q)[0, 0]) for q in QUALITIES]
        levels = [[math.floor(s * math.floor(v / s + 0.5) / 8 + 128.5) for v in (-192, -128)] for s in steps]
        expected = [24 * (b - a) for a, b in levels]
        assert found.tolist() == expected
        assert DETECTORS["K_V"](plane) == max(b - a for a, b in pairwise(expected)) == 48

    def test_table_of_one_planted_frequency(self):
        # Everything else is quantized by 1, which rounding to pixels hides.
        table = np.ones((8, 8), np.int64)
        table[2, 1] = 12
        found = estimate_table(saved(grey(9, 160, 160), table))
        assert found[2, 1] == 12
        assert set(np.delete(found.ravel(), 17)) <= {0, 1}


class TestHistories:
    @pytest.mark.parametrize("name", NAMES)
    def test_compressed_scores_above_uncompressed(self, name):
        for seed in range(3):
            plane = grey(seed)
            before = DETECTORS[name](plane)
            for quality in (50, 60, 70, 80, 90):
                assert DETECTORS[name](jpeg(plane, quality)) > before, (seed, quality)

    @pytest.mark.parametrize("name", NAMES)
    def test_off_the_grid_less_is_seen(self, name):
        on = jpeg(grey(2), 60)
        assert DETECTORS[name](on[2:-6, 2:-6]) < DETECTORS[name](on[:-8, :-8]) / 2

    @pytest.mark.parametrize("name", ["K_F", "K_U1", "K_U2"])
    def test_half_a_block_off_the_grid_is_seen(self, name):
        # They have no sign: where the scene should be, there are the borders.
        on = jpeg(grey(2), 60)
        assert DETECTORS[name](on[4:-4, 4:-4]) > DETECTORS[name](on[:-8, :-8]) / 2
        assert DETECTORS[name](on[4:-4, 4:-4]) > 2 * DETECTORS[name](grey(2)[4:-4, 4:-4])

    @pytest.mark.parametrize("name", ["K_F", "K_L", "K_U1", "K_U2"])
    def test_more_compression_scores_higher(self, name):
        found = [DETECTORS[name](jpeg(grey(1), quality)) for quality in (90, 75, 60, 45)]
        assert found == sorted(found)

    def test_strong_compression_leaves_fewer_entries_to_estimate(self):
        found = [DETECTORS["K_FQ"](jpeg(grey(1), quality)) for quality in (90, 75, 60, 30)]
        assert found == sorted(found, reverse=True)

    @pytest.mark.parametrize("quality", [50, 70, 80, 90])
    def test_the_table_is_recovered(self, quality):
        table = ijg_table(quality).astype(np.int64)
        found = estimate_table(jpeg(grey(8), quality))
        told = found > 0
        assert told.sum() >= 20
        assert (found[told] == table[told]).mean() >= 0.95

    def test_a_table_that_nobody_writes_is_recovered(self):
        table = random_smooth_table(np.random.default_rng(4)).astype(np.int64)
        found = estimate_table(saved(grey(8), table))
        told = found > 0
        assert told.sum() >= 20
        assert (found[told] == table[told]).mean() >= 0.95

    def test_entries_of_an_uncompressed_picture_are_ones(self):
        assert set(estimate_table(grey(8)).ravel()) == {1}

    @pytest.mark.parametrize(("made_at", "rises_at"), [(80, 60), (90, 80)])
    def test_variation_rises_where_steps_are_twice_the_old_ones(self, made_at, rises_at):
        rise = np.diff(recompressed_variation(jpeg(grey(1), made_at)))
        assert QUALITIES[1 + int(rise.argmax())] == rises_at

    def test_clipped_blocks_are_left_out_of_the_table(self):
        plane = jpeg(grey(8), 70)
        spoilt = plane.copy()
        spoilt[:64] = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (64, 192))
        np.testing.assert_array_equal(estimate_table(spoilt), estimate_table(plane[64:]))


class TestContract:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("value", [0, 77, 255])
    def test_a_picture_of_one_value_says_nothing(self, name, value):
        assert DETECTORS[name](np.full((32, 40), value, np.uint8)) == 0

    def test_its_table_is_undetermined(self):
        np.testing.assert_array_equal(estimate_table(np.full((32, 40), 9, np.uint8)), np.zeros((8, 8)))

    @pytest.mark.parametrize("name", NAMES)
    def test_same_again_and_input_untouched(self, name):
        plane = jpeg(grey(1, 66, 75), 80)
        copy = plane.copy()
        plane.flags.writeable = False
        first = DETECTORS[name](plane)
        assert type(first) is float
        assert DETECTORS[name](plane) == first
        np.testing.assert_array_equal(plane, copy)

    @pytest.mark.parametrize("name", NAMES)
    def test_rows_and_columns_beyond_the_last_block_are_ignored(self, name):
        plane = grey(1, 71, 79)
        assert DETECTORS[name](plane) == DETECTORS[name](plane[:64, :72].copy())

    @pytest.mark.parametrize("name", NAMES)
    def test_views_are_read_as_copies_are(self, name):
        plane = jpeg(grey(1, 64, 80), 70)
        for view in (plane.T, plane[::-1], plane[:, ::2], np.asfortranarray(plane)):
            assert DETECTORS[name](view) == DETECTORS[name](np.ascontiguousarray(view))

    @pytest.mark.parametrize("name", NAMES)
    def test_the_smallest_picture(self, name):
        assert math.isfinite(DETECTORS[name](noise(1, SMALLEST, SMALLEST)))
        for shape in ((SMALLEST - 1, 64), (64, SMALLEST - 1), (0, 0)):
            with pytest.raises(UsageError, match="at least 24 x 24 pixels"):
                DETECTORS[name](np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            (np.zeros((64, 64)), r"not float64 \(64, 64\)"),
            (np.zeros((64, 64), np.int16), "not int16"),
            (np.zeros((64, 64, 3), np.uint8), r"not uint8 \(64, 64, 3\)"),
            ([[0] * 64] * 64, "not list"),
        ],
    )
    def test_what_is_no_grey_plane_is_refused(self, name, wrong, told):
        with pytest.raises(UsageError, match=told):
            DETECTORS[name](wrong)
