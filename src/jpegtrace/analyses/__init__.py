"""One file per question. A new file that registers a function is an analysis: nothing else has to be told.

See CONTRIBUTING.md, "Adding an analysis".
"""

from jpegtrace.analyses._registry import Analysis, all_analyses, analysis, find_analysis, find_mapped
from jpegtrace.analyses._threads import limit_threads, threads

__all__ = ["Analysis", "all_analyses", "analysis", "find_analysis", "find_mapped", "limit_threads", "threads"]
