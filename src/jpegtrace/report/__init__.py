"""Findings made readable: text, JSON, HTML. Nothing is computed here that an analysis has not found."""

from jpegtrace.report.document import SCHEMA_VERSION, Failure, InputFacts, Report
from jpegtrace.report.schema import report_schema

__all__ = ["SCHEMA_VERSION", "Failure", "InputFacts", "Report", "report_schema"]
