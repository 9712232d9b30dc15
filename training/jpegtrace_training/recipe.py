"""What a training is made of: a network, where its samples come from, what it minimises, how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn, optim

from jpegtrace_training.networks.network import Network

Arrays = dict[str, NDArray[np.generic]]
Batch = Mapping[str, Tensor]
Draw = Callable[[Sequence[NDArray[np.uint8]], int, np.random.Generator, int], Arrays]


@dataclass(frozen=True)
class Recipe:
    """How one network is trained.

    Attributes:
        id: name of the recipe, and of its weights.
        title: what it tells, in a few words.
        paper: reference.
        network: makes it, with its first weights.
        draw: pictures, count, generator, side to arrays, first axis the sample; the generator is the only chance.
        loss: network and batch to named parts; "loss" is what is minimised, the others are told.
        measure: network in evaluation and batch to named figures, one value per sample; averaged over held-out samples.
        better: the figure that the best weights are chosen by, and whether it should be "lower" or "higher".
        side: of the samples in pixels.
        batch: samples a step, as published.
        rate: learning rate, as published.
        published: samples that the paper's training saw, or a full training of a network of our own.
        drop: share of the steps after which the rate is a tenth; 1 for never.
        optimiser: parameters and rate to an optimiser, as published.
        akin: recipes of the same network whose weights it may begin with, beside its own.
        least: pixels that a picture's sides must have.
        sides: words for cards about the sizes of samples, where they differ.
        smoke_side: side of the samples in a trial of a minute.
        smoke_rate: learning rate there, where few steps must be enough to see the loss fall.
        smoke_batch: samples a step there.
        smoke_steps: steps there.
    """

    id: str
    title: str
    paper: str
    network: Callable[[], Network]
    draw: Draw
    loss: Callable[[Any, Batch], dict[str, Tensor]]
    measure: Callable[[Any, Batch], dict[str, Tensor]]
    better: tuple[str, str]
    side: int
    batch: int
    rate: float
    published: int
    optimiser: Callable[[Sequence[nn.Parameter], float], optim.Optimizer] = field(
        default=lambda parameters, rate: optim.Adam(parameters, rate)
    )
    drop: float = 1.0
    akin: tuple[str, ...] = ()
    least: int = 64
    sides: str = ""
    smoke_side: int = 64
    smoke_rate: float = 1e-3
    smoke_batch: int = 4
    smoke_steps: int = 8
