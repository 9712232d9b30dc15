"""How many threads an analysis may use, and who may say so."""

import pytest

from jpegtrace import analyses
from jpegtrace.analyses import _past, _pixels, _threads, laundering, limit_threads, manipulation


@pytest.fixture(autouse=True)
def unchanged(monkeypatch):
    monkeypatch.setattr(_threads, "THREADS", _threads.THREADS)


def test_a_limit_holds_for_every_analysis():
    limit_threads(3)
    assert analyses.threads() == 3
    assert {module._threads.THREADS for module in (_past, _pixels, laundering, manipulation)} == {3}
