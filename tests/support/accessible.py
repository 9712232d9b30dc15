"""What axe says of a page for those who see it poorly, hear it, or use no mouse."""

from __future__ import annotations

from typing import Any

import pytest

SERIOUS = ("serious", "critical")


def assert_accessible(page: Any) -> None:
    """Nothing serious is wrong with a page, its frames aside.

    Axe is in the page alone; a greeting to a frame that still loads is something the browser complains of.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="NOT TESTED: pages need axe, of [dev]")
    found = axe.Axe().run(page, options={**axe.DEFAULT_OPTIONS, "iframes": False}).response["violations"]
    serious = [
        (rule["id"], rule["help"], [node["html"][:200] for node in rule["nodes"]])
        for rule in found
        if rule["impact"] in SERIOUS
    ]
    assert serious == []
