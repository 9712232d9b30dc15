"""`manip-mper`: the parameter of a manipulation between two compressions, as a class, by a residual network.

MPeR-Net ("manipulation parameter estimation in a re-compressed images network"); sections, figures and tables below are
those of its paper. Two convolutions and three residual blocks without pooling take the scene away, five residual blocks
with pooling learn what the manipulation left, and three dense layers name the class (III.B). One network is trained for
each manipulation; `jpegtrace_training.manipulations` makes the samples.

Table II prints one line per layer. Its parameters are those of 3x3 convolutions with biases, two in every block, a 1x1
convolution with biases around every block that pools, and no batch norm:

======================= ============= ========= =========
layer                   channels      printed   counted
======================= ============= ========= =========
lc1                     1 to 64       640       the same
lc2                     64 to 16      9232      the same
lr1, lr2, lr3 (BlockA)  16            4640 each the same
lr4 (BlockB)            16 to 16      4912      the same
lr5 (BlockB)            16 to 64      47296     the same
lr6 (BlockB)            64 to 128     2297960   229760
lr7 (BlockB)            128 to 256    918272    the same
lr8 (BlockB)            256 to 512    3671552   the same
lfc1                    512 to 128    65664     the same
lfc2                    128 to 64     8256      the same
lfc3                    64 to 10      510       650
total                                 4965374   4970154
======================= ============= ========= =========

Where the paper contradicts itself, and what stands here:

* lr6 has a digit too many. 229760, which the layout of its neighbours gives.
* lfc3 has 510 parameters, those of 50 inputs and 10 outputs, but the layer before it has 64 nodes. 650.
* The lines, with lr6 mended, add up to 4970014; the printed total is short of that by one BlockA (4640). There are
  three in III.B and in the table itself. Three.
* lr1 gives 254x254 of an input of 252x252, and lr2 252x252 again. A sum with what went around a block needs the same
  size: 252x252.
* Batch norm follows every convolution (III.B), yet no line of Table II has its parameters, and all that are counted can
  be trained, which its running averages cannot. Here its scales and offsets are trained, 6208 parameters on top of the
  table's; `affine=False` leaves them out.
* Outputs are 5, 8, 8 and 10 (III.B). The data for scaling have ten altered classes and an unaltered one (IV.A), which
  would be 11, but 300,000 pieces are "10 classes" of 30,000 (IV.B), and Table III lists eleven factors, 1.0 among them.
  Noise has five variances and six classes in IV.A, seven and eight in Table III and IV.C. The number is an argument.
* He's weights are for lr1 to lr8 and the dense layers (III.C), which leaves out lc1 and lc2. They have them, too.

Where it is silent: the range of the input (grey levels / 255); which colours (luminance); where the pooling is (before
the sum, while the 1x1 convolution takes every second sample, as in SRNet, which III.A follows) and its window (3x3, as
in SRNet; 63 becoming 32 tells that it is padded); what activates lfc1 and lfc2 (ReLU); the settings of batch norm
(PyTorch's). Of Figure 2 only the labels were at hand: besides the ReLU between two convolutions there is one more in
each block, here behind the sum. Biases of 0.2 before a batch norm change nothing, but the counts contain them.

Trained with cross-entropy plus `penalty` by Adamax, 20 epochs at 0.001 and 10 at 0.0001 (III.C, IV.B); the paper does
not tell the size of a batch.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from jpegtrace_training.networks.network import Axes, FirstConvolution, Network

SIDE = 256
BIAS = 0.2
DECAY = 0.01  # of the weights of lfc1
WIDTHS = (16, 64, 128, 256, 512)  # channels behind lr4 to lr8


class BlockA(nn.Module):
    """Two convolutions with a connection around them (Figure 2a)."""

    def __init__(self, channels: int, affine: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels, affine=affine),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels, affine=affine),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, h, w) to the same."""
        return torch.relu(maps + self.body(maps))


class BlockB(nn.Module):
    """Two convolutions and pooling, a 1x1 convolution around them (Figure 2b)."""

    def __init__(self, before: int, channels: int, affine: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, channels, 3, padding=1),
            nn.BatchNorm2d(channels, affine=affine),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels, affine=affine),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.around = nn.Sequential(nn.Conv2d(before, channels, 1, stride=2), nn.BatchNorm2d(channels, affine=affine))

    def forward(self, maps: Tensor) -> Tensor:
        """(n, before, h, w) to (n, channels, h / 2, w / 2), rounded up."""
        return torch.relu(self.around(maps) + self.body(maps))


class ManipMper(Network):
    """`manip-mper`: a score for each class of one manipulation.

    Args:
        classes: of the manipulation; 5, 8, 8 and 10 in III.B, 11 for ten factors and the unaltered one.
        affine: whether batch norm has a scale and an offset to train; Table II counts none.
    """

    outputs = ("logits",)
    dynamic: ClassVar[Axes] = {"pixels": {2: "height", 3: "width"}}

    meanings: ClassVar[dict[str, str]] = {
        "pixels": "luminance, 0..255",
        "logits": "of the classes, by ascending parameter",
    }
    paper_figures: ClassVar[dict[str, str]] = {
        "median": "97.15 %",
        "Gaussian blur": "96.94 %",
        "noise": "99.12 %",
        "scaling up": "99.56 %",
        "scaling down": "94.75 %",
    }

    def __init__(self, classes: int, *, affine: bool = True) -> None:
        super().__init__()
        self.first = nn.Sequential(FirstConvolution(1, 64, 3), nn.BatchNorm2d(64, affine=affine), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(64, 16, 3), nn.BatchNorm2d(16, affine=affine), nn.ReLU())
        self.residual = nn.Sequential(*(BlockA(16, affine) for _ in range(3)))
        self.pooled = nn.Sequential(
            *(BlockB(before, after, affine) for before, after in zip((16, *WIDTHS), WIDTHS, strict=False))
        )
        self.dense1 = nn.Linear(512, 128)
        self.dense2 = nn.Linear(128, 64)
        self.dense3 = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:  # all have one
                    nn.init.constant_(module.bias, BIAS)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits, (n, classes), of luminance in grey levels 0..255, (n, 1, h, w); 256x256 in the paper."""
        maps = self.pooled(self.residual(self.second(self.first(pixels / 255))))
        values = torch.relu(self.dense2(torch.relu(self.dense1(maps.mean((2, 3))))))
        logits: Tensor = self.dense3(values)
        return logits

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right shape and range."""
        return {"pixels": torch.rand(count, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 255}


def penalty(model: ManipMper) -> Tensor:
    """What III.C adds to the cross-entropy: 0.01 times the sum of the squared weights of lfc1."""
    return DECAY * model.dense1.weight.square().sum()
