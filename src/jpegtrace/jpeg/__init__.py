"""JPEG files from their bytes: segments, entropy-coded data, coefficients and unrounded planes."""

from jpegtrace.jpeg.clipping import Clipped, ColourPlanes, clipped_blocks
from jpegtrace.jpeg.coefficients import Coefficients, ComponentCoefficients, kernel_folder, read_coefficients
from jpegtrace.jpeg.markers import Damage, Frame, JpegStructure, Marker, Scan, read_structure
from jpegtrace.jpeg.planes import dct_matrix, dequantize, plane

__all__ = [
    "Clipped",
    "Coefficients",
    "ColourPlanes",
    "ComponentCoefficients",
    "Damage",
    "Frame",
    "JpegStructure",
    "Marker",
    "Scan",
    "clipped_blocks",
    "dct_matrix",
    "dequantize",
    "kernel_folder",
    "plane",
    "read_coefficients",
    "read_structure",
]
