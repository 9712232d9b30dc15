import os
import subprocess
import sys

import pytest

from support.web_server import Client, eventually, serving

WARMING = 300  # seconds; the first start of an installation compiles all kernels


@pytest.fixture(scope="package")
def cheap():
    """A server whose workers know only facts of a file."""
    with serving() as client:
        yield client


@pytest.fixture(scope="package")
def real():
    """`jpegtrace serve`, as anybody starts it."""
    command = [sys.executable, "-m", "jpegtrace", "serve", "--port", "0", "--workers", "1", "--quiet"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), address
            with Client(base_url=address, timeout=WARMING) as client:
                eventually(lambda: client.get("/health").json()["workers_ready"], bool, WARMING)
                yield client
        finally:
            process.terminate()
