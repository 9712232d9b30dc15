"""What the documentation shows is run; what it promises holds."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checks.docs import Example, check_example, examples
from jpegtrace.errors import __doc__ as error_tree
from jpegtrace.limits import Limits

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [example for page in PAGES for example in examples(page)]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_examples_run_and_print_what_they_promise(page, folder):
    if page.name == "training.md":
        pytest.importorskip("torch")
        pytest.importorskip("onnx")
    for example in examples(page):
        check_example(example, folder)


def test_there_are_examples():
    assert len(EXAMPLES) >= 8
    assert {example.kind for example in EXAMPLES} == {"console", "python"}


@pytest.mark.parametrize(
    "example",
    [
        Example("planted", "console", "jpegtrace inspect nothing.jpg", None),
        Example("planted", "console", "jpegtrace analyses", "other words\n"),
        Example("planted", "python", "assert False", None),
    ],
    ids=lambda e: e.code,
)
def test_a_planted_wrong_example_is_found(example, folder):
    with pytest.raises(AssertionError):
        check_example(example, folder)


def test_the_readme_has_exactly_two_installing_commands_and_ci_runs_the_second():
    commands = re.findall(r"^```bash\n(.*?)\n```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    assert len(commands) == 2
    assert "jpegtrace inspect examples/" in commands[0]
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_figures_of_the_readme_are_those_measured():
    script = ROOT / "scripts" / "update_readme.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_error_tree_is_drawn_whole():
    from jpegtrace import errors

    classes = [name for name, item in vars(errors).items() if isinstance(item, type)]
    for name in classes:
        assert name in error_tree, name


def test_every_limit_is_described():
    for name in Limits.__dataclass_fields__:
        assert f"        {name}:" in Limits.__doc__
