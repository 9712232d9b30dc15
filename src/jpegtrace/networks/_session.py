"""ONNX Runtime sessions on verified weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import ResourceError
from jpegtrace.networks._cards import FOLDER, card

THREADS = 1  # small networks; callers run several windows side by side


def verified_bytes(name: str) -> bytes:
    """Bytes of a weight file.

    Raises:
        ResourceError: it is missing, or not the file that its card describes.
    """
    described = card(name)
    try:
        data = resources.files(FOLDER).joinpath(f"{name}.onnx").read_bytes()
    except OSError as error:
        raise ResourceError(f"the weights {name!r} are missing; install jpegtrace again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != described.sha256:
        raise ResourceError(
            f"the weights {name!r} are not those of their card (SHA-256 {found[:12]} instead of "
            f"{described.sha256[:12]}); they are not used"
        )
    return data


@cache
def session(name: str) -> Any:
    """A session on verified weights, made once.

    Raises:
        ResourceError: the weights are missing or altered.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = THREADS
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(verified_bytes(name), options, providers=["CPUExecutionProvider"])


def run(name: str, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
    """Outputs of a network in order."""
    outputs: list[NDArray[np.float32]] = session(name).run(None, dict(inputs))
    return outputs
