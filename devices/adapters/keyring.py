"""E-keys and credentials on the ledger, with a copy at hand for the door."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from devices.adapters import rows
from devices.model import (
    Credential,
    CredentialState,
    DoorId,
    EKey,
    EKeyId,
    KeyState,
    LockId,
)
from ledger.book import Book, Page
from ledger.ids import TenantId
from ledger.keys import KeyClass, MasterKey, Vault

DIGEST_BYTES = 32


@dataclass(slots=True)
class LedgerKeyRing:
    """Fulfils KeyRing; what it finds is as fresh as its last refresh."""

    book: Book
    master: MasterKey
    keys: dict[EKeyId, EKey] = field(default_factory=dict)
    given: dict[bytes, Credential] = field(default_factory=dict)

    def find(self, digest: bytes) -> EKey | None:
        credential = self.given.get(digest)
        return self.keys[credential.key] if credential else None

    def key(self, key: EKeyId) -> EKey:
        return self.keys[key]

    def of(self, holder: TenantId) -> Sequence[EKey]:
        return [key for key in self.keys.values() if key.holder == holder]

    def at_slot(self, lock: LockId, slot: int) -> EKey | None:
        for credential in self.given.values():
            cleared = credential.state is CredentialState.CLEARED
            if (credential.lock, credential.slot) == (lock, slot) and not cleared:
                return self.keys[credential.key]
        return None

    def credentials(self) -> Sequence[tuple[Credential, EKey]]:
        return [(given, self.keys[given.key]) for given in self.given.values()]

    def digest(self, lock: LockId, pin: str) -> bytes:
        return self.master.index(KeyClass.PIN, f"{lock}/{pin}")

    def add(self, page: Page, key: EKey) -> None:
        page.put(
            insert(rows.ekey).values(
                id=key.id,
                door=key.door,
                holder=key.holder,
                starts=key.starts,
                ends=key.ends,
                state=key.state.value,
            )
        )

    def change(self, page: Page, key: EKeyId, state: KeyState) -> None:
        statement = update(rows.ekey).where(rows.ekey.c.id == key)
        page.put(statement.values(state=state.value))

    def close_window(self, page: Page, key: EKeyId, ends: datetime) -> None:
        statement = update(rows.ekey).where(rows.ekey.c.id == key)
        page.put(statement.values(ends=ends))

    def give(self, page: Page, credential: Credential) -> None:
        page.put(
            insert(rows.credential).values(
                key=credential.key,
                lock=credential.lock,
                slot=credential.slot,
                digest=credential.digest,
                sealed=credential.sealed,
                state=credential.state.value,
                tries=credential.tries,
                due=credential.due,
            )
        )

    def mark(self, page: Page, credential: Credential) -> None:
        its = rows.credential.c.key == credential.key
        page.put(
            update(rows.credential)
            .where(its)
            .values(
                state=credential.state.value,
                tries=credential.tries,
                due=credential.due,
            )
        )
        cleared = rows.credential.c.state == CredentialState.CLEARED.value
        erased = rows.credential.c.sealed == b""
        page.put(delete(rows.credential).where(its, cleared, erased))

    async def seal(self, holder: TenantId, pin: str) -> bytes:
        key = await self.book.read(lambda c: Vault(self.master).find(c, holder))
        return key.seal(KeyClass.PIN, "pin", pin.encode())

    async def reveal(self, credential: Credential, holder: TenantId) -> str:
        key = await self.book.read(lambda c: Vault(self.master).find(c, holder))
        return key.unseal(KeyClass.PIN, "pin", credential.sealed).decode()

    def forget(self, page: Page, holder: TenantId) -> None:
        """Forget the holder's PINs; a slot not yet empty is still to be cleared."""
        keys = select(rows.ekey.c.id).where(rows.ekey.c.holder == holder)
        his = rows.credential.c.key.in_(keys)
        cleared = rows.credential.c.state == CredentialState.CLEARED.value
        page.put(delete(rows.credential).where(his, cleared))
        nothing = {"sealed": b"", "digest": func.randomblob(DIGEST_BYTES)}
        page.put(update(rows.credential).where(his).values(nothing))

    async def refresh(self) -> None:
        self.keys, self.given = await self.book.read(_all)


def _all(
    connection: Connection,
) -> tuple[dict[EKeyId, EKey], dict[bytes, Credential]]:
    keys = {
        EKeyId(row.id): EKey(
            EKeyId(row.id),
            DoorId(row.door),
            TenantId(row.holder),
            row.starts,
            row.ends,
            KeyState(row.state),
        )
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
        )
        for row in connection.execute(select(rows.credential))
    }
    return keys, given
