"""The stress laboratory: how far a verdict can be trusted.

A verdict is worth what it stands against somebody who does not want it. Here histories are disguised on purpose, and
what detectors, the published ones and our own, then say is measured.

* `ATTACKS`: the published attacks, by name. `attack` applies one to a JPEG file, `write_attacked` writes what it gives,
  with a label that says so.
* `DETECTORS`: the six published detectors of a JPEG past, by name.
* `evaluate`: anyone's detectors against the attacks, on pictures that were never compressed. `DoubleDetector` is one
  of double compression, `read_originals` reads the pictures of a folder, and `write_evaluation` writes tables and a
  page.
* `least_error` and `roc`: how well scores tell two classes apart; P_e, .5 where they do not.
* `psnr` and `ssim`: how near a picture is to its original.
"""

from jpegtrace.stress.attacking import Attacked, attack, write_attacked
from jpegtrace.stress.attacks import ATTACKS
from jpegtrace.stress.detectors import DETECTORS, Detector, estimate_table
from jpegtrace.stress.doubles import DoubleDetector
from jpegtrace.stress.evaluation import evaluate
from jpegtrace.stress.originals import Originals, read_originals
from jpegtrace.stress.quality import psnr, ssim
from jpegtrace.stress.results import Evaluation
from jpegtrace.stress.roc import Roc, least_error, roc
from jpegtrace.stress.writing import write_evaluation

__all__ = [
    "ATTACKS",
    "DETECTORS",
    "Attacked",
    "Detector",
    "DoubleDetector",
    "Evaluation",
    "Originals",
    "Roc",
    "attack",
    "estimate_table",
    "evaluate",
    "least_error",
    "psnr",
    "read_originals",
    "roc",
    "ssim",
    "write_attacked",
    "write_evaluation",
]
