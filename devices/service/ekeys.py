"""E-keys: cut for a lease, active with the registration, dead with its end."""

import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime

from devices.model import (
    Credential,
    CredentialState,
    Door,
    EKey,
    EKeyId,
    KeyState,
    LockId,
    NoFreeSlot,
)
from devices.ports import KeyRing
from devices.rules import PIN_DIGITS, free_slot, weak
from devices.service.locks import Locks
from ledger.book import Page
from ledger.ids import TenantId, new_id

TRIES = 1000


@dataclass(frozen=True, slots=True)
class EKeys:
    """Cuts, activates and revokes e-keys."""

    keys: KeyRing
    locks: Locks

    def cut(
        self,
        page: Page,
        door: Door,
        holder: TenantId,
        window: tuple[datetime, datetime],
    ) -> EKey:
        """Cut a key that waits for its holder's registration."""
        key = EKey(EKeyId(new_id()), door.id, holder, *window)
        self.keys.add(page, key)
        return key

    async def activate(self, page: Page, key: EKey, door: Door) -> None:
        """Make the key good with this page and give it a PIN at the door's lock."""
        pin = self._fresh_pin(door.lock)
        credential = Credential(
            key=key.id,
            lock=door.lock,
            slot=self._slot(door.lock),
            digest=self.keys.digest(door.lock, pin),
            sealed=await self.keys.seal(key.holder, pin),
        )
        self.keys.change(page, key.id, KeyState.ACTIVE)
        self.keys.give(page, credential)

    def revoke(self, page: Page, key: EKey, at: datetime) -> None:
        """End the key with this page; its PIN is cleared at the lock next."""
        self.keys.change(page, key.id, KeyState.REVOKED)
        self.keys.close_window(page, key.id, max(at, key.starts))

    def held(self, holder: TenantId) -> Sequence[tuple[EKey, Credential | None]]:
        """List a holder's keys, each with its PIN's credential where it has one."""
        given = {
            credential.key: credential for credential, _ in self.keys.credentials()
        }
        return [(key, given.get(key.id)) for key in self.keys.of(holder)]

    def pin(self, key: EKey) -> Awaitable[str]:
        """Read the key's PIN for its holder's eyes."""
        credential = next(c for c, _ in self.keys.credentials() if c.key == key.id)
        return self.keys.reveal(credential, key.holder)

    def _fresh_pin(self, lock: LockId) -> str:
        for _ in range(TRIES):
            pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
            if not weak(pin) and self.keys.find(self.keys.digest(lock, pin)) is None:
                return pin
        raise NoFreeSlot("no PIN is left for this lock")

    def _slot(self, lock: LockId) -> int:
        taken = {
            given.slot
            for given, _ in self.keys.credentials()
            if given.lock == lock and given.state is not CredentialState.CLEARED
        }
        slot = free_slot(taken, self.locks.find(lock).slots)
        if slot is None:
            raise NoFreeSlot("every PIN slot of this lock is taken; clear one first")
        return slot
