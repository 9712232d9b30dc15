"""The published networks, as published, one file per paper; and how they are exported.

Where the authors' code differs from their paper, that variant is here too, by name.
"""

from collections.abc import Callable
from functools import partial

from jpegtrace.manipulation.posterior import EXPERTS
from jpegtrace_training.manipulations import TASKS
from jpegtrace_training.networks.af_edsr import AfEdsr
from jpegtrace_training.networks.djpeg_hist import DjpegHist
from jpegtrace_training.networks.djpeg_srnet import DjpegSrnet
from jpegtrace_training.networks.double_histogram import DoubleHistogram
from jpegtrace_training.networks.manip_mper import ManipMper
from jpegtrace_training.networks.manipulation import Manipulation, expert_network
from jpegtrace_training.networks.network import Network
from jpegtrace_training.networks.q1_dense import Q1Dense, Q1DenseRegression
from jpegtrace_training.networks.qf_pixel import QfPixel

NETWORKS: dict[str, Callable[[], Network]] = {
    "q1-dense": Q1Dense,
    "q1-dense-code": partial(Q1Dense, channels=1, dropout=0.0),
    "q1-dense-reg": Q1DenseRegression,
    "q1-dense-reg-code": partial(Q1DenseRegression, channels=1, dropout=0.0),
    "qf-pixel": QfPixel,
    "af-edsr": AfEdsr,
    "djpeg-hist": DjpegHist,
    "djpeg-hist-2018": partial(DjpegHist, first_release=True),
    "djpeg-srnet": DjpegSrnet,
    "double-histogram": DoubleHistogram,
    "manipulation": Manipulation,
    **{f"manipulation-{name}": expert_network(name) for name in EXPERTS},
    **{f"manip-mper-{name}": partial(ManipMper, len(task.values)) for name, task in TASKS.items()},
}
