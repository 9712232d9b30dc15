"""What the reader makes of damaged files: 500 of each format, seeded, one process a format.

    python benchmarks/mutations.py [--count 500] [--seed 1] [--out benchmarks/results/mutations.csv]

Every file must be read, read in part, or refused with an error of ours that says what and where, within 5 seconds
and 4 GiB of address space. The exit code is 1 when one is not.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
ADDRESS_SPACE = 4 << 30
REFUSALS = ("CorruptInput", "UnsupportedFormat", "UnknownFormat", "LimitExceeded")


def run_format(form: str, count: int, seed: int) -> dict[str, Any]:
    """In a process of its own: damage files of one format and read them."""
    from support.mutations import damaged_files, exercise, originals

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for data in originals()[form]:
        exercise(data)  # compiles the kernels
    outcomes = [exercise(data) for data in damaged_files(form, count, seed)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kinds = Counter("crash" if o.kind.startswith("crash") else o.kind for o in outcomes)
    return {
        "format": form,
        "files": len(outcomes),
        "opened": kinds["opened"],
        "damaged but read": kinds["damaged"],
        **{name: kinds[name] for name in REFUSALS},
        "other errors": sum(n for k, n in kinds.items() if k not in ("opened", "damaged", "crash", *REFUSALS)),
        "crashes": kinds["crash"],
        "slowest s": round(max(o.seconds for o in outcomes), 3),
        "peak MiB": round(peak),
        "_crashes": [o.kind for o in outcomes if o.kind.startswith("crash")],
    }


def environment() -> dict[str, object]:
    """What the figures depend on."""
    import numba
    import numpy
    import PIL

    import jpegtrace

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "numba": numba.__version__,
        "pillow": PIL.__version__,
        "jpegtrace": jpegtrace.__version__,
    }


def main() -> int:
    """Run every format and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "mutations.csv")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run_format(options.only, options.count, options.seed)))
        return 0
    from support.mutations import SECONDS, originals

    rows, good = [], True
    for form in originals():
        command = [sys.executable, __file__, "--only", form, "--count", str(options.count), "--seed", str(options.seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
        if done.returncode:
            print(f"{form}: the process died with {done.returncode}\n{done.stderr[-2000:]}", file=sys.stderr)
            good = False
            continue
        row = json.loads(done.stdout.splitlines()[-1])
        for crash in row.pop("_crashes"):
            print(f"{form}: {crash}", file=sys.stderr)
        good = good and row["crashes"] == 0 and row["slowest s"] <= SECONDS
        rows.append({**row, **environment(), "seed": options.seed})
        print({key: rows[-1][key] for key in row}, file=sys.stderr)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
