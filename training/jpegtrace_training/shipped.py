"""From weights that ship back to a checkpoint that a training can begin with.

``python -m jpegtrace_training.shipped ID FILE`` writes the weights of a card to ``FILE``, for ``jpegtrace train ID
--begin FILE``. Half floats are widened, and stay as exact as they were. Linear layers over more than two axes, whose
weights an export turns round and leaves without a name, are known by their bias.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from jpegtrace import networks
from jpegtrace.errors import UsageError
from jpegtrace_training.recipes import find
from jpegtrace_training.trainer import write

HALF = "_half"  # behind the name of a tensor that `shipping` halved


def checkpoint_of(name: str) -> dict[str, Any]:
    """What `--begin` reads, of the weights of this card.

    Raises:
        UsageError: there are no such weights or no such recipe, or the file does not hold its network's weights.
        ResourceError: the weights are missing or altered.
    """
    card, model = networks.card(name), find(name).network()
    graph = onnx.load_from_string(networks.verified_bytes(name)).graph
    stored = {tensor.name.removesuffix(HALF): numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stored = _turned_round(graph, stored) | stored
    state = model.state_dict()
    for key, value in state.items():
        if key.endswith("num_batches_tracked"):
            value.fill_(card.steps)  # counts, which no answer depends on, are not exported
        elif key not in stored or stored[key].shape != tuple(value.shape):
            raise UsageError(f"the file of {name!r} does not hold {key} as its network has it")
        else:
            value.copy_(torch.from_numpy(stored[key].copy()))
    return {
        "recipe": name,
        "model": state,
        "samples": card.samples,
        "step": card.steps,
        "seeds": list(card.seeds),
    }


def _turned_round(graph: onnx.GraphProto, stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Weights of products to which a stored bias is added, as their layers have them, by name."""
    products = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    found = {}
    for node in graph.node:
        if node.op_type == "Add":
            biases = [name for name in node.input if name in stored and name.endswith(".bias")]
            weights = [stored[products[name]] for name in node.input if products.get(name) in stored]
            if biases and weights:
                found[biases[0].removesuffix("bias") + "weight"] = weights[0].T
    return found


def main() -> None:
    """Write a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="of a card whose name is that of a recipe")
    parser.add_argument("file", type=Path, help="to write")
    options = parser.parse_args()
    write(options.file, checkpoint_of(options.id))


if __name__ == "__main__":
    main()
