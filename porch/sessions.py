"""Sessions: a random token in the browser, its digest and all else on the box."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, update
from starlette.requests import Request
from starlette.responses import Response

from ledger.book import Book
from ledger.clock import Clock
from porch import rows
from porch.accounts import Role, SignInRefused

# On a phone that is not his own.
BORROWED = timedelta(hours=1)
LIVES = {
    Role.LANDLORD: timedelta(days=14),
    Role.TENANT: timedelta(days=30),
    Role.OFFICER: timedelta(hours=12),
}
# For so long after a password was typed what weighs much may be done without it.
FRESH = timedelta(minutes=10)
AGENT_MAX = 200


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asking: a role, and the account or lease that it is about.

    On a phone that is not his own it is `borrowed`; `limited` until an officer has set
    up a second factor; `begun` when its holder last proved who he is. One of an account
    begins while the `proof` of its password still holds.
    """

    role: Role
    subject: str
    begun: datetime | None = None
    borrowed: bool = False
    limited: bool = False
    proof: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Open:
    """A session of an account, as its holder is shown it."""

    begun: datetime | None
    agent: str
    this: bool


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one program, kept over restarts.

    Cookies know no ports: `name` keeps the programs of one machine apart.
    """

    book: Book
    clock: Clock
    salt: bytes = field(repr=False)
    name: str = "lodge"

    async def begin(
        self,
        request: Request,
        response: Response,
        session: Session,
        *,
        lives: timedelta | None = None,
    ) -> None:
        """Start a session with this response.

        It `lives` as its role's do, or shorter on somebody else's phone.
        """
        token = secrets.token_urlsafe(32)
        borrowed = lives is not None
        lives = lives or LIVES[session.role]
        now = self.clock.now()
        async with self.book.page() as page:
            page.put(delete(rows.session).where(rows.session.c.expires < now))
            page.note("session/begun", _who(session), self.salt)
            if session.proof:
                page.check(_still(session))
            page.put(
                insert(rows.session).values(
                    digest=_digest(token),
                    role=session.role.value,
                    subject=session.subject,
                    expires=now + lives,
                    begun=now,
                    borrowed=borrowed,
                    limited=session.limited,
                    agent=request.headers.get("user-agent", "")[:AGENT_MAX],
                )
            )
        self.give(request, response, SESSION, token, lives)

    def give(
        self, request: Request, response: Response, kind: str, held: str, age: timedelta
    ) -> None:
        """Have a browser hold something for this program alone, on this host alone."""
        response.set_cookie(
            self._cookie(request, kind),
            held,
            max_age=int(age.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )

    def held(self, request: Request, kind: str) -> str:
        """Return what a browser holds; a session also under its name of before."""
        before = BEFORE if kind == SESSION else ""
        found = request.cookies.get(self._cookie(request, kind), "")
        return found or request.cookies.get(before, "")

    async def find(self, request: Request) -> Session | None:
        """Return the session that a request belongs to."""
        token = self.held(request, SESSION)
        if not token:
            return None
        query = select(rows.session).where(rows.session.c.digest == _digest(token))
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        if row is None or row.expires <= self.clock.now():
            return None
        flags = (row.borrowed, row.limited)
        return Session(Role(row.role), row.subject, row.begun, *flags)

    def fresh(self, session: Session) -> bool:
        """Say whether its holder proved a moment ago who he is."""
        now = self.clock.now()
        return session.begun is not None and now - session.begun < FRESH

    async def proved(self, request: Request) -> None:
        """Keep that a session's holder proved just now who he is."""
        this = rows.session.c.digest == _digest(self.held(request, SESSION))
        async with self.book.page() as page:
            page.put(update(rows.session).where(this).values(begun=self.clock.now()))

    async def open(self, request: Request, subject: str) -> Sequence[Open]:
        """List what is open about a subject, the latest first."""
        this = _digest(self.held(request, SESSION))
        query = (
            select(rows.session)
            .where(rows.session.c.subject == subject)
            .where(rows.session.c.expires > self.clock.now())
            .order_by(rows.session.c.begun.desc())
        )
        found = await self.book.read(lambda c: c.execute(query).all())
        return [Open(row.begun, row.agent, row.digest == this) for row in found]

    async def end(self, request: Request, response: Response) -> None:
        """End the session of a request."""
        token = self.held(request, SESSION)
        session = await self.find(request)
        async with self.book.page() as page:
            page.put(
                delete(rows.session).where(rows.session.c.digest == _digest(token))
            )
            if session is not None:
                page.note("session/ended", _who(session), self.salt)
        safe = request.url.scheme == "https"
        response.delete_cookie(
            self._cookie(request, SESSION), secure=safe, httponly=True, samesite="lax"
        )

    async def end_all(self, subject: str) -> None:
        """End every session about a subject."""
        async with self.book.page() as page:
            page.put(delete(rows.session).where(rows.session.c.subject == subject))
            page.note("session/ended", f"every {subject}".encode(), self.salt)

    def _cookie(self, request: Request, kind: str) -> str:
        # A browser takes the prefix from a secure page alone, and then from no other
        # host's and for no other path.
        host = "__Host-" if request.url.scheme == "https" else ""
        return f"{host}{self.name}_{kind}"


SESSION, DEVICE = "session", "device"
# What the cookie was called until November 2026: a tenant whose link is bound could not
# come back without it.
BEFORE = "lodge_session"


def _still(session: Session) -> Callable[[Connection], None]:
    """Look, where the session is written, whether its account is what it was."""
    account = rows.account.c
    query = select(account.id).where(
        account.id == session.subject,
        account.password == session.proof,
        account.disabled.is_(False),
    )

    def act(connection: Connection) -> None:
        if connection.execute(query).one_or_none() is None:
            raise SignInRefused("name and password do not fit")

    return act


def _who(session: Session) -> bytes:
    return f"{session.role.value} {session.subject}".encode()


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
