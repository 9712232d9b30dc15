"""DenseNet without bottlenecks and without compression (Huang, Liu, van der Maaten, Weinberger, CVPR 2017).

Every layer reads the feature maps of all layers before it in its block. Batch norm, ReLU, 3x3 convolution, dropout make
a layer; batch norm, ReLU, 1x1 convolution to as many channels, dropout, 2x2 average pooling the transition between
blocks. No convolution has a bias. Weights begin as He et al. 2015 (the DenseNet paper's choice); those of the first
convolution are made high-pass, which the DenseNet paper, on photographs of things, has no reason for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jpegtrace_training.networks.network import FirstConvolution


class DenseLayer(nn.Module):
    """Input with `growth` new feature maps behind it."""

    def __init__(self, channels: int, growth: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, growth, 3, padding=1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, channels + growth, h, w)."""
        return torch.cat([maps, self.dropout(self.conv(torch.relu(self.norm(maps))))], 1)


def transition(channels: int, dropout: float) -> nn.Sequential:
    """Halves height and width."""
    return nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.Dropout(dropout),
        nn.AvgPool2d(2),
    )


class DenseNet(nn.Module):
    """First convolution, dense blocks with transitions between them, global average, one linear layer.

    Args:
        outputs: of the linear layer.
        channels: of the input.
        first: filters of the first convolution.
        growth: new feature maps per layer.
        layers: in each block.
        blocks: dense blocks.
        dropout: share of values dropped after every convolution but the first, in training.
    """

    def __init__(
        self,
        outputs: int,
        *,
        channels: int = 3,
        first: int = 24,
        growth: int = 12,
        layers: int = 12,
        blocks: int = 3,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        begin = FirstConvolution(channels, first, 3, padding=1, bias=False)
        parts: list[nn.Module] = [begin]
        width = first
        for block in range(blocks):
            if block:
                parts.append(transition(width, dropout))
            for _ in range(layers):
                parts.append(DenseLayer(width, growth, dropout))
                width += growth
        self.features = nn.Sequential(*parts, nn.BatchNorm2d(width), nn.ReLU())
        self.classifier = nn.Linear(width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        begin.begin_as_high_pass()
        nn.init.zeros_(self.classifier.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, outputs)."""
        output: Tensor = self.classifier(self.features(pixels).mean((2, 3)))
        return output
