"""Detectors of double compression: what `compression-count` asks, and published networks whose weights are at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from jpegtrace import networks
from jpegtrace.analyses.compression_count import Params
from jpegtrace.lattice import posterior
from jpegtrace.lattice.histograms import FEWEST_BLOCKS, one_grid
from jpegtrace.networks import published

Blocks = NDArray[np.int16]
Table = NDArray[np.uint16]
Plane = NDArray[np.uint8]

ENGINE = "compression-count"
GRIDS = (True, False)  # aligned, and not
LEAST_PROBABILITY = 1e-12  # as far as odds go


@dataclass(frozen=True, slots=True)
class DoubleDetector:
    """Something that says how sure it is that a picture was compressed twice.

    Attributes:
        name: by which it is called in results.
        threshold: from which answer on it calls a picture compressed twice.
        ask: takes the stored luma blocks (rows, columns, 8, 8), their table (8, 8) and the decoded plane.
        aligned: whether it is asked where both grids are the same.
        shifted: whether it is asked where they are not.
    """

    name: str
    threshold: float
    ask: Callable[[Blocks, Table, Plane], float]
    aligned: bool = True
    shifted: bool = True

    def serves(self, aligned: bool) -> bool:
        """Whether it is asked on this grid."""
        return self.aligned if aligned else self.shifted


def installed_doubles() -> tuple[tuple[DoubleDetector, ...], dict[str, str]]:
    """The engine and the networks that can be used here, and of the others, why not.

    The engine calls a picture compressed twice by the thresholds of the analysis `compression-count`, published
    networks from one half on. A network is asked on the grids that it was trained for.
    """
    found = [DoubleDetector(ENGINE, 0.0, _engine)]
    missing = {}
    for kind, ask in (("djpeg-hist", _hist), ("djpeg-srnet", _srnet)):
        for shifted in (False, True):
            name = f"{kind}-shifted" if shifted else kind
            if why := _unusable(name):
                missing[name] = why
            else:
                found.append(DoubleDetector(name, 0.5, partial(ask, name=name), aligned=not shifted, shifted=shifted))
    return tuple(found), missing


def _unusable(name: str) -> str:
    if name not in networks.card_ids():
        return "not trained yet: there are no weights of this name"
    check = networks.verify(name)
    return "" if check.state is networks.State.OK else f"{check.state}: {check.told}"


def _engine(blocks: Blocks, table: Table, plane: Plane) -> float:  # noqa: ARG001
    """By how much the lattice or the histograms pass the probability from which they say "twice", in log odds."""
    params = Params()
    answers = [(1 - posterior(blocks, table).single, params.double_from)]
    if blocks.shape[0] * blocks.shape[1] >= FEWEST_BLOCKS:
        answers.append((one_grid(blocks, table).told, params.one_grid_from))
    probabilities, least = np.array(answers).clip(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).T
    return float((logit(probabilities) - logit(least)).max())


def _hist(blocks: Blocks, table: Table, plane: Plane, *, name: str) -> float:  # noqa: ARG001
    return published.djpeg_hist(plane, table, name)


def _srnet(blocks: Blocks, table: Table, plane: Plane, *, name: str) -> float:  # noqa: ARG001
    return published.djpeg_srnet(plane, name)
