"""Fit the combiner to evidence files."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from jpegtrace.lattice.hypotheses import FREQUENCIES, full_library
from training.combiner.model import Combiner

ENTRIES = 15  # that accuracy and squared error are measured on
OTHERS = 8  # tables that are not IJG, drawn anew for every sample
BATCH = 48
INPUTS = ("origins", "cost", "scales", "zero_share", "last", "blocks")


def load(paths: Sequence[Path], *, keep: slice) -> dict[str, Tensor]:
    """Evidence of several files as one set; `keep` takes a part of each."""
    parts: dict[str, list[np.ndarray]] = {}
    for path in paths:
        with np.load(path) as stored:
            for name in stored.files:
                parts.setdefault(name, []).append(stored[name][keep])
    return {name: torch.from_numpy(np.concatenate(parts.pop(name))) for name in list(parts)}


class Batches:
    """Batches with their tables: all IJG ones, some others, and the truth where it is none of them."""

    def __init__(self, data: dict[str, Tensor]) -> None:
        self.data = data
        library = full_library()
        self.standard = int((library.qualities > 0).sum())
        self.tables = torch.from_numpy(library.tables[:, :FREQUENCIES].astype(np.int32))
        self.index = torch.from_numpy(library.index)
        first = data["first"]
        self.truth = torch.from_numpy(library.places(first.numpy()))
        reached = torch.from_numpy(library.steps).gather(1, self.truth.T).T
        self.readable = (reached.int() == first).all(1)

    def __len__(self) -> int:
        return len(self.data["origin"])

    def get(self, rows: Tensor, generator: torch.Generator | None, *, others: int = OTHERS) -> dict[str, Tensor]:
        """Inputs of the network for these rows, and the truth."""
        data, n = self.data, len(rows)
        first = data["first"][rows]
        ids = torch.arange(self.standard).expand(n, -1)
        if others:
            more = self.standard + torch.randint(len(self.tables) - self.standard, (n, others), generator=generator)
            ids = torch.cat([ids, more], 1)
        tables, index = self.tables[ids], self.index[ids]
        double = data["origin"][rows] >= 0
        known = (tables == first[:, None]).all(2).any(1)
        if others:
            put = double & ~known & self.readable[rows]
            tables[put, -1], index[put, -1] = first[put], self.truth[rows][put]
        place = index.transpose(1, 2)[:, None].expand(-1, data["ratio"].shape[1], -1, -1)
        batch = {
            name: data[name][rows].float().gather(3, place).transpose(2, 3).contiguous()
            for name in ("ratio", "promise")
        }
        batch |= {name: data[name][rows].float() for name in INPUTS if name != "origins"}
        same = (tables == first[:, None]).all(2)
        # One table twice on one grid leaves no trace: neither right nor wrong.
        hidden = double & (data["origin"][rows] == 0) & (first == data["last"][rows]).all(1)
        return batch | {
            "origins": data["origins"][rows].long(),
            "tables": tables[:, :, :ENTRIES].float(),
            "first": first[:, :ENTRIES].float(),
            "same": same,
            "double": double,
            "answerable": same.any(1) & double & ~hidden,
            "origin": data["origin"][rows].long(),
        }


def scores(model: Combiner, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Run the network on a batch."""
    return model(batch["ratio"], batch["promise"], *(batch[name] for name in INPUTS))


def loss_of(score: Tensor, null: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of the table, 0.3 expected squared error, - 3 expected accuracy; origin and "single" beside."""
    low = torch.full_like(score, -60.0)
    joint = torch.log_softmax(score.flatten(1), 1).view(score.shape)
    by_table = torch.logsumexp(joint, 1)
    p = by_table.exp()
    table = -torch.logsumexp(torch.where(batch["same"], by_table, low[:, 0]), 1).clamp(min=-15)
    off = batch["tables"] - batch["first"][:, None]
    accuracy = ((off == 0).float().mean(2) * p).sum(1)
    squared = ((off**2).mean(2).clamp(max=150) * p).sum(1)
    here = batch["origins"] == batch["origin"][:, None]
    origin = -torch.logsumexp(torch.where(here[:, :, None], joint, low).flatten(1), 1).clamp(min=-15)
    all_together = torch.log_softmax(torch.cat([score.flatten(1), null[:, None]], 1), 1)
    right = torch.where(batch["same"][:, None], all_together[:, :-1].view(score.shape), low).flatten(1)
    count = -torch.where(batch["double"], torch.logsumexp(right, 1), all_together[:, -1]).clamp(min=-15)
    answerable, told = batch["answerable"].float(), (batch["answerable"] | ~batch["double"]).float()
    found = answerable * here.any(1).float()
    return ((table + 0.3 * squared - 3 * accuracy) * answerable + 0.3 * count * told + 0.2 * origin * found).mean()


@torch.no_grad()
def measure(model: Combiner, batches: Batches) -> dict[str, float]:
    """Accuracy and squared error of the mode and the median among IJG tables, on held-out samples that have one."""
    model.eval()
    right, error, count = [], [], 0
    for rows in torch.arange(len(batches)).split(64):
        batch = batches.get(rows, None, others=0)
        score, _ = scores(model, batch)
        p = torch.softmax(score.flatten(1), 1).view(score.shape).sum(1)[batch["answerable"]]
        tables, first = batch["tables"][0], batch["first"][batch["answerable"]]
        count += len(p)
        for f in range(ENTRIES):
            values, place = torch.unique(tables[:, f], return_inverse=True)
            each = torch.zeros(len(p), len(values)).index_add_(1, place, p)
            median = values[(each.cumsum(1) < 0.5).sum(1).clamp(max=len(values) - 1)]
            right.append((values[each.argmax(1)] == first[:, f]).float())
            error.append((median - first[:, f]) ** 2)
    model.train()
    return {"accuracy": float(torch.cat(right).mean()), "squared_error": float(torch.cat(error).mean()), "n": count}


def train(paths: Sequence[Path], work: Path, *, epochs: int, seed: int = 0, rate: float = 2e-3) -> Path:
    """Train on the files, hold out the last 3 % of each; checkpoints after every epoch, resumed when there is one."""
    torch.manual_seed(seed)
    sizes = {path: np.load(path)["origin"].shape[0] for path in paths}
    held = min(sizes.values()) * 3 // 100 + 1
    data, check = Batches(load(paths, keep=slice(0, -held))), Batches(load(paths, keep=slice(-held, None)))
    model = Combiner()
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-3)
    steps = len(data) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * steps + 1, pct_start=0.15)
    checkpoint, begin = work / f"combiner-{epochs}.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        begin = state["epoch"] + 1
    start = time.perf_counter()
    for epoch in range(begin, epochs):
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        order = torch.randperm(len(data), generator=generator)
        losses = []
        for step in range(steps):
            batch = data.get(order[step * BATCH : (step + 1) * BATCH], generator)
            loss = loss_of(*scores(model, batch), batch)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        found = measure(model, check)
        spent = time.perf_counter() - start
        left = spent / (epoch - begin + 1) * (epochs - epoch - 1)
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
                "samples": (epoch + 1) * steps * BATCH,
                "held_out": found,
                "seed": seed,
            },
            checkpoint,
        )
    return checkpoint
