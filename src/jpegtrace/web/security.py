"""Who may speak to the server, and what a browser may do with its answers.

A page elsewhere can make a browser call this machine. By another name that leads here (DNS rebinding) it would even be
allowed to read the answers; so a request has to call the server by a name of its own. Without it a page could still
send pictures; so a request that changes something has to come from the server's own page, or from no page at all.
"""

from __future__ import annotations

import asyncio
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jpegtrace.web.errors import ApiError, ForeignOrigin, WrongHost, as_json
from jpegtrace.web.settings import Settings

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A report is shown in a frame of our page, as of an origin of its own. It carries all it needs, and says itself which
# script that is.
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
)
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
DRAINED, DRAIN_SECONDS = 1 << 16, 2.0  # of a refused request, at most
_SAFE = ("GET", "HEAD", "OPTIONS")
_OWN_NAMES = ("localhost", "localhost.localdomain")


class Guard:
    """Refuses what comes from elsewhere, and adds headers to every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refusal(Headers(scope=scope), scope["method"])
        if refused is not None:
            await _drain(receive)
            answer = JSONResponse(as_json(refused), refused.status, {"connection": "close"})
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, method: str) -> ApiError | None:
        called = headers.getlist("host")
        name = _host(called[0]) if len(called) == 1 else None
        if name is None or not is_own_name(name, self._settings):
            return WrongHost(
                "the server does not answer to this name; call it by the address that it printed, "
                "or start it with --allow-host NAME"
            )
        if method not in _SAFE and not _same_origin(headers, called[0]):
            return ForeignOrigin("the request comes from another page; only the server's own page may do this")
        return None


async def _drain(receive: Receive) -> None:
    """Take the little that a refused request brings: with bytes unread, closing resets the connection.

    The answer may then be lost on its way.
    """
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            seen, more = 0, True
            while more and seen < DRAINED:
                message = await receive()
                seen += len(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        pass


def is_own_name(name: str, settings: Settings) -> bool:
    """Whether the server may be called by this name: nobody else can make it lead here."""
    if name in _OWN_NAMES or name in (host.lower() for host in settings.hosts):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or settings.open_to_others


def _host(value: str) -> str | None:
    """The name in a Host header, without port and brackets."""
    try:
        parts = urlsplit(f"//{value}")
        _ = parts.port
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    return None if parts.hostname is None else parts.hostname.rstrip(".").lower()


def _same_origin(headers: Headers, host: str) -> bool:
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()
