"""Another lock in the place of one that hangs on a door; the keys stay good."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.model.errors import NoCommonLength
from devices.model.keys import Credential, CredentialKind, CredentialState, EKey
from devices.model.places import Door, LockId, Taker
from devices.ports import Houses, KeyRing, Tasks
from devices.rules.keys import over
from devices.rules.pins import fits
from devices.service.announcing import Announcing
from devices.service.building import Building
from devices.service.pins import Pins
from ledger.book import Book
from ledger.clock import Clock


@dataclass(frozen=True, slots=True)
class Replacing:
    """Puts a lock in another's place: keys, PINs and cards go on at the new one."""

    book: Book
    houses: Houses
    keys: KeyRing
    pins: Pins
    tasks: Tasks
    building: Building
    announcing: Announcing
    salt: bytes
    clock: Clock

    async def replace(self, door: Door, told: str, by: Taker | None = None) -> Door:
        """Hang another lock on a door; what the old one holds stays in it.

        `told` is the lock's id, or what stands for one of several that claim to be it.

        Raises LockTaken, UnknownDoor, NoFreeSlot where the new one has too few slots,
        NoCommonLength where it takes no PINs as long as those that are given, Conflict
        where a PIN was changed meanwhile.
        """
        lock, which = self.announcing.meant(told)
        await self.building.may_hang(lock, by=by)
        await self.announcing.choose(which, lock)
        moving, done = self._of(door.lock)
        moved = await self._at(lock, moving)
        now, hung = self.clock.now(), replace(door, lock=lock)
        async with self.book.page() as page:
            for credential, key in done:
                self.keys.take_back(page, credential)
                self.tasks.close(page, key.id, now)
            for before, after in zip(moving, moved, strict=True):
                self.keys.move(page, before[0], after)
            self.houses.alter(page, hung)
            note = f"{door.id} {door.lock} {lock}"
            page.note("lock/replaced", note.encode(), self.salt)
        await self.keys.refresh()
        await self.building.changed()
        return hung

    def _of(
        self, lock: LockId
    ) -> tuple[list[tuple[Credential, EKey]], list[tuple[Credential, EKey]]]:
        """Part what stands for keys that go on from what is only to be cleared."""
        now = self.clock.now()
        moving: list[tuple[Credential, EKey]] = []
        done: list[tuple[Credential, EKey]] = []
        for credential, key in self.keys.credentials():
            if credential.lock == lock:
                ended = over(key, now) or not credential.sealed
                (done if ended else moving).append((credential, key))
        return moving, done

    async def _at(
        self, lock: LockId, moving: Sequence[tuple[Credential, EKey]]
    ) -> list[Credential]:
        found, taken = [], set[int]()
        digits = self.pins.locks.find(lock).digits
        for credential, key in moving:
            card = credential.kind is CredentialKind.CARD
            slot = 0 if card else self.pins.slot(lock, taken, resident=key.resident)
            taken.add(slot)
            code = await self.keys.reveal(credential, key.holder)
            if slot and not fits(code, digits):
                raise NoCommonLength("the new lock takes no PINs of this length")
            waits = CredentialState.WAITING if slot else CredentialState.KEPT_HERE
            found.append(
                replace(
                    credential,
                    lock=lock,
                    slot=slot,
                    digest=self.keys.digest(lock, code),
                    state=waits,
                    tries=0,
                    due=None,
                )
            )
        return found
