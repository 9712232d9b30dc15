"""The combiner: from evidence to a score for every (grid origin, table), and one for "not compressed before".

Physics is done already; what is left to learn is how far to believe it: over-confidence of correlated blocks, high
first qualities whose steps drown in noise, harmonics, and which origins look cheap by themselves. Weights are shared
over origins and tables, so any origin and any table can be asked about.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jpegtrace.lattice.candidates import FREE, STANDARD
from jpegtrace.lattice.hypotheses import FREQUENCIES

GLOBALS = 10
# Rough centres and widths of the window's features, so that training starts well.
CENTRES = (1.5, 2.0, 3.0, 0.3, 0.6, 0.85, 1.5, 0.8, 0.2, 0.0)
WIDTHS = (1.0, 1.0, 1.0, 0.3, 0.3, 0.2, 1.0, 1.0, 1.0, 2.0)


def signed_log(x: Tensor) -> Tensor:
    """sign(x) log(1 + |x|)."""
    return torch.sign(x) * torch.log1p(x.abs())


class Combiner(nn.Module):
    """Scores of origins and tables; see `forward`."""

    def __init__(self, hidden: int = 80) -> None:
        super().__init__()
        place = [[min(r, 8 - r) * 5 + min(c, 8 - c) for c in range(8)] for r in range(8)]
        self.register_buffer("symmetry", torch.tensor(place).flatten())
        self.register_buffer("centres", torch.tensor(CENTRES))
        self.register_buffer("widths", torch.tensor(WIDTHS))
        self.place = nn.Embedding(25, 6)
        self.origin = nn.Sequential(nn.Linear(11 + GLOBALS, 40), nn.ReLU(), nn.Linear(40, 32), nn.ReLU())
        self.entries = nn.Linear(3 * FREQUENCIES, hidden)
        self.context = nn.Linear(32, hidden)
        self.kind = nn.Embedding(3, hidden)
        self.middle = nn.Linear(hidden, 48)
        self.score = nn.Linear(48, 1)
        self.physics = nn.Parameter(torch.tensor(0.05))
        self.null = nn.Sequential(nn.Linear(32 + GLOBALS + 3, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(
        self,
        ratio: Tensor,
        promise: Tensor,
        kinds: Tensor,
        origins: Tensor,
        cost: Tensor,
        scales: Tensor,
        zero_share: Tensor,
        last: Tensor,
        blocks: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Scores (n, origins, tables) and the score of "not compressed before" (n,), both before softmax.

        Args:
            ratio: (n, origins, tables, frequencies) evidence of each table's steps.
            promise: the same, what the steps would give if they were there.
            kinds: (n, tables) int64: standard, other, fitted to the window (`jpegtrace.lattice.candidates`).
            origins: (n, origins) int64, the aligned one first.
            cost: (n, 64).
            scales: (n, frequencies).
            zero_share: (n, frequencies).
            last: (n, frequencies).
            blocks: (n,).
        """
        window = self.window(scales, zero_share, last, blocks)
        total = ratio.sum(3)
        # A table fitted to its window is no witness, and neither does the mean depend on how many are asked about.
        standard = (kinds == STANDARD).to(ratio.dtype)
        best = torch.where((kinds == FREE)[:, None], torch.full_like(total, -1e4), total).amax(2)
        mean = (ratio * standard[:, None, :, None]).sum(2, keepdim=True) / standard.sum(1)[:, None, None, None]
        shifted = cost[:, 1:]
        relative = (cost - shifted.mean(1, keepdim=True)) / (shifted.std(1, keepdim=True) + 1e-3)
        relative = torch.cat([torch.zeros_like(relative[:, :1]), relative[:, 1:].clamp(-6, 6)], 1)
        cheap = torch.gather(relative, 1, origins)
        features = torch.cat(
            [
                (cheap / 3)[..., None],
                (torch.gather(cost, 1, origins) / 10 - 2)[..., None],
                (signed_log(best) / 5)[..., None],
                (signed_log(best - best.amax(1, keepdim=True)) / 5)[..., None],
                (origins == 0).to(ratio.dtype)[..., None],
                self.place(self.symmetry[origins]),
                window[:, None].expand(-1, origins.shape[1], -1),
            ],
            2,
        )
        origin = self.origin(features)
        entries = torch.cat([signed_log(ratio), signed_log(ratio - mean), signed_log(promise)], 3)
        hidden = torch.relu(self.entries(entries) + self.context(origin)[:, :, None] + self.kind(kinds)[:, None])
        hidden = torch.relu(self.middle(hidden))
        score = self.score(hidden)[..., 0] + self.physics * total.clamp(-200, 400)
        peaks = torch.stack([signed_log(best).amax(1), signed_log(best[:, 0]), relative.amax(1)], 1) / 4
        null = self.null(torch.cat([origin[:, 0], window, peaks], 1))[:, 0]
        return score, null

    def window(self, scales: Tensor, zero_share: Tensor, last: Tensor, blocks: Tensor) -> Tensor:
        """What the window looks like, apart from its first compression: (n, GLOBALS)."""
        raw = torch.stack(
            [
                torch.log(last[:, :6]).mean(1),
                torch.log(last[:, 6:15]).mean(1),
                torch.log(last[:, 15:]).mean(1),
                zero_share[:, :6].mean(1),
                zero_share[:, 6:15].mean(1),
                zero_share[:, 15:].mean(1),
                torch.log(scales[:, 1:6]).mean(1),
                torch.log(scales[:, 6:15]).mean(1),
                torch.log(scales[:, 15:]).mean(1),
                torch.log2(blocks / 64),
            ],
            1,
        )
        return (raw - self.centres) / self.widths
