"""Passkeys (WebAuthn, level 3): a sign-in that no other site can ask for.

Browsers take them only where the pages have a name, not on a bare address.
"""

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.errors import Conflict
from porch import rows
from porch.accounts import Account, Accounts, Caller, Role, SignInRefused

CHALLENGE_LIVES = timedelta(minutes=5)
STAMP_BYTES, RANDOM_BYTES = 8, 16
# What an authenticator may name a passkey by (WebAuthn, 5.4.3).
ID_BYTES = 1023
# More than anybody has devices.
MOST = 12
AGENT_MAX = 200
TITLE = "Lodge"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey, as its holder is shown it: made in which browser, last used when."""

    id: str
    agent: str
    added: datetime
    used: datetime | None


class TooManyPasskeys(Exception):
    """An account has as many passkeys as anybody may; one has to go first."""


@dataclass(frozen=True, slots=True)
class Passkeys:
    """The passkeys of one program's accounts; `address` is that of its pages."""

    accounts: Accounts
    address: str
    _key: bytes = field(repr=False, default_factory=lambda: secrets.token_bytes(32))
    _used: dict[bytes, datetime] = field(repr=False, default_factory=dict)

    @property
    def book(self) -> Book:
        """Where they are kept, with the accounts."""
        return self.accounts.book

    @property
    def clock(self) -> Clock:
        """The accounts' clock."""
        return self.accounts.clock

    @property
    def offered(self) -> bool:
        """Whether browsers take passkeys where the pages are."""
        found = urlsplit(self.address)
        secure = found.scheme == "https" or self._site == "localhost"
        return secure and _is_name(self._site)

    async def every(self, account: str) -> Sequence[Passkey]:
        """List an account's passkeys, the oldest first."""
        return [
            Passkey(row.id, row.agent, row.added, row.used)
            for row in await self._of(account)
        ]

    async def begin_adding(self, account: Account) -> dict[str, Any]:
        """Return what a browser makes a passkey from; raise TooManyPasskeys."""
        import webauthn  # noqa: PLC0415 - only who uses passkeys loads it
        from webauthn.helpers.structs import (  # noqa: PLC0415
            AuthenticatorSelectionCriteria,
            PublicKeyCredentialDescriptor,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        held = await self._of(account.id)
        if len(held) >= MOST:
            raise TooManyPasskeys("take one away first")
        return _plain(
            webauthn.generate_registration_options(
                rp_id=self._site,
                rp_name=TITLE,
                user_id=account.id.encode(),
                user_name=account.name,
                challenge=self._challenge("add", account.id),
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.REQUIRED,
                    user_verification=UserVerificationRequirement.REQUIRED,
                ),
                exclude_credentials=[
                    PublicKeyCredentialDescriptor(id=_raw(row.id)) for row in held
                ],
            )
        )

    async def add(self, account: str, made: Mapping[str, Any], agent: str) -> None:
        """Keep a passkey that a browser made; raise SignInRefused where it is none."""
        import webauthn  # noqa: PLC0415 - as above

        challenge = self._answered(made, "add", account)
        try:
            found = webauthn.verify_registration_response(
                credential=dict(made),
                expected_challenge=challenge,
                expected_rp_id=self._site,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except Exception as error:
            # Whatever the library raises: the answer came from outside, whole.
            raise SignInRefused("this passkey cannot be used") from error
        if len(found.credential_id) > ID_BYTES:
            raise SignInRefused("this passkey cannot be used")
        values = {
            "id": found.credential_id.hex(),
            "account": account,
            "key": found.credential_public_key,
            "uses": found.sign_count,
            "agent": agent[:AGENT_MAX],
            "added": self.clock.now(),
        }
        held = select(func.count()).where(rows.passkey.c.account == account)

        def act(connection: Connection) -> None:
            if connection.execute(held).scalar_one() >= MOST:
                raise Conflict("take one away first")
            connection.execute(insert(rows.passkey).values(**values))

        async with self.book.page() as page:
            page.check(act)
            page.note("passkey/added", account.encode(), self.accounts.salt)

    async def remove(self, account: str, passkey: str) -> None:
        """Take a passkey away from its account."""
        mine = rows.passkey.c.account == account
        async with self.book.page() as page:
            page.put(delete(rows.passkey).where(rows.passkey.c.id == passkey, mine))
            page.note("passkey/removed", account.encode(), self.accounts.salt)

    def begin_proving(self, account: str = "") -> dict[str, Any]:
        """Return what a browser shows a passkey for: to sign in, or once more.

        It names nobody's passkeys: the browser offers those that it has.
        """
        import webauthn  # noqa: PLC0415 - as above
        from webauthn.helpers.structs import (  # noqa: PLC0415
            UserVerificationRequirement,
        )

        return _plain(
            webauthn.generate_authentication_options(
                rp_id=self._site,
                challenge=self._challenge("prove", account),
                user_verification=UserVerificationRequirement.REQUIRED,
            )
        )

    async def prove(
        self, shown: Mapping[str, Any], caller: Caller, account: str = ""
    ) -> Account:
        """Return the account whose passkey was shown; raise SignInRefused.

        Where an account is named, it has to be that one's. Wrong tries slow whoever
        makes them.
        """
        row = await self._row(shown)
        known = "" if row is None else str(row.account)
        counted = await self.accounts.counted(known, account or known, caller)
        self.accounts.attempts.count(*counted)
        challenge = self._answered(shown, "prove", account)
        if row is None or row.disabled or account not in {"", row.account}:
            raise SignInRefused("this passkey opens nothing here")
        count = self._verify(shown, challenge, row)
        await self._use(row, count)
        self.accounts.attempts.good(*counted)
        return Account(row.account, row.name, Role(row.role), row.password or "")

    def _verify(self, shown: Mapping[str, Any], challenge: bytes, row: Row[Any]) -> int:
        import webauthn  # noqa: PLC0415 - as above

        try:
            found = webauthn.verify_authentication_response(
                credential=dict(shown),
                expected_challenge=challenge,
                expected_rp_id=self._site,
                expected_origin=self._origin,
                credential_public_key=row.key,
                credential_current_sign_count=row.uses,
                require_user_verification=True,
            )
        except Exception as error:
            # Whatever the library raises: the answer came from outside, whole.
            self._refused(row.account)
            raise SignInRefused("this passkey opens nothing here") from error
        return found.new_sign_count

    async def _use(self, row: Row[Any], count: int) -> None:
        """Keep the count of a passkey: one that went back was copied."""
        newer = or_(
            rows.passkey.c.uses < count, (rows.passkey.c.uses == 0) & (count == 0)
        )
        mine = update(rows.passkey).where(rows.passkey.c.id == row.id, newer)
        used = mine.values(uses=count, used=self.clock.now())

        def act(connection: Connection) -> None:
            if connection.execute(used).rowcount != 1:
                raise Conflict("this passkey was used a moment ago")

        try:
            async with self.book.page() as page:
                page.check(act)
        except Conflict as error:
            raise SignInRefused("this passkey was used a moment ago") from error

    def _refused(self, account: str) -> None:
        page = Page()
        page.note("sign_in/refused", account.encode(), self.accounts.salt)
        self.book.submit(page).add_done_callback(lambda kept: kept.exception())

    async def _of(self, account: str) -> Sequence[Row[Any]]:
        query = (
            select(rows.passkey)
            .where(rows.passkey.c.account == account)
            .order_by(rows.passkey.c.added)
        )
        return await self.book.read(lambda c: c.execute(query).all())

    async def _row(self, shown: Mapping[str, Any]) -> Row[Any] | None:
        told = shown.get("rawId")
        if not isinstance(told, str):
            return None
        try:
            number = _from_url(told).hex()
        except ValueError:
            return None
        account = rows.account.c
        query = (
            select(
                rows.passkey,
                account.name,
                account.role,
                account.password,
                account.disabled,
            )
            .join_from(rows.passkey, rows.account, rows.passkey.c.account == account.id)
            .where(rows.passkey.c.id == number)
        )
        return await self.book.read(lambda c: c.execute(query).one_or_none())

    def _challenge(self, what: str, account: str) -> bytes:
        """Return a challenge that needs no keeping: its time, chance, and our mark."""
        self._here()
        until = self.clock.now() + CHALLENGE_LIVES
        stamp = int(until.timestamp()).to_bytes(STAMP_BYTES)
        told = stamp + secrets.token_bytes(RANDOM_BYTES)
        return told + self._mark(told, what, account)

    def _mark(self, told: bytes, what: str, account: str) -> bytes:
        about = f"{what} {account} ".encode()
        return hmac.digest(self._key, about + told, sha256)[:RANDOM_BYTES]

    def _answered(self, told: Mapping[str, Any], what: str, account: str) -> bytes:
        """Return the challenge that is answered: ours, for this, new, and once."""
        self._here()
        now = self.clock.now()
        try:
            raw = _from_url(told["response"]["clientDataJSON"])
            challenge = _from_url(json.loads(raw)["challenge"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise SignInRefused("this is no passkey's answer") from error
        length = STAMP_BYTES + RANDOM_BYTES
        begun, mark = challenge[:length], challenge[length:]
        good = hmac.compare_digest(mark, self._mark(begun, what, account))
        until = int.from_bytes(begun[:STAMP_BYTES])
        if not good or challenge in self._used or now.timestamp() >= until:
            raise SignInRefused("this was asked too long ago; try again")
        for old in [each for each, end in self._used.items() if end < now]:
            del self._used[old]
        self._used[challenge] = now + CHALLENGE_LIVES
        return challenge

    def _here(self) -> None:
        """Raise SignInRefused where browsers take no passkeys."""
        if not self.offered:
            raise SignInRefused("passkeys need a name of the pages")

    @property
    def _site(self) -> str:
        host = urlsplit(self.address).hostname or ""
        try:
            return host.encode("idna").decode()  # as browsers name it
        except UnicodeError:
            return ""

    @property
    def _origin(self) -> str:
        """The pages' origin as browsers write it: without the usual port."""
        found = urlsplit(self.address)
        usual = {"https": 443, "http": 80}.get(found.scheme)
        port = "" if found.port in {None, usual} else f":{found.port}"
        return f"{found.scheme}://{self._site}{port}"


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(host)
    return False


def _plain(options: Any) -> dict[str, Any]:
    from webauthn import options_to_json  # noqa: PLC0415 - as above

    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


def _raw(number: str) -> bytes:
    return bytes.fromhex(number)


def _from_url(text: str) -> bytes:
    from webauthn.helpers import base64url_to_bytes  # noqa: PLC0415 - as above

    return base64url_to_bytes(text)
