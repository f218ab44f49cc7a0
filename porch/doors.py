"""How people come in, go out, set a password and choose a language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from porch.accounts import Accounts, Role
from porch.guard import route
from porch.pages import Pages
from porch.sessions import Session, Sessions
from porch.words import COOKIE, LANGUAGES

YEAR = 365 * 24 * 3600
Text = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, slots=True)
class Doors:
    """The routes that every Lodge program has."""

    accounts: Accounts
    sessions: Sessions
    pages: Pages
    homes: Mapping[Role, str]

    @route("GET", "/sign-in")
    async def sign_in_page(self, request: Request) -> Response:
        """Ask for name and password."""
        return self.pages.show(request, "sign_in.html")

    @route("POST", "/sign-in")
    async def sign_in(self, request: Request, name: Text, password: Text) -> Response:
        """Begin a session with a password."""
        account = await self.accounts.sign_in(name, password)
        return await self.enter(request, Session(account.role, account.id))

    @route("GET", "/set-up")
    async def set_up_page(self, request: Request) -> Response:
        """Ask for the one-time code and a new password."""
        return self.pages.show(request, "set_up.html")

    @route("POST", "/set-up")
    async def set_up(
        self, request: Request, name: Text, code: Text, password: Text
    ) -> Response:
        """Use up a set-up code, set the password, begin a session."""
        account = await self.accounts.set_password(name, code, password)
        return await self.enter(request, Session(account.role, account.id))

    @route("POST", "/sign-out", *Role)
    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        response = RedirectResponse("/sign-in", status_code=303)
        await self.sessions.end(request, response)
        return response

    @route("POST", "/language")
    async def language(self, to: Text, back: Text = "/") -> Response:
        """Choose a language, and go back to where the choice was made."""
        local = back if back.startswith("/") and not back.startswith("//") else "/"
        response = RedirectResponse(local, status_code=303)
        if to in LANGUAGES:
            response.set_cookie(COOKIE, to, max_age=YEAR, samesite="lax")
        return response

    async def enter(
        self, request: Request, session: Session, lives: timedelta | None = None
    ) -> Response:
        """Begin a session and go to the page where its role is at home."""
        response = RedirectResponse(self.homes[session.role], status_code=303)
        safe = request.url.scheme == "https"
        await self.sessions.begin(response, session, safe=safe, lives=lives)
        return response
