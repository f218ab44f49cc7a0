"""Notes on deliveries, on the ledger."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from cloud_sync.adapters import rows
from cloud_sync.model import (
    SETTLED,
    Delivery,
    DeliveryState,
    SyncStatus,
    UnknownDelivery,
)
from enrolment.model.leases import RegistrationId
from ledger.book import Book, Page
from ledger.ids import TenantId

NAMED = ["registration", "version", "profile"]
NO_MORE = [each.value for each in SETTLED]


@dataclass(frozen=True, slots=True)
class LedgerDeliveries:
    """Fulfils Deliveries, and enrolment's Duties."""

    book: Book

    def put(self, page: Page, delivery: Delivery) -> None:
        values = {**asdict(delivery), "state": delivery.state.value}
        statement = upsert(rows.delivery).values(values)
        page.put(statement.on_conflict_do_update(index_elements=NAMED, set_=values))

    async def last(self, profile: str) -> int:
        query = select(func.max(rows.delivery.c.sequence)).where(
            rows.delivery.c.profile == profile
        )
        return await self.book.read(lambda c: c.execute(query).scalar() or 0)

    async def unsettled(self, profile: str) -> Sequence[Delivery]:
        query = select(rows.delivery).where(
            rows.delivery.c.profile == profile,
            rows.delivery.c.state.notin_(NO_MORE),
        )
        return await self._all(query)

    async def find(
        self, registration: RegistrationId, version: int, profile: str
    ) -> Delivery:
        query = select(rows.delivery).where(
            rows.delivery.c.registration == registration,
            rows.delivery.c.version == version,
            rows.delivery.c.profile == profile,
        )
        found = await self._all(query)
        if not found:
            raise UnknownDelivery("there is no such delivery; see `lodge sync show`")
        return found[0]

    async def of(self, tenant: TenantId) -> Sequence[Delivery]:
        query = select(rows.delivery).where(rows.delivery.c.tenant == tenant)
        return await self._all(query.order_by(rows.delivery.c.sequence))

    async def open(self, tenant: TenantId, versions: int) -> bool:
        """Say whether a registry still has to be told of one of so many versions."""
        told = [each for each in await self.of(tenant) if each.state in SETTLED]
        return len(told) < versions

    async def _all(self, query: Select[Any]) -> Sequence[Delivery]:
        found = await self.book.read(lambda c: c.execute(query).all())
        return [_delivery(row) for row in found]


def status(connection: Connection, now: datetime) -> SyncStatus:
    """Count the deliveries by state, from an open snapshot."""
    state = rows.delivery.c.state
    counted = connection.execute(select(state, func.count()).group_by(state))
    counts: dict[str, int] = {name: count for name, count in counted}  # noqa: C416
    oldest = connection.execute(
        select(func.min(rows.delivery.c.noted_at)).where(state.notin_(NO_MORE))
    ).scalar()
    return SyncStatus(
        **{each.value: counts.get(each.value, 0) for each in DeliveryState},
        oldest_seconds=(now - oldest).total_seconds() if oldest else None,
    )


def every(connection: Connection) -> Sequence[Delivery]:
    """List all deliveries in the register's order, from an open snapshot."""
    query = select(rows.delivery).order_by(rows.delivery.c.sequence)
    return [_delivery(row) for row in connection.execute(query)]


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.sequence,
        RegistrationId(row.registration),
        row.version,
        TenantId(row.tenant),
        row.profile,
        row.noted_at,
        DeliveryState(row.state),
        row.tries,
        row.due,
        row.reason,
        row.receipt,
    )
