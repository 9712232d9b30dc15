"""EfficientNet-B0 and -B4: M. Tan, Q. V. Le, "EfficientNet: rethinking model scaling", 2019, tables 1 and 2.

Layers are named as in torchvision, so a state dict of its `efficientnet_b0` or `efficientnet_b4` fits. Stochastic depth
as in the authors' code: a block is skipped with a probability that rises with its depth up to 0.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# Expansion, kernel, stride, channels, blocks of B0.
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
STEM = 32
SKIPPED = 0.2  # largest probability that a block is skipped
SQUEEZE = 4


class EfficientNet(nn.Module):
    """A network of the family.

    Args:
        classes: how many there are.
        width: factor of the channels.
        depth: factor of the blocks.
        dropout: before the last layer.
    """

    def __init__(self, classes: int, width: float, depth: float, dropout: float) -> None:
        super().__init__()
        channels = _rounded(STEM * width)
        layers: list[nn.Module] = [_convolution(3, channels, 3, 2)]
        total = sum(math.ceil(depth * stage[-1]) for stage in STAGES)
        done = 0
        for expansion, kernel, stride, wanted, blocks in STAGES:
            stage = []
            for block in range(math.ceil(depth * blocks)):
                to = _rounded(wanted * width)
                skipped = SKIPPED * done / total
                stage.append(MBConv(channels, to, expansion, kernel, stride if block == 0 else 1, skipped))
                channels, done = to, done + 1
            layers.append(nn.Sequential(*stage))
        layers.append(_convolution(channels, 4 * channels, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores (n, classes) of normalised pixels (n, 3, side, side)."""
        return self.classifier(self.features(pixels).mean((2, 3)))


class MBConv(nn.Module):
    """Mobile inverted bottleneck with squeeze and excitation."""

    def __init__(self, channels: int, to: int, expansion: int, kernel: int, stride: int, skipped: float) -> None:
        super().__init__()
        wide = channels * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_convolution(channels, wide, 1)]
        layers += [
            _convolution(wide, wide, kernel, stride, groups=wide),
            SqueezeExcitation(wide, max(1, channels // SQUEEZE)),
            _convolution(wide, to, 1, active=False),
        ]
        self.block = nn.Sequential(*layers)
        self.shortcut = stride == 1 and channels == to
        self.skipped = skipped

    def forward(self, x: Tensor) -> Tensor:
        """The block; while training, samples skip it at random."""
        y = self.block(x)
        if not self.shortcut:
            return y
        if self.training and self.skipped:
            kept = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.skipped
            y = y * kept / (1 - self.skipped)
        return x + y


class SqueezeExcitation(nn.Module):
    """Weighs channels by what the whole picture says."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weighted channels."""
        weights = nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(weights))


def _convolution(
    channels: int, to: int, kernel: int, stride: int = 1, *, groups: int = 1, active: bool = True
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(channels, to, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(to),
    ]
    return nn.Sequential(*layers, *([nn.SiLU(inplace=True)] if active else []))


def _rounded(channels: float, step: int = 8) -> int:
    """To the nearest multiple of 8 that is not more than a tenth below."""
    nearest = max(step, int(channels + step / 2) // step * step)
    return nearest + step if nearest < 0.9 * channels else nearest
