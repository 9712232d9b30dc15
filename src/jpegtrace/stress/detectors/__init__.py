"""The six published detectors of a JPEG past in pixels that anti-forensics is measured against.

Each takes a grey picture, uint8 (height, width) of at least 24 x 24, crops it to multiples of 8 and returns a number;
larger is more JPEG-like, as published. They look for the grid that begins in the corner; K_F and K_U, which have no
sign, see one that begins half a block from it as well. Texture scores, too, so that high qualities are lost in busy
pictures. None has a threshold of its own: it belongs to the pictures and their size (`jpegtrace.stress.roc`).

Kim 2021 measures with these six. Five of them, all but K_FQ, are in table V of W. Fan, K. Wang, F. Cayre and Z. Xiong,
"JPEG anti-forensics with improved tradeoff between forensic undetectability and image quality", IEEE Trans. Inf.
Forensics Security 9(8), 2014 ("Fan 2014" in the modules). Written from the equations; where papers are silent, what the
public code of Fan 2014 does is done, and said.
"""

from __future__ import annotations

from collections.abc import Callable

from jpegtrace.stress.detectors._plane import SMALLEST, Plane
from jpegtrace.stress.detectors.blocking import k_f, k_u1, k_u2
from jpegtrace.stress.detectors.calibration import k_l
from jpegtrace.stress.detectors.table import estimate_table, k_fq
from jpegtrace.stress.detectors.variation import k_v

Detector = Callable[[Plane], float]

DETECTORS: dict[str, Detector] = {"K_F": k_f, "K_L": k_l, "K_U1": k_u1, "K_U2": k_u2, "K_V": k_v, "K_FQ": k_fq}
"""Detectors by the names of Kim 2021."""

__all__ = ["DETECTORS", "SMALLEST", "Detector", "estimate_table", "k_f", "k_fq", "k_l", "k_u1", "k_u2", "k_v"]
