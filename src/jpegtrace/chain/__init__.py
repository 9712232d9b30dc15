"""Known histories: simulate them, with the truth beside them.

* `Chain` and its steps: what happens to a picture, as text or as typed objects; `step_help` lists the steps.
* `simulate` and `splice` carry a history out: a `Simulated` holds the file, the pixels and the `Truth`.
* `encoders` holds the codecs by name; `codec` is libjpeg-turbo's arithmetic on arrays, bit for bit.
* `double_compress` and `random_double` make doubly compressed patches by the thousand.

The names that need compiled kernels are loaded on first use, so that reading a chain stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jpegtrace.chain.language import (
    Blur,
    Brightness,
    Chain,
    ColourRoundtrip,
    Contrast,
    Crop,
    Flip,
    Gamma,
    Grey,
    Jpeg,
    Median,
    Noise,
    Resize,
    Rotate,
    Sharpen,
    Splice,
    Step,
    StepHelp,
    step_help,
    usage,
)
from jpegtrace.chain.run import Simulated, simulate, splice
from jpegtrace.chain.truth import Compression, Donor, Executed, Truth

if TYPE_CHECKING:
    from jpegtrace.chain.batch import Batch, DoubleDistribution, double_compress, random_double
    from jpegtrace.chain.codec import Planes, compress, decompress

_COMPILED = {
    "Batch": "batch",
    "DoubleDistribution": "batch",
    "double_compress": "batch",
    "random_double": "batch",
    "Planes": "codec",
    "compress": "codec",
    "decompress": "codec",
}


def __getattr__(name: str) -> Any:
    if name in _COMPILED:
        return getattr(import_module(f"jpegtrace.chain.{_COMPILED[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Batch",
    "Blur",
    "Brightness",
    "Chain",
    "ColourRoundtrip",
    "Compression",
    "Contrast",
    "Crop",
    "Donor",
    "DoubleDistribution",
    "Executed",
    "Flip",
    "Gamma",
    "Grey",
    "Jpeg",
    "Median",
    "Noise",
    "Planes",
    "Resize",
    "Rotate",
    "Sharpen",
    "Simulated",
    "Splice",
    "Step",
    "StepHelp",
    "Truth",
    "compress",
    "decompress",
    "double_compress",
    "random_double",
    "simulate",
    "splice",
    "step_help",
    "usage",
]
