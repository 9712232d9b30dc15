"""The description of the API: kept by hand in `openapi.json`, with the schema of reports as it ships."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from jpegtrace import __version__
from jpegtrace.report import report_schema


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    text = resources.files("jpegtrace.web").joinpath("openapi.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    found["info"]["version"] = __version__
    schema = report_schema()
    parts = schema.pop("$defs")
    for name in ("$schema", "$id"):
        schema.pop(name)
    # One document has one place for definitions; those of a report get a name in front.
    schemas = found["components"]["schemas"]
    schemas["Report"] = _moved(schema)
    schemas.update({f"Report.{name}": _moved(part) for name, part in parts.items()})
    return found


def _moved(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            key: f"#/components/schemas/Report.{value.removeprefix('#/$defs/')}" if key == "$ref" else _moved(value)
            for key, value in part.items()
        }
    return [_moved(item) for item in part] if isinstance(part, list) else part
