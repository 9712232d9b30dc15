"""Damaged entropy-coded data: no block that differs from the original is ever called whole where the damage shows."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from jpegtrace.errors import CorruptInput
from jpegtrace.picture import Picture
from support.jpegs import (
    EOI,
    Layout,
    cut,
    pillow_jpeg,
    random_parts,
    restart_pieces,
    scan_span,
    write_jpeg,
)

COLOUR = [(2, 2), (1, 1), (1, 1)]
PLAIN = pillow_jpeg(120, 160)
PROGRESSIVE = pillow_jpeg(96, 120, progressive=True, quality=92)
PROGRESSIVE_RESTARTS = pillow_jpeg(96, 120, progressive=True, quality=92, restart_marker_blocks=12)
GREY = write_jpeg(120, 80, random_parts(120, 80, [(1, 1)]))
# 15 x 10 blocks, 5 a segment: 30 segments, the marker numbers wrap three times.
RESTARTS = write_jpeg(120, 80, random_parts(120, 80, [(1, 1)]), Layout(restart=5))
COLOUR_RESTARTS = write_jpeg(160, 96, random_parts(160, 96, COLOUR), Layout(restart=4))


@dataclass
class Compared:
    """A damaged file beside the original."""

    picture: Picture
    whole: NDArray[np.bool_]  # all components, flat
    same: NDArray[np.bool_]


def compare(damaged: bytes, original: bytes) -> Compared:
    picture = Picture.open(damaged)
    found, expected = picture.partial_coefficients.components, Picture.open(original).coefficients.components
    whole = np.concatenate([c.whole.ravel() for c in found])
    same = np.concatenate([(c.blocks == e.blocks).all((2, 3)).ravel() for c, e in zip(found, expected, strict=True)])
    return Compared(picture, whole, same)


def assert_marked(compared: Compared) -> None:
    """Blocks that differ are marked, and nothing pretends that the file is good."""
    assert not (compared.whole & ~compared.same).any()
    assert not compared.whole.all()
    assert compared.picture.damage
    with pytest.raises(CorruptInput, match=r"can be trusted: .+ \(at byte \d+\)"):
        _ = compared.picture.coefficients
    with pytest.raises(CorruptInput):
        compared.picture.planes()
    with pytest.raises(CorruptInput):
        _ = compared.picture.raster


# --- files that end too early ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [PLAIN, GREY, RESTARTS, COLOUR_RESTARTS], ids=["colour", "grey", "restarts", "both"])
def test_what_comes_before_the_cut_is_whole(data):
    start, end = scan_span(data)
    shares = []
    for at in range(start, end - 1, max(1, (end - start) // 60)):
        compared = compare(data[:at], data)
        assert_marked(compared)
        shares.append(compared.whole.mean())
    assert shares[0] == 0
    assert shares[-1] > 0.9
    assert (np.diff(shares) >= 0).all()
    assert len(set(shares)) > 20


def test_the_cut_leaves_exactly_the_blocks_whose_bits_are_there():
    parts = random_parts(64, 8, [(1, 1)])
    whole_file = write_jpeg(64, 8, parts)
    start, _ = scan_span(whole_file)
    for count in range(1, 8):
        # The file of the first blocks alone ends where their bits end, padded to a byte.
        parts[0].blocks = Picture.open(whole_file).coefficients.components[0].blocks.copy()
        shorter = write_jpeg(8 * count, 8, parts)
        bytes_needed = scan_span(shorter)[1] - start
        whole = Picture.open(whole_file[: start + bytes_needed]).partial_coefficients.components[0].whole[0]
        assert list(whole) in ([True] * count + [False] * (8 - count), [True] * (count + 1) + [False] * (7 - count))
        before = Picture.open(whole_file[: start + bytes_needed - 1]).partial_coefficients.components[0].whole[0]
        assert list(before) == [True] * (count - 1) + [False] * (9 - count)


@pytest.mark.parametrize("data", [PROGRESSIVE, PROGRESSIVE_RESTARTS])
def test_a_cut_progressive_file_promises_only_what_all_scans_sent(data):
    last = max(s.data_start for s in Picture.open(data).jpeg.scans)
    for at in range(len(data) // 3, len(data) - 2, len(data) // 50):
        compared = compare(data[:at], data)
        assert_marked(compared)
        if at < last:
            assert any("never sent in full" in d.what for d in compared.picture.damage)
    compared = compare(data[: len(data) - 40], data)
    assert compared.whole.mean() > 0.5


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x55"])
@pytest.mark.parametrize("data", [PLAIN, GREY, RESTARTS, COLOUR_RESTARTS], ids=["colour", "grey", "restarts", "both"])
def test_a_filled_up_tail_is_no_picture(data, fill):
    start, end = scan_span(data)
    for at in range(start + 50, end - 40, (end - start) // 15):
        compared = compare(data[:at] + fill * (len(data) - at), data)
        assert_marked(compared)
        if data in (RESTARTS, COLOUR_RESTARTS):
            before = data.count(b"\xff\xd0", start, at)
            assert compared.whole.any() or not before


def test_a_missing_end_marker_alone_harms_nothing():
    for data in (PLAIN, PROGRESSIVE, RESTARTS):
        compared = compare(data[:-2], data)
        assert compared.whole.all()
        assert compared.same.all()
        assert any("without an end marker" in d.what for d in compared.picture.damage)


def test_a_hole_filled_with_zeros():
    start, end = scan_span(PLAIN)
    for at in range(start, end - 600, 400):
        compared = compare(PLAIN[:at] + bytes(500) + PLAIN[at + 500 :], PLAIN)
        assert_marked(compared)


# --- flipped bytes --------------------------------------------------------------------------------------------------


def flipped(data: bytes, seed: int) -> tuple[bytes, int]:
    start, end = scan_span(data)
    rng = np.random.default_rng(seed)
    at = int(rng.integers(start, end))
    changed = bytearray(data)
    changed[at] ^= int(rng.integers(1, 256))
    return bytes(changed), at


@pytest.mark.parametrize(
    ("data", "least"), [(PLAIN, 20), (GREY, 75), (PROGRESSIVE, 50)], ids=["colour", "grey", "progressive"]
)
def test_flips_that_show_leave_no_wrong_block_whole(data, least):
    shown = 0
    for seed in range(150):
        damaged, _ = flipped(data, seed)
        compared = compare(damaged, data)
        if compared.whole.all():
            # Another valid stream of the same length: no reader can know, and libjpeg does not complain either.
            assert not [d for d in compared.picture.damage if "MCU" in d.what]
            Image.open(io.BytesIO(damaged)).load()
        else:
            shown += 1
            assert_marked(compared)
    # Huffman codes fall back into step: with the typical tables four flips of five give a valid stream.
    assert shown > least


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=6))
def test_overwritten_bytes_that_show_leave_no_wrong_block_whole(place, patch):
    start, end = scan_span(GREY)
    at = start + place % (end - start)
    damaged = GREY[:at] + patch + GREY[at + len(patch) :]
    compared = compare(damaged, GREY)
    if not compared.whole.all():
        assert not (compared.whole & ~compared.same).any()


@pytest.mark.parametrize("data", [RESTARTS, COLOUR_RESTARTS], ids=["grey", "colour"])
def test_a_flip_harms_one_restart_segment(data):
    scan = Picture.open(data).jpeg.scans[0]
    bounds = np.concatenate([[scan.data_start], scan.restarts, [scan.data_end]])
    owner = segment_of_blocks(data)
    shown = 0
    for seed in range(250):
        damaged, at = flipped(data, seed)
        compared = compare(damaged, data)
        hit = int(np.searchsorted(bounds, at, "right")) - 1
        own = owner == hit
        in_marker = any(r <= at < r + 2 for r in scan.restarts)
        after_marker = Picture.open(damaged).jpeg.scans
        markers_kept = len(after_marker) == 1 and np.array_equal(after_marker[0].restarts, scan.restarts)
        if compared.whole.all():
            assert not (~compared.same & ~own).any()  # nobody can tell, and only its own segment changed
            continue
        shown += 1
        assert_marked(compared)
        if markers_kept and not in_marker:
            np.testing.assert_array_equal(compared.whole, ~own)
        else:
            # A marker appeared or vanished: the segments on both sides are lost, those further away are not.
            near = (owner >= hit - 1) & (owner <= hit + 1)
            if len(after_marker) == 1 and after_marker[0].data_end == scan.data_end:
                assert compared.whole[~near].all()
    assert shown > 60


def segment_of_blocks(data: bytes) -> NDArray[np.int64]:
    """For each block of all components, flat, which restart segment of the only scan holds it."""
    picture = Picture.open(data)
    frame, interval = picture.jpeg.frame, picture.jpeg.restart_interval
    owners = []
    for index, component in enumerate(frame.components):
        rows, cols = frame.block_grid(index)
        y, x = np.mgrid[0:rows, 0:cols]
        if len(frame.components) > 1:
            y, x, cols = y // component.v, x // component.h, frame.mcu_grid[1]
        owners.append(((y * cols + x) // interval).ravel())
    return np.concatenate(owners)


# --- restart segments -----------------------------------------------------------------------------------------------


def rebuilt(data: bytes, order: list[int]) -> bytes:
    before, pieces, after = restart_pieces(data)
    return before + b"".join(pieces[i] for i in order) + after


def check_order(data: bytes, order: list[int], lost: set[int]) -> None:
    """The file with its restart segments in this order: exactly the segments in `lost` are marked."""
    compared = compare(rebuilt(data, order), data)
    owner = segment_of_blocks(data)
    assert_marked(compared)
    np.testing.assert_array_equal(compared.whole, ~np.isin(owner, list(lost)))


N = 30


def test_the_rebuilt_file_is_the_file():
    assert rebuilt(RESTARTS, list(range(N))) == RESTARTS
    assert compare(RESTARTS, RESTARTS).whole.all()


@pytest.mark.parametrize("data", [RESTARTS, COLOUR_RESTARTS[:]], ids=["grey", "colour"])
@pytest.mark.parametrize("first", [1, 2, 7, 8, 9])
@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_lost_segments(data, first, count):
    n = len(restart_pieces(data)[1])
    order = [i for i in range(n) if not first <= i < first + count]
    check_order(data, order, set(range(first, first + count)))


def test_the_first_or_the_last_segment_lost():
    check_order(RESTARTS, list(range(N - 1)), {N - 1})
    check_order(RESTARTS, list(range(N - 3)), {N - 3, N - 2, N - 1})


@pytest.mark.parametrize("count", [7, 8, 9, 16])
def test_so_many_lost_segments_that_the_numbers_mislead(count):
    for first in (1, 4, 9):
        order = [i for i in range(N) if not first <= i < first + count]
        assert_marked(compare(rebuilt(RESTARTS, order), RESTARTS))


@pytest.mark.parametrize("at", [1, 2, 7, 8, 15, N - 2])
def test_a_repeated_segment_harms_nothing_else(at):
    compared = compare(rebuilt(RESTARTS, [*range(at + 1), at, *range(at + 1, N)]), RESTARTS)
    assert compared.same.all()
    assert compared.whole.all()
    assert any("was due" in d.what for d in compared.picture.damage)


@pytest.mark.parametrize("at", [1, 6, 7, 8, 20, N - 3])
def test_two_exchanged_segments(at):
    # One of the two stands where its number says after the other is set aside.
    order = list(range(N))
    order[at], order[at + 1] = order[at + 1], order[at]
    compared = compare(rebuilt(RESTARTS, order), RESTARTS)
    owner = segment_of_blocks(RESTARTS)
    assert_marked(compared)
    assert compared.whole[(owner != at) & (owner != at + 1)].all()


def test_two_exchanged_segments_far_apart():
    order = list(range(N))
    order[3], order[17] = order[17], order[3]
    check_order(RESTARTS, order, {3, 17})


@pytest.mark.parametrize("at", [1, 7, 8, 9, 20])
@pytest.mark.parametrize("step", range(1, 8))
def test_a_misnumbered_marker(at, step):
    before, pieces, after = restart_pieces(RESTARTS)
    right = pieces[at][1] - 0xD0
    pieces[at] = bytes([0xFF, 0xD0 + (right + step) % 8]) + pieces[at][2:]
    compared = compare(before + b"".join(pieces) + after, RESTARTS)
    owner = segment_of_blocks(RESTARTS)
    assert_marked(compared)
    near = abs(owner - at) <= 1
    assert compared.whole[~near].all()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, N - 1), st.integers(1, 4), st.sampled_from("lrxm")), min_size=1, max_size=2))
@example([(1, 3, "x"), (5, 4, "l")])
@example([(23, 4, "l"), (19, 3, "x")])
def test_any_disorder_leaves_no_wrong_block_whole(events):
    order = list(range(N))
    for at, count, kind in events:
        at = min(at, len(order) - 1)
        if kind == "l":
            order[at : at + count] = []
        elif kind == "r":
            order[at:at] = order[at : at + count]
        elif kind == "x":
            # Two events must not carry a segment eight places away: it has the number that is due there.
            other = min(at + min(count, 3), len(order) - 1)
            order[at], order[other] = order[other], order[at]
        else:
            order[at : at + count] = order[at : at + count][::-1]
    compared = compare(rebuilt(RESTARTS, order), RESTARTS)
    assert not (compared.whole & ~compared.same).any()


def test_a_foreign_marker_in_a_cut_off_file():
    # What precedes a marker that has no business there ran out without the input ending.
    start, end = scan_span(GREY)
    at = (start + end) // 2
    compared = compare(GREY[:at] + b"\xff\xd0" + GREY[at : end - 50], GREY)
    assert_marked(compared)
    assert not compared.whole.any()


def test_a_restart_interval_without_markers():
    data = GREY.replace(b"\xff\xda\0\x08", b"\xff\xdd\0\4\0\7\xff\xda\0\x08", 1)
    compared = compare(data, GREY)
    assert_marked(compared)


def test_more_disorder_than_is_looked_into():
    data = write_jpeg(800, 800, random_parts(800, 800, [(1, 1)]), Layout(restart=1))
    before, pieces, after = restart_pieces(data)
    rng = np.random.default_rng(1)
    order = [0, 1, 2, *(3 + rng.permutation(len(pieces) - 3)).tolist()]
    compared = compare(before + b"".join(pieces[i] for i in order) + after, data)
    assert_marked(compared)
    assert compared.whole.sum() == 3


# --- progressive ----------------------------------------------------------------------------------------------------


def scan_places(data: bytes) -> list[tuple[int, int]]:
    return [(s.data_start, s.data_end) for s in Picture.open(data).jpeg.scans]


def test_suspect_stays_suspect_through_later_scans():
    # Damage in every scan in turn; the scans behind it decode well and must not wash it off.
    for index, (start, end) in enumerate(scan_places(PROGRESSIVE_RESTARTS)):
        middle = (start + end) // 2
        for length in (6, 12):
            damaged = bytearray(PROGRESSIVE_RESTARTS)
            damaged[middle : middle + length] = b"\xa5" * length
            compared = compare(bytes(damaged), PROGRESSIVE_RESTARTS)
            if compared.whole.all():
                continue
            assert not (compared.whole & ~compared.same).any(), index


def test_damage_in_one_segment_of_a_dc_scan_stays_there():
    (start, end), *_ = scan_places(PROGRESSIVE_RESTARTS)
    damaged = bytearray(PROGRESSIVE_RESTARTS)
    segments = Picture.open(PROGRESSIVE_RESTARTS).jpeg.scans[0].restarts
    first, second = (int(v) for v in segments[:2])
    del damaged[first + 2 : second]
    compared = compare(bytes(damaged), PROGRESSIVE_RESTARTS)
    assert_marked(compared)
    assert 0.4 < compared.whole.mean() < 0.9
    assert start < first < second < end


PROGRESSIVE_SCANS = [i for i, p in enumerate(cut(PROGRESSIVE)) if p[1] == 0xDA]


def test_there_are_progressive_scans_to_lose():
    assert len(PROGRESSIVE_SCANS) == 10


@pytest.mark.parametrize("scan", PROGRESSIVE_SCANS)
def test_a_lost_progressive_scan(scan):
    compared = compare(b"".join(p for i, p in enumerate(cut(PROGRESSIVE)) if i != scan), PROGRESSIVE)
    assert_marked(compared)


def test_progressive_data_beyond_16_bits():
    parts = write_jpeg(8, 8, random_parts(8, 8, [(1, 1)]))
    # The DC of the first block is shifted out of range: category 11 with 13 bits to come.
    header = b"\xff\xda\0\x08\1\1\0\0\0\x0d"
    pieces = cut(parts.replace(b"\xff\xc0", b"\xff\xc2"))
    index = next(i for i, p in enumerate(pieces) if p[1] == 0xDA)
    pieces[index] = header + b"\xff\x00\xc0\x7f"
    picture = Picture.open(b"".join(pieces))
    assert picture.partial_coefficients.whole_share == 0
    assert any("out of range" in d.what or "no Huffman table" in d.what for d in picture.damage)


def test_all_components_lost_but_the_picture_can_be_described():
    picture = Picture.open(PLAIN[: scan_span(PLAIN)[0]] + EOI)
    assert picture.partial_coefficients.whole_share == 0
    assert (picture.width, picture.height) == (160, 120)
    assert len(picture.jpeg.quantization_tables) == 2
