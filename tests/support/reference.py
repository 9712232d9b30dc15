"""What independent readers make of a file."""

import tempfile
from pathlib import Path

import jpeglib
import numpy as np
from numpy.typing import NDArray


def libjpeg_coefficients(data: bytes) -> list[NDArray[np.int16]]:
    """Coefficients of every component as libjpeg reads them, (rows, columns, 8, 8)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.jpg"
        path.write_bytes(data)
        found = jpeglib.read_dct(str(path))
        found.load()
        parts = [found.Y, found.Cb, found.Cr, found.K]
        return [np.array(part) for part in parts if part is not None]
