"""Named accounts: made with a one-time code, opened with a password."""

import asyncio
import base64
import ctypes
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from hashlib import sha256
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from ledger.attempts import Attempts, Counted, Limit
from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.errors import Conflict, TooManyAttempts
from ledger.ids import new_id
from porch import rows
from porch.factors import Factors, drop_papers

CODE_BYTES = 10
CODE_LIVES = timedelta(days=7)
PASSWORD_LENGTH = 10
# Of one source, or of one browser that is known; and of a name from browsers that it
# does not know, where many sources take turns (NIST SP 800-63B, 5.2.2: a hundred).
SOURCE = Limit(free=8)
NAME = Limit(free=100, first=timedelta(minutes=1), forgives=timedelta(minutes=1))
# How many may wait for the processor at once: a hash takes it for a while.
OF_ONE, OF_ALL = 2, 16
DEVICE_LIVES = timedelta(days=400)
NO_CODE: dict[str, Any] = {"code": None, "code_expires": None}
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


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with a name, a role and a password of his own.

    `proof` is what his password was held against: a session begins only while it holds.
    """

    id: str
    name: str
    role: Role
    proof: str = field(repr=False, default="")


class AccountExists(AccountsError):
    """There is an account of this name; `--reset` gives it a new set-up code."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever signs in: from where, and in a browser that is known or not."""

    source: str
    device: str = field(repr=False, default="")


@dataclass(slots=True)
class Accounts:
    """The accounts of one program."""

    book: Book
    clock: Clock
    attempts: Attempts
    salt: bytes = field(repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: Counter[str] = field(default_factory=Counter)

    async def add(self, name: str, role: Role) -> str:
        """Make an account without a password; return its one-time set-up code.

        Raises AccountExists where the name is taken.
        """
        name = name.strip()
        if await self._row(name) is not None:
            raise AccountExists(f"{name}: is there already; --reset makes a new code")
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

    async def alone(self, account: str) -> bool:
        """Say whether nobody else has an account of the same role."""
        role = select(rows.account.c.role).where(rows.account.c.id == account)
        same = rows.account.c.role == role.scalar_subquery()
        works = rows.account.c.disabled.is_(False) & rows.account.c.password.is_not(
            None
        )
        query = select(func.count()).select_from(rows.account).where(same, works)
        return await self.book.read(lambda c: c.execute(query).scalar_one()) == 1

    async def named(self, name: str, role: Role) -> str:
        """Return the id of an account by its name; raise NoSuchAccount."""
        row = await self._row(name)
        if row is None or row.role != role.value:
            raise NoSuchAccount("there is no such account; the operator makes one")
        return str(row.id)

    async def reset(self, name: str, role: Role) -> str:
        """Give an account a new set-up code, for whoever lost password or phone.

        Its second factor and passkeys go at once; what is open goes on until the code
        is used.
        """
        account = await self.named(name, role)
        code = new_code()
        fresh = {"code": _digest(code), "code_expires": self.clock.now() + CODE_LIVES}
        async with self.book.page() as page:
            self._change(page, account, totp=None, **fresh)
            drop_papers(page, account)
            _drop_passkeys(page, account)
            page.note("account/reset", account.encode(), self.salt)
        return code

    async def rest(self, name: str, role: Role, *, disabled: bool) -> None:
        """Shut an account out, with all that it has open, or let it in again."""
        account = await self.named(name, role)
        async with self.book.page() as page:
            self._change(page, account, disabled=disabled)
            if disabled:
                self._end_all(page, account)
            what = "disabled" if disabled else "enabled"
            page.note(f"account/{what}", account.encode(), self.salt)

    async def set_password(
        self, name: str, code: str, password: str, caller: Caller
    ) -> Account:
        """Use up a set-up code to set a password; what was open before ends."""
        counted = (f"set-up/source/{caller.source}", SOURCE)
        self.attempts.count(counted)
        _long_enough(password)
        row = await self._row(name)
        fits = row is not None and row.code is not None and not row.disabled
        if row is None or not fits or self.clock.now() >= row.code_expires:
            raise SignInRefused("name and code do not fit")
        if not secrets.compare_digest(row.code, _digest(code)):
            raise SignInRefused("name and code do not fit")
        hashed = await self._hash(password, caller)
        used = rows.account.c.code == row.code
        async with self.book.page() as page:
            self._change(page, row.id, used, password=hashed, **NO_CODE)
            self._end_all(page, row.id)
            # One that was made after a reset is whoever's had the old password.
            _drop_passkeys(page, row.id)
            page.note("password/set", str(row.id).encode(), self.salt)
        self.attempts.good(counted)
        return replace(_account(row), proof=hashed)

    async def change_password(
        self, account: str, old: str, new: str, caller: Caller
    ) -> Account:
        """Set another password for whoever knows the present one; all else ends."""
        _long_enough(new)
        found = await self.confirm(account, old, caller)
        hashed = await self._hash(new, caller)
        async with self.book.page() as page:
            self._change(page, found.id, password=hashed, **NO_CODE)
            self._end_all(page, found.id)
            page.note("password/changed", found.id.encode(), self.salt)
        return replace(found, proof=hashed)

    async def sign_in(
        self, name: str, password: str, caller: Caller, code: str = ""
    ) -> Account:
        """Return the account whose password and second factor these are.

        Raises SignInRefused, whichever of them does not fit.

        Wrong tries slow whoever makes them: their source, or a known browser by itself.
        An account's name is slowed only for browsers that it does not know, and late.
        """
        row = await self._row(name)
        return await self._proved(row, name, (password, code), caller)

    async def confirm(self, account: str, password: str, caller: Caller) -> Account:
        """Return an account whose holder says its password once more."""
        query = select(rows.account).where(rows.account.c.id == account)
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        return await self._proved(row, account, (password, None), caller)

    async def known(self, account: Account, device: str) -> str:
        """Keep a browser in which somebody signed in; return what it holds."""
        held = device or secrets.token_urlsafe(32)
        expires = self.clock.now() + DEVICE_LIVES
        told = {"account": account.id, "expires": expires}
        fresh = upsert(rows.device).values(digest=_held(held), **told)
        async with self.book.page() as page:
            over = rows.device.c.expires < self.clock.now()
            page.put(delete(rows.device).where(over))
            page.put(fresh.on_conflict_do_update(index_elements=["digest"], set_=told))
        return held

    async def _proved(
        self,
        row: Row[Any] | None,
        name: str,
        said: tuple[str, str | None],
        caller: Caller,
    ) -> Account:
        password, code = said
        counted = await self.counted("" if row is None else row.id, name, caller)
        self.attempts.count(*counted)
        known = row.password if row is not None and row.password else NOBODY
        good = await self._verify(known, password, counted[0][0])
        if row is None or not row.password or not good or row.disabled:
            self._refused(row)
            raise SignInRefused("name and password do not fit")
        if code is not None and not await self.factors.passes(row.id, code):
            self._refused(row)
            raise SignInRefused("name and password do not fit")
        self.attempts.good(*counted)
        return _account(row)

    async def counted(
        self, account: str, name: str, caller: Caller
    ) -> tuple[Counted, ...]:
        """Return what a try counts against: a known browser, or source and name."""
        if account and await self._knows(account, caller.device):
            return ((f"sign-in/device/{caller.device}", SOURCE),)
        source = f"sign-in/source/{caller.source}"
        return ((source, SOURCE), (f"sign-in/name/{_lower(name.strip())}", NAME))

    async def _knows(self, account: str, device: str) -> bool:
        if not device:
            return False
        query = select(rows.device).where(rows.device.c.digest == _held(device))
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        mine = row is not None and row.account == account
        return mine and row is not None and self.clock.now() < row.expires

    async def _verify(self, known: str, password: str, who: str) -> bool:
        with self._place(who):
            async with self._turn:
                return await asyncio.to_thread(_verified, known, password)

    async def _hash(self, password: str, caller: Caller) -> str:
        with self._place(caller.source):
            async with self._turn:
                return await asyncio.to_thread(HASHER.hash, password)

    @contextmanager
    def _place(self, who: str) -> Iterator[None]:
        """Wait in line for the processor, few of one source and not many in all."""
        if self._waiting[who] >= OF_ONE or self._waiting.total() >= OF_ALL:
            raise TooManyAttempts("too many at once; try again in a moment")
        self._waiting[who] += 1
        try:
            yield
        finally:
            self._waiting[who] -= 1
            self._waiting += Counter()  # forgets whoever waits no more

    def _change(
        self, page: Page, account: str, *where: ColumnElement[bool], **values: Any
    ) -> None:
        statement = update(rows.account).where(rows.account.c.id == account, *where)

        def act(connection: Connection) -> None:
            if connection.execute(statement.values(**values)).rowcount != 1:
                raise Conflict("this was changed a moment ago")

        page.check(act)

    @property
    def factors(self) -> Factors:
        """The second factors of these accounts."""
        return Factors(self.book, self.clock, self.salt)

    @staticmethod
    def _end_all(page: Page, account: str) -> None:
        page.put(delete(rows.session).where(rows.session.c.subject == account))
        page.put(delete(rows.device).where(rows.device.c.account == account))

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
        """Find an account by its name, without regard to case and outer spaces."""
        told = name.strip()
        its = rows.account.c.name
        same = or_(its == told, func.lower(its) == _lower(told))
        found = await self.book.read(
            lambda c: c.execute(select(rows.account).where(same)).all()
        )
        # Two may differ by case alone, of a box of before.
        exact = [row for row in found if row.name == told]
        return next(iter(exact or found), None)


def _lower(name: str) -> str:
    """Return a name in small letters, as far as SQLite knows them: A to Z."""
    return "".join(char.lower() if char.isascii() else char for char in name)


def new_code() -> str:
    """Return a one-time code of 80 random bits, in four groups of four."""
    text = base64.b32encode(os.urandom(CODE_BYTES)).decode()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _drop_passkeys(page: Page, account: str) -> None:
    page.put(delete(rows.passkey).where(rows.passkey.c.account == account))


def _long_enough(password: str) -> None:
    if len(password) < PASSWORD_LENGTH:
        raise PasswordTooShort("choose at least ten characters")


def _held(device: str) -> bytes:
    return sha256(device.encode()).digest()


def _digest(code: str) -> bytes:
    """Digest a code as people write it: with spaces or dashes, in any case."""
    return sha256(re.sub(r"[\s-]", "", code).upper().encode()).digest()


def _verified(known: str, password: str) -> bool:
    try:
        return HASHER.verify(known, password)
    except VerificationError:
        return False


def _account(row: Row[Any]) -> Account:
    return Account(row.id, row.name, Role(row.role), row.password or "")


# Compared against when there is no such account, so that both answers take as long.
NOBODY = HASHER.hash(secrets.token_hex())
