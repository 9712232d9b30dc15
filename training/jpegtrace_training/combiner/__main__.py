"""Train the combiner: ``python -m jpegtrace_training.combiner --pictures FOLDER --work FOLDER``.

Evidence files are made first (those that are there are kept), then the network is trained; `combiner.export` exports
it. Everything takes about 40 minutes on two cores; ``--smoke`` takes a minute and tells only whether it works.
"""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

from jpegtrace_training.combiner.data import make_job

# window, files, windows in each
PLAN = ((64, 14, 5000), (32, 2, 4000), (128, 4, 3500), (256, 2, 1500), (64, 14, 5000), (128, 2, 3500), (256, 2, 1500))
SMOKE = ((64, 1, 300), (32, 1, 100))


def main() -> None:
    """Make evidence, train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of lossless RGB pictures")
    parser.add_argument("--work", type=Path, required=True, help="folder for evidence and checkpoints")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--begin", type=Path, help="a checkpoint whose weights to begin with")
    parser.add_argument("--name", default="combiner", help="of the checkpoints")
    parser.add_argument("--only-data", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    jobs, seed = [], 100
    for window, files, count in SMOKE if options.smoke else PLAN:
        for _ in range(files):
            seed += 1
            name = f"{'smoke' if options.smoke else 'evidence'}-{window}-{seed}.npz"
            jobs.append((options.work / name, options.pictures, count, seed, window))
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for _ in pool.imap_unordered(make_job, jobs, chunksize=1):
            pass
    if options.only_data:
        return
    from jpegtrace_training.combiner.train import train

    train(
        [job[0] for job in jobs],
        options.work,
        epochs=2 if options.smoke else options.epochs,
        begin=options.begin,
        name=options.name,
    )


if __name__ == "__main__":
    main()
