"""PGM and PPM with more than 8 bits a sample, as stored; Pillow scales or reduces them.

The netpbm formats P2, P3, P5 and P6: a header of white space, comments and numbers, then samples: in P2 and P3 as
text, in P5 and P6 big-endian.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import CorruptInput
from jpegtrace.limits import Limits
from jpegtrace.raster.raster import Raster, from_channels

_GAP = rb"(?:\s|#[^\n\r]{0,1000}[\n\r])+"
_HEADER = re.compile(rb"P([2356])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})\s")


def is_pnm16(data: bytes) -> bool:
    """Whether a PNM holds more than 8 bits a sample."""
    header = _HEADER.match(data[:65536])
    return header is not None and 255 < int(header[4]) <= 65535


def read_pnm16(data: bytes, limits: Limits) -> Raster:
    """Decode a PGM or PPM of 9 to 16 bits; values are those stored, up to the file's own maximum.

    Raises:
        CorruptInput: pixels are missing.
        LimitExceeded: too many pixels.
    """
    header = _HEADER.match(data[:65536])
    if header is None:
        raise CorruptInput("the PNM header is not valid", offset=0)
    channels = 1 if header[1] in b"25" else 3
    width, height, maximum = (int(header[i]) for i in (2, 3, 4))
    if width == 0 or height == 0:
        raise CorruptInput(f"the PNM says {width}x{height} pixels", offset=0)
    limits.check("pixels", width * height, offset=0)
    count = width * height * channels
    if header[1] in b"23":
        values = _plain_samples(data, header.end(), count)
    elif len(data) < header.end() + 2 * count:
        raise CorruptInput(
            f"the PNM holds {len(data) - header.end():,} of {2 * count:,} bytes of pixels", offset=header.end()
        )
    else:
        values = np.frombuffer(data, ">u2", count, header.end())
    if values.max() > maximum:
        raise CorruptInput(
            f"a sample of the PNM is {values.max():,} where {maximum:,} is the largest possible", offset=header.end()
        )
    samples = values.astype(np.uint16).reshape(height, width, channels)
    note = None if maximum == 65535 else f"the largest possible sample is {maximum}"
    return from_channels(samples, "jpegtrace", alpha=False, note=note)


def _plain_samples(data: bytes, start: int, count: int) -> NDArray[np.integer[Any]]:
    text = re.sub(rb"#[^\n\r]*", b" ", data[start:])
    strange = re.search(rb"[^\s\d]|\d{10}", text)
    if strange:
        raise CorruptInput(f"{strange[0]!r} is no sample of a PNM", offset=start)
    values = np.fromstring(text, np.int64, sep=" ")[:count] if text.strip() else np.zeros(0, np.int64)
    if len(values) < count:
        raise CorruptInput(f"the PNM holds {len(values):,} of {count:,} samples", offset=start)
    return values
