"""The stress laboratory: how far a verdict can be trusted.

A verdict is worth what it stands against somebody who does not want it. Here histories are disguised on purpose, and
what detectors, the published ones and our own, then say is measured.

* `DETECTORS`: the six published detectors of a JPEG past, by name.
* `least_error` and `roc`: how well scores tell two classes apart; P_e, .5 where they do not.
"""

from jpegtrace.stress.detectors import DETECTORS, Detector, estimate_table
from jpegtrace.stress.roc import Roc, least_error, roc

__all__ = ["DETECTORS", "Detector", "Roc", "estimate_table", "least_error", "roc"]
