"""Xception: F. Chollet, "Xception: deep learning with depthwise separable convolutions", 2017, figure 5.

Layers are named as in the public port of the author's weights (`pretrainedmodels`, its last layer `fc` or
`last_linear`), so that state dict fits.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

ENTRY = (128, 256, 728)
MIDDLE = 8
EXIT = (1024, 1536, 2048)


class Separable(nn.Module):
    """A 3x3 convolution of each channel, then a 1x1 convolution of all."""

    def __init__(self, channels: int, to: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, to, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Both convolutions."""
        return self.pointwise(self.conv1(x))


class Block(nn.Module):
    """Separable convolutions beside a shortcut.

    Args:
        channels: of the input.
        widths: of each convolution.
        stride: 2 ends in a max pool.
        begins_active: whether the first convolution is preceded by a ReLU.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], stride: int = 1, *, begins_active: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for index, width in enumerate(widths):
            if index or begins_active:
                layers.append(nn.ReLU(inplace=bool(index)))  # the first one's input goes to the shortcut, too
            layers += [Separable(before, width), nn.BatchNorm2d(width)]
            before = width
        if stride != 1:
            layers.append(nn.MaxPool2d(3, stride, 1))
        self.rep = nn.Sequential(*layers)
        self.skip: nn.Module = nn.Identity()
        self.skipbn: nn.Module = nn.Identity()
        if stride != 1 or before != channels:
            self.skip = nn.Conv2d(channels, before, 1, stride, bias=False)
            self.skipbn = nn.BatchNorm2d(before)

    def forward(self, x: Tensor) -> Tensor:
        """The block."""
        return self.rep(x) + self.skipbn(self.skip(x))


class Xception(nn.Module):
    """The network.

    Args:
        classes: how many there are.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        wide = ENTRY[-1]
        blocks = [Block(before, (to, to), 2, begins_active=before != 64) for before, to in pairwise((64, *ENTRY))]
        blocks += [Block(wide, (wide,) * 3) for _ in range(MIDDLE)]
        blocks.append(Block(wide, (wide, EXIT[0]), 2))
        self.blocks = [f"block{index}" for index in range(1, len(blocks) + 1)]
        for name, block in zip(self.blocks, blocks, strict=True):
            self.add_module(name, block)
        self.conv3 = Separable(EXIT[0], EXIT[1])
        self.bn3 = nn.BatchNorm2d(EXIT[1])
        self.conv4 = Separable(EXIT[1], EXIT[2])
        self.bn4 = nn.BatchNorm2d(EXIT[2])
        self.fc = nn.Linear(EXIT[2], classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores (n, classes) of normalised pixels (n, 3, side, side)."""
        x = self.relu(self.bn1(self.conv1(pixels)))
        x = self.relu(self.bn2(self.conv2(x)))
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        x = self.relu(self.bn3(self.conv3(x)))
        x = self.relu(self.bn4(self.conv4(x)))
        return self.fc(x.mean((2, 3)))
