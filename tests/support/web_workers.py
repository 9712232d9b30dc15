"""Work for the workers of the web server that other processes can import: cheap, slow on purpose, or deadly."""

import io
import os
import signal
import time

import numpy as np
from PIL import Image

from jpegtrace.web.messages import Step

APPETITE = 30 << 20  # bytes
_kept = []


def picture(order="", width=24, height=16):
    """A PNG; what stands behind its end tells the worker what to do."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue() + order.encode()


def nothing():
    """Warms up nothing."""


def everything():
    """Loads all that `quick` needs, so that a picture takes no time."""
    import jpegtrace.web.examination
    from jpegtrace.analyses import all_analyses

    all_analyses()
    assert jpegtrace.web.examination


def unable():
    """Cannot warm up."""
    raise RuntimeError("the weights are damaged")


def quick(task, tell):
    """Facts of the file and a made map; and whatever the picture orders."""
    order = task.data.rpartition(b"\x82")[2].decode("latin-1")  # behind the checksum of IEND
    tell(Step(0.1, "Looking"))
    _obey(order)
    _report(task, tell)
    _obey(order.removeprefix("report-then-"))


def _report(task, tell):
    from jpegtrace.errors import InputError  # only who gets here needs all this
    from jpegtrace.findings import Map
    from jpegtrace.inspection import inspect
    from jpegtrace.picture import Picture
    from jpegtrace.report import Failure
    from jpegtrace.report.html import render_html
    from jpegtrace.web.examination import drawn, summary_of
    from jpegtrace.web.messages import Examined, Missing, Refused

    try:
        opened = Picture.open(task.data, limits=task.limits, name=task.name)
    except InputError as error:
        tell(Refused(Failure.of(error)))
        return
    report = inspect(opened, only="file-facts", preview=True)
    tell(Examined(summary_of(report), report.to_json().encode(), render_html([report]).encode(), report.preview))
    values = np.array([[0, 1, np.nan], [1, 0, 0]], np.float32)
    maps = (
        Map("source / part", values, (8, 8), labels=("one <b>past</b>", "another")),
        Map("certainty", values / 2, (8, 8), "probability"),
    )
    for found in drawn(report, report.findings[0], maps):
        tell(found)
    if task.everywhere:
        tell(Missing("Nothing: no map, nothing can be answered everywhere"))


def _obey(order):
    if order == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "dawdle":
        time.sleep(0.4)
    elif order == "sleep":
        time.sleep(60)
    elif order == "keep":
        _kept.append(np.ones(APPETITE, np.uint8))
    elif order == "break":
        raise ValueError("a defect")
    elif order == "exhaust":
        raise MemoryError
