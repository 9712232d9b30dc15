"""From weights that ship back to a checkpoint that a training can begin with.

``python -m jpegtrace_training.shipped ID FILE`` writes the weights of a card to ``FILE``, for ``jpegtrace train ID
--begin FILE``. Half floats are widened, and stay as exact as they were. Exports that turn weights round, as those of
linear layers over more than two axes (`double-histogram`), are refused.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import onnx
import torch
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


def main() -> None:
    """Write a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="of a card whose name is that of a recipe")
    parser.add_argument("file", type=Path, help="to write")
    options = parser.parse_args()
    write(options.file, checkpoint_of(options.id))


if __name__ == "__main__":
    main()
