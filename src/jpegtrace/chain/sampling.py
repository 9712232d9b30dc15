"""What a JPEG may be, in one place: chroma subsamplings by name, and the largest side."""

from __future__ import annotations

from jpegtrace.errors import ChainError

# Luma samples per chroma sample: (across, down). "grey" has no chroma.
FACTORS: dict[str, tuple[int, int]] = {
    "444": (1, 1),
    "422": (2, 1),
    "420": (2, 2),
    "440": (1, 2),
    "411": (4, 1),
    "grey": (1, 1),
}
SUBSAMPLINGS = tuple(FACTORS)

# Side of the largest chroma block in pixels; every other chroma block, and every luma block, divides it.
LARGEST_BLOCK = 8 * max(max(pair) for pair in FACTORS.values())

MAX_SIDE = 65_500  # libjpeg's JPEG_MAX_DIMENSION


def factors(subsampling: str) -> tuple[int, int]:
    """Chroma factors (across, down) of a subsampling name."""
    try:
        return FACTORS[subsampling]
    except KeyError:
        raise ChainError(f"there is no subsampling {subsampling!r}; there are {', '.join(FACTORS)}") from None
