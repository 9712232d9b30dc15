"""The JSON Schema of a report, as it ships."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def report_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) that every report validates against."""
    text = resources.files("jpegtrace.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
