"""The networks of the study by name: those of the paper, and a small one for a core and a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from jpegtrace_training.names import find_named
from jpegtrace_training.study.networks.efficientnet import EfficientNet
from jpegtrace_training.study.networks.resnet import ResNet50
from jpegtrace_training.study.networks.small import Small
from jpegtrace_training.study.networks.xception import Xception

Triple = tuple[float, float, float]
IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
FAINT: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (0.125, 0.125, 0.125))  # a trace of a grey level stays visible


@dataclass(frozen=True)
class Architecture:
    """One network.

    Attributes:
        id: its name on the command line.
        title: its name in print.
        make: number of classes to a network.
        parameters: with 1000 classes.
        statistics: mean and deviation that pixels of 0..1 are normalised with, those of the public weights.
        head: name of its last layer, which depends on the classes.
        weights: whose state dict fits.
    """

    id: str
    title: str
    make: Callable[[int], nn.Module]
    parameters: int
    statistics: tuple[Triple, Triple] = IMAGENET
    head: str = "fc"
    weights: str = ""


ARCHITECTURES = {
    one.id: one
    for one in (
        Architecture("small", "small network", Small, 151_626, FAINT),
        Architecture(
            "efficientnet-b0",
            "EfficientNet-B0",
            partial(EfficientNet, width=1.0, depth=1.0, dropout=0.2),
            5_288_548,
            head="classifier.1",
            weights="efficientnet_b0 of torchvision",
        ),
        Architecture(
            "efficientnet-b4",
            "EfficientNet-B4",
            partial(EfficientNet, width=1.4, depth=1.8, dropout=0.4),
            19_341_616,
            head="classifier.1",
            weights="efficientnet_b4 of torchvision",
        ),
        Architecture("resnet50", "ResNet-50", ResNet50, 25_557_032, weights="resnet50 of torchvision"),
        Architecture("xception", "Xception", Xception, 22_855_952, HALVES, weights="xception of pretrainedmodels"),
    )
}


def find(name: str) -> Architecture:
    """The network of this name.

    Raises:
        UsageError: there is none.
    """
    return find_named("network", name, ARCHITECTURES)


class Detector(nn.Module):
    """A network with its normalisation: from pixels as they are stored to scores.

    Args:
        architecture: which network.
        classes: how many there are.
    """

    def __init__(self, architecture: Architecture, classes: int) -> None:
        super().__init__()
        self.network = architecture.make(classes)
        mean, deviation = architecture.statistics
        self.register_buffer("shift", 255 * torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", 255 * torch.tensor(deviation).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores (n, classes) of uint8 pixels (n, 3, side, side)."""
        return self.network((pixels.float() - self.shift) / self.scale)
