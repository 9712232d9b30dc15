"""`q1-dense` and `q1-dense-reg`: the first quantization table of a 64x64 patch, by a DenseNet.

B. Tondi, A. Costanzo, D. Huang, B. Li, "Boosting CNN-based primary quantization matrix estimation of double JPEG images
via a classification-like architecture", 2021 (arXiv 2012.00468); sections and equations below are those of this paper.
`q1-dense` is the network it proposes, `q1-dense-reg` the regression of Niu, Tondi, Zhao, Barni 2019 (its reference [9])
that it compares with: the same backbone, one number per entry. Both tell the first 15 entries in zigzag order (4.3),
and a network is trained for one quality of the last compression (4.2).

Where the paper contradicts itself, and what stands here:

* Number of outputs: the product of all q_max in 4.1, their sum in 3.1. The sum, 226.
* Eqs. 1 and 5 have no minus sign before the cross-entropy, and would be minimised by the worst network. It is added.
* Eq. 1 divides by the number of entries, the sentence below it speaks of a sum. As in the equation, the mean. The
  distances in Eq. 5 are a sum over the entries, not divided by their number; as in the equation, too.
* 4.1 gives every convolution as 3x3x12 and every block a transition. As in DenseNet, which it refers to: 12 are the
  filters of a layer, the convolution of a transition is 1x1 and keeps all channels, and the last block is followed by
  the global average. Layers are then 1 + 36 + 2 + 1 = 40, as stated.

Where it is silent: the range of the input (grey levels / 255, as in the authors' code), first weights and batch norm
(DenseNet's, PyTorch's), weight decay (DenseNet's 1e-4), entries above q_max (its training has none; here their label is
q_max), and how many parameters there are.

The authors' public code is another network in places; those variants are `q1-dense-code` and `q1-dense-reg-code`:
luminance instead of R, G, B; no dropout instead of 0.2; squared instead of absolute distances, and both terms summed
over the entries (`refined_loss_of_code`); log-cosh instead of squared error in the regression (`log_cosh`).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from jpegtrace.networks import published
from jpegtrace_training.networks.densenet import DenseNet
from jpegtrace_training.networks.network import Network

SIDE = 64
ENTRIES = published.ENTRIES
LARGEST = published.LARGEST  # q_max of each entry (3.1): its value at the lowest quality, 50
LOGITS = sum(LARGEST)
WEIGHT = 0.8  # c of Eq. 5 (4.3)


def _example(channels: int, count: int, seed: int) -> dict[str, Tensor]:
    pixels = torch.rand(count, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    return {"pixels": pixels * 255}


class Q1Dense(Network):
    """`q1-dense`: a distribution over 1..q_max for each entry.

    Args:
        channels: 3 for R, G, B (4.2), 1 for luminance (the authors' code).
        dropout: 0.2 (4.1), or 0 (the authors' code).
    """

    outputs = ("log_probability",)

    meanings: ClassVar[dict[str, str]] = {
        "pixels": "R, G, B, or luminance, of the decoded patch, 0..255",
        "log_probability": "of every step from 1 to q_max, for each of 15 entries, one behind the other",
    }
    paper_figures: ClassVar[dict[str, str]] = {
        "QF2 90, mixed grids, AvgAcc / AvgMSE": ".689 / .731",
        "QF2 80, mixed grids, AvgAcc / AvgMSE": ".440 / 1.866",
    }

    def __init__(self, *, channels: int = 3, dropout: float = 0.2) -> None:
        super().__init__()
        self.channels = channels
        self.backbone = DenseNet(LOGITS, channels=channels, dropout=dropout)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logarithm of the output f(x) of Eq. 2, (n, 226), of grey levels 0..255, (n, channels, 64, 64).

        The logarithm because both losses and the maximum are safest on it; its `exp` is the paper's f.
        """
        return block_log_softmax(self.backbone(pixels / 255))

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right shape and range."""
        return _example(self.channels, count, seed)


class Q1DenseRegression(Network):
    """`q1-dense-reg`: one number per entry; arguments as for `Q1Dense`."""

    outputs = ("entries",)

    meanings: ClassVar[dict[str, str]] = {
        "pixels": "R, G, B, or luminance, of the decoded patch, 0..255",
        "entries": "of the first table, in zigzag order, to be rounded",
    }
    paper_figures: ClassVar[dict[str, str]] = {
        "QF2 90, mixed grids, AvgAcc / AvgMSE": ".547 / .882",
        "QF2 80, mixed grids, AvgAcc / AvgMSE": ".375 / 1.946",
    }

    def __init__(self, *, channels: int = 3, dropout: float = 0.2) -> None:
        super().__init__()
        self.channels = channels
        self.backbone = DenseNet(ENTRIES, channels=channels, dropout=dropout)

    def forward(self, pixels: Tensor) -> Tensor:
        """Entries before rounding, (n, 15), of grey levels 0..255, (n, channels, 64, 64)."""
        entries: Tensor = self.backbone(pixels / 255)
        return entries

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right shape and range."""
        return _example(self.channels, count, seed)


def block_log_softmax(logits: Tensor) -> Tensor:
    """Log-softmax of each entry's block by itself (3.1, Figure 1); (n, 226)."""
    return torch.cat([torch.log_softmax(block, 1) for block in torch.split(logits, list(LARGEST), 1)], 1)


def _steps(log_f: Tensor) -> tuple[Tensor, Tensor]:
    """The step that each output stands for (226,), and q_max of each entry (15,)."""
    largest = torch.tensor(LARGEST, device=log_f.device)
    return torch.cat([torch.arange(1, n + 1, device=log_f.device) for n in LARGEST]), largest


def one_hot(log_f: Tensor, first: Tensor) -> Tensor:
    """The labels y of Eq. 2, (n, 226): a single 1 per entry, of first tables (n, 15); beyond q_max at q_max."""
    return (distances(log_f, first) == 0).to(log_f.dtype)


def distances(log_f: Tensor, first: Tensor) -> Tensor:
    """The vector d_y of Eq. 4, (n, 226): how far each output's step is from the true one, (n, 15)."""
    steps, largest = _steps(log_f)
    true = torch.minimum(first, largest).repeat_interleave(largest, 1, output_size=LOGITS)
    return (steps - true).abs().to(log_f.dtype)


def cross_entropy(log_f: Tensor, first: Tensor) -> Tensor:
    """The loss L of Eq. 1, with the minus sign, of log f (n, 226) and first tables (n, 15); mean over the batch."""
    return -(one_hot(log_f, first) * log_f).sum(1).mean() / ENTRIES


def refined_loss(log_f: Tensor, first: Tensor, weight: float = WEIGHT) -> Tensor:
    """The loss L_r of Eq. 5: c L + (1 - c) f'd_y; mean over the batch."""
    distance = (log_f.exp() * distances(log_f, first)).sum(1).mean()
    return weight * cross_entropy(log_f, first) + (1 - weight) * distance


def refined_loss_of_code(log_f: Tensor, first: Tensor, weight: float = WEIGHT) -> Tensor:
    """What the authors' code minimises: both terms are sums over the entries, and distances are squared."""
    squared = (log_f.exp() * distances(log_f, first) ** 2).sum(1).mean()
    return weight * ENTRIES * cross_entropy(log_f, first) + (1 - weight) * squared


def read(log_f: Tensor) -> Tensor:
    """Eq. 3: the likeliest step of each entry, int64 (n, 15)."""
    return torch.stack([block.argmax(1) + 1 for block in torch.split(log_f, list(LARGEST), 1)], 1)


def squared_error(entries: Tensor, first: Tensor) -> Tensor:
    """What the regression minimises according to section 1; mean over entries and batch."""
    return ((entries - first) ** 2).mean()


def log_cosh(entries: Tensor, first: Tensor) -> Tensor:
    """What the regression minimises in the authors' code: mean of log cosh of the error."""
    error = (entries - first).abs()
    return (error + torch.nn.functional.softplus(-2 * error) - math.log(2)).mean()


def read_rounded(entries: Tensor) -> Tensor:
    """The regression's answer (section 3): each entry rounded by itself, int64 (n, 15)."""
    return entries.round().to(torch.int64)
