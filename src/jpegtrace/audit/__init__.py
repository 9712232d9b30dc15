"""A whole dataset asked at once: one row per picture, a table of them, and a page that says what it means.

``pictures`` says which pictures there are, ``rows`` what a row is, ``work`` makes a row of one picture, ``local`` runs
that on the cores of this machine, ``journal`` keeps rows across interruptions, and ``run`` puts them together.
"""

from jpegtrace.audit.rows import Row
from jpegtrace.audit.run import AuditResult, audit

__all__ = ["AuditResult", "Row", "audit"]
