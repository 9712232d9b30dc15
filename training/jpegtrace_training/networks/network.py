"""What every published network here has beside its layers, and how those that look for traces in pixels begin."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

Axes = dict[str, dict[int, str]]


class Network(nn.Module):
    """A network that can be trained by a recipe and exported.

    Attributes:
        outputs: names of what `forward` gives.
        dynamic: axes of inputs and outputs, beside the first, that may have any length, with a name each.
        meanings: of inputs and outputs by name, for cards.
        paper_figures: what the paper reports, in its words, for cards.
    """

    outputs: tuple[str, ...]
    dynamic: ClassVar[Axes] = {}
    meanings: ClassVar[dict[str, str]] = {}
    paper_figures: ClassVar[dict[str, str]] = {}

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right shape and range for every input of `forward`, in order."""
        raise NotImplementedError


class FullConvolution(nn.Conv2d):
    """A convolution from or to pixels, always in full precision: one grey level drowns in the 8 bits of a bfloat16."""

    def forward(self, pixels: Tensor) -> Tensor:
        """As `nn.Conv2d`."""
        if not torch.amp.is_autocast_available(pixels.device.type):
            return super().forward(pixels)
        with torch.autocast(pixels.device.type, enabled=False):
            return super().forward(pixels.float())


class FirstConvolution(FullConvolution):
    """The one that a network of traces begins with."""

    def begin_as_high_pass(self, gain: float = 1.0) -> None:
        """Let the first weights of every filter sum to zero, times `gain`.

        The traces are in what high-pass filters leave. Where they are not given to begin with, a training spends its
        first tens of thousands of samples on the constant answer.
        """
        with torch.no_grad():
            self.weight -= self.weight.mean((2, 3), keepdim=True)
            self.weight *= gain
