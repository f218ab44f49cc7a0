"""Sessions: a random token in the browser, its digest and all else on the box."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, insert, select
from starlette.requests import Request
from starlette.responses import Response

from ledger.book import Book
from ledger.clock import Clock
from porch import rows
from porch.accounts import Role

COOKIE = "lodge_session"
# On a phone that is not his own.
BORROWED = timedelta(hours=1)
LIVES = {
    Role.LANDLORD: timedelta(days=14),
    Role.TENANT: timedelta(days=30),
    Role.OFFICER: timedelta(hours=12),
}


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asking: a role, and the account or lease that it is about."""

    role: Role
    subject: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one program, kept over restarts."""

    book: Book
    clock: Clock
    salt: bytes = field(repr=False)

    async def begin(
        self,
        response: Response,
        session: Session,
        *,
        safe: bool,
        lives: timedelta | None = None,
    ) -> None:
        """Start a session with this response; `safe` where pages come by HTTPS.

        It `lives` as its role's do, or shorter on somebody else's phone.
        """
        token = secrets.token_urlsafe(32)
        lives = lives or LIVES[session.role]
        now = self.clock.now()
        async with self.book.page() as page:
            page.put(delete(rows.session).where(rows.session.c.expires < now))
            page.note("session/begun", _who(session), self.salt)
            page.put(
                insert(rows.session).values(
                    digest=_digest(token),
                    role=session.role.value,
                    subject=session.subject,
                    expires=now + lives,
                )
            )
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(lives.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=safe,
        )

    async def find(self, request: Request) -> Session | None:
        """Return the session that a request belongs to."""
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        query = select(rows.session).where(rows.session.c.digest == _digest(token))
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        if row is None or row.expires <= self.clock.now():
            return None
        return Session(Role(row.role), row.subject)

    async def end(self, request: Request, response: Response) -> None:
        """End the session of a request."""
        token = request.cookies.get(COOKIE, "")
        session = await self.find(request)
        async with self.book.page() as page:
            page.put(
                delete(rows.session).where(rows.session.c.digest == _digest(token))
            )
            if session is not None:
                page.note("session/ended", _who(session), self.salt)
        response.delete_cookie(COOKIE)

    async def end_all(self, subject: str) -> None:
        """End every session about a subject."""
        async with self.book.page() as page:
            page.put(delete(rows.session).where(rows.session.c.subject == subject))
            page.note("session/ended", f"every {subject}".encode(), self.salt)


def _who(session: Session) -> bytes:
    return f"{session.role.value} {session.subject}".encode()


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
