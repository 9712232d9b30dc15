"""Write the pages and parts of ``docs`` that are made from code and results; with ``--check`` only say what is stale.

They are committed, so that they can be read where the project is read, without building a site. With PyTorch installed
the lists that the command reads without it are written, too: of networks that can be trained
(`jpegtrace.networks.trainable`), and of what a study is made of (`jpegtrace.cli_study`).
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from pages import analyses, api, cli, sections

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def made() -> dict[Path, str]:
    """Everything that is made, by its place."""
    found = {DOCS / path: text for path, text in analyses.pages().items()}
    found[DOCS / "cli.md"] = cli.page()
    found[DOCS / "api.md"] = api.page()
    for name, parts in sections.SECTIONS.items():
        found[DOCS / name] = sections.filled((DOCS / name).read_text(encoding="utf-8"), parts)
    if find_spec("torch") is not None:
        from jpegtrace_training.recipes import recipes
        from jpegtrace_training.study.conditions import EXPERIMENTS
        from jpegtrace_training.study.networks.registry import ARCHITECTURES
        from jpegtrace_training.study.tasks.registry import TASKS

        lines = [f'{recipe.id} = "{recipe.title}"' for recipe in recipes().values()]
        found[ROOT / "src" / "jpegtrace" / "networks" / "trainable.toml"] = "\n".join(lines) + "\n"
        parts = {"tasks": TASKS, "experiments": EXPERIMENTS, "networks": ARCHITECTURES}
        lines = [f"{kind} = {json.dumps(list(known))}" for kind, known in parts.items()]
        found[ROOT / "src" / "jpegtrace" / "data" / "study.toml"] = "\n".join(lines) + "\n"
    return found


def stale(found: dict[Path, str]) -> list[Path]:
    """What is not as it would be made, and pages of analyses that are no more."""
    differing = [path for path, text in found.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return differing + [path for path in sorted((DOCS / "analyses").glob("*")) if path not in found]


def main() -> None:
    """Write, or check."""
    found = made()
    old = stale(found)
    if "--check" in sys.argv:
        if old:
            names = ", ".join(str(path.relative_to(ROOT)) for path in old)
            raise SystemExit(f"run scripts/update_docs.py: {names} is not what the code and the results say")
        return
    for path in old:
        if path in found:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(found[path], encoding="utf-8")
        else:
            path.unlink()
        print(f"{'wrote' if path in found else 'removed'} {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
