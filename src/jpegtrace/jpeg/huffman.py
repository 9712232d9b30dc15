"""Huffman tables as a JPEG stores them (ITU-T T.81, Annex C), and their lookup form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import CorruptInput


@dataclass(frozen=True)
class HuffmanTable:
    """One Huffman table: how many codes of each length 1..16, and the symbols in order of their codes."""

    kind: str  # "dc" or "ac"
    slot: int
    counts: tuple[int, ...]
    symbols: bytes
    offset: int

    @property
    def is_standard(self) -> bool:
        """Whether it is the typical table of T.81 Annex K.3; an optimising encoder writes others."""
        return (self.counts, self.symbols) in STANDARD_TABLES[self.kind]

    @cached_property
    def lookup(self) -> NDArray[np.uint16]:
        """For each 16 next bits: code length << 8 | symbol; 0 where no code begins like this.

        Raises:
            CorruptInput: the lengths claim more codes than fit (T.81, C.2).
        """
        lookup = np.zeros(1 << 16, np.uint16)
        code, index = 0, 0
        for length, count in enumerate(self.counts, start=1):
            for symbol in self.symbols[index : index + count]:
                width = 1 << (16 - length)
                if code + width > 1 << 16:
                    raise CorruptInput(
                        f"Huffman table {self.kind} {self.slot} claims more codes than fit", offset=self.offset
                    )
                lookup[code : code + width] = length << 8 | symbol
                code += width
            index += count
        return lookup


# T.81 tables K.3 to K.6.
_DC_SYMBOLS = bytes(range(12))
_DC_LUMA = ((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), _DC_SYMBOLS)
_DC_CHROMA = ((0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0), _DC_SYMBOLS)
_AC_LUMA = (
    (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125),
    bytes.fromhex(
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435"
        "363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798"
        "999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4"
        "f5f6f7f8f9fa"
    ),
)
_AC_CHROMA = (
    (0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119),
    bytes.fromhex(
        "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35"
        "363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a929394959697"
        "98999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5"
        "f6f7f8f9fa"
    ),
)

STANDARD_TABLES = {"dc": (_DC_LUMA, _DC_CHROMA), "ac": (_AC_LUMA, _AC_CHROMA)}
