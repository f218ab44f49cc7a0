"""Houses as their landlord registers them."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from devices.model.errors import LockTaken, UnknownDoor
from devices.model.locks import Lock, PinFacts
from devices.model.places import (
    Door,
    DoorId,
    House,
    HouseId,
    Landlord,
    LockId,
    Offer,
    Room,
    RoomId,
    Sharing,
    Taker,
)
from devices.ports import Approvals, Houses, KeyRing, LockStore, Tasks
from devices.rules.keys import over
from devices.service.ekeys import EKeys
from devices.service.locks import Locks
from ledger.book import Book
from ledger.clock import Clock
from ledger.ids import new_id

# How long an offer of a house waits for its answer.
OFFERED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Building:
    """Registers houses and hangs locks on their doors."""

    book: Book
    houses: Houses
    locks: Locks
    lock_store: LockStore
    ekeys: EKeys
    keys: KeyRing
    tasks: Tasks
    approvals: Approvals
    salt: bytes
    clock: Clock
    changed: Callable[[], Awaitable[None]]
    unvouch: Callable[[HouseId], None]

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

    async def hang(
        self,
        house: HouseId,
        name: str,
        lock: LockId,
        keypad: str = "",
        room: RoomId | None = None,
        by: Taker | None = None,
    ) -> Door:
        """Hang a discovered lock on a new door: of a room, or an entrance all share.

        A landlord hangs what is his (`free_locks`); the operator whatever there is.
        """
        await self.may_hang(lock, keypad, by=by)
        if room is not None and room not in {
            each.id for each in await self.houses.rooms(house)
        }:
            raise UnknownDoor("there is no such room in this house")
        door = Door(DoorId(new_id()), house, name, lock, keypad, room)
        async with self.book.page() as page:
            self.houses.hang(page, door)
            page.note("door", door.id.encode(), self.salt)
        await self.changed()
        return door

    async def may_hang(
        self, lock: LockId, keypad: str = "", by: Taker | None = None
    ) -> None:
        """Raise where a lock or keypad is not there, hangs, or is somebody else's."""
        if by is not None:
            claims = await self.houses.claims()
            if not all(_his(each, by, claims) for each in (lock, keypad) if each):
                raise UnknownDoor("this lock or keypad was not given to you")
        every = await self.houses.every_door()
        if lock in {door.lock for door in every}:
            raise LockTaken("this lock hangs on another door")
        if keypad and keypad in {door.keypad for door in every}:
            raise LockTaken("this keypad hangs beside another door")
        if lock not in self.locks.seen:
            raise UnknownDoor("no such lock has been found")

    async def share(self, house: House, sharing: Sharing) -> None:
        """Say what the landlord's Home Assistant gets of the house's doors."""
        async with self.book.page() as page:
            self.houses.change(page, replace(house, sharing=sharing))
            page.note("sharing", f"{house.id} {sharing.value}".encode(), self.salt)
        await self.changed()

    async def offer_look(self, door: Door, *, offered: bool) -> None:
        """Say whether residents may have their face looked at there after their PIN."""
        async with self.book.page() as page:
            self.houses.alter(page, replace(door, second_look=offered))
            page.note(f"second_look/{offered}", door.id.encode(), self.salt)
        await self.changed()

    async def tell_pins(self, lock: LockId, facts: PinFacts) -> None:
        """Take a person's word which PINs a lock takes, from its manual."""
        async with self.book.page() as page:
            self.lock_store.tell(page, lock, facts)
            page.note("lock/pins", lock.encode(), self.salt)
        self.locks.tell(await self.lock_store.told())

    async def mount(self, sensor: str, door: Door) -> None:
        """Say that a sensor that was found watches a door."""
        async with self.book.page() as page:
            self.houses.mount(page, sensor, door.id)
            page.note("sensor", f"{sensor} {door.id}".encode(), self.salt)
        await self.changed()

    async def doors_of(self, house: HouseId, room: RoomId) -> Sequence[Door]:
        """List the doors that a room's tenant passes: its own, and those all share."""
        doors = await self.houses.doors(house)
        return [door for door in doors if door.room in {None, room}]

    async def give(self, device: str, account: str) -> None:
        """Say whose a lock, keypad or sensor is that was found; the operator does."""
        async with self.book.page() as page:
            self.houses.claim(page, device, account)
            page.note("device/given", f"{device} {account}".encode(), self.salt)

    async def free(self, devices: Collection[str], by: Taker) -> list[str]:
        """Return those of some devices that are a landlord's to take."""
        claims = await self.houses.claims()
        return [each for each in devices if _his(each, by, claims)]

    async def offer(self, house: House, to: str) -> None:
        """Offer a house to another landlord, by the name of his account.

        Whether there is such an account nobody is told.
        """
        offered = Offer(house.id, to, self.clock.now() + OFFERED)
        async with self.book.page() as page:
            self.houses.offer(page, offered)
            page.note("house/offered", f"{house.id} {to}".encode(), self.salt)

    async def withdraw(self, house: HouseId) -> None:
        """Take an offer back, or decline it."""
        async with self.book.page() as page:
            self.houses.withdraw(page, house)
            page.note("house/withdrawn", house.encode(), self.salt)

    async def offered(self, to: str) -> Sequence[House]:
        """List the houses that are offered to a landlord now."""
        now, found = self.clock.now(), await self.houses.offers()
        mine = [each for each in found if each.to == to and now < each.expires]
        return [await self.houses.house(each.house) for each in mine]

    async def accept(
        self, house: HouseId, name: str, to: Landlord, abouts: Collection[str]
    ) -> None:
        """Take a house that was offered to an account of this name."""
        found = [each for each in await self.offered(name) if each.id == house]
        if not found:
            raise UnknownDoor("this house is not offered to you any more")
        await self.withdraw(house)
        await self.hand_over(found[0], to, abouts)

    async def hand_over(
        self, house: House, to: Landlord, abouts: Collection[str] = ()
    ) -> None:
        """Give the house to another landlord: keys he gave die, tenants' keys stay.

        What has to be done at its doors goes to him, and what `abouts` name beside.
        What the former one asked residents lapses, with their word and with his own.
        """
        held = await self.houses.doors(house.id)
        doors = {door.id for door in held}
        about = {*doors, *(door.lock for door in held), *abouts}
        owners = (house.landlord.account, to.account)
        now = self.clock.now()
        async with self.book.page() as page:
            self.houses.change(page, replace(house, landlord=to, sharing=Sharing.OFF))
            for key in self.keys.issued_by(house.landlord.account):
                if not key.doors & doors:
                    continue
                about.add(key.id)
                if key.resident:
                    self.keys.change(page, replace(key, issuer=to.account), after=key)
                elif not over(key, now):
                    self.ekeys.revoke(page, key, now)
            self.tasks.pass_on(page, owners, about)
            self.approvals.drop(page, house.landlord.account, about, now)
            told = f"{house.id} {house.landlord.account} {to.account}"
            page.note("house/handed_over", told.encode(), self.salt)
        self.unvouch(house.id)
        await self.keys.refresh()
        await self.changed()

    async def free_locks(self, by: Taker) -> Sequence[Lock]:
        """List the discovered locks that hang on no door yet, and are a landlord's.

        On a box with one landlord everything is his; else what the operator gave him.
        """
        taken = {door.lock for door in await self.houses.every_door()}
        claims = await self.houses.claims()
        taken |= self.locks.left
        free = [lock for lock in self.locks.seen.values() if lock.id not in taken]
        return [lock for lock in free if _his(lock.id, by, claims)]


def _his(device: str, by: Taker, claims: Mapping[str, str]) -> bool:
    return claims.get(device, by.account if by.alone else "") == by.account
