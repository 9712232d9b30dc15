"""`jpegtrace serve`: the web page on this machine."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated

import typer

from jpegtrace._terminal import LimitOption, comment, limits_of
from jpegtrace.errors import MissingExtra

NEEDED = ("starlette", "uvicorn", "python_multipart")


def serve(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", metavar="N", min=0, max=65535, help="0 takes any.")] = 8341,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Pictures at once; by default the cores, 4 at most."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", metavar="N", min=1, help="That one picture may take.")] = 300,
    keep: Annotated[
        float, typer.Option("--keep", metavar="MINUTES", min=0.1, help="How long a result is remembered.")
    ] = 30,
    names: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A further name that the server has; may be repeated."),
    ] = None,
    limit: LimitOption = None,
    show: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No comments; the address is printed all the same.")
    ] = False,
) -> None:
    """Serve a page on this machine: drop pictures, read their reports. Needs the extra [web].

    Pictures are kept in memory only, never on disk, and go nowhere else. Limits are tighter here: a picture may have
    64 MiB and 50 million pixels, unless --limit moves that.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtra("web", "the web page")
    from jpegtrace._workers import cores
    from jpegtrace.web import server
    from jpegtrace.web.app import create_app
    from jpegtrace.web.settings import WEB_LIMITS, Settings

    settings = Settings(
        limits=limits_of(limit, WEB_LIMITS),
        workers=workers or min(cores(), 4),
        seconds=seconds,
        keep_minutes=keep,
        hosts=tuple(names or ()),
    )
    with server.listen(host, port) as listener:
        address = server.address_of(listener)
        if server.is_open_to_others(listener):
            settings = replace(settings, open_to_others=True)
            if not quiet:
                comment("others can reach this server, and nobody is asked who they are")

        def begun() -> None:
            typer.echo(address)
            if not quiet:
                comment("Ctrl-C ends it")
            if show:
                typer.launch(address)

        server.Server(create_app(settings), begun).run(sockets=[listener])
