"""Names of analyses for readers."""

from __future__ import annotations

from jpegtrace.analyses import find_analysis
from jpegtrace.errors import UsageError


def title_of(analysis: str) -> str:
    """The heading of an analysis; its id where this installation does not know it."""
    try:
        return find_analysis(analysis).title
    except UsageError:
        return analysis


def question_of(analysis: str) -> str:
    """The question of an analysis; empty where this installation does not know it."""
    try:
        return find_analysis(analysis).question
    except UsageError:
        return ""
