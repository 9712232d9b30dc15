"""Attacks are planted and found; what nobody hid is not flagged; where nothing can be seen, nothing is said."""

import numpy as np
import pytest

from checks.pictures import as_file, scene
from jpegtrace.analyses.laundering import Params, laundering
from jpegtrace.chain import simulate
from jpegtrace.chain.codec import compress
from jpegtrace.chain.filters import to_bytes
from jpegtrace.findings import Level, Status
from jpegtrace.laundering.decision import Box, choose, contrast, cover, pooled
from jpegtrace.picture import Picture
from jpegtrace.stress.attacks import ATTACKS
from jpegtrace.tables import ijg_table


def hidden(name, quality, seed=1, rows=280, cols=272):
    table = ijg_table(quality)
    blocks = compress(scene(seed, rows, cols), table, subsampling="grey").luma
    luma = to_bytes(ATTACKS[name].run(blocks, table, seed))
    return np.ascontiguousarray(luma[3:, 5:])


def asked(pixels, *params, form="PNG", **options):
    return laundering(Picture.open(as_file(pixels, form, **options)), *params)


@pytest.mark.parametrize(
    ("name", "quality"),
    [("dither", 50), ("dither", 75), ("dither", 85), ("dither-median", 60), ("dither-median", 80), ("tv", 70)],
)
def test_an_attack_is_flagged(name, quality):
    found = asked(hidden(name, quality))
    assert found.status is Status.OK
    assert found.hidden is True
    assert found.score >= found.flagged_from
    assert found.pieces_flagged >= 1
    assert not found.alarm  # there are innocent explanations
    assert [remark.level for remark in found.remarks] == [Level.NOTICE]


def test_the_grid_of_a_dithered_picture_is_told():
    found = asked(hidden("dither", 75))
    assert found.grid_origin == [5, 3]
    assert "begins at row 5, column 3" in found.remarks[0].evidence


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "chain", ["", "jpeg:60", "jpeg:90 | crop:3,5", "jpeg:70 | crop:2,6 | jpeg:92", "jpeg:80 | resize:0.9"]
)
def test_an_honest_past_is_not(chain, seed):
    pixels = scene(seed, 300, 300)
    found = asked(simulate(pixels, chain).pixels if chain else pixels)
    assert found.hidden is not True
    assert found.remarks == ()


def test_the_strongest_jpeg_afterwards_covers_it():
    pixels = hidden("dither", 60)
    found = asked(pixels, form="JPEG", quality=80)
    assert found.status is Status.INCONCLUSIVE
    assert "below quality 95" in found.summary
    assert not found.values


def test_a_fine_jpeg_afterwards_is_looked_at():
    assert asked(hidden("dither", 60), form="JPEG", quality=98).pieces == 4


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (scene(1, 127, 300), "smaller than 128"),
        (np.full((200, 200), 90, np.uint8), "flat or clipped"),
        (np.where(scene(2, 200, 200)[..., 0] > 125, 255, 0).astype(np.uint8), "only 2 grey levels"),
    ],
    ids=["small", "flat", "black and white"],
)
def test_where_nothing_can_be_seen_nothing_is_said(pixels, why):
    found = asked(pixels)
    assert found.status is Status.INCONCLUSIVE
    assert why in found.summary
    assert not found.values


def test_thresholds_decide():
    pixels = hidden("dither", 60)
    score = asked(pixels).score
    unsure = asked(pixels, Params(flagged_from=score + 1, clean_below=score - 1))
    assert (unsure.status, unsure.hidden) == (Status.INCONCLUSIVE, None)
    clean = asked(pixels, Params(flagged_from=score + 2, clean_below=score + 1))
    assert (clean.status, clean.hidden) == (Status.OK, False)


def test_pieces_are_limited():
    pixels = scene(1, 300, 800)
    assert asked(pixels).pieces == 6
    assert asked(pixels, Params(most_pieces=2)).pieces == 2


def test_pieces_cover_the_picture():
    assert cover((256, 128)) == [Box(0, 0, 256, 128)]
    assert cover((300, 256)) == [Box(0, 0, 256, 256), Box(44, 0, 256, 256)]
    seen = np.zeros((700, 513), bool)
    for box in cover(seen.shape):
        seen[box.top : box.top + box.height, box.left : box.left + box.width] = True
    assert seen.all()


def test_the_busiest_pieces_are_chosen():
    luma = np.full((256, 1024), 128, np.uint8)
    luma[:, 512:768] = scene(1, 256, 256)[..., 0]
    luma[:, 768::4] = 138
    assert choose(luma, 1) == [Box(0, 512, 256, 256)]
    assert choose(luma, 6) == [Box(0, 512, 256, 256), Box(0, 768, 256, 256)]


def test_contrast_by_hand():
    assert contrast(np.tile(np.array([[0, 4]], np.uint8), (2, 1))) == 2.0
    assert contrast(np.full((5, 7), 3, np.uint8)) == 0


def test_no_single_piece_decides():
    assert pooled(np.array([3.0, -5.0])) == -1.0
