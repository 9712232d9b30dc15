"""`double-histogram`: compressed once or twice on one grid, from histograms of stored coefficients and the table.

Our own answer to `djpeg-hist` (Park 2018), whose 16.8 million weights read the histograms as a picture. What a first
step leaves in a histogram depends on the ratio of both steps and on nothing that differs from frequency to frequency;
so one small network, the same for all 64 of both planes, reads each histogram with its step and the number of
blocks. Magnitudes are enough: signs are as likely. Counts go in as square roots, whose noise is the same for all, once
as shares and once against their neighbours.

It says how far the evidence for each first step (`jpegtrace.lattice.histograms.evidence_of`) can be trusted, what is to
be added to it, and some numbers of its own. First steps of one compression belong to one table, and most tables are
known: the evidence is summed over the steps of each table that files have, and the odds for any of them are those for
two compressions (Bayes). A second network, which reads these and what else was said, corrects them: for tables that
nobody knows, and where the evidence is too sure.
"""

from __future__ import annotations

import math
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from jpegtrace.lattice.first_steps import BINS, STEPS
from jpegtrace.tables import usual_tables
from jpegtrace_training.histories import QUALITY
from jpegtrace_training.networks.network import Network

PLANES, FREQUENCIES = 2, 64  # luma, and both chroma planes together
WIDTH, SAID = 192, 24  # of the network of one histogram; numbers that it says
SUREST = 30.0  # evidence of one histogram, and the sum of all, go no further
TRUST, TRUST_IN_CHROMA = 3.0, -1.0  # to begin with, as log odds
AROUND = 2  # bins on each side that a count is compared with


class DoubleHistogram(Network):
    """`double-histogram`, see above."""

    outputs = ("odds",)

    meanings: ClassVar[dict[str, str]] = {
        "counts": "blocks of luma, and of Cb and Cr together, with each magnitude 0..60 of the stored value, by "
        "frequency in rows; 60 is 60 and more; all 0 where there is no chroma",
        "tables": "the last quantization tables of luma and chroma in rows; all 1 where there is no chroma",
        "evidence": "log-likelihood ratio of every first step against none, jpegtrace.lattice.histograms.evidence_of",
        "odds": "logarithm of the odds that there were two compressions",
    }

    around: Tensor
    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        tables = torch.from_numpy(usual_tables(QUALITY).astype("int64")).reshape(-1, PLANES * FREQUENCIES)
        self.register_buffer("around", _means_around(), persistent=False)
        self.register_buffer("places", _places(tables), persistent=False)
        self.shares = nn.Linear(BINS, WIDTH)
        self.contrasts = nn.Linear(BINS, WIDTH)
        self.steps = nn.Linear(5, WIDTH)
        self.frequency = nn.Parameter(torch.zeros(PLANES, FREQUENCIES, WIDTH))
        self.one = nn.Sequential(nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, SAID + 1 + STEPS))
        self.trust = nn.Parameter(torch.tensor([TRUST, TRUST_IN_CHROMA])[:, None].repeat(1, FREQUENCIES))
        self.prior = nn.Parameter(torch.full((len(tables),), -math.log(len(tables))))
        self.all = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(PLANES * (FREQUENCIES * (SAID + 1) + 1) + 1, 256),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(256, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )
        with torch.no_grad():
            last = cast("nn.Linear", self.one[-1])
            last.weight[SAID:] *= 0.1
            last.bias[SAID:] = 0

    def forward(self, counts: Tensor, tables: Tensor, evidence: Tensor) -> Tensor:
        """Log odds, (n,).

        Args:
            counts: (n, PLANES, 64, BINS).
            tables: (n, PLANES, 64).
            evidence: (n, PLANES, 64, STEPS).
        """
        return self.answers(counts, tables, evidence)[0]

    def answers(self, counts: Tensor, tables: Tensor, evidence: Tensor) -> tuple[Tensor, Tensor]:
        """Log odds, and those of every first table against one compression, (n, tables), before the correction."""
        blocks = counts.sum(3)
        there = (blocks > 0).to(counts).unsqueeze(3)
        some = blocks.clamp(min=1)
        shares = 4 * torch.sqrt(counts / some.unsqueeze(3))
        contrasts = torch.sqrt(counts) - torch.sqrt(counts @ self.around + 0.1)
        logarithm, many = torch.log(tables), torch.log(some)
        # Chroma of fewer samples went through a filter between both compressions, which blurs what the first one left.
        colours = (many[:, 1:] - many[:, :1]).expand(-1, PLANES, -1)
        steps = torch.stack([logarithm, 1 / tables, many / 3, tables / 30, colours], 3)
        said = self.one(self.shares(shares) + self.contrasts(contrasts) + self.steps(steps) + self.frequency)
        trust = torch.sigmoid(self.trust + 3 * said[..., SAID].float()).unsqueeze(3)
        bounded = SUREST * torch.tanh(evidence / SUREST)
        of_tables = self._summed((trust * bounded + said[..., SAID + 1 :].float()) * there) + self.prior
        odds = torch.logsumexp(of_tables, 1)
        told = [said[..., :SAID] * there, logarithm, many.mean(2, keepdim=True) / 5]
        correction = self.all(torch.cat([*(part.flatten(1) for part in told), _asinh(odds[:, None])], 1))
        return SUREST * torch.tanh(odds / SUREST) + correction.squeeze(1), of_tables

    def _summed(self, evidence: Tensor) -> Tensor:
        """Over the steps of each table, (n, tables)."""
        picked = evidence.flatten(1).transpose(0, 1).contiguous().index_select(0, self.places.flatten())
        return picked.reshape(*self.places.shape, -1).sum(1).transpose(0, 1)

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Histograms that fall off as those of pictures, and tables for each."""
        generator = torch.Generator().manual_seed(seed)
        shape = (count, PLANES, FREQUENCIES)
        falling = torch.exp(-torch.arange(BINS) / (1 + 8 * torch.rand(*shape, 1, generator=generator)))
        counts = torch.round(256 * falling / falling.sum(3, keepdim=True))
        counts[..., 0] += 256 - counts.sum(3)
        tables = torch.randint(1, 40, shape, generator=generator).float()
        return {"counts": counts, "tables": tables, "evidence": torch.randn(*shape, STEPS, generator=generator)}


def _means_around() -> Tensor:
    """Counts times this are means of AROUND bins on each side and the bin itself, the outermost ones repeated."""
    found = torch.zeros(BINS, BINS)
    for place in range(BINS):
        for step in range(-AROUND, AROUND + 1):
            found[min(max(place + step, 0), BINS - 1), place] += 1 / (2 * AROUND + 1)
    return found


def _places(tables: Tensor) -> Tensor:
    """Where the evidence for each step of each table stands, (tables, PLANES * FREQUENCIES), in (.., .., STEPS).

    Steps beyond STEPS read the last place, of which the network learns how little it tells for them.
    """
    return STEPS * torch.arange(tables.shape[1]) + tables.clamp(max=STEPS) - 1


def _asinh(x: Tensor) -> Tensor:
    """As `torch.asinh`, which is not exported."""
    return torch.sign(x) * torch.log(x.abs() + torch.sqrt(x * x + 1))
