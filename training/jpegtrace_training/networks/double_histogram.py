"""`double-histogram`: compressed once or twice on one grid, from histograms of stored coefficients and the table.

Our own answer to `djpeg-hist` (Park 2018), whose 16.8 million weights read the histograms as a picture. What a first
step leaves in a histogram depends on the ratio of both steps and on nothing that differs from frequency to frequency;
so one small network, the same for all 64 of both planes, reads each histogram with its step and the number of
blocks, and a second one reads what they all say. Magnitudes are enough: signs are as likely. Counts go in as square
roots, whose noise is the same for all, once as shares and once against their neighbours.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from jpegtrace.lattice.histograms import BINS
from jpegtrace_training.networks.network import Network

PLANES, FREQUENCIES = 2, 64  # luma, and both chroma planes together
WIDTH, SAID = 128, 24  # of the network of one histogram; numbers that it says
AROUND = 2  # bins on each side that a count is compared with


class DoubleHistogram(Network):
    """`double-histogram`, see above."""

    outputs = ("odds",)

    meanings: ClassVar[dict[str, str]] = {
        "counts": "blocks of luma, and of Cb and Cr together, with each magnitude 0..60 of the stored value, by "
        "frequency in rows; 60 is 60 and more; all 0 where there is no chroma",
        "tables": "the last quantization tables of luma and chroma in rows; all 1 where there is no chroma",
        "odds": "logarithm of the odds that there were two compressions",
    }

    around: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("around", _means_around(), persistent=False)
        self.shares = nn.Linear(BINS, WIDTH)
        self.contrasts = nn.Linear(BINS, WIDTH)
        self.steps = nn.Linear(5, WIDTH)
        self.frequency = nn.Parameter(torch.zeros(PLANES, FREQUENCIES, WIDTH))
        self.one = nn.Sequential(nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, SAID))
        self.all = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(PLANES * (FREQUENCIES * (SAID + 1) + 1), 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, counts: Tensor, tables: Tensor) -> Tensor:
        """Log odds, (n,).

        Args:
            counts: (n, PLANES, 64, BINS).
            tables: (n, PLANES, 64).
        """
        blocks = counts.sum(3)
        there = (blocks > 0).to(counts)
        some = blocks.clamp(min=1)
        shares = 4 * torch.sqrt(counts / some.unsqueeze(3))
        contrasts = torch.sqrt(counts) - torch.sqrt(counts @ self.around + 0.1)
        logarithm, many = torch.log(tables), torch.log(some)
        # Chroma of fewer samples went through a filter between both compressions, which blurs what the first one left.
        colours = (many[:, 1:] - many[:, :1]).expand(-1, PLANES, -1)
        steps = torch.stack([logarithm, 1 / tables, many / 3, tables / 30, colours], 3)
        said = self.one(self.shares(shares) + self.contrasts(contrasts) + self.steps(steps) + self.frequency)
        told = [said * there.unsqueeze(3), logarithm, many.mean(2, keepdim=True) / 5]
        odds: Tensor = self.all(torch.cat([part.flatten(1) for part in told], 1)).squeeze(1)
        return odds

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Histograms that fall off as those of pictures, and tables for each."""
        generator = torch.Generator().manual_seed(seed)
        shape = (count, PLANES, FREQUENCIES)
        falling = torch.exp(-torch.arange(BINS) / (1 + 8 * torch.rand(*shape, 1, generator=generator)))
        counts = torch.round(256 * falling / falling.sum(3, keepdim=True))
        counts[..., 0] += 256 - counts.sum(3)
        return {"counts": counts, "tables": torch.randint(1, 40, shape, generator=generator).float()}


def _means_around() -> Tensor:
    """Counts times this are means of AROUND bins on each side and the bin itself, the outermost ones repeated."""
    found = torch.zeros(BINS, BINS)
    for place in range(BINS):
        for step in range(-AROUND, AROUND + 1):
            found[min(max(place + step, 0), BINS - 1), place] += 1 / (2 * AROUND + 1)
    return found
