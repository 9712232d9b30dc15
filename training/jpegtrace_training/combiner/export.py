"""Export the combiner to ONNX, check that it agrees with the trained one, and write its card."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from jpegtrace.lattice.hypotheses import FREQUENCIES
from jpegtrace_training.combiner.golden import golden_inputs
from jpegtrace_training.combiner.model import Combiner

WEIGHTS = Path(__file__).parents[2] / "src" / "jpegtrace" / "networks" / "weights"
NAMES = ("ratio", "promise", "kinds", "origins", "cost", "scales", "zero_share", "last", "blocks")
LARGEST_DIFFERENCE = 1e-3


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
        output_names=["score", "null"],
        dynamic_axes={
            name: {axis: "tables"} for name, axis in (("ratio", 2), ("promise", 2), ("kinds", 1), ("score", 2))
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


def write_card(path: Path, checkpoint: Path, parity: float, version: int) -> Path:
    """Write the card beside the weights."""
    state = torch.load(checkpoint, weights_only=True)
    data = path.read_bytes()
    figures = state["held_out"]
    golden_score, golden_null = golden(path)
    card = path.with_suffix(".toml")
    card.write_text(
        f"""id = "combiner"
version = {version}
sha256 = "{hashlib.sha256(data).hexdigest()}"
bytes = {len(data)}
samples = {state["samples"]}
status = "under-trained"
data = "evidence of windows of 32 to 256 pixels, histories drawn from 522 lossless pictures; held out: other windows"
contract = "evidence (1, origins, tables, 28) and window statistics to scores (1, origins, tables) and (1,)"
parity = {parity:.3g}
licence = "Apache-2.0"
reference = "training/jpegtrace_training/combiner"

[figures]
held_out_accuracy = {figures["accuracy"]:.4f}
held_out_squared_error = {figures["squared_error"]:.4f}
held_out_count_accuracy = {figures["count_accuracy"]:.4f}
held_out_windows = {figures["windows"]}
golden_score_mean = {golden_score:.6f}
golden_null = {golden_null:.6f}
""",
        encoding="utf-8",
    )
    return card


def main() -> None:
    """Export a checkpoint into the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--to", type=Path, default=WEIGHTS)
    parser.add_argument("--version", type=int, default=1)
    options = parser.parse_args()
    path, parity = export(options.checkpoint, options.to)
    print(write_card(path, options.checkpoint, parity, options.version).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
