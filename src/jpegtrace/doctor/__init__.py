"""Is this installation whole: versions, formats, weights, optional parts, and what is missing."""

from jpegtrace.doctor.health import Codec, Health, examine
from jpegtrace.doctor.requirements import Extra

__all__ = ["Codec", "Extra", "Health", "examine"]
