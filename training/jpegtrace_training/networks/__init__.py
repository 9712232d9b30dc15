"""The published networks, as published, one file per paper; and how they are exported.

Where the authors' code differs from their paper, that variant is here too, by name.
"""

from collections.abc import Callable
from functools import partial

from jpegtrace_training.networks.q1_dense import Q1Dense, Q1DenseRegression

NETWORKS: dict[str, Callable[[], Q1Dense | Q1DenseRegression]] = {
    "q1-dense": Q1Dense,
    "q1-dense-code": partial(Q1Dense, channels=1, dropout=0.0),
    "q1-dense-reg": Q1DenseRegression,
    "q1-dense-reg-code": partial(Q1DenseRegression, channels=1, dropout=0.0),
}
