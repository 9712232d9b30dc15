"""Pieces that cover a picture, in which order they are asked, and what they say together; without a network."""

import itertools
import threading

import numpy as np
import pytest

from checks.pictures import scene
from jpegtrace.chain import filters
from jpegtrace.errors import UsageError
from jpegtrace.manipulation import Features, Posterior, describe, grid, pooled
from jpegtrace.manipulation import estimate as module
from jpegtrace.manipulation.estimate import (
    AT_ONCE,
    LEAST_CONTRAST,
    TRUST,
    Box,
    contrast,
    cover,
    estimate,
    look,
    says_something,
)
from jpegtrace.manipulation.posterior import SHARED
from jpegtrace.tables import ijg_table

TABLE = ijg_table(85)
HEADS = {
    "operation": grid.OPERATIONS, "factor": grid.FACTORS, "kernel": grid.KERNELS, "sigma": grid.SIGMAS,
    "size": grid.SIZES, "noise": grid.NOISES,
}  # fmt: skip
EXTENTS = (128, 131, 135, 136, 200, 255, 256, 257, 263, 264, 265, 300, 384, 511, 512, 513, 519, 520, 700)


def posterior(rng, count):
    return Posterior(*(rng.dirichlet(np.ones(len(points)), count) for points in HEADS.values()))


def chances(mean):
    """Probabilities of operations that tell the mean grey of a piece."""
    return np.array([1 - mean / 256, *[mean / 256 / 5] * 5])


class Asked:
    """In the network's place: remembers what it is asked and answers with the mean grey of each piece."""

    def __init__(self):
        self.batches = []
        self.tables = []
        self.threads = set()

    def describe(self, luma, table):
        self.tables.append(table)
        self.threads.add(threading.get_ident())
        assert luma.flags.c_contiguous
        empty = Features(*(np.zeros(1, np.float32) for _ in Features._fields))
        return empty._replace(others=np.array([luma.mean(), *luma.shape], np.float32))

    def weigh(self, pieces):
        self.batches.append([tuple(map(float, piece.others)) for piece in pieces])
        found = posterior(np.random.default_rng(0), len(pieces))
        return found._replace(operation=np.array([chances(mean) for mean, _, _ in self.batches[-1]]))

    @property
    def sizes(self):
        return [{piece[1:] for piece in batch} for batch in self.batches]


@pytest.fixture
def asked(monkeypatch):
    found = Asked()
    monkeypatch.setattr(module, "describe", found.describe)
    monkeypatch.setattr(module, "weigh", found.weigh)
    return found


def grey_of(luma, box):
    return luma[box.top : box.top + box.height, box.left : box.left + box.width].mean()


class TestCover:
    @pytest.mark.parametrize("rows", EXTENTS)
    def test_every_whole_block_is_in_a_box_on_the_grid(self, rows):
        for cols, corner in itertools.product((128, 257, 519, 700), ((0, 0), (7, 1), (3, 6))):
            covered = np.zeros((rows, cols), bool)
            boxes = cover((rows, cols), corner, 256)
            for box in boxes:
                assert (box.top - corner[0]) % 8 == (box.left - corner[1]) % 8 == box.height % 8 == box.width % 8 == 0
                assert corner[0] <= box.top <= box.top + box.height <= rows
                assert corner[1] <= box.left <= box.left + box.width <= cols
                assert 120 <= min(box[2:]) <= max(box[2:]) <= 256
                covered[box.top : box.top + box.height, box.left : box.left + box.width] = True
            ends = [start + (extent - start) // 8 * 8 for extent, start in zip((rows, cols), corner, strict=True)]
            assert covered[corner[0] : ends[0], corner[1] : ends[1]].all()
            assert len(set(boxes)) == len(boxes)

    @pytest.mark.parametrize("start", range(8))
    def test_there_are_no_more_than_needed_and_all_are_alike(self, start):
        for extent in range(128, 1100):
            boxes = cover((extent, 128 + start), (start, start), 256)
            whole = (extent - start) // 8 * 8
            assert len(boxes) == -(-whole // 256)
            assert {box[2:] for box in boxes} == {(min(256, whole), 128)}
            tops = np.array([box.top for box in boxes])
            assert (tops[0], tops[-1]) == (start, start + whole - boxes[0].height)
            assert (np.diff(tops) > 0).all()
            assert (np.diff(tops) <= 256).all()

    def test_by_hand(self):
        assert cover((520, 256), (0, 0), 256) == [Box(0, 0, 256, 256), Box(128, 0, 256, 256), Box(264, 0, 256, 256)]
        assert cover((140, 150), (5, 7), 64) == [Box(top, left, 64, 64) for top in (5, 69) for left in (7, 39, 79)]

    def test_squares_of_another_side(self):
        assert len(cover((512, 512), (0, 0), 64)) == 64
        assert {box[2:] for box in cover((512, 512), (0, 0), 64)} == {(64, 64)}


class TestContrast:
    def test_by_hand(self):
        """2 between columns of the ramp and 4 between its rows: 3 on average."""
        y, x = np.mgrid[0:40, 0:40]
        assert contrast((2 * x + 4 * y).astype(np.uint8), Box(8, 0, 8, 8)) == pytest.approx(3)
        stripes = (10 * (x % 2)).astype(np.uint8)
        assert contrast(stripes, Box(0, 0, 16, 16)) == 5
        assert contrast(np.full((16, 16), 9, np.uint8), Box(0, 0, 16, 16)) == 0

    def test_only_the_piece_counts_and_bytes_do_not_wrap(self):
        luma = np.zeros((24, 24), np.uint8)
        luma[8:16, 12:] = 255
        assert contrast(luma, Box(0, 0, 8, 24)) == 0
        # One step of 255 in seven columns, downwards as upwards.
        assert contrast(luma, Box(8, 8, 8, 8)) == pytest.approx(255 / 7 / 2)
        assert contrast(255 - luma, Box(8, 8, 8, 8)) == pytest.approx(255 / 7 / 2)


class TestLook:
    LUMA = np.random.default_rng(1).integers(0, 256, (16, 16)).astype(np.uint8).repeat(20, 0).repeat(20, 1)
    MIXED = (
        Box(0, 0, 64, 64), Box(8, 16, 128, 64), Box(100, 0, 64, 64), Box(0, 80, 64, 128), Box(160, 160, 128, 64),
        Box(40, 40, 64, 64),
    )  # fmt: skip

    @pytest.mark.parametrize("threads", [1, 3])
    def test_answers_are_in_the_order_of_the_boxes(self, asked, threads):
        found = look(self.LUMA, TABLE, self.MIXED, threads)
        wanted = [chances(grey_of(self.LUMA, box)) for box in self.MIXED]
        np.testing.assert_allclose(found.operation, wanted, rtol=1e-5)
        for part, points in zip(found, HEADS.values(), strict=True):
            assert part.shape == (len(self.MIXED), len(points))
        assert all(table is TABLE for table in asked.tables)

    def test_sizes_are_asked_apart(self, asked):
        look(self.LUMA, TABLE, self.MIXED)
        assert sorted(map(sorted, asked.sizes)) == [[(64, 64)], [(64, 128)], [(128, 64)]]
        assert sorted(map(len, asked.batches)) == [1, 2, 3]

    def test_not_too_many_are_asked_at_once(self, asked):
        boxes = [Box(8 * (n % 30), 8 * (n // 30), 64, 64) for n in range(2 * AT_ONCE + 5)]
        found = look(self.LUMA, TABLE, boxes)
        assert [len(batch) for batch in asked.batches] == [AT_ONCE, AT_ONCE, 5]
        np.testing.assert_allclose(found.operation, [chances(grey_of(self.LUMA, box)) for box in boxes], rtol=1e-5)

    def test_progress_grows_to_1(self, asked):
        told = []
        boxes = [*self.MIXED, *[Box(8 * n, 0, 64, 64) for n in range(AT_ONCE)]]
        look(self.LUMA, TABLE, boxes, 2, told.append)
        assert told[-1] == 1
        assert told == sorted(set(told))
        assert len(told) == len(asked.batches) > 3

    def test_features_are_those_of_the_pieces(self, monkeypatch):
        given = []

        def weigh(pieces):
            given.extend(pieces)
            return posterior(np.random.default_rng(0), len(pieces))

        monkeypatch.setattr(module, "weigh", weigh)
        luma = filters.luma_of(scene(2, 80, 150))
        look(luma, TABLE, [Box(8, 3, 64, 72), Box(16, 75, 64, 72)])
        for features, left, top in zip(given, (3, 75), (8, 16), strict=True):
            wanted = describe(np.ascontiguousarray(luma[top : top + 64, left : left + 72]), TABLE)
            for part, same in zip(features, wanted, strict=True):
                np.testing.assert_array_equal(part, same)

    def test_a_piece_that_is_too_small_is_refused(self):
        with pytest.raises(UsageError, match="not 56 x 64"):
            look(self.LUMA, TABLE, [Box(0, 0, 64, 56)])


class TestEstimate:
    def test_a_flat_picture_says_nothing(self, asked):
        assert estimate(np.full((300, 400), 90, np.uint8), TABLE, (0, 0), most=5) is None
        assert asked.batches == []

    @pytest.mark.usefixtures("asked")
    def test_a_picture_with_too_little_contrast_says_nothing(self):
        """A pixel in 16 is one level brighter: an eighth of a level between neighbours."""
        luma = np.full((256, 256), 90, np.uint8)
        luma[::4, ::4] = 91
        assert 0 < contrast(luma, Box(0, 0, 256, 256)) < LEAST_CONTRAST
        assert estimate(luma, TABLE, (0, 0), most=5) is None

    @pytest.mark.usefixtures("asked")
    @pytest.mark.parametrize("corner", [(0, 0), (5, 2)])
    def test_all_pieces_of_a_busy_picture(self, corner):
        luma = np.random.default_rng(3).integers(0, 256, (300, 530)).astype(np.uint8)
        found = estimate(luma, TABLE, corner, most=100, threads=2)
        assert found.boxes == tuple(cover(luma.shape, corner, 256))
        np.testing.assert_allclose(found.pieces.operation, [chances(grey_of(luma, box)) for box in found.boxes], 1e-5)
        for together, wanted, points in zip(found.whole, pooled(found.pieces, TRUST), HEADS.values(), strict=True):
            assert together.shape == (1, len(points))
            np.testing.assert_array_equal(together, wanted)

    @pytest.mark.usefixtures("asked")
    def test_of_more_the_busiest_are_taken_and_flat_ones_left_out(self):
        """Four columns of pieces: strengths 0, 5, 40 and 20."""
        rng = np.random.default_rng(4)
        strength = np.repeat([0, 5, 40, 20], 256)
        luma = (100 + rng.uniform(-1, 1, (256, 1024)) * strength).astype(np.uint8)
        lefts = {most: [box.left for box in estimate(luma, TABLE, (0, 0), most=most).boxes] for most in (1, 2, 3, 9)}
        assert lefts == {1: [512], 2: [512, 768], 3: [256, 512, 768], 9: [256, 512, 768]}

    @pytest.mark.parametrize(
        ("share", "height", "says"),
        [(0.45, 60, False), (0.35, 60, True), (0.45, 9, True)],  # strong edges around a level, fewer of it, weak edges
    )
    def test_what_is_drawn_says_nothing(self, share, height, says):
        rng = np.random.default_rng(7)
        luma = np.where(rng.random((256, 256)) < share, 200, 200 - rng.integers(4, height + 4, (256, 256)))
        box = Box(0, 0, 256, 256)
        assert says_something(luma.astype(np.uint8), box) == says

    @pytest.mark.parametrize(("different", "says"), [(330, False), (530, True)])
    def test_where_blocks_repeat_nothing_is_said(self, different, says):
        """1,024 blocks of noise, drawn from so few."""
        rng = np.random.default_rng(8)
        kinds = rng.integers(60, 200, (different, 8, 8)).astype(np.uint8)
        places = np.append(np.arange(different), rng.integers(0, different, 1024 - different)).reshape(32, 32)
        luma = kinds[places].transpose(0, 2, 1, 3).reshape(256, 256)
        assert says_something(luma, Box(0, 0, 256, 256)) == says

    @pytest.mark.usefixtures("asked")
    def test_a_picture_smaller_than_a_piece_is_one(self):
        luma = np.random.default_rng(5).integers(0, 256, (143, 221)).astype(np.uint8)
        found = estimate(luma, TABLE, (7, 4), most=3)
        assert found.boxes == (Box(7, 4, 136, 216),)
        for together, alone in zip(found.whole, found.pieces, strict=True):
            np.testing.assert_allclose(together, alone, rtol=1e-9)


class TestPooled:
    def test_equal_pieces_without_trust_are_the_piece(self):
        one = posterior(np.random.default_rng(6), 1)
        found = pooled(Posterior(*(part.repeat(7, 0) for part in one)), 0.0)
        for together, part in zip(found, one, strict=True):
            np.testing.assert_allclose(together, part, rtol=1e-9)

    @pytest.mark.parametrize("count", [1, 2, 5])
    @pytest.mark.parametrize("trust", [0.3, 1.0])
    def test_equal_pieces_with_trust_are_a_power_of_it(self, count, trust):
        one = posterior(np.random.default_rng(7), 1)
        found = pooled(Posterior(*(part.repeat(count, 0) for part in one)), trust)
        for head, together, part in zip(Posterior._fields, found, one, strict=True):
            power = part ** (1 if head in SHARED else 1 + trust * (count - 1))
            np.testing.assert_allclose(together, power / power.sum(), rtol=1e-6, atol=1e-30)

    def test_with_full_trust_pieces_multiply(self):
        pieces = posterior(np.random.default_rng(8), 3)
        for head, together, part in zip(Posterior._fields, pooled(pieces, 1.0), pieces, strict=True):
            product = part.prod(0) ** (1 / 3 if head in SHARED else 1)
            np.testing.assert_allclose(together[0], product / product.sum(), rtol=1e-6, atol=1e-30)

    def test_without_trust_by_hand(self):
        """The geometric mean: roots of 0.9 x 0.4 and 0.1 x 0.6."""
        pieces = posterior(np.random.default_rng(9), 2)
        pieces = pieces._replace(kernel=np.array([[0.9, 0.1], [0.4, 0.6]]))
        first, second = 0.36**0.5, 0.06**0.5
        np.testing.assert_allclose(pooled(pieces, 0.0).kernel, [[first / (first + second), second / (first + second)]])

    def test_the_order_of_pieces_does_not_matter(self):
        pieces = posterior(np.random.default_rng(10), 6)
        turned = Posterior(*(part[::-1] for part in pieces))
        for found, wanted in zip(pooled(turned, 0.3), pooled(pieces, 0.3), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-9)

    def test_impossible_answers_and_many_pieces_stay_finite(self):
        pieces = Posterior(*(np.eye(len(points))[[0, 1, 1]].repeat(100, 0) for points in HEADS.values()))
        for together in pooled(pieces, 1.0):
            assert np.isfinite(together).all()
            assert together.sum() == pytest.approx(1)
            assert together.argmax() == 1
