"""A second factor: codes of an authenticator app (TOTP, RFC 6238), and codes on paper.

A code is good once: its step in time is kept, and an older one counts no more.
"""

import base64
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pyotp
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.errors import Conflict
from porch import rows

# What apps expect: thirty seconds a step; a phone's clock may be one step off.
STEP, OFF = 30, 1
SECRET_BYTES = 20
PAPER_CODES, PAPER_BYTES = 8, 5
ISSUER = "Lodge"


@dataclass(frozen=True, slots=True)
class Factors:
    """The second factors of one program's accounts."""

    book: Book
    clock: Clock
    salt: bytes = field(repr=False)

    async def has(self, account: str) -> bool:
        """Say whether an account has a second factor."""
        row = await self._row(account)
        return row is not None and bool(row.totp)

    async def passes(self, account: str, code: str) -> bool:
        """Say whether a code is the account's, and use it up; yes where it has none."""
        row = await self._row(account)
        if row is None or not row.totp:
            return True
        typed = "".join(filter(str.isalnum, code)).upper()
        step = self._step_of(row.totp, typed)
        page = Page()
        if step is not None:
            newer = rows.account.c.totp_step < step
            mine = update(rows.account).where(rows.account.c.id == account, newer)
            page.check(_one(mine.values(totp_step=step)))
        else:
            held = rows.paper_code.c.digest == _digest(typed)
            mine_ = delete(rows.paper_code).where(
                held, rows.paper_code.c.account == account
            )
            page.check(_one(mine_))
            page.note("factor/paper", account.encode(), self.salt)
        try:
            await self.book.submit(page)
        except Conflict:  # used before, or never anybody's
            return False
        return True

    async def put(self, account: str, secret: str, code: str) -> list[str] | None:
        """Set a second factor whose app shows this code; return the codes on paper.

        None where the code is not the secret's. The code that was shown is used up.
        """
        step = self._step_of(secret.encode(), code.strip())
        if step is None:
            return None
        paper = [_paper_code() for _ in range(PAPER_CODES)]
        told = {"totp": secret.encode(), "totp_step": step}
        mine = rows.account.c.id == account
        whose = rows.session.c.subject == account
        async with self.book.page() as page:
            page.put(update(rows.account).where(mine).values(**told))
            drop_papers(page, account)
            values = [{"digest": _digest(e), "account": account} for e in paper]
            page.put(insert(rows.paper_code), values)
            page.put(update(rows.session).where(whose).values(limited=False))
            page.note("factor/set", account.encode(), self.salt)
        return paper

    async def papers(self, account: str) -> int:
        """Count the codes on paper that an account has left."""
        mine = rows.paper_code.c.account == account
        query = select(func.count()).select_from(rows.paper_code).where(mine)
        return await self.book.read(lambda c: c.execute(query).scalar_one())

    def _step_of(self, secret: bytes, code: str) -> int | None:
        """Return the step in time at which a code is good; None where it is none."""
        try:
            app = pyotp.TOTP(secret.decode())
            now = int(self.clock.now().timestamp()) // STEP
            for step in range(now - OFF, now + OFF + 1):
                if secrets.compare_digest(app.generate_otp(step), code):
                    return step
        except (ValueError, TypeError):
            return None
        return None

    async def _row(self, account: str) -> Row[Any] | None:
        query = select(rows.account).where(rows.account.c.id == account)
        return await self.book.read(lambda c: c.execute(query).one_or_none())


def new_secret() -> str:
    """Return a fresh secret for an authenticator app: 160 bits, base32."""
    return base64.b32encode(os.urandom(SECRET_BYTES)).decode()


def address_of(secret: str, name: str) -> str:
    """Return what an app scans (otpauth)."""
    found: str = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
    return found


def drop_papers(page: Page, account: str) -> None:
    """Forget an account's codes on paper with this page."""
    page.put(delete(rows.paper_code).where(rows.paper_code.c.account == account))


def _paper_code() -> str:
    text = base64.b32encode(os.urandom(PAPER_BYTES)).decode()
    return f"{text[:4]}-{text[4:]}"


def _digest(typed: str) -> bytes:
    return sha256(typed.replace("-", "").encode()).digest()


def _one(statement: Any) -> Any:
    def act(connection: Connection) -> None:
        if connection.execute(statement).rowcount != 1:
            raise Conflict("this code was used, or never was one")

    return act
