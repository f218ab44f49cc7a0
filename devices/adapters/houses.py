"""Houses, rooms and doors on the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, insert, select

from devices.adapters import rows
from devices.model import (
    Door,
    DoorId,
    House,
    HouseId,
    Landlord,
    LockId,
    Room,
    RoomId,
    UnknownDoor,
)
from ledger.book import Book, Page


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
        query = select(rows.door).where(rows.door.c.house == house)
        return [_door(row) for row in await self._all(query)]

    async def every_door(self) -> Sequence[Door]:
        return [_door(row) for row in await self._all(select(rows.door))]

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
    )


def _door(row: Row[Any]) -> Door:
    house = HouseId(row.house)
    return Door(DoorId(row.id), house, row.name, LockId(row.lock), row.keypad)
