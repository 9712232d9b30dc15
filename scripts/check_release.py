"""Try the release as a user gets it: build sdist and wheel, install the wheel in a clean environment, run it.

Run ``python scripts/check_release.py``; it needs hatchling, which the extra ``[dev]`` installs. Checked are

- that the sdist builds the same wheel as the tree does, file by file;
- that the wheel is small enough;
- in a new virtual environment, outside the tree: the command of the README with what the README says it prints,
  ``jpegtrace doctor``, ``jpegtrace models verify``, and that all requirements are met.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LARGEST = 60_000_000  # bytes of the wheel
NEEDED = ("LICENSE", "CITATION.cff", "README.md", "CHANGELOG.md", "mkdocs.yml", "tests/test_docs.py", "docs/index.md")

sys.path.insert(0, str(ROOT / "tests"))
from checks.docs import check_example, examples  # noqa: E402 - tests are no package that is installed


class ReleaseFault(Exception):
    """Something of the release is not as it must be."""


def build(tree: Path, target: str, out: Path) -> Path:
    """Build "sdist" or "wheel" from a tree."""
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.iterdir())
    run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)], tree)
    (made,) = set(out.iterdir()) - before
    return made


def run(command: list[str], folder: Path) -> str:
    """Run a command; what it prints."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ReleaseFault(f"{' '.join(command)} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def contents(wheel: Path) -> dict[str, int]:
    """Files of a wheel with their checksums."""
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.CRC for info in archive.infolist()}


def differences(one: dict[str, int], other: dict[str, int]) -> list[str]:
    """Names of files that only one of two wheels has, or that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def unpacked(sdist: Path, out: Path) -> Path:
    """The tree of an sdist; everything that must be in it is."""
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    (tree,) = out.iterdir()
    if missing := [name for name in NEEDED if not (tree / name).exists()]:
        raise ReleaseFault(f"the sdist lacks {', '.join(missing)}")
    return tree


def built(folder: Path) -> Path:
    """The wheel, built from the tree and, the same, from the sdist."""
    wheel = build(ROOT, "wheel", folder / "dist")
    sdist = build(ROOT, "sdist", folder / "dist")
    again = build(unpacked(sdist, folder / "sdist"), "wheel", folder / "again")
    if differing := differences(contents(wheel), contents(again)):
        raise ReleaseFault(f"the wheel of the sdist is another one: {', '.join(differing[:10])}")
    if wheel.stat().st_size > LARGEST:
        raise ReleaseFault(f"the wheel has {wheel.stat().st_size:,} bytes; {LARGEST:,} are allowed")
    print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, {len(contents(wheel))} files")
    print(f"{sdist.name}: {sdist.stat().st_size:,} bytes, builds the same wheel")
    return wheel


def tried(wheel: Path, folder: Path) -> None:
    """Install the wheel in an environment of its own and use it from elsewhere."""
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    python = str(programs / "python")
    run([python, "-m", "pip", "install", "--quiet", "--no-compile", str(wheel)], folder)
    run([python, "-m", "pip", "check"], folder)
    place = folder / "elsewhere"
    shutil.copytree(ROOT / "examples", place / "examples")
    home = run([python, "-c", "import jpegtrace; print(jpegtrace.__file__)"], place).strip()
    if not Path(home).is_relative_to(folder):
        raise ReleaseFault(f"another jpegtrace is imported: {home}")
    shown = [one for one in examples(ROOT / "README.md") if one.code == "jpegtrace inspect examples/harbour.jpg"]
    if not shown:
        raise ReleaseFault("the README does not inspect its example")
    for example in shown:
        check_example(example, place, programs)
    health = json.loads(run([str(programs / "jpegtrace"), "doctor", "--json"], place))
    print(f"doctor: whole, {len(health['codecs'])} formats, {len(health['weights'])} weights")
    print(run([str(programs / "jpegtrace"), "models", "verify"], place), end="")


def main() -> None:
    """Build and try."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        try:
            wheel = built(folder)
            tried(wheel, folder)
        except (ReleaseFault, AssertionError) as fault:
            raise SystemExit(f"the release is not fit: {fault}") from fault
    print(f"the release is fit ({time.monotonic() - begun:.0f} s)")


if __name__ == "__main__":
    main()
