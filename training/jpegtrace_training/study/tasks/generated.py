"""Was it made by a network: scenes that went through an up-sampling autoencoder against the same scenes as they were.

The autoencoder is trained here, on a fifth of the scenes, which no detector ever sees. Every other scene stands under
both labels: only the trace of the up-sampling can tell.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from jpegtrace.errors import UsageError
from jpegtrace_training.study.dataset import LEAST_SOURCES, Dataset, Sample, checked
from jpegtrace_training.study.tasks.autoencoder import FACTOR, train_generator
from jpegtrace_training.study.tasks.scenes import read_scenes
from jpegtrace_training.study.tasks.task import Asked

SHARE = 0.2  # of the scenes that the generator learns from
STREAM = 105  # of the seeds
LABELS = ("photograph", "generated")


def generated(asked: Asked) -> Dataset:
    """Every scene as it is, and as the autoencoder gives it back.

    Raises:
        UsageError: too few scenes.
    """
    scenes = read_scenes(asked, least=max(asked.least, 64), most_side=asked.side - asked.side % FACTOR)
    if len(scenes) < LEAST_SOURCES + 1:
        raise UsageError(f"{asked.folder} has {len(scenes)} lossless scenes; at least {LEAST_SOURCES + 1} are needed")
    order = np.random.default_rng(STREAM).permutation(len(scenes))
    learnt = max(1, round(SHARE * len(scenes)))
    generator = train_generator([scenes[index].pixels for index in order[:learnt]], steps=asked.generator_steps)
    asked.tell(f"the autoencoder was trained on {learnt} scenes; it is off by {generator.loss:.2f} grey levels")
    samples = []
    for index in sorted(order[learnt:]):
        scene = scenes[index]
        height, width = (n - n % FACTOR for n in scene.pixels.shape[:2])
        samples.append(Sample(scene.name, 0, np.ascontiguousarray(scene.pixels[:height, :width])))
        samples.append(Sample(scene.name, 1, generator(scene.pixels)))
    told = (
        f"{len(samples) // 2:,} scenes of {asked.folder.name}, and what an autoencoder makes of them that was trained "
        f"{generator.steps:,} steps on {learnt} others (mean difference {generator.loss:.2f} grey levels)"
    )
    return checked(LABELS, samples, told, Counter())
