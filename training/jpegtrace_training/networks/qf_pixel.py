"""`qf-pixel`: JPEG quality and "was it ever compressed" for every pixel, from decoded pixels.

K. Uchida, M. Tanaka, M. Okutomi, "Pixelwise JPEG compression detection and quality factor estimation based on
convolutional neural network", Electronic Imaging 2019. Seven 3x3 convolutions with dilations 1, 2, 3, 4, 3, 2, 1, ReLU
after all but the last, two output maps of the size of the input ("Network structure"): quality, 0 for 100 % and for no
compression, 1 for 0 %; and a flag, 1 for compressed. Both losses are mean squared errors ("Training"). Outputs are
clipped to [0, 1] in use, not in training ("Inference"); a picture's answers are the means of its maps, and its flag is
set where that mean exceeds 0.5.

Where the paper is silent, and what stands here: 64 filters in every layer but the last (as in the network it follows,
its reference [33]); zero padding; a bias in every layer; the input is grey levels / 255; first weights as He et al.,
with the first filters made high-pass; the two losses are added with equal weight. Training patches are compressed alone
in the paper, so that the grid begins at their corner; here they are cut from larger compressed pieces, so that it
begins anywhere, as it does in a crop.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from jpegtrace_training.networks.network import Axes, FirstConvolution, Network

DILATIONS = (1, 2, 3, 4, 3, 2, 1)
FILTERS = 64
RESIDUAL_GAIN = 10.0  # makes what high-pass filters leave as large as what others would


class QfPixel(Network):
    """`qf-pixel`: quality map and flag map of an RGB picture of any size."""

    outputs = ("maps",)
    dynamic: ClassVar[Axes] = {"pixels": {2: "height", 3: "width"}, "maps": {2: "height", 3: "width"}}

    meanings: ClassVar[dict[str, str]] = {
        "pixels": "R, G, B, 0..255",
        "maps": "(100 - QF) / 100, and the flag; clip to 0..1",
    }
    paper_figures: ClassVar[dict[str, str]] = {
        "never compressed": "1.00 called so",
        "QF 97 to 99": "0.00 called never compressed",
        "QF 100": "0.02 called never compressed",
    }

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *[FILTERS] * (len(DILATIONS) - 1), 2)
        layers = [
            (nn.Conv2d if index else FirstConvolution)(width, wider, 3, padding=d, dilation=d)
            for index, ((width, wider), d) in enumerate(zip(pairwise(widths), DILATIONS, strict=True))
        ]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(cast(Tensor, layer.bias))
        cast(FirstConvolution, layers[0]).begin_as_high_pass(RESIDUAL_GAIN)
        self.layers = nn.ModuleList(layers)

    def forward(self, pixels: Tensor) -> Tensor:
        """Both maps before clipping, (n, 2, h, w): quality as (100 - QF) / 100, flag; of grey levels (n, 3, h, w)."""
        first, *others = self.layers
        maps: Tensor = first(pixels / 255)
        for layer in others:
            maps = layer(torch.relu(maps))
        return maps

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right shape and range."""
        return {"pixels": torch.rand(count, 3, 60, 60, generator=torch.Generator().manual_seed(seed)) * 255}


def wanted_maps(quality: Tensor, compressed: Tensor, shape: torch.Size) -> Tensor:
    """The two maps of the truth, (n, 2, h, w), of qualities 0..100 (n,) and flags (n,)."""
    levels = torch.stack([torch.where(compressed, (100 - quality) / 100, 0.0), compressed.float()], 1)
    return levels[:, :, None, None].expand(shape)


def map_loss(maps: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared errors of the quality map and of the flag map."""
    squared = ((maps.float() - wanted) ** 2).mean((0, 2, 3))
    return squared[0], squared[1]


def read_picture(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Quality 0..100 (n,) and mean flag (n,) of whole pictures ("Inference"): means of the clipped maps."""
    quality, flag = maps.float().clamp(0, 1).mean((2, 3)).unbind(1)
    return 100 * (1 - quality), flag
