"""What the documentation shows is run; what it promises holds."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from checks.docs import NOT_RUN, Example, check_example, commands_not_run, examples, unguarded
from jpegtrace.analyses import all_analyses
from jpegtrace.errors import __doc__ as error_tree
from jpegtrace.limits import Limits
from jpegtrace_training.options import parser
from support.pictures import scene

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
EXAMPLES = [example for page in PAGES for example in examples(page)]
NEED_TORCH = ("training.md", "researcher.md", "study.md")


@pytest.fixture(scope="module")
def belongings(tmp_path_factory):
    """The examples, the benchmarks, the scripts that these read results with, and lossless pictures of a reader."""
    place = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "examples", place / "examples")
    shutil.copytree(ROOT / "benchmarks", place / "benchmarks", ignore=shutil.ignore_patterns("results", "__*"))
    shutil.copytree(ROOT / "scripts", place / "scripts", ignore=shutil.ignore_patterns("__*"))
    (place / "lossless").mkdir()
    for k in range(16):
        Image.fromarray(scene(192, 256, seed=k)).save(place / "lossless" / f"{k:02}.png")
    return place


@pytest.fixture
def folder(belongings, tmp_path):
    return shutil.copytree(belongings, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)], ids=lambda p: p.name)
def test_examples_run_and_print_what_they_promise(page, folder):
    if page.name in NEED_TORCH:
        pytest.importorskip("torch")
        pytest.importorskip("onnx")
    for example in examples(page):
        check_example(example, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_is_run_or_it_is_said_why_not(page):
    """Run it in a console block, or list it in tests/checks/docs.py with the reason."""
    assert unguarded(page, NOT_RUN) == []


def test_nothing_is_listed_that_is_not_there():
    assert {command for page in PAGES for _, command in commands_not_run(page)} == set(NOT_RUN)


@pytest.mark.parametrize(
    "command", [one for one in NOT_RUN if "jpegtrace train " in one or "-m jpegtrace_training " in one]
)
def test_trainings_that_are_not_run_have_options_that_there_are(command):
    words = shlex.split(command)
    begin = words.index("train") if "train" in words else words.index("jpegtrace_training")
    assert parser().parse_args(words[begin + 1 :]).recipe


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```bash\njpegtrace nonsense\n```\n", "page.md:1: jpegtrace nonsense"),
        ("```bash\n# first\njpegtrace \\\n  nonsense\n```\n", "page.md:1: jpegtrace nonsense"),
        ("\n```\nls\n```\n", "page.md:2: a block of no language"),
        ("```sh\nls\n```\n", "page.md:1: a block of sh"),
        ("```text\n$ ls\n```\n", "page.md:1: a command in a block of text: $"),
        ("```text\npip install x\n```\n", "page.md:1: a command in a block of text: pip"),
        ("```console\njpegtrace\n```\n", "page.md:1: a console block begins with $"),
    ],
)
def test_a_planted_command_that_nobody_runs_is_found(text, told, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    (found,) = unguarded(page, NOT_RUN)
    assert found.startswith(told)


def test_blocks_that_are_run_or_quoted_are_fine(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ ls \\\n  -l\ntotal 1\n```\n```python\nprint(1)\n```\n```output\n1\n```\n```json\n{}\n```\n"
    )
    assert unguarded(page, ()) == []
    listed, printed = examples(page)
    assert (listed.code, listed.expected) == ("ls \\\n  -l", "total 1\n")
    assert (printed.code, printed.expected) == ("print(1)\n", "1\n")


def test_there_are_examples():
    assert len(EXAMPLES) >= 8
    assert {example.kind for example in EXAMPLES} == {"console", "python"}


@pytest.mark.parametrize(
    "example",
    [
        Example("planted", "console", "jpegtrace inspect nothing.jpg", None),
        Example("planted", "console", "jpegtrace analyses", "other words\n"),
        Example("planted", "python", "assert False", None),
        Example("planted", "python", "print(1)", "2\n"),
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


def test_the_pages_that_are_made_are_what_code_and_results_say():
    script = ROOT / "scripts" / "update_docs.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_was_measured_is_of_analyses_that_there_are(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from pages.measured import CHARTS, TABLES

    assert {table.analysis for table in TABLES} | set(CHARTS) <= {analysis.id for analysis in all_analyses()}


def test_every_page_is_in_the_navigation_once():
    navigation = re.findall(r"\S+\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert sorted(navigation) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                place = (page.parent / target).resolve()
                assert place.exists(), f"{page.name}: {target}"
                # A site is built of the folder alone.
                assert DOCS not in page.parents or place.is_relative_to(DOCS), f"{page.name}: {target}"


def test_the_error_tree_is_drawn_whole():
    from jpegtrace import errors

    classes = [name for name, item in vars(errors).items() if isinstance(item, type)]
    for name in classes:
        assert name in error_tree, name


def test_every_limit_is_described():
    for name in Limits.__dataclass_fields__:
        assert f"        {name}:" in Limits.__doc__
