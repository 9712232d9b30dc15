"""Who may speak to the server, and what its answers allow a browser."""

import re
from importlib import resources

import pytest

from jpegtrace.web.security import is_own_name
from jpegtrace.web.settings import Settings
from support import web_workers

PNG = web_workers.picture()
SCOPES = ("/", "/docs", "/static/app.js", "/static/style.css", "/api/limits", "/health", "/openapi.json", "/nonsense")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("localhost:8341", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8341", True),
        ("127.8.9.10", True),
        ("[::1]:8341", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("192.168.1.7", False),
        ("evil.example:8341", False),
        ("user@localhost", False),
        ("localhost/path", False),
        ("[::1", False),
        ("localhost:port", False),
        ("", False),
    ],
)
def test_it_is_called_by_a_name_of_its_own(cheap, host, allowed):
    answer = cheap.get("/health", headers={"host": host})
    assert answer.status_code == (200 if allowed else 421)
    if not allowed:
        assert "--allow-host NAME" in answer.json()["error"]["message"]


def test_a_page_by_another_name_gets_nothing(cheap):
    job = cheap.examine(PNG)
    for path in ("/", "/static/app.js", f"/api/jobs/{job['id']}/report.json"):
        assert cheap.get(path, headers={"host": "rebound.example"}).status_code == 421


@pytest.mark.parametrize(
    ("name", "hosts", "open_to_others", "own"),
    [
        ("pictures.example", (), False, False),
        ("pictures.example", ("Pictures.example",), False, True),
        ("192.168.1.7", (), False, False),
        ("192.168.1.7", (), True, True),
        ("fe80::1", (), True, True),
        ("pictures.example", (), True, False),
    ],
)
def test_further_names_are_given(name, hosts, open_to_others, own):
    assert is_own_name(name, Settings(hosts=hosts, open_to_others=open_to_others)) is own


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_pages_may_change_nothing(cheap, headers):
    job = cheap.examine(PNG)
    before = cheap.store.counts()["remembered"]
    answer = cheap.upload(PNG, headers=headers)
    assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "ForeignOrigin")
    assert cheap.delete(f"/api/jobs/{job['id']}", headers=headers).status_code == 403
    assert cheap.store.counts()["remembered"] == before


@pytest.mark.parametrize("size", [0, 3000, 60_000])
def test_a_refusal_arrives_though_the_request_brings_something(cheap, size):
    """Closed with bytes unread, a connection is reset, and the answer may be lost."""
    for _ in range(20):
        answer = cheap.upload(b"x" * size, headers={"origin": "null"})
        assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "ForeignOrigin")


def test_its_own_page_may(cheap):
    origin = str(cheap.base_url).rstrip("/")
    assert cheap.upload(PNG, headers={"origin": origin, "sec-fetch-site": "same-origin"}).status_code == 202


@pytest.mark.parametrize("path", SCOPES)
def test_every_answer_has_its_headers(cheap, path):
    headers = cheap.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_a_report_is_shown_as_of_another_origin(cheap):
    report = cheap.examine(PNG)["report"]
    policy = cheap.get(report["html"]).headers["content-security-policy"]
    assert policy.endswith("sandbox allow-scripts")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "connect-src" not in policy


def test_nothing_of_the_page_comes_from_elsewhere(cheap):
    static = resources.files("jpegtrace.web").joinpath("static")
    files = {path.name: path.read_text(encoding="utf-8") for path in static.iterdir()}
    assert {"index.html", "app.js", "style.css"} <= set(files)
    for name, text in files.items():
        text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"(https?:)?//[a-z]", re.sub(r"^\s*//.*$", "", text, flags=re.M)), name
        assert "innerHTML" not in text, name
        assert " style=" not in text, name  # the policy would not let it in
    for name in files:
        served = cheap.get("/" if name == "index.html" else f"/static/{name}")
        assert served.status_code == 200, name


@pytest.mark.parametrize(
    "path", ["/static/index.html", "/static/../app.py", "/static/..%2fapp.py", "/static/", "/app.py"]
)
def test_nothing_else_is_served(cheap, path):
    answer = cheap.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["kind"] == "NotFound"


def test_what_cannot_be_done_says_what_can(cheap):
    answer = cheap.put("/api/jobs/" + "A" * 22)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"DELETE", "GET", "HEAD"}
