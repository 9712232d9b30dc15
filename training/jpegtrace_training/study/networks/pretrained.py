"""Weights to begin with: a state dict that the user has."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from jpegtrace.errors import CorruptInput, UsageError
from jpegtrace_training.study.networks.registry import Architecture, Detector

ALSO = {"last_linear": "fc"}  # other names of the last layer in public files


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict, alone in its file or under "state_dict" or "model".

    Raises:
        UsageError: there is no such file.
        CorruptInput: it holds no state dict.
    """
    if not path.is_file():
        raise UsageError(f"there are no weights {path}")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CorruptInput("this is no file of PyTorch weights", source=str(path)) from error
    for name in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise CorruptInput("the file holds no state dict", source=str(path))
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def begin_with(detector: Detector, architecture: Architecture, state: Mapping[str, Tensor]) -> None:
    """Put weights into a detector; its last layer keeps its own where the classes are others.

    Raises:
        UsageError: they are of another network.
    """
    renamed = {}
    for name, value in state.items():
        layer, dot, rest = name.rpartition(".")
        renamed[f"{ALSO.get(layer, layer)}{dot}{rest}"] = value
    own = detector.network.state_dict()
    head = {f"{architecture.head}.weight", f"{architecture.head}.bias"}
    kept = {name: value for name, value in renamed.items() if name not in head or own[name].shape == value.shape}
    # Files written before PyTorch 0.4.1 do not count batches.
    missing = [
        name for name in own if name not in kept and name not in head and not name.endswith("num_batches_tracked")
    ]
    other = [name for name in kept if name not in own or own[name].shape != kept[name].shape]
    if missing or other:
        told = f"it has no {missing[0]}" if missing else f"{other[0]} has no place or another shape"
        fits = f"; the {architecture.weights} fits" if architecture.weights else ""
        raise UsageError(f"these weights are not of {architecture.id}: {told}{fits}")
    detector.network.load_state_dict(kept, strict=False)
