"""`af-edsr`: the network of D. Kim, W. Ahn, H.-K. Lee, IEEE Access 2021, trained here; see `networks.published`.

There is a network for each of five qualities; that nearest to the plane's table is taken. It was trained on luma. At
high qualities it changes more than it has to: most of what detectors find is gone after a share of its change, which
costs less of the picture (STRENGTHS, chosen on pictures that the training held out; the paper takes all of it, as
`networks.published.af_edsr` does).
"""

from __future__ import annotations

import numpy as np

from jpegtrace.networks import card, published
from jpegtrace.stress.attacks._blocks import plane_of, samples_of
from jpegtrace.stress.attacks._method import Blocks, Floats, Method, Operation, Table
from jpegtrace.tables import nearest_quality

REFERENCE = "Kim, Ahn, Lee, End-to-end anti-forensics network of single and double JPEG detection, IEEE Access 2021"
STRENGTHS = {50: 1.0, 60: 1.0, 70: 1.0, 80: 0.9, 90: 0.8}  # share of the network's change that is made
QUALITIES = tuple(STRENGTHS)


def quality_for(table: Table) -> int:
    """Which of the networks: the lower one of two that are as near."""
    nearest = nearest_quality(table).quality
    return min(QUALITIES, key=lambda quality: abs(quality - nearest))


def af_edsr(blocks: Blocks, table: Table, seed: int) -> Floats:  # noqa: ARG001 - nothing is drawn
    """The unrounded decode, changed towards what the network makes of it.

    Raises:
        UsageError: no weights of this name are known.
        ResourceError: the weights are missing or altered.
    """
    decoded = samples_of(plane_of(blocks * table.astype(np.float64)))
    quality = quality_for(table)
    made = published.af_edsr(decoded, table, quality).astype(np.float64)
    changed: Floats = decoded + STRENGTHS[quality] * (made - decoded)
    return changed


def operations(table: Table) -> tuple[Operation, ...]:
    """What `af_edsr` does, with the hash of its weights."""
    quality = quality_for(table)
    name = f"af-edsr-{quality}"
    hashed = card(name).sha256
    return (Operation("af-edsr", {"weights": name, "sha256": hashed, "strength": STRENGTHS[quality]}),)


METHOD = Method("af-edsr", "a network that removes traces", REFERENCE, af_edsr, operations, chroma=False)
