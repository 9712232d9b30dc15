"""The API over real sockets and real worker processes: what it answers, and what it refuses."""

import io
import os
import signal
import socket
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from jpegtrace.limits import Limits
from jpegtrace.web import server
from jpegtrace.web.settings import MIB, Settings
from support import web_workers
from support.rasters import png_chunk
from support.web_server import eventually, serving, talk

PNG = web_workers.picture()


def error_of(answer):
    return answer.json()["error"]


def form(*parts, boundary="limit", end=True):
    """A form by hand: (headers, content) for each part."""
    body = b"".join(f"--{boundary}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in parts)
    return body + (f"--{boundary}--\r\n".encode() if end else b"")


def file_part(content=PNG, name="a.png"):
    return f'Content-Disposition: form-data; name="picture"; filename="{name}"', content


def post(client, body, content_type="multipart/form-data; boundary=limit"):
    return client.post("/api/pictures", content=body, headers={"content-type": content_type})


def head_of(size, host="localhost"):
    return (
        f"POST /api/pictures HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=limit\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()


class TestFromUploadToReport:
    def test_a_picture_becomes_a_job_and_then_a_report(self, cheap):
        job = cheap.start(("harbour.png", PNG))
        assert (job["name"], job["bytes"], job["state"]) == ("harbour.png", len(PNG), "queued")
        done = cheap.wait(job)
        assert (done["state"], done["share"], done["place"], done["error"]) == ("done", 1.0, None, None)
        assert 0 < done["kept_for"] <= 30 * 60
        report = done["report"]
        assert (report["format"], report["width"], report["height"]) == ("PNG", 24, 16)
        assert [finding["analysis"] for finding in report["findings"]] == ["file-facts"]
        whole = cheap.get(report["json"])
        assert whole.headers["content-type"] == "application/json"
        assert whole.json()["input"]["source"] == "harbour.png"
        page = cheap.get(report["html"])
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "harbour.png" in page.text
        preview = cheap.get(report["preview"])
        assert preview.headers["content-type"] == "image/jpeg"
        assert preview.content[:2] == b"\xff\xd8"

    def test_the_answer_leads_to_the_job(self, cheap):
        answer = cheap.upload(("a.png", PNG))
        job = answer.json()["pictures"][0]["job"]
        assert answer.headers["location"] == job["href"]
        found = cheap.get(job["href"]).json()
        assert (found["id"], found["href"]) == (job["id"], job["href"])
        several = cheap.upload(("a.png", PNG), ("b.txt", b"words"))
        assert "location" not in several.headers
        for one in (job, several.json()["pictures"][0]["job"]):
            assert cheap.wait(one)["state"] == "done"

    def test_several_pictures_in_one_form_each_have_their_answer(self, cheap):
        answer = cheap.upload(("a.png", PNG), ("b.txt", b"words"), ("c.png", PNG))
        assert answer.status_code == 202
        first, second, third = answer.json()["pictures"]
        assert second["job"] is None
        assert second["error"]["kind"] == "UnknownFormat"
        assert (first["error"], third["error"]) == (None, None)
        assert {cheap.wait(entry["job"])["state"] for entry in (first, third)} == {"done"}

    def test_a_map_tells_its_values(self, cheap):
        report = cheap.examine(PNG)["report"]
        assert [m["name"] for m in report["maps"]] == ["source / part", "certainty"]
        labels, sure = (cheap.get(m["href"]).json() for m in report["maps"])
        assert labels["values"] == [[0, 1, None], [1, 0, 0]]
        assert labels["labels"] == ["one <b>past</b>", "another"]
        assert (labels["cell"], labels["shape"]) == ([8, 8], [2, 3])
        assert labels["picture"].startswith("data:image/png;base64,")
        assert [key["text"] for key in labels["keys"]] == [
            "one <b>past</b>, 50.0%",
            "another, 33.3%",
            "cannot tell, 16.7%",
        ]
        assert (sure["unit"], sure["values"][0]) == ("probability", [0, 0.5, None])
        raw = cheap.get(report["maps"][1]["href"], params={"form": "npy"})
        np.testing.assert_array_equal(np.load(io.BytesIO(raw.content))[0], np.array([0, 0.5, np.nan], np.float32))

    def test_maps_everywhere_are_made_when_they_are_wanted(self, cheap):
        assert cheap.examine(PNG)["notes"] == []
        assert cheap.examine(PNG, maps="everywhere")["notes"] == ["Nothing: no map, nothing can be answered everywhere"]

    def test_the_report_is_there_before_the_maps(self, cheap):
        job = cheap.start(web_workers.picture("report-then-dawdle"))
        early = eventually(lambda: cheap.job(job), lambda found: found["report"] is not None)
        assert early["state"] == "running"
        assert cheap.get(early["report"]["json"]).status_code == 200
        assert cheap.wait(job)["state"] == "done"

    def test_what_waits_has_a_place_in_the_queue(self, cheap):
        _, second, third = (cheap.start(web_workers.picture("dawdle")) for _ in range(3))
        assert (cheap.job(second)["place"], cheap.job(third)["place"]) == (1, 2)
        answer = cheap.get(f"/api/jobs/{third['id']}/report.json")
        assert (answer.status_code, error_of(answer)["kind"]) == (409, "NotReady")
        assert answer.headers["retry-after"] == "1"
        assert cheap.wait(third)["state"] == "done"


class TestForgetting:
    def test_at_once(self, cheap):
        job = cheap.examine(PNG)
        assert cheap.delete(f"/api/jobs/{job['id']}").status_code == 204
        for path in ("", "/report.json", "/report.html", "/preview.jpg", "/maps/file-facts/certainty"):
            answer = cheap.get(f"/api/jobs/{job['id']}{path}")
            assert (answer.status_code, error_of(answer)["kind"]) == (404, "UnknownJob")
        assert cheap.delete(f"/api/jobs/{job['id']}").status_code == 404

    def test_in_the_middle_of_the_work(self, cheap):
        before = cheap.pool.pids()
        job = cheap.start(web_workers.picture("sleep"))
        cheap.wait(job, ["running"])
        assert cheap.delete(f"/api/jobs/{job['id']}").status_code == 204
        assert cheap.examine(PNG)["state"] == "done"
        assert cheap.pool.pids() != before  # what was held in memory is gone with the process

    def test_while_it_waits(self, cheap):
        first, second = cheap.start(web_workers.picture("dawdle")), cheap.start(PNG)
        assert cheap.delete(f"/api/jobs/{second['id']}").status_code == 204
        assert cheap.wait(first)["state"] == "done"
        assert cheap.store.counts()["held_bytes"] == 0

    @pytest.mark.parametrize("name", ["A" * 22, "x", "..%2f..%2fetc%2fpasswd", "%00", "🦊"])
    def test_a_job_that_never_was(self, cheap, name):
        answer = cheap.get(f"/api/jobs/{name}")
        assert answer.status_code == 404
        assert "/api" not in answer.text
        assert "etc" not in answer.text


class TestRefusedUploads:
    @pytest.mark.parametrize(
        ("content", "kind", "told"),
        [
            (b"", "UnknownFormat", "the input is empty"),
            (b"just words", "UnknownFormat", "the content is no picture format that is read (JPEG, PNG"),
            (b"\x7fELF" + bytes(100), "UnknownFormat", "begins with 7f 45 4c 46"),
            (b"\0\0\0\x18ftypheic" + bytes(50), "UnsupportedFormat", "HEIC is not read"),
            (b"%PDF-1.7", "UnsupportedFormat", "PDF is not read"),
        ],
    )
    def test_what_is_no_picture(self, cheap, content, kind, told):
        answer = cheap.upload(("photo.jpg", content), headers={})
        assert answer.status_code == 415
        assert error_of(answer)["kind"] == kind
        assert told in error_of(answer)["message"]

    @pytest.mark.parametrize(
        ("body", "content_type", "told"),
        [
            (b"", "multipart/form-data; boundary=limit", "the form ends too early"),
            (b"words", "text/plain", "send a form"),
            (b"words", "", "send a form"),
            (PNG, "image/png", "send a form"),
            (b"{}", "application/json", "send a form"),
            (b"words", "multipart/form-data", "send a form"),
            (b"words", "multipart/form-data; boundary=limit", "this is no form"),
            (b"words", f"multipart/form-data; boundary={'x' * 300}", "this is no form"),
            (form(), "multipart/form-data; boundary=limit", "no file called 'picture'"),
            (form(file_part(), end=False), "multipart/form-data; boundary=limit", "the form ends too early"),
            (form(("X-Header: 1", PNG)), "multipart/form-data; boundary=limit", "'picture' and 'maps', not ''"),
            (
                form(('Content-Disposition: form-data; name="file"; filename="a"', PNG)),
                "multipart/form-data; boundary=limit",
                "'picture' and 'maps', not 'file'",
            ),
            (
                form(('Content-Disposition: form-data; name="picture"', PNG)),
                "multipart/form-data; boundary=limit",
                "'picture' is a file",
            ),
            (
                form(('Content-Disposition: form-data; name="maps"', b"report")),
                "multipart/form-data; boundary=limit",
                "no file called 'picture'",
            ),
            (
                form(('Content-Disposition: form-data; name="maps"', b"all"), file_part()),
                "multipart/form-data; boundary=limit",
                "maps is report or everywhere, not 'all'",
            ),
            (
                form(('Content-Disposition: form-data; name="maps"', b"x" * 1000), file_part()),
                "multipart/form-data; boundary=limit",
                "'maps' is longer than 64 bytes",
            ),
        ],
    )
    def test_what_is_no_form(self, cheap, body, content_type, told):
        answer = post(cheap, body, content_type)
        assert answer.status_code == 422
        assert told in error_of(answer)["message"]
        assert cheap.store.counts()["held_bytes"] == 0

    def test_too_many_pictures(self, cheap):
        answer = cheap.upload(*[PNG] * 21)
        assert (answer.status_code, error_of(answer)["message"]) == (413, "one request may bring 20 pictures at most")
        assert cheap.store.counts()["held_bytes"] == 0

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
            ("..", "picture"),
            ("/", "picture"),
            ("   ", "picture"),
            ("a\u202eгод.png", "a\ufffdгод.png"),
            ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
            ("x" * 500, "x" * 200),
            ("фото 🦊.png", "фото 🦊.png"),
        ],
    )
    def test_names_are_made_harmless(self, cheap, name, shown):
        job = cheap.examine((name, PNG))
        assert job["name"] == shown
        page = cheap.get(job["report"]["html"]).text
        assert "<img src=x" not in page
        assert "etc/" not in page

    def test_the_stated_type_decides_nothing(self, cheap):
        answer = cheap.post("/api/pictures", files={"picture": ("a.exe", PNG, "application/x-msdownload")})
        assert answer.status_code == 202


@pytest.fixture(scope="module")
def tight():
    settings = Settings(
        limits=Limits(bytes=50_000, pixels=10_000), workers=1, idle_seconds=0.4, upload_seconds=1.5,
        held_bytes=120_000, waiting=3,
    )  # fmt: skip
    with serving(settings) as client:
        yield client


@pytest.fixture(scope="module")
def hasty():
    with serving(Settings(workers=1, seconds=3), warm=web_workers.everything) as client:
        yield client


class TestLimits:
    def test_too_many_bytes(self, tight):
        answer = tight.upload(PNG + bytes(60_000))
        assert answer.status_code == 413
        assert error_of(answer)["kind"] == "LimitExceeded"
        assert error_of(answer)["message"].startswith("bytes is limited to 50,000 and this input asks for")
        assert tight.store.counts()["held_bytes"] == 0

    def test_one_that_is_too_large_does_not_cost_the_others(self, tight):
        large, small = tight.upload(PNG + bytes(60_000), PNG).json()["pictures"]
        assert (large["job"], small["error"]) == (None, None)
        assert tight.wait(small["job"])["state"] == "done"

    def test_a_request_that_never_ends_is_given_up(self, tight):
        answer = talk(tight, head_of(10**9), form(file_part(bytes(200_000)), end=False), bytes(MIB))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert tight.store.counts()["held_bytes"] == 0

    def test_too_many_pixels(self, tight):
        job = tight.examine(web_workers.picture(width=200, height=100))
        assert job["state"] == "failed"
        assert job["error"]["kind"] == "LimitExceeded"
        assert "pixels is limited to 10,000 and this input asks for 20,000" in job["error"]["message"]
        answer = tight.get(f"/api/jobs/{job['id']}/report.json")
        assert (answer.status_code, error_of(answer)["kind"]) == (409, "NoReport")
        assert "pixels is limited" in error_of(answer)["message"]

    def test_a_bomb_is_refused_before_it_takes_memory(self, tight):
        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\1")
        job = tight.examine(bomb + png_chunk(b"IEND", b""))
        assert (job["state"], job["error"]["kind"]) == ("failed", "LimitExceeded")
        assert "3,600,000,000" in job["error"]["message"]

    def test_an_upload_that_stops(self, tight):
        begin = time.monotonic()
        answer = talk(tight, head_of(5000), form(file_part(PNG), end=False))
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"nothing came for 0.4" in answer
        assert time.monotonic() - begin < 5
        assert tight.store.counts()["held_bytes"] == 0

    def test_an_upload_that_trickles(self, tight):
        begin = time.monotonic()
        answer = talk(tight, head_of(5000) + form(file_part(PNG), end=False), *[b"-"] * 20, pause=0.1)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begin < 10
        assert tight.store.counts()["held_bytes"] == 0

    def test_a_broken_form_that_trickles_on(self, tight):
        begin = time.monotonic()
        answer = talk(tight, head_of(5000), *[b"-"] * 20, pause=0.1)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 422 ")
        assert time.monotonic() - begin < 10

    def test_a_client_that_goes_away(self, tight):
        with socket.create_connection((tight.base_url.host, tight.base_url.port)) as connection:
            connection.sendall(head_of(5000) + form(file_part(PNG), end=False))
        eventually(lambda: tight.store.counts()["held_bytes"], lambda held: held == 0)
        assert tight.examine(PNG)["state"] == "done"

    def test_a_head_that_never_comes(self, tight, monkeypatch):
        monkeypatch.setattr(server, "HEADER_SECONDS", 0.3)
        begin = time.monotonic()
        assert talk(tight, b"GET / HTT") == b""
        assert talk(tight, b"") == b""
        assert time.monotonic() - begin < 5

    def test_a_picture_that_takes_too_long(self, hasty):
        job = hasty.examine(web_workers.picture("sleep"))
        assert (job["state"], job["error"]["kind"]) == ("failed", "TimeLimit")
        assert "longer than 3 seconds" in job["error"]["message"]

    def test_a_report_is_kept_when_its_maps_take_too_long(self, hasty):
        job = hasty.examine(web_workers.picture("report-then-sleep"))
        assert (job["state"], job["error"]) == ("done", None)
        assert "not all maps are there: it took longer than" in job["notes"][0]
        assert hasty.get(job["report"]["json"]).status_code == 200

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells what a process takes")
    def test_a_picture_that_takes_too_much_memory(self):
        with serving(Settings(workers=1, memory=MIB)) as client:
            job = client.examine(web_workers.picture("sleep"))
            assert (job["state"], job["error"]["kind"]) == ("failed", "MemoryLimit")
            assert "more than 1 MiB" in job["error"]["message"]

    def test_too_much_at_once(self, tight):
        running = tight.start(web_workers.picture("sleep"))
        tight.wait(running, ["running"])
        jobs = [tight.start(PNG) for _ in range(3)]
        answer = tight.upload(PNG)
        assert (answer.status_code, error_of(answer)["kind"]) == (503, "Busy")
        assert "are waiting already; try again in a while" in error_of(answer)["message"]
        assert answer.headers["retry-after"] == "10"
        for job in jobs:
            tight.delete(f"/api/jobs/{job['id']}")
        large = PNG + bytes(45_000)
        waiting = [entry["job"] for entry in tight.upload(large, large).json()["pictures"]]  # 90 kB
        first, second = tight.upload(large, PNG).json()["pictures"]
        assert first["error"]["kind"] == "Busy"
        assert "too many uploads arrive or wait" in first["error"]["message"]
        for job in (running, second["job"], *waiting):
            tight.delete(f"/api/jobs/{job['id']}")
        eventually(lambda: tight.store.counts()["held_bytes"], lambda held: held == 0)


class TestWorkers:
    def test_one_that_dies_costs_only_its_picture(self, cheap):
        deadly, other = cheap.start(web_workers.picture("die")), cheap.start(PNG)
        failed = cheap.wait(deadly)
        assert (failed["state"], failed["error"]["kind"]) == ("failed", "WorkerDied")
        assert "can be tried once more" in failed["error"]["message"]
        assert cheap.wait(other)["state"] == "done"

    def test_one_that_is_killed_from_outside(self, cheap):
        job = cheap.start(web_workers.picture("sleep"))
        cheap.wait(job, ["running"])
        os.kill(cheap.pool.pids()[0], signal.SIGKILL)
        assert cheap.wait(job)["error"]["kind"] == "WorkerDied"
        assert cheap.examine(PNG)["state"] == "done"

    def test_a_defect_is_told_and_the_worker_stays(self, cheap):
        cheap.examine(PNG)
        before = cheap.pool.pids()
        job = cheap.examine(web_workers.picture("break"))
        assert job["error"]["kind"] == "InternalError"
        assert job["error"]["message"] == "internal error, please report it: ValueError: a defect"
        assert cheap.examine(web_workers.picture("exhaust"))["error"]["kind"] == "OutOfMemory"
        assert cheap.pool.pids() == before

    def test_one_that_keeps_too_much_is_replaced(self):
        with serving(Settings(workers=1, growth=MIB)) as client:
            before = client.pool.pids()
            assert client.examine(web_workers.picture("keep"))["state"] == "done"
            eventually(client.pool.pids, lambda found: found and found != before)

    def test_an_engine_that_does_not_start(self, monkeypatch):
        monkeypatch.setattr("jpegtrace.web.pool.FAILED_STARTS", 1)
        with serving(warm=web_workers.unable, ready=False) as client:
            assert client.get("/health").json()["status"] == "starting"
            job = client.wait(client.start(PNG))
            assert job["error"]["kind"] == "EngineFailed"
            assert "the engine does not start: the weights are damaged" in job["error"]["message"]

    def test_health_counts(self, cheap):
        job = cheap.start(web_workers.picture("dawdle"))
        cheap.wait(job, ["running"])
        cheap.start(PNG)
        found = cheap.get("/health").json()
        assert (found["status"], found["workers"], found["running"], found["waiting"]) == ("ok", 1, 1, 1)
        assert found["held_bytes"] == len(PNG)
        assert found["kept_bytes"] > 0
