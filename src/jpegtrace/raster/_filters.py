"""Kernels of the 16-bit readers: PNG row filters, TIFF's LZW and PackBits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel


@kernel
def unfilter(rows: NDArray[np.uint8], kinds: NDArray[np.uint8], step: int) -> int:
    """Undo PNG row filters in place (PNG 3, section 9); returns the first row with an unknown filter, or -1."""
    height, width = rows.shape
    for y in range(height):
        kind = kinds[y]
        if kind > 4:
            return y
        if kind == 0:
            continue
        for x in range(width):
            left = np.int64(rows[y, x - step]) if x >= step else np.int64(0)
            up = np.int64(rows[y - 1, x]) if y > 0 else np.int64(0)
            corner = np.int64(rows[y - 1, x - step]) if y > 0 and x >= step else np.int64(0)
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = up
            elif kind == 3:
                guess = (left + up) // 2
            else:
                estimate = left + up - corner
                by_left, by_up, by_corner = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
                if by_left <= by_up and by_left <= by_corner:
                    guess = left
                elif by_up <= by_corner:
                    guess = up
                else:
                    guess = corner
            rows[y, x] = (np.int64(rows[y, x]) + guess) & 255
    return -1


@kernel
def unpack_lzw(data: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """TIFF's LZW (TIFF 6.0, section 13) into `out`; returns bytes written, or -1 for an impossible code."""
    prefix = np.zeros(4097, np.int64)
    suffix = np.zeros(4097, np.uint8)
    length = np.zeros(4097, np.int64)
    for i in range(256):
        suffix[i] = i
        length[i] = 1
    next_code, width, previous = 258, 9, -1
    acc, bits, written = np.int64(0), 0, 0
    pos = 0
    while written < out.size:
        while bits < width and pos < data.size:
            acc = ((acc & 0xFFFF) << 8) | np.int64(data[pos])
            pos += 1
            bits += 8
        if bits < width:
            break
        code = (acc >> (bits - width)) & ((1 << width) - 1)
        bits -= width
        if code == 257:
            break
        if code == 256:
            next_code, width, previous = 258, 9, -1
            continue
        if code > next_code or (code == next_code and previous < 0) or (previous < 0 and code > 255):
            return -1
        if previous >= 0 and next_code <= 4096:
            # The new string is the previous one and the first byte of this one.
            source = code if code < next_code else previous
            while length[source] > 1:
                source = prefix[source]
            prefix[next_code] = previous
            suffix[next_code] = suffix[source]
            length[next_code] = length[previous] + 1
            next_code += 1
        size = length[code]
        at = written + size - 1
        walk = code
        for _ in range(size):
            if at < out.size:
                out[at] = suffix[walk]
            at -= 1
            walk = prefix[walk]
        written += size
        previous = code
        # TIFF changes the width one code early.
        if next_code + 1 >= 2048:
            width = 12
        elif next_code + 1 >= 1024:
            width = 11
        elif next_code + 1 >= 512:
            width = 10
    return min(written, out.size)


@kernel
def unpack_bits(data: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """PackBits (TIFF 6.0, section 9) into `out`; returns bytes written."""
    pos, written = 0, 0
    while pos < data.size and written < out.size:
        head = np.int64(data[pos])
        pos += 1
        if head < 128:
            for _ in range(head + 1):
                if pos < data.size and written < out.size:
                    out[written] = data[pos]
                    written += 1
                pos += 1
        elif head > 128 and pos < data.size:
            for _ in range(257 - head):
                if written < out.size:
                    out[written] = data[pos]
                    written += 1
            pos += 1
    return written
