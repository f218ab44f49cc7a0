"""Notices, consents and templates on the ledger."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from enrolment.adapters import rows
from enrolment.adapters.people import LedgerPeople
from enrolment.model.consents import Consent, ConsentKind
from enrolment.model.errors import ConsentMissing
from ledger.book import Book, Page
from ledger.ids import TenantId
from ledger.keys import KeyClass


@dataclass(frozen=True, slots=True)
class LedgerConsents:
    """Fulfils Consents."""

    book: Book
    people: LedgerPeople

    def give(self, page: Page, consent: Consent) -> None:
        self.notice(page, consent.tenant, consent.notice, consent.given_at)
        new = insert(rows.consent).values(
            tenant=consent.tenant,
            kind=consent.kind.value,
            notice=consent.notice,
            given_at=consent.given_at,
        )
        mine = rows.consent.c.tenant == consent.tenant
        standing = _standing(consent.kind).where(mine)

        def act(connection: Connection) -> None:
            if connection.execute(standing).first() is None:
                connection.execute(new)

        page.check(act)

    def withdraw(
        self,
        page: Page,
        tenant: TenantId,
        at: datetime,
        kinds: Collection[ConsentKind] = tuple(ConsentKind),
    ) -> None:
        statement = update(rows.consent).where(
            rows.consent.c.tenant == tenant,
            rows.consent.c.withdrawn_at.is_(None),
            rows.consent.c.kind.in_([each.value for each in kinds]),
        )
        page.put(statement.values(withdrawn_at=at))

    def notice(self, page: Page, tenant: TenantId, text: str, at: datetime) -> None:
        values = {"tenant": tenant, "text": text, "shown_at": at}
        page.put(upsert(rows.notice).values(values).on_conflict_do_nothing())

    async def given(self, tenant: TenantId, kind: ConsentKind) -> Consent | None:
        query = select(rows.consent).where(
            rows.consent.c.tenant == tenant,
            rows.consent.c.kind == kind.value,
            rows.consent.c.withdrawn_at.is_(None),
        )
        row = await self.book.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        return Consent(tenant, kind, row.notice, row.given_at, row.withdrawn_at)

    async def who_left_template(self) -> AbstractSet[TenantId]:
        query = select(rows.template.c.tenant)
        found = await self.book.read(lambda c: c.execute(query).scalars().all())
        return {TenantId(each) for each in found}

    async def who_gave(self, kind: ConsentKind) -> AbstractSet[TenantId]:
        query = _standing(kind)
        found = await self.book.read(lambda c: c.execute(query).scalars().all())
        return {TenantId(each) for each in found}

    async def keep(
        self, page: Page, tenant: TenantId, kind: ConsentKind, template: bytes
    ) -> None:
        key = await self.people.key(tenant)
        sealed = key.seal(KeyClass.BIOMETRIC, "template", template)
        statement = upsert(rows.template).values(tenant=tenant, sealed=sealed)
        stands = _standing(kind).where(rows.consent.c.tenant == tenant)

        def act(connection: Connection) -> None:
            if connection.execute(stands).first() is None:
                raise ConsentMissing("withdrawn meanwhile")

        page.check(act)
        page.put(
            statement.on_conflict_do_update(
                index_elements=["tenant"], set_={"sealed": sealed}
            )
        )

    async def template(self, tenant: TenantId) -> bytes | None:
        query = select(rows.template.c.sealed).where(rows.template.c.tenant == tenant)
        sealed = await self.book.read(lambda c: c.execute(query).scalar())
        if sealed is None:
            return None
        key = await self.people.key(tenant)
        return key.unseal(KeyClass.BIOMETRIC, "template", sealed)

    async def all(self, tenant: TenantId) -> Sequence[Consent]:
        query = select(rows.consent).where(rows.consent.c.tenant == tenant)
        found = await self.book.read(lambda c: c.execute(query).all())
        return [
            Consent(
                tenant,
                ConsentKind(row.kind),
                row.notice,
                row.given_at,
                row.withdrawn_at,
            )
            for row in found
        ]

    async def notices(self, tenant: TenantId) -> Sequence[tuple[str, datetime]]:
        query = select(rows.notice).where(rows.notice.c.tenant == tenant)
        found = await self.book.read(lambda c: c.execute(query).all())
        return [(row.text, row.shown_at) for row in found]

    async def tries(self, tenant: TenantId) -> tuple[int, datetime | None]:
        """Return how many scans failed, and when the last did."""
        query = select(rows.face_try).where(rows.face_try.c.tenant == tenant)
        row = await self.book.read(lambda c: c.execute(query).first())
        return (0, None) if row is None else (row.failed, row.last_at)

    def fail(self, page: Page, tenant: TenantId, at: datetime) -> None:
        statement = upsert(rows.face_try).values(tenant=tenant, failed=1, last_at=at)
        more = {"failed": rows.face_try.c.failed + 1, "last_at": at}
        page.put(statement.on_conflict_do_update(index_elements=["tenant"], set_=more))

    def drop(self, page: Page, tenant: TenantId) -> None:
        page.put(delete(rows.template).where(rows.template.c.tenant == tenant))
        page.scrub()


def _standing(kind: ConsentKind) -> Select[Any]:
    """Select whoever agreed to a thing and still does."""
    return select(rows.consent.c.tenant).where(
        rows.consent.c.kind == kind.value, rows.consent.c.withdrawn_at.is_(None)
    )
