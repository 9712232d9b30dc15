"""What a release must hold; the whole of it is tried by scripts/check_release.py."""

import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import jpegtrace

ROOT = Path(__file__).parents[1]


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import check_release

    yield check_release
    sys.modules.pop("check_release", None)


def test_the_citation_is_of_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)$", text, re.M)[1] == jpegtrace.__version__
    assert re.search(r"^license: (\S+)$", text, re.M)[1] == "Apache-2.0"
    assert text.startswith("cff-version: 1.2.0\n")
    for name in ("message", "title", "authors", "type"):
        assert re.search(rf"^{name}:", text, re.M)


def test_ci_tries_the_release_and_builds_the_site_strictly():
    commands = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    begun = commands.index(".venv/bin/python scripts/check_release.py &")
    assert 'wait "$release"' in commands[begun:]  # and its fault ends the run
    assert ".venv/bin/python -m pytest tests/test_site.py" in commands


def wheel(path, **files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_wheels_that_differ_are_told_apart(check, tmp_path):
    one = check.contents(wheel(tmp_path / "one.whl", a="1", b="2"))
    assert check.differences(one, check.contents(wheel(tmp_path / "same.whl", b="2", a="1"))) == []
    other = check.contents(wheel(tmp_path / "other.whl", a="1", b="3", c="4"))
    assert check.differences(one, other) == ["b", "c"]


def test_an_sdist_that_lacks_something_is_refused(check, tmp_path):
    (tmp_path / "LICENSE").write_text("x", encoding="utf-8")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "LICENSE", "x-1/LICENSE")
    with pytest.raises(check.ReleaseFault, match=r"the sdist lacks CITATION\.cff, README\.md"):
        check.unpacked(tmp_path / "x.tar.gz", tmp_path / "out")


def test_a_command_that_fails_is_told_with_what_it_said(check, tmp_path):
    with pytest.raises(check.ReleaseFault, match="left with 3:\nsaid"):
        check.run([sys.executable, "-c", "print('said'); raise SystemExit(3)"], tmp_path)
