"""ONNX Runtime sessions on verified weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import ResourceError, UsageError
from jpegtrace.networks._cards import Card, card
from jpegtrace.networks._weights import difference_of, remedy, stored, weights_folder

THREADS = 1  # small networks; callers run several windows side by side


def verified_bytes(name: str) -> bytes:
    """Bytes of a weight file.

    Raises:
        UsageError: there are no weights of this name.
        ResourceError: they are missing, or not those that their card describes.
    """
    described = card(name)
    data = stored(described)
    if data is None:
        where = "are missing" if described.ships else f"do not ship with jpegtrace and are not in {weights_folder()}"
        raise ResourceError(f"the weights {name!r} {where}; {remedy(described)}")
    if differs := difference_of(described, data):
        raise ResourceError(
            f"the weights {name!r} are not those of their card ({differs}); they are not used; {remedy(described)}"
        )
    return data


@cache
def session(name: str, threads: int = THREADS) -> Any:
    """A session on verified weights, made once.

    Raises:
        UsageError: there are no weights of this name.
        ResourceError: the weights are missing or altered, or this ONNX Runtime cannot load them.
    """
    return load(name, verified_bytes(name), threads)


def load(name: str, data: bytes, threads: int = THREADS) -> Any:
    """A session on these bytes.

    Raises:
        ResourceError: ONNX Runtime cannot load them.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class of their own
        raise ResourceError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load the weights {name!r}: {error}"
        ) from error


def run(name: str, inputs: Mapping[str, NDArray[Any]], threads: int = THREADS) -> list[NDArray[Any]]:
    """Outputs of a network, in the order of its card.

    Args:
        name: id of the weights.
        inputs: arrays by name, of the shapes and types on the card.
        threads: that the network may use.

    Raises:
        UsageError: there are no weights of this name, or the inputs are not those of the card.
        ResourceError: the weights are missing or altered.
    """
    described = card(name)
    arrays = {key: np.asarray(value) for key, value in inputs.items()}
    check_inputs(described, arrays)
    outputs: list[NDArray[Any]] = session(name, threads).run(None, arrays)
    return outputs


def check_inputs(described: Card, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Compare names, types and shapes with a card.

    Raises:
        UsageError: they are others.
    """
    names = [port.name for port in described.inputs]
    if set(names) != set(arrays):
        missing = ", ".join(n for n in names if n not in arrays)
        unknown = ", ".join(repr(n) for n in arrays if n not in names)
        wrong = "; ".join([f"missing: {missing}"] * bool(missing) + [f"not known: {unknown}"] * bool(unknown))
        raise UsageError(f"the weights {described.id!r} take the inputs {', '.join(names)}; {wrong}")
    sizes: dict[str, int] = {}
    for port in described.inputs:
        array = arrays[port.name]
        fits = array.ndim == len(port.shape) and all(
            size == (int(axis) if axis.isdecimal() else sizes.setdefault(axis, size))
            for axis, size in zip(port.shape, array.shape, strict=True)
        )
        if not fits or array.dtype.name != port.type:
            known = ", ".join(f"{word} = {size}" for word, size in sizes.items() if word in port.shape)
            raise UsageError(
                f"input {port.name!r} of {described.id!r} must be {port.type} of shape ({', '.join(port.shape)})"
                f"{f' with {known}' if known else ''}, not {array.dtype.name} of shape {array.shape}"
            )
