"""A network for a core and half a minute: four convolutions, no pooling before the end.

The first layer sees every pixel: a mosaic's trace is in neighbours that a stride would part. Most of its filters begin
as high-pass, for traces are in the noise, and what they give is normalised patch by patch: a trace is in the shape of
the noise, not in how busy the scene is. The others see colours. The other layers halve the picture by strides, as the
large networks do, so what they see depends on where the grid lies.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from jpegtrace_training.networks.network import FirstConvolution

WIDTHS = (10, 24, 48, 96)
PLAIN = 2  # filters of the first layer that begin as they are drawn


class Small(nn.Module):
    """Four convolutions and one linear layer.

    Args:
        classes: how many there are.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.first = FirstConvolution(3, WIDTHS[0], 3, padding=1, bias=False)
        drawn = self.first.weight.detach()[:PLAIN].clone()
        self.first.begin_as_high_pass()
        with torch.no_grad():
            self.first.weight[:PLAIN] = drawn
        self.plain = nn.BatchNorm2d(PLAIN)
        self.faint = nn.InstanceNorm2d(WIDTHS[0] - PLAIN, affine=True)
        layers: list[nn.Module] = [nn.ReLU(inplace=True)]
        for before, width in pairwise(WIDTHS):
            layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(WIDTHS[-1], classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores (n, classes) of normalised pixels (n, 3, side, side)."""
        x = self.first(pixels)
        x = torch.cat([self.plain(x[:, :PLAIN]), self.faint(x[:, PLAIN:])], dim=1)
        return self.fc(self.features(x).mean((2, 3)))
