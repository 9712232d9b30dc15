"""What a file says about itself beside the picture: EXIF and application segments of a JPEG, texts of a PNG."""

from jpegtrace.metadata.exif import Exif, read_exif
from jpegtrace.metadata.png_text import PngText, read_png_texts
from jpegtrace.metadata.segments import JpegMetadata, colour_space, read_metadata

__all__ = ["Exif", "JpegMetadata", "PngText", "colour_space", "read_exif", "read_metadata", "read_png_texts"]
