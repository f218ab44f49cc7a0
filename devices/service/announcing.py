"""Who says on the broker that he is which lock, and which of them is believed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from devices.model.announcements import Announcement, Unusable
from devices.model.errors import UnknownDoor
from devices.model.locks import Lock
from devices.model.places import LockId
from devices.ports import Announcements, Houses
from devices.rules.announcements import announced, chosen, rivals, taken_back
from devices.service.locks import Locks
from ledger.book import Book

# Locks that may be announced at once; who announces more fills nobody's memory.
MOST = 500
# Those that cannot be driven and are told of at once.
TOLD_OF = 50
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Announcing:
    """Keeps what was announced, over restarts; moves no lock that hangs by itself."""

    book: Book
    store: Announcements
    houses: Houses
    locks: Locks
    salt: bytes
    changed: Callable[[], Awaitable[None]]
    known: dict[LockId, list[Announcement]] = field(default_factory=dict)
    unusable: dict[str, Unusable] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def begin(self) -> None:
        """Read what was announced before."""
        for each in await self.store.all():
            self.known.setdefault(each.lock, []).append(each)
        self._leave()

    def used(self) -> Sequence[Announcement]:
        """List what is driven: for each lock the one that is believed."""
        return [each for every in self.known.values() for each in every if each.used]

    def believed(self, lock: LockId) -> Announcement | None:
        """Return how a lock is driven, of all that was announced of it."""
        return next((each for each in self.known.get(lock, ()) if each.used), None)

    def rivals(self, lock: LockId) -> Sequence[Announcement]:
        """List those who claim to be a lock that is driven at another place."""
        return rivals(self.known.get(lock, ()))

    def of(self, lock: LockId) -> Sequence[Announcement]:
        """List those of whom a person may say that they are the lock."""
        found = rivals(known := self.known.get(lock, []))
        return [*(each for each in known if each.used), *found] if found else []

    def _full(self, source: str) -> bool:
        """Say whether one source more were more than any house has doors."""
        known = {each.source for every in self.known.values() for each in every}
        return source not in known and len(known) >= MOST

    def refuse(self, told: Unusable) -> None:
        """Take note of a lock that cannot be driven, so that somebody sees why."""
        log.warning(
            "lock %s cannot be driven: %s", ascii(told.name[:40]), told.fault.value
        )
        if told.source in self.unusable or len(self.unusable) < TOLD_OF:
            self.unusable[told.source] = told

    async def announce(self, new: Announcement) -> bool:
        """Take an announcement; say whether it is believed."""
        async with self._turn:
            if self._full(new.source):
                log.warning("more locks were announced than a house has doors")
                return False
            return await self._announce(new)

    async def _announce(self, new: Announcement) -> bool:
        known = self.known.get(new.lock, [])
        self.unusable.pop(new.source, None)
        hung = await self._hung()
        # A source that names another lock than before is no longer the one before.
        for lock in [lock for lock in self.known if lock != new.lock]:
            if any(each.source == new.source for each in self.known[lock]):
                await self._taken_back(lock, new.source, hung)
        await self._keep(new.lock, announced(known, new, hung=new.lock in hung))
        used = self.believed(new.lock)
        return used is not None and used.id == new.id

    async def take_back(self, source: str) -> bool:
        """Take note that a source, or a device with all that it has, is gone.

        Says whether anything was known of it.
        """
        self.unusable.pop(source, None)
        async with self._turn:
            known = {e.source for every in self.known.values() for e in every}
            if not any(_of(each, source) for each in known):
                return False
            hung = await self._hung()
            for lock, every in list(self.known.items()):
                for each in {e.source for e in every}:
                    if _of(each, source):
                        await self._taken_back(lock, each, hung)
            return True

    def choices(self, free: Iterable[Lock]) -> list[tuple[str, str]]:
        """Return what can be hung: what a form says for it, and what a person reads.

        Where several say that they are one lock, each is a choice of its own.
        """
        found = []
        for lock in free:
            several = self.of(lock.id)
            found += [(f"{lock.id}@{e.id}", f"{e.name} · {e.place}") for e in several]
            if not several:
                shown = filter(None, (lock.name, lock.model))
                found.append((lock.id, " · ".join(shown)))
        return found

    def meant(self, told: str) -> tuple[LockId, str]:
        """Return the lock that a form says, and which of its claimants, if any."""
        lock, _, which = told.rpartition("@")
        if told in self.locks.seen or not self.of(LockId(lock)):
            return LockId(told), ""
        return LockId(lock), which

    async def choose(self, which: str, among: LockId) -> None:
        """Take a person's word which of those who claim to be a lock it is, if any."""
        if not which:
            return
        async with self._turn:
            if all(each.id != which for each in self.of(among)):
                raise UnknownDoor("nobody says any more that this lock is there")
            await self._keep(among, chosen(self.known[among], which), by=which)
        await self.changed()

    async def _taken_back(
        self, lock: LockId, source: str, hung: Collection[LockId]
    ) -> None:
        after = taken_back(self.known[lock], source, hung=lock in hung)
        await self._keep(lock, after)

    async def _keep(
        self, lock: LockId, after: Iterable[Announcement], by: str = ""
    ) -> None:
        kept, before = list(after), self.known.get(lock, [])
        if set(kept) != set(before):
            async with self.book.page() as page:
                self.store.replace(page, lock, kept)
                if by:
                    page.note("lock/place", f"{lock} {by}".encode(), self.salt)
        self.known[lock] = kept
        if not kept:
            del self.known[lock]
        self._leave()

    def _leave(self) -> None:
        there = {each.lock for each in self.used() if not each.gone}
        self.locks.left -= there
        ours = [lock for lock in self.locks.seen if lock.startswith("ha:")]
        self.locks.leave(lock for lock in ours if lock not in there)

    async def _hung(self) -> set[LockId]:
        return {door.lock for door in await self.houses.every_door()}


def _of(source: str, announcer: str) -> bool:
    """Say whether a source is an announcer, or a lock of a device that it announced."""
    return source == announcer or source.startswith(f"{announcer}#")
