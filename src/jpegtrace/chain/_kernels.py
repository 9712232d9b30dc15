"""The arithmetic of libjpeg-turbo's default path, bit for bit, as compiled kernels.

All kernels live in this one module on purpose: numba's disk cache notices a change in the file that holds a kernel but
not in the files of the kernels that it calls.

Every array is C-contiguous and may be larger than the picture in it: rows and columns in use are passed beside it, so
that workspaces are reused and each kernel is compiled for one set of types only.

Sources: ITU-T T.81; Loeffler, Ligtenberg, Moschytz 1989, "Practical fast 1-D DCT algorithms with 11 multiplications"
(the integer variant of jfdctint.c and jidctint.c, 13 fraction bits); jccolor.c, jcsample.c, jcprepct.c, jcdctmgr.c,
jdsample.c and jdcolor.c for rounding, borders and biases.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jpegtrace._jit import kernel

Array = np.ndarray[Any, Any]

# sqrt(2) cos(k pi/16) and the sums of them that the 1989 paper's figure 8 multiplies by, in 13-bit fixed point.
C6 = 4433  # 0.541196100
C2_MINUS_C6 = 6270  # 0.765366865
C2_PLUS_C6 = 15137  # 1.847759065
C3 = 9633  # 1.175875602
ODD_7 = 2446  # 0.298631336 = -c1+c3+c5-c7
ODD_5 = 16819  # 2.053119869 =  c1+c3-c5+c7
ODD_3 = 25172  # 3.072711026 =  c1+c3+c5-c7
ODD_1 = 12299  # 1.501321110 =  c1+c3-c5-c7
C3_MINUS_C7 = 7373  # 0.899976223
C1_PLUS_C3 = 20995  # 2.562915447
C3_PLUS_C5 = 16069  # 1.961570560
C3_MINUS_C5 = 3196  # 0.390180644

FRACTION = 13
FIRST_PASS = FRACTION - 2  # the first pass keeps two extra bits
FORWARD_SECOND_PASS = FRACTION + 2  # leaves the result scaled by 8, which the quantizer divides away
INVERSE_SECOND_PASS = FRACTION + 2 + 3


@kernel
def _odd(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    """The odd half of the transform, its own transpose: inputs and outputs are terms 7, 5, 3, 1."""
    z5 = (a + c + b + d) * C3
    z1 = -(a + d) * C3_MINUS_C7
    z2 = -(b + c) * C1_PLUS_C3
    z3 = z5 - (a + c) * C3_PLUS_C5
    z4 = z5 - (b + d) * C3_MINUS_C5
    return a * ODD_7 + z1 + z3, b * ODD_5 + z2 + z4, c * ODD_3 + z2 + z3, d * ODD_1 + z1 + z4


@kernel
def _fdct_line(work: Array, at: int, step: int, shift: int) -> None:
    """Forward transform of eight values, in place (jfdctint.c)."""
    s0, s1, s2, s3 = work[at], work[at + step], work[at + 2 * step], work[at + 3 * step]
    s4, s5, s6, s7 = work[at + 4 * step], work[at + 5 * step], work[at + 6 * step], work[at + 7 * step]
    half = 1 << (shift - 1)
    even0, even3 = s0 + s7 + s3 + s4, s0 + s7 - s3 - s4
    even1, even2 = s1 + s6 + s2 + s5, s1 + s6 - s2 - s5
    turn = (even2 + even3) * C6
    work[at] = (((even0 + even1) << FRACTION) + half) >> shift
    work[at + 4 * step] = (((even0 - even1) << FRACTION) + half) >> shift
    work[at + 2 * step] = (turn + even3 * C2_MINUS_C6 + half) >> shift
    work[at + 6 * step] = (turn - even2 * C2_PLUS_C6 + half) >> shift
    o7, o5, o3, o1 = _odd(s3 - s4, s2 - s5, s1 - s6, s0 - s7)
    work[at + 7 * step] = (o7 + half) >> shift
    work[at + 5 * step] = (o5 + half) >> shift
    work[at + 3 * step] = (o3 + half) >> shift
    work[at + step] = (o1 + half) >> shift


@kernel
def _idct_line(work: Array, at: int, step: int, shift: int) -> None:
    """Inverse transform of eight values, in place (jidctint.c)."""
    s2, s6 = work[at + 2 * step], work[at + 6 * step]
    half = 1 << (shift - 1)
    turn = (s2 + s6) * C6
    t2, t3 = turn - s6 * C2_PLUS_C6, turn + s2 * C2_MINUS_C6
    t0 = ((work[at] + work[at + 4 * step]) << FRACTION) + half
    t1 = ((work[at] - work[at + 4 * step]) << FRACTION) + half
    o7, o5, o3, o1 = _odd(work[at + 7 * step], work[at + 5 * step], work[at + 3 * step], work[at + step])
    work[at] = (t0 + t3 + o1) >> shift
    work[at + 7 * step] = (t0 + t3 - o1) >> shift
    work[at + step] = (t1 + t2 + o3) >> shift
    work[at + 6 * step] = (t1 + t2 - o3) >> shift
    work[at + 2 * step] = (t1 - t2 + o5) >> shift
    work[at + 5 * step] = (t1 - t2 - o5) >> shift
    work[at + 3 * step] = (t0 - t3 + o7) >> shift
    work[at + 4 * step] = (t0 - t3 - o7) >> shift


@kernel
def forward(plane: Array, table: Array, blocks: Array) -> None:
    """Transform and quantize every block of a plane whose size is a multiple of 8 (jcdctmgr.c).

    libjpeg-turbo multiplies by a reciprocal chosen so that the result equals the rounding division of libjpeg 6b; half
    steps go away from zero.

    Args:
        plane: uint8 samples.
        table: int32 (8, 8).
        blocks: int16 (block rows, block columns, 8, 8), written; its shape says how many blocks there are.
    """
    work = np.empty(64, np.int64)
    half = np.empty(64, np.float64)
    inverse = np.empty(64, np.float64)
    for k in range(64):
        step = table[k >> 3, k & 7]
        # The extra half keeps multiples of the step clear of the rounding error of the reciprocal.
        half[k] = 4 * step + 0.5
        inverse[k] = 1.0 / (8.0 * step)
    for block_row in range(blocks.shape[0]):
        for block_col in range(blocks.shape[1]):
            for y in range(8):
                for x in range(8):
                    work[8 * y + x] = np.int64(plane[8 * block_row + y, 8 * block_col + x]) - 128
            for y in range(8):
                _fdct_line(work, 8 * y, 1, FIRST_PASS)
            for x in range(8):
                _fdct_line(work, x, 8, FORWARD_SECOND_PASS)
            for k in range(64):
                value = work[k]
                level = np.int64((abs(value) + half[k]) * inverse[k])
                blocks[block_row, block_col, k >> 3, k & 7] = level if value >= 0 else -level


@kernel
def inverse(blocks: Array, table: Array, plane: Array) -> None:
    """Dequantize and transform every block back to uint8 samples (jidctint.c).

    Values out of range saturate, as in the vectorised code that everybody runs; the plain C code masks them instead,
    which differs only for blocks beyond anything that an encoder writes.
    """
    work = np.empty(64, np.int64)
    for block_row in range(blocks.shape[0]):
        for block_col in range(blocks.shape[1]):
            for k in range(64):
                work[k] = np.int64(blocks[block_row, block_col, k >> 3, k & 7]) * table[k >> 3, k & 7]
            for x in range(8):
                _idct_line(work, x, 8, FIRST_PASS)
            for k in range(64):
                work[k] = min(max(work[k], -32768), 32767)
            for y in range(8):
                _idct_line(work, 8 * y, 1, INVERSE_SECOND_PASS)
                for x in range(8):
                    plane[8 * block_row + y, 8 * block_col + x] = min(max(work[8 * y + x] + 128, 0), 255)


@kernel
def split_colours(pixels: Array, top: int, left: int, rows: int, cols: int, planes: Array) -> None:
    """RGB to YCbCr in 16-bit fixed point (jccolor.c), or a copy where there is one channel."""
    if pixels.shape[2] == 1:
        for y in range(rows):
            for x in range(cols):
                planes[0, y, x] = pixels[top + y, left + x, 0]
        return
    for y in range(rows):
        for x in range(cols):
            r = np.int64(pixels[top + y, left + x, 0])
            g = np.int64(pixels[top + y, left + x, 1])
            b = np.int64(pixels[top + y, left + x, 2])
            planes[0, y, x] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
            # One unit less than a half keeps the largest chroma at 255 without a clamp.
            planes[1, y, x] = (-11059 * r - 21709 * g + 32768 * b + (128 << 16) + 32767) >> 16
            planes[2, y, x] = (32768 * r - 27439 * g - 5329 * b + (128 << 16) + 32767) >> 16


@kernel
def join_colours(planes: Array, rows: int, cols: int, pixels: Array) -> None:
    """YCbCr to RGB in 16-bit fixed point (jdcolor.c), or a copy where there is one channel."""
    if pixels.shape[2] == 1:
        for y in range(rows):
            for x in range(cols):
                pixels[y, x, 0] = planes[0, y, x]
        return
    for y in range(rows):
        for x in range(cols):
            value = np.int64(planes[0, y, x])
            cb = np.int64(planes[1, y, x]) - 128
            cr = np.int64(planes[2, y, x]) - 128
            r = value + ((91881 * cr + 32768) >> 16)
            g = value + ((-22554 * cb - 46802 * cr + 32768) >> 16)
            b = value + ((116130 * cb + 32768) >> 16)
            pixels[y, x, 0] = min(max(r, 0), 255)
            pixels[y, x, 1] = min(max(g, 0), 255)
            pixels[y, x, 2] = min(max(b, 0), 255)


@kernel
def shrink(
    plane: Array, rows: int, cols: int, across: int, down: int, out_rows: int, out_cols: int, out: Array
) -> None:
    """Average `down` by `across` samples, and pad to whole blocks (jcsample.c, jcprepct.c).

    The right edge repeats the last *input* column, the bottom edge repeats the last *output* row, as libjpeg does. The
    bias of 2:1 and 2x2:1 alternates from column to column so that the mean is kept.
    """
    groups = (rows + down - 1) // down
    for y in range(out_rows):
        group = min(y, groups - 1)
        if across == 1 and down == 1:
            for x in range(out_cols):
                out[y, x] = plane[group, min(x, cols - 1)]
        elif across == 2 and down <= 2:
            above, below = down * group, min(down * group + down - 1, rows - 1)
            inner = min(out_cols, cols // 2)
            for x in range(inner):
                total = np.int64(plane[above, 2 * x]) + plane[above, 2 * x + 1]
                if down == 2:
                    total += np.int64(plane[below, 2 * x]) + plane[below, 2 * x + 1]
                    out[y, x] = (total + 1 + (x & 1)) >> 2
                else:
                    out[y, x] = (total + (x & 1)) >> 1
            for x in range(inner, out_cols):
                total = np.int64(plane[above, cols - 1])
                if down == 2:
                    out[y, x] = (2 * (total + plane[below, cols - 1]) + 1 + (x & 1)) >> 2
                else:
                    out[y, x] = total
        else:
            count = across * down
            for x in range(out_cols):
                total = np.int64(0)
                for i in range(down):
                    for j in range(across):
                        total += plane[min(group * down + i, rows - 1), min(x * across + j, cols - 1)]
                out[y, x] = (total + (count >> 1)) // count


@kernel
def expand(plane: Array, across: int, down: int, rows: int, cols: int, out: Array) -> None:
    """Chroma back to full size: the triangle filter of jdsample.c, or repetition where libjpeg has no better.

    Args:
        plane: the decoded chroma plane, padded to whole blocks.
        across: horizontal factor; 2 is filtered when the plane has more than 2 columns, others repeat.
        down: vertical factor; 2 is filtered when `across` is 1 or filtered.
        rows: rows of the picture.
        cols: columns of the picture.
        out: at least (rows, cols), written.
    """
    plane_rows, plane_cols = (rows + down - 1) // down, (cols + across - 1) // across
    smooth_across = across == 2 and plane_cols > 2 and down <= 2
    smooth_down = down == 2 and (smooth_across or across == 1)
    sums = np.empty(plane_cols, np.int64)
    for y in range(rows):
        near = y // down
        far = near
        if smooth_down:
            far = max(near - 1, 0) if y & 1 == 0 else min(near + 1, plane_rows - 1)
            for x in range(plane_cols):
                sums[x] = 3 * np.int64(plane[near, x]) + plane[far, x]
        else:
            for x in range(plane_cols):
                sums[x] = plane[near, x]
        if smooth_across:
            # Biases alternate so that the rounding has no preferred side.
            low, high, shift = (8, 7, 4) if smooth_down else (1, 2, 2)
            for x in range(plane_cols):
                before, after = sums[max(x - 1, 0)], sums[min(x + 1, plane_cols - 1)]
                out[y, 2 * x] = (3 * sums[x] + before + low) >> shift
                if 2 * x + 1 < cols:
                    out[y, 2 * x + 1] = (3 * sums[x] + after + high) >> shift
        elif smooth_down:
            for x in range(cols):
                out[y, x] = (sums[x] + 1 + (y & 1)) >> 2
        else:
            for x in range(cols):
                out[y, x] = sums[x // across]


@kernel
def encode(
    pixels: Array,
    window: Array,
    tables: Array,
    across: int,
    down: int,
    full: Array,
    small: Array,
    luma: Array,
    blue: Array,
    red: Array,
) -> None:
    """Compress the window (top, left, rows, columns) of a picture to quantized blocks.

    Args:
        pixels: uint8 (rows, columns, 1 or 3).
        window: int64, four numbers.
        tables: int32 (2, 8, 8), luma and chroma.
        across: horizontal chroma factor.
        down: vertical chroma factor.
        full: workspace, uint8 (3, rows, columns) at least.
        small: workspace, uint8, whole blocks of the luma plane at least.
        luma: int16 blocks, written.
        blue: int16 blocks of Cb, written where there are three channels.
        red: int16 blocks of Cr, written where there are three channels.
    """
    rows, cols = window[2], window[3]
    split_colours(pixels, window[0], window[1], rows, cols, full)
    blocks = (luma, blue, red)
    # One call in a loop: each call written out would be compiled anew.
    for channel in range(pixels.shape[2]):
        target = blocks[channel]
        h, v = (across, down) if channel > 0 else (1, 1)
        shrink(full[channel], rows, cols, h, v, 8 * target.shape[0], 8 * target.shape[1], small)
        forward(small, tables[min(channel, 1)], target)


@kernel
def decode(
    luma: Array,
    blue: Array,
    red: Array,
    tables: Array,
    across: int,
    down: int,
    rows: int,
    cols: int,
    full: Array,
    small: Array,
    pixels: Array,
) -> None:
    """Decompress quantized blocks to pixels; arguments as in `encode`."""
    blocks = (luma, blue, red)
    for channel in range(pixels.shape[2]):
        inverse(blocks[channel], tables[min(channel, 1)], small)
        h, v = (across, down) if channel > 0 else (1, 1)
        expand(small, h, v, rows, cols, full[channel])
    join_colours(full, rows, cols, pixels)


@kernel
def double_range(
    start: int,
    stop: int,
    sources: Array,
    first: Array,
    compressed_before: Array,
    last: Array,
    corners: Array,
    windows: Array,
    first_factors: Array,
    last_factors: Array,
    luma: Array,
    blue: Array,
    red: Array,
) -> None:
    """Compress patches `start` to `stop` twice; see `jpegtrace.chain.batch`.

    Args:
        start: first patch.
        stop: one past the last patch.
        sources: uint8 (N, rows, columns, channels).
        first: int32 (N, 2, 8, 8).
        compressed_before: bool (N,); False skips the first compression.
        last: int32 (N, 2, 8, 8).
        corners: int64 (N, 2), row and column in the source where the last grid starts.
        windows: int64 (N, 4), the part of the source that takes part in the first compression.
        first_factors: int64, across and down of the first compression.
        last_factors: the same of the last one.
        luma: int16 (N, b, b, 8, 8), written.
        blue: int16 (N, b', b', 8, 8), written.
        red: the same.
    """
    rows, cols, channels = sources.shape[1], sources.shape[2], sources.shape[3]
    height, width = (rows + 7) // 8 * 8, (cols + 7) // 8 * 8
    full = np.empty((3, height, width), np.uint8)
    small = np.empty((height, width), np.uint8)
    decoded = np.empty((rows, cols, channels), np.uint8)
    final = np.empty(4, np.int64)
    for n in range(start, stop):
        final[0], final[1] = corners[n, 0], corners[n, 1]
        final[2], final[3] = 8 * luma.shape[1], 8 * luma.shape[2]
        picture = sources[n]
        if compressed_before[n]:
            window = windows[n]
            across, down = first_factors[0], first_factors[1]
            block_rows, block_cols = (window[2] + 7) // 8, (window[3] + 7) // 8
            chroma_rows = ((window[2] + down - 1) // down + 7) // 8
            chroma_cols = ((window[3] + across - 1) // across + 7) // 8
            first_luma = np.empty((block_rows, block_cols, 8, 8), np.int16)
            first_blue = np.empty((chroma_rows, chroma_cols, 8, 8), np.int16)
            first_red = np.empty((chroma_rows, chroma_cols, 8, 8), np.int16)
            encode(picture, window, first[n], across, down, full, small, first_luma, first_blue, first_red)
            decode(
                first_luma, first_blue, first_red, first[n], across, down, window[2], window[3], full, small, decoded
            )
            final[0] -= window[0]
            final[1] -= window[1]
            picture = decoded
        encode(picture, final, last[n], last_factors[0], last_factors[1], full, small, luma[n], blue[n], red[n])
