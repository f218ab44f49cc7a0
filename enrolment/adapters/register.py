"""The register of who lives here, on the ledger; it only ever grows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select

from devices.model.places import HouseId, RoomId
from enrolment.adapters import rows
from enrolment.adapters.people import LedgerPeople, seal_person, unseal_person
from enrolment.model.documents import Evidence, Person
from enrolment.model.leases import LeaseId, RegistrationId
from enrolment.model.register import Entry, Registration, RegistrationKind
from ledger.book import Book, Page
from ledger.ids import TenantId


@dataclass(frozen=True, slots=True)
class LedgerRegister:
    """Fulfils Register."""

    book: Book
    people: LedgerPeople

    async def append(self, page: Page, registration: Registration) -> None:
        key = await self.people.key(registration.tenant)
        page.put(
            insert(rows.registration).values(
                id=registration.id,
                version=registration.version,
                kind=registration.kind.value,
                lease=registration.lease,
                tenant=registration.tenant,
                house=registration.house,
                room=registration.room,
                person=seal_person(key, registration.person),
                move_in=registration.move_in,
                planned_out=registration.planned_out,
                moved_out=registration.moved_out,
                recorded_at=registration.recorded_at,
                evidence=registration.evidence.value,
            )
        )

    async def after(self, sequence: int) -> Sequence[Entry]:
        table = rows.registration.c
        query = (
            select(table.sequence, table.id, table.version, table.tenant)
            .where(table.sequence > sequence)
            .order_by(table.sequence)
        )
        found = await self.book.read(lambda c: c.execute(query).all())
        return [
            Entry(n, RegistrationId(id_), version, TenantId(tenant))
            for n, id_, version, tenant in found
        ]

    async def find(self, registration: RegistrationId, version: int) -> Registration:
        return await self._find(registration, rows.registration.c.version == version)

    async def latest(self, registration: RegistrationId) -> Registration:
        return await self._find(registration)

    async def _find(
        self, registration: RegistrationId, *more: ColumnElement[bool]
    ) -> Registration:
        query = (
            select(rows.registration)
            .where(rows.registration.c.id == registration, *more)
            .order_by(rows.registration.c.version.desc())
            .limit(1)
        )
        row = await self.book.read(lambda c: c.execute(query).one())
        key = await self.people.key(TenantId(row.tenant))
        return _registration(row, unseal_person(key, row.person))

    async def corrected(
        self, among: Collection[RegistrationId]
    ) -> Mapping[RegistrationId, int]:
        table = rows.registration.c
        query = (
            select(table.id, func.max(table.version))
            .where(table.kind == RegistrationKind.CORRECTION.value)
            .where(table.id.in_(among))
            .group_by(table.id)
        )
        found = await self.book.read(lambda c: c.execute(query).all())
        return {RegistrationId(id_): version for id_, version in found}

    async def versions(self, tenant: TenantId) -> int:
        query = (
            select(func.count())
            .select_from(rows.registration)
            .where(rows.registration.c.tenant == tenant)
        )
        return await self.book.read(lambda c: c.execute(query).scalar_one())

    async def tenants(self, house: HouseId) -> Collection[TenantId]:
        query = select(rows.registration.c.tenant).distinct()
        there = query.where(rows.registration.c.house == house)
        found = await self.book.read(lambda c: c.execute(there).scalars().all())
        return {TenantId(each) for each in found}


def _registration(row: Row[Any], person: Person) -> Registration:
    return Registration(
        RegistrationId(row.id),
        row.version,
        RegistrationKind(row.kind),
        LeaseId(row.lease),
        TenantId(row.tenant),
        HouseId(row.house),
        RoomId(row.room),
        person,
        row.move_in,
        row.planned_out,
        row.recorded_at,
        Evidence(row.evidence),
        row.moved_out,
    )
