"""`djpeg-srnet`: was a picture compressed once or twice, from its pixels alone, by SRNet.

M. Boroumand, M. Chen, J. Fridrich, "Deep residual network for steganalysis of digital images", IEEE TIFS 2019, as used
on decoded grey pictures by D. Kim, W. Ahn, H.-K. Lee, "End-to-end anti-forensics network of single and double JPEG
detection", IEEE Access 2021 (IV.C, its reference [45]), with cross-entropy on two outputs. Twelve layers of 3x3
convolutions, each with batch norm: two plain (64 and 16 filters), five residual without pooling (16), four residual
with a 3x3 average of stride 2 beside a 1x1 convolution of stride 2 (16, 64, 128, 256), and one of two convolutions
(512) before the global average and the linear layer. Nothing is pooled in the first seven, lest noise be averaged away.

Details are those of the authors' public TensorFlow code: levels 0..255 go in as they are; every convolution has a bias,
though a batch norm follows; epsilon of the batch norms 1e-3, share of a new batch in their averages 0.1; the poolings'
windows begin at the pixel that the shortcut keeps, and what lies outside the maps does not count in the average (ports
to PyTorch centre them there, and count zeros). That is so for even sizes; there, an odd size moves the windows by one,
here it does not.

First weights, too: He et al. in the convolutions, from a normal distribution cut at two deviations, their biases 0.2;
the linear layer normal with deviation 0.01, its bias 0. The rest is the trainer's: there, L2 of 2e-4 / 2 on the weights
of the convolutions alone, Adamax, batches of 32, rate 1e-3, from step 400,000 of 500,000 on 1e-4; JPEG pictures are
decoded without rounding. Kim 2021 tells neither its optimiser nor its schedule nor whether levels were rounded.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from jpegtrace_training.networks.network import Axes, FirstConvolution, Network

FIRST = (64, 16)
UNPOOLED = 5
POOLED = (16, 64, 128, 256)
LAST = 512
SIDE = 64  # of the example; any size goes through


class ConvNorm(nn.Sequential):
    """Convolution and batch norm."""

    def __init__(self, channels: int, filters: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(
            (FirstConvolution if channels == 1 else nn.Conv2d)(channels, filters, size, stride, padding=size // 2),
            nn.BatchNorm2d(filters, eps=1e-3),
        )


class Plain(nn.Sequential):
    """Layer of type 1: convolution, batch norm, ReLU."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__(ConvNorm(channels, filters), nn.ReLU())


class Residual(nn.Module):
    """Layer of type 2: what came in, and what two convolutions add."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Plain(channels, channels), ConvNorm(channels, channels))

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, h, w) to the same."""
        added: Tensor = self.body(maps)
        return maps + added


def _extended(maps: Tensor) -> Tensor:
    # Not `pad`, whose export to ONNX warns of something that it cannot simplify.
    column = torch.zeros_like(maps[..., :1])
    maps = torch.cat([maps, column, column], 3)
    row = torch.zeros_like(maps[..., :1, :])
    return torch.cat([maps, row, row], 2)


def pool(maps: Tensor) -> Tensor:
    """3x3 averages at every other pixel, of that pixel and those to the right and below, as far as there are any."""
    inside = torch.ones_like(maps[:1, :1])
    total, share = (nn.functional.avg_pool2d(_extended(m), 3, 2) for m in (maps, inside))
    return total / share


class PooledResidual(nn.Module):
    """Layer of type 3: as type 2 at half the size."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Plain(channels, filters), ConvNorm(filters, filters))
        self.shortcut = ConvNorm(channels, filters, size=1, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, filters, h / 2, w / 2), rounded up."""
        kept: Tensor = self.shortcut(maps)
        return kept + pool(self.body(maps))


class DjpegSrnet(Network):
    """`djpeg-srnet`: once or twice, of luminance of any size."""

    outputs = ("logits",)
    dynamic: ClassVar[Axes] = {"pixels": {2: "height", 3: "width"}}

    meanings: ClassVar[dict[str, str]] = {
        "pixels": "decoded Y plane, 0..255, the grid at its corner",
        "logits": "compressed once, compressed twice",
    }

    def __init__(self) -> None:
        super().__init__()
        before = (FIRST[-1], *POOLED)
        self.first = Plain(1, FIRST[0])
        self.features = nn.Sequential(
            Plain(*FIRST),
            *(Residual(FIRST[1]) for _ in range(UNPOOLED)),
            *(PooledResidual(channels, filters) for channels, filters in zip(before, POOLED, strict=False)),
            Plain(POOLED[-1], LAST),
            ConvNorm(LAST, LAST),
        )
        self.classifier = nn.Linear(LAST, 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # 1.3 makes up, nearly, for the variance that the cut takes away.
                deviation = math.sqrt(1.3 * 2 / module.weight[0].numel())
                nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
                if module.bias is not None:
                    nn.init.constant_(module.bias, 0.2)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of single and of double compression, (n, 2), of luminance 0..255, (n, 1, h, w)."""
        logits: Tensor = self.classifier(self.features(self.first(pixels)).mean((2, 3)))
        return logits

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right shape and range."""
        generator = torch.Generator().manual_seed(seed)
        return {"pixels": torch.randint(256, (count, 1, SIDE, SIDE), generator=generator).float()}
