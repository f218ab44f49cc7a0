"""Houses, rooms and doors on the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from devices.adapters import rows
from devices.model.errors import UnknownDoor
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
)
from ledger.book import Book, Page

# Whatever it was called when it was hung: a door that leads to one room alone is that
# room's. Of a house with one room that is every door.
_ONLY = (
    select(func.min(rows.room.c.id))
    .where(rows.room.c.house == rows.door.c.house)
    .having(func.count() == 1)
    .scalar_subquery()
)
DOORS = select(rows.door, _ONLY.label("only_room"))


@dataclass(frozen=True, slots=True)
class LedgerHouses:
    """Fulfils Houses."""

    book: Book

    def add(self, page: Page, house: House, rooms: Sequence[Room]) -> None:
        page.put(
            insert(rows.house).values(
                id=house.id,
                name=house.name,
                address=house.address,
                area=house.area,
                account=house.landlord.account,
                landlord_name=house.landlord.name,
                landlord_phone=house.landlord.phone,
                time_zone=house.time_zone,
                std_addr_code=house.std_addr_code,
                sharing=house.sharing.value,
            )
        )
        for room in rooms:
            values = {"id": room.id, "house": room.house, "name": room.name}
            page.put(insert(rows.room).values(values))

    def hang(self, page: Page, door: Door) -> None:
        page.put(
            insert(rows.door).values(
                id=door.id,
                house=door.house,
                name=door.name,
                lock=door.lock,
                keypad=door.keypad,
                room=door.room,
            )
        )

    def alter(self, page: Page, door: Door) -> None:
        """Write which lock hangs on the door, and what the landlord offers there."""
        statement = update(rows.door).where(rows.door.c.id == door.id)
        page.put(statement.values(lock=door.lock, second_look=door.second_look))

    def change(self, page: Page, house: House) -> None:
        """Write who lets the house, and what is shared of its doors."""
        statement = update(rows.house).where(rows.house.c.id == house.id)
        page.put(
            statement.values(
                account=house.landlord.account,
                landlord_name=house.landlord.name,
                landlord_phone=house.landlord.phone,
                sharing=house.sharing.value,
            )
        )

    async def of(self, account: str) -> Sequence[House]:
        query = select(rows.house).where(rows.house.c.account == account)
        return [_house(row) for row in await self._all(query)]

    async def house(self, house: HouseId) -> House:
        found = await self._all(select(rows.house).where(rows.house.c.id == house))
        if not found:
            raise UnknownDoor("there is no such house")
        return _house(found[0])

    async def rooms(self, house: HouseId) -> Sequence[Room]:
        query = select(rows.room).where(rows.room.c.house == house)
        found = await self._all(query.order_by(rows.room.c.name))
        return [Room(RoomId(row.id), HouseId(row.house), row.name) for row in found]

    async def doors(self, house: HouseId) -> Sequence[Door]:
        query = DOORS.where(rows.door.c.house == house)
        return [_door(row) for row in await self._all(query)]

    async def door(self, door: DoorId) -> Door:
        found = await self._all(DOORS.where(rows.door.c.id == door))
        if not found:
            raise UnknownDoor("there is no such door")
        return _door(found[0])

    async def every_door(self) -> Sequence[Door]:
        return [_door(row) for row in await self._all(DOORS)]

    def mount(self, page: Page, sensor: str, door: DoorId) -> None:
        """Say that a sensor watches a door, and no other."""
        values = {"sensor": sensor, "door": door}
        statement = upsert(rows.sensor).values(values)
        page.put(
            statement.on_conflict_do_update(
                index_elements=["sensor"], set_={"door": door}
            )
        )

    async def sensors(self) -> Mapping[str, DoorId]:
        found = await self._all(select(rows.sensor))
        return {row.sensor: DoorId(row.door) for row in found}

    def claim(self, page: Page, device: str, account: str) -> None:
        """Say whose a device is that was found."""
        told = {"account": account}
        statement = upsert(rows.claim).values(device=device, **told)
        page.put(statement.on_conflict_do_update(index_elements=["device"], set_=told))

    async def claims(self) -> Mapping[str, str]:
        found = await self._all(select(rows.claim))
        return {row.device: row.account for row in found}

    def offer(self, page: Page, offer: Offer) -> None:
        told = {"to": offer.to, "expires": offer.expires}
        statement = upsert(rows.house_offer).values(house=offer.house, **told)
        page.put(statement.on_conflict_do_update(index_elements=["house"], set_=told))

    def withdraw(self, page: Page, house: HouseId) -> None:
        mine = rows.house_offer.c.house == house
        statement = delete(rows.house_offer).where(mine)

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount != 1:
                raise UnknownDoor("there is no such offer")

        page.check(act)

    async def offers(self) -> Sequence[Offer]:
        found = await self._all(select(rows.house_offer))
        return [Offer(HouseId(row.house), row.to, row.expires) for row in found]

    async def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return await self.book.read(lambda connection: connection.execute(query).all())


def _house(row: Row[Any]) -> House:
    landlord = Landlord(row.account, row.landlord_name, row.landlord_phone)
    return House(
        HouseId(row.id),
        row.name,
        row.address,
        row.area,
        landlord,
        row.time_zone,
        row.std_addr_code,
        Sharing(row.sharing),
    )


def _door(row: Row[Any]) -> Door:
    room = row.room or row.only_room
    return Door(
        DoorId(row.id),
        HouseId(row.house),
        row.name,
        LockId(row.lock),
        row.keypad,
        None if room is None else RoomId(room),
        bool(row.second_look),
    )
