"""From a run to weights that ship: export, comparison, card.

``python -m jpegtrace_training.shipping RUN`` reads the best weights of a run, writes ``weights/<recipe>.onnx`` and
``cards/<recipe>.toml`` into the package, and refuses an export that answers otherwise than the trained network.
"""

from __future__ import annotations

import argparse
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from jpegtrace.errors import UsageError
from jpegtrace.networks import Card, Port
from jpegtrace_training.cards import CARDS, NETWORKS, WEIGHTS, card_toml, file_facts, write_card
from jpegtrace_training.networks.export import largest_difference, to_onnx
from jpegtrace_training.networks.network import Network
from jpegtrace_training.recipe import Recipe
from jpegtrace_training.recipes import find

LICENCE = "Apache-2.0"
HALVED_FROM = 256  # numbers of a tensor that is worth halving
HALF_DIFFERENCE = 1e-2  # relative to the largest output, what half precision may cost


def ship(run: Path, to: Path = NETWORKS, *, half: bool = False, ships: bool = True, notes: str = "") -> Card:
    """Export the best weights of a run and write their card.

    Args:
        run: folder of the run.
        to: folder that holds ``weights/`` and ``cards/``; weights that do not ship are left in the folder of the run.
        half: store the weights as half floats; they are widened when the file is loaded.
        ships: the file is part of the package.
        notes: for the card.

    Raises:
        UsageError: the folder holds no run.
        RuntimeError: the exported network answers otherwise.
    """
    if not (run / "best.pt").is_file():
        raise UsageError(f"{run} holds no best.pt: it is not the folder of a run that was checked once")
    best = torch.load(run / "best.pt", map_location="cpu", weights_only=True)
    recipe = find(best["recipe"])
    model = recipe.network()
    model.load_state_dict(best["model"])
    model.eval()
    path = (to / WEIGHTS if ships else run) / f"{recipe.id}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    example = model.example(count=1)
    parity = to_onnx(model, example, path, model.outputs)
    if half:
        halve(path)
        parity = largest_difference(model, path, example, allowed=HALF_DIFFERENCE)
    card = card_of(recipe, model, best, path, parity, to / CARDS, half=half, ships=ships, notes=notes)
    (to / CARDS).mkdir(parents=True, exist_ok=True)
    write_card(card, to / CARDS / f"{recipe.id}.toml")
    return card


def halve(path: Path) -> None:
    """Store the larger tensors of a file as half floats, each widened by a node of its own."""
    model = onnx.load(path)
    graph = model.graph
    widened = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= HALVED_FROM:
            name = f"{tensor.name}_half"
            widened.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name))
    for node in reversed(widened):
        graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def card_of(
    recipe: Recipe,
    model: Network,
    best: dict[str, Any],
    path: Path,
    parity: float,
    cards: Path,
    *,
    half: bool,
    ships: bool,
    notes: str,
) -> Card:
    """The card of exported weights; its version follows that of the card that is there."""
    settings = best["settings"]
    sizes = recipe.sides or f"{settings['side']}x{settings['side']} pixels a sample"
    distinct = settings.get("distinct", 0)
    begun = "".join(f"; begun with weights of {other}" for other in dict.fromkeys(best.get("ancestors", [])))
    drawn = f"{distinct * settings['batch']:,} histories drawn" if distinct else "its history drawn anew"
    return Card(
        id=recipe.id,
        version=_next_version(cards / f"{recipe.id}.toml"),
        network=f"{type(model).__name__}, {sum(p.numel() for p in model.parameters()):,} weights",
        title=recipe.title,
        **file_facts(path),
        samples=best["samples"],
        status="trained" if best["samples"] >= recipe.published else "under-trained",
        data=f"{best['data']}, a tenth of them held out; {sizes}, {drawn}{begun}; a full training sees "
        f"{recipe.published:,} samples",
        seeds=tuple(best.get("seeds", [settings["seed"]])),
        steps=best["step"] + best.get("steps_before", 0),
        code_version=best["code"],
        precision="fp16" if half else "fp32",
        inputs=_ports(model, model.example(count=1)),
        outputs=_ports(model, _answers(model)),
        parity=float(f"{parity:.3g}"),
        licence=LICENCE,
        paper=recipe.paper,
        figures={f"held_out_{name}": float(f"{value:.4g}") for name, value in best["figures"].items()},
        figures_on="held-out pictures of the same folders, histories as in training; the weights were chosen by them; "
        "figures on other pictures: benchmarks/results",
        paper_figures=model.paper_figures,
        notes=notes,
        ships=ships,
    )


def _next_version(path: Path) -> int:
    if not path.exists():
        return 1
    return int(tomllib.loads(path.read_text(encoding="utf-8"))["version"]) + 1


def _answers(model: Network) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        found = model(*model.example(count=1).values())
    return dict(zip(model.outputs, [found] if isinstance(found, torch.Tensor) else found, strict=True))


def _ports(model: Network, tensors: dict[str, torch.Tensor]) -> tuple[Port, ...]:
    """Names, shapes and meanings; the first axis is the batch."""
    return tuple(
        Port(name, _shape(tensor, model.dynamic.get(name, {})), model.meanings[name])
        for name, tensor in tensors.items()
    )


def _shape(tensor: torch.Tensor, dynamic: dict[int, str]) -> tuple[str, ...]:
    return ("batch", *(dynamic.get(axis, str(tensor.shape[axis])) for axis in range(1, tensor.ndim)))


def main() -> None:
    """Ship a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--to", type=Path, default=NETWORKS, help=f"folder that holds {WEIGHTS}/ and {CARDS}/")
    parser.add_argument("--half", action="store_true", help="half precision in the file")
    parser.add_argument(
        "--apart", action="store_true", help="not part of the package: fetched by hash, kept in the run"
    )
    parser.add_argument("--notes", default="")
    parser.add_argument("--curve", type=Path, metavar="FILE", help="where the metrics of the run are copied to")
    options = parser.parse_args()
    if options.curve:
        shutil.copyfile(options.run / "metrics.csv", options.curve)
    print(card_toml(ship(options.run, options.to, half=options.half, ships=not options.apart, notes=options.notes)))


if __name__ == "__main__":
    main()
