"""Commands and code in the documentation, run as they stand.

A ``console`` block holds commands behind ``$``; lines below a command are its output, where ``...`` stands for
anything. A ``python`` block is run as it is. Installation commands are in ``bash`` blocks and are not run here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.S | re.M)


@dataclass(frozen=True)
class Example:
    """One command or piece of code, with the output that the text promises (None: says nothing)."""

    place: str
    kind: str
    code: str
    expected: str | None


def examples(path: Path) -> list[Example]:
    """Everything in a Markdown file that can be run."""
    text = path.read_text(encoding="utf-8")
    found = []
    for block in _BLOCK.finditer(text):
        place = f"{path.name}:{text.count(chr(10), 0, block.start()) + 1}"
        if block[1] == "python":
            found.append(Example(place, "python", block[2], None))
            continue
        for command in re.split(r"^\$ ", block[2], flags=re.M)[1:]:
            line, _, output = command.partition("\n")
            found.append(Example(place, "console", line, output if output.strip() else None))
    return found


def check_example(example: Example, folder: Path) -> None:
    """Run it in `folder`; it must succeed and print what the text promises."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"COLUMNS": "100", "NO_COLOR": "1"}
    command = [sys.executable, "-c", example.code] if example.kind == "python" else ["sh", "-c", example.code]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{example.place}: {example.code}\n{done.stderr}"
    if example.expected is not None:
        assert _matches(example.expected, done.stdout), f"{example.place}: printed\n{done.stdout}"


def _matches(expected: str, printed: str) -> bool:
    def tidy(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    pattern = ".*?".join(re.escape(part) for part in tidy(expected).split("..."))
    return re.fullmatch(pattern, tidy(printed), re.S) is not None
