"""A small autoencoder whose decoder up-samples, for its trace.

Networks that make pictures enlarge a small map step by step, and each step leaves a pattern that repeats with its
stride (A. Odena, V. Dumoulin, C. Olah, "Deconvolution and checkerboard artifacts", 2016; F. Marra et al., "Do GANs
leave artificial fingerprints?", 2019). This one reduces by 4 and enlarges twice by transposed convolutions, so its
pattern repeats every 4 pixels. It has room for all the detail, so that a picture that went through it looks the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Pixels = NDArray[np.uint8]
FACTOR = 4  # the pattern's period
WIDTH, CODE = 32, 48
SIDE, BATCH, RATE = 64, 16, 2e-3
STREAM = 104  # of the seeds


class Autoencoder(nn.Module):
    """To a code of a sixteenth of the pixels, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(WIDTH, CODE, 4, 2, 1)
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(CODE, WIDTH, 3, 2, 1, output_padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.ConvTranspose2d(WIDTH, 3, 3, 2, 1, output_padding=1),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, height, width) of -1..1, sides multiples of 4, to as many."""
        return self.decoder(self.encoder(pixels))


@dataclass(frozen=True)
class Generator:
    """A trained autoencoder.

    Attributes:
        model: the network.
        steps: that it was trained.
        loss: mean absolute difference at the end, grey levels.
    """

    model: Autoencoder
    steps: int
    loss: float

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> Pixels:
        """A picture that went through it; sides are cut to multiples of 4."""
        height, width = (n - n % FACTOR for n in pixels.shape[:2])
        cut = np.ascontiguousarray(pixels[:height, :width])
        made = self.model.eval()(_as_input(cut[None]))[0]
        return np.clip(np.rint((made.permute(1, 2, 0).numpy() + 1) * 127.5), 0, 255).astype(np.uint8)


def train_generator(pictures: Sequence[Pixels], *, steps: int, seed: int = 0) -> Generator:
    """Train one on pictures that no detector will see.

    Args:
        pictures: uint8 RGB, sides at least 64.
        steps: how many.
        seed: of weights and patches.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([STREAM, seed])
    model = Autoencoder().train()
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    recent: list[float] = []
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        pixels = _as_input(np.stack([_patch(pictures[int(rng.integers(len(pictures)))], rng) for _ in range(BATCH)]))
        loss = nn.functional.l1_loss(model(pixels), pixels)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        recent = [*recent[-49:], float(loss.detach())]
    return Generator(model, steps, 127.5 * float(np.mean(recent)))


def _patch(picture: Pixels, rng: np.random.Generator) -> Pixels:
    top, left = (int(rng.integers(n - SIDE + 1)) for n in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE]


def _as_input(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
