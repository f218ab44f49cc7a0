"""The web application that every Lodge program starts from."""

import asyncio
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartParser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.errors import Conflict, LedgerUnavailable
from porch.accounts import PasswordTooShort, SignInRefused, TooManyAttempts
from porch.certificates import renew
from porch.guard import Guard
from porch.pages import HERE, Pages
from porch.problems import Problem, answer
from porch.sessions import Sessions
from porch.settings import Web

log = logging.getLogger(__name__)
BODY_MAX = 32 * 1024 * 1024
TOO_LONG = "The files are larger than 32 MB together."
TITLES = {404: "There is no such page.", 413: TOO_LONG}
Failures = Mapping[type[Exception], tuple[int, str, str]]
FAILURES: Failures = {
    Conflict: (409, "changed", "Somebody was faster; look again."),
    LedgerUnavailable: (503, "disk", "The disk is full or failing; nothing was kept."),
    TooManyAttempts: (429, "too_many", "Too many tries; wait five minutes."),
    SignInRefused: (403, "refused", "These do not fit together; check and try again."),
    PasswordTooShort: (422, "short", "Choose a password of at least ten characters."),
}


def application(
    pages: Pages, sessions: Sessions, title: str, failures: Failures
) -> FastAPI:
    """Return an application with guard, problems, headers, limits and static files."""
    app = FastAPI(
        title=title,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(Guard(sessions))],
    )
    app.add_middleware(Limited, pages)
    app.mount("/static", Static(directory=HERE / "static"), name="static")

    @app.exception_handler(Problem)
    async def refused(request: Request, problem: Problem) -> Response:
        return answer(pages, request, problem)

    @app.exception_handler(StarletteHTTPException)
    async def missing(request: Request, error: StarletteHTTPException) -> Response:
        title = TITLES.get(error.status_code, "That cannot be done here.")
        return answer(pages, request, Problem(error.status_code, "http", title))

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> Response:
        fields = [
            {"field": ".".join(str(part) for part in each["loc"]), "why": each["type"]}
            for each in error.errors()
        ]
        title = "Something is missing or has the wrong form."
        return answer(pages, request, Problem(422, "form", title, fields))

    def tell(kind: type[Exception], told: tuple[int, str, str]) -> None:
        @app.exception_handler(kind)
        async def failed(request: Request, error: Exception) -> Response:
            errors = getattr(error, "errors", ())
            return answer(pages, request, Problem(*told, errors))

    for kind, told in {**FAILURES, **failures}.items():
        tell(kind, told)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        # The kind alone: an error's text may hold what no log may.
        log.error("a page failed: %s", type(error).__name__)
        title = "Something went wrong on our side."
        return answer(pages, request, Problem(500, "broken", title))

    return app


class Static(StaticFiles):
    """Files of the pages; a browser asks each time whether its copy is the newest."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        """Answer with a file, or that it has not changed."""
        found = super().file_response(*args, **more)
        found.headers["Cache-Control"] = "no-cache"
        return found


class Limited:
    """Refuses bodies over the limit before they are read, keeps the others off disk."""

    def __init__(self, app: ASGIApp, pages: Pages, limit: int = BODY_MAX) -> None:
        self._app, self._pages, self._limit = app, pages, limit
        # Starlette would spool an upload over 1 MB into a file; faces stay in memory.
        MultiPartParser.spool_max_size = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, ending it with 413 where it grows too long."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        if told.isdecimal() and int(told) > self._limit:
            problem = Problem(413, "too_long", TOO_LONG)
            refusal = answer(self._pages, Request(scope), problem)
            await refusal(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


def control(title: str) -> FastAPI:
    """Return an application for the Unix socket, which its owner alone can open."""
    return FastAPI(title=title, openapi_url=None, docs_url=None, redoc_url=None)


class Server(uvicorn.Server):
    """Uvicorn inside somebody else's loop: signals stay with the supervisor."""

    async def renew(self) -> None:
        """Serve with a renewed certificate once there is one; for ever.

        Without a certificate there is nothing to renew, and it only waits.
        """
        config = self.config
        certificate, key = config.ssl_certfile, config.ssl_keyfile
        if not config.loaded:
            config.load()
        if config.ssl is None or certificate is None or key is None:
            await asyncio.Event().wait()
            return
        await renew(config.ssl, Path(certificate), Path(str(key)))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until cancelled, then let go of the connections still open."""
        try:
            await super().serve(sockets)
        except asyncio.CancelledError:
            if self.started:
                await self.shutdown(sockets)
            raise


def server(app: FastAPI, web: Web | None = None, path: Path | None = None) -> Server:
    """Return a server for an application, on an address or a Unix socket."""
    config = uvicorn.Config(
        app,
        host=web.host if web else "127.0.0.1",
        port=web.port if web else 0,
        uds=str(path) if path else None,
        ssl_certfile=web.certificate if web else None,
        ssl_keyfile=web.private_key if web else None,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return Server(config)
