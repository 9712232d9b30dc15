"""Networks as ONNX files, each compared with the network that it was made from.

``python -m jpegtrace_training.networks.export NAME FILE`` writes a network with its first, untrained weights, for
timing.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from jpegtrace_training.networks import NETWORKS

OPSET = 17
LARGEST_DIFFERENCE = 1e-4  # relative to the largest output


def to_onnx(model: nn.Module, example: Mapping[str, Tensor], path: Path, outputs: Sequence[str] = ("output",)) -> float:
    """Write `model` as it answers in evaluation, for any batch size, and compare the file with it.

    Args:
        model: takes the tensors of `example` in order, gives a tensor or a tuple of them; its attribute `dynamic`,
            where it has one, names further axes of any length.
        example: inputs by name, batch first.
        path: file to write; nothing is left there when the comparison fails.
        outputs: their names.

    Returns:
        The largest absolute difference, over several batch sizes and inputs.

    Raises:
        RuntimeError: an output differs by more than `LARGEST_DIFFERENCE` of the largest output.
    """
    trained = model.training
    dynamic: Mapping[str, dict[int, str]] = getattr(model, "dynamic", {})
    model.eval()
    part = path.with_name(f"part-{path.name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the exporter's, about itself
            torch.onnx.export(
                model,
                tuple(example.values()),
                str(part),
                input_names=list(example),
                output_names=list(outputs),
                dynamic_axes={name: {0: "batch"} | dynamic.get(name, {}) for name in (*example, *outputs)},
                opset_version=OPSET,
                dynamo=False,
            )
        worst = largest_difference(model, part, example)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        model.train(trained)
    return worst


def largest_difference(
    model: nn.Module, path: Path, example: Mapping[str, Tensor], allowed: float = LARGEST_DIFFERENCE
) -> float:
    """Largest absolute difference between a network, in evaluation, and a file, over several batch sizes and inputs.

    Args:
        model: in evaluation.
        path: of the file.
        example: inputs by name, batch first.
        allowed: what the difference may be, relative to the largest output.

    Raises:
        RuntimeError: it is too large.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for inputs in _variations(example):
        with torch.no_grad():
            found = model(*inputs.values())
        wanted = [found] if isinstance(found, Tensor) else list(found)
        got = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        for one, other in zip(wanted, got, strict=True):
            if one.shape != other.shape:
                raise RuntimeError(f"the exported network gives {other.shape} instead of {tuple(one.shape)}")
            difference = float(np.abs(one.numpy() - other).max())
            # Not `>`: a NaN is a disagreement too.
            if not difference <= allowed * float(one.abs().max()):
                raise RuntimeError(f"the exported network differs by {difference:.2g}")
            worst = max(worst, difference)
    return worst


def _variations(example: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """The example, and others in a smaller and a larger batch: what was traced must not be baked in."""
    return [
        dict(example),
        {name: value[:1].flip(-1) for name, value in example.items()},
        {name: torch.cat([value.roll(1, -1), value[:1]]) for name, value in example.items()},
    ]


def main() -> None:
    """Export a network with random weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    model = NETWORKS[options.name]()
    worst = to_onnx(model, model.example(), options.file, model.outputs)
    print(f"{options.file}: {options.name}, untrained, differs by {worst:.1e}")


if __name__ == "__main__":
    main()
