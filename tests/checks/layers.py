"""Data flow one way: a module imports only from its own row and from rows above."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

# From what knows nothing to what knows everything. `jpegtrace` itself only names things, lazily.
ROWS = (
    ("errors", "_jit", "_progress"),
    ("_median", "_variety", "_files", "_workers"),
    ("limits", "data"),
    ("tables",),
    ("jpeg",),
    ("metadata", "raster"),
    ("picture", "networks"),
    ("lattice",),
    ("pixels", "manipulation", "laundering"),
    ("chain",),
    ("evidence",),
    ("findings",),
    ("analyses",),
    ("report",),
    ("inspection",),
    ("stress",),
    ("audit", "doctor"),
    ("web",),
    ("_terminal",),
    ("cli_stress", "cli_serve", "cli_study"),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}
# Rows that may not know each other although they are above everything else: simulated truth never feeds an answer.
FORBIDDEN = {("analyses", "chain"), ("report", "chain"), ("inspection", "chain")}


def read_sources(root: Path) -> dict[str, str]:
    """Dotted module name to source, below `root` (the folder of the package)."""
    return {
        ".".join(path.relative_to(root.parent).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*.py"))
    }


def violations(sources: Mapping[str, str]) -> list[str]:
    """Imports that go against the flow, anywhere in a module: at the top, in a function, or for types only."""
    found = []
    for module, source in sources.items():
        parts = module.split(".")
        if len(parts) < 2 or parts[1] == "__init__":
            continue
        own = parts[1]
        if own not in RANK:
            found.append(f"{module} is in no row")
            continue
        for target in _imported(ast.parse(source)):
            other = target.split(".")[1]
            if other not in RANK:
                found.append(f"{module} imports {target}, which is in no row")
            elif RANK[other] > RANK[own] or (RANK[other] == RANK[own] and other != own):
                found.append(f"{module} imports {target}, which is not above it")
            elif (own, other) in FORBIDDEN:
                found.append(f"{module} imports {target}, which it must not know")
    return found


def _imported(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("jpegtrace."))
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "jpegtrace.relative-imports-are-not-used"
            elif node.module == "jpegtrace":
                yield from (f"jpegtrace.{alias.name}" for alias in node.names if alias.name != "__version__")
            elif node.module and node.module.startswith("jpegtrace."):
                yield node.module
