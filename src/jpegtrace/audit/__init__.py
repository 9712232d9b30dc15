"""A whole dataset asked at once: one row per picture, a table of them, and a page that says what it means.

``rows`` says what a row is, ``work`` makes the row of one picture, and ``run`` puts all together, with one of two
engines. ``local`` works on the cores of this machine; ``pictures`` says which pictures there are, ``journal`` keeps
rows across interruptions. ``on_ray`` works on those of a cluster; there ``files`` says which files there are and reads
them, and ``parts`` keeps rows. ``labels``, ``leakage``, ``summary`` and ``tables`` take rows in stretches, whoever made
them.
"""

from jpegtrace.audit.rows import Row
from jpegtrace.audit.run import AuditResult, audit

__all__ = ["AuditResult", "Row", "audit"]
