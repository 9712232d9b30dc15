"""Pictures from a seed that look natural enough: smooth shading, edges, texture."""

import numpy as np
from numpy.typing import NDArray


def scene(height: int = 72, width: int = 104, seed: int = 1, channels: int = 3) -> NDArray[np.uint8]:
    """(height, width, channels) or (height, width) for one channel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = []
    for _ in range(channels):
        waves = sum(
            rng.uniform(10, 45)
            * np.sin(2 * np.pi * (rng.uniform(-4, 4) * x + rng.uniform(-4, 4) * y) + rng.uniform(0, 6))
            for _ in range(4)
        )
        edge = 60 * (x * rng.uniform(0.5, 2) + y > rng.uniform(0.3, 0.9))
        planes.append(100 + waves + edge + rng.normal(0, 6, (height, width)))
    picture = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    return picture[..., 0] if channels == 1 else picture


def deep_scene(height: int = 24, width: int = 37, seed: int = 1, channels: int = 3) -> NDArray[np.uint16]:
    """The same with 16 bits; the low byte carries information of its own."""
    low = np.random.default_rng(seed + 1).integers(0, 256, (height, width, channels)).astype(np.uint16)
    high = scene(height, width, seed, channels).astype(np.uint16).reshape(height, width, channels)
    picture = high << 8 | low
    return picture[..., 0] if channels == 1 else picture
