"""jpegtrace reads the compression history that JPEG leaves in a picture."""

__version__ = "0.1.0"
