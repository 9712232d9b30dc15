"""Damaged files of every format: an answer or a clear refusal, in time and in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.mutations import SECONDS, damaged_files, exercise, originals

FORMATS = list(originals())
COUNT, SEED = 500, 20240607


@pytest.mark.parametrize("form", FORMATS)
def test_the_undamaged_files_are_read(form):
    for data in originals()[form]:
        assert exercise(data).kind == "opened"


IN_A_PROCESS = """
import faulthandler, json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
sys.path.insert(0, sys.argv[1])
faulthandler.enable()
from support.mutations import damaged_files, exercise, originals
form, count, seed = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for data in originals()[form]:
    exercise(data)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = []
for number, data in enumerate(damaged_files(form, count, seed)):
    faulthandler.dump_traceback_later(60, exit=True)
    outcome = exercise(data)
    found.append([number, outcome.kind, outcome.seconds])
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"found": found, "mebibytes": grown / 1024}))
"""


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_files(form):
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, str(Path(__file__).parent), form, str(COUNT), str(SEED)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    found = answer["found"]
    assert len(found) == COUNT
    assert [(number, kind) for number, kind, _ in found if kind.startswith("crash")] == []
    assert max(seconds for _, _, seconds in found) < SECONDS
    # A damaged header may claim a picture up to the limit on pixels, and a format without a checksum may mean it.
    assert answer["mebibytes"] < 1500
    kinds = {kind for _, kind, _ in found}
    assert {"opened", "CorruptInput"} <= kinds


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FORMATS), st.integers(0, 10**9))
def test_any_damage(form, seed):
    (data,) = damaged_files(form, 1, seed)
    outcome = exercise(data)
    assert not outcome.kind.startswith("crash"), outcome.kind


HEADS = [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"BM", b"GIF89a", b"P5 ",
         b"RIFF\x40\0\0\0WEBPVP8 ", b"\xff\xd8\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(HEADS), st.binary(max_size=400))
def test_any_bytes(head, tail):
    outcome = exercise(head + tail)
    assert not outcome.kind.startswith("crash"), outcome.kind
