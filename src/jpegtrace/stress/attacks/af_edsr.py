"""`af-edsr`: the network of D. Kim, W. Ahn, H.-K. Lee, IEEE Access 2021, trained here; see `networks.published`.

There is a network for each of five qualities; that nearest to the plane's table is taken. It was trained on luma.
"""

from __future__ import annotations

import numpy as np

from jpegtrace.networks import card, published
from jpegtrace.stress.attacks._blocks import plane_of, samples_of
from jpegtrace.stress.attacks._method import Blocks, Floats, Method, Operation, Table
from jpegtrace.tables import nearest_quality

REFERENCE = "Kim, Ahn, Lee, End-to-end anti-forensics network of single and double JPEG detection, IEEE Access 2021"
QUALITIES = (50, 60, 70, 80, 90)


def quality_for(table: Table) -> int:
    """Which of the networks: the lower one of two that are as near."""
    nearest = nearest_quality(table).quality
    return min(QUALITIES, key=lambda quality: abs(quality - nearest))


def af_edsr(blocks: Blocks, table: Table, seed: int) -> Floats:  # noqa: ARG001 - nothing is drawn
    """The plane that the network makes of the unrounded decode.

    Raises:
        UsageError: no weights of this name are known.
        ResourceError: the weights are missing or altered.
    """
    decoded = samples_of(plane_of(blocks * table.astype(np.float64)))
    return published.af_edsr(decoded, table, quality_for(table)).astype(np.float64)


def operations(table: Table) -> tuple[Operation, ...]:
    """What `af_edsr` does, with the hash of its weights."""
    name = f"af-edsr-{quality_for(table)}"
    return (Operation("af-edsr", {"weights": name, "sha256": card(name).sha256}),)


METHOD = Method("af-edsr", "a network that removes traces", REFERENCE, af_edsr, operations, chroma=False)
