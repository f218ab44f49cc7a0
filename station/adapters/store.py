"""Boxes, reports and occupancy on the station's ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
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

from ledger.book import Book, Page
from ledger.errors import Conflict
from station.adapters import rows
from station.model import (
    AddressHeld,
    Admission,
    Box,
    BoxUnknown,
    Held,
    NotSeen,
    Occupant,
)


@dataclass(frozen=True, slots=True)
class LedgerBoxes:
    """Fulfils Boxes."""

    book: Book

    def admit(self, page: Page, admission: Admission) -> None:
        page.put(insert(rows.admission).values(asdict(admission)))

    def join(self, page: Page, box: Box, code: str) -> None:
        spent = delete(rows.admission).where(rows.admission.c.code == code)

        def act(connection: Connection) -> None:
            if connection.execute(spent).rowcount != 1:
                raise Conflict("this code was used up a moment ago")
            statement = upsert(rows.box).values(asdict(box))
            # One that was revoked and is admitted again comes with whatever key it has;
            # one that lost its answer comes with its own.
            again = {**asdict(box), "revoked": False}
            again.pop("id")
            joined = statement.on_conflict_do_update(
                index_elements=["id"],
                set_=again,
                where=rows.box.c.revoked | (rows.box.c.key == box.key),
            )
            if connection.execute(joined).rowcount != 1:
                raise Conflict("this box has joined already")

        page.check(act)

    async def open(self) -> Sequence[Admission]:
        found = await self.book.read(lambda c: c.execute(select(rows.admission)).all())
        return [Admission(row.code, row.label, row.expires) for row in found]

    async def find(self, box: str) -> Box:
        query = select(rows.box).where(rows.box.c.id == box)
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        if row is None or row.revoked:
            raise BoxUnknown("this box was never admitted")
        return _box(row)

    async def every(self) -> Sequence[Box]:
        query = select(rows.box).order_by(rows.box.c.admitted_at)
        found = await self.book.read(lambda c: c.execute(query).all())
        return [_box(row) for row in found]

    def revoke(self, page: Page, box: str) -> None:
        """Take nothing from a box any more."""
        statement = update(rows.box).where(rows.box.c.id == box)
        page.put(statement.values(revoked=True))

    def claim(self, page: Page, box: str, where: tuple[str, str]) -> None:
        """Keep that a box reports a house; raise AddressHeld where another does."""
        query = (
            select(rows.address.c.box, rows.address.c.held)
            .join(rows.box, rows.box.c.id == rows.address.c.box)
            .where(_at(where), rows.box.c.revoked.is_(False))
        )

        def act(connection: Connection) -> None:
            found = {row.box: row.held for row in connection.execute(query)}
            if found.get(box) is False:
                return
            if not all(found.values()):
                raise AddressHeld("another box reports this house")
            statement = upsert(rows.address).values(_address(box, where, held=False))
            free = {"held": False}
            connection.execute(
                statement.on_conflict_do_update(index_elements=WHERE, set_=free)
            )

        page.check(act)

    def hold(self, page: Page, box: str, where: tuple[str, str]) -> None:
        """Keep for an officer that a box reports a house that another has."""
        statement = upsert(rows.address).values(_address(box, where, held=True))
        page.put(statement.on_conflict_do_nothing())

    def share(self, page: Page, box: str, where: tuple[str, str]) -> None:
        """Let a box report a house beside another."""
        mine = rows.address.c.box == box
        page.put(update(rows.address).where(_at(where), mine).values(held=False))

    async def held(self) -> Sequence[Held]:
        known = [each for each in await self.every() if not each.revoked]
        labels = {each.id: each.label or each.id for each in known}
        query = select(rows.address).order_by(rows.address.c.addr)
        found = await self.book.read(lambda c: c.execute(query).all())
        first = {(row.area, row.addr): row.box for row in found if not row.held}
        return [
            Held(
                row.box,
                labels.get(row.box, row.box),
                row.area,
                row.addr,
                labels.get(first.get((row.area, row.addr), ""), ""),
            )
            for row in found
            if row.held and row.box in labels
        ]


@dataclass(frozen=True, slots=True)
class LedgerReports:
    """Fulfils Reports."""

    book: Book

    async def receipt(self, key: str) -> tuple[str, bytes] | None:
        query = select(rows.report).where(rows.report.c.key == key)
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else (row.digest, row.receipt)

    def keep(self, page: Page, key: str, digest: str, receipt: bytes) -> None:
        values = {"key": key, "digest": digest, "receipt": receipt}
        page.put(insert(rows.report).values(values))


@dataclass(frozen=True, slots=True)
class LedgerOccupancy:
    """Fulfils Occupancy: order by version, whatever order reports come in."""

    book: Book

    def apply(
        self, page: Page, box: str, report: Mapping[str, Any], now: Occupant | None
    ) -> None:
        registration, version = report["registration"], report["version"]

        def act(connection: Connection) -> None:
            seen = connection.execute(
                select(rows.latest.c.version).where(
                    rows.latest.c.box == box,
                    rows.latest.c.registration == registration,
                )
            ).scalar()
            if seen is not None and seen >= version:
                return
            named = {"box": box, "registration": registration}
            statement = upsert(rows.latest).values(**named, version=version)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=list(named), set_={"version": version}
                )
            )
            connection.execute(
                delete(rows.occupant).where(
                    rows.occupant.c.box == box,
                    rows.occupant.c.registration == registration,
                )
            )
            if now is not None:
                connection.execute(insert(rows.occupant).values(asdict(now)))

        page.check(act)

    async def every(self) -> Sequence[Occupant]:
        query = select(rows.occupant)
        found = await self.book.read(lambda c: c.execute(query).mappings().all())
        return [Occupant(**row) for row in found]

    async def count(self) -> int:
        query = select(func.count()).select_from(rows.occupant)
        return await self.book.read(lambda c: c.execute(query).scalar_one())


@dataclass(frozen=True, slots=True)
class LedgerSightings:
    """Fulfils Sightings."""

    def put(self, page: Page, digest: bytes, expires: datetime) -> None:
        values = {"digest": digest, "expires": expires, "used_by": ""}
        page.put(insert(rows.seen).values(values))

    def use(self, page: Page, digest: bytes, by: str, now: datetime) -> None:
        mine = rows.seen.c.used_by.in_(["", by])
        good = (rows.seen.c.digest == digest, rows.seen.c.expires > now, mine)
        statement = update(rows.seen).where(*good).values(used_by=by)

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount != 1:
                raise NotSeen("this code is not known for this person, or is over")

        page.check(act)

    def forget(self, page: Page, now: datetime) -> None:
        page.put(delete(rows.seen).where(rows.seen.c.expires <= now))


WHERE = ["area", "addr", "box"]


def _box(row: Row[Any]) -> Box:
    return Box(row.id, row.key, row.label, row.admitted_at, bool(row.revoked))


def _at(where: tuple[str, str]) -> ColumnElement[bool]:
    area, addr = where
    return (rows.address.c.area == area) & (rows.address.c.addr == addr)


def _address(box: str, where: tuple[str, str], *, held: bool) -> dict[str, Any]:
    area, addr = where
    return {"area": area, "addr": addr, "box": box, "held": held}
