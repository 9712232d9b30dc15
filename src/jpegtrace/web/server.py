"""A socket of this machine, and uvicorn upon it."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from jpegtrace.errors import UsageError

HEADER_SECONDS = 10.0  # that the head of a request may take to arrive
MOST_CONNECTIONS = 400
BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises:
        UsageError: it cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        why = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot listen on {host}, port {port}: {why}; --port 0 takes any that is free") from error


def address_of(listener: socket.socket) -> str:
    """What to type into a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "127.0.0.1" if listener.family is socket.AF_INET else "::1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def is_open_to_others(listener: socket.socket) -> bool:
    """Whether other machines can reach it."""
    return not ipaddress.ip_address(listener.getsockname()[0]).is_loopback


class Server(uvicorn.Server):
    """Uvicorn over an application, as it is run here.

    Args:
        app: the application.
        begun: called when it answers.
    """

    def __init__(self, app: Starlette, begun: Callable[[], None] | None = None) -> None:
        self._begun = begun
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientOnlySoLong,
                ws="none",
                lifespan="on",
                log_level="error",  # what clients send is no news
                access_log=False,  # names of pictures are nobody's business
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                # A connection that is closed at the moment when it is used again looks like a failure to a program.
                timeout_keep_alive=60,
                timeout_graceful_shutdown=2,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started and self._begun is not None:
            self._begun()


class PatientOnlySoLong(H11Protocol):
    """Closes connections on which the head of a request does not become whole; uvicorn would wait for ever."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Wait on, unless the head is whole now."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
