"""`double-histogram`: compressed once or twice on one grid, from histograms of stored coefficients and the table.

Our own answer to `djpeg-hist` (Park 2018), whose 16.8 million weights read the histograms as a picture. What a first
step leaves in a histogram depends on the ratio of both steps and on nothing that differs from frequency to frequency;
so one small network, the same for all 64, reads each histogram with its step and the number of blocks, and a second one
reads what the 64 say. Magnitudes are enough: signs are as likely. Counts go in as square roots, whose noise is the same
for all, once as shares and once against their neighbours.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from jpegtrace.lattice.histograms import BINS
from jpegtrace_training.networks.network import Network

FREQUENCIES = 64
WIDTH, SAID = 128, 24  # of the network of one histogram; numbers that it says
AROUND = 2  # bins on each side that a count is compared with


class DoubleHistogram(Network):
    """`double-histogram`, see above."""

    outputs = ("odds",)

    meanings: ClassVar[dict[str, str]] = {
        "counts": "blocks with each magnitude 0..60 of the stored value, by frequency in rows; 60 is 60 and more",
        "table": "the last quantization table in rows",
        "odds": "logarithm of the odds that there were two compressions",
    }

    around: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("around", _means_around(), persistent=False)
        self.shares = nn.Linear(BINS, WIDTH)
        self.contrasts = nn.Linear(BINS, WIDTH)
        self.steps = nn.Linear(4, WIDTH)
        self.frequency = nn.Parameter(torch.zeros(FREQUENCIES, WIDTH))
        self.one = nn.Sequential(nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, SAID))
        self.all = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(FREQUENCIES * (SAID + 1) + 1, 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, counts: Tensor, table: Tensor) -> Tensor:
        """Log odds, (n,).

        Args:
            counts: (n, 64, BINS).
            table: (n, 64).
        """
        blocks = counts.sum(2)
        shares = 4 * torch.sqrt(counts / blocks.unsqueeze(2))
        contrasts = torch.sqrt(counts) - torch.sqrt(counts @ self.around + 0.1)
        logarithm = torch.log(table)
        steps = torch.stack([logarithm, 1 / table, torch.log(blocks) / 3, table / 30], 2)
        said = self.one(self.shares(shares) + self.contrasts(contrasts) + self.steps(steps) + self.frequency)
        whole = torch.cat([said.flatten(1), logarithm, torch.log(blocks.mean(1, keepdim=True)) / 5], 1)
        odds: Tensor = self.all(whole).squeeze(1)
        return odds

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Histograms that fall off as those of pictures, and a table for each."""
        generator = torch.Generator().manual_seed(seed)
        falling = torch.exp(-torch.arange(BINS) / (1 + 8 * torch.rand(count, FREQUENCIES, 1, generator=generator)))
        counts = torch.round(256 * falling / falling.sum(2, keepdim=True))
        counts[..., 0] += 256 - counts.sum(2)
        return {"counts": counts, "table": torch.randint(1, 40, (count, FREQUENCIES), generator=generator).float()}


def _means_around() -> Tensor:
    """Counts times this are means of AROUND bins on each side and the bin itself, the outermost ones repeated."""
    found = torch.zeros(BINS, BINS)
    for place in range(BINS):
        for step in range(-AROUND, AROUND + 1):
            found[min(max(place + step, 0), BINS - 1), place] += 1 / (2 * AROUND + 1)
    return found
