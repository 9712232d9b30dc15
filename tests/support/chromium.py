"""A real Chromium; where there is none, tests that need one say that they were not run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = os.environ.get("JPEGTRACE_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@contextmanager
def open_chromium() -> Iterator[Any]:
    """Start a Chromium for the tests of a module."""
    if CHROMIUM is None:
        pytest.skip(
            "NOT TESTED: pages in a browser. No Chromium was found; install it (Debian: apt-get install chromium), "
            "or name it in JPEGTRACE_CHROMIUM"
        )
    sync_api = pytest.importorskip("playwright.sync_api", reason="NOT TESTED: pages need playwright, of [dev]")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()
