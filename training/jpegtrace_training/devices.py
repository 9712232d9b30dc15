"""Which device PyTorch computes on."""

from __future__ import annotations

import torch

from jpegtrace.errors import UsageError


def check_device(name: str) -> None:
    """Make sure that a device is there.

    Raises:
        UsageError: it is not.
    """
    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise UsageError(f"there is no device {name!r}; there are cpu and cuda") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("PyTorch sees no CUDA device here; --device cpu takes none")
