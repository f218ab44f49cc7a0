"""How people come in, go out, keep their account, and choose a language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from porch.accounts import DEVICE_LIVES, Account, Accounts, Role
from porch.factors import address_of, new_secret
from porch.guard import caller_of, route, session_of
from porch.pages import Pages, qr_of
from porch.passkeys import Passkeys
from porch.problems import Problem
from porch.sessions import DEVICE, Session, Sessions
from porch.words import COOKIE, LANGUAGES

YEAR = 365 * 24 * 3600
Text = Annotated[str, Form(max_length=200)]
HOLDERS = (Role.LANDLORD, Role.OFFICER)


@dataclass(frozen=True, slots=True)
class Doors:
    """The routes that every Lodge program has."""

    accounts: Accounts
    sessions: Sessions
    pages: Pages
    homes: Mapping[Role, str]
    passkeys: Passkeys

    @route("GET", "/sign-in")
    async def sign_in_page(self, request: Request) -> Response:
        """Ask for name and password."""
        return self.pages.show(request, "sign_in.html")

    @route("POST", "/sign-in")
    async def sign_in(
        self, request: Request, name: Text, password: Text, code: Text = ""
    ) -> Response:
        """Begin a session with a password, and the second factor where there is one."""
        caller = caller_of(request, self.sessions)
        account = await self.accounts.sign_in(name, password, caller, code)
        return await self._come_in(request, account)

    @route("GET", "/set-up")
    async def set_up_page(self, request: Request) -> Response:
        """Ask for the one-time code and a new password."""
        return self.pages.show(request, "set_up.html")

    @route("POST", "/set-up")
    async def set_up(
        self, request: Request, name: Text, code: Text, password: Text
    ) -> Response:
        """Use up a set-up code, set the password, begin a session."""
        caller = caller_of(request, self.sessions)
        account = await self.accounts.set_password(name, code, password, caller)
        return await self._come_in(request, account)

    @route("POST", "/sign-out", *Role, bare=True)
    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        response = RedirectResponse("/sign-in", status_code=303)
        await self.sessions.end(request, response)
        return response

    @route("GET", "/account", *HOLDERS)
    async def account(self, request: Request) -> Response:
        """Show where somebody is signed in, and let him change his password."""
        subject = session_of(request).subject
        found = await self.accounts.find(subject)
        open_ = await self.sessions.open(request, subject)
        said = request.query_params.get("said")
        told = {
            "account": found,
            "open": open_,
            "changed": said == "changed",
            "added": said == "passkey",
            "held": await self.passkeys.every(subject),
            "papers": await self.accounts.factors.papers(subject),
            "second": await self.accounts.factors.has(subject),
        }
        return self.pages.show(request, "account.html", told)

    @route("POST", "/account/password", *HOLDERS)
    async def password(self, request: Request, old: Text, new: Text) -> Response:
        """Change the password; every other session ends."""
        session, caller = session_of(request), caller_of(request, self.sessions)
        subject = session.subject
        account = await self.accounts.change_password(subject, old, new, caller)
        response = RedirectResponse("/account?said=changed", status_code=303)
        return await self.signed_in(request, response, account)

    @route("POST", "/account/sign-out", *HOLDERS)
    async def sign_out_everywhere(self, request: Request) -> Response:
        """End every session of the account, this one among them."""
        response = RedirectResponse("/sign-in", status_code=303)
        await self.sessions.end_all(session_of(request).subject)
        await self.sessions.end(request, response)
        return response

    @route("POST", "/account/confirm", *HOLDERS)
    async def confirm(
        self, request: Request, password: Text, back: Text = "/"
    ) -> Response:
        """Take the password once more, before what weighs much."""
        subject, caller = session_of(request).subject, caller_of(request, self.sessions)
        await self.accounts.confirm(subject, password, caller)
        await self.sessions.proved(request)
        return RedirectResponse(local(back), status_code=303)

    @route("GET", "/account/factor", *HOLDERS, bare=True)
    async def factor(self, request: Request) -> Response:
        """Show a fresh secret for an authenticator app."""
        return await self._factor(request, new_secret())

    @route("POST", "/account/factor", *HOLDERS, bare=True, fresh=True)
    async def put_factor(self, request: Request, secret: Text, code: Text) -> Response:
        """Set the second factor, once the app shows its code; give codes on paper."""
        subject = session_of(request).subject
        paper = await self.accounts.factors.put(subject, secret, code)
        if paper is None:
            return await self._factor(request, secret, wrong=True)
        told = {"paper": paper, "home": self.homes[session_of(request).role]}
        return self.pages.show(request, "factor_set.html", told)

    async def _factor(
        self, request: Request, secret: str, *, wrong: bool = False
    ) -> Response:
        found = await self.accounts.find(session_of(request).subject)
        try:
            address = address_of(secret, found.name if found else "")
        except ValueError as error:
            raise Problem(422, "secret", "Begin anew.") from error
        told = {"secret": secret, "qr": qr_of(address), "wrong": wrong}
        status = 422 if wrong else 200
        return self.pages.show(request, "factor.html", told, status=status)

    @route("POST", "/language", bare=True)
    async def language(self, to: Text, back: Text = "/") -> Response:
        """Choose a language, and go back to where the choice was made."""
        response = RedirectResponse(local(back), status_code=303)
        if to in LANGUAGES:
            response.set_cookie(COOKIE, to, max_age=YEAR, samesite="lax")
        return response

    async def enter(
        self, request: Request, session: Session, lives: timedelta | None = None
    ) -> Response:
        """Begin a session and go to the page where its role is at home."""
        response = RedirectResponse(self.homes[session.role], status_code=303)
        await self.sessions.begin(request, response, session, lives=lives)
        return response

    async def _come_in(self, request: Request, account: Account) -> Response:
        response = RedirectResponse(self.homes[account.role], status_code=303)
        return await self.signed_in(request, response, account)

    async def signed_in(
        self, request: Request, response: Response, account: Account
    ) -> Response:
        """Begin a session, and know this browser from now on.

        An officer without a second factor comes as far as setting one up.
        """
        bare = not await self.accounts.factors.has(account.id)
        limited = account.role is Role.OFFICER and bare
        proof = account.proof
        session = Session(account.role, account.id, limited=limited, proof=proof)
        await self.sessions.begin(request, response, session)
        held = await self.accounts.known(account, self.sessions.held(request, DEVICE))
        self.sessions.give(request, response, DEVICE, held, DEVICE_LIVES)
        return response


def local(path: str) -> str:
    """Return a path of this site; anything else leads to its start."""
    other = path.startswith(("//", "/\\")) or not path.startswith("/")
    return "/" if other or not path.isprintable() else path
