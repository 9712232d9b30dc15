from pathlib import Path

import pytest

import jpegtrace
from checks.layers import ROWS, read_sources, violations

PACKAGE = Path(jpegtrace.__file__).parent


def test_modules_import_only_from_rows_above():
    assert violations(read_sources(PACKAGE)) == []


def test_every_row_exists():
    present = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for row in ROWS for name in row} == present - {"__init__"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("jpegtrace.errors", "from jpegtrace.picture import Picture"),
        ("jpegtrace.picture", "def f():\n    from jpegtrace.report import Report"),
        ("jpegtrace.findings", "from jpegtrace import cli"),
        ("jpegtrace.raster.png16", "import jpegtrace.metadata.exif"),
        ("jpegtrace.analyses.new", "from jpegtrace.chain import simulate"),
        ("jpegtrace.analyses.new", "from . import _registry"),
        ("jpegtrace.novelty", "import os"),
        ("jpegtrace.cli", "import jpegtrace.novelty"),
    ],
)
def test_a_planted_wrong_import_is_found(module, source):
    assert len(violations({module: source})) == 1


def test_a_planted_right_import_is_not():
    assert violations({"jpegtrace.cli": "from jpegtrace.errors import JpegtraceError\nimport numpy"}) == []
