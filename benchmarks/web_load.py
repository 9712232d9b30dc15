"""What the web server answers to hostile and to many uploads, and what it costs in memory.

Run ``python benchmarks/web_load.py``; it writes ``results/web_load.csv``. A real `jpegtrace serve` gets 50
hostile uploads of ten kinds, ten at a time, then `GOOD` good pictures all at once. Every one must have a clear answer:
an error with a sentence, or a report. Memory is what is resident in the server and in all its workers, before and after
each part; each begins with a server that is warm. Health is asked meanwhile, and the slowest answer is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from common import made_picture, write_results

GOOD, AT_ONCE, WORKERS = 100, 10, 2
SIDE = 160
SEED = 9
PATIENCE = 1800.0
PAGE = os.sysconf("SC_PAGE_SIZE")
Answer = tuple[str, str]  # what kind of answer, and its sentence


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    pid: int
    address: str

    def memory(self) -> tuple[float, float]:
        """MiB that are resident in the server, and in its workers together."""
        workers = sum(_resident(pid) for pid in _children(self.pid))
        return _resident(self.pid) / 2**20, workers / 2**20


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """`jpegtrace serve`, warm."""
    command = [sys.executable, "-m", "jpegtrace", "serve", "--port", "0", "--workers", str(WORKERS), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()  # type: ignore[union-attr]
            with httpx.Client(base_url=address, timeout=60) as client:
                while client.get("/health").json()["workers_ready"] < WORKERS:
                    time.sleep(0.5)
            yield Server(process.pid, address)
            if process.poll() is not None:
                raise SystemExit(f"the server has died with {process.returncode}")
        finally:
            process.terminate()


def bombs() -> list[bytes]:
    """A few bytes that claim many pixels, and a picture that really unpacks to 400 million."""
    header = png(100_000, 100_000, b"\0")
    whole = png(20_000, 20_000, b"\0" * (20_001 * 20_000))
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(6) + b"\x2c" + bytes(4)
    gif += struct.pack("<HH", 65535, 65535) + b"\0\2\2\x44\1\0;"
    return [header, whole, gif, header + b"x", whole + b"x"]


def png(width: int, height: int, raw: bytes) -> bytes:
    """A grey PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg(pixels: np.ndarray, **options: int) -> bytes:
    """A JPEG file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", **options)
    return out.getvalue()


def mutated(data: bytes, seed: int) -> bytes:
    """Some bytes changed anywhere behind the first two."""
    rng = np.random.default_rng([SEED, seed])
    changed = bytearray(data)
    for place in rng.integers(2, len(data), 40):
        changed[place] = rng.integers(256)
    return bytes(changed)


def upload(client: httpx.Client, data: bytes, name: str = "picture.jpg") -> Answer:
    """Upload, wait, and tell what came of it."""
    while True:
        answer = client.post("/api/pictures", files={"picture": (name, data)})
        if answer.status_code != 503:
            break
        time.sleep(float(answer.headers["retry-after"]))
    if answer.status_code != 202:
        error = answer.json()["error"]
        return f"{answer.status_code} {error['kind']}", error["message"]
    job = answer.json()["pictures"][0]["job"]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        job = client.get(f"/api/jobs/{job['id']}").json()
        if job["state"] == "done":
            return "report", job["report"]["verdict"]["text"]
        if job["state"] == "failed":
            return f"failed {job['error']['kind']}", job["error"]["message"]
        time.sleep(0.5)
    return "no answer", ""


def raw(server: Server, pieces: list[bytes], pause: float) -> Answer:
    """Send bytes slowly and as they are; what is answered before the connection is closed."""
    url = httpx.URL(server.address)
    with socket.create_connection((url.host, url.port), timeout=PATIENCE) as connection:
        with contextlib.suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
        answer = b""
        with contextlib.suppress(OSError):
            while more := connection.recv(65536):
                answer += more
    if not answer:
        return "closed", "the connection was closed"
    head, _, body = answer.partition(b"\r\n\r\n")
    return f"{head.split()[1].decode()} answered", body.decode()


def begun(size: int) -> bytes:
    """The head of an upload and the beginning of its form."""
    return (
        f"POST /api/pictures HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f'Content-Length: {size}\r\n\r\n--b\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
    ).encode()


def attacks(server: Server, client: httpx.Client) -> list[tuple[str, Callable[[], Answer]]]:
    """Fifty hostile uploads, five of each kind."""
    good = jpeg(made_picture(SIDE, SIDE, 1), quality=80)
    large = jpeg(np.tile(made_picture(1000, 1000, 2)[..., 0], (10, 20)), quality=30)  # 200 megapixels
    foreign = [
        b"words " * 100,
        b"%PDF-1.7 " + bytes(500),
        b"\x7fELF" + bytes(500),
        b"",
        b"\0\0\0\x18ftypheic" + bytes(99),
    ]
    names = ["../../etc/passwd", "<script>alert(1)</script>.jpg", "x" * 3000, "a\0b.jpg", "C:\\con"]
    forms = [b"", b"--b--\r\n", b"--b\r\n\r\n", b"\xff" * 4000, b"--b\r\n" + b"A: b\r\n" * 5000]
    kind = {"content-type": "multipart/form-data; boundary=b"}

    def broken(body: bytes) -> Answer:
        answer = client.post("/api/pictures", content=body, headers=kind)
        return f"{answer.status_code} {answer.json()['error']['kind']}", answer.json()["error"]["message"]

    rows: list[tuple[str, list[Callable[[], Answer]]]] = [
        ("decompression bomb", [lambda d=d: upload(client, d) for d in bombs()]),
        ("truncated", [lambda k=k: upload(client, good[: len(good) * k // 6]) for k in range(1, 6)]),
        ("wrong type", [lambda d=d: upload(client, d) for d in foreign]),
        ("200 megapixels", [lambda: upload(client, large)] * 5),
        ("more than 64 MiB", [lambda: upload(client, good + bytes(70 << 20))] * 5),
        ("changed bytes", [lambda k=k: upload(client, mutated(good, k)) for k in range(5)]),
        ("broken form", [lambda b=b: broken(b) for b in forms]),
        ("hostile name", [lambda n=n: upload(client, good, n) for n in names]),
        ("stops in the middle", [lambda: raw(server, [begun(10**6), good[:500]], 0)] * 5),
        ("a byte a second", [lambda: raw(server, [begun(10**6), *[b"x"] * 130], 1.0)] * 5),
    ]
    return [(what, call) for what, calls in rows for call in calls]


class Health(threading.Thread):
    """Asks for the health of a server all the time."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.slowest, self.failed, self.over = 0.0, 0, threading.Event()
        self._address = address

    def run(self) -> None:
        """Ask until it is over."""
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self.over.wait(0.5):
                start = time.perf_counter()
                try:
                    self.failed += client.get("/health").status_code != 200
                except httpx.HTTPError:
                    self.failed += 1
                self.slowest = max(self.slowest, time.perf_counter() - start)


def measured(server: Server, calls: list[tuple[str, Callable[[], Answer]]], at_once: int) -> list[dict[str, object]]:
    """Make all calls; a row for each kind of them, and one for all with the memory."""

    def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
        start = time.perf_counter()
        try:
            answer = call()
        except httpx.HTTPError as error:
            answer = f"no answer: {error!r}", ""
        return answer, time.perf_counter() - start

    before, start = server.memory(), time.perf_counter()
    health = Health(server.address)
    health.start()
    with ThreadPoolExecutor(at_once) as threads:
        done = list(threads.map(timed, [call for _, call in calls]))
    health.over.set()
    health.join()
    seconds, after = time.perf_counter() - start, server.memory()
    rows = []
    for what in dict.fromkeys(what for what, _ in calls):
        own = [found for (name, _), found in zip(calls, done, strict=True) if name == what]
        rows.append(_row(what, own))
    return [
        *rows,
        _row("all", done)
        | {
            "all_seconds": f"{seconds:.1f}",
            "health_failed": health.failed,
            "health_slowest_s": f"{health.slowest:.2f}",
            "server_mib_before": f"{before[0]:.0f}",
            "server_mib_after": f"{after[0]:.0f}",
            "workers_mib_before": f"{before[1]:.0f}",
            "workers_mib_after": f"{after[1]:.0f}",
        },
    ]


def _row(what: str, done: list[tuple[Answer, float]]) -> dict[str, object]:
    kinds = Counter(answer[0] for answer, _ in done)
    unclear = sum(not text or kind.startswith(("no answer", "5")) for (kind, text), _ in done)
    return {
        "uploads_of": what,
        "uploads": len(done),
        "answers": "; ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
        "without_a_clear_answer": unclear,
        "median_s": f"{statistics.median(s for _, s in done):.2f}",
        "slowest_s": f"{max(s for _, s in done):.2f}",
        **dict.fromkeys(
            (
                "all_seconds", "health_failed", "health_slowest_s", "server_mib_before", "server_mib_after",
                "workers_mib_before", "workers_mib_after",
            ),
            "",
        ),
    }  # fmt: skip


def main() -> None:
    """Measure and write the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows: list[dict[str, object]] = []
    limits = httpx.Limits(max_connections=GOOD + 8)
    with serving() as server, httpx.Client(base_url=server.address, timeout=PATIENCE, limits=limits) as client:
        hostile = attacks(server, client)
        rows += [{"part": "hostile", **row} for row in measured(server, hostile, AT_ONCE)]
    good = [jpeg(made_picture(SIDE, SIDE, k), quality=50 + k % 50) for k in range(GOOD)]
    with serving() as server, httpx.Client(base_url=server.address, timeout=PATIENCE, limits=limits) as client:
        calls = [("good", lambda d=d: upload(client, d)) for d in good]
        rows += [{"part": "good", **row} for row in measured(server, calls, GOOD)][-1:]
    write_results("web_load", rows, seed=SEED)


if __name__ == "__main__":
    main()
