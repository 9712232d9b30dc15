"""Commands and code in the documentation, run as they stand.

A ``console`` block holds commands behind ``$``; lines below a command are its output, where ``...`` stands for
anything. A ``python`` block is run as it is; an ``output`` block behind it is what it prints. Commands that tests
cannot run as they stand are in ``bash`` blocks and in `NOT_RUN`, which says why and who runs them instead. Every other
block quotes something and holds no command.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```[ \t]*$", re.S | re.M)
_COMMAND = re.compile(r"^\s*(\$ |(sudo |\.venv/bin/)?(jpegtrace|pip3?|python3?|torchrun|uv|docker|curl|npm) )", re.M)
QUOTES = ("text", "json", "toml", "html")
SECONDS = 600  # after which a command is taken to hang

_INSTALLS = "installs a whole environment; .ci/run does"
_LONG = "trains for hours on pictures that do not ship; tests/training and tests/test_cli_train.py run short trainings"
_SERVED = "needs a server that runs beside it; tests/web asks the same addresses"
NOT_RUN = {
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/jpegtrace inspect examples/harbour.jpg": (
        "installs a whole environment; scripts/check_release.py does, from the wheel"
    ),
    "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/python -m pytest": _INSTALLS,
    ".venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy": ".ci/run does",
    ".venv/bin/pip install -e '.[docs]' && .venv/bin/zensical build --strict": "tests/test_site.py builds it",
    "jpegtrace models fetch ID --from PATH_OR_URL": "nobody offers weights yet; tests/test_cli_models.py does",
    "pip install 'jpegtrace[web]'": "installs packages; scripts/check_release.py installs the wheel",
    "jpegtrace serve --open": "opens a browser; tests/test_cli_serve.py starts it without",
    "curl -F picture=@examples/harbour.jpg -F maps=everywhere http://127.0.0.1:8341/api/pictures": _SERVED,
    "curl http://127.0.0.1:8341/api/jobs/ID": _SERVED,
    "curl http://127.0.0.1:8341/api/jobs/ID/report.json": _SERVED,
    "curl http://127.0.0.1:8341/api/jobs/ID/maps/regions/source?form=npy -o source.npy": _SERVED,
    "curl -X DELETE http://127.0.0.1:8341/api/jobs/ID": _SERVED,
    "jpegtrace audit /data/photos -o audit.parquet --engine ray": (
        "takes all cores for Ray; tests/audit/test_audit_ray.py does"
    ),
    "jpegtrace audit s3://bucket/photos -o audit.parquet --engine ray --address 10.0.0.1:6379": (
        "needs a bucket and a cluster; tests/audit/test_audit_ray.py asks addresses of other places"
    ),
    "jpegtrace train qf-pixel --pictures PICTURES --run runs/qf-pixel --samples 200000 --schedule cosine --clip 1": (
        _LONG
    ),
    "jpegtrace train q1-dense-reg --pictures PICTURES --run runs/q1-dense-reg --samples 200000 --schedule cosine": (
        _LONG
    ),
    "jpegtrace study PICTURES -o study --experiment grid,quality --networks small,resnet50": (
        "trains for hours on pictures that do not ship; tests/study runs short studies"
    ),
    "torchrun --nproc-per-node 4 -m jpegtrace_training q1-dense --pictures PICTURES --run runs/q1 --workers 8 "
    "--compile": "needs four GPUs; tests/training/test_trainer.py runs two processes",
    "python -m jpegtrace_training.shipped qf-pixel begin.pt": "tests/training/test_shipped.py does",
    "jpegtrace train qf-pixel --pictures PICTURES --run runs/qf-pixel-2 --begin begin.pt --seed 1 --samples 200000": (
        _LONG
    ),
    "python -m jpegtrace_training.shipping runs/qf-pixel --curve benchmarks/results/learning_curve_qf-pixel.csv": (
        "needs the run of hours; tests/training/test_shipping.py ships a short one"
    ),
}


@dataclass(frozen=True)
class Example:
    """One command or piece of code, with the output that the text promises (None: says nothing)."""

    place: str
    kind: str
    code: str
    expected: str | None


def examples(path: Path) -> list[Example]:
    """Everything in a Markdown file that can be run."""
    found: list[Example] = []
    for place, kind, body in _blocks(path):
        if kind == "python":
            found.append(Example(place, kind, body, None))
        elif kind == "output":
            assert [one.kind for one in found[-1:]] == ["python"], f"{place}: output of nothing"
            found[-1] = Example(found[-1].place, "python", found[-1].code, body)
        elif kind == "console":
            for command in re.split(r"^\$ ", body, flags=re.M)[1:]:
                line, output = _first_command(command)
                found.append(Example(place, kind, line, output if output.strip() else None))
    return found


def commands_not_run(path: Path) -> Iterator[tuple[str, str]]:
    """Place and command of every line of a ``bash`` block; a line that ends with a backslash goes on."""
    for place, kind, body in _blocks(path):
        if kind == "bash":
            for line in re.sub(r"\\\n\s*", "", body).splitlines():
                if command := re.sub(r"(^|\s)#.*", "", line).strip():
                    yield place, command


def unguarded(path: Path, listed: Iterable[str]) -> list[str]:
    """What of a Markdown file nobody runs, and no list says why."""
    known = set(listed)
    found = [f"{place}: {command}" for place, command in commands_not_run(path) if command not in known]
    for place, kind, body in _blocks(path):
        if kind in ("console", "python", "output", "bash"):
            if kind == "console" and not body.startswith("$ "):
                found.append(f"{place}: a console block begins with $ and a command")
        elif kind not in QUOTES:
            found.append(f"{place}: a block of {kind or 'no language'}, which is none of those that are run or quoted")
        elif command := _COMMAND.search(body):
            found.append(f"{place}: a command in a block of {kind}: {command[0].strip()}")
    return found


def _blocks(path: Path) -> Iterator[tuple[str, str, str]]:
    text = path.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        yield f"{path.name}:{text.count(chr(10), 0, block.start()) + 1}", block[1], block[2]


def _first_command(text: str) -> tuple[str, str]:
    """A command, with the lines that it goes on in, and what follows."""
    lines = text.splitlines(keepends=True)
    end = next(i for i, line in enumerate(lines, 1) if not line.rstrip("\n").endswith("\\"))
    return "".join(lines[:end]).rstrip("\n"), "".join(lines[end:])


def check_example(example: Example, folder: Path, programs: Path = Path(sys.executable).parent) -> None:
    """Run it in `folder`; it must succeed and print what the text promises.

    Args:
        example: to run.
        folder: where.
        programs: folder of the commands, those of this environment where not given.
    """
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"COLUMNS": "100", "NO_COLOR": "1"}
    command = [str(programs / "python"), "-c", example.code] if example.kind == "python" else ["sh", "-c", example.code]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that what a shell started ends with it
    ) as process:
        try:
            printed, complaints = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"{example.place}: {example.code}\nis not done after {SECONDS} s") from None
    assert process.returncode == 0, f"{example.place}: {example.code}\n{complaints}"
    if example.expected is not None:
        assert _matches(example.expected, printed), f"{example.place}: printed\n{printed}"


def _matches(expected: str, printed: str) -> bool:
    def tidy(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    pattern = ".*?".join(re.escape(part) for part in tidy(expected).split("..."))
    return re.fullmatch(pattern, tidy(printed), re.S) is not None
