"""Entropy decoding (ITU-T T.81, Annexes F and G), strict: every rule that can be checked is.

Unlike a viewer's decoder, which fills what it cannot read with grey and goes on, these kernels say for every
minimum coded unit (MCU) whether it is trustworthy. They read destuffed data, cut into restart segments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegtrace._jit import kernel

# Why a restart segment stopped; index into `decode.REASONS`.
OK, BAD_CODE, RAN_OUT, PAST_END_OF_BLOCK, OUT_OF_RANGE, LEFT_OVER = range(6)
# What cannot be trusted of a block: bits of `suspect`.
SUSPECT_DC, SUSPECT_AC = 1, 2


@kernel
def _refill(data: NDArray[np.uint8], end: int, pos: int, acc: int, bits: int) -> tuple[int, int, int]:
    # Past the end zeros are read; the caller compares the bits consumed with the bits there were.
    while bits <= 40:
        byte = np.int64(data[pos]) if pos < end else np.int64(0)
        acc = ((acc & 0xFFFFFFFFFF) << 8) | byte
        pos += 1
        bits += 8
    return pos, acc, bits


@kernel
def _extend(value: int, size: int) -> int:
    """T.81 F.2.2.1, EXTEND."""
    if size > 0 and value < (1 << (size - 1)):
        return value - (1 << size) + 1
    return value


@kernel
def _block_index(mcu: int, k: int, mcus_per_row: int, layout: NDArray[np.int64], geometry: NDArray[np.int64]) -> int:
    """Index of the k-th block of an MCU in the flat array of all blocks."""
    comp = layout[k, 0]
    row = (mcu // mcus_per_row) * layout[k, 3] + layout[k, 1]
    col = (mcu % mcus_per_row) * layout[k, 4] + layout[k, 2]
    return int(geometry[comp, 0] + row * geometry[comp, 1] + col)


@kernel
def decode_sequential(
    data: NDArray[np.uint8],
    segments: NDArray[np.int64],
    truncated: bool,
    mcus_per_row: int,
    layout: NDArray[np.int64],
    geometry: NDArray[np.int64],
    lookup: NDArray[np.uint16],
    tables: NDArray[np.int64],
    natural: NDArray[np.int64],
    blocks: NDArray[np.int16],
    suspect: NDArray[np.uint8],
    outcome: NDArray[np.int64],
) -> None:
    """Decode one sequential scan into `blocks`.

    Args:
        data: destuffed bytes of the scan.
        segments: (n, 4): first byte, end byte, first MCU, end MCU of each restart segment.
        truncated: the last segment ends because the input ends, so what was decoded before is good.
        mcus_per_row: MCUs in a row.
        layout: (blocks per MCU, 5): component, row and column in the MCU, MCU height and width in blocks.
        geometry: (components, 2): index of the first block, blocks per row.
        lookup: (tables, 65536), see `HuffmanTable.lookup`.
        tables: (components, 2): row of `lookup` for DC and AC.
        natural: zigzag index to row-major index.
        blocks: (n, 64) coefficients, written.
        suspect: (n,) `SUSPECT_DC` and `SUSPECT_AC` set where a block cannot be trusted.
        outcome: (segments, 3): reason, MCU and byte where each segment stopped, written.
    """
    previous = np.zeros(geometry.shape[0], np.int64)
    for s in range(segments.shape[0]):
        start, end, first, stop = segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3]
        pos, acc, bits = start, np.int64(0), np.int64(0)
        previous[:] = 0
        reason = OK
        mcu = first
        while mcu < stop and reason == OK:
            for k in range(layout.shape[0]):
                comp = layout[k, 0]
                block = blocks[_block_index(mcu, k, mcus_per_row, layout, geometry)]
                pos, acc, bits = _refill(data, end, pos, acc, bits)
                entry = np.int64(lookup[tables[comp, 0], (acc >> (bits - 16)) & 0xFFFF])
                size = entry & 0xFF
                if entry == 0 or size > 15:
                    reason = BAD_CODE
                    break
                bits -= entry >> 8
                value = (acc >> (bits - size)) & ((1 << size) - 1)
                bits -= size
                dc = previous[comp] + _extend(value, size)
                if dc < -32768 or dc > 32767:
                    reason = OUT_OF_RANGE
                    break
                previous[comp] = dc
                block[0] = dc
                table = tables[comp, 1]
                i = 1
                while i < 64:
                    pos, acc, bits = _refill(data, end, pos, acc, bits)
                    entry = np.int64(lookup[table, (acc >> (bits - 16)) & 0xFFFF])
                    if entry == 0:
                        reason = BAD_CODE
                        break
                    bits -= entry >> 8
                    run = (entry >> 4) & 15
                    size = entry & 15
                    if size == 0:
                        if run != 15:
                            break
                        i += 16
                    else:
                        i += run
                    if i > 63:
                        reason = PAST_END_OF_BLOCK
                        break
                    if size > 0:
                        value = (acc >> (bits - size)) & ((1 << size) - 1)
                        bits -= size
                        block[natural[i]] = _extend(value, size)
                        i += 1
                if reason != OK:
                    break
            if (pos - start) * 8 - bits > (end - start) * 8:
                reason = RAN_OUT
            if reason == OK:
                mcu += 1
        _close_segment(data, s, reason, mcu, stop, end, pos, bits, truncated and s == segments.shape[0] - 1,
                       segments, mcus_per_row, layout, geometry, suspect, SUSPECT_DC | SUSPECT_AC, outcome)  # fmt: skip


@kernel
def _is_padding(data: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Hardware encoders flush whole words: up to three bytes of 0 or 255 behind the last MCU are no damage."""
    if end - begin > 3:
        return False
    for p in range(begin, end):  # noqa: SIM110 - compiled code has no generators
        if data[p] != 0 and data[p] != 255:
            return False
    return True


@kernel
def _close_segment(
    data: NDArray[np.uint8],
    s: int,
    reason: int,
    mcu: int,
    sure: int,
    end: int,
    pos: int,
    bits: int,
    truncated: bool,
    segments: NDArray[np.int64],
    mcus_per_row: int,
    layout: NDArray[np.int64],
    geometry: NDArray[np.int64],
    suspect: NDArray[np.uint8],
    flag: int,
    outcome: NDArray[np.int64],
) -> None:
    """Record how a segment ended and mark with `flag` the blocks that cannot be trusted.

    Where the input simply ends, what came before is good. In every other failure the damage may lie anywhere
    before the place where it shows, so the whole segment is suspect. From MCU `sure` on it is suspect in any case.
    """
    used = pos - bits // 8
    if reason == OK and not _is_padding(data, used, end):
        reason = LEFT_OVER
    outcome[s, 0] = reason
    outcome[s, 1] = mcu
    outcome[s, 2] = min(used, end)
    begin = sure
    if reason != OK:
        begin = min(begin, mcu if truncated and reason == RAN_OUT else segments[s, 2])
    for bad in range(begin, segments[s, 3]):
        for k in range(layout.shape[0]):
            suspect[_block_index(bad, k, mcus_per_row, layout, geometry)] |= flag


@kernel
def decode_progressive(
    data: NDArray[np.uint8],
    segments: NDArray[np.int64],
    truncated: bool,
    mcus_per_row: int,
    layout: NDArray[np.int64],
    geometry: NDArray[np.int64],
    lookup: NDArray[np.uint16],
    tables: NDArray[np.int64],
    natural: NDArray[np.int64],
    blocks: NDArray[np.int16],
    suspect: NDArray[np.uint8],
    outcome: NDArray[np.int64],
    band: NDArray[np.int64],
) -> None:
    """Decode one progressive scan (T.81, Annex G) into `blocks`.

    The arguments are those of `decode_sequential`; `band` holds the first and last coefficient and the successive
    approximation bits, high and low.
    """
    begin, last, high, low = band[0], band[1], band[2], band[3]
    flag = SUSPECT_DC if begin == 0 else SUSPECT_AC
    previous = np.zeros(geometry.shape[0], np.int64)
    for s in range(segments.shape[0]):
        start, end, first, stop = segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3]
        pos, acc, bits = start, np.int64(0), np.int64(0)
        previous[:] = 0
        run_of_ends = np.int64(0)
        reason = OK
        mcu, sure = first, stop
        while mcu < stop and reason == OK:
            for k in range(layout.shape[0]):
                comp = layout[k, 0]
                where = _block_index(mcu, k, mcus_per_row, layout, geometry)
                block = blocks[where]
                if begin == 0 and high == 0:
                    pos, acc, bits, reason = _dc_first(
                        data, end, pos, acc, bits, lookup[tables[comp, 0]], low, comp, previous, block
                    )
                elif begin == 0:
                    pos, acc, bits = _refill(data, end, pos, acc, bits)
                    bits -= 1
                    block[0] |= ((acc >> bits) & 1) << low
                elif high == 0:
                    pos, acc, bits, run_of_ends, reason = _ac_first(
                        data,
                        end,
                        pos,
                        acc,
                        bits,
                        lookup[tables[comp, 1]],
                        begin,
                        last,
                        low,
                        run_of_ends,
                        natural,
                        block,
                    )
                else:
                    # How many bits refine a block depends on what it held: behind a wrong one the stream is lost.
                    if suspect[where] & SUSPECT_AC:
                        sure = min(sure, mcu)
                    pos, acc, bits, run_of_ends, reason = _ac_refine(
                        data,
                        end,
                        pos,
                        acc,
                        bits,
                        lookup[tables[comp, 1]],
                        begin,
                        last,
                        low,
                        run_of_ends,
                        natural,
                        block,
                    )
                if reason != OK:
                    break
            if (pos - start) * 8 - bits > (end - start) * 8:
                reason = RAN_OUT
            if reason == OK:
                mcu += 1
        if reason == OK and run_of_ends > 0:
            reason = PAST_END_OF_BLOCK
        _close_segment(data, s, reason, mcu, sure, end, pos, bits, truncated and s == segments.shape[0] - 1,
                       segments, mcus_per_row, layout, geometry, suspect, flag, outcome)  # fmt: skip


@kernel
def _dc_first(
    data: NDArray[np.uint8],
    end: int,
    pos: int,
    acc: int,
    bits: int,
    lookup: NDArray[np.uint16],
    low: int,
    comp: int,
    previous: NDArray[np.int64],
    block: NDArray[np.int16],
) -> tuple[int, int, int, int]:
    pos, acc, bits = _refill(data, end, pos, acc, bits)
    entry = np.int64(lookup[(acc >> (bits - 16)) & 0xFFFF])
    size = entry & 0xFF
    if entry == 0 or size > 15:
        return pos, acc, bits, BAD_CODE
    bits -= entry >> 8
    value = (acc >> (bits - size)) & ((1 << size) - 1)
    bits -= size
    previous[comp] += _extend(value, size)
    dc = previous[comp] << low
    if dc < -32768 or dc > 32767:
        return pos, acc, bits, OUT_OF_RANGE
    block[0] = dc
    return pos, acc, bits, OK


@kernel
def _ac_first(
    data: NDArray[np.uint8],
    end: int,
    pos: int,
    acc: int,
    bits: int,
    lookup: NDArray[np.uint16],
    begin: int,
    last: int,
    low: int,
    run_of_ends: int,
    natural: NDArray[np.int64],
    block: NDArray[np.int16],
) -> tuple[int, int, int, int, int]:
    if run_of_ends > 0:
        return pos, acc, bits, run_of_ends - 1, OK
    i = begin
    while i <= last:
        pos, acc, bits = _refill(data, end, pos, acc, bits)
        entry = np.int64(lookup[(acc >> (bits - 16)) & 0xFFFF])
        if entry == 0:
            return pos, acc, bits, run_of_ends, BAD_CODE
        bits -= entry >> 8
        run, size = (entry >> 4) & 15, entry & 15
        if size == 0 and run < 15:
            run_of_ends = (1 << run) - 1
            if run > 0:
                bits -= run
                run_of_ends += (acc >> bits) & ((1 << run) - 1)
            break
        i += 16 if size == 0 else run
        if i > last:
            return pos, acc, bits, run_of_ends, PAST_END_OF_BLOCK
        if size > 0:
            bits -= size
            value = _extend((acc >> bits) & ((1 << size) - 1), size) * (1 << low)
            if value < -32768 or value > 32767:
                return pos, acc, bits, run_of_ends, OUT_OF_RANGE
            block[natural[i]] = value
            i += 1
    return pos, acc, bits, run_of_ends, OK


@kernel
def _has_no_ac(block: NDArray[np.int16]) -> bool:
    found = np.int16(0)
    for i in range(1, 64):
        found |= block[i]
    return bool(found == 0)


@kernel
def _ac_refine(
    data: NDArray[np.uint8],
    end: int,
    pos: int,
    acc: int,
    bits: int,
    lookup: NDArray[np.uint16],
    begin: int,
    last: int,
    low: int,
    run_of_ends: int,
    natural: NDArray[np.int64],
    block: NDArray[np.int16],
) -> tuple[int, int, int, int, int]:
    step = np.int64(1) << low
    i = begin
    if run_of_ends > 0 and _has_no_ac(block):
        # A run of empty blocks costs a file nothing, so it must not cost much here.
        return pos, acc, bits, run_of_ends - 1, OK
    if run_of_ends == 0:
        while i <= last:
            pos, acc, bits = _refill(data, end, pos, acc, bits)
            entry = np.int64(lookup[(acc >> (bits - 16)) & 0xFFFF])
            if entry == 0:
                return pos, acc, bits, run_of_ends, BAD_CODE
            bits -= entry >> 8
            run, size = (entry >> 4) & 15, entry & 15
            value = np.int64(0)
            if size > 1:
                return pos, acc, bits, run_of_ends, BAD_CODE
            if size == 1:
                bits -= 1
                value = step if (acc >> bits) & 1 else -step
            elif run < 15:
                run_of_ends = np.int64(1) << run
                if run > 0:
                    bits -= run
                    run_of_ends += (acc >> bits) & ((1 << run) - 1)
                break
            # Skip `run` zero coefficients; those already nonzero on the way get one more bit each.
            while i <= last:
                where = natural[i]
                if block[where] != 0:
                    pos, acc, bits = _refill(data, end, pos, acc, bits)
                    bits -= 1
                    if (acc >> bits) & 1 and (abs(np.int64(block[where])) & step) == 0:
                        block[where] += step if block[where] > 0 else -step
                else:
                    if run == 0:
                        break
                    run -= 1
                i += 1
            if value != 0:
                if i > last:
                    return pos, acc, bits, run_of_ends, PAST_END_OF_BLOCK
                block[natural[i]] = value
            i += 1
    if run_of_ends > 0:
        while i <= last:
            where = natural[i]
            if block[where] != 0:
                pos, acc, bits = _refill(data, end, pos, acc, bits)
                bits -= 1
                if (acc >> bits) & 1 and (abs(np.int64(block[where])) & step) == 0:
                    block[where] += step if block[where] > 0 else -step
            i += 1
        run_of_ends -= 1
    return pos, acc, bits, run_of_ends, OK
