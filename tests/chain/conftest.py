"""Pictures with known content, and coefficients read by an independent library."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def smooth_picture(rows, cols, seed=0, grain=3):
    """Soft colour blobs with a little grain, far from black and white."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (rows // 8 + 2, cols // 8 + 2, 3)).astype(np.float32)
    channels = [
        np.asarray(Image.fromarray(coarse[..., i]).resize((cols, rows), Image.Resampling.BICUBIC)) for i in range(3)
    ]
    picture = 128 + 35 * np.stack(channels, axis=-1) + rng.normal(0, grain, (rows, cols, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def picture():
    return smooth_picture


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
