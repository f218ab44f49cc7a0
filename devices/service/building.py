"""Houses as their landlord registers them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from devices.model import (
    Door,
    DoorId,
    House,
    HouseId,
    Landlord,
    Lock,
    LockId,
    LockTaken,
    Room,
    RoomId,
)
from devices.ports import Houses
from devices.service.locks import Locks
from ledger.book import Book
from ledger.ids import new_id


@dataclass(frozen=True, slots=True)
class Building:
    """Registers houses and hangs locks on their doors."""

    book: Book
    houses: Houses
    locks: Locks
    salt: bytes
    changed: Callable[[], Awaitable[None]]

    async def register(
        self,
        landlord: Landlord,
        name: str,
        place: tuple[str, str],
        rooms: Sequence[str],
    ) -> House:
        """Register a house at (address, area code) with its rooms."""
        house = House(HouseId(new_id()), name, *place, landlord)
        async with self.book.page() as page:
            let = [Room(RoomId(new_id()), house.id, room) for room in rooms]
            self.houses.add(page, house, let)
            page.note("house", house.id.encode(), self.salt)
        return house

    async def hang(self, house: HouseId, name: str, lock: LockId, keypad: str) -> Door:
        """Hang a discovered lock on a new door of the house."""
        if lock in {door.lock for door in await self.houses.every_door()}:
            raise LockTaken("this lock hangs on another door")
        self.locks.find(lock)
        door = Door(DoorId(new_id()), house, name, lock, keypad)
        async with self.book.page() as page:
            self.houses.hang(page, door)
            page.note("door", door.id.encode(), self.salt)
        await self.changed()
        return door

    async def free_locks(self) -> Sequence[Lock]:
        """List the discovered locks that hang on no door yet."""
        taken = {door.lock for door in await self.houses.every_door()}
        return [lock for lock in self.locks.seen.values() if lock.id not in taken]
