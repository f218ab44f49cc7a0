"""Who was told what of a person, and what he asked, on the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from enrolment.adapters import rows
from enrolment.adapters.people import LedgerPeople
from enrolment.model.errors import OutOfTurn
from enrolment.model.leases import LeaseId
from enrolment.model.rights import (
    Basis,
    Disclosure,
    RequestId,
    RequestKind,
    RightsRequest,
)
from ledger.book import Book, Page
from ledger.errors import Conflict
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

    async def requests(self, tenant: TenantId) -> Sequence[RightsRequest]:
        return await self._all(rows.rights_request.c.tenant == tenant)

    async def _all(self, which: ColumnElement[bool]) -> Sequence[RightsRequest]:
        query = select(rows.rights_request).where(which)
        ordered = query.order_by(rows.rights_request.c.at)
        found = await self.book.read(lambda c: c.execute(ordered).all())
        return [
            _request(row, await self.people.key(TenantId(row.tenant))) for row in found
        ]


def _sealed(key: TenantKey, text: str) -> bytes:
    return key.seal(KeyClass.PERSON, "request", text.encode())


def _request(row: Row[Any], key: TenantKey) -> RightsRequest:
    text, answer = (
        key.unseal(KeyClass.PERSON, "request", each).decode()
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
    )
