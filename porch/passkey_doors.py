"""How people come in by a passkey, and keep their passkeys."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, RedirectResponse, Response

from porch.accounts import Account, SignInRefused
from porch.doors import HOLDERS, Doors, local
from porch.guard import caller_of, route, session_of
from porch.pages import Pages
from porch.passkeys import Passkeys

# A passkey's answer with a long certificate of its maker's.
MOST = 32 * 1024


class Shown(BaseModel):
    """What a browser made or showed (WebAuthn, 5.1), and where its holder was."""

    credential: dict[str, Any]
    back: Annotated[str, Form(max_length=200)] = "/"


@dataclass(frozen=True, slots=True)
class PasskeyDoors:
    """The routes of passkeys; a page's script speaks to them."""

    doors: Doors
    passkeys: Passkeys
    pages: Pages

    @route("POST", "/sign-in/passkey/begin")
    async def begin_signing_in(self) -> Response:
        """Ask a browser for a passkey, whosever it is."""
        return JSONResponse(self.passkeys.begin_proving())

    @route("POST", "/sign-in/passkey", body=MOST)
    async def sign_in(self, request: Request, shown: Shown) -> Response:
        """Begin a session by a passkey."""
        caller = caller_of(request, self.doors.sessions)
        account = await self.passkeys.prove(shown.credential, caller)
        response = _go(self.doors.homes[account.role])
        return await self.doors.signed_in(request, response, account)

    @route("POST", "/account/confirm/passkey/begin", *HOLDERS)
    async def begin_confirming(self, request: Request) -> Response:
        """Ask for a passkey once more, before what weighs much."""
        subject = session_of(request).subject
        return JSONResponse(self.passkeys.begin_proving(subject))

    @route("POST", "/account/confirm/passkey", *HOLDERS, body=MOST)
    async def confirm(self, request: Request, shown: Shown) -> Response:
        """Take a passkey of whoever is signed in, in his password's place."""
        subject = session_of(request).subject
        caller = caller_of(request, self.doors.sessions)
        await self.passkeys.prove(shown.credential, caller, subject)
        await self.doors.sessions.proved(request)
        return _go(local(shown.back))

    @route("GET", "/account/passkey", *HOLDERS, fresh=True)
    async def page(self, request: Request) -> Response:
        """Offer to make a passkey."""
        return self.pages.show(request, "passkey.html")

    @route("POST", "/account/passkey/begin", *HOLDERS, fresh=True)
    async def begin_adding(self, request: Request) -> Response:
        """Have a browser make a passkey."""
        account = await self._account(request)
        return JSONResponse(await self.passkeys.begin_adding(account))

    @route("POST", "/account/passkey", *HOLDERS, fresh=True, body=MOST)
    async def add(self, request: Request, shown: Shown) -> Response:
        """Keep the passkey that a browser made."""
        account = await self._account(request)
        agent = request.headers.get("user-agent", "")
        await self.passkeys.add(account.id, shown.credential, agent)
        return _go("/account?said=passkey")

    @route("POST", "/account/passkey/remove", *HOLDERS, fresh=True)
    async def remove(
        self, request: Request, passkey: Annotated[str, Form(max_length=2100)]
    ) -> Response:
        """Take a passkey away, as of a phone that was lost."""
        await self.passkeys.remove(session_of(request).subject, passkey)
        return RedirectResponse("/account", status_code=303)

    async def _account(self, request: Request) -> Account:
        found = await self.doors.accounts.find(session_of(request).subject)
        if found is None:
            raise SignInRefused("the account is gone")
        return found


def _go(to: str) -> Response:
    """Tell a page's script where to go next."""
    return JSONResponse({"to": to})
