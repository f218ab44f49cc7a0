"""E-keys and credentials on the ledger, with a copy at hand for the door."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from devices.adapters import rows
from devices.model.errors import UnknownDoor
from devices.model.keys import (
    Credential,
    CredentialKind,
    CredentialState,
    EKey,
    EKeyId,
    KeyKind,
    KeyState,
    WeekDays,
)
from devices.model.places import DoorId, LockId
from devices.rules.keys import LIVING
from ledger.book import Book, Page
from ledger.errors import Conflict, Erased
from ledger.ids import TenantId, new_id
from ledger.keys import KeyClass, MasterKey, Vault

DIGEST_BYTES = 32


@dataclass(slots=True)
class LedgerKeyRing:
    """Fulfils KeyRing; what it finds is as fresh as its last refresh."""

    book: Book
    master: MasterKey
    keys: dict[EKeyId, EKey] = field(default_factory=dict)
    given: dict[bytes, Credential] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)
    _bound: dict[EKeyId, tuple[str, datetime]] = field(default_factory=dict)
    _slots: dict[tuple[LockId, int], Credential] = field(default_factory=dict)
    _doors: dict[DoorId, list[EKey]] = field(default_factory=dict)

    def find(self, digest: bytes) -> EKey | None:
        credential = self.given.get(digest)
        return self.keys[credential.key] if credential else None

    def key(self, key: EKeyId) -> EKey:
        try:
            return self.keys[key]
        except KeyError as error:
            raise UnknownDoor("there is no such key") from error

    def known(self, key: EKeyId | None) -> EKey | None:
        return None if key is None else self.keys.get(key)

    def revoked(self, ids: Sequence[str]) -> bool:
        return not self._revoked.isdisjoint(ids)

    def revoke_id(self, page: Page, revocation: str) -> None:
        """Let a token, or one narrowed block of it, open nothing any more."""
        statement = upsert(rows.revoked_token).values(id=revocation)
        page.put(statement.on_conflict_do_nothing())

    def bind(self, page: Page, key: EKey, revocation: str) -> None:
        """Say which token is the key's phone's; every other of the key is dead."""
        token = {"id": revocation, "until": key.ends}
        statement = upsert(rows.bound_token).values(key=key.id, **token)
        page.put(statement.on_conflict_do_update(index_elements=["key"], set_=token))

    def bound(self, key: EKeyId, ids: Sequence[str]) -> bool:
        """Say whether a token is the one of the key's phone, where one is bound."""
        known = self._bound.get(key)
        return known is None or known[0] in ids

    def phone_until(self, key: EKeyId) -> datetime | None:
        """Say until when the key's phone opens; None where there is none."""
        known = self._bound.get(key)
        return known and known[1]

    def stands_otherwise(self, key: EKey) -> bool:
        """Say whether a card or a phone stands for the key, beside its PIN.

        Not a phone that opens no more before the key ends: the key was prolonged.
        """
        given = self.given.values()
        card = any(e.key == key.id and e.kind is CredentialKind.CARD for e in given)
        until = self.phone_until(key.id)
        return card or (until is not None and until >= key.ends)

    def spend(self, page: Page, nonce: bytes) -> None:
        """Use up a pass's nonce; Conflict where it was used before."""
        page.put(insert(rows.spent_nonce).values(nonce=nonce))

    def of(self, holder: TenantId) -> Sequence[EKey]:
        return [key for key in self.keys.values() if key.holder == holder]

    def issued_by(self, issuer: str) -> Sequence[EKey]:
        return [key for key in self.keys.values() if key.issuer == issuer]

    def standing(self, lock: LockId, slot: int) -> tuple[Credential, EKey] | None:
        found = self._slots.get((lock, slot))
        return None if found is None else (found, self.keys[found.key])

    def every(self) -> Sequence[EKey]:
        return list(self.keys.values())

    def at_door(self, door: DoorId) -> Sequence[EKey]:
        return self._doors.get(door, [])

    def credentials(self) -> Sequence[tuple[Credential, EKey]]:
        return [(given, self.keys[given.key]) for given in self.given.values()]

    def digest(self, lock: LockId, pin: str) -> bytes:
        return self.master.index(KeyClass.PIN, f"{lock}/{pin}")

    def add(self, page: Page, key: EKey) -> None:
        page.put(insert(rows.ekey).values(id=key.id, **_values(key)))
        page.put(
            insert(rows.ekey_door),
            [{"key": key.id, "door": door} for door in sorted(key.doors)],
        )

    def change(self, page: Page, key: EKey, *, after: EKey | None = None) -> None:
        if after is not None:
            self.stands(page, after)
        statement = update(rows.ekey).where(rows.ekey.c.id == key.id)
        page.put(statement.values(_values(key)))

    def stands(self, page: Page, key: EKey) -> None:
        its = rows.ekey.c
        query = select(its.state, its.ends).where(its.id == key.id)
        read = (key.state.value, key.ends)

        def act(connection: Connection) -> None:
            if connection.execute(query).one_or_none() != read:
                raise Conflict("this key was changed a moment ago")

        page.check(act)

    def vacant(self, page: Page, doors: Collection[DoorId], at: datetime) -> None:
        key, door = rows.ekey.c, rows.ekey_door.c
        query = (
            select(key.id)
            .join_from(rows.ekey, rows.ekey_door, door.key == key.id)
            .where(door.door.in_(doors), key.kind == KeyKind.LEASE.value)
            .where(key.state.in_([each.value for each in LIVING]))
            .where(key.starts <= at, key.ends > at)
        )

        def act(connection: Connection) -> None:
            if connection.execute(query).first() is not None:
                raise Conflict("somebody moved in a moment ago")

        page.check(act)

    def give(self, page: Page, credential: Credential) -> None:
        page.put(insert(rows.credential).values(_kept(credential)))

    def mark(self, page: Page, credential: Credential) -> None:
        """Keep how far a credential came; Conflict where its PIN was changed since."""
        its = _its(credential) & (rows.credential.c.digest == credential.digest)
        kept = _kept(credential)
        told = {name: kept[name] for name in ("state", "tries", "due")}
        statement = update(rows.credential).where(its).values(told)

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount != 1:
                raise Conflict("this PIN was changed a moment ago")

        page.check(act)
        cleared = rows.credential.c.state == CredentialState.CLEARED.value
        blank = rows.credential.c.sealed == b""
        page.put(delete(rows.credential).where(its, cleared, blank))

    def keep(self, credential: Credential) -> None:
        """Take to memory what `mark` brought to disk."""
        cleared = credential.state is CredentialState.CLEARED
        if cleared and not credential.sealed:
            self.given.pop(credential.digest, None)
        elif credential.digest in self.given:
            self.given[credential.digest] = credential
        self._stand(credential)

    def swap(self, page: Page, credential: Credential) -> None:
        """Put another PIN in the place of a credential's."""
        statement = update(rows.credential).where(_its(credential))
        page.put(statement.values(_kept(credential)))

    def move(self, page: Page, before: Credential, after: Credential) -> None:
        """Let a credential stand at another lock; Conflict where it was changed."""
        its = _its(before) & (rows.credential.c.digest == before.digest)
        statement = update(rows.credential).where(its).values(_kept(after))

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount != 1:
                raise Conflict("this PIN was changed a moment ago")

        page.check(act)

    def take_back(self, page: Page, credential: Credential) -> None:
        """Take back what stands at no lock: a card, or a PIN of a lock that is gone."""
        page.put(delete(rows.credential).where(_its(credential)))

    def end_holder(self, page: Page, holder: TenantId) -> None:
        """Destroy the key under which a holder's label and PIN lay."""
        Vault(self.master).destroy(page, holder)

    async def seal(self, holder: TenantId, pin: str) -> bytes:
        key = await self.book.read(lambda c: Vault(self.master).find(c, holder))
        return key.seal(KeyClass.PIN, "pin", pin.encode())

    async def reveal(self, credential: Credential, holder: TenantId) -> str:
        key = await self.book.read(lambda c: Vault(self.master).find(c, holder))
        return key.unseal(KeyClass.PIN, "pin", credential.sealed).decode()

    async def begin(self, label: str) -> tuple[TenantId, bytes]:
        """Make a holder with a key of his own; return him and his sealed label."""
        holder = TenantId(new_id())
        async with self.book.page() as page:
            key = Vault(self.master).make(page, holder)
        return holder, key.seal(KeyClass.PERSON, "label", label.encode())

    async def label(self, key: EKey) -> str:
        """Return what the issuer calls the holder; nothing once he is erased."""
        if not key.label:
            return ""
        try:
            held = await self.book.read(
                lambda c: Vault(self.master).find(c, key.holder)
            )
        except Erased:
            return ""
        return held.unseal(KeyClass.PERSON, "label", key.label).decode()

    def forget(self, page: Page, holder: TenantId) -> None:
        """Forget the holder's PINs; a slot not yet empty is still to be cleared."""
        keys = select(rows.ekey.c.id).where(rows.ekey.c.holder == holder)
        his = rows.credential.c.key.in_(keys)
        done = {CredentialState.CLEARED.value, CredentialState.KEPT_HERE.value}
        page.put(delete(rows.credential).where(his, rows.credential.c.state.in_(done)))
        nothing = {"sealed": b"", "digest": func.randomblob(DIGEST_BYTES)}
        page.put(update(rows.credential).where(his).values(nothing))
        page.put(
            update(rows.ekey).where(rows.ekey.c.holder == holder).values(label=b"")
        )

    async def refresh(self) -> None:
        keys, given, self._revoked = await self.book.read(read_keys)
        self._bound = await self.book.read(_bound)
        doors = defaultdict(list)
        for key in keys.values():
            for door in key.doors:
                doors[door].append(key)
        self.keys, self.given, self._doors = keys, given, dict(doors)
        self._slots = {}
        for each in given.values():
            self._stand(each)

    def _stand(self, credential: Credential) -> None:
        place = (credential.lock, credential.slot)
        if credential.slot and credential.state is not CredentialState.CLEARED:
            self._slots[place] = credential
        elif (now := self._slots.get(place)) and now.key == credential.key:
            del self._slots[place]


def _its(credential: Credential) -> ColumnElement[bool]:
    return (
        (rows.credential.c.key == credential.key)
        & (rows.credential.c.lock == credential.lock)
        & (rows.credential.c.kind == credential.kind.value)
    )


def _values(key: EKey) -> dict[str, Any]:
    return {
        "holder": key.holder,
        "starts": key.starts,
        "ends": key.ends,
        "state": key.state.value,
        "kind": key.kind.value,
        "hours": _hours_text(key.hours),
        "zone": key.zone,
        "issuer": key.issuer,
        "since": key.since,
        "label": key.label,
    }


def _kept(credential: Credential) -> dict[str, Any]:
    told = asdict(credential)
    return told | {"state": credential.state.value, "kind": credential.kind.value}


def _hours_text(hours: WeekDays | None) -> str:
    if hours is None:
        return ""
    opens, closes = hours.opens.isoformat(), hours.closes.isoformat()
    return json.dumps([sorted(hours.days), opens, closes])


def _hours(text: str) -> WeekDays | None:
    if not text:
        return None
    days, opens, closes = json.loads(text)
    return WeekDays(
        frozenset(days), time.fromisoformat(opens), time.fromisoformat(closes)
    )


def _key(row: Row[Any], doors: frozenset[DoorId]) -> EKey:
    return EKey(
        EKeyId(row.id),
        doors,
        TenantId(row.holder),
        row.starts,
        row.ends,
        KeyState(row.state),
        KeyKind(row.kind),
        _hours(row.hours),
        row.zone,
        row.issuer,
        row.since,
        row.label,
    )


def _bound(connection: Connection) -> dict[EKeyId, tuple[str, datetime]]:
    told = connection.execute(select(rows.bound_token))
    return {EKeyId(row.key): (row.id, row.until) for row in told}


def read_keys(
    connection: Connection,
) -> tuple[dict[EKeyId, EKey], dict[bytes, Credential], set[str]]:
    """Read keys, credentials by digest, and revoked token ids from a snapshot."""
    doors: dict[str, set[DoorId]] = defaultdict(set)
    for row in connection.execute(select(rows.ekey_door)):
        doors[row.key].add(DoorId(row.door))
    keys = {
        EKeyId(row.id): _key(row, frozenset(doors[row.id]))
        for row in connection.execute(select(rows.ekey))
    }
    given = {
        row.digest: Credential(
            EKeyId(row.key),
            LockId(row.lock),
            row.slot,
            row.digest,
            row.sealed,
            CredentialState(row.state),
            row.tries,
            row.due,
            CredentialKind(row.kind),
        )
        for row in connection.execute(select(rows.credential))
    }
    revoked = {row.id for row in connection.execute(select(rows.revoked_token))}
    return keys, given, revoked
