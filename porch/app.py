"""The web application that every Lodge program starts from."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartParser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ledger.errors import Conflict, LedgerUnavailable, TooManyAttempts, Unkeepable
from porch.accounts import PasswordTooShort, SignInRefused
from porch.certificates import renew, trusted
from porch.connections import Connections, Listener, listen
from porch.errors import ConfigUnusable
from porch.guard import BODY, COOKIES, PICTURES, TOO_MANY_COOKIES, Body, Guard
from porch.pages import HERE, Pages
from porch.passkeys import TooManyPasskeys
from porch.problems import Problem, answer
from porch.sessions import Sessions
from porch.settings import Web

log = logging.getLogger(__name__)
YEAR = 365 * 24 * 3600
# Seconds in which whoever asked takes some more of the answer.
TAKES_WITHIN = 20.0
TITLES = {
    404: "There is no such page.",
    408: "This took too long to arrive. Try again where the network is better.",
    413: "This is more than can be taken here.",
}
# Starlette would spool an upload over 1 MB into a file; faces stay in memory.
MultiPartParser.spool_max_size = PICTURES
Failures = Mapping[type[Exception], tuple[int, str, str]]
FAILURES: Failures = {
    Conflict: (409, "changed", "Somebody was faster; look again."),
    LedgerUnavailable: (503, "disk", "The disk is full or failing; nothing was kept."),
    Unkeepable: (422, "unkeepable", "A date or number here is out of all bounds."),
    TooManyAttempts: (429, "too_many", "Too many tries. Wait a while, then try again."),
    SignInRefused: (403, "refused", "These do not fit together; check and try again."),
    TooManyPasskeys: (409, "passkeys", "You have too many passkeys; remove one first."),
    PasswordTooShort: (422, "short", "Choose a password of at least ten characters."),
}


def application(
    pages: Pages, sessions: Sessions, title: str, failures: Failures, web: Web
) -> FastAPI:
    """Return an application with guard, problems, headers, limits and static files."""
    app = FastAPI(
        title=title, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.guard = Guard(sessions, web.url)
    lasting = web.certificate is not None and trusted(web.certificate)
    app.add_middleware(Headed, lasting=lasting)
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


class Headed:
    """Puts on every answer what a browser has to know of this site.

    `lasting` where its certificate is one that every phone trusts: a browser that was
    told so can go round no warning any more, also not where the box's own authority is
    new.
    """

    def __init__(self, app: ASGIApp, *, lasting: bool) -> None:
        self._app = app
        self._more = [(b"x-content-type-options", b"nosniff")]
        if lasting:
            told = f"max-age={YEAR}".encode()
            self._more.append((b"strict-transport-security", told))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; end the connection of whoever was not heard out.

        Cookies that are too long are not shown to anybody inside.
        """
        told = scope.get("headers", [])
        cookies = sum(len(value) for name, value in told if name == b"cookie")
        if cookies > COOKIES:
            scope[TOO_MANY_COOKIES] = True
            scope["headers"] = [each for each in told if each[0] != b"cookie"]

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = {name for name, _ in message["headers"]}
                more = [each for each in self._more if each[0] not in told]
                body: Body | None = scope.get(BODY)
                if body is not None and not body.whole:
                    more.append((b"connection", b"close"))
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, headed)


class Protocol(H11Protocol):
    """Uvicorn's HTTP, known to the server's connections."""

    _stalled: float | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, and who asked it takes the answer."""
        answering = self.cycle is not None and not self.cycle.response_complete
        stalled = self._stalled
        slow = stalled is not None and time.monotonic() - stalled > TAKES_WITHIN
        return answering and not slow

    def pause_writing(self) -> None:
        """Wait until what was written is taken."""
        self._stalled = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._stalled = None
        super().resume_writing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to serve a connection."""
        super().connection_made(transport)
        self._known().serves(transport.get_extra_info("peername"), self)

    def on_response_complete(self) -> None:
        """Wait for the connection's next request."""
        super().on_response_complete()
        peer = self.transport.get_extra_info("peername")
        self._known().answered(peer, time.monotonic())

    def _known(self) -> Connections:
        assert isinstance(self.config, Config)  # noqa: S101 - made by `server`
        return self.config.connections


class Config(uvicorn.Config):
    """Uvicorn's settings, and the connections that it may hold."""

    connections: Connections


class Unsignalled(uvicorn.Server):
    """Uvicorn inside somebody else's loop: signals stay with the supervisor."""

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


class Server(Unsignalled):
    """Serves pages on an address, to so many at once."""

    def __init__(self, config: Config, web: Web) -> None:
        super().__init__(config)
        self._web, self._connections = web, config.connections
        self._listens: Listener | None = None

    def listen(self) -> None:
        """Take the address, before anything else is begun; raise ConfigUnusable."""
        host, port = self._web.host, self._web.port
        try:
            self._listens = listen(host, port, self._connections)
        except OSError as error:
            raise ConfigUnusable(
                f"{host}:{port}: {error.strerror}; choose another web.port, or end "
                "the program that has it"
            ) from error

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

    async def on_tick(self, counter: int) -> bool:
        """Let go of connections that only wait."""
        self._connections.sweep(time.monotonic())
        return await super().on_tick(counter)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until cancelled, on the address that was taken."""
        if self._listens is None:
            self.listen()
        assert self._listens is not None  # noqa: S101 - taken just now
        taken, self._listens = self._listens, None
        await super().serve(sockets or [taken])


def server(app: FastAPI, web: Web) -> Server:
    """Return a server for an application on an address."""
    config = Config(
        app,
        http=Protocol,
        ssl_certfile=web.certificate,
        ssl_keyfile=web.private_key,
        proxy_headers=bool(web.proxies),
        forwarded_allow_ips=web.proxies,
        **SERVES,
    )
    config.connections = Connections(proxies=frozenset(web.proxies))
    return Server(config, web)


SERVES: Mapping[str, Any] = {
    "ws": "none",
    "access_log": False,
    "log_config": None,
    "server_header": False,
    "timeout_graceful_shutdown": 1,
    "h11_max_incomplete_event_size": 16 * 1024,
}
