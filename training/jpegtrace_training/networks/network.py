"""What every published network here has beside its layers."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

Axes = dict[str, dict[int, str]]


class Network(nn.Module):
    """A network that can be trained by a recipe and exported.

    Attributes:
        outputs: names of what `forward` gives.
        dynamic: axes of inputs and outputs, beside the first, that may have any length, with a name each.
        meanings: of inputs and outputs by name, for cards.
        paper_figures: what the paper reports, in its words, for cards.
    """

    outputs: ClassVar[tuple[str, ...]]
    dynamic: ClassVar[Axes] = {}
    meanings: ClassVar[dict[str, str]] = {}
    paper_figures: ClassVar[dict[str, str]] = {}

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right shape and range for every input of `forward`, in order."""
        raise NotImplementedError
