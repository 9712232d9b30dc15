"""Put the figures of ``benchmarks/results`` into the README; with ``--check`` only say whether they are there."""

from __future__ import annotations

import sys
from pathlib import Path

from pages.results import RESULTS
from pages.results import rows as measured

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN = "<!-- figures: begin, made by scripts/update_readme.py -->\n"
END = "<!-- figures: end -->"


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a results file that must be there; `measured` are those of one that few have the weights or time for."""
    if not (RESULTS / f"{name}.csv").exists():
        raise SystemExit(f"there are no results of {name}: run its benchmark")
    return measured(name)


Figure = tuple[str, str, str, str]


def figures() -> list[Figure]:
    """What was measured, the figure, what it is measured on, and the command."""
    reading = rows("reading")
    compared = sum(int(row["coefficients"]) for row in reading)
    differing = sum(int(row["differing"]) for row in reading)
    worst = max(float(row["worst_plane_error"]) for row in reading)
    files = sum(int(row["files"]) for row in reading)
    on = f"{files:,} files, {len(reading)} variants, against libjpeg"
    table = [
        ("Coefficients that differ from an independent reader", f"{differing} of {compared:,}", on, "reading.py"),
        ("Largest error of an unrounded plane", f"{worst:.1e} grey levels", "the same, against float64", "reading.py"),
    ]
    mutated = rows("mutations")
    total = sum(int(row["files"]) for row in mutated)
    crashes = sum(int(row["crashes"]) for row in mutated)
    slowest = max(float(row["slowest s"]) for row in mutated)
    table.append(
        (
            "Crashes on mutated files",
            f"{crashes} of {total:,}; slowest {slowest:.2f} s",
            f"{len(mutated)} kinds of file, 500 or more each",
            "mutations.py",
        )
    )
    start = {row["what"]: row for row in rows("startup")}
    for what, row in start.items():
        if "12 megapixels, baseline" in what or what in ("import jpegtrace", "jpegtrace --help"):
            memory = f", {row['peak_mib']} MiB" if "inspect" in what else ""
            on = "a made picture, default install" if memory else "default install"
            table.append((what, f"{row['seconds']} s{memory}", on, "startup.py"))
    for row in rows("chain_speed"):
        if row["what"].startswith("double_compress") and row["threads"] == "1":
            name = row["what"].removeprefix("double_compress ")
            table.append((f"Doubly compressed patches, {name}, one core", f"{float(row['value']):,.0f} a second",
                          "made pictures", "chain_speed.py"))  # fmt: skip
    for row in rows("primary_table"):
        if row["target"]:
            on = f"{row['pictures']} pictures, {int(row['patches']):,} patches; published {row['published']}"
            accuracy = f"{float(row['AvgAcc']):.3f} ({row['AvgAcc_interval']})"
            error = f"{float(row['AvgMSE']):.2f} ({row['AvgMSE_interval']})"
            what = f"First table, 64x64, {row['row']}: AvgAcc / AvgMSE"
            table.append((what, f"{accuracy} / {error}", on, "primary_table.py"))
    table += count_figures() + original_figures() + region_figures() + pixel_figures() + speed_figures()
    table += network_figures() + manipulation_figures() + stress_figures()
    return table


def count_figures() -> list[Figure]:
    """Once or twice."""
    counted = rows("compression_count")
    by_quality = [row for row in counted if row["last table"].startswith("QF2 ")]
    of_files = [row for row in counted if row not in by_quality]
    table = []
    for title, group, on in (
        ("any grid", by_quality, "for each QF2, 60 to 95"),
        ("tables of real files, one grid", of_files, "for each past (untouched, resized, blurred, median, noise)"),
    ):
        once = [row for row in group if row["truth"] != "twice"]
        twice = [row for row in group if row["truth"] == "twice" and row["last table"] != "QF2 60"]
        windows = f"{once[0]['windows']} windows of 256x256"
        false = max(float(row["called_twice"]) for row in once)
        table.append((f"Called twice, compressed once, {title}", f"{false:.1%} at most", f"{windows} {on}"))
        found = min(twice, key=lambda row: float(row["called_twice"]))
        by_lattice = float(found["called_twice_by_the_lattice_alone"])
        figure = f"{float(found['called_twice']):.1%} (by the lattice alone {by_lattice:.1%})"
        least = f"{windows}, QF2 from 75, least of all" if len(twice) > 1 else windows
        table.append((f"Called twice, compressed twice, {title}", figure, least))
    return [(*row, "compression_count.py") for row in table]


def original_figures() -> list[Figure]:
    """What is claimed of pictures as cameras wrote them."""
    found = rows("originals")
    every = [row for row in found if row["camera"] == "all cameras"]
    cameras = len({row["camera"] for row in found} - {"all cameras"})
    figure = ", ".join(f"{row['analysis']} {row['past_claimed']}" for row in every)
    on = f"{every[0]['pictures']} pieces of 512x512 of {cameras} cameras, cut without decoding"
    return [("Originals of cameras of which a past is claimed", figure, on, "originals.py")]


def region_figures() -> list[Figure]:
    """Parts with different pasts."""
    table = []
    for row in rows("regions"):
        on = f"{row['splices']} pictures made of {row['pictures']}"
        if row["F1"]:
            figure = f"{row['F1']} ({row['F1_interval']}) / {float(row['sources']):.0%}"
            table.append((f"Parts, {row['row']}: F1 / sources right", figure, on, "regions.py"))
        else:
            figure = f"{float(row['claimed']):.1%} / {float(row['divided']):.1%}"
            table.append((f"Parts, {row['row']}: claimed / divided in the map", figure, on, "regions.py"))
    return table


def pixel_figures() -> list[Figure]:
    """What decoded pixels tell (protocol P2)."""
    by = "quality_map.py"
    table = []
    for row in rows("quality_map_paper"):
        if row["reduced_to"].endswith("area") and row["crop"] == "none":
            on = f"{row['pictures']} pictures reduced to {row['reduced_to']}"
            if row["QF"] == "10-100":
                figure = f"{row['MAE']} ({row['MAE_interval']}) / {float(row['exact']):.1%}"
                on += f"; authors' network on camera pictures {row['paper_MAE']}"
                table.append(("Quality from pixels, QF 10 to 100: mean error / exact", figure, on, by))
            elif row["QF"] == "97-100":
                table.append(("Called JPEG, QF 97 to 100", f"{float(row['called_jpeg']):.1%}", on, by))
            elif row["QF"] == "never compressed":
                table.append(("Called never JPEG, never compressed", f"{float(row['called_never']):.1%}", on, by))
    for row in rows("quality_map_windows"):
        if row["QF"] == "all":
            what = f"Quality of {row['windows']} windows, {row['mode']}: mean error / exact / abstained"
            figure = f"{row['MAE']} / {float(row['exact_of_told']):.1%} / {float(row['abstained']):.1%}"
            table.append((what, figure, f"{int(row['n']):,} windows of {row['pictures']} pictures", by))
    for row in rows("quality_map_flag"):
        on = f"{int(row['windows']):,} windows of 64x64, each alone, of {row['pictures']} pictures"
        if row["QF"] == "never compressed, all":
            figure = f"{row['alarms']} ({float(row['called_jpeg']):.2%})"
            table.append(("Windows never compressed, called JPEG", figure, on, by))
        elif row["QF"] in ("10-99", "100"):
            table.append((f"JPEG missed, QF {row['QF']}, not flat", f"{float(row['missed']):.1%}", on, by))
    for row in rows("quality_map_collage"):
        if row["QF"] == "all":
            what = f"Collages with a compressed {row['compressed']}: F1"
            table.append((what, f"{row['F1']} ({row['F1_interval']})", f"{row['collages']} collages", by))
    for row in rows("audit_speed"):
        on = f"{row['pictures']} pictures of {row['side']}x{row['side']}, start-up included"
        table.append(("jpegtrace audit", f"{float(row['pictures_per_second']):.1f} a second", on, "audit_speed.py"))
    return table + scale_figures()


def scale_figures() -> list[Figure]:
    """Very many pictures, and very many uploads."""
    table: list[Figure] = []
    for row in measured("audit_scale"):
        if row["engine"] == "ray, killed":
            what = "jpegtrace audit --engine ray, worker and driver killed: rows that differ from the local engine's"
            table.append((what, row["differing_rows"], f"{row['pictures']} pictures", "audit_scale.py"))
        else:
            what = f"jpegtrace audit --engine {row['engine']}: CPU seconds a picture"
            figure = f"{float(row['cpu_seconds_each']):.2f}"
            if row["engine"] == "ray":
                what, figure = (
                    f"{what} / rows that differ from the local engine's",
                    f"{figure} / {row['differing_rows']}",
                )
            on = f"{row['pictures']} pictures of 240x320 to 640x480, start-up apart"
            table.append((what, figure, on, "audit_scale.py"))
    for row in measured("web_load"):
        if row["uploads_of"] == "all":
            what = f"jpegtrace serve, {row['uploads']} {row['part']} uploads at once: without a clear answer"
            on = f"server {row['server_mib_before']} to {row['server_mib_after']} MiB"
            table.append((what, row["without_a_clear_answer"], on, "web_load.py"))
    return table


def speed_figures() -> list[Figure]:
    """How fast, and beside the published network."""
    table = []
    for row in rows("map_speed"):
        if row["megapixels"] == "12":
            figure = f"{row['seconds']} s, {row['peak_mib']} MiB"
            what = f"jpegtrace map --what {row['map']}, 12 megapixels, stride 8"
            table.append((what, figure, f"{int(row['windows']):,} windows of 64x64 in a made picture", "map_speed.py"))
    return table


def network_figures() -> list[Figure]:
    """The published networks, as trained here, beside the engine."""
    table: list[Figure] = []
    by = "networks.py"
    for row in measured("networks_quality"):
        on = f"{row['pictures']} pictures reduced to 10 % of the area; {row['weights']}"
        if row["QF"] == "5-100":
            figure = f"{row['MAE']} ({row['MAE_interval']})"
            table.append(("`qf-pixel`, quality, QF 5 to 100: mean error", figure, on, by))
        elif row["QF"] in ("5-98", "never compressed"):
            what = f"`qf-pixel`, flag right, {'QF 5 to 98' if row['QF'] == '5-98' else row['QF']}"
            table.append((what, f"{float(row['flag_right']):.1%}", on, by))
    for row in measured("networks_table"):
        if row["pictures"].startswith("all"):
            what = f"First table, QF2 {row['QF2']}, {row['grid']}, by {row['by']}: AvgAcc / AvgMSE"
            on = f"{int(row['patches']):,} patches of {row['pictures']} pictures"
            on += f"{'; ' * bool(row['weights'])}{row['weights']}"
            table.append((what, f"{float(row['AvgAcc']):.3f} / {float(row['AvgMSE']):.2f}", on, by))
    for row in measured("networks_double"):
        if row["window"] == "256":
            grid = "one grid" if row["grid"] == "one" else "shifted grids"
            what = f"Once or twice, {grid}, tables {row['tables']}, by {row['by']}: accuracy / TPR / TNR"
            figure = f"{float(row['accuracy']):.3f} / {float(row['TPR']):.3f} / {float(row['TNR']):.3f}"
            on = f"{int(row['windows']):,} windows of 256x256{'; ' * bool(row['weights'])}{row['weights']}"
            table.append((what, figure, on, by))
    return table


def manipulation_figures() -> list[Figure]:
    """What was done before the last compression."""
    table: list[Figure] = []
    by = "manipulation.py"
    for row in measured("manipulation_classes"):
        if row["target"] and row["by"] == "jpegtrace":
            if row["group"].startswith("scale") != (row["task"] == "both kernels"):
                continue  # each interpolation apart
            what = f"Parameter of a manipulation before QF2 90, {row['group']}: accuracy"
            table.append(
                (
                    what,
                    f"{float(row['accuracy']):.3f}",
                    f"256x256, manipulation known; under-trained; published {row['published']}",
                    by,
                )
            )
    for row in measured("manipulation_between"):
        if row["target"]:
            what = f"Factors above 1.05, {row['task'].removeprefix('scale-')}, QF2 80 to 98: median error"
            table.append((what, row["median_error"], f"{row['pieces']} pieces; 90 % interval holds "
                          f"{float(row['covered']):.1%}", by))  # fmt: skip
    table.extend(
        (
            f"Only compressed, at 95 to 97 and then {row['QF2']}: called manipulated",
            f"{float(row['called_manipulated']):.3f}; without McMaster {float(row['called_others']):.3f}",
            f"{row['pieces']} pieces of 256x256; why: docs/manipulation.md",
            by,
        )
        for row in measured("manipulation_histories")
        if row["history"] == "compressed before at 95..97" and row["QF2"] in ("80", "90", "98")
    )
    return table


def stress_figures() -> list[Figure]:
    """What becomes of a JPEG past that somebody hides (protocol P4)."""
    table: list[Figure] = []
    of_attack: dict[str, dict[str, dict[str, str]]] = {}
    for row in measured("stress_pe"):
        if row["QF"] == "all":
            of_attack.setdefault(row["attack"], {})[row["what"]] = row
    for attack, by_what in of_attack.items():
        found, psnr = by_what["mean of the six"], by_what["PSNR"]
        what = "JPEG" if attack == "none" else f"JPEG, hidden by `{attack}`"
        table.append(
            (
                f"{what}: mean least error of six detectors / PSNR",
                f"{float(found['value']):.3f} ({found['interval']}) / {float(psnr['value']):.1f} dB",
                f"{found['pictures']} pictures of 256x256, QF 50 to 90",
                "stress.py",
            )
        )
    return table


def rendered() -> str:
    """The README with the figures of today."""
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END, 1)[1]
    lines = ["| what | figure | on | by |", "|---|---|---|---|"]
    lines += [f"| {what} | {figure} | {on} | `benchmarks/{command}` |" for what, figure, on, command in figures()]
    return before + BEGIN + "\n".join(lines) + "\n" + END + after


def main() -> None:
    """Write, or check."""
    text = rendered()
    if "--check" in sys.argv:
        if text != README.read_text(encoding="utf-8"):
            raise SystemExit("the figures of the README are not those of benchmarks/results: run this script")
    else:
        README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
