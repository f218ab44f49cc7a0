"""Who was told what of a person, and what he asked, on the ledger."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from enrolment.adapters import rows
from enrolment.adapters.people import LedgerPeople, seal_person, unseal_person
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import LeaseId
from enrolment.model.rights import (
    Basis,
    Disclosure,
    Farewell,
    RequestId,
    RequestKind,
    RightsRequest,
)
from ledger.book import Book, Page
from ledger.errors import Conflict, Erased
from ledger.ids import TenantId
from ledger.keys import KeyClass, TenantKey


@dataclass(frozen=True, slots=True)
class LedgerRights:
    """Fulfils RightsBook; what people wrote lies under their own keys."""

    book: Book
    people: LedgerPeople

    def disclose(self, page: Page, disclosure: Disclosure) -> None:
        page.put(
            insert(rows.disclosure).values(
                tenant=disclosure.tenant,
                at=disclosure.at,
                to=disclosure.to,
                fields=disclosure.fields,
                basis=disclosure.basis.value,
                purpose=disclosure.purpose,
            )
        )

    async def disclosures(self, tenant: TenantId) -> Sequence[Disclosure]:
        query = select(rows.disclosure).where(rows.disclosure.c.tenant == tenant)
        found = await self.book.read(lambda c: c.execute(query).all())
        return [
            Disclosure(
                tenant, row.at, row.to, row.fields, Basis(row.basis), row.purpose
            )
            for row in found
        ]

    async def put(self, page: Page, request: RightsRequest) -> None:
        key = await self.people.key(request.tenant)
        values = {
            "id": request.id,
            "tenant": request.tenant,
            "lease": request.lease,
            "kind": request.kind.value,
            "text": _sealed(key, request.text),
            "at": request.at,
            "due": request.due,
            "granted": request.granted,
            "answer": _sealed(key, request.answer),
            "answered_at": request.answered_at,
            "proposed": request.proposed and seal_person(key, request.proposed),
        }
        page.put(insert(rows.rights_request).values(values))

    async def answer(self, page: Page, request: RightsRequest) -> None:
        key = await self.people.key(request.tenant)
        open_ = rows.rights_request.c.id == request.id
        statement = (
            update(rows.rights_request)
            .where(open_, rows.rights_request.c.answered_at.is_(None))
            .values(
                granted=request.granted,
                answer=_sealed(key, request.answer),
                answered_at=request.answered_at,
            )
        )

        def act(connection: Connection) -> None:
            if connection.execute(statement).rowcount != 1:
                raise Conflict("this was answered already")

        page.check(act)

    async def find(self, request: RequestId) -> RightsRequest:
        found = await self._all(rows.rights_request.c.id == request)
        if not found:
            raise OutOfTurn("there is no such request")
        return found[0]

    async def requests(self, lease: LeaseId) -> Sequence[RightsRequest]:
        return await self._all(rows.rights_request.c.lease == lease)

    def part(self, page: Page, farewell: Farewell, *, first: bool = False) -> None:
        values, of = asdict(farewell), ["lease"]
        put = upsert(rows.farewell).values(values)
        newest = put.on_conflict_do_update(index_elements=of, set_=values)
        page.put(put.on_conflict_do_nothing(index_elements=of) if first else newest)

    def only(self, page: Page, lease: LeaseId, known: Collection[RequestId]) -> None:
        table = rows.rights_request.c
        more = select(table.id).where(table.lease == lease, table.id.notin_(known))

        def act(connection: Connection) -> None:
            if connection.execute(more).first() is not None:
                raise Conflict("he asked something a moment ago")

        page.check(act)

    async def parted(self, code: bytes) -> Farewell | None:
        found = await self._farewells(rows.farewell.c.code == code)
        return found[0] if found else None

    async def farewell(self, lease: LeaseId) -> Farewell | None:
        found = await self._farewells(rows.farewell.c.lease == lease)
        return found[0] if found else None

    async def over(self, now: datetime) -> Sequence[Farewell]:
        return await self._farewells(rows.farewell.c.until <= now)

    def forget(self, page: Page, farewell: Farewell) -> None:
        page.put(delete(rows.farewell).where(rows.farewell.c.lease == farewell.lease))

    async def _farewells(self, which: ColumnElement[bool]) -> Sequence[Farewell]:
        query = select(rows.farewell).where(which)
        found = await self.book.read(lambda c: c.execute(query).all())
        return [Farewell(LeaseId(row.lease), row.code, row.until) for row in found]

    async def _all(self, which: ColumnElement[bool]) -> Sequence[RightsRequest]:
        query = select(rows.rights_request).where(which)
        ordered = query.order_by(rows.rights_request.c.at)
        found = await self.book.read(lambda c: c.execute(ordered).all())
        return [_request(row, await self._key(TenantId(row.tenant))) for row in found]

    async def _key(self, tenant: TenantId) -> TenantKey | None:
        try:
            return await self.people.key(tenant)
        except Erased:
            return None


def _sealed(key: TenantKey, text: str) -> bytes:
    return key.seal(KeyClass.PERSON, "request", text.encode())


def _request(row: Row[Any], key: TenantKey | None) -> RightsRequest:
    text, answer = (
        key.unseal(KeyClass.PERSON, "request", each).decode() if key else ""
        for each in (row.text, row.answer)
    )
    return RightsRequest(
        RequestId(row.id),
        TenantId(row.tenant),
        LeaseId(row.lease),
        RequestKind(row.kind),
        row.at,
        row.due,
        text,
        row.granted,
        answer,
        row.answered_at,
        unseal_person(key, row.proposed) if key and row.proposed else None,
    )
