"""What was done to a picture before its last compression, and with which parameter.

Statistics of a piece (`describe`), what they say (`weigh`), what is made of it (`decide`).
"""

from jpegtrace.manipulation.decision import Verdict, decide
from jpegtrace.manipulation.features import Features, describe
from jpegtrace.manipulation.posterior import Posterior, pooled, weigh

__all__ = ["Features", "Posterior", "Verdict", "decide", "describe", "pooled", "weigh"]
