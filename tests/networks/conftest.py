import pytest

from networks.planting import planting


@pytest.fixture
def planted(tmp_path, monkeypatch):
    with planting(tmp_path, monkeypatch) as found:
        yield found
