"""Fit the combiner to evidence files."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from jpegtrace.lattice.candidates import FREE, OTHER, STANDARD
from jpegtrace.lattice.hypotheses import FREQUENCIES, full_library
from jpegtrace_training.combiner.model import Combiner

ENTRIES = 15  # that accuracy and squared error are measured on
BATCH = 64
INPUTS = ("kinds", "origins", "cost", "scales", "zero_share", "last", "blocks")


def load(paths: Sequence[Path], *, keep: slice) -> dict[str, Tensor]:
    """Evidence of several files as one set; `keep` takes a part of each."""
    parts: dict[str, list[np.ndarray]] = {}
    for path in paths:
        with np.load(path) as stored:
            for name in stored.files:
                parts.setdefault(name, []).append(stored[name][keep])
    return {name: torch.from_numpy(np.concatenate(parts.pop(name))) for name in list(parts)}


class Batches:
    """Batches with the tables that the product would ask about."""

    def __init__(self, data: dict[str, Tensor]) -> None:
        self.data = data
        library = full_library()
        self.standard = int((library.qualities > 0).sum())
        self.tables = torch.from_numpy(library.tables[:, :FREQUENCIES].astype(np.int32))
        self.index = torch.from_numpy(library.index)
        free = data["free"].numpy()
        self.free_index = torch.from_numpy(
            library.places(free.reshape(-1, FREQUENCIES)).reshape(free.shape).astype(np.uint8)
        )
        self.kinds = torch.tensor(
            [STANDARD] * self.standard + [OTHER] * data["others"].shape[1] + [FREE] * free.shape[1]
        )

    def __len__(self) -> int:
        return len(self.data["origin"])

    def get(self, rows: Tensor) -> dict[str, Tensor]:
        """Inputs of the network for these rows, and the truth."""
        data, n = self.data, len(rows)
        first = data["first"][rows]
        ids = torch.cat([torch.arange(self.standard).expand(n, -1), data["others"][rows].long()], 1)
        tables = torch.cat([self.tables[ids], data["free"][rows].int()], 1)
        index = torch.cat([self.index[ids], self.free_index[rows].long()], 1)
        place = index.transpose(1, 2)[:, None].expand(-1, data["ratio"].shape[1], -1, -1)
        batch = {
            name: data[name][rows].float().gather(3, place).transpose(2, 3).contiguous()
            for name in ("ratio", "promise")
        }
        batch |= {name: data[name][rows].float() for name in INPUTS if name not in ("origins", "kinds")}
        double = data["origin"][rows] >= 0
        same = (tables == first[:, None]).all(2) & double[:, None]
        return batch | {
            "kinds": self.kinds.expand(n, -1),
            "origins": data["origins"][rows].long(),
            "tables": tables[:, :, :ENTRIES].float(),
            "first": first[:, :ENTRIES].float(),
            "same": same,
            "double": double,
            # One table twice on one grid leaves no trace.
            "traced": double & ~((data["origin"][rows] == 0) & (first == data["last"][rows]).all(1)),
            "origin": data["origin"][rows].long(),
        }


def scores(model: Combiner, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Run the network on a batch."""
    return model(batch["ratio"], batch["promise"], *(batch[name] for name in INPUTS))


def loss_of(score: Tensor, null: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropies of table, entries, origin and count, and the squared error of the mean entry.

    All of them are proper scores, least where the probabilities are true. Expected accuracy in place of the entries'
    cross-entropy reads no better and is far worse calibrated.
    """
    low = torch.full_like(score, -60.0)
    joint = torch.log_softmax(score.flatten(1), 1).view(score.shape)
    by_table = torch.logsumexp(joint, 1)
    p = by_table.exp()[..., None]
    table = -torch.logsumexp(torch.where(batch["same"], by_table, low[:, 0]), 1).clamp(min=-15)
    off = batch["tables"] - batch["first"][:, None]
    entries = -torch.log(((off == 0).float() * p).sum(1).clamp(min=1e-3)).mean(1)
    squared = (p * off).sum(1).square().clamp(max=600).mean(1)
    here = batch["origins"] == batch["origin"][:, None]
    origin = -torch.logsumexp(torch.where(here[:, :, None], joint, low).flatten(1), 1).clamp(min=-15)
    odds = torch.logsumexp(score.flatten(1), 1) - null
    count = nn.functional.binary_cross_entropy_with_logits(odds, batch["traced"].float(), reduction="none")
    double, listed, found = (x.float() for x in (batch["double"], batch["same"].any(1), here.any(1)))
    return (0.5 * table * listed + (2 * entries + 0.08 * squared) * double + 0.5 * count + 0.2 * origin * found).mean()


@torch.no_grad()
def measure(model: Combiner, batches: Batches) -> dict[str, float]:
    """Accuracy and squared error of the median on held-out windows, and how often "once or twice" is right."""
    model.eval()
    right, error, told, count = [], [], [], 0
    for rows in torch.arange(len(batches)).split(64):
        batch = batches.get(rows)
        score, null = scores(model, batch)
        told.append(((torch.logsumexp(score.flatten(1), 1) > null) == batch["traced"]).float())
        chosen = batch["double"]
        p = torch.softmax(score.flatten(1), 1).view(score.shape).sum(1)[chosen]
        tables, first = batch["tables"][chosen], batch["first"][chosen]
        count += len(rows)
        order = tables.argsort(1)
        place = (p[..., None].expand_as(tables).gather(1, order).cumsum(1) < 0.5).sum(1, keepdim=True)
        median = tables.gather(1, order.gather(1, place.clamp(max=tables.shape[1] - 1)))[:, 0]
        right.append((median == first).float().flatten())
        error.append(((median - first) ** 2).flatten())
    model.train()
    return {
        "accuracy": float(torch.cat(right).mean()),
        "squared_error": float(torch.cat(error).mean()),
        "count_accuracy": float(torch.cat(told).mean()),
        "windows": count,
    }


def train(
    paths: Sequence[Path],
    work: Path,
    *,
    epochs: int,
    seed: int = 0,
    rate: float = 2e-3,
    begin: Path | None = None,
    name: str = "combiner",
) -> Path:
    """Train on the files, hold out some of each; checkpoints after every epoch, resumed when there is one.

    `begin` is a checkpoint of an earlier training whose weights this one begins with.
    """
    torch.manual_seed(seed)
    sizes = {path: np.load(path)["origin"].shape[0] for path in paths}
    held = min(sizes.values()) * 3 // 100 + 1
    data, check = Batches(load(paths, keep=slice(0, -held))), Batches(load(paths, keep=slice(-held, None)))
    model, before = Combiner(), 0
    if begin and begin.resolve() == (work / f"{name}-{epochs}.pt").resolve():
        raise SystemExit("a training cannot begin with its own checkpoint: give it another name")
    if begin:
        earlier = torch.load(begin, weights_only=True)
        model.load_state_dict(earlier["model"])
        before = earlier["samples"]
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-3)
    steps = len(data) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * steps + 1, pct_start=0.15)
    checkpoint, reached = work / f"{name}-{epochs}.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        reached, before = state["epoch"] + 1, state["before"]
    start = time.perf_counter()
    for epoch in range(reached, epochs):
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        order = torch.randperm(len(data), generator=generator)
        losses = []
        for step in range(steps):
            batch = data.get(order[step * BATCH : (step + 1) * BATCH])
            loss = loss_of(*scores(model, batch), batch)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        found = measure(model, check)
        spent = time.perf_counter() - start
        left = spent / (epoch - reached + 1) * (epochs - epoch - 1)
        print(
            f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.3f}, held out {json.dumps(found)}, {left:.0f} s left",
            flush=True,
        )
        torch.save(
            {
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "epoch": epoch,
                "before": before,
                "samples": before + (epoch + 1) * steps * BATCH,
                "held_out": found,
                "seed": seed,
            },
            checkpoint,
        )
    return checkpoint
