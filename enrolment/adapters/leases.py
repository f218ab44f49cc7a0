"""Leases and invitations on the ledger."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from devices.model.keys import EKeyId
from devices.model.places import HouseId, RoomId
from enrolment.adapters import rows
from enrolment.adapters.people import LedgerPeople, seal_person, unseal_person
from enrolment.model.documents import Evidence, Person
from enrolment.model.errors import LinkDead, OutOfTurn, RoomTaken
from enrolment.model.faces import FaceVerdict
from enrolment.model.leases import (
    ENDED,
    FacePath,
    Invitation,
    Lease,
    LeaseId,
    RegistrationId,
    Stage,
)
from enrolment.rules.leases import clashes
from ledger.book import Book, Page
from ledger.errors import Conflict
from ledger.ids import TenantId
from ledger.keys import KeyClass, MasterKey, TenantKey, Vault


@dataclass(frozen=True, slots=True)
class LedgerLeases:
    """Fulfils Leases."""

    book: Book
    people: LedgerPeople
    master: MasterKey

    def add(self, page: Page, lease: Lease, label: str) -> None:
        self.free(page, lease)

        def act(connection: Connection) -> None:
            key = Vault(self.master).find(connection, lease.tenant)
            sealed = key.seal(KeyClass.PERSON, "label", label.encode())
            values = {**_values(lease), "label": sealed}
            connection.execute(insert(rows.lease).values(values))

        page.check(act)

    def free(self, page: Page, lease: Lease) -> None:
        """Have the page raise RoomTaken where others have the room meanwhile."""
        others = select(rows.lease).where(rows.lease.c.room == lease.room)

        def act(connection: Connection) -> None:
            if clashes(lease, map(_lease, connection.execute(others))):
                raise RoomTaken("this room is let for part of that time")

        page.check(act)

    def change(self, page: Page, lease: Lease, *, after: Lease) -> None:
        statement = (
            update(rows.lease)
            .where(rows.lease.c.id == lease.id)
            .where(rows.lease.c.stage == after.stage.value)
            .where(rows.lease.c.path == after.path.value)
            .where(rows.lease.c.claim == after.claim)
            .where(rows.lease.c.ends == after.ends)
            .where(rows.lease.c.face == (after.face.value if after.face else None))
            .where(rows.lease.c.live == after.live)
            .where(rows.lease.c.fits == after.fits)
            .where(rows.lease.c.evidence == after.evidence.value)
            .values(_values(lease))
        )

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount != 1:
                raise Conflict("somebody was faster; look again")

        page.check(act)

    async def find(self, lease: LeaseId) -> Lease:
        found = await self._all(select(rows.lease).where(rows.lease.c.id == lease))
        if not found:
            raise OutOfTurn("there is no such lease")
        return found[0]

    async def of(self, house: HouseId) -> Sequence[Lease]:
        query = select(rows.lease).where(rows.lease.c.house == house)
        return await self._all(query.order_by(rows.lease.c.starts))

    async def left(self) -> Sequence[Lease]:
        gone = rows.lease.c.stage == Stage.LEFT.value
        return await self._all(select(rows.lease).where(gone))

    async def label(self, lease: Lease) -> str:
        sealed, key = await self._sealed(lease, "label")
        return key.unseal(KeyClass.PERSON, "label", sealed).decode()

    async def claim(self, page: Page, lease: Lease, person: Person) -> None:
        key = await self.people.key(lease.tenant)
        statement = update(rows.lease).where(rows.lease.c.id == lease.id)
        page.put(statement.values(person=seal_person(key, person)))

    async def claimed(self, lease: Lease) -> Person:
        sealed, key = await self._sealed(lease, "person")
        return unseal_person(key, sealed)

    def forget(self, page: Page, lease: Lease) -> None:
        mine = rows.lease.c.id == lease.id
        page.put(update(rows.lease).where(mine).values(person=None))

    async def overstayed(self, now: datetime) -> Sequence[Lease]:
        """List every lease that is over and that nobody has ended."""
        stands = rows.lease.c.stage.notin_([each.value for each in ENDED])
        return await self._all(
            select(rows.lease).where(stands, rows.lease.c.ends <= now)
        )

    async def _sealed(self, lease: Lease, column: str) -> tuple[bytes, TenantKey]:
        query = select(rows.lease.c[column]).where(rows.lease.c.id == lease.id)
        sealed = await self.book.read(lambda c: c.execute(query).scalar_one())
        if not sealed:
            raise OutOfTurn("nothing has been entered here")
        return sealed, await self.people.key(lease.tenant)

    async def _all(self, query: Select[Any]) -> Sequence[Lease]:
        found = await self.book.read(lambda c: c.execute(query).all())
        return [_lease(row) for row in found]


@dataclass(frozen=True, slots=True)
class LedgerInvitations:
    """Fulfils Invitations."""

    book: Book

    def put(self, page: Page, invitation: Invitation) -> None:
        values = asdict(invitation)
        statement = upsert(rows.invitation).values(values)
        page.put(statement.on_conflict_do_update(index_elements=["lease"], set_=values))

    def tried(self, page: Page, before: Invitation, after: Invitation) -> None:
        table = rows.invitation.c
        open_ = and_(table.token == before.token, table.bound.is_(before.bound))
        statement = (
            update(rows.invitation)
            .where(open_, table.tries == before.tries)
            .values(asdict(after))
        )

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount == 1:
                return
            if connection.execute(select(table.lease).where(open_)).first() is None:
                raise LinkDead("there is a newer link; use that one")
            raise Conflict("somebody tried this link at the same moment")

        page.check(act)

    async def find(self, token: bytes) -> Invitation:
        query = select(rows.invitation).where(rows.invitation.c.token == token)
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise LinkDead("ask the landlord for a new link")
        return _invitation(row)

    async def numbered(self, number: str, phone: bytes) -> Invitation:
        table = rows.invitation.c
        query = select(rows.invitation).where(
            table.bound.is_(False) | (table.phone == phone)
        )
        found = await self.book.read(lambda c: c.execute(query).all())
        named = [each for each in map(_invitation, found) if each.number == number]
        if len(named) != 1:
            raise LinkDead("no link that is open has this number")
        return named[0]

    async def of(self, lease: LeaseId) -> Invitation | None:
        query = select(rows.invitation).where(rows.invitation.c.lease == lease)
        row = await self.book.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _invitation(row)


def _values(lease: Lease) -> dict[str, Any]:
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in asdict(lease).items()
    }


def _lease(row: Row[Any]) -> Lease:
    return Lease(
        id=LeaseId(row.id),
        house=HouseId(row.house),
        room=RoomId(row.room),
        tenant=TenantId(row.tenant),
        key=EKeyId(row.key),
        registration=RegistrationId(row.registration),
        starts=row.starts,
        ends=row.ends,
        stage=Stage(row.stage),
        path=FacePath(row.path),
        face=FaceVerdict(row.face) if row.face else None,
        live=row.live,
        fits=row.fits,
        claim=row.claim,
        evidence=Evidence(row.evidence),
        left_at=row.left_at,
        tenancy=row.tenancy,
    )


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        LeaseId(row.lease),
        row.token,
        row.code,
        row.expires,
        row.tries,
        row.bound,
        row.phone,
    )
