"""`jpegtrace serve`: where it listens, what it prints, how it ends."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jpegtrace import cli, cli_serve
from support.web_server import eventually


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process; exit code, stdout, stderr in one line."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "serve", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out, " ".join(err.split())

    return call


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr(cli_serve, "NEEDED", ("starlette", "no-such-package"))
    code, out, err = run()
    assert (code, out) == (1, "")
    assert err == "Error: the web page needs an optional part; install it with: pip install 'jpegtrace[web]'"


def test_a_port_that_is_taken(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("--port", port)
    assert (code, out) == (2, "")
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use; --port 0 takes any that is free" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "no such host"], "cannot listen on no such host"),
        (["--port", "70000"], "less than or equal to 65535"),
        (["--limit", "bytes=x"], "--limit takes NAME=NUMBER"),
        (["--limit", "colour=1"], "no limit called 'colour'"),
        (["--workers", "0"], "greater than or equal to 1"),
    ],
)
def test_wrong_usage(run, arguments, told):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err


def children(pid):
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_listens_to_this_machine_only_and_ends_with_all_its_workers(sign):
    command = [sys.executable, "-m", "jpegtrace", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline()
        assert address.startswith("http://127.0.0.1:")
        port = int(address.rstrip("/\n").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /api/limits HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
        with pytest.raises(OSError, match=r".*"), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass
        workers = children(process.pid)
        process.send_signal(sign)
        out, err = process.communicate(timeout=60)
    assert out == ""
    assert "Traceback" not in err
    assert err.strip() == "Ctrl-C ends it"
    eventually(lambda: [worker for worker in workers if Path(f"/proc/{worker}").exists()], lambda left: not left, 10)
