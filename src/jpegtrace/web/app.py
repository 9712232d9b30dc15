"""The routes: thin, as everything that takes long happens in workers."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from importlib import resources

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from jpegtrace import __version__
from jpegtrace.report import Failure
from jpegtrace.web.answers import analyses_json, job_json, job_path, map_json, settings_json
from jpegtrace.web.errors import (
    ApiError,
    BadRequest,
    NoReport,
    NotReady,
    UnknownMap,
    as_json,
    error_json,
)
from jpegtrace.web.jobs import Job, JobStore
from jpegtrace.web.messages import Examined, Mapped, Task
from jpegtrace.web.openapi import document
from jpegtrace.web.pool import Pool
from jpegtrace.web.security import REPORT_POLICY, Guard
from jpegtrace.web.settings import Settings
from jpegtrace.web.uploads import receive

STATIC = {
    **dict.fromkeys(("app.js", "compare.js", "dom.js", "result.js", "uploads.js", "viewer.js"), "text/javascript"),
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
}
_FORMS = ("json", "npy")


class Server:
    """The handlers of all routes over one store of jobs."""

    def __init__(self, settings: Settings, store: JobStore, pool: Pool) -> None:
        self._settings = settings
        self._store = store
        self._pool = pool

    async def upload(self, request: Request) -> Response:
        """`POST /api/pictures`: a job for each picture; where all are refused, the reason of the first.

        Where one picture was sent, `Location` leads to its job.
        """
        form = await receive(request, self._settings, self._store)
        entries: list[dict[str, object]] = []
        jobs: list[Job] = []
        first: ApiError | None = None
        for upload in form.uploads:
            job, error = None, upload.refused
            if error is None:
                try:
                    job = self._store.add(Task(upload.name, upload.data, self._settings.limits, form.everywhere))
                    jobs.append(job)
                except ApiError as busy:
                    self._store.let_go(len(upload.data))
                    error = busy
            first = first or error
            failure = None if error is None else Failure(error.kind, error.message, error.offset)
            entries.append(
                {
                    "name": upload.name,
                    "job": None if job is None else job_json(job, self._store),
                    "error": None if failure is None else error_json(failure)["error"],
                }
            )
        if first is not None and not jobs:
            raise first
        headers = {"location": job_path(jobs[0])} if len(entries) == 1 else {}
        return JSONResponse({"pictures": entries}, HTTPStatus.ACCEPTED, headers)

    async def job(self, request: Request) -> Response:
        """`GET` and `DELETE /api/jobs/{id}`."""
        if request.method == "DELETE":
            self._store.forget(request.path_params["id"])
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return JSONResponse(job_json(self._job(request), self._store))

    async def report_json(self, request: Request) -> Response:
        """`GET /api/jobs/{id}/report.json`."""
        return Response(self._report(request).json, media_type="application/json")

    async def report_html(self, request: Request) -> Response:
        """`GET /api/jobs/{id}/report.html`."""
        return HTMLResponse(self._report(request).html, headers={"content-security-policy": REPORT_POLICY})

    async def preview(self, request: Request) -> Response:
        """`GET /api/jobs/{id}/preview.jpg`."""
        preview = self._report(request).preview
        if preview is None:
            raise UnknownMap("the pixels of this picture cannot be had, so there is no preview")
        return Response(preview, media_type="image/jpeg")

    async def map(self, request: Request) -> Response:
        """`GET /api/jobs/{id}/maps/{analysis}/{name}`."""
        form = request.query_params.get("form", "json")
        if form not in _FORMS:
            raise BadRequest(f"form is {' or '.join(_FORMS)}, not {form!r}")
        job = self._job(request)
        report = self._report_of(job)
        found = job.maps.get((request.path_params["analysis"], request.path_params["name"]))
        if found is None:
            raise _no_map(job)
        if form == "npy":
            return Response(await run_in_threadpool(_npy, found), media_type="application/octet-stream")
        body = await run_in_threadpool(lambda: json.dumps(map_json(found, report), allow_nan=False))
        return Response(body, media_type="application/json")

    async def analyses(self, _: Request) -> Response:
        """`GET /api/analyses`."""
        return Response(await run_in_threadpool(_analyses), media_type="application/json")

    async def limits(self, _: Request) -> Response:
        """`GET /api/limits`."""
        return JSONResponse(settings_json(self._settings))

    async def health(self, _: Request) -> Response:
        """`GET /health`."""
        return JSONResponse(
            {
                "status": "ok" if self._pool.ready else "starting",
                "version": __version__,
                "workers": self._settings.workers,
                "workers_ready": self._pool.ready,
                **self._store.counts(),
            }
        )

    async def openapi(self, _: Request) -> Response:
        """`GET /openapi.json`."""
        return JSONResponse(document())

    async def docs(self, _: Request) -> Response:
        """`GET /docs`."""
        return HTMLResponse(_docs())

    async def page(self, _: Request) -> Response:
        """`GET /`."""
        return HTMLResponse(_static("index.html").replace("{version}", __version__))

    async def static(self, request: Request) -> Response:
        """`GET /static/{name}`."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(_static(name), media_type=STATIC[name])

    def routes(self) -> list[Route]:
        """Everything that can be asked; `openapi.json` describes those below /api and /health."""
        return [
            Route("/api/pictures", self.upload, methods=["POST"]),
            Route("/api/jobs/{id}", self.job, methods=["GET", "DELETE"]),
            Route("/api/jobs/{id}/report.json", self.report_json, methods=["GET"]),
            Route("/api/jobs/{id}/report.html", self.report_html, methods=["GET"]),
            Route("/api/jobs/{id}/preview.jpg", self.preview, methods=["GET"]),
            Route("/api/jobs/{id}/maps/{analysis}/{name:path}", self.map, methods=["GET"]),
            Route("/api/analyses", self.analyses, methods=["GET"]),
            Route("/api/limits", self.limits, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
            Route("/docs", self.docs, methods=["GET"]),
            Route("/static/{name}", self.static, methods=["GET"]),
            Route("/", self.page, methods=["GET"]),
        ]

    def _job(self, request: Request) -> Job:
        return self._store.get(request.path_params["id"])

    def _report(self, request: Request) -> Examined:
        return self._report_of(self._job(request))

    @staticmethod
    def _report_of(job: Job) -> Examined:
        if job.error is not None:
            raise NoReport(f"there is no report: {job.error.message}")
        if job.examined is None:
            raise NotReady(f"the picture is {job.state.value}; there is no report yet")
        return job.examined


def create_app(settings: Settings, store: JobStore | None = None, pool: Pool | None = None) -> Starlette:
    """The application; its workers begin and end with it."""
    store = JobStore(settings) if store is None else store
    pool = Pool(store, settings) if pool is None else pool

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        pool.start()
        try:
            yield
        finally:
            await run_in_threadpool(pool.stop)

    return Starlette(
        routes=Server(settings, store, pool).routes(),
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={
            ApiError: _answer_api_error,
            HTTPException: _answer_http_error,
            ClientDisconnect: _answer_nobody,
            Exception: _answer_defect,
        },
        lifespan=lifespan,
    )


async def _answer_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for these
    # Whoever goes on sending would keep the connection for as long as it likes.
    headers = {"connection": "close"} if request.method == "POST" else {}
    return JSONResponse(as_json(error), error.status, {**error.headers, **headers})


async def _answer_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    status = HTTPStatus(error.status_code)
    failure = Failure(status.phrase.title().replace(" ", ""), f"{status.phrase.lower()}; /docs tells what can be asked")
    return JSONResponse(error_json(failure), status, error.headers)


async def _answer_nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _answer_defect(_: Request, error: Exception) -> Response:
    failure = Failure("InternalError", f"internal error, please report it: {type(error).__name__}")
    return JSONResponse(error_json(failure), HTTPStatus.INTERNAL_SERVER_ERROR)


def _no_map(job: Job) -> ApiError:
    if not job.state.over:
        return NotReady("there is no such map yet, and more may come")
    names = ", ".join(f"{analysis}/{name}" for analysis, name in job.maps) or "none"
    return UnknownMap(f"there is no such map; there are: {names}")


def _npy(found: Mapped) -> bytes:
    out = io.BytesIO()
    np.save(out, found.map.values.astype("<f4"), allow_pickle=False)
    return out.getvalue()


@cache
def _static(name: str) -> str:
    return resources.files("jpegtrace.web").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _analyses() -> bytes:
    return json.dumps(analyses_json()).encode()


@cache
def _docs() -> str:
    environment = Environment(
        loader=PackageLoader("jpegtrace.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("docs.html.jinja").render(api=document(), version=__version__)
