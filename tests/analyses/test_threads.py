"""How many threads an analysis may use, and who may say so."""

import io

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace.analyses import _past, _pixels, _threads, laundering, limit_threads, threads
from jpegtrace.analyses.laundering import laundering as ask_laundering
from jpegtrace.chain import simulate
from jpegtrace.picture import Picture


@pytest.fixture(autouse=True)
def unchanged(monkeypatch):
    monkeypatch.setattr(_threads, "THREADS", _threads.THREADS)


def test_a_limit_reaches_what_works(monkeypatch):
    asked = {}

    def noting(module, name):
        real = getattr(module, name)

        def call(*arguments, **options):
            asked[name] = options.get("threads", arguments[-1])
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, call)

    noting(_past, "find_history")
    noting(_pixels, "find_pixel_history")
    noting(laundering, "scores_of")
    limit_threads(3)
    assert threads() == 3
    data = simulate(scene(1, 160, 160), "jpeg:80").data
    _past.history_of(Picture.open(data), 4)
    decoded = Picture.open(as_file(np.asarray(Image.open(io.BytesIO(data))), "PNG"))
    _pixels.pixel_history_of(decoded)
    ask_laundering(decoded)
    assert asked == {"find_history": 3, "find_pixel_history": 3, "scores_of": 3}
