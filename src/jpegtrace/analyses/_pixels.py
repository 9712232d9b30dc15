"""What the pixel engine says of one picture, worked out once for all analyses that ask."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from jpegtrace._progress import Progress
from jpegtrace.analyses._threads import threads
from jpegtrace.errors import CorruptInput
from jpegtrace.picture import Picture
from jpegtrace.pixels.colours import reduced_to
from jpegtrace.pixels.history import PixelHistory, find_pixel_history
from jpegtrace.pixels.luma import Luma, luma_of
from jpegtrace.pixels.quality import QualityMap, map_quality

SMALLEST = 16  # pixels a side
MOST_TILES = 192  # that are looked at on all grids
FEW_COLOURS = (  # what no analysis of decoded pixels can show
    "anything in pictures whose colours or grey levels were reduced, as those of every coloured GIF: it abstains"
)
NEVER_BELOW = 0.5  # probability below which pixels were never JPEG; between it and sure it cannot be told

_lumas: WeakKeyDictionary[Picture, Luma | str] = WeakKeyDictionary()
_histories: WeakKeyDictionary[Picture, dict[int, PixelHistory]] = WeakKeyDictionary()
_maps: WeakKeyDictionary[Picture, dict[tuple[PixelHistory, int], QualityMap]] = WeakKeyDictionary()


def luma_pixels_of(picture: Picture) -> Luma | str:
    """Luma of the decoded pixels, or why there is none."""
    if picture not in _lumas:
        if min(picture.height, picture.width) < SMALLEST:
            _lumas[picture] = f"the picture is smaller than {SMALLEST} pixels a side"
        else:
            _lumas[picture] = _decoded(picture)
    return _lumas[picture]


def _decoded(picture: Picture) -> Luma | str:
    try:
        raster = picture.raster
    except CorruptInput as error:
        if picture.jpeg is None:
            raise
        return f"its pixels cannot be decoded, {error.what}"
    # Whatever was done before the last save of a JPEG, its pixels are those that its coefficients say.
    if picture.jpeg is None and (colours := reduced_to(raster)):
        return _few(colours, "grey level" if raster.mode == "grey" else "colour", palette=raster.palette)
    return luma_of(raster)


def _few(count: int, what: str, *, palette: bool) -> str:
    number = f"{count} {what}{'s' * (count != 1)}"
    how = f"{number}, from a palette" if palette else f"{number}, as if from a palette"
    return f"the picture has only {how}, and reducing {what}s covers traces of JPEG and imitates others"


def pixel_history_of(
    picture: Picture, most_tiles: int | None = None, progress: Progress | None = None
) -> PixelHistory | str:
    """What the pixels tell of the picture, or why they cannot; each search is kept.

    Args:
        picture: the picture.
        most_tiles: that are looked at; None takes any search that was made, else makes the usual one.
        progress: called with the share that is done.
    """
    luma = luma_pixels_of(picture)
    if isinstance(luma, str):
        return luma
    known = _histories.setdefault(picture, {})
    most_tiles = most_tiles or max(known, default=MOST_TILES)
    if most_tiles not in known:
        known[most_tiles] = find_pixel_history(luma, most_tiles=most_tiles, threads=threads(), progress=progress)
    return known[most_tiles]


def pixel_map_of(picture: Picture, history: PixelHistory, stride: int, progress: Progress | None = None) -> QualityMap:
    """What every place tells; each map is kept."""
    known = _maps.setdefault(picture, {})
    key = history, stride
    if key not in known:
        luma = luma_pixels_of(picture)
        assert not isinstance(luma, str)  # noqa: S101 - it has a history
        known[key] = map_quality(luma, history, stride=stride, threads=threads(), progress=progress)
    return known[key]
