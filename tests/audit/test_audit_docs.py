"""What docs/audit.md says of hours is what was measured."""

import csv
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "audit_scale_hours.csv"


def table(measured):
    """The table of the page, of the rows of `benchmarks/results/audit_scale_hours.csv`."""
    lines = ["| pictures | machines | hours of reading | hours of finishing | hours | memory of the driver |"]
    lines.append("|---|---|---|---|---|---|")
    for row in measured:
        pictures, machines = (f"{int(row[name]):,}" for name in ("pictures", "machines"))
        hours = [f"{float(row[name]):,.1f}" for name in ("hours_reading", "hours_finishing", "hours")]
        bound = " (bound by the driver)" if row["bound_by"] == "driver" else ""
        memory = f"{float(row['driver_gib_of_digests']):.1f} GiB"
        lines.append(f"| {pictures} | {machines} | {hours[0]}{bound} | {hours[1]} | {hours[2]} | {memory} |")
    return "\n".join(lines)


def test_the_hours_are_those_of_the_results():
    with RESULTS.open(newline="", encoding="utf-8") as file:
        wanted = table(csv.DictReader(file))
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert wanted in page, f"docs/audit.md should hold\n{wanted}"
