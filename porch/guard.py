"""What a request meets before its body is read: its route's roles, its origin, size.

Nothing of a body is taken from whoever may not send one, and no more of it, and for no
longer, than its route allows.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import AfterValidator, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from porch.accounts import Caller, Role
from porch.connections import site_of
from porch.problems import FRESH, SECOND, Problem
from porch.sessions import DEVICE, Session, Sessions

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
SAFE = {"GET", "HEAD", "OPTIONS"}
ROUTE = "lodge_route"
# Bytes of a body: a form of text, and pictures that a phone's camera takes.
FORM, PICTURES = 64 * 1024, 32 * 1024 * 1024
# Seconds in which a body has come whole; a slow phone sends its pictures at 0.3 MB/s.
WITHIN, PICTURES_WITHIN = 20.0, 120.0
# A refused body is read this far and so long, so that whoever sent it hears why: of
# anybody a form's, of somebody who is signed in also a film that he took for a picture.
DRAINED, DRAINED_WITHIN = FORM, 2.0
PATIENT, PATIENT_WITHIN = 3 * PICTURES, WITHIN
# Python before 3.11.10 takes a time that grows with the square of a quoted cookie
# (CVE-2024-7592); a session's token has 43 characters.
COOKIES = 4096
OTHER = "This came from another site."
TOO_MANY_COOKIES = "lodge.cookies"
# Where the rest of a request's body is found, to say whether all of it came.
BODY = "lodge.body"


@dataclass(frozen=True, slots=True)
class Route:
    """Where an endpoint is reached, and who may; no roles means anyone.

    A body of its requests has at most `body` bytes; a `fresh` one wants that whoever
    asks typed his password a moment ago; only a `bare` one is there for an officer
    without a second factor.
    """

    method: str
    path: str
    roles: frozenset[Role]
    listed: bool
    body: int = FORM
    fresh: bool = False
    bare: bool = False

    @property
    def within(self) -> float:
        """Return the seconds in which a body has come whole."""
        return PICTURES_WITHIN if self.body > FORM else WITHIN


def route(
    method: str,
    path: str,
    *roles: Role,
    listed: bool = False,
    body: int = FORM,
    fresh: bool = False,
    bare: bool = False,
) -> Callable[[Endpoint], Endpoint]:
    """Say where an endpoint is reached and who may; `listed` puts it in the OpenAPI."""

    def mark(endpoint: Endpoint) -> Endpoint:
        marked = Route(method, path, frozenset(roles), listed, body, fresh, bare)
        setattr(endpoint, ROUTE, marked)
        return endpoint

    return mark


class Guarded(APIRoute):
    """A route before which the application's guard stands."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request, once the guard lets it through."""
        answer = super().get_route_handler()
        marked: Route | None = getattr(self.endpoint, ROUTE, None)

        async def guarded(request: Request) -> Response:
            guard: Guard = request.app.state.guard
            admitted = await guard.admit(request, marked)
            with guard.carrying(admitted, marked):
                return await answer(admitted)

        return guarded


def router_of(room: object) -> APIRouter:
    """Collect the routes of an object's methods, in the order they were written."""
    router = APIRouter(route_class=Guarded)
    for name, method in vars(type(room)).items():
        # The mark is on the function: not all that a class holds can be read of `room`.
        marked: Route | None = getattr(method, ROUTE, None)
        if marked is not None:
            router.add_api_route(
                marked.path,
                getattr(room, name),
                methods=[marked.method],
                include_in_schema=marked.listed,
                name=name,
            )
    return router


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets a request through to its route, or says why not.

    `address` is how people reach the pages where that is not what a request names.
    """

    sessions: Sessions
    address: str = ""
    _carried: set[str] = field(default_factory=set)

    @contextmanager
    def carrying(self, request: Request, marked: Route | None) -> Iterator[None]:
        """Hold pictures of one request a person in memory, never two."""
        if marked is None or marked.body < PICTURES:
            yield
            return
        who = session_of(request).subject
        self._one_at_a_time(who)
        self._carried.add(who)
        try:
            yield
        finally:
            self._carried.discard(who)

    async def admit(self, request: Request, marked: Route | None) -> Request:
        """Check origin, role and size; return the request with a bounded body.

        The session is left in `request.state`.
        """
        told = request.headers
        empty = (
            told.get("content-length", "0") == "0" and "transfer-encoding" not in told
        )
        body = Body(request.receive, marked, whole=empty)
        try:
            await self._check(request, marked, body)
        except Problem:
            known = getattr(request.state, "session", None) is not None
            patience = (PATIENT, PATIENT_WITHIN) if known else (DRAINED, DRAINED_WITHIN)
            await body.drain(*patience)
            raise
        finally:
            request.scope[BODY] = body
        return Request(request.scope, body.receive)

    async def _check(
        self, request: Request, marked: Route | None, body: "Body"
    ) -> None:
        if request.scope.get(TOO_MANY_COOKIES):
            raise Problem(431, "cookies", "Your browser sent too much; clear its data.")
        if request.method not in SAFE:
            self._same_origin(request)
        session = await self.sessions.find(request)
        request.state.session = session
        if marked is None:
            raise Problem(403, "nobody_may", "This page is not for you.")
        if marked.roles:
            self._may(session, marked)
        told = request.headers.get("content-length", "0")
        if not told.isdecimal() or len(told) > 18 or int(told) > body.most:  # noqa: PLR2004
            raise Problem(413, "too_long", "This is more than can be taken here.")
        if session is not None and marked.body >= PICTURES:
            self._one_at_a_time(session.subject)

    def _one_at_a_time(self, who: str) -> None:
        if who in self._carried:
            raise Problem(429, "one_at_a_time", "Wait until the last picture is there.")

    def _may(self, session: Session | None, marked: Route) -> None:
        """Let through whom a route is for, as far as he has proved who he is."""
        if session is None:
            raise Problem(401, "sign_in", "Please sign in first.")
        if session.role not in marked.roles:
            raise Problem(403, "not_yours", "This page is not for you.")
        if session.limited and not marked.bare:
            raise Problem(403, SECOND, "Set up a second factor first.")
        if marked.fresh and not self.sessions.fresh(session):
            raise Problem(403, FRESH, "Type your password once more, then do this.")

    def _same_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None:
            if request.headers.get("sec-fetch-site") in {None, "same-origin", "none"}:
                return
            raise Problem(403, "other_origin", OTHER)
        try:
            found = urlsplit(origin)
        except ValueError as error:
            raise Problem(
                403, "other_origin", "This came from another site."
            ) from error
        host = request.headers.get("host")
        ours = [(request.url.scheme, host)]
        if self.address:
            ours.append(urlsplit(self.address)[:2])
        if not found.netloc or (found.scheme, found.netloc) not in ours:
            raise Problem(403, "other_origin", OTHER)


@dataclass(slots=True)
class Body:
    """A request's body as it comes: counted, and in its time."""

    source: Receive
    route: Route | None
    whole: bool = False
    taken: int = 0
    until: float = field(init=False)

    def __post_init__(self) -> None:
        within = self.route.within if self.route else WITHIN
        self.until = asyncio.get_running_loop().time() + within

    @property
    def most(self) -> int:
        """Return how many bytes may come."""
        return self.route.body if self.route else 0

    async def receive(self) -> Message:
        """Return the next part; raise HTTPException where it is too much, too late."""
        if self.whole:
            return await self.source()  # waits for the sender to go away
        try:
            async with asyncio.timeout_at(self.until):
                message = await self._next()
        except TimeoutError as error:
            raise HTTPException(408) from error
        if self.taken > self.most:
            raise HTTPException(413)
        return message

    async def drain(self, most: int, within: float) -> None:
        """Read and forget what is refused, so far and so long: its sender hears why."""
        try:
            async with asyncio.timeout(within):
                while not self.whole and self.taken < most:
                    await self._next()
        except TimeoutError:
            return  # the connection is closed with the answer

    async def _next(self) -> Message:
        message = await self.source()
        self.taken += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        return message


def caller_of(request: Request, sessions: Sessions) -> Caller:
    """Return from where somebody asks, and in which browser."""
    return Caller(source_of(request), sessions.held(request, DEVICE))


def source_of(request: Request) -> str:
    """Return whose tries a request's are: an address's, or a site's of IPv6."""
    client = request.client
    return site_of((client.host,) if client else "")


# Dates that forms and programs may name: what lies beyond, no calendar here can carry.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


def _in_bounds(at: datetime) -> datetime:
    if not FIRST_DAY <= at.date() <= LAST_DAY:
        raise ValueError("out of all bounds")
    return at


Moment = Annotated[datetime, AfterValidator(_in_bounds)]


def session_of(request: Request) -> Session:
    """Return the session that the guard found; routes with roles always have one."""
    session: Session = request.state.session
    return session
