"""Named accounts: made with a one-time code, opened with a password."""

import asyncio
import base64
import ctypes
import os
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Row, insert, select, update

from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.ids import new_id
from porch import rows

CODE_BYTES = 10
CODE_LIVES = timedelta(days=7)
PASSWORD_LENGTH = 10
ATTEMPTS = 8
ATTEMPTS_WINDOW = timedelta(minutes=5)
# OWASP's smallest argon2id setting: 19 MiB, two passes, one lane.
# Told before the first hash, glibc maps its 19 MiB and gives them back afterwards; left
# to itself it would keep them for the life of the program.
M_MMAP_THRESHOLD = -3
if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
    mallopt(M_MMAP_THRESHOLD, 1024 * 1024)
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Role(Enum):
    """What somebody may do; checked for every route in porch.guard."""

    LANDLORD = "landlord"
    TENANT = "tenant"
    OFFICER = "officer"


class AccountsError(Exception):
    """Anything that goes wrong with accounts."""


class SignInRefused(AccountsError):
    """Name and password, or name and code, do not fit."""


class PasswordTooShort(AccountsError):
    """A password needs ten characters."""


class NoSuchAccount(AccountsError):
    """Nobody has an account of this name here; the operator makes one."""


class TooManyAttempts(AccountsError):
    """Somebody tried too often; wait five minutes."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with a name, a role and a password of his own."""

    id: str
    name: str
    role: Role


@dataclass(slots=True)
class Attempts:
    """Counts tries per key in a sliding window."""

    clock: Clock
    tries: dict[str, deque[datetime]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=ATTEMPTS))
    )

    def count(self, key: str) -> None:
        """Count a try; raise TooManyAttempts when there were too many lately."""
        now, tries = self.clock.now(), self.tries[key]
        if len(tries) == ATTEMPTS and now - tries[0] < ATTEMPTS_WINDOW:
            raise TooManyAttempts("too many tries; wait five minutes")
        tries.append(now)

    def clear(self, key: str) -> None:
        """Forget the tries of a key, after a good one."""
        self.tries.pop(key, None)


@dataclass(slots=True)
class Accounts:
    """The accounts of one program."""

    book: Book
    clock: Clock
    attempts: Attempts
    salt: bytes = field(repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def add(self, name: str, role: Role) -> str:
        """Make an account without a password; return its one-time set-up code."""
        code = new_code()
        async with self.book.page() as page:
            page.put(
                insert(rows.account).values(
                    id=new_id(),
                    name=name,
                    role=role.value,
                    code=_digest(code),
                    code_expires=self.clock.now() + CODE_LIVES,
                )
            )
        return code

    async def named(self, name: str, role: Role) -> str:
        """Return the id of an account by its name; raise NoSuchAccount."""
        row = await self._row(name)
        if row is None or row.role != role.value:
            raise NoSuchAccount("there is no such account; the operator makes one")
        return str(row.id)

    async def set_password(self, name: str, code: str, password: str) -> Account:
        """Use up a set-up code to set a password."""
        self.attempts.count(f"setup/{name}")
        if len(password) < PASSWORD_LENGTH:
            raise PasswordTooShort("choose at least ten characters")
        row = await self._row(name)
        fits = row is not None and row.code is not None
        if row is None or not fits or self.clock.now() >= row.code_expires:
            raise SignInRefused("name and code do not fit")
        if not secrets.compare_digest(row.code, _digest(code)):
            raise SignInRefused("name and code do not fit")
        async with self._turn:
            hashed = await asyncio.to_thread(HASHER.hash, password)
        statement = update(rows.account).where(
            rows.account.c.id == row.id, rows.account.c.code == row.code
        )
        async with self.book.page() as page:
            page.put(statement.values(password=hashed, code=None, code_expires=None))
            page.note("password/set", str(row.id).encode(), self.salt)
        return _account(row)

    async def sign_in(self, name: str, password: str) -> Account:
        """Return the account whose password this is, or raise SignInRefused."""
        self.attempts.count(f"sign-in/{name}")
        row = await self._row(name)
        known = row.password if row is not None and row.password else NOBODY
        async with self._turn:
            good = await asyncio.to_thread(_verified, known, password)
        if row is None or not row.password or not good:
            self._refused(row)
            raise SignInRefused("name and password do not fit")
        self.attempts.clear(f"sign-in/{name}")
        return _account(row)

    async def find(self, account: str) -> Account | None:
        """Return an account by its id."""
        query = select(rows.account).where(rows.account.c.id == account)
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _account(row)

    def _refused(self, row: Row[Any] | None) -> None:
        """Keep that an account was tried; a name that nobody has opens nothing.

        Nobody waits for it, so that an answer tells nothing of which names there are.
        """
        if row is None:
            return
        page = Page()
        page.note("sign_in/refused", str(row.id).encode(), self.salt)
        self.book.submit(page).add_done_callback(lambda kept: kept.exception())

    async def _row(self, name: str) -> Row[Any] | None:
        query = select(rows.account).where(rows.account.c.name == name)
        return await self.book.read(lambda c: c.execute(query).one_or_none())


def new_code() -> str:
    """Return a one-time code of 80 random bits, in four groups of four."""
    text = base64.b32encode(os.urandom(CODE_BYTES)).decode()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _digest(code: str) -> bytes:
    return sha256(code.replace("-", "").strip().upper().encode()).digest()


def _verified(known: str, password: str) -> bool:
    try:
        return HASHER.verify(known, password)
    except VerificationError:
        return False


def _account(row: Row[Any]) -> Account:
    return Account(row.id, row.name, Role(row.role))


# Compared against when there is no such account, so that both answers take as long.
NOBODY = HASHER.hash(secrets.token_hex())
