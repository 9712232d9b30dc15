import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jpegtrace import networks
from jpegtrace.errors import JpegtraceError, ResourceError, UnreadableInput, UsageError
from jpegtrace.networks import _fetch


@pytest.fixture
def web(planted, monkeypatch):
    """Address of a server that serves the file well and badly."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    data, over = planted.data, threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(ConnectionError):  # some clients leave early
                getattr(self, self.path.strip("/"), self.nothing)()

        def answer(self, body, length=None):
            self.send_response(200)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def good(self):
            assert self.headers["User-Agent"].startswith("jpegtrace/")
            self.answer(data, len(data))

        def unmeasured(self):
            self.answer(data)

        def wrong(self):
            self.answer(data[:-1] + b"x", len(data))

        def short(self):
            self.answer(data[:1000], 1000)

        def broken_off(self):
            self.answer(data[:1000], len(data))

        def endless(self):
            self.answer(b"")
            for _ in range(1000):
                self.wfile.write(bytes(1 << 16))
            pytest.fail("nobody stopped")

        def silent(self):
            over.wait(20)

        def moved(self):
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()

        def away(self):
            self.send_response(302)
            self.send_header("Location", planted.source.as_uri())
            self.end_headers()

        def nothing(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()
        thread.join()


def installed(planted):
    name = f"far-{planted.far.sha256[:12]}.onnx"
    assert planted.left() == [name]
    return (planted.mine / name).read_bytes() == planted.data


def test_from_a_path(planted):
    assert networks.fetch("far", planted.source) == planted.mine / f"far-{planted.far.sha256[:12]}.onnx"
    assert installed(planted)
    assert planted.source.exists()  # copied, not moved


def test_from_a_path_as_text_and_twice(planted):
    for _ in range(2):
        networks.fetch("far", str(planted.source))
    assert installed(planted)


def test_from_itself(planted):
    networks.fetch("far", networks.fetch("far", planted.source))
    assert installed(planted)


def test_from_a_file_address(planted):
    networks.fetch("far", planted.source.as_uri())
    assert "%20" in planted.source.as_uri()
    assert installed(planted)


@pytest.mark.parametrize("page", ["good", "unmeasured", "moved"])
def test_from_the_web(planted, web, page):
    shares = []
    networks.fetch("far", f"{web}/{page}", shares.append)
    assert installed(planted)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_damaged_file_is_replaced(planted):
    networks.fetch("far", planted.source).write_bytes(b"damaged")
    networks.fetch("far", planted.source)
    assert installed(planted)


@pytest.mark.parametrize(
    ("page", "kind", "told"),
    [
        ("wrong", ResourceError, "'far': SHA-256 [0-9a-f]{12} instead of 967c8e246e21; nothing was kept"),
        ("short", ResourceError, "1,000 instead of 94,142 bytes; nothing was kept"),
        ("broken_off", JpegtraceError, "1,000 instead of 94,142 bytes|IncompleteRead"),
        ("endless", ResourceError, "larger than the 94,142 bytes of its card; nothing was kept"),
        ("nonsense", UnreadableInput, "nonsense: the server answers 404 Not Found"),
        ("away", UnreadableInput, "302"),
    ],
)
def test_a_planted_fault_of_the_web_leaves_nothing(planted, web, page, kind, told):
    with pytest.raises(kind, match=told):
        networks.fetch("far", f"{web}/{page}")
    assert planted.left() == []


def test_a_silent_server_is_not_waited_for(planted, web, monkeypatch):
    monkeypatch.setattr(_fetch, "TIMEOUT", 0.2)
    with pytest.raises(UnreadableInput, match="timed out"):
        networks.fetch("far", f"{web}/silent")
    assert planted.left() == []


def test_a_fault_leaves_what_was_there(planted, web):
    networks.fetch("far", planted.source)
    with pytest.raises(ResourceError):
        networks.fetch("far", f"{web}/wrong")
    assert installed(planted)


@pytest.mark.parametrize(
    ("source", "kind", "told"),
    [
        ("nowhere.onnx", UnreadableInput, "nowhere.onnx: No such file or directory"),
        (".", UnreadableInput, "irectory|denied"),
        ("file:///nowhere.onnx", UnreadableInput, "No such file"),
        ("http://127.0.0.1:1/x", UnreadableInput, "refused"),
        ("http://[", UnreadableInput, "IPv6"),
        ("http://", UnreadableInput, "no host"),
        ("https://127.0.0.1:1/a b", UnreadableInput, "control characters"),
        ("a\0b", UnreadableInput, "null"),
        ("ftp://127.0.0.1/x", UsageError, "from a path or by http, https, file, not by 'ftp'"),
    ],
)
def test_a_source_that_cannot_be_read(planted, monkeypatch, source, kind, told):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(kind, match=told):
        networks.fetch("far", source)
    assert not planted.mine.exists()


def test_weights_that_ship_are_not_fetched(planted):
    with pytest.raises(UsageError, match="'combiner' ship with jpegtrace; there is nothing to fetch"):
        networks.fetch("combiner", planted.source)


def test_unknown_weights(planted):
    with pytest.raises(UsageError, match="there are no weights called 'near'"):
        networks.fetch("near", planted.source)


def test_a_folder_that_cannot_be_written(planted, monkeypatch):
    monkeypatch.setenv("JPEGTRACE_WEIGHTS", str(planted.source / "below"))  # a file is in the way
    with pytest.raises(UsageError, match=r"cannot write .*: Not a directory"):
        networks.fetch("far", planted.source)


def test_stopped_it_leaves_nothing(planted):
    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        networks.fetch("far", planted.source, stop)
    assert planted.left() == []
