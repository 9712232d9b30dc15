"""The engine: lattice evidence for an earlier compression.

After a JPEG compression every 8x8 DCT coefficient lies on a lattice k*q. Whatever comes after adds noise of a known
kind, so for every grid origin, frequency and step there is a likelihood, and evidence adds up: over blocks, over
frequencies.

`gather` sums the evidence of a window, `combine` turns it into probabilities, `read_entries` and its neighbours answer.
"""

from jpegtrace.lattice.combiner import Posterior, combine
from jpegtrace.lattice.decode import (
    Alternative,
    Entries,
    alternatives,
    origin_probabilities,
    posterior,
    read_entries,
)
from jpegtrace.lattice.evidence import Evidence, gather

__all__ = [
    "Alternative",
    "Entries",
    "Evidence",
    "Posterior",
    "alternatives",
    "combine",
    "gather",
    "origin_probabilities",
    "posterior",
    "read_entries",
]
