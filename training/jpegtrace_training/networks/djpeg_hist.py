"""`djpeg-hist`: was a picture compressed once or twice, from the histograms of its DCT values and its table.

J. Park, D. Cho, W. Ahn, H.-K. Lee, "Double JPEG detection in mixed JPEG quality factors using deep convolutional neural
network", ECCV 2018. 8x8 DCT of the decoded luminance, not divided by the steps of the table; for each of 64 frequencies
the share of blocks above each bound, S_b = mean of sigmoid(1e6 (x - b)), b = -60..60 (also Eqs. 6 and 7 of Kim, Ahn,
Lee, "End-to-end anti-forensics network of single and double JPEG detection", IEEE Access 2021); S_b - S_b+1 makes 120
bins. Four 5x5 convolutions, three 2x2 poolings, three fully connected layers, each of which reads the table as well.

Sizes are those of the authors' public code, of which there are two: TensorFlow, 2018, and PyTorch, 2021, for which they
report 93.28 % accuracy, 90.59 % of doubles and 95.97 % of singles found. `djpeg-hist` is the PyTorch one.
`djpeg-hist-2018` is the TensorFlow one: no bias in the convolutions, epsilon of the batch norms 1e-3, weights from a
normal distribution of deviation 0.1 cut at two deviations, biases 0.1. PyTorch's is trained with cross-entropy, Adam as
it comes, batches of 32, 10 epochs.

Where the sources contradict each other, and what stands here:

* Which output is which: the labels of the training code are 0 for single and 1 for double, but the examples of use in
  both repositories draw output 0 as the map of double compression. As in training: 0 single, 1 double.
* Luminance: both take R, G, B from the decoder and convert back, to whole levels in 2021, without rounding in 2018.
  Here it is what the caller gives, best the decoder's own Y.

Where they are silent, and what stands here:

* Other sizes than 256x256, as the 248x248 of Kim 2021: the constant 1024 is the number of blocks. What does not fill a
  block at the right or at the bottom is left out.
* Values on a bound, which are common, because the bounds are whole numbers as the lattice is: closer than 1e-6, where
  the sigmoid is between 0.27 and 0.73 and decided by the rounding of the DCT, a value counts half, as sigmoid(0) does.
  Elsewhere it counts as a whole, which is what the sigmoid rounds to from 2e-5 on. No gradient passes to the pixels.
* The table goes in as it is, steps 1..255, in rows and not in zigzag order: the authors read it with Pillow, whose
  conversion of the time undoes the zigzag. The order of the frequencies is the same.

Levels are 0..255, not shifted by 128 (the authors insist on the range), so that the DC of any block but a nearly black
one is beyond the last bound and the first column nearly empty. DC values as stored in a file lack that 1024.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegtrace_training.networks.network import Axes, Network

LARGEST = 60  # bounds are -60..60
BINS = 2 * LARGEST
FREQUENCIES = 64
TIE = 1e-6
HIDDEN = 500
SIDE = 64  # of the example; any size goes through

# A value is told by the number of half-steps below it: 2 v on the whole number v, 2 v + 1 between v and v + 1. Beyond
# the bounds on either side all are one.
_HALF_STEPS = 2 * LARGEST + 1
_CODES = 2 * _HALF_STEPS + 1
# Sums of 64 products of a centred level with a multiple of this are exact in float32, and none of the basis needs more
# bits than the TF32 of a GPU has.
_GRID = 2.0**-13


def _basis() -> NDArray[np.float64]:
    """The orthonormal 8x8 DCT: (64 frequencies in rows, 64 pixels in rows)."""
    frequency, place = np.mgrid[:8, :8]
    one = np.cos(np.pi * (2 * place + 1) * frequency / 16) / 2
    one[0] /= np.sqrt(2)
    return np.kron(one, one)


def coefficients_of(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """DCT values, (n, blocks, 64), of luminance 0..255, (n, h, w), with the grid at its corner."""
    count, rows, columns = pixels.shape[0], pixels.shape[1] // 8, pixels.shape[2] // 8
    blocks = pixels[:, : 8 * rows, : 8 * columns].reshape(count, rows, 8, columns, 8).swapaxes(2, 3)
    values: NDArray[np.float64] = blocks.reshape(count, rows * columns, 64).astype(np.float64) @ _basis().T
    return values


def histogram_of(coefficients: NDArray[Any]) -> NDArray[np.float32]:
    """The 120 bins of each frequency as shares of the blocks, as `histogram` finds them.

    Args:
        coefficients: DCT values, (n, blocks, 64), frequencies in rows. Whole numbers, as dequantised from a file, all
            lie on a bound; add 1024 to their DC. Decoding rounds and clips, so that the histograms of decoded pixels
            are others: train on the kind that will be asked about.

    Returns:
        (n, 120, 64).
    """
    count, blocks, _ = coefficients.shape
    if np.issubdtype(coefficients.dtype, np.integer):
        codes = 2 * coefficients.astype(np.int64)
    else:
        nearest = np.rint(coefficients)
        off = coefficients - nearest
        codes = (2 * nearest + np.where(np.abs(off) <= TIE, 0, np.sign(off))).astype(np.int64)
    codes = codes.clip(-_HALF_STEPS, _HALF_STEPS) + _HALF_STEPS
    cells = np.arange(count)[:, None, None] * FREQUENCIES + np.arange(FREQUENCIES)
    counts = np.bincount((cells * _CODES + codes).ravel(), minlength=count * FREQUENCIES * _CODES)
    counts = counts.reshape(count, FREQUENCIES, _CODES)
    bins = counts[..., 2:-1:2] + (counts[..., 1:-2:2] + counts[..., 3::2]) / 2
    shares: NDArray[np.float32] = (bins / blocks).swapaxes(1, 2).astype(np.float32)
    return shares


class Histogram(nn.Module):
    """The 120 bins of each frequency as shares of the blocks, (n, 120, 64), of luminance (n, 1, h, w).

    The basis is split into multiples of a power of two, whose sums are exact in whatever order they are taken, and
    small remainders. Values err by 1e-7 then instead of 4e-4: where whole numbers are common and decide, the same
    pixels would otherwise have other histograms on another device, or in the exported file.
    """

    filters: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        basis = _basis()
        exact = np.round(basis / _GRID) * _GRID
        filters = torch.from_numpy(np.concatenate([exact, basis - exact])).float().view(-1, 1, 8, 8)
        shift = torch.zeros(2 * FREQUENCIES)
        shift[0] = 8 * 128
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """Of levels 0..255, with the grid at the corner."""
        with torch.autocast(pixels.device.type, enabled=False):
            # Levels are centred, and DC is shifted back: the sums are exact for so many bits only.
            values = nn.functional.conv2d(pixels.float() - 128, self.filters, self.shift, stride=8).flatten(2)
            exact, rest = torch.split(values, FREQUENCIES, 1)
            nearest = torch.round(exact + rest)
            off = nn.functional.hardshrink((exact - nearest) + rest, TIE)
            codes = (2 * nearest + off.sign()).clamp(-_HALF_STEPS, _HALF_STEPS) + _HALF_STEPS
            counts = codes.new_zeros(pixels.shape[0], FREQUENCIES, _CODES)
            counts = counts.scatter_add(2, codes.long(), torch.ones_like(codes))
            bins = counts[..., 2:-1:2] + (counts[..., 1:-2:2] + counts[..., 3::2]) / 2
            return (bins / counts.sum(2, keepdim=True)).transpose(1, 2)


class DjpegHist(Network):
    """`djpeg-hist`: once or twice, of luminance with the grid at its corner and the table of the last compression.

    Args:
        first_release: the TensorFlow network of 2018 instead of the PyTorch network of 2021.
    """

    outputs = ("logits",)
    dynamic: ClassVar[Axes] = {"pixels": {2: "height", 3: "width"}}

    meanings: ClassVar[dict[str, str]] = {
        "pixels": "decoded Y plane, 0..255, the grid at its corner",
        "table": "the last quantization table in rows",
        "logits": "compressed once, compressed twice",
    }
    paper_figures: ClassVar[dict[str, str]] = {
        "accuracy": "93.28 %",
        "doubles found": "90.59 %",
        "singles found": "95.97 %",
    }

    def __init__(self, *, first_release: bool = False) -> None:
        super().__init__()
        self.histogram = Histogram()
        layers: list[nn.Module] = []
        width = 1
        for filters, pooled in ((64, False), (64, True), (128, True), (256, True)):
            layers += [
                nn.Conv2d(width, filters, 5, padding=2, bias=not first_release),
                nn.BatchNorm2d(filters, eps=1e-3 if first_release else 1e-5),
                nn.ReLU(),
            ]
            if pooled:
                layers.append(nn.MaxPool2d(2))
            width = filters
        self.features = nn.Sequential(*layers)
        maps = width * (BINS // 8) * (FREQUENCIES // 8)
        self.classifier = nn.ModuleList(
            nn.Linear(FREQUENCIES + inputs, outputs)
            for inputs, outputs in ((maps, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 2))
        )
        if first_release:
            for module in self.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=0.1, a=-0.2, b=0.2)
                    if module.bias is not None:
                        nn.init.constant_(module.bias, 0.1)

    def forward(self, pixels: Tensor, table: Tensor) -> Tensor:
        """Logits of single and of double compression, (n, 2).

        Args:
            pixels: luminance 0..255, (n, 1, h, w), with the grid at the corner.
            table: steps of the last compression, (n, 64), in rows.
        """
        return self.forward_histogram(self.histogram(pixels), table)

    def forward_histogram(self, histogram: Tensor, table: Tensor) -> Tensor:
        """The same of histograms, (n, 120, 64), as `histogram_of` or `Histogram` gives them."""
        values: Tensor = self.features(histogram.unsqueeze(1)).flatten(1)
        first, second, last = self.classifier
        values = torch.relu(first(torch.cat([table, values], 1)))
        values = torch.relu(second(torch.cat([table, values], 1)))
        logits: Tensor = last(torch.cat([table, values], 1))
        return logits

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise and steps of the right shape and range."""
        generator = torch.Generator().manual_seed(seed)
        return {
            "pixels": torch.randint(256, (count, 1, SIDE, SIDE), generator=generator).float(),
            "table": torch.randint(1, 100, (count, FREQUENCIES), generator=generator).float(),
        }
