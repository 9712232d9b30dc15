"""Are the colours right: a vision task that any folder of photographs gives.

Scenes are reduced until their detail is gone, and each stands under two labels: as it is, and with red and blue
exchanged, so that skies are orange and faces blue. The exchange is done before any compression and alters no structure;
what there is to see decides.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from PIL import Image

from jpegtrace_training.study.dataset import Dataset, Sample, checked
from jpegtrace_training.study.tasks.scenes import read_scenes
from jpegtrace_training.study.tasks.task import Asked

SIDE = 112  # of the shorter side, as in many sets of small pictures
LABELS = ("as they are", "red and blue exchanged")


def colours(asked: Asked) -> Dataset:
    """Every scene small, with its colours and with red and blue exchanged."""
    side = max(SIDE, asked.least)
    samples = []
    for scene in read_scenes(asked, least=side):
        height, width = scene.pixels.shape[:2]
        factor = side / min(height, width)
        size = (round(width * factor), round(height * factor))
        small = np.asarray(Image.fromarray(scene.pixels).resize(size, Image.Resampling.LANCZOS))
        samples.append(Sample(scene.name, 0, small))
        samples.append(Sample(scene.name, 1, np.ascontiguousarray(small[..., ::-1])))
    return checked(LABELS, samples, f"{len(samples) // 2:,} scenes of {asked.folder.name}, small", Counter())
