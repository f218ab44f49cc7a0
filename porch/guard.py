"""The one place where every route's roles and every writing request's origin count."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request

from porch.accounts import Role
from porch.problems import Problem
from porch.sessions import Session, Sessions

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
SAFE = {"GET", "HEAD", "OPTIONS"}
ROUTE = "lodge_route"


@dataclass(frozen=True, slots=True)
class Route:
    """Where an endpoint is reached, and who may; no roles means anyone."""

    method: str
    path: str
    roles: frozenset[Role]
    listed: bool


def route(
    method: str, path: str, *roles: Role, listed: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Say where an endpoint is reached and who may; `listed` puts it in the OpenAPI."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, ROUTE, Route(method, path, frozenset(roles), listed))
        return endpoint

    return mark


def router_of(room: object) -> APIRouter:
    """Collect the routes of an object's methods, in the order they were written."""
    router = APIRouter()
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


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """Lets a request through to its route, or says why not."""

    sessions: Sessions

    async def __call__(self, request: Request) -> None:
        """Check origin and role; leave the session in `request.state`."""
        if request.method not in SAFE:
            _same_origin(request)
        session = await self.sessions.find(request)
        request.state.session = session
        marked: Route | None = getattr(request.scope["route"].endpoint, ROUTE, None)
        if marked is None:
            raise Problem(403, "nobody_may", "This page is not for you.")
        if not marked.roles:
            return
        if session is None:
            raise Problem(401, "sign_in", "Please sign in first.")
        if session.role not in marked.roles:
            raise Problem(403, "not_yours", "This page is not for you.")


def session_of(request: Request) -> Session:
    """Return the session that the guard found; routes with roles always have one."""
    session: Session = request.state.session
    return session


def _same_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site") in {None, "same-origin", "none"}:
            return
        raise Problem(403, "other_origin", "This came from another site.")
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(403, "other_origin", "This came from another site.")
