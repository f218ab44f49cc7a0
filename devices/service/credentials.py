"""Brings what a lock holds to what it ought to hold, and believes only the lock."""

from dataclasses import dataclass, replace
from datetime import datetime

from devices.model import (
    Credential,
    CredentialState,
    DevicesError,
    EKey,
    Incident,
    Lock,
    LockId,
    Task,
    TaskId,
    TaskKind,
)
from devices.ports import Houses, Incidents, KeyRing, LockDriver, Tasks
from devices.rules import PAUSE_MAX, WRITES, pause, wanted
from devices.service.locks import Locks
from ledger.book import Book, Page
from ledger.clock import Clock
from ledger.errors import Erased
from ledger.ids import new_id


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keeps the PINs at the locks in step with the e-keys."""

    book: Book
    keys: KeyRing
    locks: Locks
    driver: LockDriver
    tasks: Tasks
    houses: Houses
    incidents: Incidents
    clock: Clock

    async def settle(self) -> None:
        """Tell each lock what it does not yet hold, or still holds."""
        now = self.clock.now()
        for credential, key in self.keys.credentials():
            target = wanted(credential, key, now)
            idle = target in {credential.state, CredentialState.WAITING}
            if idle or (credential.due and now < credential.due):
                continue
            try:
                await self._tell(credential, key, target, now)
            except DevicesError:
                self.incidents.report(Incident.LOCK_SILENT, credential.lock)

    async def hear(self, lock: LockId, slot: int, *, held: bool) -> None:
        """Take the lock's word that a slot holds a PIN, or holds none."""
        for credential, _ in self.keys.credentials():
            if (credential.lock, credential.slot) != (lock, slot):
                continue
            heard = _heard(credential.state, held=held)
            if heard is not credential.state:
                await self._mark(replace(credential, state=heard, tries=0, due=None))

    async def _tell(
        self,
        credential: Credential,
        key: EKey,
        target: CredentialState,
        now: datetime,
    ) -> None:
        lock = self.locks.find(credential.lock)
        clearing = target is CredentialState.CLEARED
        if clearing and credential.state is CredentialState.WAITING:
            await self._mark(replace(credential, state=target))
            return
        going = CredentialState.CLEARING if clearing else CredentialState.WRITING
        due = now + pause(credential.tries)
        told = replace(credential, state=going, tries=credential.tries + 1, due=due)
        await self._mark(told)
        if told.tries == WRITES:
            await self._hand_over(key)
        if clearing:
            await self.driver.clear_pin(lock, credential.slot)
        else:
            await self._write(lock, credential, key)
        await self.driver.ask_slot(lock, credential.slot)

    async def _write(self, lock: Lock, credential: Credential, key: EKey) -> None:
        try:
            pin = await self.keys.reveal(credential, key.holder)
        except Erased:
            return
        await self.driver.write_pin(lock, credential.slot, pin)

    async def _mark(self, credential: Credential) -> None:
        async with self.book.page() as page:
            self.keys.mark(page, credential)
            if credential.state is CredentialState.CLEARED:
                self.tasks.close(page, credential.key, self.clock.now())
        await self.keys.refresh()

    async def _hand_over(self, key: EKey) -> None:
        door = next(d for d in await self.houses.every_door() if d.id == key.door)
        house = await self.houses.house(door.house)
        async with self.book.page() as page:
            self._open_task(page, house.landlord.account, key)

    def _open_task(self, page: Page, owner: str, key: EKey) -> None:
        task = Task(
            id=TaskId(new_id()),
            kind=TaskKind.CLEAR_AT_KEYPAD,
            owner=owner,
            about=key.id,
            opened=self.clock.now(),
            term=PAUSE_MAX,
        )
        self.tasks.open(page, task)


def _heard(state: CredentialState, *, held: bool) -> CredentialState:
    match state, held:
        case CredentialState.WRITING, True:
            return CredentialState.CONFIRMED
        case CredentialState.CLEARING, False:
            return CredentialState.CLEARED
        case CredentialState.CONFIRMED, False:
            return CredentialState.WAITING
        case _:
            return state
