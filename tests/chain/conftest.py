"""Pictures with known content, and coefficients read by an independent library."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from checks.pictures import scene


@pytest.fixture(scope="session")
def picture():
    """A smooth and colourful scene; tiny ones are cut from one that is large enough for a spectrum."""

    def made(rows, cols, seed=0, grain=2):
        whole = scene(seed, max(rows, 16), max(cols, 16), noise=grain, slope=2, colour=18)
        return whole[:rows, :cols].copy()

    return made


@pytest.fixture(scope="session")
def coefficients():
    """Read (luma, blue, red) blocks of a JPEG's bytes with jpeglib; blue and red are None for grey."""
    jpeglib = pytest.importorskip("jpeglib")

    def read(data):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture.jpg"
            path.write_bytes(data)
            file = jpeglib.read_dct(str(path))
            return file.Y, file.Cb, file.Cr

    return read


@pytest.fixture(scope="session")
def off_lattice():
    """Mean distance of luma DCT coefficients from the nearest multiple of the table, in steps; .25 is chance."""
    from scipy.fft import dctn

    def distance(luma, table, origin):
        rows = (luma.shape[0] - origin[0]) // 8
        cols = (luma.shape[1] - origin[1]) // 8
        region = luma[origin[0] : origin[0] + 8 * rows, origin[1] : origin[1] + 8 * cols].astype(float) - 128
        blocks = region.reshape(rows, 8, cols, 8).swapaxes(1, 2)
        levels = dctn(blocks, axes=(2, 3), norm="ortho")[1:-1, 1:-1] / table
        coarse = table >= 8
        return float(np.abs(levels - np.round(levels))[..., coarse].mean())

    return distance
