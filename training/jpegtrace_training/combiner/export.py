"""Export the combiner to ONNX, check that it agrees with the trained one, and write its card."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from jpegtrace import __version__
from jpegtrace.lattice.hypotheses import FREQUENCIES
from jpegtrace.networks import Card, Port
from jpegtrace_training.cards import CARDS, NETWORKS, WEIGHTS, file_facts, write_card
from jpegtrace_training.combiner.golden import golden_inputs
from jpegtrace_training.combiner.model import Combiner
from jpegtrace_training.combiner.train import BATCH

LARGEST_DIFFERENCE = 1e-3
_STEPS = str(FREQUENCIES)
INPUTS = (
    Port(
        "ratio",
        ("1", "8", "tables", _STEPS),
        f"for each grid origin and table: log-likelihood ratio of its first {_STEPS} steps against none",
    ),
    Port("promise", ("1", "8", "tables", _STEPS), "what the steps would give if they were there"),
    Port(
        "kinds",
        ("1", "tables"),
        "kind of each table: 0 standard (at least one), 1 other, 2 fitted to the window",
        "int64",
    ),
    Port("origins", ("1", "8"), "grid origins, row * 8 + column, the aligned one (0) first", "int64"),
    Port("cost", ("1", "64"), "mean cost of a block on each grid, 0 for the aligned one"),
    Port("scales", ("1", _STEPS), "Laplacian scale of each frequency"),
    Port("zero_share", ("1", _STEPS), "share of coefficients that the last quantization set to 0"),
    Port("last", ("1", _STEPS), "steps of the last quantization, zigzag order"),
    Port("blocks", ("1",), "number of 8 x 8 blocks in the window"),
)
OUTPUTS = (
    Port("score", ("1", "8", "tables"), "score of every origin and table, before softmax together with null"),
    Port("null", ("1",), "score of no first compression"),
)
NAMES = tuple(port.name for port in INPUTS)


def example(tables: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Inputs of the right shapes and about the right sizes."""
    g = torch.Generator().manual_seed(seed)
    origins = torch.cat([torch.zeros(1, dtype=torch.int64), 1 + torch.randperm(63, generator=g)[:7]])[None]
    return (
        torch.randn(1, 8, tables, FREQUENCIES, generator=g) * 20,
        torch.rand(1, 8, tables, FREQUENCIES, generator=g) * 30,
        torch.cat([torch.zeros(tables // 2), torch.arange(tables - tables // 2) % 3]).long()[None],
        origins,
        20 + torch.randn(1, 64, generator=g),
        0.5 + 10 * torch.rand(1, FREQUENCIES, generator=g),
        torch.rand(1, FREQUENCIES, generator=g),
        1 + 20 * torch.rand(1, FREQUENCIES, generator=g),
        torch.tensor([64.0]),
    )


def export(checkpoint: Path, folder: Path) -> tuple[Path, float]:
    """Write ``combiner.onnx``; returns it with the largest difference over several inputs.

    Raises:
        SystemExit: the exported network disagrees.
    """
    state = torch.load(checkpoint, weights_only=True)
    model = Combiner().eval()
    model.load_state_dict(state["model"])
    path = folder / "combiner.onnx"
    torch.onnx.export(
        model,
        example(40, 0),
        str(path),
        input_names=list(NAMES),
        output_names=[port.name for port in OUTPUTS],
        dynamic_axes={
            port.name: {port.shape.index("tables"): "tables"} for port in (*INPUTS, *OUTPUTS) if "tables" in port.shape
        },
        opset_version=17,
        dynamo=False,
    )
    running = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for seed in range(1, 9):
        inputs = example(20 + 40 * seed, seed)
        with torch.no_grad():
            wanted = model(*inputs)
        got = running.run(None, {name: value.numpy() for name, value in zip(NAMES, inputs, strict=True)})
        worst = max(worst, *(float(np.abs(w.numpy() - g).max()) for w, g in zip(wanted, got, strict=True)))
    if worst > LARGEST_DIFFERENCE:
        raise SystemExit(f"the exported network differs by {worst:.2g}")
    return path, worst


def golden(path: Path) -> tuple[float, float]:
    """Mean score and null score of a fixed input; a test asks the shipped weights for the same."""
    score, null = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, golden_inputs())
    return float(score.mean()), float(null[0])


def card_of(path: Path, checkpoint: Path, parity: float, version: int) -> Card:
    """The card of an exported checkpoint."""
    state = torch.load(checkpoint, weights_only=True)
    held_out = state["held_out"]
    score, null = golden(path)
    weights = sum(parameter.numel() for parameter in Combiner().parameters())
    return Card(
        id="combiner",
        version=version,
        network=f"combiner, {weights:,} weights, shared over origins and tables",
        title="From lattice evidence to the first table, its grid, and whether there was one",
        **file_facts(path),
        samples=state["samples"],
        status="under-trained",
        data="evidence of windows of 32 to 256 pixels with drawn histories, from 522 lossless pictures; "
        "seeds 101 and on",
        seeds=(state["seed"],),
        steps=state["samples"] // BATCH,
        code_version=__version__,
        precision="fp32",
        inputs=INPUTS,
        outputs=OUTPUTS,
        parity=float(f"{parity:.3g}"),
        licence="Apache-2.0",
        paper="none; docs/engine.md and training/jpegtrace_training/combiner describe it",
        figures={
            "held_out_accuracy": round(held_out["accuracy"], 4),
            "held_out_squared_error": round(held_out["squared_error"], 4),
            "held_out_count_accuracy": round(held_out["count_accuracy"], 4),
            "held_out_windows": held_out["windows"],
            "golden_score_mean": round(score, 6),
            "golden_null": round(null, 6),
        },
        figures_on="windows held out of training (of the same pictures); "
        "golden_*: outputs for a fixed input, for tests",
        paper_figures={},
    )


def main() -> None:
    """Export a checkpoint into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--to", type=Path, default=NETWORKS, help=f"folder that holds {WEIGHTS}/ and {CARDS}/")
    parser.add_argument("--version", type=int, default=1)
    options = parser.parse_args()
    for folder in (WEIGHTS, CARDS):
        (options.to / folder).mkdir(parents=True, exist_ok=True)
    path, parity = export(options.checkpoint, options.to / WEIGHTS)
    card = card_of(path, options.checkpoint, parity, options.version)
    print(write_card(card, options.to / CARDS / "combiner.toml").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
