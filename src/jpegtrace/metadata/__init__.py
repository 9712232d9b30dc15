"""What a file says about itself beside the picture: EXIF and the application segments of a JPEG."""

from jpegtrace.metadata.exif import Exif, read_exif
from jpegtrace.metadata.segments import JpegMetadata, read_metadata

__all__ = ["Exif", "JpegMetadata", "read_exif", "read_metadata"]
